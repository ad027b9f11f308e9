"""Reads Optuna's journal files: JSON lines with an operation each.

Source: `optuna/storages/journal/_storage.py`. The id of a study or trial is not in the file: it is
the number of studies, or of trials in all studies, that were created before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings import cells, jsontext
from esim.readers.runs import Experiment
from esim.readers.source import File
from esim.readers.tuners.optuna_trials import METRIC_NAMES, Trial, experiment, parameter
from esim.study import Direction

FIRST_BYTES = (b'{"op_code":', b'{"op_code" :')
LOCKS = (".lock", ".rename")  # beside a journal; a lock may be a link to the journal itself
STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
FINISHED = ("COMPLETE", "PRUNED", "FAIL")
DIRECTIONS: Mapping[int, Direction] = {1: "minimize", 2: "maximize"}


@dataclass
class _Trial:
    study: int
    number: int
    state: str
    start: Any
    end: Any
    values: Any
    reports: dict[int, float] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Study:
    name: str
    directions: Sequence[Direction | None]
    trials: list[_Trial] = field(default_factory=list)
    metric_names: Any = None
    deleted: bool = False


def is_journal(file: File) -> bool:
    """Whether a file is a journal of Optuna, by its first bytes."""
    return file.head.startswith(FIRST_BYTES)


def is_lock(file: File) -> bool:
    """Whether a file that reads as a journal is the lock beside it."""
    return file.base.endswith(LOCKS)


def experiments(file: File) -> Iterator[Experiment]:
    """The studies of a journal, without those that were deleted.

    A line that is cut off at the end is left out, as Optuna does, and noted.

    Args:
        file: the journal.

    Raises:
        EsimError: a line is not JSON, an operation lacks something, or is of a study or trial that
            was never created; the error names path and line.
    """
    studies: list[_Study] = []
    trials: list[_Trial | None] = []
    seen: dict[str, Any] = {}
    for place, operation in jsontext.lines(file):
        with jsontext.shaped("not an operation of an Optuna journal", place):
            _apply(operation, studies, trials, seen, place)
    for study in studies:
        if not study.deleted:
            yield experiment(
                study.name,
                [_finished(trial) for trial in study.trials],
                study.directions,
                study.metric_names,
                str(file),
            )


def _apply(
    operation: Mapping[str, Any],
    studies: list[_Study],
    trials: list[_Trial | None],
    seen: dict[str, Any],
    place: str,
) -> None:
    """Apply an operation to the studies and trials that were created so far.

    Args:
        operation: the line's JSON object.
        studies, trials: in the order of their ids; a trial of a deleted study is None.
        seen: the distributions that were parsed so far, by their JSON text.
        place: path and line, for errors.
    """
    code = operation["op_code"]
    if code == 7:
        trial = _updatable(operation, trials)
        if trial is not None:
            step = cells.integer(operation["step"], place, "step")
            trial.reports[step] = cells.number(operation["intermediate_value"], place, "value")
    elif code == 5:
        trial = _updatable(operation, trials)
        if trial is not None:
            internal, distribution = operation["param_value_internal"], operation["distribution"]
            value = parameter(internal, distribution, seen, place)
            trial.config[str(operation["param_name"])] = value
    elif code == 6:
        _set_state(operation, trials)
    elif code == 4:
        trials.append(_created(operation, studies, seen, place))
    elif code == 0:
        names = [study.name for study in studies if not study.deleted]
        if operation["study_name"] not in names:  # a second worker may try to create it again
            directions = [DIRECTIONS.get(number) for number in operation["directions"]]
            studies.append(_Study(str(operation["study_name"]), directions))
    elif code == 1:
        studies[operation["study_id"]].deleted = True
    elif code == 3 and METRIC_NAMES in operation["system_attr"]:
        studies[operation["study_id"]].metric_names = operation["system_attr"][METRIC_NAMES]


def _created(
    operation: Mapping[str, Any], studies: Sequence[_Study], seen: dict[str, Any], place: str
) -> _Trial | None:
    key = cells.integer(operation["study_id"], place, "study_id")
    if not 0 <= key < len(studies):
        raise EsimError(
            f"no study {key}",
            where=place,
            why="the lines before do not create it",
            fix="join the pieces of a journal in their order to one file",
        )
    study = studies[key]
    if study.deleted:
        return None  # Optuna gives no id to such a trial
    distributions = operation.get("distributions", {})
    trial = _Trial(
        study=key,
        number=len(study.trials),
        state=STATES[operation.get("state", 0)],
        start=operation["datetime_start"],
        end=operation.get("datetime_complete"),
        values=operation.get("values"),
        reports={
            cells.integer(step, place, "step"): cells.number(value, place, "intermediate_values")
            for step, value in operation.get("intermediate_values", {}).items()
        },
        config={
            name: parameter(internal, distributions[name], seen, place)
            for name, internal in operation.get("params", {}).items()
        },
    )
    if operation.get("value") is not None:
        trial.values = [operation["value"]]
    study.trials.append(trial)
    return trial


def _set_state(operation: Mapping[str, Any], trials: Sequence[_Trial | None]) -> None:
    trial = _updatable(operation, trials)
    if trial is None:
        return
    state = STATES[operation["state"]]
    if state == "RUNNING":
        if trial.state == "RUNNING":
            return  # a second worker started the same waiting trial
        trial.start = operation.get("datetime_start", trial.start)
    if state in FINISHED:
        trial.end = operation.get("datetime_complete")
    trial.state = state
    if operation.get("values") is not None:
        trial.values = operation["values"]


def _updatable(operation: Mapping[str, Any], trials: Sequence[_Trial | None]) -> _Trial | None:
    """The trial that an operation changes; None if it has finished, as Optuna then ignores it."""
    key = operation["trial_id"]
    trial = trials[key] if 0 <= key < len(trials) else None
    return None if trial is None or trial.state in FINISHED else trial


def _finished(trial: _Trial) -> Trial:
    values = trial.values
    final = values[0] if isinstance(values, list) and len(values) == 1 else None
    return Trial(
        number=trial.number,
        state=trial.state,
        start=trial.start,
        end=trial.end,
        steps=np.array(list(trial.reports), dtype=np.int64),
        values=np.array(list(trial.reports.values()), dtype=np.float64),
        final=final if isinstance(final, float | int) else None,
        config=trial.config,
    )
