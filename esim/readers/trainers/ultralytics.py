"""Reads Ultralytics and YOLOv5: ``<run>/results.csv`` and ``args.yaml``, with a row for each epoch.

Source: ultralytics/engine/trainer.py, save_metrics. The columns are epoch, time (seconds since
training began, in newer releases), train/*, metrics/*, val/* and lr/*.
"""

from __future__ import annotations

from collections.abc import Sequence

from esim.readers.formats import Format
from esim.readers.loggers import Logger
from esim.readers.run_logs import Layout

FORMAT = Format(
    name="ultralytics",
    summary="Ultralytics and YOLOv5: results.csv and args.yaml of each run",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    configs=True,
    first_step="done",
)


def _is_header(columns: Sequence[str]) -> bool:
    own = any(name.startswith(("train/", "metrics/")) for name in columns)
    return columns[:1] == ("epoch",) and own


_LOGGER = Logger(
    what="Ultralytics",
    file="results.csv",
    header="epoch, train/* and metrics/*",
    is_header=_is_header,
    layout=Layout(steps=("epoch",), elapsed=("time",)),
    configs=("args.yaml", "opt.yaml"),
    owns=True,
)
detect = _LOGGER.detect
read = _LOGGER.read
