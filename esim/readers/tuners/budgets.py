"""Turns evaluations of configurations at growing budgets (successive halving) into a study.

A configuration is a trial, a budget is a step, and an evaluation is a report. A configuration that
was not promoted to the largest budget counts as stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.errors import plural
from esim.readers import runs
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.whole_steps import whole_steps
from esim.study import Direction, Float64, Int64, Note, Status


@dataclass(frozen=True)
class Evaluation:
    """One configuration trained with one budget.

    Attributes:
        trial: the configuration's id.
        budget: the amount of training, in the tuner's unit.
        start, end: seconds since 1970 UTC or any other common zero, NaN if unknown.
        values: metric -> value; empty if the evaluation failed.
        failed: whether it failed.
        running: whether it had not ended.
    """

    trial: str
    budget: float
    start: float
    end: float
    values: Mapping[str, float]
    failed: bool = False
    running: bool = False


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
    """The evaluations as the experiment that makes one study.

    A trial's elapsed seconds are the sum of its evaluations' seconds: the time in which it waited
    for its next budget does not count.

    Args:
        name: the study's id.
        evaluations: all evaluations, in any order.
        configs: trial -> its hyperparameters.
        where: the input, for errors.
        objective, objective_from, direction: as in `Experiment`.
        notes: the reader's own notes.

    Raises:
        EsimError: the budgets cannot be counted in whole steps.
    """
    budgets = np.array([one.budget for one in evaluations], dtype=np.float64)
    steps, step_notes = whole_steps(budgets, "the budget", where)
    largest = int(steps.max()) if steps.size else 0
    of_trial: dict[str, list[int]] = {}
    for at, one in enumerate(evaluations):
        of_trial.setdefault(one.trial, []).append(at)
    waited = 0
    made = []
    for trial, rows in of_trial.items():
        rows.sort(key=lambda at: int(steps[at]))
        own = [evaluations[at] for at in rows]
        run, has_waited = _run(trial, own, steps[rows], largest, configs.get(trial, {}))
        made.append(run)
        waited += has_waited
    said = [*notes, Note("step_column", "steps are the budget"), *step_notes]
    if waited:
        text = (
            f"{plural(waited, 'trial')} waited between budgets; the wait does not count as training"
        )
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


def numbers(info: Any) -> dict[str, float]:
    """The finite numbers among what a user's function returned beside the objective, by name."""
    return {
        name: float(value)
        for name, value in (runs.flat(info).items() if isinstance(info, Mapping) else ())
        if (type(value) is float and math.isfinite(value))
        or (type(value) is int and abs(value) < 2**53)
    }


def _run(
    trial: str,
    own: Sequence[Evaluation],
    steps: Int64,
    largest: int,
    config: Mapping[str, Any],
) -> tuple[Run, bool]:
    """The run of a trial, and whether it waited between two budgets.

    Args:
        own: the trial's evaluations, by growing budget.
        steps: int64, the step of each of them.
        largest: the highest step of any trial.
    """
    seconds = np.cumsum([one.end - one.start for one in own])
    start = min((one.start for one in own), default=math.nan)
    if any(one.failed for one in own):
        status = Status.FAILED
    elif any(one.running for one in own):
        status = Status.RUNNING
    else:
        status = Status.COMPLETED if steps[-1] == largest else Status.STOPPED
    run = Run(
        trial=trial,
        metrics=list(dict.fromkeys(name for one in own for name in one.values)),
        curve=_curve(own, steps, seconds),
        start=start,
        end=start + float(seconds[-1]),
        status=status,
        config=config,
    )
    return run, bool(own[-1].end - start > 1.05 * seconds[-1])


def _curve(own: Sequence[Evaluation], steps: Int64, seconds: Float64) -> Callable[[str], Curve]:
    """The curve of each metric, from the evaluations that have a value of it."""

    def curve(metric: str) -> Curve:
        has = [metric in one.values for one in own]
        values = [one.values[metric] for one in own if metric in one.values]
        times = seconds[has] if np.isfinite(seconds).any() else None
        return Curve(steps[has], np.array(values, dtype=np.float64), times)

    return curve
