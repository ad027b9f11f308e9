"""Reads tables whose rows are reports and in which a column names the trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.assembly import ReportColumns, assemble, some, zone_note
from esim.readers.encodings.times import ISO_8601
from esim.readers.formats import Found
from esim.readers.options import Options
from esim.readers.runs import file_notes
from esim.readers.source import Source
from esim.readers.tables.arrangement import Arrangement, Table
from esim.readers.tables.records import Oddities
from esim.readers.tables.report_choice import Choice, choose
from esim.readers.tables.report_parts import (
    ReportPart,
    of_one_split,
    read_parts,
    refuse_shared_trials,
)
from esim.readers.tables.rows import read_rows
from esim.readers.tables.trials import CONFIG, TRIAL_COLUMNS, listed_trials
from esim.readers.whole_steps import whole_steps
from esim.study import Float64, Int64, Note, Study


def read(source: Source, found: Arrangement, options: Options) -> Found:
    """Read the studies: one, or one for each value of the column of studies.

    Args:
        source: the input.
        found: its tables.
        options: what the user asked for.

    Raises:
        EsimError: a cell does not fit its column (the error names path and line), or the objective
            or direction is not known.
    """
    tables = found.tables
    encodings = sorted({table.shape.encoding for table in tables})
    if len(encodings) > 1:
        of_each = [next(t for t in tables if t.shape.encoding == e) for e in encodings]
        raise EsimError(
            "mixed formats: reports in " + " and in ".join(encodings),
            where=source.label,
            why=", ".join(table.shape.file.name for table in of_each),
            fix="give the files of one kind",
        )
    used = {*(table.shape.file for table in tables), *(shape.file for shape in found.trials)}
    notes = file_notes(source, used, "not tables of trials")
    odd = Oddities()
    choice = choose(tables, options, source.label, found.exact)
    said = _data_notes(found, choice, options)
    studies = _studies(source, found, choice, said, options, odd)
    lengths = [int(n) for study in studies for n in study.lengths]
    if not found.exact and len(lengths) > 1 and max(lengths) < 2:
        raise EsimError(
            "no curves",
            where=source.label,
            why=f"each of {len(lengths)} trials has a single row, as tables of last values have",
            fix="export the history of each trial, with a row for each step",
        )
    return Found(tuple(studies), notes)


def _data_notes(found: Arrangement, choice: Choice, options: Options) -> list[Note]:
    """Notes on the columns that were chosen, and on columns and options that are not used."""
    notes = []
    if found.note:
        notes.append(Note("files_are_trials", found.note))
    columns = {name for table in found.tables for name in table.shape.columns}
    unused = sorted(n for n in columns if n.startswith(CONFIG) or n in TRIAL_COLUMNS[2:])
    if unused:
        text = (
            f"{plural(len(unused), 'column')} of the reports left unread: {some(unused)}; "
            "a table of trials has them"
        )
        notes.append(Note("columns_not_read", text, len(unused)))
    if options.metrics:
        notes.append(Note("metric_unused", "--metric is for log text; a table has columns"))
    wanted = choice.wanted[0]
    if not found.exact:
        text = f"trials are {wanted.trial}, steps are {wanted.step}"
        text += f", times are {wanted.time}" if wanted.time is not None else ""
        notes.append(Note("columns_named", text))
    for column, asked in wanted.conditions:
        notes.append(Note("rows_chosen", f"only rows with {column} = {asked} count"))
    return notes


def _studies(
    source: Source,
    found: Arrangement,
    choice: Choice,
    notes: list[Note],
    options: Options,
    odd: Oddities,
) -> list[Study]:
    tables, default = found.tables, source.default_name
    trial_names: dict[str, int] = {}
    study_names: dict[str, int] = {}
    parts, other_step = read_parts(
        tables, choice, found.exact, trial_names, study_names, default, odd
    )
    notes = [*notes, *other_step]
    folders = {table.shape.file.path.parent for table in tables}
    if len(folders) > 1 and not all(table.columns.study for table in tables):
        refuse_shared_trials(tables, parts, list(trial_names), source.label)
        text = f"reports of {len(folders)} folders, without a column study, are taken as one study"
        notes.append(Note("folders_joined", text, len(folders)))
    time, elapsed = choice.wanted[0].time, choice.wanted[0].elapsed
    if time is not None and not elapsed:
        notes += _time_notes(parts, time)
    notes += odd.notes()
    named = any(table.columns.study for table in tables)
    if not study_names:
        return []  # there is no row
    listed = listed_trials(found.trials, list(study_names), named)
    rows, unit = _joined(parts, choice, found.exact, source.label)
    del parts  # of a large table half of what is read so far
    moments = None if found.exact else _moments(tables, choice, rows.times)
    ordered = moments is not None and not np.isnan(moments).any()
    if moments is not None and ordered:
        rows = rows.picked(_by_first_report(moments, rows.study_codes, rows.trial_codes))
    studies = []
    for name, code in study_names.items():
        mine = rows if len(study_names) == 1 else rows.picked(rows.study_codes == code)
        table, table_notes = listed.get(name, (None, []))
        studies.append(
            assemble(
                ReportColumns(
                    trials=list(trial_names),
                    codes=mine.trial_codes,
                    steps=mine.steps,
                    values=mine.values,
                    elapsed=mine.times if elapsed else None,
                    timestamps=None if elapsed else mine.times,
                ),
                table,
                name=name,
                objective=choice.objective,
                direction=choice.direction,
                where=source.label,
                notes=[*notes, *unit, *table_notes],
                asked=options.first_step,
                ordered_by="their first reports" if ordered else "",
            )
        )
    return studies


@dataclass(frozen=True)
class _Rows:
    """The R reports of all files.

    Attributes:
        study_codes, trial_codes, steps: int64 [R].
        values: float64 [R].
        times: float64 [R]; None if there are none.
    """

    study_codes: Int64
    trial_codes: Int64
    steps: Int64
    values: Float64
    times: Float64 | None

    def picked(self, which: Any) -> _Rows:
        """Those of the reports that an index or a mask picks. which: int64 or bool [...]"""
        return _Rows(
            self.study_codes[which],
            self.trial_codes[which],
            self.steps[which],
            self.values[which],
            None if self.times is None else self.times[which],
        )


def _joined(
    parts: Sequence[ReportPart], choice: Choice, exact: bool, where: str
) -> tuple[_Rows, list[Note]]:
    """The reports of all files together, and the note on a step that is no whole number."""
    numbers = _end_to_end([part.rows.steps for part in parts])
    if exact:
        steps, unit = numbers.astype(np.int64), list[Note]()
    else:
        steps, unit = whole_steps(numbers, choice.wanted[0].step, where)
    times = [part.rows.times for part in parts if part.rows.times is not None]
    rows = _Rows(
        _end_to_end([part.study_codes for part in parts]),
        _end_to_end([part.trial_codes for part in parts]),
        steps,
        _end_to_end([part.rows.values for part in parts]),
        _end_to_end(times) if times else None,
    )
    return rows, unit


def _end_to_end(columns: Sequence[Any]) -> Any:
    """Columns one after another; a single one is not copied."""
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def _moments(tables: Sequence[Table], choice: Choice, times: Float64 | None) -> Float64 | None:
    """float64 [R]: when each report was made, seconds since 1970 UTC; None if it is not known.

    Args:
        tables: the tables.
        choice: what is read of them.
        times: float64 [R], the times that are read; None if there are none.
    """
    if times is not None and not choice.wanted[0].elapsed:
        return times
    found = []
    for table, wanted in zip(tables, choice.wanted, strict=True):
        column = table.columns.moment
        if column is None:
            return None
        columns = replace(wanted, time=column, elapsed=False)
        found.append(read_rows(table.shape, columns, Oddities()))
    kept = of_one_split(found, choice, str(tables[0].shape.file))
    times_of = [rows.kept(~rows.blank).times for rows in kept]
    return np.concatenate([part for part in times_of if part is not None])


def _by_first_report(times: Float64, study_codes: Int64, trial_codes: Int64) -> Int64:
    """int64 [R]: the rows with the trials in the order of their first reports.

    Args:
        times: float64 [R], seconds since 1970 UTC.
        study_codes, trial_codes: int64 [R].
    """
    pairs = study_codes * (trial_codes.max(initial=0) + 1) + trial_codes
    first = np.full(int(pairs.max(initial=0)) + 1, np.inf)
    np.minimum.at(first, pairs, times)
    return np.argsort(first[pairs], kind="stable").astype(np.int64)


def _time_notes(parts: Sequence[ReportPart], column: str) -> list[Note]:
    units = sorted({part.rows.time_unit for part in parts})
    notes = []
    if units != [ISO_8601]:
        notes.append(Note("time_unit", f"column {column} is read as {' and '.join(units)}"))
    if any(part.rows.zone_assumed for part in parts):
        notes.append(zone_note(column))
    return notes
