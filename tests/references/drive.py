"""Drives a stopping rule report by report in the order of events, whatever computes it.

The same loop drives the naive twins of twins.py and, in tests/live, the real objects of the
libraries. Nothing of esim is used but the record type, by that loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from numba import config

import esim
from esim.assumptions import Costs
from esim.rules import Rule
from esim.rules import rule as named_rule
from esim.simulator.decisions import decision_columns
from esim.simulator.jobs import choose_clock
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_once, with_first_completed
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
    place = {i: at for at, i in enumerate(launch)}
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
                return began[i], 1, place[i]
            done = len(verdicts[i])
            if not rows[i]:
                return began[i], 0, place[i]
            is_last = done == len(rows[i]) - 1
            return began[i] + rows[i][done][1], 0 if is_last else 1, place[i]

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


def esim_verdicts(
    study: Study, rule: str | Rule, clock: str | None = None, workers: int = 1
) -> list[list[bool]]:
    """What esim said at each row that each trial made; rows without a decision go on."""
    if config.DISABLE_JIT:
        # The same kernels on the same arrays, once each: `esim.replay` plans a study anew for its
        # decisions, and replays others to say what is in doubt.
        its, costs = choose_clock(study, clock, workers), Costs()
        plan = with_first_completed(prepare(study, named_rule(rule)), its, costs)
        traced = run_once(plan, its, costs, traced=True)
        every = decision_columns(plan, traced, slice(None))
        kept = run_once(plan, its, costs).rows_kept
    else:
        result = esim.replay(study, rule, clock, workers)
        every, kept = result.trace(), result.columns.reports_kept
    told: dict[tuple[str, int], bool] = {}
    for trial, step, stop in zip(every["trial"], every["step"], every["stop"], strict=True):
        told[trial, int(step)] = told.get((trial, int(step)), False) or bool(stop)
    found = []
    for i, trial in enumerate(study.trials):
        first = int(study.offsets[i])
        rows = study.steps[first : first + int(kept[i])].tolist()
        found.append([told.get((trial, step), False) for step in rows])
    return found


def is_nan(value: float) -> bool:
    return math.isnan(value)
