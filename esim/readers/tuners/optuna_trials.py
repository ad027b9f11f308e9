"""What the readers of Optuna's storages share: its trials, and how they become an experiment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from esim.errors import plural
from esim.readers import runs
from esim.readers.encodings import jsontext
from esim.readers.encodings.times import parse_moment
from esim.readers.runs import Curve, Experiment, Run
from esim.study import Direction, Float64, Int64, Note, Status

OBJECTIVE = "objective"  # intermediate values have no name of their own
METRIC_NAMES = "study:metric_names"  # the attribute that `Study.set_metric_names` writes
STATES: Mapping[str, Status] = {
    "running": Status.RUNNING,
    "waiting": Status.RUNNING,
    "complete": Status.COMPLETED,
    "pruned": Status.STOPPED,
    "fail": Status.FAILED,
}
DIRECTIONS: Mapping[str, Direction] = {"MINIMIZE": "minimize", "MAXIMIZE": "maximize"}


@dataclass(frozen=True)
class Trial:
    """A trial as any of Optuna's storages holds it.

    Attributes:
        number: its number in the study.
        state: Optuna's word for how it ended.
        start, end: points in time, as they were stored.
        steps: int64 [R], the steps of its intermediate values, in any order.
        values: float64 [R], its intermediate values.
        final: the value that it returned; None if it has none.
        config: its hyperparameters.
    """

    number: int
    state: str
    start: Any
    end: Any
    steps: Int64
    values: Float64
    final: float | None
    config: Mapping[str, Any]


def experiment(
    name: str,
    trials: Sequence[Trial],
    directions: Sequence[Direction | None],
    metric_names: Any,
    where: str,
) -> Experiment:
    """A study of Optuna as an experiment.

    Args:
        name: the study's name.
        trials: its trials.
        directions: the direction of each of its objectives.
        metric_names: what was passed to `Study.set_metric_names`; None if it was not called.
        where: the input, for errors.

    Raises:
        EsimError: a trial's start or end is not a time.
    """
    named = isinstance(metric_names, list) and len(metric_names) == 1
    objective = str(metric_names[0]) if named else OBJECTIVE
    unknown: list[str] = []
    zoned = True
    made: list[Run] = []
    trials = sorted(map(_by_step, trials), key=lambda trial: trial.number)
    for trial in trials:
        place = f"{where}, study {name!r}, trial {trial.number}"
        times = []
        for given in (trial.start, trial.end):
            moment = None if given is None else parse_moment(given, place)
            zoned = zoned and (moment is None or moment.zone_known)
            times.append(math.nan if moment is None else moment.seconds)
        curve = Curve(trial.steps, trial.values)
        made.append(
            Run(
                trial=str(trial.number),
                metrics=(objective,) if len(trial.steps) else (),
                curve=_always(curve),
                start=times[0],
                end=times[1],
                status=runs.status_of(trial.state, STATES, unknown),
                config=trial.config,
            )
        )
    finals = [
        (str(trial.number), trial.final, float(trial.values[-1]))
        for trial in trials
        if trial.state == "COMPLETE" and trial.final is not None and len(trial.values)
    ]
    said = [*runs.status_note(unknown), *runs.final_note(finals)]
    if not zoned:
        said.append(Note("zone_assumed", "Optuna's times name no time zone; taken as UTC"))
    why = f"none of its {plural(len(trials), 'trial')} called trial.report(value, step)"
    if len(directions) > 1:
        why = f"{len(directions)} objectives: Optuna keeps intermediate values of a single one only"
    to_record = (
        "next time call trial.report(value, step) at each epoch, in a study of one objective"
    )
    return Experiment(
        name=name,
        runs=made,
        where=f"{where}, study {name!r}",
        objective=objective,
        objective_from="the study",
        direction=directions[0] if len(directions) == 1 else None,
        notes=tuple(said),
        why_empty=why,
        to_record=to_record,
    )


def parameter(internal: Any, distribution: str, seen: dict[str, Any], place: str) -> Any:
    """The value of a hyperparameter.

    Args:
        internal: the number that Optuna stores for it.
        distribution: its distribution, as JSON text.
        seen: the distributions that were parsed so far, by their text; this one is added.
        place: where it is, for errors.

    Raises:
        EsimError: the distribution is not JSON.
    """
    if distribution not in seen:
        seen[distribution] = jsontext.parse(distribution, place)
    kind = seen[distribution]
    name, attributes = str(kind.get("name", "")), kind.get("attributes", {})
    return external(internal, name, attributes.get("choices"))


def external(internal: Any, distribution: str, choices: Sequence[Any] | None) -> Any:
    """The value of a hyperparameter.

    Args:
        internal: the number that Optuna keeps for it.
        distribution: the name of its distribution.
        choices: what it is chosen from, if it is chosen from a list.
    """
    if not isinstance(internal, int | float):
        return None
    if choices is not None:
        at = int(internal)
        return choices[at] if 0 <= at < len(choices) else None
    whole = distribution.startswith("Int") and float(internal).is_integer()
    return int(internal) if whole else float(internal)


def _by_step(trial: Trial) -> Trial:
    """The trial with its intermediate values by step: Optuna maps steps to values, in no order."""
    order = np.argsort(trial.steps, kind="stable")
    return replace(trial, steps=trial.steps[order], values=trial.values[order])


def _always(curve: Curve) -> Callable[[str], Curve]:
    return lambda metric: curve
