"""From a job's emissions to its steps: the index in the line where there is one, else the n-th."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from esim.readers.sagemaker.text import Emissions
from esim.study import Float64, Int64


@dataclass(frozen=True)
class StepForm:
    """A way lines carry the index of their step; the first group is the index.

    `samples`: lines of real logs and the index a person reads in them; the tests check them.
    """

    name: str
    regex: re.Pattern[str]
    samples: tuple[tuple[str, int], ...]


# In order: of two forms found in equally many lines the first one counts.
STEP_FORMS: tuple[StepForm, ...] = (
    StepForm(
        "[N]<tab>",
        re.compile(r"\[(\d+)\](?:#011|\t)"),
        (
            ("[0]#011train-rmse:19.374#011validation-rmse:20.5943", 0),
            ("[12]\ttrain-error:0.1\tvalidation-error:0.2", 12),
            ("[500]#011valid_0's multi_logloss: 0.2187", 500),
        ),
    ),
    StepForm(
        "Epoch[N]",
        re.compile(r"\bepoch\s?\[(\d+)\]", re.IGNORECASE),
        (("[09/14/2020 05:39:02 INFO 139869866030912] Epoch[3] Validation-accuracy=0.729", 3),),
    ),
    StepForm(
        "epoch=N",
        re.compile(r"\bepoch\s*=\s*(\d+)(?!\.?\d)", re.IGNORECASE),
        (
            ("#quality_metric: host=algo-1, epoch=0, validation mse_objective <loss>=88.19", 0),
            ("epoch=7 train_loss=0.5 val_accuracy=0.9", 7),
        ),
    ),
    StepForm(
        "epoch: N",
        re.compile(r"\bepoch[\"']?\s*:\s*(\d+)(?!\.?\d)", re.IGNORECASE),
        (
            ("Train Epoch: 1 [0/60000 (0%)] Loss: 2.300039", 1),
            ('{"epoch": 4, "val_loss": 0.25}', 4),
        ),
    ),
    StepForm(
        "Epoch N/M",
        re.compile(r"\bepoch\s+\[?(\d+)\s*/\s*\d+", re.IGNORECASE),
        (("Epoch 3/10 - loss: 0.7000 - val_loss: 0.25", 3), ("Epoch [5/20], Loss: 0.1", 5)),
    ),
    StepForm(
        "epoch N",
        re.compile(r"\bepoch\s+(\d+)(?!\.?\d)", re.IGNORECASE),
        (("Epoch 3: val_loss 0.25", 3), ("after epoch 12, accuracy=0.5", 12)),
    ),
)


@dataclass(frozen=True)
class Curve:
    """A job's reports after alignment, in order of time; of equal steps the last one counts.

    Attributes:
        steps: int64 [R].
        values: float64 [R].
        times: float64 [R], seconds since 1970 UTC, NaN where unknown.
        last: the value of the last emission, whatever became of it.
        repeated: emissions left out that say again the value of an earlier step, as XGBoost and
            LightGBM do at the end with their best one.
        without_index: emissions left out because their line has no index.
    """

    steps: Int64
    values: Float64
    times: Float64
    last: float
    repeated: int = 0
    without_index: int = 0


def choose_form(jobs: Iterable[Sequence[Emissions]]) -> StepForm | None:
    """The form that most lines of a study carry, None if at most half of them carry any."""
    lines = [message for job in jobs for text in job for message in text.messages]
    best: StepForm | None = None
    most = len(lines) // 2
    for form in STEP_FORMS:
        count = sum(form.regex.search(line) is not None for line in lines)
        if count > most:
            best, most = form, count
        if count == len(lines):
            break
    return best


def align(job: Sequence[Emissions], form: StepForm | None) -> Curve:
    """The step of each emission: the index in its line, else its number, from 1."""
    values = np.concatenate([np.zeros(0), *(text.values for text in job)])
    times = np.concatenate([np.zeros(0), *(text.times for text in job)])
    messages = [message for text in job for message in text.messages]
    if not np.isnan(times).any():  # exports are unsorted
        order = np.argsort(times, kind="stable")
        values, times, messages = values[order], times[order], [messages[i] for i in order]
    last = float(values[-1]) if len(values) else float("nan")
    if form is None:
        return Curve(np.arange(1, len(values) + 1, dtype=np.int64), values, times, last)
    kept: list[int] = []
    indices: list[int] = []
    said: dict[int, float] = {}
    furthest = -1
    repeated = without = 0
    for i, (message, value) in enumerate(zip(messages, values.tolist(), strict=True)):
        match = form.regex.search(message)
        if match is None:
            without += 1
            continue
        step = int(match[1])
        if step < furthest and step in said and _same(said[step], value):
            repeated += 1
            continue
        furthest = max(furthest, step)
        said[step] = value
        kept.append(i)
        indices.append(step)
    steps = np.array(indices, dtype=np.int64)
    return Curve(steps, values[kept], times[kept], last, repeated, without)


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)
