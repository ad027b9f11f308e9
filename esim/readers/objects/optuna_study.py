"""Reads an `optuna.study.Study`, whatever storage it is kept in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from esim.readers import runs
from esim.readers.formats import Found
from esim.readers.options import Options
from esim.readers.source import Source
from esim.readers.tuners import optuna
from esim.readers.tuners.optuna_trials import DIRECTIONS, Trial, experiment, external

FORMAT = replace(optuna.FORMAT, module=__name__)


def read(source: Source, options: Options) -> Found:
    """Read the study. Raises EsimError as the reader of Optuna's storages."""
    study = source.held
    made = experiment(
        str(study.study_name),
        [_trial(trial) for trial in study.get_trials(deepcopy=False)],
        [DIRECTIONS.get(direction.name) for direction in study.directions],
        getattr(study, "metric_names", None),  # since Optuna 3.4
        source.label,
    )
    return runs.studies([made], options, source)


def _trial(trial: Any) -> Trial:
    """A trial from an `optuna.trial.FrozenTrial`.

    Its times name no zone; they are this machine's, whatever the storage keeps.
    """
    start, end = (
        None if moment is None else moment.astimezone()
        for moment in (trial.datetime_start, trial.datetime_complete)
    )
    reports = trial.intermediate_values
    values: Any = trial.values or ()
    return Trial(
        number=trial.number,
        state=trial.state.name,
        start=start,
        end=end,
        steps=np.array(list(reports), dtype=np.int64),
        values=np.array(list(reports.values()), dtype=np.float64),
        final=float(values[0]) if len(values) == 1 else None,
        config={
            name: _value(value, trial.distributions[name]) for name, value in trial.params.items()
        },
    )


def _value(value: Any, distribution: Any) -> Any:
    """A hyperparameter as Optuna's storages keep it, which a trial that was added need not be."""
    internal = distribution.to_internal_repr(value)
    return external(internal, type(distribution).__name__, getattr(distribution, "choices", None))
