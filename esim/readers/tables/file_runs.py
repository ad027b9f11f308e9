"""Reads tables that name no trial: each file is one, or each folder with files of parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from esim.errors import EsimError
from esim.readers.encodings import cells
from esim.readers.formats import Found
from esim.readers.loggers import Logger
from esim.readers.options import Options
from esim.readers.run_logs import Layout
from esim.readers.run_parts import parts_of, with_one_spelling
from esim.readers.run_reading import ROW
from esim.readers.source import Source
from esim.readers.tables.arrangement import Arrangement, Table
from esim.readers.tables.columns import ALIASES, INDEX, plain_name, time_kind
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
    for table in found.tables:
        _refuse_several(table, layout, options)
    return logger.read_parts(source, parts, options, notes)


def _layout(tables: Sequence[Table], options: Options) -> tuple[Layout, list[Note]]:
    """How the tables are written, and a note on the columns that were chosen."""
    order = {alias: at for at, alias in enumerate(ALIASES["step"])}
    found = dict.fromkeys(name for table in tables for name in table.columns.steps)
    steps = tuple(sorted(found, key=lambda name: order.get(plain_name(name), -1)))
    numbered = not steps
    times = dict.fromkeys(t.columns.time for t in tables if t.columns.time is not None)
    kinds = {name: _kind(name, tables) for name in times}
    first = tables[0].columns
    metric = (first.metric, first.value) if first.metric and first.value else None
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
        if plain_name(name) in ALIASES["time"] and name not in times
    ]
    layout = Layout(
        steps=steps or (ROW,),
        elapsed=tuple(name for name, kind in kinds.items() if kind == "elapsed"),
        timestamps=tuple(name for name, kind in kinds.items() if kind == "timestamp"),
        beside=tuple(dict.fromkeys([*others, *config, *INDEX, *timelike, ROW])),
        sparse=True,
        one_row=True,
        metric=metric,
        split="" if first.split is None or options.where else first.split,
    )
    notes = []
    if times:
        notes.append(Note("columns_named", f"times are {', '.join(times)}"))
    if numbered:
        notes.append(Note("rows_numbered", "no column counts steps: rows are numbered from 1"))
    return layout, notes


def _kind(name: str, tables: Sequence[Table]) -> str | None:
    sample = [c for t in tables for c in t.shape.sample.get(name, ()) if not cells.is_missing(c)]
    types = {table.shape.types.get(name) for table in tables if table.shape.types}
    return "timestamp" if "time" in types else time_kind(sample) or "elapsed"


def _refuse_several(table: Table, layout: Layout, options: Options) -> None:
    """Refuse a file in which steps begin again from the first, with a column that tells why.

    Raises:
        EsimError: it holds several trainings.
    """
    shape = table.shape
    step = options.step or next((s for s in layout.steps if s in shape.columns), None)
    sample = shape.sample
    if step is None or step not in sample or shape.lists:
        return
    steps = [_float(cell) for cell in sample[step]]
    begins = [i for i in range(1, len(steps)) if steps[i] < steps[i - 1] and steps[i] == steps[0]]
    if not begins:
        return
    blocks = list(zip([0, *begins], [*begins, len(steps)], strict=True))
    for name, given in sample.items():
        roles = (step, ROW, table.columns.metric, table.columns.split, table.columns.value)
        if name in roles or plain_name(name) in ALIASES["time"]:
            continue
        if name in table.columns.metrics and plain_name(name) not in _TELL:
            continue
        inside = [{str(cell) for cell in given[a:b]} for a, b in blocks]
        if all(len(texts) == 1 for texts in inside) and len(set.union(*inside)) == len(blocks):
            raise EsimError(
                f"the file holds {len(blocks)} or more trainings, one after another",
                where=str(shape.file),
                why=f"{step} begins again, and column {name!r} tells them apart",
                fix=f"--trial {name!r}",
            )


_TELL = ("seed", "fold", "lr", "learning_rate", "repeat", "replicate", "id", "index", "exp")


def _float(cell: Any) -> float:
    return float(cell) if cells.is_number(str(cell)) else float("nan")
