"""Reads tables that name no trial: each file is one, or each folder with files of parts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from esim.readers.encodings import cells
from esim.readers.formats import Found
from esim.readers.loggers import Logger
from esim.readers.options import Options
from esim.readers.run_logs import Layout
from esim.readers.run_parts import parts_of, with_one_spelling
from esim.readers.run_reading import INDEX_STEP, ROW
from esim.readers.source import Source
from esim.readers.tables.arrangement import Arrangement, Table
from esim.readers.tables.columns import time_kind
from esim.readers.tables.names import ALIASES, INDEX, ROW_NUMBERS, plain_name
from esim.study import Note

_CONFIGS = (
    "hparams.json",
    "hparams.yaml",
    "params.json",
    "params.yaml",
    "config.json",
    "config.yaml",
)


def read(source: Source, found: Arrangement, options: Options) -> Found:
    """Read one study, in which each file or folder of files is a trial.

    Args:
        source: the input.
        found: its tables.
        options: what the user asked for.

    Raises:
        EsimError: a cell does not fit its column (the error names path and line), a file holds
            several trainings one after another, or the objective or direction is not known.
    """
    layout, notes = _layout(found.tables, options)
    logger = Logger(
        what="a table a run",
        layout=layout,
        is_header=lambda columns: True,
        header="steps",
        configs=_CONFIGS,
    )
    if found.note:
        notes.append(Note("files_are_trials", found.note))
    parts = with_one_spelling(parts_of([table.shape for table in found.tables], layout))
    return logger.read_parts(source, parts, options, notes)


def _layout(tables: Sequence[Table], options: Options) -> tuple[Layout, list[Note]]:
    """How the tables are written, and a note on the columns that were chosen."""
    order = {alias: at for at, alias in enumerate(ALIASES["step"])}
    found = dict.fromkeys(name for table in tables for name in table.columns.steps)
    steps = tuple(sorted(found, key=lambda name: order.get(plain_name(name), -1)))
    indexed = not steps and all(map(_index_counts, tables))
    numbered = not steps and not indexed
    times = dict.fromkeys(t.columns.time for t in tables if t.columns.time is not None)
    kinds = {name: _kind(name, tables) for name in times}
    first = tables[0].columns
    metric = (first.metric, first.value) if first.metric and first.value else None
    asked = {column for column, _ in options.where}
    splits = [t.columns.split for t in tables if t.columns.split and t.columns.split not in asked]
    others = [
        name
        for table in tables
        for name in (table.columns.study, table.columns.start, table.columns.end)
        if name is not None
    ]
    config = [name for table in tables for name in table.columns.config]
    timelike = [
        name
        for table in tables
        for name in table.shape.columns
        if plain_name(name) in (*ALIASES["time"], *ROW_NUMBERS) and name not in times
    ]
    layout = Layout(
        steps=steps or ((INDEX_STEP,) if indexed else (ROW,)),
        elapsed=tuple(name for name, kind in kinds.items() if kind == "elapsed"),
        timestamps=tuple(name for name, kind in kinds.items() if kind == "timestamp"),
        beside=tuple(dict.fromkeys([*others, *config, *INDEX, *timelike, ROW])),
        sparse=True,
        one_row=True,
        metric=metric,
        split=next(iter(splits), ""),
    )
    notes = []
    if times:
        notes.append(Note("columns_named", f"times are {', '.join(times)}"))
    if numbered:
        notes.append(Note("rows_numbered", "no column counts steps: rows are numbered from 1"))
    return layout, notes


def _kind(name: str, tables: Sequence[Table]) -> str | None:
    sample = [c for t in tables for c in t.shape.sample.get(name, ()) if not cells.is_missing(c)]
    return time_kind(sample) or "elapsed"


def _index_counts(table: Table) -> bool:
    """Whether the index of a saved frame counts steps, not just its rows from 0 or 1."""
    for name in INDEX:
        given = [str(cell) for cell in table.shape.sample.get(name, ())]
        if given and all(re.fullmatch(r"[0-9]{1,15}", text) for text in given):
            numbers = [int(cell) for cell in given]
            counted = any(numbers == list(range(b, b + len(numbers))) for b in (0, 1))
            return not counted and len(set(numbers)) == len(numbers)
    return False
