"""The records that all stores of MLflow are read into: runs and the values of their metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from esim.study import Float64, Int64

# MLflow stores an infinity in a database as this number, and its client does not convert it back.
LARGEST = 1.7976931348623157e308
PARENT = "mlflow.parentRunId"
RUN_NAME = "mlflow.runName"


@dataclass(frozen=True)
class LoggedMetric:
    """The R values of one metric of one run.

    Attributes:
        times: float64 [R], milliseconds since 1970 UTC.
        values: float64 [R], NaN where NaN was logged.
        steps: int64 [R], 0 where no step was logged.
    """

    times: Float64
    values: Float64
    steps: Int64


def with_infinities(values: Float64) -> Float64:
    """float64 [R]: the values, infinite where MLflow stored the largest float."""
    found = values.copy()
    found[np.abs(found) == LARGEST] *= np.inf
    return found


@dataclass(frozen=True)
class MlflowRun:
    """A run as MLflow recorded it.

    Attributes:
        run_id: its id.
        name: its name, "" if it has none.
        experiment: the experiment's name, or its id where the name is not recorded.
        parent: the id of the parent run, None if it has none.
        status: MLflow's word for how it ended.
        start, end: milliseconds since 1970 UTC, NaN if unknown.
        params: its hyperparameters, as text.
        metrics: the names of its metrics.
        logged: reads the values of one of these metrics.
        deleted: whether the user deleted it.
    """

    run_id: str
    name: str
    experiment: str
    parent: str | None
    status: str
    start: float
    end: float
    params: Mapping[str, str]
    metrics: Collection[str]
    logged: Callable[[str], LoggedMetric]
    deleted: bool = False
