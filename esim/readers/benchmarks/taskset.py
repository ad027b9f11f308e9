"""Reads TaskSet: a JSON file for each task, which lists trials with their whole curves.

The file is ``[{"hp": {...}, "train": {"loss": [...]}, "valid": {...}, "test": {...}}, ...]``, where
"hp" holds the hyperparameters. The first point of a curve is before training. Trials have no ids:
they are numbered from 0 in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.config_files import flat_config
from esim.readers.encodings import cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, detected, file_notes, studies
from esim.readers.source import File, Source
from esim.study import Note

FORMAT = Format(
    name="taskset",
    summary="TaskSet: a JSON file a task, a list of trials with whole curves",
    configs=True,
    several_studies=True,
    by_contents=True,
    first_step="before",
)

_START = re.compile(rb'\s*\[\s*\{\s*"hp"\s*:')
OBJECTIVE = "valid/loss"


def detect(source: Source) -> Detection:
    """Whether there is a list whose first object starts with "hp"."""
    return detected(_files(source), 'with a list of objects that start with "hp"')


def read(source: Source, options: Options) -> Found:
    """Read a study for each file. Raises EsimError as `esim.readers.runs.studies`."""
    files = _files(source)
    if not files:
        raise EsimError('no list of objects with "hp"', where=source.label)
    experiments = [
        Experiment(
            name=file.plain_name.removesuffix(".json"),
            runs=[_run(i, entry, file) for i, entry in enumerate(jsontext.document(file))],
            where=str(file),
            objective=OBJECTIVE,
            objective_from="TaskSet",
            direction="minimize",
            notes=(
                Note("step_column", "steps number the points of a curve; 0 is before training"),
            ),
        )
        for file in files
    ]
    return studies(experiments, options, source, file_notes(source, set(files)))


def _files(source: Source) -> list[File]:
    return [file for file in source.files if _START.match(file.head)]


def _run(number: int, entry: Any, file: File) -> Run:
    place = f"{file}, trial {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("hp"), dict):
        raise EsimError("not a trial of TaskSet", where=place, why="hp, train, valid and test")
    curves: Mapping[str, list[Any]] = {
        f"{split}/{metric}": points
        for split, metrics in entry.items()
        if split != "hp" and isinstance(metrics, dict)
        for metric, points in metrics.items()
        if isinstance(points, list)
    }

    def curve(metric: str) -> Curve:
        points = [cells.number(point, place, metric) for point in curves[metric]]
        values = np.array(points, dtype=np.float64)
        return Curve(np.arange(len(values), dtype=np.int64), values)

    return Run(str(number), list(curves), curve, config=flat_config(entry["hp"]))
