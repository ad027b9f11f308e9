"""Reads tables in which each row is a trial, with a column for each step of its curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.assembly import some
from esim.readers.encodings import cells
from esim.readers.encodings.times import parse_moment
from esim.readers.formats import Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, file_notes, status_note, status_of, studies
from esim.readers.source import Source
from esim.readers.tables.arrangement import Arrangement, Table
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
    made: list[Run] = []
    for table in found.tables:
        made += _runs(table, options, odd, unknown, len(made))
    if made and all(names_metric(run.trial) for run in made):
        raise EsimError(
            "the rows are metrics, not trials",
            where=source.label,
            why=some([run.trial for run in made]),
            fix="turn the table, so that metrics are columns: frame.T",
        )
    doubled = len(made) - len({run.trial for run in made})
    if doubled:
        raise EsimError(
            f"{doubled} row(s) have the trial of another row",
            where=source.label,
            why="in a table with a column for each step each row is a trial",
            fix="--trial with a column that tells them apart",
        )
    curves = list(next(iter(found.tables[0].curves.values()), ()))
    what = f"{curves[0]} to {curves[-1]}" if curves else "numbered from 1 in its list"
    notes = [
        Note("rows_are_trials", f"each row is a trial, its steps are {what}"),
        *status_note(unknown),
        *odd.notes(),
    ]
    experiment = Experiment(
        name=source.default_name, runs=made, where=source.label, notes=tuple(notes)
    )
    used = {table.shape.file for table in found.tables}
    return studies([experiment], options, source, file_notes(source, used))


def _runs(
    table: Table, options: Options, odd: Oddities, unknown: list[str], before: int
) -> list[Run]:
    """The rows of a table as runs; words for a status that is not known are added to `unknown`."""
    known, listed = table.columns, table.lists
    trial = known.trial or next((n for n in _NUMBERS if n in table.shape.columns), None)
    curves = {
        metric or options.objective or UNNAMED: steps for metric, steps in table.curves.items()
    }
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
    steps = list(range(1, len(values) + 1)) if count is None else numbers(count)
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


def _moment(row: Mapping[str, Any], column: str | None, place: str) -> float:
    if column is None or cells.is_missing(row.get(column)):
        return math.nan
    return parse_moment(row[column], place).seconds
