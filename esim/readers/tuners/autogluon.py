"""Reads the learning curves of AutoGluon's models: ``models/<model>/curves.json``.

A predictor keeps them if it was fitted with ``learning_curves=True``. Each file is ``[[data sets],
[metrics], curves]``, with ``curves[metric][data set]`` a value for each iteration. A leaderboard,
which is all that most people keep, holds one score a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from esim.readers import runs
from esim.readers.encodings import cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.readers.tables.records import records
from esim.readers.tables.shape import Shape, shape_of
from esim.study import Note

FORMAT = Format(
    name="autogluon",
    summary="AutoGluon: models/*/curves.json of a fit with learning_curves=True",
    needs=("objective", "direction"),
    several_studies=True,
    files="models/*/curves.json of a fit",
)

CURVES = "curves.json"
HEADER = 2000  # bytes, in which the names of a leaderboard's columns stand
LEADERBOARD = frozenset({"model", "score_val", "fit_order"})
WHY = "a leaderboard of AutoGluon holds one score a model"
TO_RECORD = (
    "next time predictor.fit(..., learning_curves=True), and read the predictor's folder: it then "
    "has models/*/curves.json"
)
_HEAD = re.compile(rb'\s*\[\s*\[\s*"(?:train|val|test)"')


def detect(source: Source) -> Detection:
    """Whether there are learning curves or a leaderboard of AutoGluon."""
    files = _curve_files(source)
    if files:
        return runs.detected(files, "of AutoGluon's models")
    boards = [shape.file for shape in _leaderboards(source)]
    return runs.detected(boards, "is a leaderboard of AutoGluon", weak=True)


def read(source: Source, options: Options) -> Found:
    """Read a study for each predictor.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a file holds no curves of AutoGluon, or there are leaderboards only.
    """
    files = _curve_files(source)
    if not files:
        return runs.studies(list(_boards(source)), options, source)
    predictors: dict[str, list[tuple[str, File]]] = {}
    for file in files:
        folder, model = _place(file)
        predictors.setdefault(folder, []).append((model, file))
    experiments = [
        Experiment(
            name=runs.folder_name(source, folder),
            runs=[_run(model, file) for model, file in models],
            where=str(models[0][1]) if len(models) == 1 else source.label,
            notes=(
                Note("step_column", "steps number the iterations of a model"),
                Note(
                    "scores_turned",
                    "AutoGluon's curves are scores, of which higher is better, also of "
                    "losses, unless learning_curves={'use_error': True}",
                ),
            ),
        )
        for folder, models in predictors.items()
    ]
    return runs.studies(experiments, options, source, runs.file_notes(source, set(files)))


def _curve_files(source: Source) -> list[File]:
    return [file for file in source.by_base.get(CURVES, ()) if _HEAD.match(file.head)]


def _leaderboards(source: Source) -> list[Shape]:
    shapes = (shape_of(file) for file in source.files if b"score_val" in file.head[:HEADER])
    return [shape for shape in shapes if shape is not None and LEADERBOARD.issubset(shape.columns)]


def _boards(source: Source) -> Iterator[Experiment]:
    for shape in _leaderboards(source):
        configs: dict[str, Mapping[str, Any]] = {str(row["model"]): {} for _, row in records(shape)}
        yield runs.without_curves(
            shape.file.name, configs, str(shape.file), why=WHY, to_record=TO_RECORD
        )


def _place(file: File) -> tuple[str, str]:
    """The folder of the predictor of a model, and the model's path below ``models``."""
    above, _, model = f"/{file.folder}".rpartition("/models/")
    return above.lstrip("/"), model.lstrip("/") or file.path.parent.name


def _run(model: str, file: File) -> Run:
    found = jsontext.document(file)
    place = str(file)
    with jsontext.shaped("no curves of AutoGluon", place):
        sets, metrics, curves = found[0], found[1], found[2]
        named = {
            f"{one}/{metric}": curves[row][column]
            for row, metric in enumerate(metrics)
            for column, one in enumerate(sets)
        }
        values = {
            name: [cells.number(value, place, name) for value in column]
            for name, column in named.items()
        }
    return Run(model, list(values), _curve(values))


def _curve(values: dict[str, list[float]]) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        column = np.array(values[metric], dtype=np.float64)
        return Curve(np.arange(1, len(column) + 1, dtype=np.int64), column)

    return curve
