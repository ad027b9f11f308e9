"""Reads rows that runs of Weights & Biases logged: CSV, JSONL or Parquet with a column ``_step``.

Such files are the results of ``run.history()`` and ``run.scan_history()``, history artifacts, and
the ``wandb-history.jsonl`` of old clients. A row is a logged step with some of the metrics.
"""

from __future__ import annotations

from esim.readers.formats import Format
from esim.readers.loggers import Logger
from esim.readers.tables.names import names_no_trial
from esim.readers.trackers.wandb.offline import LAYOUT

FORMAT = Format(
    name="wandb-history",
    summary="Weights & Biases: a run's history as CSV, JSONL or Parquet, with a column _step",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    configs=True,
    by_contents=True,
    takes=("step", "where"),
    files="a run's history: CSV, JSONL, Parquet with _step",
)

_LOGGER = Logger(
    what="a W&B history",
    header="a column _step",
    hint=b"_step",
    is_header=lambda columns: "_step" in columns and names_no_trial(columns),
    layout=LAYOUT,
    configs=("config.json", "config.yaml"),
    encodings=("CSV", "JSONL", "JSON", "Parquet"),
    separator=".",
    shards=True,
)
detect = _LOGGER.detect
read = _LOGGER.read
