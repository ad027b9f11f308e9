"""How lines name the step that a value belongs to: an index in the line, or in a line before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from esim.readers.text.borders import folds_in, starts_in
from esim.readers.text.log_text import Emissions, LogText
from esim.readers.text.prefixes import TIME
from esim.readers.text.rows import Stamps, line_ends, starts_of
from esim.study import Float64, Int64
from esim.study.first_step import FirstStep


@dataclass(frozen=True)
class StepForm:
    """A way in which lines name the index of their step.

    Attributes:
        name: how it looks, for notes.
        regex: its first group is the index, which may be a fraction of an epoch.
        samples: lines of real logs and the index that a person reads in them, which tests check.
        first_step: what an index of 0 means, as in `esim.readers.formats.Format`.
        inside_epochs: whether such an index may count the batches of an epoch.
    """

    name: str
    regex: re.Pattern[str]
    samples: tuple[tuple[str, float], ...]
    first_step: FirstStep | None = None
    inside_epochs: bool = False


# The word "epoch" in the cases in use. Because it starts with a class of characters `re` can skip
# to it, which is three times as fast as IGNORECASE or a word boundary in front; the look-behind
# serves as that boundary.
_EPOCH = r"[eE](?<!\w[eE])(?<!per [eE])(?<!/[eE])(?:poch|POCH)"
_N = r"(\d{1,18}(?:\.\d{1,18})?)(?![.]?\d)"
_WHOLE = r"(\d{1,18})(?![.]?\d)"

# The order matters: of two forms that are found in equally many lines the first one counts.
STEP_FORMS: tuple[StepForm, ...] = (
    StepForm(
        "[N]<tab>",
        re.compile(r"(?<![\]\w])\[(\d{1,18})\](?:#011|\t| {1,9}(?=\w{1,40}(?:-|'s )))"),
        (
            ("[0]#011train-rmse:19.374#011validation-rmse:20.5943", 0),
            ("[12]\ttrain-error:0.1\tvalidation-error:0.2", 12),
            ("[500]#011valid_0's multi_logloss: 0.2187", 500),
            ("Checkpoint [3]#011Validation-perplexity=41.250000", 3),
            ("[1]    train-rmse:0.7    validation-rmse:0.65", 1),
        ),
        "done",
    ),
    StepForm(
        "Epoch[N]",
        re.compile(_EPOCH + r"(?:\((?:val|train|test)\))?\s?\[(\d{1,18})\]"),
        (
            ("[09/14/2020 05:39:02 INFO 139869866030912] Epoch[3] Validation-accuracy=0.729", 3),
            ("Epoch(val) [2][50]\tmAP: 0.35", 2),
            ("Epoch [2][50/100]\tlr: 1e-3, loss: 0.5", 2),
        ),
        "done",
    ),
    StepForm(
        "epoch=N",
        re.compile(_EPOCH + r"\s{0,9}=\s{0,9}" + _N),
        (
            ("#quality_metric: host=algo-1, epoch=0, validation mse_objective <loss>=88.19", 0),
            ("epoch=7 train_loss=0.5 val_accuracy=0.9", 7),
        ),
        "done",
    ),
    StepForm(
        "epoch: N",
        re.compile(_EPOCH + r"[\"']?\s{0,9}:\s{0,9}[\"']?" + _N),
        (
            ("{'eval_loss': '0.6288', 'eval_runtime': '0.0804', 'epoch': '2'}", 2),
            ("Train Epoch: 1 [0/60000 (0%)] Loss: 2.300039", 1),
            ("{'eval_loss': 0.79227, 'eval_runtime': 5.6424, 'epoch': 3.0}", 3),
            ('{"epoch": 4, "val_loss": 0.25}', 4),
            ("{'eval_loss': 0.5, 'epoch': 1.49}", 1.49),
        ),
    ),
    StepForm(
        "Epoch N/M",
        re.compile(_EPOCH + r"\s{1,9}\[?(\d{1,18})\s{0,9}/\s{0,9}\d+"),
        (("Epoch 3/10 - loss: 0.7000 - val_loss: 0.25", 3), ("Epoch [5/20], Loss: 0.1", 5)),
    ),
    StepForm(
        "epoch N",
        re.compile(_EPOCH + r"\s{1,9}" + _N),
        (("Epoch 3: val_loss 0.25", 3), ("after epoch 12, accuracy=0.5", 12)),
    ),
    StepForm(
        "global step N",
        re.compile(r"\bglobal[ _]step\s{0,9}[=:]?\s{0,9}" + _WHOLE, re.IGNORECASE),
        (("INFO:tensorflow:Saving dict for global step 500: accuracy = 0.91, loss = 0.3", 500),),
        "before",
    ),
    StepForm(
        "step N",
        re.compile(
            r"(?<![\w/])(?<!per )(?:[Ss]tep|[Ii]ter(?:ation)?|[Rr]ound)"
            r"[\"']?\s{0,3}[=:#\[]?\s{0,3}[\"']?"
            + _WHOLE
            + r"(?!\s{0,3}/)"  # step 6/6 counts the batches of an epoch
        ),
        (
            ("step 250: train loss 2.1034, val loss 2.2145", 250),
            ("Iteration 4, loss = 0.25", 4),
            ("{'step': 12, 'val_loss': 0.25}", 12),
        ),
        inside_epochs=True,
    ),
    StepForm(
        "N, the first column",
        re.compile(r"^(\d{1,18}) {2,}\S"),
        (("3           0.763108                        0.0301222     ", 3),),
        "before",
    ),
    StepForm(
        "N, at the begin",
        re.compile(r"(?:^|\] |- )(\d{1,9}), \w{1,99} ?[=:]"),
        (("2023-12-01 10:00:00,123 [INFO] 5, train_loss=0.25, test_loss=0.5", 5),),
    ),
    StepForm(
        "N:<tab>",
        re.compile(r"(?:^|[\s|])(\d{1,18}):(?:#011|\t| {1,9})(?=learn|test)"),
        (("12:\tlearn: 0.4310941\ttest: 0.4512345\tbest: 0.4512345 (12)\ttotal: 61.6ms", 12),),
        "done",
    ),
)

# The step is not in the metric's line: a line before it names the epoch (`Emissions.marks`).
MARKED = StepForm("the epoch line before", re.compile(r"(?!)()"), ())
# One progress bar over all steps, of which every refresh is a value.
BAR = StepForm(
    "N/M of the progress bar",
    re.compile(r"(?<![\w.])(\d{1,18})/\d{1,18} \["),
    ((" 30%|###       | 3/10 [00:01<00:03,  2.00it/s, loss=0.5]", 3),),
)
# Keras prints "Epoch 3/10" when an epoch starts; PyTorch's examples print "Train Epoch: 3 [...]"
# during it, or "Epoch 3" in a line of its own.
# The second of a row says whether a line alone is not enough to tell.
_MARKS = (
    (
        re.compile(rb"^[^\n]{0,60}?\bEpoch (\d{1,18})()/(?P<total>\d{1,18})\b", re.MULTILINE),
        False,
    ),
    (
        re.compile(
            rb"^[^\n]{0,60}?\bTrain(?: Epoch: (\d{1,18})|: (\d{1,18}) \[)(?P<total>)",
            re.MULTILINE,
        ),
        False,
    ),
    (
        re.compile(
            # Behind times and the head of a logger; ReduceLROnPlateau is no header, nor is a report
            # at the end of an epoch, as "Epoch 1 took 12 s".
            rb"^(?:" + TIME.encode() + rb"[ \t])?(?:[^\w\n]|\d){0,40}?(?:[\w.]{1,40} ?[-|:] ?){0,2}"
            rb"\b(?:Epoch|EPOCH|epoch)[ :#\[]{1,3}(\d{1,18})()\b(?P<total>)"
            rb"(?=[ \t]{0,9}(?:[/|\]).,=#*-]|:(?! reducing)|of\b|$))",
            re.MULTILINE,
        ),
        True,
    ),
)
_BEST = re.compile(r"\b[Bb]est\b")
_SAMPLE = 500  # lines of a study from which the form is chosen
_FEW = 5  # lines of a text from which its own is


def prepare(text: LogText, found: Emissions) -> Emissions:
    """Add to emissions what only the text around them tells about their steps.

    Args:
        text: the text that they were found in.
        found: the emissions.

    Returns:
        The emissions, with `marks`, `starts` and `folds` if their lines have no index, or one that
        goes back.
    """
    if not found.messages:
        return found
    form = _form_of(_lines_of(found, _FEW))
    if form is not None:
        steps = indexes(found, form)
        found = replace(found, indexed=(form, steps))
        if not (np.diff(steps) < 0).any():
            return found
    ends = line_ends(text.data)
    started = np.searchsorted(ends, np.array(starts_in(text.data), dtype=np.int64))
    found = replace(
        found,
        starts=np.searchsorted(started, found.rows, side="right"),
        folds=folds_in(text.data),
    )
    if form is not None and not form.inside_epochs:
        return found
    for regex, several in _MARKS:
        marks = [
            (m.start(), int(m[1] or m[2] or 0), int(m["total"] or 0))
            for m in regex.finditer(text.data)
        ]
        if not marks:
            continue
        at, epochs, totals = (np.array(c, dtype=np.int64) for c in zip(*marks, strict=True))
        rows = np.searchsorted(ends, at)
        found = replace(found, sure=not several or len(set(epochs.tolist())) > 1)
        return _marked(found, rows, epochs, totals, _times_at(text, ends, rows))
    return found


def _times_at(text: LogText, ends: Int64, rows: Int64) -> Float64:
    """float64: the times of some lines of a text, NaN where unknown."""
    starts, apart = starts_of(ends, rows), None if text.times is None else text.times[rows]
    stamps = Stamps(text.data, starts, ends[rows], apart)
    return stamps.seconds(np.arange(len(rows)), text.where)


def _marked(
    found: Emissions, rows: Int64, epochs: Int64, totals: Int64, times: Float64
) -> Emissions:
    """The emissions with the epoch lines before them, in the order of time if an export mixed it.

    Args:
        found: the emissions.
        rows, epochs, totals: int64 [M], the line of each epoch line, and what it says.
        times: float64 [M], its time.
    """
    own, where, here = found.rows, rows, np.arange(len(rows))
    timed = not np.isnan(times).any() and not np.isnan(found.times).any()
    if timed and ((np.diff(found.times) < 0).any() or (np.diff(times) < 0).any()):
        every = np.concatenate([times, found.times])
        order = np.lexsort((np.concatenate([rows, found.rows]), every))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        where, own = place[: len(rows)], place[len(rows) :]
        here = np.argsort(where)
    epochs, totals = epochs[here], totals[here]
    real = ~_echoes(epochs, totals)
    before = np.searchsorted(where[here][real], own, side="right") - 1
    epochs, totals = epochs[real], totals[real]
    return replace(
        found,
        marks=np.where(before >= 0, epochs[before], -1),
        totals=np.where(before >= 0, totals[before], 0),
    )


def _echoes(epochs: Int64, totals: Int64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """bool [M]: which epoch lines are those of a validation inside an epoch.

    TensorFlow 1 prints "Epoch 1/M" once more before it validates: behind epoch k > 1 it is followed
    by epoch k + 1, or by nothing if k is the last one.
    """
    echo = np.zeros(len(epochs), dtype=np.bool_)
    for i in range(1, len(epochs)):
        if epochs[i] != 1 or totals[i] < 2 or epochs[i - 1] < 2:
            continue
        last = i + 1 == len(epochs)
        echo[i] = epochs[i - 1] == totals[i] if last else epochs[i + 1] == epochs[i - 1] + 1
    return echo


def choose_form(jobs: Sequence[Sequence[Emissions]]) -> StepForm | None:
    """How the lines of a study name their step.

    Args:
        jobs: for each job, the emissions of each of its texts.

    Returns:
        The form that most lines have; None if no form is found in more than half of them.
    """
    texts = [text for job in jobs for text in job if text.messages]
    each = max(1, _SAMPLE // max(1, len(texts)))
    form = _form_of([line for text in texts for line in _lines_of(text, each)])
    if (form is None or form.inside_epochs) and texts:
        marked = sum(int((text.marks >= 0).sum()) for text in texts if text.marks is not None)
        # A single line may be one of a configuration: "epoch: 20".
        sure = any(text.sure for text in texts if text.marks is not None)
        if sure and 2 * marked > sum(len(text.values) for text in texts):
            return MARKED
    if form is None and texts and all(map(_is_one_bar, texts)):
        return BAR
    return form


def _is_one_bar(text: Emissions) -> bool:
    """Whether all values of a text were printed by one bar that counts them."""
    counts = indexes(text, BAR)
    one = len(counts) > 1 and text.printed[0] == text.printed[-1]
    return bool(one and (counts >= 0).all() and (np.diff(counts) >= 0).all() and counts[-1] > 1)


def _lines_of(text: Emissions, most: int) -> list[str]:
    """The first few lines that hold emissions, each once."""
    firsts = np.flatnonzero(np.diff(text.rows[: 50 * most], prepend=-1))[:most]
    return [_own_part(text.messages[i], int(text.at[i])) for i in firsts.tolist()]


def _own_part(message: str, at: int) -> str:
    """A line up to what it says of the best value so far, such as "(best: 0.5 at epoch 3)".

    Args:
        message: the line.
        at: where its value begins.
    """
    if "est" not in message:
        return message
    best = _BEST.search(message, at)
    return message if best is None else message[: best.start()]


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


def indexes(text: Emissions, form: StepForm) -> Float64:
    """float64 [E]: the index of each emission's step, NaN where it has none.

    Where a line holds several values, each has the index before it, or behind it if the line begins
    with a value.
    """
    if form is MARKED:
        marks = np.full(len(text.values), -1) if text.marks is None else text.marks
        return np.where(marks >= 0, marks, np.nan)
    if text.indexed is not None and text.indexed[0] is form:
        return text.indexed[1]
    search = form.regex.search
    firsts = np.flatnonzero(np.diff(text.rows, prepend=-1))
    ats = text.at[firsts].tolist()
    matches = [
        search(_own_part(text.messages[i], at)) for i, at in zip(firsts.tolist(), ats, strict=True)
    ]
    first = np.array([np.nan if m is None else float(m[1]) for m in matches], dtype=np.float64)
    counts = np.diff(firsts, append=len(text.rows))
    found = np.repeat(first, counts)
    for row in np.flatnonzero(counts > 1).tolist():
        rows = slice(firsts[row], firsts[row] + counts[row])
        every = list(form.regex.finditer(text.messages[firsts[row]]))
        if len(every) < 2:
            continue
        at = np.array([match.start() for match in every])
        ahead = at[0] < text.at[rows.start]
        near = np.searchsorted(at, text.at[rows]) - int(ahead)
        found[rows] = np.array([float(m[1]) for m in every])[np.clip(near, 0, len(at) - 1)]
    return found


def steps_of(indexed: Float64, alone: bool = True) -> tuple[Int64, bool]:
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
