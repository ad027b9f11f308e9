"""Settles which of the values that a job printed are its curve: one value for each step."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.readers.natural import natural
from esim.readers.text.index_forms import MARKED, StepForm, indexes
from esim.readers.text.log_text import EXAMPLE_LENGTH, Emissions
from esim.study import Float64, Int64

_HOST = re.compile(
    r"host=(algo-\d{1,9})"
    r"|(?<!mean )(?<!Mean )(?<!dian )(?<!avg )(?<!rage )\b[Rr]ank[ =:_]{0,3}(\d{1,4})\b(?![.]?\d)"
)
_BEST = re.compile(r"(?i)\b(?:best|final)\b[^,|;()\d]{0,40}$")
# What separates the parts of a line, each of which is a value behind its label.
# The SageMaker SDK joins its line on the uploaded model to the line after it.
_PART = re.compile(r"[0-9]|#011|\t| - |[,|;]|generated training model")
_LETTERS = re.compile(r"[A-Za-z_][A-Za-z_/-]*")
FOLD_MEAN_TOLERANCE = 1.5e-5  # XGBoost prints means with five decimals


@dataclass(frozen=True)
class AlignedCurve:
    """A job's R reports, each with its step.

    Attributes:
        steps: int64 [R], rising.
        values: float64 [R].
        times: float64 [R], seconds since 1970 UTC, NaN where unknown.
        last: the value of the last emission, even if it is no report; NaN if there is none.
        dropped: why emissions are no reports (codes of `FATES`), and how many for each reason.
        evidence: for each of these reasons the first such line, ``path:line: text``.
        hosts: the hosts that printed the emissions, where there are several.
        fractional: whether the indices are fractions of epochs, so that step n is the n-th of them.
        stages: how often training began again from epoch 1 after it had reached its end; the epochs
            are counted on.
    """

    steps: Int64
    values: Float64
    times: Float64
    last: float
    dropped: Mapping[str, int] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    fractional: bool = False
    stages: int = 0


# What becomes of an emission: it is kept as a report, or is dropped for a reason that a note names.
FATES = (
    "kept",
    "emissions_without_index",
    "duplicate_lines",
    "best_line_repeated",
    "per_batch_lines",
    "restarts",
    "epochs_backwards",
    "summary_lines",
    "refreshed_lines",
    "several_values",
    "best_lines",
    "k_fold",
)
KEPT, WITHOUT, DUPLICATE, REPEATED, PER_BATCH, RESTART = range(6)
BACKWARDS, SUMMARY, REFRESHED, SEVERAL, BEST, FOLD = range(6, len(FATES))


@dataclass(frozen=True)
class _Values:
    """The E emissions of a job in the order of time.

    Attributes:
        values, times: float64 [E].
        steps: float64 [E], the index, NaN where there is none; 0 where lines have no index.
        hosts: int64 [E], numbers of hosts in natural order.
        line: int64 [E], numbers of the lines that hold them.
        printed: int64 [E], numbers of the printed lines of which those are refreshes.
        totals: int64 [E], how many epochs there are to be, 0 where that is not said.
        where: int64 [E], the position among the job's emissions in the order of its texts.
    """

    values: Float64
    times: Float64
    steps: Float64
    hosts: Int64
    line: Int64
    printed: Int64
    totals: Int64
    where: Int64


def align(job: Sequence[Emissions], form: StepForm | None) -> AlignedCurve:
    """The curve of a job.

    Of several emissions of one step the last one counts: it is the last refresh of a line or the
    last batch of an epoch, or was printed after a restart.

    Args:
        job: the emissions of each of its texts.
        form: how lines name their step; None numbers the emissions from 1.
    """
    texts = sorted((text for text in job if text.messages), key=lambda t: t.printer.started)
    every, names = _in_time(texts, form)
    if not len(every.values):
        nothing = np.zeros(0)
        return AlignedCurve(np.zeros(0, dtype=np.int64), nothing, nothing, math.nan)
    fate = np.zeros(len(every.values), dtype=np.int8)
    fate[_other_labels(texts, every)] = SEVERAL
    _settle_refreshes(fate, every, form)
    steps, fractional = _whole(every.steps, alone=len(texts) == 1)
    _settle_best(fate, _of_the_best(texts)[every.where], steps, every.values, form)
    folds = None
    stages = 0
    if form is None:
        _settle_unnumbered(fate, every)
    else:
        fate[steps < 0] = WITHOUT
        _settle_hosts(fate, steps, every.hosts)
        kept = np.flatnonzero(fate == KEPT)
        if form is MARKED:
            stages = _count_on(steps, kept, every.totals)
        told = texts[0].folds if len(texts) == 1 else 0
        begun = np.concatenate([_starts(text) for text in texts])[every.where[kept]]
        folds = _folds(steps[kept], every.values[kept], told, begun)
        if folds is None:
            _settle_steps(fate, steps, every.values, form)
    kept = np.flatnonzero(fate == KEPT)
    if folds is not None:
        own_steps, values, last_of = folds
        times = every.times[kept[last_of]]
        fate[kept] = FOLD
    else:
        if form is None:
            steps[kept] = np.arange(1, len(kept) + 1)
        else:
            kept = kept[np.argsort(steps[kept], kind="stable")]
        own_steps, values, times = steps[kept], every.values[kept], every.times[kept]
    dropped: dict[str, int] = {}
    evidence: dict[str, str] = {}
    for code, name in enumerate(FATES):
        those = np.flatnonzero(fate == code)
        if code != KEPT and len(those):
            dropped[name] = len(those)
            evidence[name] = _place(texts, int(every.where[those[0]]))
    last = float(every.values[-1])
    return AlignedCurve(
        own_steps, values, times, last, dropped, evidence, names, fractional, stages
    )


def _in_time(texts: Sequence[Emissions], form: StepForm | None) -> tuple[_Values, tuple[str, ...]]:
    """The emissions of all texts of a job in the order of time, and the hosts if there are several.

    Exports may be unsorted. Where times only fall, the newest line stands first, also among lines
    of one time.
    """
    none = np.zeros(0)
    values = np.concatenate([none, *(text.values for text in texts)])
    times = np.concatenate([none, *(text.times for text in texts)])
    indexed = [np.zeros(len(t.values)) if form is None else indexes(t, form) for t in texts]
    hosts, names = _hosts(texts)
    every = _Values(
        values,
        times,
        np.concatenate([none, *indexed]),
        hosts,
        _numbered([text.rows for text in texts]),
        _numbered([text.printed for text in texts]),
        np.concatenate([np.zeros(0, dtype=np.int64), *map(_totals, texts)]),
        np.arange(len(values)),
    )
    ahead = np.diff(times)
    if np.isnan(times).any() or not (ahead < 0).any():
        return every, names
    order = np.argsort(times, kind="stable")
    if not (ahead > 0).any():
        order = np.argsort(-every.line, kind="stable")
    return _Values(*(column[order] for column in vars(every).values())), names


def _totals(text: Emissions) -> Int64:
    return np.zeros(len(text.values), dtype=np.int64) if text.totals is None else text.totals


def _starts(text: Emissions) -> Int64:
    return np.zeros(len(text.values), dtype=np.int64) if text.starts is None else text.starts


def _of_the_best(texts: Sequence[Emissions]) -> NDArray[np.bool_]:
    """bool [E]: which emissions are labelled as the best so far, or as final.

    In the order of the texts.
    """
    found: list[bool] = []
    for text in texts:
        for message, at in zip(text.messages, text.at.tolist(), strict=True):
            ahead = message[max(0, at - 80) : at]  # a line of many values is not searched for each
            quick = "est" in ahead or "inal" in ahead
            found.append(quick and _BEST.search(ahead) is not None)
    return np.array(found, dtype=np.bool_)


def _numbered(parts: Sequence[Int64]) -> Int64:
    """int64: the numbers of several texts, so that those of different texts differ."""
    offset, found = 0, [np.zeros(0, dtype=np.int64)]
    for part in parts:
        found.append(part + offset)
        offset += int(part[-1]) + 1 if len(part) else 0
    return np.concatenate(found)


def _hosts(texts: Sequence[Emissions]) -> tuple[Int64, tuple[str, ...]]:
    """int64 [E]: the host that printed each emission, numbered in natural order; their names.

    The number is 0 and there are no names if it is unknown or only one.
    """
    names: list[str] = []
    for text in texts:
        names += _named_hosts(text)
    known = sorted(set(names), key=natural)
    if len(known) < 2:
        return np.zeros(len(names), dtype=np.int64), ()
    number = {name: i for i, name in enumerate(known)}
    return np.array([number[name] for name in names], dtype=np.int64), tuple(known)


def _named_hosts(text: Emissions) -> list[str]:
    """The host that stands nearest to each value; the printer's host where a line names none."""
    messages, own = text.messages, text.printer.host
    shared = np.flatnonzero(np.diff(text.rows, prepend=-1))
    if len(shared) < len(messages):  # a line of several values may name several hosts
        names: list[str] = []
        for row, stop in pairwise([*shared.tolist(), len(messages)]):
            every = list(_HOST.finditer(messages[row]))
            begins = np.array([match.start() for match in every])
            before = np.searchsorted(begins, text.at[row:stop]) - 1
            names += [_host_in(every[max(0, i)] if every else None, own) for i in before.tolist()]
        return names
    first = _HOST.search(messages[0])
    if first is None:
        return [own] * len(messages)
    joined = "\n".join(messages)
    shown = messages[0][first.start() : first.end() + 1]
    kind = shown[: first.start(first.lastindex or 0) - first.start()]
    if joined.count(shown) == joined.count(kind) == len(messages):
        return [_host_in(first, own)] * len(messages)  # nearly always
    return [_host_in(_HOST.search(message), own) for message in messages]


def _host_in(match: re.Match[str] | None, own: str) -> str:
    if match is None:
        return own
    return str(match[1]) if match[1] else f"rank {match[2]}"


def _settle_best(
    fate: NDArray[np.int8], best: NDArray[np.bool_], steps: Int64, values: Float64, form: Any
) -> None:
    """What is labelled as the best so far, or as final, is no value of its own.

    It is one where its epoch has no other; without an index, where nothing has said it before.
    """
    for i in np.flatnonzero(best & (fate == KEPT)).tolist():
        if form is None:
            others = values[:i][~best[:i]]
            fate[i] = BEST if bool(_same(others, values[i]).any()) else KEPT
        elif bool(((steps == steps[i]) & ~best).any()):
            fate[i] = BEST


def _whole(indexed: Float64, alone: bool = True) -> tuple[Int64, bool]:
    """int64 [E]: whole steps, -1 where there is no index; whether the indices are fractions.

    Fractions of epochs are numbered in rising order from 1.

    Args:
        indexed: float64 [E], NaN where there is no index.
        alone: whether all stand in one text, so that none is said again behind a restart.
    """
    known = ~np.isnan(indexed)
    steps = np.full(len(indexed), -1, dtype=np.int64)
    fractional = bool((indexed[known] != np.floor(indexed[known])).any())
    if fractional:
        order = indexed[known]
        steps[known] = np.unique(order, return_inverse=True)[1] + 1
        again = np.flatnonzero(np.diff(order) == 0) + 1
        # Rounded fractions: several evaluations say the same epoch, and not only the last one.
        if alone and len(again) and (np.diff(order) >= 0).all() and order[again[0]] < order[-1]:
            steps[known] = np.arange(1, len(order) + 1)
    else:
        steps[known] = indexed[known].astype(np.int64)
    return steps, fractional


def _other_labels(texts: Sequence[Emissions], every: _Values) -> Int64:
    """int64: emissions that stand on the line of another one of the step, under another label.

    A regex such as ``loss: (...)`` takes both values of ``loss: 0.9 - val_loss: 0.5``. The shortest
    label counts if the others end with it, else the first.
    """
    order = np.argsort(every.where)
    line, steps = every.line[order], every.steps[order]
    shared = np.flatnonzero(np.diff(line) == 0)
    if not len(shared):
        return np.zeros(0, dtype=np.int64)
    places = [(text, i) for text in texts for i in range(len(text.messages))]
    others: list[int] = []
    for number in dict.fromkeys(line[shared].tolist()):
        first, stop = np.searchsorted(line, [number, number + 1]).tolist()
        by_step: dict[float, list[tuple[int, str]]] = {}
        for i in range(first, stop):
            text, at = places[i]
            label = label_of(text.messages[at], int(text.at[at]))
            step = -1.0 if math.isnan(steps[i]) else float(steps[i])
            by_step.setdefault(step, []).append((i, label))
        for group in by_step.values():
            labels = [label for _, label in group]
            short = min(labels, key=len)
            counts = short if all(label.endswith(short) for label in labels) else labels[0]
            others += [i for i, label in group if label != counts]
    position = np.empty(len(order), dtype=np.int64)
    position[every.where] = np.arange(len(order))
    return position[np.array(others, dtype=np.int64)]


def label_of(message: str, at: int) -> str:
    """The words in front of a value, back to the value or separator before it.

    >>> label_of("epoch 3: train loss: 0.5", 21)
    'train loss'
    """
    before = message[max(0, at - 80) : at].rstrip("+-.")
    return " ".join(_LETTERS.findall(_PART.split(before)[-1]))


def _settle_refreshes(fate: NDArray[np.int8], every: _Values, form: StepForm | None) -> None:
    """Of the refreshes of a line only the last one of a step counts."""
    refreshed = (np.diff(every.printed) == 0) & (np.diff(every.line) != 0)
    if not refreshed.any():
        return
    last: dict[tuple[int, float], int] = {}
    keys = list(zip(every.printed.tolist(), every.steps.tolist(), strict=True))
    lines = every.line.tolist()
    for i in np.flatnonzero(fate == KEPT).tolist():
        last[keys[i]] = lines[i]
    for i in np.flatnonzero(fate == KEPT).tolist():
        if last[keys[i]] != lines[i]:
            fate[i] = REFRESHED


def _settle_unnumbered(fate: NDArray[np.int8], every: _Values) -> None:
    """Without an index, only the host that printed the most values counts, and no doubled line."""
    if every.hosts.any():
        counts = np.bincount(every.hosts[fate == KEPT])
        fate[(every.hosts != counts.argmax()) & (fate == KEPT)] = DUPLICATE
    left = np.flatnonzero(fate == KEPT)
    first, second = every.values[left[::2]], every.values[left[1::2]]
    doubled = len(first) == len(second) > 1 and bool(_same(first, second).all())
    # Every value is printed twice and the values differ: a doubled logger, not a plateau.
    if doubled and not _same(first[1:], first[:-1]).any():
        fate[left[1::2]] = DUPLICATE


def _settle_hosts(fate: NDArray[np.int8], steps: Int64, hosts: Int64) -> None:
    """For each step the first host that has it counts."""
    if not hosts.any():
        return
    lowest: dict[int, int] = {}
    left = np.flatnonzero(fate == KEPT).tolist()
    for i in left:
        step, host = int(steps[i]), int(hosts[i])
        lowest[step] = min(host, lowest.get(step, host))
    for i in left:
        if hosts[i] != lowest[int(steps[i])]:
            fate[i] = DUPLICATE


def _count_on(steps: Int64, kept: Int64, totals: Int64) -> int:
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


def runs_of(steps: Int64) -> list[slice]:
    """The parts of a sequence of steps in which they do not fall."""
    starts = [0, *(np.flatnonzero(np.diff(steps) < 0) + 1).tolist(), len(steps)]
    return [slice(first, stop) for first, stop in pairwise(starts)]


def _folds(
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
    whole, tail = runs, runs[-1]
    if tail.stop - tail.start > 1:
        ends = [run.stop - 1 for run in runs[:-1]] + [tail.stop - 2]
        mean = float(np.mean(values[ends]))
        near = abs(mean - values[-1]) <= FOLD_MEAN_TOLERANCE * max(1.0, abs(mean))
        if (
            near
            and np.ptp(values[ends]) > 0
            and (_all_begin_and_rise(steps, [*runs[:-1], slice(tail.start, tail.stop - 1)]))
        ):
            alike = (
                len({run.stop - run.start for run in runs[:-1]} | {tail.stop - tail.start - 1}) == 1
            )
            if alike or len(runs) > 2:
                whole = [*runs[:-1], slice(tail.start, tail.stop - 1)]
                told = len(whole)
    if told != len(whole) or not _all_begin_and_rise(steps, whole):
        return None
    shortest = min(run.stop - run.start for run in whole)
    table = np.array([values[run.start : run.start + shortest] for run in whole])
    last = whole[-1]
    own = steps[last.start : last.start + shortest]
    if any((steps[run.start : run.start + shortest] != own).any() for run in whole):
        return None
    return own, table.mean(axis=0), list(range(last.start, last.start + shortest))


def _all_begin_and_rise(steps: Int64, runs: Sequence[slice]) -> bool:
    """Whether all runs begin with the same step and have each step once."""
    return all(
        steps[run.start] == steps[0] and bool((np.diff(steps[run]) > 0).all()) for run in runs
    )


def runs_apart(job: Sequence[Emissions], form: StepForm | None) -> list[Emissions] | None:
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
    steps, _ = _whole(indexes(text, form))
    kept = np.flatnonzero(steps >= 0)
    if len(kept) < 2 or _hosts(texts)[1]:
        return None
    own = steps[kept]
    if _folds(own, text.values[kept], text.folds, starts[kept]) is not None:
        return None
    runs = runs_of(own)
    if len(runs) < 2:
        return None
    if form is MARKED and _count_on(steps.copy(), kept, _totals(text)):
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
        run.stop - run.start >= len(last) and bool(_same(values[run][: len(last)], last).all())
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


def _settle_steps(fate: NDArray[np.int8], steps: Int64, values: Float64, form: StepForm) -> None:
    """Decide which emissions count where several have one step, or steps do not rise.

    Args:
        fate: int8 [E], as far as it is known; it is changed.
        steps: int64 [E], in the order of time; -1 where there is no index.
        values: float64 [E].
        form: how lines name their step.
    """
    left = np.flatnonzero(fate == KEPT)
    extra = _behind_the_last(steps[left])
    if extra and (form is MARKED or _said_before(values[left], extra)):
        fate[left[len(left) - extra :]] = SUMMARY
        left = left[: len(left) - extra]
    if (np.diff(steps[left]) > 0).all():
        return
    _settle_repeats(fate, left, steps, values)


def _said_before(values: Float64, extra: int) -> bool:
    """Whether the last values are those of an earlier step than the last, as of the best model.

    Otherwise the last step may have been run again behind a restart.
    """
    own = values[-1 - extra]
    return all(
        bool(np.isclose(values[: -1 - extra], value, rtol=1e-4, atol=0).any())
        and not _same(own, value)
        for value in values[-extra:]
    )


def _behind_the_last(steps: Int64) -> int:
    """How many more emissions the last step has than the others, of which each has one; else 0.

    Such emissions are a closing evaluation that is printed after the last epoch.

    Args:
        steps: int64 [K], in the order of time.
    """
    if (np.diff(steps) < 0).any():
        return 0
    counts = np.unique(steps, return_counts=True)[1]
    if len(counts) < 2 or (counts[:-1] != 1).any():
        return 0
    return max(0, int(counts[-1] - counts[0]))


def _settle_repeats(fate: NDArray[np.int8], left: Int64, steps: Int64, values: Float64) -> None:
    """Decide which emissions count where steps do not rise: repeats, restarts, steps backwards.

    Args:
        fate: int8 [E], as far as it is known; it is changed.
        left: the positions of the emissions that are kept so far.
        steps, values: [E].
    """
    at: dict[int, int] = {}
    furthest = -1
    for part in runs_of(steps[left]):
        run = left[part].tolist()
        back = int(steps[run[0]]) < furthest
        news = [i for i in run if not _said(at, steps, values, i)]
        onward = int(steps[run[-1]]) > furthest
        if back and not news and not onward:
            fate[run] = REPEATED  # the line of the best step, printed again at the end
            continue
        for i in run:
            step = int(steps[i])
            if step in at:
                before = at[step]
                if before >= run[0] or not back:
                    same = bool(_same(values[before], values[i]))
                    fate[before] = DUPLICATE if same else PER_BATCH
                else:
                    fate[before] = RESTART if onward else BACKWARDS
            at[step] = i
        furthest = max(furthest, int(steps[run[-1]]))


def _said(at: Mapping[int, int], steps: Int64, values: Float64, i: int) -> bool:
    """Whether emission i has the step and the value of one before it.

    Args:
        at: step -> the position of its last emission.
    """
    before = at.get(int(steps[i]))
    return before is not None and bool(_same(values[before], values[i]))


def _same(a: Any, b: Any) -> Any:
    """Whether values are equal; NaN equals NaN."""
    return (a == b) | ((a != a) & (b != b))


def _place(texts: Sequence[Emissions], at: int) -> str:
    """The emission at a position as ``path:line: text``."""
    for text in texts:
        if at < len(text.messages):
            return f"{text.where}:{text.lines[at]}: {text.messages[at][:EXAMPLE_LENGTH]}"
        at -= len(text.messages)
    raise IndexError(at)
