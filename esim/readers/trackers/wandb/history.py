"""Weights & Biases: a run's history as CSV, JSONL or Parquet, recognised by its column ``_step``.

``run.history()`` and ``run.scan_history()`` written to a file, history artifacts, and the
``wandb-history.jsonl`` of old clients. A row is a logged step and holds some of the metrics.
"""

from __future__ import annotations

from esim.readers.loggers import Logger
from esim.readers.trackers.wandb.offline import LAYOUT

_LOGGER = Logger(
    what="a W&B history",
    header="a column _step",
    is_header=lambda columns: "_step" in columns and not {"trial", "step"} <= set(columns),
    layout=LAYOUT,
    configs=("config.json", "config.yaml"),
    encodings=("CSV", "JSONL", "Parquet"),
)
detect = _LOGGER.detect
read = _LOGGER.read
