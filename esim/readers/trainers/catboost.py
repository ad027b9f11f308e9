"""Reads CatBoost: learn_error.tsv and test_error.tsv in each run's folder (catboost_info).

Beside them time_left.tsv holds the milliseconds since training began, and catboost_training.json
the data sets and whether a metric is minimized. Of several evaluation sets all but the last have
columns ``<metric>:<number>``; the last one decides about early stopping.
Source: catboost/libs/train_lib, catboost/libs/logging (1.2), and what it wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings import cells
from esim.readers.encodings.endings import ended_lines
from esim.readers.formats import Detection, Format, Found
from esim.readers.launch_order import launch_order
from esim.readers.options import Options
from esim.readers.run_logs import folder_of, run_names
from esim.readers.runs import Curve, Experiment, Run, file_notes, studies
from esim.readers.source import File, Source
from esim.readers.tables.records import contents, csv_rows
from esim.readers.tables.shape import Shape, shape_of
from esim.study import Direction, Note

FORMAT = Format(
    name="catboost",
    summary="CatBoost: learn_error.tsv and test_error.tsv of each run (catboost_info)",
    needs=("objective, if there are several metrics",),
    times=True,
    first_step="done",
    sample={
        "lr1/catboost_info/learn_error.tsv": "iter\tLogloss\n0\t0.5\n1\t0.25\n",
        "lr1/catboost_info/test_error.tsv": "iter\tLogloss\n0\t0.625\n1\t0.375\n",
        "lr1/catboost_info/time_left.tsv": "iter\tPassed\tRemaining\n0\t47\t47\n1\t94\t0\n",
        "lr1/catboost_info/catboost_training.json": '{\n"meta":{"test_sets":["test"],'
        '"test_metrics":[{"best_value":"Min","name":"Logloss"}],"learn_metrics":'
        '[{"best_value":"Min","name":"Logloss"}],"launch_mode":"Train"},\n"iterations":[\n]}',
    },
    files="learn_error.tsv, test_error.tsv of catboost_info",
)

_LEARN, _TEST, _TIME, _META = (
    "learn_error.tsv",
    "test_error.tsv",
    "time_left.tsv",
    "catboost_training.json",
)
_SET = re.compile(r"(.+):(\d+)")
_EVENTS = re.compile(r"(?:^|/)(?:learn|test\d*|tmp)$")
_FOLD = re.compile(r"(?:.*/)?fold-\d+")
_DIRECTIONS: Mapping[str, Direction] = {"Min": "minimize", "Max": "maximize"}


@dataclass
class _Folder:
    """The files of a run.

    Attributes:
        name: the folder.
        tables: base name -> the table.
        meta: what catboost_training.json says of the run; empty if it says nothing.
    """

    name: str
    tables: dict[str, Shape] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        """Whether its test_error.tsv is of an earlier fit, or of candidates of grid_search."""
        return _TEST in self.tables and self.meta.get("test_sets") == []

    @property
    def columns(self) -> dict[str, tuple[Shape, int]]:
        """Metric -> its table and the number of its column. The evaluation metric comes first."""
        found: dict[str, tuple[Shape, int]] = {}
        test = None if self.stale else self.tables.get(_TEST)
        if test is not None:
            named = list(enumerate(test.columns[1:], start=1))
            named.sort(key=lambda item: _SET.fullmatch(item[1]) is not None)  # the last set first
            found = {f"test/{name}": (test, at) for at, name in named}
        learn = self.tables.get(_LEARN)
        if learn is not None:
            for at, metric in enumerate(learn.columns[1:], start=1):
                found[f"learn/{metric}"] = (learn, at)
        return found

    def direction(self, metric: str) -> Direction | None:
        """Whether a metric is minimized, as the run says."""
        part, _, name = metric.partition("/")
        kind = "learn_metrics" if part == "learn" else "test_metrics"
        for entry in self.meta.get(kind) or ():
            if isinstance(entry, Mapping) and entry.get("name") == _SET.sub(r"\1", name):
                return _DIRECTIONS.get(str(entry.get("best_value")))
        return None


def detect(source: Source) -> Detection:
    """Whether there are such files with a column iter; all that lies below them is CatBoost's."""
    folders = _folders(source)
    if not folders:
        return Detection(False, "")
    files = [shape.file for folder in folders for shape in folder.tables.values()]
    saw = f"{some([file.name for file in files])} with iter"
    return Detection(True, saw, claims=_own_files(source, files))


def read(source: Source, options: Options) -> Found:
    """Read the runs of the input as one study.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: the rows are the candidates of grid_search, a cell is no number, or as
            `esim.readers.runs.studies`.
    """
    folders = _folders(source)
    if not folders:
        raise EsimError("no learn_error.tsv or test_error.tsv of CatBoost", where=source.label)
    for folder in folders:
        if folder.meta.get("parameters"):
            raise EsimError(
                "no curves: the rows are the candidates of grid_search or randomized_search",
                where=folder.name or source.label,
                why="CatBoost keeps the best value of each candidate only",
                fix="fit each candidate by itself, with a train_dir of its own",
            )
    names = run_names([folder.name for folder in folders], source.default_name)
    order, ordered_by = launch_order(
        names,
        [folder.name for folder in folders],
        [next(iter(folder.tables.values())).file.path for folder in folders],
        [np.nan] * len(folders),
    )
    ordered = [(names[i], folders[i]) for i in order]
    metrics = list(dict.fromkeys(name for _, folder in ordered for name in folder.columns))
    objective = next((name for name in metrics if name.startswith("test")), metrics[0])
    wanted = options.objective or objective or ""
    directions = {folder.direction(wanted) for _, folder in ordered}
    experiment = Experiment(
        name=source.default_name,
        runs=[_run(name, folder) for name, folder in ordered],
        where=source.label,
        objective=wanted,
        objective_from="CatBoost's evaluation metric",
        direction=directions.pop() if len(directions) == 1 else None,
        ordered_by=ordered_by,
        times="elapsed",
        notes=tuple(_notes(ordered)),
    )
    tables = [shape.file for folder in folders for shape in folder.tables.values()]
    return studies([experiment], options, source, file_notes(source, _own_files(source, tables)))


def _notes(folders: Sequence[tuple[str, _Folder]]) -> list[Note]:
    notes = [Note("step_column", "steps are iter, the trees from 0 on")]
    stale = [name for name, folder in folders if folder.stale]
    if stale:
        text = (
            f"test_error.tsv of an earlier fit in {plural(len(stale), 'run')}, as "
            f"catboost_training.json shows, and is left out: {some(stale)}"
        )
        notes.append(Note("files_of_earlier_fit", text, len(stale)))
    folds = [name for name, folder in folders if _FOLD.fullmatch(folder.name)]
    if folds and len(folds) == len(folders):
        text = (
            f"{plural(len(folds), 'trial', 'are')} of a fold of cross-validation, not of a "
            "configuration"
        )
        notes.append(Note("folds_as_trials", text, len(folds)))
    return notes


def _own_files(source: Source, tables: Sequence[File]) -> frozenset[File]:
    """The files that CatBoost writes beside some tables of its own, and event files below them."""
    folders = {file.folder for file in tables}
    return frozenset(
        file
        for file in source.files
        if (file.folder in folders and file.base in (_LEARN, _TEST, _TIME, _META))
        or _EVENTS.sub("", file.folder) in folders - {file.folder}
    )


def _folders(source: Source) -> list[_Folder]:
    found: dict[str, _Folder] = {}
    for base in (_TEST, _LEARN, _TIME):
        for file in source.by_base.get(base, []):
            shape = shape_of(file)
            if shape is not None and shape.columns[:1] == ("iter",) and shape.delimiter == "\t":
                name = folder_of(file)
                found.setdefault(name, _Folder(name)).tables[base] = shape
            elif shape is None:
                ended_lines(file, file.head)  # notes a header that was cut off
    for file in source.by_base.get(_META, []):
        folder = found.get(folder_of(file))
        if folder is not None:
            folder.meta = _meta(file)
    return [folder for _, folder in sorted(found.items()) if folder.tables.keys() & {_LEARN, _TEST}]


def _meta(file: File) -> dict[str, Any]:
    """What the begin of catboost_training.json says of the run; a killed run leaves it unclosed."""
    text = file.head.decode("utf-8", "replace")
    at = text.find('"meta":')
    if at < 0:
        return {}
    try:
        meta, end = json.JSONDecoder().raw_decode(text, at + len('"meta":'))
    except ValueError:
        return {}
    known = meta if isinstance(meta, dict) else {}
    candidates = re.search(r'"parameters":\s*\[', text[end:])
    return {**known, "parameters": candidates is not None}


def _run(name: str, folder: _Folder) -> Run:
    columns = folder.columns

    def curve(metric: str) -> Curve:
        shape, at = columns[metric]
        steps, values = _column(shape, at)
        time = folder.tables.get(_TIME)
        if time is None or "Passed" not in time.columns:
            return Curve(steps, values)
        iters, passed = _column(time, time.columns.index("Passed"))
        known = dict(zip(iters.tolist(), (passed / 1000.0).tolist(), strict=True))
        times = np.array([known.get(step, np.nan) for step in steps.tolist()], dtype=np.float64)
        return Curve(steps, values, times)

    return Run(trial=name, metrics=list(columns), curve=curve)


def _column(shape: Shape, at: int) -> tuple[Any, Any]:
    """int64 [R] the iterations, and float64 [R] a column of numbers; empty cells are no reports."""
    steps, values = [], []
    for place, row in csv_rows(shape, contents(shape)):
        if row[at] != "":
            steps.append(cells.integer(row[0], place, "iter"))
            values.append(cells.number(row[at], place, shape.columns[at]))
    return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)
