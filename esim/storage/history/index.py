"""The index of a history: a row for each study, where it is and what it was read from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.errors import EsimError, within
from esim.storage.columns import Column, Kind, checked_columns
from esim.storage.typed import MisfitError, convert, parse
from esim.study import Note, as_direction

INDEX = "index.parquet"
SCHEMA = "esim.history/1"
KEY = b"esim"
_SHARD = re.compile(r"(?!\.+$)[A-Za-z0-9._-]+")  # the name of one folder, and no way to another


@dataclass(frozen=True)
class Entry:
    """A study's row in the index.

    Attributes:
        study, objective, direction: as in `Study`.
        shard, group: the shard's folder, and the number of the row group in both of its files.
        first_report, reports: the first of the study's reports in the row group, and how many.
        first_trial, trials: the first of the study's trials in the row group, and how many.
        timed: whether its reports have times.
        input, format: the path or address that the study was read from, and its format.
        sha256: the hash of the input's contents and of the options it was read with.
        notes: the study's notes as JSON text.
        done_at_zero: as in `Study`; None in a history that was written before there was one.
        first_start, last_end: the first start and the last end of its trials, in seconds since 1970
            UTC; NaN where they are unknown (null in the file), and None in a history that was
            written before the index had them (`esim.storage.history.dates`).
        digest: the hash of the study's own reports and trials; None in such a history.
        group_name: the group that the user gave the input, or None.
    """

    study: str
    objective: str
    direction: str
    shard: str
    group: int
    first_report: int
    reports: int
    first_trial: int
    trials: int
    timed: bool
    input: str
    sha256: str
    format: str
    notes: str
    done_at_zero: int | None
    first_start: float | None = None
    last_end: float | None = None
    digest: str | None = None
    group_name: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the row stands for an input that was read and held no study."""
        return self.group < 0


def index_schema() -> Any:
    """The Arrow schema of index.parquet."""
    import pyarrow as pa

    kinds: dict[str, Any] = {
        "text": pa.string(),
        "whole numbers": pa.int64(),
        "numbers": pa.float64(),
        "flags": pa.bool_(),
    }
    fields = [(column.name, kinds[column.kind]) for column in _COLUMNS]
    return pa.schema(fields, metadata={KEY: SCHEMA.encode()})


_KINDS: Mapping[str, Kind] = {
    "str": "text",
    "bool": "flags",
    "int": "whole numbers",
    "float": "numbers",
}
_COLUMNS = tuple(
    Column(name, _KINDS[kind.partition(" ")[0]], nulls="None" in kind, needed="None" not in kind)
    for name, kind in Entry.__annotations__.items()
)
_DATES = ("first_start", "last_end")
# Seconds since 1970 of the years 1990 and 2100. Times outside count from another zero than 1970.
EARLIEST, LATEST = 631_152_000.0, 4_102_444_800.0
_COUNTS = ("first_report", "reports", "first_trial", "trials")


def read_index(data: bytes, where: str) -> tuple[Entry, ...] | None:
    """The rows of an index file.

    Args:
        data: its contents.
        where: the file, for errors.

    Returns:
        None if it is no index of a history.

    Raises:
        EsimError: it is damaged, or holds what no index can.
    """
    import pyarrow as pa

    from esim.storage import arrow

    try:
        table = arrow.parquet(data)
    except (pa.ArrowException, OSError) as error:
        raise arrow.damaged(where, error) from error
    if (table.schema.metadata or {}).get(KEY) != SCHEMA.encode():
        return None
    table = checked_columns(table, _COLUMNS, where)
    absent = [None] * len(table)
    columns = {
        name: table[name].to_pylist() if name in table.column_names else absent
        for name in Entry.__annotations__
    }
    for name in _DATES:
        if name in table.column_names:  # the index says of each whether it is known
            columns[name] = [np.nan if time is None else time for time in columns[name]]
    entries = tuple(map(Entry, *columns.values()))
    _validate([entry for entry in entries if not entry.is_empty], where)
    return entries


def _validate(entries: Sequence[Entry], where: str) -> None:
    """Check what the rows of studies say. Raises EsimError for what no index can say."""
    with within(where):
        for direction in {entry.direction for entry in entries}:
            as_direction(direction)
    for shard in {entry.shard for entry in entries}:
        if not _SHARD.fullmatch(shard):
            raise EsimError(f"{shard!r} cannot be the name of a shard", where=where)
    if len({entry.study for entry in entries}) < len(entries):
        raise EsimError("several rows are of one study", where=where)
    lowest = min((getattr(e, name) for e in entries for name in _COUNTS), default=0)
    if lowest < 0 or not {entry.done_at_zero for entry in entries} <= {None, 0, 1}:
        raise EsimError("a number that cannot be in an index", where=where, why="it is negative")
    times = {getattr(e, name) for e in entries for name in _DATES} - {None}
    if not all(EARLIEST <= time < LATEST for time in times if time == time):
        raise EsimError("a date that cannot be in an index", where=where)


def notes_text(notes: Sequence[Note]) -> str:
    """Notes as the JSON text that the index keeps."""
    return json.dumps([[n.code, n.text, n.count, list(n.evidence)] for n in notes])


_NO_NOTES = notes_text(())


def notes_of(text: str, where: str) -> tuple[Note, ...]:
    """The notes in such text. Raises EsimError if it is of another kind."""
    if text == _NO_NOTES:
        return ()
    try:
        found: tuple[Note, ...] = convert(tuple[Note, ...], parse(text))
    except MisfitError as error:
        raise EsimError("the notes are of another kind", where=where, why=str(error)) from None
    return found
