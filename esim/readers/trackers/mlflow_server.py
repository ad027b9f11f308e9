"""Reads an MLflow tracking server through MLflow's own client."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.address import Address
from esim.readers.trackers.mlflow_records import PARENT, LoggedMetric, MlflowRun, with_infinities

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
PAGE = 1000  # runs in the answer to a request; MLflow allows 50000


def read_runs(address: Address) -> Iterator[MlflowRun]:
    """Read every active run of every active experiment; curves are read when they are asked for.

    Raises:
        EsimError: the client is not installed, or the server does not answer as MLflow's does.
    """
    try:
        from mlflow.entities import ViewType
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise EsimError(
            "MLflow is not installed",
            where=str(address),
            why="a tracking server is read through its client",
            fix="pip install 'esim[mlflow]'",
        ) from None

    def ask(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except MlflowException as error:
            why = str(error).replace(address.url, str(address))[:300]
            raise EsimError(
                "the MLflow server does not answer", where=str(address), why=why
            ) from None

    client = ask(lambda: MlflowClient(tracking_uri=address.url))
    with _few_retries():
        experiments = {
            one.experiment_id: one.name for one in _pages(ask, client.search_experiments, PAGE)
        }
    for number, name in sorted(experiments.items(), key=lambda pair: int(pair[0])):
        found = _pages(
            ask,
            lambda **page: client.search_runs(
                [number],  # noqa: B023 - used before the loop goes on
                run_view_type=ViewType.ACTIVE_ONLY,
                order_by=["attributes.start_time ASC"],
                **page,
            ),
            PAGE,
        )
        for run in found:
            yield MlflowRun(
                run_id=run.info.run_id,
                name=run.info.run_name or "",
                experiment=name,
                parent=run.data.tags.get(PARENT),
                status=run.info.status,
                start=_ms(run.info.start_time),
                end=_ms(run.info.end_time),
                params=dict(run.data.params),
                metrics=sorted(run.data.metrics),
                logged=_logged(ask, client, address, run.info.run_id),
            )


@contextmanager
def _few_retries() -> Iterator[None]:
    """Let MLflow retry a request once, so that a wrong address fails in seconds and not minutes.

    A number of retries that the user has set stays as it is.
    """
    given = os.environ.get(RETRIES)
    os.environ.setdefault(RETRIES, "1")
    try:
        yield
    finally:
        if given is None:
            os.environ.pop(RETRIES, None)


def _logged(ask: Any, client: Any, address: Address, run: str) -> Callable[[str], LoggedMetric]:
    def logged(metric: str) -> LoggedMetric:
        rows = [
            (one.timestamp, one.value, one.step)
            for one in ask(lambda: client.get_metric_history(run, metric))
        ]
        rows.sort(key=lambda row: (row[0], row[2]))
        address.took(repr((run, metric, rows)).encode())
        times, values, steps = zip(*rows, strict=True) if rows else ((), (), ())
        return LoggedMetric(
            np.array(times, dtype=np.float64),
            with_infinities(np.array(values, dtype=np.float64)),
            np.array(steps, dtype=np.int64),
        )

    return logged


def _pages(ask: Any, search: Callable[..., Any], size: int) -> Iterator[Any]:
    """The results on all pages of a search."""
    token = None
    while True:
        page = ask(lambda: search(max_results=size, page_token=token))  # noqa: B023
        yield from page
        token = page.token
        if not token:
            return


def _ms(time: int | None) -> float:
    return math.nan if time is None else float(time)
