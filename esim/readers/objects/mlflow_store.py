"""Reads the store behind an `mlflow.MlflowClient`: all experiments, or those of some studies."""

from __future__ import annotations

from dataclasses import replace

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.formats import Found
from esim.readers.options import Options
from esim.readers.source import Source
from esim.readers.trackers import mlflow
from esim.readers.trackers.mlflow_client import Asked

FORMAT = replace(mlflow.FORMAT, module=__name__)


def read(source: Source, options: Options) -> Found:
    """Read the studies of the store. Raises EsimError as the reader of MLflow's stores."""
    client = source.held
    store = Asked(client, str(client.tracking_uri), source.label)
    experiments = store.experiments(options.studies)
    found = list(store.runs(experiments))
    if not found:
        raise EsimError("no run of MLflow", where=source.label)
    grouped, notes = mlflow.experiments(found, source.label)
    return runs.studies(grouped, options, source, notes)
