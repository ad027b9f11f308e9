"""Gives the values that a job printed their steps: the index in the line, or their number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.readers.text.log_text import EXAMPLE_LENGTH, Emissions, LogText
from esim.study import Float64, Int64
from esim.study.first_step import FirstStep


@dataclass(frozen=True)
class StepForm:
    """A way in which lines name the index of their step.

    Attributes:
        name: how it looks, for notes.
        regex: its first group is the index.
        samples: lines of real logs and the index that a person reads in them, which tests check.
        first_step: what an index of 0 means, as in `esim.readers.formats.Format`.
    """

    name: str
    regex: re.Pattern[str]
    samples: tuple[tuple[str, int], ...]
    first_step: FirstStep | None = None


# The word "epoch" in the cases in use. Because it starts with a class of characters `re` can skip
# to it, which is three times as fast as IGNORECASE or a word boundary in front; the look-behind
# serves as that boundary.
_EPOCH = r"[eE](?<!\w[eE])(?:poch|POCH)"

# The order matters: of two forms that are found in equally many lines the first one counts.
STEP_FORMS: tuple[StepForm, ...] = (
    StepForm(
        "[N]<tab>",
        re.compile(r"\[(\d+)\](?:#011|\t)"),
        (
            ("[0]#011train-rmse:19.374#011validation-rmse:20.5943", 0),
            ("[12]\ttrain-error:0.1\tvalidation-error:0.2", 12),
            ("[500]#011valid_0's multi_logloss: 0.2187", 500),
            ("Checkpoint [3]#011Validation-perplexity=41.250000", 3),
        ),
        "done",
    ),
    StepForm(
        "Epoch[N]",
        re.compile(_EPOCH + r"\s?\[(\d+)\]"),
        (("[09/14/2020 05:39:02 INFO 139869866030912] Epoch[3] Validation-accuracy=0.729", 3),),
        "done",
    ),
    StepForm(
        "epoch=N",
        re.compile(_EPOCH + r"\s*=\s*(\d+)(?!\.?\d)"),
        (
            ("#quality_metric: host=algo-1, epoch=0, validation mse_objective <loss>=88.19", 0),
            ("epoch=7 train_loss=0.5 val_accuracy=0.9", 7),
        ),
        "done",
    ),
    StepForm(
        "epoch: N",
        re.compile(_EPOCH + r"[\"']?\s*:\s*[\"']?(\d+)(?:\.0+)?(?!\.?\d)"),
        (
            ("{'eval_loss': '0.6288', 'eval_runtime': '0.0804', 'epoch': '2'}", 2),
            ("Train Epoch: 1 [0/60000 (0%)] Loss: 2.300039", 1),
            ("{'eval_loss': 0.79227, 'eval_runtime': 5.6424, 'epoch': 3.0}", 3),
            ('{"epoch": 4, "val_loss": 0.25}', 4),
        ),
    ),
    StepForm(
        "Epoch N/M",
        re.compile(_EPOCH + r"\s+\[?(\d+)\s*/\s*\d+"),
        (("Epoch 3/10 - loss: 0.7000 - val_loss: 0.25", 3), ("Epoch [5/20], Loss: 0.1", 5)),
    ),
    StepForm(
        "epoch N",
        re.compile(_EPOCH + r"\s+(\d+)(?!\.?\d)"),
        (("Epoch 3: val_loss 0.25", 3), ("after epoch 12, accuracy=0.5", 12)),
    ),
    StepForm(
        "global step N",
        re.compile(r"\bglobal[ _]step\s*[=:]?\s*(\d+)(?!\.?\d)", re.IGNORECASE),
        (("INFO:tensorflow:Saving dict for global step 500: accuracy = 0.91, loss = 0.3", 500),),
        "before",
    ),
    StepForm(
        "N, the first column",
        re.compile(r"^(\d+) {2,}\S"),
        (("3           0.763108                        0.0301222     ", 3),),
        "before",
    ),
    StepForm(
        "N:<tab>",
        re.compile(r"^(\d+):(?:#011|\t)"),
        (("12:\tlearn: 0.4310941\ttest: 0.4512345\tbest: 0.4512345 (12)\ttotal: 61.6ms", 12),),
        "done",
    ),
)

# The step is not in the metric's line: a line before it names the epoch (`Emissions.marks`).
MARKED = StepForm("the epoch line before", re.compile(r"(?!)()"), ())
# Keras prints "Epoch 3/10" when an epoch starts; PyTorch's examples print "Train Epoch: 3 [...]"
# during it.
_MARKS = (
    re.compile(rb"^[^\n]{0,60}?(?:\x1b\[[0-9;]*m|\b)Epoch (\d+)/\d+\b", re.MULTILINE),
    re.compile(rb"^[^\n]{0,60}?(?:\x1b\[[0-9;]*m|\b)Train Epoch: (\d+)\b", re.MULTILINE),
)
_SAMPLE = 2000  # messages from which the form is chosen
_HOST = re.compile(r"host=(algo-\d+)")
_STREAM_HOST = re.compile(r"\b(algo-\d+)-")


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
    """

    steps: Int64
    values: Float64
    times: Float64
    last: float
    dropped: Mapping[str, int] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)


def mark(text: LogText, found: Emissions) -> Emissions:
    """Add to emissions without an index the epoch that a line before each of them names.

    Args:
        text: the text that they were found in.
        found: the emissions.

    Returns:
        The emissions, with `marks` if their lines have no index and some line names an epoch.
    """
    if not found.messages or _form_of(found.messages[:1]) is not None:
        return found
    ends = np.flatnonzero(np.frombuffer(text.data, dtype=np.uint8) == ord("\n"))
    for regex in _MARKS:
        matches = [(m.start(1), int(m[1])) for m in regex.finditer(text.data)]
        if matches:
            at, epochs = (np.array(column, dtype=np.int64) for column in zip(*matches, strict=True))
            lines = np.searchsorted(ends, at)
            lines = lines + 1 if text.lines is None else text.lines[lines]
            before = np.searchsorted(lines, found.lines, side="right") - 1
            return replace(found, marks=np.where(before >= 0, epochs[before], -1))
    return found


def choose_form(jobs: Sequence[Sequence[Emissions]]) -> StepForm | None:
    """How the lines of a study name their step.

    Args:
        jobs: for each job, the emissions of each of its texts.

    Returns:
        The form that most lines have; None if no form is found in more than half of them.
    """
    texts = [text for job in jobs for text in job if text.messages]
    each = max(1, _SAMPLE // max(1, len(texts)))
    form = _form_of([message for text in texts for message in text.messages[:each]])
    if form is None and texts:
        marked = (text.marks is not None and bool((text.marks >= 0).all()) for text in texts)
        if all(marked):
            return MARKED
    return form


def _form_of(lines: Sequence[str]) -> StepForm | None:
    best: StepForm | None = None
    most = len(lines) // 2
    for form in STEP_FORMS:
        count = sum(form.regex.search(line) is not None for line in lines)
        if count > most:
            best, most = form, count
        if count == len(lines):
            break
    return best


def align(job: Sequence[Emissions], form: StepForm | None) -> AlignedCurve:
    """The curve of a job.

    Of several emissions of one step the last one counts: it is the last batch of an epoch, or was
    printed after a restart.

    Args:
        job: the emissions of each of its texts.
        form: how lines name their step; None numbers the emissions from 1.
    """
    texts = [text for text in job if text.messages]
    values = np.concatenate([np.zeros(0), *(text.values for text in texts)])
    times = np.concatenate([np.zeros(0), *(text.times for text in texts)])
    hosts = _hosts(texts)
    steps = _steps(texts, form)
    order = np.arange(len(values))
    if not np.isnan(times).any() and (np.diff(times) < 0).any():  # exports may be unsorted
        order = np.argsort(times, kind="stable")
    values, times, steps, hosts = values[order], times[order], steps[order], hosts[order]
    last = float(values[-1]) if len(values) else float("nan")
    fate = _fates(steps, values, hosts, form)
    kept = np.flatnonzero(fate == KEPT)
    if form is None:
        steps = np.zeros(len(values), dtype=np.int64)
        steps[kept] = np.arange(1, len(kept) + 1)
    else:
        kept = kept[np.argsort(steps[kept], kind="stable")]
    dropped: dict[str, int] = {}
    evidence: dict[str, str] = {}
    for code, name in enumerate(FATES):
        those = np.flatnonzero(fate == code)
        if code != KEPT and len(those):
            dropped[name] = len(those)
            evidence[name] = _place(texts, int(order[those[0]]))
    return AlignedCurve(steps[kept], values[kept], times[kept], last, dropped, evidence)


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
)
KEPT, WITHOUT, DUPLICATE, REPEATED, PER_BATCH, RESTART, BACKWARDS, SUMMARY = range(len(FATES))


def _steps(texts: Sequence[Emissions], form: StepForm | None) -> Int64:
    """int64 [E]: the index of each emission's step, -1 where it has none."""
    if form is None:
        return np.zeros(sum(len(text.messages) for text in texts), dtype=np.int64)
    if form is MARKED:
        marks = [text.marks for text in texts if text.marks is not None]
        return np.concatenate([np.zeros(0, dtype=np.int64), *marks])
    search = form.regex.search
    matches = [search(message) for text in texts for message in text.messages]
    return np.array([-1 if m is None else int(m[1]) for m in matches], dtype=np.int64)


def _hosts(texts: Sequence[Emissions]) -> Int64:
    """int64 [E]: the host that printed each emission, numbered by name; 0 if it is unknown."""
    names: list[str] = []
    for text in texts:
        stream = _STREAM_HOST.search(text.stream)
        names += _named_hosts(text.messages, stream[1] if stream else "")
    if len(set(names)) < 2:
        return np.zeros(len(names), dtype=np.int64)
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _named_hosts(messages: Sequence[str], own: str) -> list[str]:
    """The host that each message names; the stream's host where a message names none."""
    if "host=" not in messages[0]:
        return [own] * len(messages)
    told = set(_HOST.findall("\n".join(messages)))
    if len(told) == 1:  # nearly always, as only merged streams have several hosts
        (host,) = told
        if all(f"host={host}" in message for message in messages):
            return [host] * len(messages)
    found = (_HOST.search(message) for message in messages)
    return [match[1] if match else own for match in found]


def _fates(steps: Int64, values: Float64, hosts: Int64, form: StepForm | None) -> NDArray[np.int8]:
    """int8 [E]: what becomes of each emission, as a position in `FATES`.

    Args:
        steps: int64 [E], in the order of time; -1 where there is no index.
        values: float64 [E].
        hosts: int64 [E], numbers of hosts.
        form: how lines name their step; None if they do not.
    """
    fate = np.zeros(len(steps), dtype=np.int8)
    if form is None:
        if hosts.any():  # only the host that printed the most values counts
            fate[hosts != np.bincount(hosts).argmax()] = DUPLICATE
        left = np.flatnonzero(fate == KEPT)
        first, second = values[left[::2]], values[left[1::2]]
        doubled = len(first) == len(second) > 1 and bool(_same(first, second).all())
        # Every value is printed twice and the values differ: a doubled logger, not a plateau.
        if doubled and not _same(first[1:], first[:-1]).any():
            fate[left[1::2]] = DUPLICATE
        return fate
    fate[steps < 0] = WITHOUT
    if hosts.any():  # for each step the first host that has it counts
        lowest: dict[int, int] = {}
        pairs = list(zip(steps.tolist(), hosts.tolist(), strict=True))
        for step, host in pairs:
            lowest[step] = min(host, lowest.get(step, host))
        others = np.array([host != lowest[step] for step, host in pairs])
        fate[others & (fate == KEPT)] = DUPLICATE
    left = np.flatnonzero(fate == KEPT)
    if form is MARKED:
        extra = _behind_the_last(steps[left])
        fate[left[len(left) - extra :]] = SUMMARY
        left = left[: len(left) - extra]
    if (np.diff(steps[left]) > 0).all():
        return fate
    return _settle_repeats(fate, left, steps, values)


def _behind_the_last(steps: Int64) -> int:
    """How many more emissions the last step has than each other step; 0 if those differ.

    Such emissions are a closing evaluation that is printed after the last epoch.
    """
    if (np.diff(steps) < 0).any():
        return 0
    counts = np.unique(steps, return_counts=True)[1]
    if len(counts) < 2 or (counts[:-1] != counts[0]).any():
        return 0
    return max(0, int(counts[-1] - counts[0]))


def _settle_repeats(
    fate: NDArray[np.int8], left: Int64, steps: Int64, values: Float64
) -> NDArray[np.int8]:
    """Decide which emissions count where steps do not rise: repeats, restarts, steps backwards.

    Args:
        fate: int8 [E], as far as it is known; it is changed and returned.
        left: the positions of the emissions that are kept so far.
        steps, values: [E].
    """
    starts = [0, *(np.flatnonzero(np.diff(steps[left]) < 0) + 1).tolist(), len(left)]
    at: dict[int, int] = {}
    furthest = -1
    for first, stop in pairwise(starts):
        run = left[first:stop].tolist()
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
    return fate


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
