"""Reads tables in which each row is a trial, with a column for each step of its curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings import cells
from esim.readers.encodings.times import parse_moment
from esim.readers.formats import Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, file_notes, status_note, status_of, studies
from esim.readers.source import Source
from esim.readers.tables.arrangement import OPTUNA, STEP_WORDS, Arrangement, Table
from esim.readers.tables.json_tables import numbers_in
from esim.readers.tables.names import ALIASES, CONFIG, names_metric, plain_name
from esim.readers.tables.records import Oddities, records
from esim.readers.tables.rows import holds_text
from esim.study import Note, Status

UNNAMED = "value"  # the objective where columns are named by the step alone
# Optuna's frame: its column of numbers, and its words of older versions.
_NUMBERS = ("number", "index", "id", "")
_STATES = {
    f"trialstate.{word}": status
    for word, status in (
        ("complete", Status.COMPLETED),
        ("pruned", Status.STOPPED),
        ("fail", Status.FAILED),
    )
}


def read(source: Source, found: Arrangement, options: Options) -> Found:
    """Read one study, in which each row is a trial.

    Args:
        source: the input.
        found: its tables.
        options: what the user asked for.

    Raises:
        EsimError: a cell is no number (the error names path and line), or the objective or
            direction is not known.
    """
    odd = Oddities()
    unknown: list[str] = []
    of_file: list[list[Run]] = []
    for table in found.tables:
        before = sum(map(len, of_file)) if table.columns.trial is None else 0
        of_file.append(_runs(table, options, odd, unknown, before))
    made = [run for runs in of_file for run in runs]
    sure = any(table.is_sure for table in found.tables)
    if made and not sure and all(names_metric(run.trial) for run in made):
        raise EsimError(
            "the rows are metrics, not trials",
            where=source.label,
            why=some([run.trial for run in made]),
            fix="turn the table, so that metrics are columns: frame.T",
        )
    for table, runs in zip(found.tables, of_file, strict=True):
        doubled = len(runs) - len({run.trial for run in runs})
        if doubled:
            raise EsimError(
                f"{plural(doubled, 'row', 'have')} the trial of another row",
                where=str(table.shape.file),
                why="in a table with a column for each step each row is a trial",
                fix="--trial with a column that tells them apart",
            )
    curves = list(next(iter(found.tables[0].curves.values()), ()))
    what = f"{curves[0]} to {curves[-1]}" if curves else "numbered from 1 in its list"
    text = f"each row is a trial, its steps are {what}"
    columns = list(found.tables[0].trial_columns)
    if columns:
        text = f"each column is a trial: {some(columns)}"
    notes = [
        Note("rows_are_trials", text),
        *status_note(unknown),
        *odd.notes(),
    ]
    names = [source.default_name]
    if len(made) > len({run.trial for run in made}):  # each file numbers trials of its own
        names = [table.shape.file.base.rpartition(".")[0] for table in found.tables]
        text = f"each file is a study, because files have trials of one name: {some(names)}"
        notes.append(Note("files_are_studies", text, len(names)))
    else:
        of_file = [made]
    experiments = [
        Experiment(name=name, runs=runs, where=source.label, notes=tuple(notes))
        for name, runs in zip(names, of_file, strict=True)
    ]
    used = {table.shape.file for table in found.tables}
    return studies(experiments, options, source, file_notes(source, used))


def _runs(
    table: Table, options: Options, odd: Oddities, unknown: list[str], before: int
) -> list[Run]:
    """The rows of a table as runs; words for a status that is not known are added to `unknown`."""
    if table.trial_columns:
        return _columns(table, options, odd)
    known, listed = table.columns, table.lists
    trial = known.trial or next((n for n in _NUMBERS if n in table.shape.columns), None)
    curves = {_named(metric, options): steps for metric, steps in table.curves.items()}
    steps = {name for columns in curves.values() for name in columns}
    taken = {trial, known.study, known.start, known.end, known.status, "", *steps, *listed}
    made = []
    for number, (place, row) in enumerate(records(table.shape, odd=odd), start=before):
        if not all(holds_text(row.get(name), text) for name, text in options.where):
            continue
        rest = {n: c for n, c in row.items() if n not in taken and not cells.is_missing(c)}
        status = Status.UNKNOWN
        if known.status is not None:
            status = status_of(cells.plain_text(row.get(known.status)), _STATES, unknown)
        given = {metric: _curve(row, columns, place) for metric, columns in curves.items()}
        count = next((n for n in listed if plain_name(n) in ALIASES["step"]), None)
        given.update({n: _listed(row, n, count, place) for n in listed if n != count})
        made.append(
            Run(
                trial=str(number) if trial is None else cells.plain_text(row.get(trial)),
                metrics=[metric for metric, curve in given.items() if len(curve.steps)]
                or list(given),
                curve=lambda metric, given=given: given[metric],  # type: ignore[misc]
                start=_moment(row, known.start, place),
                end=_moment(row, known.end, place),
                status=status,
                config={CONFIG.sub("", name, count=1): cell for name, cell in rest.items()},
            )
        )
    return made


def _named(metric: str, options: Options) -> str:
    """The name of a metric whose columns may be named by their steps alone ("epoch_1")."""
    if metric == OPTUNA:
        asked = options.objective or ""
        return asked if asked.startswith("intermediate_value") else "value"
    return options.objective or UNNAMED if metric in ("", *STEP_WORDS) else metric


def _listed(row: Mapping[str, Any], name: str, count: str | None, place: str) -> Curve:
    """The curve that a cell holds as a list; a blank cell holds none.

    Args:
        row: the row.
        name: the column of the lists of values.
        count: the column of the lists of steps; None numbers the values from 1.
        place: where the row is, for errors.
    """

    def numbers(column: str) -> list[float]:
        found = [] if cells.is_missing(row.get(column)) else numbers_in(row.get(column))
        if found is None:
            raise EsimError("no list of numbers", where=place, why=f"column {column!r}")
        return [cells.number(number, place, column) for number in found]

    values = numbers(name)
    steps = [*range(1, len(values) + 1)]
    if count is not None:
        steps = [cells.integer(number, place, count) for number in numbers(count)]
    if len(steps) != len(values):
        raise EsimError(
            f"{len(steps)} steps for {len(values)} values", where=place, why=f"{count} and {name}"
        )
    return Curve(np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64))


def _curve(row: Mapping[str, Any], columns: Mapping[str, int], place: str) -> Curve:
    """The curve in a row; an empty cell is no report."""
    given = [(step, row.get(name), name) for name, step in columns.items()]
    given = [
        (step, cell, name)
        for step, cell, name in sorted(given, key=lambda g: g[0])
        if cell not in (None, "")
    ]
    values = [cells.number(cell, place, name) for _, cell, name in given]
    steps: Sequence[int] = [step for step, _, _ in given]
    return Curve(np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64))


def _columns(table: Table, options: Options, odd: Oddities) -> list[Run]:
    """The columns of a table as runs."""
    step = table.columns.step or ""
    metric = options.objective or UNNAMED
    found: dict[str, tuple[list[int], list[float]]] = {
        name: ([], []) for name in table.trial_columns
    }
    for place, row in records(table.shape, odd=odd):
        for name, (steps, values) in found.items():
            if not cells.is_blank(row.get(name)):
                steps.append(cells.integer(row.get(step), place, step))
                values.append(cells.number(row.get(name), place, name))
    curves = {
        table.trial_columns[name]: Curve(np.array(s, dtype=np.int64), np.array(v, dtype=np.float64))
        for name, (s, v) in found.items()
    }
    return [Run(trial, [metric], lambda _, c=curve: c) for trial, curve in curves.items()]  # type: ignore[misc]


def _moment(row: Mapping[str, Any], column: str | None, place: str) -> float:
    if column is None or cells.is_missing(row.get(column)):
        return math.nan
    return parse_moment(row[column], place).seconds
