"""Reads MLflow's relational store by its tables (`mlflow/store/tracking/dbmodels/models.py`).

MLflow stores a NaN as 0 and marks it in a column of its own, and an infinity as the largest float.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from esim.readers.encodings.database import Database, floats, integers
from esim.readers.trackers.mlflow_records import (
    PARENT,
    RUN_NAME,
    LoggedMetric,
    MlflowRun,
    with_infinities,
)

TABLES = ("experiments", "runs", "metrics", "params", "tags")


def read_runs(database: Database) -> Iterator[MlflowRun]:
    """Read every run; the values of a metric are read when its curve is asked for.

    Raises:
        EsimError: a cell does not fit its column.
    """
    where = database.where
    # Columns are written behind a dot, because `key` alone is a keyword in MySQL.
    params: dict[str, dict[str, str]] = {}
    for run, key, value in database.rows("SELECT p.run_uuid, p.key, p.value FROM params p"):
        params.setdefault(run, {})[str(key)] = str(value)
    tags: dict[str, dict[str, str]] = {}
    for run, key, value in database.rows(
        "SELECT t.run_uuid, t.key, t.value FROM tags t WHERE t.key IN (:parent, :name)",
        parent=PARENT,
        name=RUN_NAME,
    ):
        tags.setdefault(run, {})[str(key)] = str(value)
    metrics: dict[str, list[str]] = {}
    for run, key in database.rows(
        "SELECT m.run_uuid, m.key FROM metrics m GROUP BY m.run_uuid, m.key ORDER BY m.key"
    ):
        metrics.setdefault(run, []).append(str(key))
    curves = _Curves(database)
    for run, name, experiment, status, start, end, stage in database.rows(
        "SELECT r.run_uuid, r.name, e.name, r.status, r.start_time, r.end_time, r.lifecycle_stage "
        "FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id "
        "ORDER BY r.experiment_id, r.start_time, r.run_uuid"
    ):
        told = tags.get(run, {})
        times = floats([_float(start), _float(end)], where, "start_time or end_time")
        yield MlflowRun(
            run_id=str(run),
            name=str(told.get(RUN_NAME) or name or ""),
            experiment=str(experiment),
            parent=told.get(PARENT) or None,
            status=str(status or ""),
            start=float(times[0]),
            end=float(times[1]),
            params=params.get(run, {}),
            metrics=metrics.get(run, []),
            logged=curves.of(run),
            deleted=stage == "deleted",
        )


class _Curves:
    """Reads the values of one metric of all runs at once, since runs are asked for the same metric.

    It keeps those of the metric that was asked for last.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._metric: str | None = None
        self._logged: dict[str, LoggedMetric] = {}

    def of(self, run: str) -> Any:
        def logged(metric: str) -> LoggedMetric:
            if metric != self._metric:
                self._logged, self._metric = self._read(metric), metric
            return self._logged[run]

        return logged

    def _read(self, metric: str) -> dict[str, LoggedMetric]:
        rows = self._database.rows(
            "SELECT m.run_uuid, m.timestamp, m.value, m.step, m.is_nan FROM metrics m "
            "WHERE m.key = :metric ORDER BY m.run_uuid, m.timestamp, m.step",
            metric=metric,
        )
        if not rows:
            return {}
        runs, times, values, steps, marked = zip(*rows, strict=True)
        where = f"{self._database.where}, metric {metric!r}"
        time = floats([_float(cell) for cell in times], where, "timestamp")
        value = with_infinities(floats(values, where, "value"))
        value[np.array([bool(cell) for cell in marked])] = np.nan
        step = integers(steps, where, "step")
        names = np.array(runs)
        bounds = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(rows)]
        return {
            runs[low]: LoggedMetric(time[low:high], value[low:high], step[low:high])
            for low, high in pairwise(bounds)
        }


def _float(cell: Any) -> Any:
    """A whole number of milliseconds as a float; any other cell as it is."""
    return float(cell) if isinstance(cell, int) and abs(cell) < 2**63 else cell
