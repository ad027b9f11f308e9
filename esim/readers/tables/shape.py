"""Recognises table files by their first bytes: CSV, JSON lines, JSON and Parquet.

A table that is in memory already is an Arrow table, and needs no recognising.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, cast

from esim.errors import EsimError
from esim.readers.encodings.parquet_tables import parquet_head, parquet_schema
from esim.readers.encodings.utf8 import without_utf16
from esim.readers.limits import limits, too_many
from esim.readers.nested import flat
from esim.readers.source import File
from esim.readers.tables.delimited import SAMPLE_ROWS, Seen, Style, delimited
from esim.readers.tables.json_tables import JsonTable, json_table, load, mended

Encoding = Literal["CSV", "JSONL", "JSON", "Parquet", "Arrow"]


@dataclass(frozen=True)
class Shape:
    """What the first bytes of a table file show.

    Attributes:
        file: the file.
        encoding: its kind.
        columns: the names of its columns; of JSON lines, the keys of the first rows.
        delimiter: the delimiter of a CSV file; BLANKS for cells between blanks.
        ids_are_text: whether the first row of JSON lines names its trial as text.
        metadata: the metadata of a Parquet file's schema.
        above: how many lines of a CSV file stand above its first row: comments and the header.
        lists: whether a JSON file holds a list for each column instead of rows.
        look: looks at the first rows, when they are asked for.
        nested: whether objects of JSON lines hold objects, whose cells are joined with "/".
        held: the table in a JSON file, which is parsed once.
        table: of a table in memory, its columns, as a `pyarrow.Table`.
    """

    file: File
    encoding: Encoding
    columns: tuple[str, ...]
    delimiter: str = ","
    ids_are_text: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)
    above: int = 1
    lists: bool = False
    look: Callable[[], Seen] = field(default=Seen, compare=False)
    nested: bool = False
    held: JsonTable | None = field(default=None, compare=False)
    table: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if len(self.columns) > limits().columns:
            raise too_many("columns", str(self.file), limits().columns, len(self.columns))

    @cached_property
    def _seen(self) -> Seen:
        return self.look()

    @property
    def sample(self) -> Mapping[str, Sequence[Any]]:
        """For each column the cells of the first rows (`Seen.sample`); empty for Parquet."""
        return self._seen.sample

    @property
    def styles(self) -> Mapping[str, Style]:
        """How the numbers of a column of a CSV file are written, where not as in 1234.5."""
        return self._seen.styles

    @property
    def ragged(self) -> bool:
        """Whether some row of a CSV file has another number of cells than the header."""
        return self._seen.ragged

    @property
    def has_reports(self) -> bool:
        """Whether it is a table of reports by the plain names of its columns."""
        return "trial" in self.columns and "step" in self.columns

    @property
    def has_trials(self) -> bool:
        """Whether it is a table of trials."""
        return "trial" in self.columns and "step" not in self.columns


def shape_of(file: File) -> Shape | None:
    """What kind of table a file is; None if it is no table.

    Raises:
        EsimError: the file cannot be opened.
    """
    if "shape" not in file.seen:  # kept, because several formats ask for it
        file.seen["shape"] = _look(file)
    return cast("Shape | None", file.seen["shape"])


def _look(file: File) -> Shape | None:
    head = file.head
    if head.startswith(b"PAR1"):
        return _parquet_shape(file)
    text = _head_text(without_utf16(head))
    if text is None:
        return None
    first = text.lstrip()[:1]
    if first in ("{", "["):
        return _jsonl_shape(file, text) or _json_shape(file, text)
    return None if first in ("", "<") else _csv_shape(file, text)


def _head_text(head: bytes) -> str | None:
    """The first bytes as text, None if they are none; a last character may be cut off.

    Letters of another encoding than UTF-8, and the zeros that a crash leaves at the end, make no
    table something else: reading it names the line.
    """
    head = head.rstrip(b"\0")
    if b"\0" in head:
        return None
    return head.decode("utf-8-sig", errors="replace").removesuffix("\ufffd")


def _csv_shape(file: File, text: str) -> Shape | None:
    found = delimited(text)
    if found is None:
        return None
    delimiter, above = found.delimiter, found.above
    return Shape(file, "CSV", found.names, delimiter, above=above, look=lambda: found.seen)


def _jsonl_shape(file: File, text: str) -> Shape | None:
    """The shape of a file with a JSON object a line; None if the first line is none."""
    columns: dict[str, None] = {}
    rows: list[Mapping[str, Any]] = []
    trial: Any = ""
    nested, first = False, {}
    lines = text.split("\n")
    for line in lines[:1000]:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break  # cut off by the end of the head, or not JSONL
        if not isinstance(row, dict):
            break
        if not columns:
            first, trial = row, row.get("trial", "")
        nested = nested or any(isinstance(cell, dict) and cell for cell in row.values())
        row = flat(row) if nested else row
        columns.update(dict.fromkeys(row))
        if len(rows) < SAMPLE_ROWS:
            rows.append(row)
    if not columns or (len(rows) == 1 and json_table(first) is not None):
        return None
    return Shape(
        file,
        "JSONL",
        tuple(columns),
        ids_are_text=isinstance(trial, str),
        nested=nested,
        look=lambda: Seen({name: tuple(row.get(name) for row in rows) for name in columns}),
    )


def _json_shape(file: File, text: str) -> Shape | None:
    """The shape of a file that is one JSON value; None if that is no table."""
    try:
        found = json_table(load(text, str(file)))
    except EsimError:
        # Text in other words, or longer than the head: read whole if its begin is a table.
        if json_table(mended(text)) is None:
            return None
        try:
            found = json_table(load(without_utf16(file.read()).decode("utf-8-sig"), str(file)))
        except (EsimError, UnicodeDecodeError):
            shape = json_shape(file, json_table(mended(text)) or JsonTable())
            return replace(shape, held=None)  # reading it names the place
    return None if found is None else json_shape(file, found)


def json_shape(file: File, found: JsonTable) -> Shape:
    """The shape of a JSON file with a table.

    Args:
        file: the file.
        found: its table, or the begin of it.
    """
    if found.lists:
        sample = {name: tuple(cells[:SAMPLE_ROWS]) for name, cells in found.lists.items()}
        looked = Seen(sample)
        return Shape(file, "JSON", tuple(sample), lists=True, look=lambda: looked, held=found)
    names = dict.fromkeys(name for row in found.rows for name in row)
    head = found.rows[:SAMPLE_ROWS]
    return Shape(
        file,
        "JSON",
        tuple(names),
        look=lambda: Seen({name: tuple(row.get(name) for row in head) for name in names}),
        held=found,
    )


def _parquet_shape(file: File) -> Shape:
    schema = parquet_schema(file)
    metadata = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (schema.metadata or {}).items()
    }

    def look() -> Seen:
        head = parquet_head(file, SAMPLE_ROWS)
        return Seen({name: tuple(cells) for name, cells in head.items()})

    return Shape(file, "Parquet", tuple(schema.names), metadata=metadata, look=look)


def shape_in_memory(file: File, table: Any) -> Shape:
    """The shape of a table that is in memory.

    Args:
        file: what stands for it; it is not opened.
        table: the `pyarrow.Table`.
    """
    head = table.slice(0, SAMPLE_ROWS).to_pydict()
    sample = {name: tuple(cells) for name, cells in head.items()}
    return Shape(file, "Arrow", tuple(table.column_names), look=lambda: Seen(sample), table=table)
