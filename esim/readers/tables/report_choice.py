"""Chooses what is read of tables of reports: the objective, its columns and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from esim.errors import EsimError, near_names
from esim.readers.encodings import cells
from esim.readers.options import Options, settle_direction, settle_objective
from esim.readers.tables.arrangement import Table
from esim.readers.tables.columns import time_kind
from esim.readers.tables.rows import Wanted, texts_of
from esim.study import Direction


@dataclass(frozen=True)
class Choice:
    """What is read of the tables.

    Attributes:
        objective: its name.
        direction: its direction.
        wanted: for each table the columns.
        split: the column whose texts tell the rows of training from those of validation; None if
            there is none, or if the user names the rows.
    """

    objective: str
    direction: Direction
    wanted: tuple[Wanted, ...]
    split: str | None


def choose(tables: Sequence[Table], options: Options, where: str, exact: bool) -> Choice:
    """The objective with its direction, and the columns that are read."""
    from esim.storage import parquet as storage

    stored = {storage.recorded_objective(table.shape.metadata) for table in tables}
    known = stored.pop() if len(stored) == 1 else None
    first = tables[0].columns
    conditions = list(options.where)
    given = dict(conditions)
    kinds = [t.columns.split for t in tables if t.columns.split and t.columns.split not in given]
    split = next(iter(kinds), None)
    recorded: str | None = None
    if first.metric is not None and first.value is not None:
        candidates = texts_in(tables, first.metric)
        recorded = given.get(first.metric)  # --where names the metric
    elif options.value is not None:
        candidates = [options.objective or options.value]
    else:
        candidates = list(dict.fromkeys(name for table in tables for name in table.columns.metrics))
        recorded = known and known[0]
    parts = {
        f"{part}/{name}": (part, name)
        for part in (texts_in(tables, split) if split is not None else ())
        for name in candidates
    }
    if options.objective in parts and options.objective not in candidates:
        objective = options.objective or ""
        part, name = parts[objective]
        conditions.append((split or "", part))
        split = None
    else:
        objective = name = settle_objective(options, candidates, where, recorded)
    value = options.value or name
    if first.metric is not None and first.value is not None:
        value = first.value
        if first.metric not in given:
            conditions.append((first.metric, name))
    for table in tables:
        # A metric may first occur in a late row of JSONL; if it never does, its values are missing.
        if value not in table.shape.columns and table.shape.encoding not in ("JSONL", "JSON"):
            raise EsimError(
                f"no metric {value!r}",
                where=str(table.shape.file),
                fix=f"its columns: {near_names(value, table.shape.columns)}",
            )
    applies = known is not None and known[0] == objective
    direction = settle_direction(options, where, known[1] if known and applies else None)
    time, elapsed = _time_column(tables, where)
    wanted = tuple(
        Wanted(
            trial=table.columns.trial or "",
            step=table.columns.step or "",
            value=value,
            study=table.columns.study,
            time=time,
            elapsed=elapsed,
            tags=[split] if split is not None and split in table.shape.columns else [],
            conditions=[pair for pair in conditions if pair[0] in table.shape.columns],
            whole=exact,
        )
        for table in tables
    )
    return Choice(objective, direction, wanted, split)


def texts_in(tables: Sequence[Table], column: str) -> list[str]:
    """The distinct texts of a column in all tables."""
    return list(
        dict.fromkeys(
            n for t in tables for n in texts_of(t.shape, column) if column in t.shape.columns
        )
    )


def _time_column(tables: Sequence[Table], where: str) -> tuple[str | None, bool]:
    """The column of times, None if there is none, and whether it counts from the trials' starts."""
    times = [table.columns.time for table in tables]
    for name in dict.fromkeys(time for time in times if time is not None):
        for table in tables:
            if name not in table.shape.columns:
                raise EsimError(
                    f"no column {name}",
                    where=str(table.shape.file),
                    why="other files of it have one",
                )
        if name in ("elapsed_s", "timestamp"):
            return name, name == "elapsed_s"
        sample = [
            c for t in tables for c in t.shape.sample.get(name, ()) if not cells.is_missing(c)
        ]
        kind = time_kind(sample)
        return name, kind == "elapsed"
    return None, False
