"""Evaluations of configurations at growing budgets, as successive halving makes them.

A configuration is a trial, a budget a step, an evaluation a report. One that was not promoted to
the largest budget was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.readers import runs
from esim.readers.runs import Curve, Experiment, Run
from esim.study import Direction, Float64, Int64, Note, Status


@dataclass(frozen=True)
class Evaluation:
    """One configuration trained with one budget.

    Attributes:
        start, end: seconds from any common zero, NaN if unknown.
        values: metric -> value; empty if it failed.
    """

    trial: str
    budget: float
    start: float
    end: float
    values: Mapping[str, float]
    failed: bool = False


def experiment(
    name: str,
    evaluations: Sequence[Evaluation],
    configs: Mapping[str, Mapping[str, Any]],
    where: str,
    *,
    objective: str | None,
    objective_from: str,
    direction: Direction | None,
    notes: Iterable[Note] = (),
) -> Experiment:
    """The evaluations as one study.

    A trial's seconds are those of its evaluations one after the other: what it waited for between
    two budgets is no training.

    Raises:
        EsimError: budgets that cannot be counted in whole steps.
    """
    budgets = np.array([one.budget for one in evaluations], dtype=np.float64)
    steps, step_notes = runs.whole_steps(budgets, "the budget", where)
    largest = int(steps.max()) if steps.size else 0
    of_trial: dict[str, list[int]] = {}
    for at, one in enumerate(evaluations):
        of_trial.setdefault(one.trial, []).append(at)
    waited = 0
    made = []
    for trial, rows in of_trial.items():
        rows.sort(key=lambda at: int(steps[at]))
        own = [evaluations[at] for at in rows]
        seconds = np.cumsum([one.end - one.start for one in own])
        start = min((one.start for one in own), default=math.nan)
        waited += bool(own[-1].end - start > 1.05 * seconds[-1])
        if any(one.failed for one in own):
            status = Status.FAILED
        else:
            status = Status.COMPLETED if steps[rows[-1]] == largest else Status.STOPPED
        made.append(
            Run(
                trial=trial,
                metrics=list(dict.fromkeys(name for one in own for name in one.values)),
                curve=_curve(own, steps[rows], seconds),
                start=start,
                end=start + float(seconds[-1]),
                status=status,
                config=configs.get(trial, {}),
            )
        )
    said = [*notes, Note("step_column", "steps are the budget"), *step_notes]
    if waited:
        text = f"{waited} trial(s) waited between budgets; the wait counts as no time of theirs"
        said.append(Note("trials_waited", text, waited))
    return Experiment(
        name=name,
        runs=made,
        where=where,
        objective=objective,
        objective_from=objective_from,
        direction=direction,
        times="elapsed",
        notes=tuple(said),
    )


def _curve(own: Sequence[Evaluation], steps: Int64, seconds: Float64) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        has = [metric in one.values for one in own]
        values = [one.values[metric] for one in own if metric in one.values]
        return Curve(steps[has], np.array(values, dtype=np.float64), seconds[has])

    return curve
