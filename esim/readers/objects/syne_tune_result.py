"""Reads the `ExperimentResult` that Syne Tune's `load_experiment` returns."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.formats import Found
from esim.readers.options import Options
from esim.readers.source import Source
from esim.readers.tuners import syne_tune

FORMAT = replace(syne_tune.FORMAT, module=__name__)


def read(source: Source, options: Options) -> Found:
    """Read the experiment. Raises EsimError as the reader of Syne Tune's folders."""
    result = source.held
    frame = result.results
    if frame is None:
        raise EsimError("no results", where=source.label, why="Syne Tune found no results.csv.zip")
    columns = {str(name): [_text(cell) for cell in frame[name].tolist()] for name in frame.columns}
    places = [f"{source.label}, row {row}" for row in range(1, len(frame) + 1)]
    made = syne_tune.experiment(
        str(result.name), source.label, columns, places, result.metadata, options
    )
    return runs.studies([made], options, source)


def _text(cell: Any) -> str:
    """A cell as pandas writes it into a CSV file; a missing one is empty."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return str(cell)
