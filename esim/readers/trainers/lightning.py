"""Reads Lightning's CSVLogger: ``<name>/version_<k>/metrics.csv`` with ``hparams.yaml`` beside it.

A row is one call of log_metrics. Training and validation metrics are in different rows, whose other
cells are empty.
Source: lightning/fabric/loggers/csv_logs.py, lightning/pytorch/loggers/csv_logs.py.
"""

from __future__ import annotations

from esim.readers.formats import Format
from esim.readers.loggers import Logger
from esim.readers.run_logs import Layout

FORMAT = Format(
    name="lightning",
    summary="Lightning's CSVLogger: metrics.csv and hparams.yaml of each version",
    needs=("direction", "objective, if there are several metrics"),
    configs=True,
    first_step="done",
)

_LOGGER = Logger(
    what="Lightning's CSVLogger",
    file="metrics.csv",
    header="a column step",
    is_header=lambda columns: "step" in columns and "trial" not in columns,
    layout=Layout(steps=("epoch", "step"), sparse=True),
    configs=("hparams.yaml",),
    owns=True,
)
detect = _LOGGER.detect
read = _LOGGER.read
