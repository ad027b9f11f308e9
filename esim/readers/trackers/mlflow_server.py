"""Reads an MLflow tracking server through MLflow's own client."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from esim.errors import EsimError
from esim.readers.address import Address
from esim.readers.trackers.mlflow_client import Asked
from esim.readers.trackers.mlflow_records import MlflowRun

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def read_runs(address: Address, studies: Sequence[str] = ()) -> Iterator[MlflowRun]:
    """Read every active run of every active experiment; curves are read when they are asked for.

    Args:
        address: the server.
        studies: as in `Asked.experiments`.

    Raises:
        EsimError: the client is not installed, or the server does not answer as MLflow's does.
    """
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise EsimError(
            "MLflow is not installed",
            where=str(address),
            why="a tracking server is read through its client",
            fix="pip install mlflow-skinny",
        ) from None
    server = Asked(MlflowClient(tracking_uri=address.url), address.url, str(address), address.took)
    with _few_retries():
        experiments = server.experiments(studies)
    yield from server.runs(experiments)


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
