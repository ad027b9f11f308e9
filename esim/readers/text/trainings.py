"""Several trainings in one text: folds of a cross-validation, stages, jobs without names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from esim.readers.text.hosts import hosts_of
from esim.readers.text.index_forms import MARKED, StepForm, indexes, steps_of
from esim.readers.text.log_text import Emissions
from esim.study import Float64, Int64

FOLD_MEAN_TOLERANCE = 1.5e-5  # XGBoost prints means with five decimals


def runs_of(steps: Int64) -> list[slice]:
    """The parts of a sequence of steps in which they do not fall."""
    starts = [0, *(np.flatnonzero(np.diff(steps) < 0) + 1).tolist(), len(steps)]
    return [slice(first, stop) for first, stop in pairwise(starts)]


def mean_of_folds(
    steps: Int64, values: Float64, told: int, starts: Int64
) -> tuple[Int64, Float64, list[int]] | None:
    """The mean curve over the folds of a cross-validation; None if the values are of none.

    The folds are trained one after another, each from the first step on. That they are folds is
    known where the text speaks of them, or where a last line gives the mean of their last values,
    as SageMaker's XGBoost prints it.

    Args:
        steps, values: [K], in the order of time.
        told: how many folds the text speaks of; 0 if of none.
        starts: int64 [K], how often a program had started: folds are trained by one.

    Returns:
        The steps that all folds have; the means; the position of each step in the last fold.
    """
    runs = runs_of(steps)
    if len(runs) < 2 or starts[0] != starts[-1]:
        return None
    whole = runs
    before_last = [*runs[:-1], slice(runs[-1].start, runs[-1].stop - 1)]
    if _says_the_mean(steps, values, before_last):
        whole, told = before_last, len(runs)
    if told != len(whole) or not _all_begin_and_rise(steps, whole):
        return None
    shortest = min(run.stop - run.start for run in whole)
    table = np.array([values[run.start : run.start + shortest] for run in whole])
    last = whole[-1]
    own = steps[last.start : last.start + shortest]
    if any((steps[run.start : run.start + shortest] != own).any() for run in whole):
        return None
    return own, table.mean(axis=0), list(range(last.start, last.start + shortest))


def _says_the_mean(steps: Int64, values: Float64, folds: Sequence[slice]) -> bool:
    """Whether the value behind the last of some folds is the mean of the last values of all.

    Two folds must be of one length, because such a mean may be a coincidence.
    """
    lengths = {fold.stop - fold.start for fold in folds}
    if 0 in lengths or (len(lengths) > 1 and len(folds) < 3):
        return False
    ends = values[[fold.stop - 1 for fold in folds]]
    mean = float(np.mean(ends))
    near = abs(mean - values[folds[-1].stop]) <= FOLD_MEAN_TOLERANCE * max(1.0, abs(mean))
    return bool(near and np.ptp(ends) > 0) and _all_begin_and_rise(steps, folds)


def _all_begin_and_rise(steps: Int64, runs: Sequence[slice]) -> bool:
    """Whether all runs begin with the same step and have each step once."""
    return all(
        steps[run.start] == steps[0] and bool((np.diff(steps[run]) > 0).all()) for run in runs
    )


def trainings_apart(job: Sequence[Emissions], form: StepForm | None) -> list[Emissions] | None:
    """The emissions of each job in a text that nothing names, where it holds several.

    Jobs are told apart by the lines that a program prints as it starts, where the index begins
    again behind them. Without such lines, runs that all have the same steps are jobs of their own:
    a job that was restarted would not have reached the end before.

    Args:
        job: the emissions of the texts of what may be several jobs.
        form: how lines name their step.

    Returns:
        The emissions of each; None if it is one job.
    """
    texts = [text for text in job if text.messages]
    if len(texts) != 1 or texts[0].starts is None or texts[0].printer.job is not None:
        return None
    (text,) = texts
    starts = text.starts
    assert starts is not None
    if form is None:
        cuts = np.flatnonzero(np.diff(starts) > 0) + 1
        return _cut(text, cuts)
    steps, _ = steps_of(indexes(text, form))
    kept = np.flatnonzero(steps >= 0)
    if len(kept) < 2 or hosts_of(texts)[1]:
        return None
    own = steps[kept]
    if mean_of_folds(own, text.values[kept], text.folds, starts[kept]) is not None:
        return None
    runs = runs_of(own)
    if len(runs) < 2:
        return None
    if form is MARKED and count_on(steps.copy(), kept, totals_of(text)):
        return None
    again = [run for run in runs[1:] if own[run.start] <= own[0]]
    borders = [run.start for run in again if starts[kept[run.start]] > starts[kept[run.start - 1]]]
    if not borders and len(again) == len(runs) - 1 and not _is_repeated(text.values[kept], runs):
        alone = _are_alike(own, runs) or _are_of_one_program(text.rows[kept], runs)
        borders = [run.start for run in again] if alone else []
    return _cut(text, kept[np.array(borders, dtype=np.int64)])


def _is_repeated(values: Float64, runs: Sequence[slice]) -> bool:
    """Whether the last run says the values of another one again, as a summary at the end does."""
    last = values[runs[-1]]
    return any(
        run.stop - run.start >= len(last) and bool(same(values[run][: len(last)], last).all())
        for run in runs[:-1]
    )


def _are_of_one_program(rows: Int64, runs: Sequence[slice]) -> bool:
    """Whether the lines of each run follow those of the one before as closely as its own lines do.

    A job that is restarted prints other lines as it starts; a program that trains anew does not.
    """
    inside = [np.diff(rows[run]) for run in runs]
    usual = [float(np.median(gaps)) for gaps in inside if len(gaps)]
    between = [int(rows[b.start] - rows[a.stop - 1]) for a, b in pairwise(runs)]
    return bool(usual) and max(between) <= max(usual)


def _are_alike(steps: Int64, runs: Sequence[slice]) -> bool:
    """Whether runs of several steps all have the same first and last step."""
    return len(runs) > 1 and all(
        run.stop - run.start > 1
        and steps[run.start] == steps[0]
        and steps[run.stop - 1] == steps[runs[0].stop - 1] > steps[0]
        for run in runs
    )


def _cut(text: Emissions, cuts: Int64) -> list[Emissions] | None:
    """The parts of the emissions of a text between some positions; None if there is no cut."""
    if not len(cuts):
        return None
    bounds = [0, *cuts.tolist(), len(text.values)]
    return [_part(text, slice(first, stop)) for first, stop in pairwise(bounds)]


def _part(text: Emissions, rows: slice) -> Emissions:
    marks, starts, indexed = text.marks, text.starts, text.indexed
    return replace(
        text,
        values=text.values[rows],
        times=text.times[rows],
        messages=text.messages[rows],
        at=text.at[rows],
        lines=text.lines[rows],
        rows=text.rows[rows],
        printed=text.printed[rows],
        marks=None if marks is None else marks[rows],
        totals=None if text.totals is None else text.totals[rows],
        indexed=None if indexed is None else (indexed[0], indexed[1][rows]),
        starts=None if starts is None else starts[rows],
    )


def count_on(steps: Int64, kept: Int64, totals: Int64) -> int:
    """Count the epochs of each stage of training on from the one before; return how many there are.

    A stage is a run that reached the end that it had announced, before another one of another
    length began at epoch 1, as where a model is trained and then fine-tuned.

    Args:
        steps: int64 [E]; it is changed.
        kept: int64, the positions of the emissions that may count.
        totals: int64 [E], as in `_Values`.
    """
    if not len(kept):
        return 0
    runs = runs_of(steps[kept])
    ends = [kept[run.stop - 1] for run in runs]
    begins = [kept[run.start] for run in runs]
    whole = all(0 < steps[end] == totals[end] for end in ends[:-1])
    lengths = {int(totals[begin]) for begin in begins}
    if len(runs) < 2 or not whole or len(lengths) < 2 or any(steps[b] != 1 for b in begins):
        return 0
    offset = 0
    for run, end in zip(runs, ends, strict=True):
        reached = int(steps[end])
        steps[kept[run]] += offset
        offset += reached
    return len(runs)


def totals_of(text: Emissions) -> Int64:
    """int64 [E]: how many epochs there are to be, 0 where that is not said."""
    return np.zeros(len(text.values), dtype=np.int64) if text.totals is None else text.totals


def starts_of_programs(text: Emissions) -> Int64:
    """int64 [E]: how often a program had started before each emission."""
    return np.zeros(len(text.values), dtype=np.int64) if text.starts is None else text.starts


def same(a: Any, b: Any) -> Any:
    """Whether values are equal; NaN equals NaN."""
    return (a == b) | ((a != a) & (b != b))
