"""Recognises table files by their first bytes: CSV, JSON lines, JSON and Parquet.

A table that is in memory already is an Arrow table, and needs no recognising.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from esim.errors import EsimError
from esim.readers.encodings.cells import is_number
from esim.readers.encodings.utf8 import without_utf16
from esim.readers.source import HEAD_BYTES, File
from esim.readers.tables.json_tables import JsonTable, json_table, mended

Encoding = Literal["CSV", "JSONL", "JSON", "Parquet", "Arrow"]
DELIMITERS = (",", "\t", ";")
SAMPLE_ROWS = 50

BLANKS = " "  # the delimiter of tables whose cells stand between any number of blanks

Style = Literal["decimal comma", "thousands", "percent", "of", "apostrophe"]
_FRACTION = re.compile(r"[-+]?[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_PERCENT = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)? ?%")
_OF = re.compile(r"[0-9]+ ?/ ?[0-9]+")  # an epoch and the number of all: 3/10
_WORD = re.compile(r"[A-Za-z_][\w./%()-]*")


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
        styles: how the numbers of a column of a CSV file are written, where not as in 1234.5.
        ragged: whether some row of a CSV file has another number of cells than the header.
        lists: whether a JSON file holds a list for each column instead of rows.
        sample: for each column the cells of the first rows, at most SAMPLE_ROWS, None where a row
            has none; empty for Parquet.
        types: for each column of a Parquet file "number", "text", "time" or "other".
        table: of a table in memory, its columns, as a `pyarrow.Table`.
    """

    file: File
    encoding: Encoding
    columns: tuple[str, ...]
    delimiter: str = ","
    ids_are_text: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)
    above: int = 1
    styles: Mapping[str, Style] = field(default_factory=dict)
    ragged: bool = False
    lists: bool = False
    sample: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    table: Any = field(default=None, compare=False)

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
    """The first bytes as text, None if they are not; a last character may be cut off."""
    if b"\0" in head:
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return None
        return head[: error.start].decode("utf-8-sig")


def _csv_shape(file: File, text: str) -> Shape | None:
    text, comments = _below_comments(text)
    cut = len(text.encode()) + 3 >= HEAD_BYTES
    best: tuple[str, list[str], int] | None = None
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        try:
            names = [name.strip() for name in next(row for row in reader if row)]
        except (csv.Error, StopIteration):
            continue
        if (
            best is None
            or ("trial" in names and "trial" not in best[1])
            or ("trial" not in best[1] and len(best[1]) == 1 < len(names))
            or ("trial" not in best[1] and delimiter == "\t" and len(names) > 1)
        ):
            best = delimiter, names, reader.line_num
    if best is None or (len(best[1]) < 2 and "trial" not in best[1]):
        return _blanks_shape(file, text, comments, cut)
    delimiter, names, above = best
    rows = _sample_rows(text, delimiter, above, cut)
    if rows and _is_second_header(names, rows[0]):
        names = [f"{a}_{b}" if b else a for a, b in zip(names, rows[0], strict=True)]
        above, rows = above + 1, rows[1:]
    rows = [row for row in rows if not is_header(row, names) and not row[0].startswith("#")]
    styles = _styles(names, rows, delimiter)
    sample = _by_column(names, rows)
    for name, style in styles.items():
        sample[name] = tuple(cell and plain_number(cell, style) for cell in sample[name])
    return Shape(
        file,
        "CSV",
        tuple(names),
        delimiter,
        above=above + comments,
        styles=styles,
        ragged=any(len(row) != len(names) for row in rows),
        sample=sample,
    )


def _blanks_shape(file: File, text: str, comments: int, cut: bool) -> Shape | None:
    """The shape of a table whose cells stand between blanks, as pandas and numpy print it."""
    lines = [line.split() for line in text.split("\n", SAMPLE_ROWS + 2) if line.strip()]
    if len(lines) < 2 or not all(_WORD.fullmatch(name) for name in lines[0]):
        return None
    names, rows = lines[0], lines[1 : SAMPLE_ROWS + 1]
    rows = rows[:-1] if cut and len(rows) > 1 else rows
    index = len(rows[0]) == len(names) + 1  # pandas prints no name for it
    names = ["", *names] if index else names
    numbers = all(len(row) == len(names) and all(map(is_number, row)) for row in rows)
    if len(names) < 2 or not numbers:
        return None
    above = comments + text[: text.index(lines[0][0])].count("\n") + 1
    return Shape(file, "CSV", tuple(names), BLANKS, above=above, sample=_by_column(names, rows))


def is_header(row: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row repeats the header, perhaps with its columns in another order."""
    stripped = [cell.strip() for cell in row]
    return stripped == list(names) or (len(set(stripped)) > 1 and sorted(stripped) == sorted(names))


def _styles(
    names: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str
) -> dict[str, Style]:
    """How the numbers of a column are written, where it is not as in 1234.5."""
    styles: dict[str, Style] = {}
    for name, column in _by_column(names, rows).items():
        given = [cell.strip() for cell in column if cell and cell.strip()]
        commas = [cell for cell in given if "," in cell]
        if given and any(cell[:1] == "'" for cell in given):
            styles[name] = "apostrophe"
        elif given and all(_PERCENT.fullmatch(cell) for cell in given):
            styles[name] = "percent"
        elif given and all(_OF.fullmatch(cell) for cell in given):
            styles[name] = "of"
        elif commas and all(_FRACTION.fullmatch(cell) or is_number(cell) for cell in given):
            thousands = delimiter == "," and all(_THOUSANDS.fullmatch(cell) for cell in commas)
            styles[name] = "thousands" if thousands else "decimal comma"
        elif commas and all(_THOUSANDS.fullmatch(cell) or is_number(cell) for cell in given):
            styles[name] = "thousands"
    return styles


def plain_number(cell: str, style: Style) -> str:
    """A cell as Python writes its number; a cell of another style stays as it is.

    >>> plain_number("0,5", "decimal comma"), plain_number("1,234", "thousands")
    ('0.5', '1234')
    >>> plain_number("93.5%", "percent"), plain_number("3/10", "of")
    ('93.5', '3')
    """
    text = cell.strip()
    if style == "decimal comma" and _FRACTION.fullmatch(text):
        return text.replace(",", ".")
    if style == "thousands" and _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    if style == "percent" and _PERCENT.fullmatch(text):
        return text[:-1].strip()
    if style == "apostrophe" and text[:1] == "'" and text[1:2] in ("=", "+", "-", "@"):
        return text[1:]
    if style == "of" and _OF.fullmatch(text):
        return text.partition("/")[0].strip()
    return cell


def _below_comments(text: str) -> tuple[str, int]:
    """The text without lines of comments at its begin, and how many these are.

    A comment with as many words as the row below has numbers is a header: "# epoch loss". Excel's
    "sep=;" is a comment.
    """
    comments = 0
    while text.startswith("#") or text[:4].lower() == "sep=":
        line, _, rest = text.partition("\n")
        below = rest.partition("\n")[0].strip()
        if not below:
            break
        for sign in (r"\s*[,;\t]\s*", r"\s+"):
            cells, words = re.split(sign, below), re.split(sign, line.strip("# \r"))
            named = len(cells) == len(words) > 1 and not any(map(is_number, words))
            if named and all(map(is_number, cells)):
                return line.strip("# \r") + "\n" + rest, comments
        text, comments = rest, comments + 1
    return text, comments


def _sample_rows(text: str, delimiter: str, above: int, cut: bool) -> list[list[str]]:
    """The first rows below the header; the last one is left out if the text is cut."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row and reader.line_num > above:
                rows.append(row)
                if len(rows) == SAMPLE_ROWS:
                    return rows
    except csv.Error:
        return rows
    return rows[:-1] if cut else rows


def _is_second_header(names: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row continues the header, as pandas writes columns of two levels.

    The first level then repeats, and the row is empty where the first level says all.
    """
    if len(row) != len(names) or len(set(names)) == len(names):
        return False
    pairs = list(zip(names, row, strict=True))
    doubled = [cell for name, cell in pairs if names.count(name) > 1]
    single = [cell for name, cell in pairs if names.count(name) == 1 and cell]
    return not row[0] and all(doubled) and not any(map(is_number, single))


def _jsonl_shape(file: File, text: str) -> Shape | None:
    """The shape of a file with a JSON object a line; None if the first line is none."""
    columns: dict[str, None] = {}
    rows: list[Mapping[str, Any]] = []
    trial: Any = ""
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
            trial = row.get("trial", "")
        columns.update(dict.fromkeys(row))
        if len(rows) < SAMPLE_ROWS:
            rows.append(row)
    if not columns or (len(rows) == 1 and json_table(rows[0]) is not None):
        return None
    return Shape(
        file,
        "JSONL",
        tuple(columns),
        ids_are_text=isinstance(trial, str),
        sample={name: tuple(row.get(name) for row in rows) for name in columns},
    )


def _json_shape(file: File, text: str) -> Shape | None:
    """The shape of a file that is one JSON value; None if that is no table."""
    try:
        found = json_table(json.loads(text))
    except (ValueError, RecursionError):
        # Text in other words, or longer than the head.
        if len(text.encode()) + 3 < HEAD_BYTES:
            return None
        found = json_table(mended(text))
    return None if found is None else json_shape(file, found)


def json_shape(file: File, found: JsonTable) -> Shape:
    """The shape of a JSON file with a table.

    Args:
        file: the file.
        found: its table, or the begin of it.
    """
    if found.lists:
        sample = {name: tuple(cells[:SAMPLE_ROWS]) for name, cells in found.lists.items()}
        return Shape(file, "JSON", tuple(sample), lists=True, sample=sample)
    names = dict.fromkeys(name for row in found.rows for name in row)
    head = found.rows[:SAMPLE_ROWS]
    return Shape(
        file,
        "JSON",
        tuple(names),
        sample={name: tuple(row.get(name) for row in head) for name in names},
    )


def _by_column(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    return {
        name: tuple(row[i] if i < len(row) else None for row in rows)
        for i, name in enumerate(names)
    }


def _parquet_shape(file: File) -> Shape:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from esim.storage import arrow

    plain = file.compression is None
    try:
        schema = pq.read_schema(str(file.path) if plain else arrow.reader(file.read()))
    except (pa.ArrowException, OSError) as error:
        raise EsimError("damaged Parquet file", where=str(file), why=str(error)) from error
    metadata = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (schema.metadata or {}).items()
    }
    types = {name: _arrow_type(schema.field(i).type) for i, name in enumerate(schema.names)}
    return Shape(file, "Parquet", tuple(schema.names), metadata=metadata, types=types)


def shape_in_memory(file: File, table: Any) -> Shape:
    """The shape of a table that is in memory.

    Args:
        file: what stands for it; it is not opened.
        table: the `pyarrow.Table`.
    """
    head = table.slice(0, SAMPLE_ROWS).to_pydict()
    sample = {name: tuple(cells) for name, cells in head.items()}
    return Shape(file, "Arrow", tuple(table.column_names), sample=sample, table=table)


def _arrow_type(kind: Any) -> str:
    import pyarrow as pa

    inner = getattr(kind, "value_type", kind) if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_decimal(inner):
        return "number"
    if pa.types.is_string(inner) or pa.types.is_large_string(inner):
        return "text"
    return "time" if pa.types.is_timestamp(inner) else "other"
