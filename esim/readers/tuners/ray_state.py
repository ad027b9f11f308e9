"""Reads what Ray Tune's ``experiment_state-<date>.json`` says about trials, without its pickles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from esim.readers.encodings import jsontext
from esim.readers.source import File
from esim.study import Direction

NAME = "experiment_state-"


@dataclass(frozen=True)
class TrialState:
    """What the state says about a trial.

    Attributes:
        status: Ray's word for how it ended, "" if unknown.
        start, end: seconds since 1970 UTC, NaN if unknown; the end is the time of the last result.
        config: its hyperparameters; None if unknown.
        criterion: metric -> the value at which the trial was to end.
    """

    status: str = ""
    start: float = math.nan
    end: float = math.nan
    config: Mapping[str, Any] | None = None
    criterion: Mapping[str, Any] = field(default_factory=dict)

    def fulfilled(self, last: Mapping[str, Any]) -> bool:
        """Whether the trial met its stopping criterion.

        Args:
            last: its last result.
        """
        pairs = [(last.get(name), limit) for name, limit in self.criterion.items()]
        return any(_number(value) >= _number(limit) for value, limit in pairs)


@dataclass(frozen=True)
class ExperimentState:
    """What the state says about an experiment.

    Attributes:
        trials: the trials by id, in launch order.
        metric: the metric that was optimised; None if unknown.
        direction: its direction; None if unknown. Ray's files do not tell it, its objects do.
        folders: the name of a trial's folder -> the trial's id.
    """

    trials: Mapping[str, TrialState] = field(default_factory=dict)
    metric: str | None = None
    direction: Direction | None = None
    folders: Mapping[str, str] = field(default_factory=dict)


def is_state(file: File) -> bool:
    """Whether a file is the state of an experiment, by its name."""
    return file.base.startswith(NAME) and file.base.endswith(".json")


def read_state(files: Sequence[File]) -> ExperimentState:
    """Read the newest state of an experiment. Entries that are pickles are passed over.

    Args:
        files: the experiment's files; one that was resumed has several.

    Raises:
        EsimError: the JSON is broken.
    """
    if not files:
        return ExperimentState()
    newest = max(files, key=lambda file: file.base)
    document = jsontext.document(newest)
    if not isinstance(document, Mapping):
        return ExperimentState()
    trials: dict[str, TrialState] = {}
    folders: dict[str, str] = {}
    for entry in document.get("trial_data") or document.get("checkpoints") or ():
        told: dict[str, Any] = {}
        for part in entry if isinstance(entry, list) else [entry]:
            if isinstance(part, str) and part.lstrip().startswith("{"):
                part = jsontext.parse(part, str(newest))
            if isinstance(part, Mapping):
                told.update(part)
        if "trial_id" in told:
            trials[str(told["trial_id"])] = known(told)
            folders[PurePath(str(told.get("relative_logdir"))).name] = str(told["trial_id"])
    runner = document.get("runner_data")
    metric = runner.get("_metric") if isinstance(runner, Mapping) else None
    return ExperimentState(trials, metric if isinstance(metric, str) else None, folders=folders)


def known(told: Mapping[str, Any]) -> TrialState:
    """What the attributes of a trial tell about it, by the names that Ray gives them."""
    config, criterion = told.get("config"), told.get("stopping_criterion")
    return TrialState(
        status=str(told.get("status", "")),
        start=_number(told.get("start_time")),
        end=_number(told.get("last_result_time")),
        config=config if isinstance(config, Mapping) else None,
        criterion=criterion if isinstance(criterion, Mapping) else {},
    )


def _number(value: Any) -> float:
    plain = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)
    return float(value) if plain else math.nan
