"""What every store of MLflow holds: runs with metrics, parameters and a parent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from esim.study import Float64, Int64

# An infinity, as MLflow stores it in a database; its client hands it out as it is stored.
LARGEST = 1.7976931348623157e308
PARENT = "mlflow.parentRunId"
RUN_NAME = "mlflow.runName"


@dataclass(frozen=True)
class LoggedMetric:
    """What was logged of one metric of one run, R times.

    Attributes:
        times: float64 [R], milliseconds since 1970 UTC.
        values: float64 [R], NaN where it was.
        steps: int64 [R]; 0 where none was given.
    """

    times: Float64
    values: Float64
    steps: Int64


def with_infinities(values: Float64) -> Float64:
    """The values, infinite where MLflow stored the largest float. [R]"""
    found = values.copy()
    found[np.abs(found) == LARGEST] *= np.inf
    return found


@dataclass(frozen=True)
class MlflowRun:
    """A run.

    Attributes:
        name: "" if it has none.
        experiment: the experiment's name, or its id where that is not recorded.
        parent: the parent run's id, None if it has none.
        status: MLflow's word.
        start, end: milliseconds since 1970 UTC, NaN if unknown.
        metrics: their names.
        logged: what was logged of one of them.
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
