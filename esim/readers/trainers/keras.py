"""Reads Keras' CSVLogger: a CSV file of any name for each run, with a row for each epoch.

The first column is `epoch`, from 0, and "NA" stands for a metric that an epoch lacks. With
append=True a second training continues the file without another header.
Source: keras/src/callbacks/csv_logger.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from esim.readers.formats import Format
from esim.readers.loggers import Logger
from esim.readers.run_logs import Layout

FORMAT = Format(
    name="keras",
    summary="Keras' CSVLogger: a CSV file a run, epoch first",
    needs=("direction", "objective, if there are several metrics"),
    configs=True,
    by_contents=True,
    first_step="done",
)


def _is_header(columns: Sequence[str]) -> bool:
    others = {"trial", "step", "_step", "iteration", "global_step"}
    return columns[:1] == ("epoch",) and len(columns) > 1 and not others & set(columns)


_LOGGER = Logger(
    what="Keras' CSVLogger",
    header="epoch as the first column",
    is_header=_is_header,
    layout=Layout(steps=("epoch",)),
    configs=("hparams.json", "hparams.yaml", "config.json", "config.yaml"),
)
detect = _LOGGER.detect
read = _LOGGER.read
