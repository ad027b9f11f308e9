"""Drives a stopping rule report by report in the order of events, whatever computes it.

The same loop drives the naive twins of twins.py and, in tests/live, the real objects of the
libraries. Nothing of esim is used but the record type.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from esim.study import Study


class Judge(Protocol):
    """A stopping rule that hears of everything as it happens. Trials are positions in the study."""

    def start(self, trial: int) -> None:
        """The trial starts."""

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        """The trial's next report; whether it must stop."""

    def end(self, trial: int, how: str) -> None:
        """The trial has ended: "completed" or "stopped"."""


@dataclass(frozen=True)
class Driven:
    """What a rule said. `verdicts[trial]` holds one for each row the trial made."""

    verdicts: list[list[bool]]
    stopped: list[bool]

    @property
    def decisions(self) -> int:
        return sum(map(len, self.verdicts))


def drive(
    study: Study, judge: Judge, *, workers: int | None = None, order: Sequence[int] | None = None
) -> Driven:
    """Trials one after another, or with `workers` side by side on so many slots.

    Ends come before starts and reports at equal times, then earlier launches first; a last report
    made as its trial ends is one event with the end. A stop at the last row changes nothing: the
    trial has completed. All trials are taken as completed when recorded.
    """
    launch = list(range(study.n_trials)) if order is None else [int(i) for i in order]
    rows = [
        list(zip(steps, seconds, values, strict=True))
        for steps, seconds, values in (_rows(study, i) for i in range(study.n_trials))
    ]
    verdicts: list[list[bool]] = [[] for _ in rows]
    stopped = [False] * len(rows)

    def report(i: int) -> bool:
        """Make the next report of a trial; whether it ends there."""
        step, seconds, value = rows[i][len(verdicts[i])]
        verdict = bool(judge.report(i, step, seconds, value))
        verdicts[i].append(verdict)
        stopped[i] = verdict and len(verdicts[i]) < len(rows[i])
        return stopped[i] or len(verdicts[i]) == len(rows[i])

    def end(i: int) -> None:
        judge.end(i, "stopped" if stopped[i] else "completed")

    if workers is None:
        for i in launch:
            judge.start(i)
            while rows[i] and not report(i):
                pass
            end(i)
        return Driven(verdicts, stopped)

    waiting, running, began = list(launch), set(), {}
    started: set[int] = set()
    now = 0.0
    while waiting or running:
        while waiting and len(running) < workers:
            i = waiting.pop(0)
            running.add(i)
            began[i] = now

        def coming(i: int) -> tuple[float, int, int]:
            if i not in started:
                return began[i], 1, launch.index(i)
            done = len(verdicts[i])
            if not rows[i]:
                return began[i], 0, launch.index(i)
            is_last = done == len(rows[i]) - 1
            return began[i] + rows[i][done][1], 0 if is_last else 1, launch.index(i)

        i = min(running, key=coming)
        now = coming(i)[0]
        if i not in started:
            started.add(i)
            judge.start(i)
        elif not rows[i] or report(i):
            end(i)
            running.remove(i)
    return Driven(verdicts, stopped)


def _rows(study: Study, i: int) -> tuple[list[int], list[float], list[float]]:
    part = slice(int(study.offsets[i]), int(study.offsets[i + 1]))
    steps = [int(s) + study.done_at_zero for s in study.steps[part]]
    seconds = steps if study.elapsed is None else study.elapsed[part]
    return steps, [float(s) for s in seconds], [float(v) for v in study.values[part]]


def esim_verdicts(study: Study, rule: object, **replay: object) -> list[list[bool]]:
    """What esim said at each row that each trial made; rows without a decision go on."""
    import numpy as np

    import esim

    result = esim.replay(study, rule, **replay)  # type: ignore[arg-type]
    decisions = result.decisions
    told: dict[tuple[str, int], bool] = {}
    for trial, step, stop in zip(decisions.trial, decisions.step, decisions.stop, strict=True):
        told[trial, int(step)] = told.get((trial, int(step)), False) or bool(stop)
    found = []
    for i, trial in enumerate(study.trials):
        first = int(study.offsets[i])
        kept = int(np.asarray(result.columns.reports_kept)[i])
        found.append([told.get((trial, int(s)), False) for s in study.steps[first : first + kept]])
    return found


def is_nan(value: float) -> bool:
    return math.isnan(value)
