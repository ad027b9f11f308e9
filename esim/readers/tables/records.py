"""Reads the rows of table files, each with its place, and counts what is odd about them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings import jsontext
from esim.readers.encodings.endings import ended_objects, ended_rows
from esim.readers.encodings.parquet_tables import parquet_table
from esim.readers.encodings.utf8 import without_utf16
from esim.readers.limits import check_rows, no_csv
from esim.readers.nested import flat
from esim.readers.source import File
from esim.readers.tables.delimited import BLANKS, Style, is_header, plain_number
from esim.readers.tables.json_tables import JsonTable, json_table, load
from esim.readers.tables.shape import Shape
from esim.study import Note

_BATCH = 10_000  # rows that are objects at the same time
_STYLES: Mapping[Style, str] = {
    "decimal comma": "a decimal comma: 0,5 is 0.5",
    "thousands": "separated thousands: 1,234 is 1234",
    "percent": "a percent sign: 93.5% is 93.5",
    "apostrophe": "an apostrophe before a sign: '-0.5 is -0.5",
    "of": "the number of all: 3/10 is 3",
}


@dataclass
class Oddities:
    """What was odd about the rows of some files and was mended; `notes` says it.

    Attributes:
        headers: the places of rows that repeat the header, which are left out.
        comments: the places of lines of comments.
        styles: the columns whose numbers are not written as in 1234.5, by how they are.
    """

    headers: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    styles: dict[Style, dict[str, None]] = field(default_factory=dict)

    def notes(self) -> list[Note]:
        """A note for each kind."""
        said = []
        if self.headers:
            n = len(self.headers)
            text = f"{plural(n, 'row', 'repeat')} the header: left out"
            said.append(Note("header_repeated", text, n, tuple(self.headers[:3])))
        if self.comments:
            n = len(self.comments)
            text = f"{plural(n, 'line')} of comments left out"
            said.append(Note("comment_lines", text, n, tuple(self.comments[:3])))
        for style, columns in self.styles.items():
            text = (
                f"{plural(len(columns), 'column', 'are')} read as written with {_STYLES[style]}: "
            )
            text += some(list(columns))
            said.append(Note("number_style", text, len(columns)))
        return said


def contents(shape: Shape) -> bytes:
    """The contents of a table file, text as UTF-8; a table in memory has none.

    A last row that was cut off is left out.

    Raises:
        EsimError: it cannot be read, or a row is too large.
    """
    if shape.table is not None:
        return b""
    data = shape.file.read()
    if shape.encoding in ("Parquet", "JSON"):
        return data if shape.encoding == "Parquet" else without_utf16(data)
    check_rows(data, str(shape.file))
    data = without_utf16(data)
    if shape.encoding == "JSONL":
        return ended_objects(shape.file, data)
    delimiter = None if shape.delimiter == BLANKS else shape.delimiter
    return ended_rows(shape.file, data, len(shape.columns), shape.above, delimiter)


def records(
    shape: Shape, data: bytes | None = None, odd: Oddities | None = None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a table file, each as its place (``path:line``) and its cells by column.

    Args:
        shape: the file; its JSON must hold rows.
        data: its contents, if they have been read.
        odd: what is odd about the rows is added here.

    Raises:
        EsimError: a row is broken, or the file is not UTF-8.
    """
    data = contents(shape) if data is None else data
    if shape.encoding in ("Parquet", "Arrow"):
        batches = arrow_table(shape, data, None).to_batches(max_chunksize=_BATCH)
        every = (row for batch in batches for row in batch.to_pylist())
        for number, row in enumerate(every, start=1):
            yield f"{shape.file}, row {number}", row
    elif shape.encoding == "JSONL":
        rows = _json_records(shape.file, data)
        yield from ((place, flat(row)) for place, row in rows) if shape.nested else rows
    elif shape.encoding == "JSON":
        for number, row in enumerate(_held(shape, data).rows, start=1):
            yield f"{shape.file}, entry {number}", row
    else:
        for place, cells in csv_rows(shape, data, odd):
            yield place, dict(zip(shape.columns, cells, strict=True))


def lists(shape: Shape) -> tuple[Mapping[str, Sequence[Any]], Mapping[str, Any]]:
    """The list of each column of a JSON file that holds lists, and the values beside them.

    Args:
        shape: the file.

    Raises:
        EsimError: the file is not JSON.
    """
    found = _held(shape, contents(shape))
    return found.lists, found.beside


def _held(shape: Shape, data: bytes) -> JsonTable:
    """The table of a JSON file; a file that is broken behind its begin is parsed for the error."""
    table = shape.held
    if table is None:
        table = json_table(load(_utf8(shape.file, data), str(shape.file)))
    return JsonTable() if table is None else table


def arrow_table(shape: Shape, data: bytes, wanted: list[str] | None) -> Any:
    """Columns of a Parquet file, or of a table in memory, as an Arrow table.

    Args:
        shape: the file.
        data: its contents.
        wanted: the columns to read; None reads all.

    Raises:
        EsimError: the file is damaged, or holds more than the limits allow.
        KeyError: it has no such column.
    """
    if shape.table is not None:
        return shape.table if wanted is None else shape.table.select(wanted)
    return parquet_table(data, wanted, str(shape.file))


def csv_rows(
    shape: Shape, data: bytes, odd: Oddities | None = None
) -> Iterator[tuple[str, list[str]]]:
    """The rows of a CSV file below its header, each as its place (``path:line``) and its cells.

    Args:
        shape: the file.
        data: its contents.
        odd: what is odd about the rows is added here.

    Raises:
        EsimError: a row has another number of cells than the header, or the file is not UTF-8.
    """
    label = str(shape.file)
    header = list(shape.columns)
    order: list[int] | None = None
    styles = [(i, shape.styles[name]) for i, name in enumerate(header) if name in shape.styles]
    for line, row in _csv_lines(shape, _utf8(shape.file, data)):
        place = f"{label}:{line}"
        if row[0].strip() in header and is_header(row, header):
            names = [cell.strip() for cell in row]
            order = None if names == header else [names.index(name) for name in header]
            if odd is not None:
                odd.headers.append(place)
        elif len(row) != len(header):
            if not row[0].startswith("#"):
                raise EsimError(f"{len(row)} cells where the header has {len(header)}", where=place)
            if odd is not None:
                odd.comments.append(place)
        else:
            cells_of = row if order is None else [row[at] for at in order]
            for at, style in styles:
                cells_of[at] = plain_number(cells_of[at], style)
            yield place, cells_of
    if odd is not None:
        for at, style in styles:
            odd.styles.setdefault(style, {})[header[at]] = None


def _csv_lines(shape: Shape, text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header that are not empty, each with the number of its first line."""
    if shape.delimiter == BLANKS:
        for number, line_text in enumerate(text.split("\n"), start=1):
            if number > shape.above and line_text.strip():
                yield number, line_text.split()
        return
    # The csv module asks for newline="", so that a line end inside quotes is kept.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=shape.delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            if row and reader.line_num > shape.above:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise no_csv(error, f"{shape.file}:{line}") from None


def _json_records(file: File, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_utf8(file, data).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        row = jsontext.parse(line, place)
        if not isinstance(row, dict):
            raise EsimError("not a JSON object", where=place, why=line[:60])
        yield place, row


def _utf8(file: File, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise EsimError("not UTF-8 text", where=f"{file}:{line}", why=str(error)) from None
