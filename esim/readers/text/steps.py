"""Settles which of the values that a job printed are its curve: one value for each step."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.readers.text.hosts import hosts_of
from esim.readers.text.index_forms import MARKED, StepForm, indexes, steps_of
from esim.readers.text.log_text import EXAMPLE_LENGTH, Emissions
from esim.readers.text.trainings import (
    count_on,
    mean_of_folds,
    runs_of,
    same,
    starts_of_programs,
    totals_of,
)
from esim.study import Float64, Int64

_BEST = re.compile(r"(?i)\b(?:best|final)\b[^,|;()\d]{0,40}$")
# What separates the parts of a line, each of which is a value behind its label.
# The SageMaker SDK joins its line on the uploaded model to the line after it.
_PART = re.compile(r"[0-9]|#011|\t| - |[,|;]|generated training model")
_LETTERS = re.compile(r"[A-Za-z_][A-Za-z_/-]*")


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
    steps, fractional = steps_of(every.steps, alone=len(texts) == 1)
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
            stages = count_on(steps, kept, every.totals)
        told = texts[0].folds if len(texts) == 1 else 0
        begun = np.concatenate([starts_of_programs(text) for text in texts])[every.where[kept]]
        folds = mean_of_folds(steps[kept], every.values[kept], told, begun)
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
    hosts, names = hosts_of(texts)
    every = _Values(
        values,
        times,
        np.concatenate([none, *indexed]),
        hosts,
        _numbered([text.rows for text in texts]),
        _numbered([text.printed for text in texts]),
        np.concatenate([np.zeros(0, dtype=np.int64), *map(totals_of, texts)]),
        np.arange(len(values)),
    )
    ahead = np.diff(times)
    if np.isnan(times).any() or not (ahead < 0).any():
        return every, names
    order = np.argsort(times, kind="stable")
    if not (ahead > 0).any():
        order = np.argsort(-every.line, kind="stable")
    return _Values(*(column[order] for column in vars(every).values())), names


def _of_the_best(texts: Sequence[Emissions]) -> NDArray[np.bool_]:
    """bool [E]: which emissions are labelled as the best so far, or as final.

    In the order of the texts.
    """
    found: list[bool] = []
    for text in texts:
        lines = np.flatnonzero(np.diff(text.rows, prepend=-1)).tolist()
        joined = "\n".join([text.messages[i] for i in lines])
        if "est" not in joined and "inal" not in joined:
            found += [False] * len(text.messages)
            continue
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


def _settle_best(
    fate: NDArray[np.int8], best: NDArray[np.bool_], steps: Int64, values: Float64, form: Any
) -> None:
    """What is labelled as the best so far, or as final, is no value of its own.

    It is one where its epoch has no other; without an index, where nothing has said it before.
    """
    for i in np.flatnonzero(best & (fate == KEPT)).tolist():
        if form is None:
            others = values[:i][~best[:i]]
            fate[i] = BEST if bool(same(others, values[i]).any()) else KEPT
        elif bool(((steps == steps[i]) & ~best).any()):
            fate[i] = BEST


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
    doubled = len(first) == len(second) > 1 and bool(same(first, second).all())
    # Every value is printed twice and the values differ: a doubled logger, not a plateau.
    if doubled and not same(first[1:], first[:-1]).any():
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
        and not same(own, value)
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
                    again = bool(same(values[before], values[i]))
                    fate[before] = DUPLICATE if again else PER_BATCH
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
    return before is not None and bool(same(values[before], values[i]))


def _place(texts: Sequence[Emissions], at: int) -> str:
    """The emission at a position as ``path:line: text``."""
    for text in texts:
        if at < len(text.messages):
            return f"{text.where}:{text.lines[at]}: {text.messages[at][:EXAMPLE_LENGTH]}"
        at -= len(text.messages)
    raise IndexError(at)
