"""Recognises table files (CSV, JSONL, Parquet) by their columns, and reads their rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from esim.errors import EsimError
from esim.readers.encodings import jsontext
from esim.readers.source import File

Encoding = Literal["CSV", "JSONL", "Parquet"]
DELIMITERS = (",", "\t", ";")


@dataclass(frozen=True)
class Shape:
    """What the first bytes of a table file show.

    Attributes:
        file: the file.
        encoding: its kind.
        columns: the names of its columns; of a JSONL file, the keys of the first rows.
        delimiter: the delimiter of a CSV file.
        ids_are_text: whether the first row of a JSONL file names its trial as text.
        metadata: the metadata of a Parquet file's schema.
    """

    file: File
    encoding: Encoding
    columns: tuple[str, ...]
    delimiter: str = ","
    ids_are_text: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_reports(self) -> bool:
        """Whether it is a table of reports."""
        return "trial" in self.columns and "step" in self.columns

    @property
    def has_trials(self) -> bool:
        """Whether it is a table of trials."""
        return "trial" in self.columns and "step" not in self.columns


def shape_of(file: File) -> Shape | None:
    """What kind of table a file is; None if it is no table.

    Raises:
        EsimError: the file cannot be opened, or a table of reports has two columns of one name.
    """
    if "shape" not in file.seen:  # kept, because several formats ask for it
        file.seen["shape"] = _look(file)
    return cast("Shape | None", file.seen["shape"])


def _look(file: File) -> Shape | None:
    head = file.head
    if head.startswith(b"PAR1"):
        return _parquet_shape(file)
    text = _head_text(head)
    if text is None:
        return None
    first = text.lstrip()[:1]
    if first == "{":
        return _jsonl_shape(file, text)
    return None if first in ("", "[", "<") else _csv_shape(file, text)


def records(shape: Shape, data: bytes | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a table file, each as its place (``path:line``) and its cells by column.

    Args:
        shape: the file.
        data: its contents, if they have been read.

    Raises:
        EsimError: a row is broken, or the file is not UTF-8.
    """
    contents = shape.file.read() if data is None else data
    if shape.encoding == "Parquet":
        for number, row in enumerate(parquet_table(shape, contents, None).to_pylist(), start=1):
            yield f"{shape.file}, row {number}", row
    elif shape.encoding == "JSONL":
        yield from _json_records(shape.file, contents)
    else:
        for place, cells in csv_rows(shape, contents):
            yield place, dict(zip(shape.columns, cells, strict=True))


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
    best: Shape | None = None
    for delimiter in DELIMITERS:
        try:
            names = next(row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row)
        except (csv.Error, StopIteration):
            continue
        shape = Shape(file, "CSV", tuple(name.strip() for name in names), delimiter)
        if (
            best is None
            or ("trial" in shape.columns and "trial" not in best.columns)
            or ("trial" not in best.columns and len(best.columns) == 1 < len(shape.columns))
        ):
            best = shape
    if best is None or (len(best.columns) < 2 and "trial" not in best.columns):
        return None  # text of another kind
    if best.has_reports:
        doubled = sorted({name for name in best.columns if best.columns.count(name) > 1})
        if doubled:
            raise EsimError(f"column {doubled[0]!r} stands twice", where=f"{file}:1")
    return best


def _jsonl_shape(file: File, text: str) -> Shape | None:
    columns: dict[str, None] = {}
    trial: Any = ""
    for line in text.split("\n")[:1000]:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            break  # cut off by the end of the head, or not JSONL
        if not isinstance(row, dict):
            break
        if not columns:
            trial = row.get("trial", "")
        columns.update(dict.fromkeys(row))
    if not columns:
        return None
    return Shape(file, "JSONL", tuple(columns), ids_are_text=isinstance(trial, str))


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
    return Shape(file, "Parquet", tuple(schema.names), metadata=metadata)


def parquet_table(shape: Shape, data: bytes, wanted: list[str] | None) -> Any:
    """Columns of a Parquet file as an Arrow table.

    Args:
        shape: the file.
        data: its contents.
        wanted: the columns to read; None reads all.

    Raises:
        EsimError: the file is damaged.
    """
    import pyarrow as pa

    from esim.storage import arrow

    try:
        return arrow.parquet(data, wanted)
    except (pa.ArrowException, OSError) as error:
        raise EsimError("damaged Parquet file", where=str(shape.file), why=str(error)) from error


def csv_rows(shape: Shape, data: bytes) -> Iterator[tuple[str, list[str]]]:
    """The rows of a CSV file below its header, each as its place (``path:line``) and its cells.

    Args:
        shape: the file.
        data: its contents.

    Raises:
        EsimError: a row has another number of cells than the header, or the file is not UTF-8.
    """
    # The csv module asks for newline="", so that a line end inside quotes is kept.
    reader = csv.reader(
        io.StringIO(_utf8(shape.file, data), newline=""), delimiter=shape.delimiter, strict=True
    )
    label = str(shape.file)
    header = False
    line = 1
    try:
        for row in reader:
            if row and not header:
                header = True
            elif row:
                place = f"{label}:{line}"
                if len(row) != len(shape.columns):
                    raise EsimError(
                        f"{len(row)} cells where the header has {len(shape.columns)}", where=place
                    )
                yield place, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise EsimError("not CSV", where=f"{shape.file}:{line}", why=str(error)) from None


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
