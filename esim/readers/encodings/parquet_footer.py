"""What the footer of a Parquet file says of its columns, field by field.

pyarrow ends the whole process where statistics in a damaged footer contradict its columns: what
`RowGroupMetaData.column` throws in C++, nobody catches (seen with pyarrow 26). So the few numbers
that the limits need are read here. Sources: the Parquet format's `parquet.thrift`, structures
FileMetaData, RowGroup, ColumnChunk and ColumnMetaData; the Apache Thrift compact protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

BYTE_ARRAY = 6
_ROW_GROUPS, _COLUMNS, _META_DATA = 4, 1, 3  # fields of the structures around a chunk
_TYPE, _PATH, _VALUES, _SIZE = 1, 3, 5, 6  # fields of ColumnMetaData
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_DEEPEST = 32  # structures within each other; Parquet has eight


class Chunk(NamedTuple):
    """One column in one row group.

    Attributes:
        path: its name, with those that it stands under.
        kind: the number of its physical type.
        values: how many values it has.
        size: their bytes before they are compressed.
    """

    path: str
    kind: int
    values: int
    size: int


def chunks(footer: bytes) -> list[Chunk]:
    """The columns of all row groups.

    Raises:
        ValueError: it is no footer.
    """
    try:
        whole, _ = _struct(footer, 0, 0)
    except (IndexError, RecursionError):
        raise ValueError("the footer is damaged") from None
    return list(_chunks(whole))


def _chunks(whole: Any) -> Iterator[Chunk]:
    for group in _of(whole, _ROW_GROUPS, list):
        for column in _of(group, _COLUMNS, list):
            found = _of(column, _META_DATA, dict)
            names = _of(found, _PATH, list)
            if not all(isinstance(name, bytes) for name in names):
                raise ValueError("the footer has a name that is no text")
            path = b".".join(names).decode("utf-8", "replace")
            yield Chunk(path, *(_of(found, field, int) for field in (_TYPE, _VALUES, _SIZE)))


def _of(struct: Any, field: int, kind: type) -> Any:
    """A field of a structure. Raises ValueError if it is not there, or of another kind."""
    value = struct.get(field) if isinstance(struct, dict) else None
    if not isinstance(value, kind):
        raise ValueError("the footer lacks what a column has")
    return value


def _struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """The fields of a structure by number, and where it ends."""
    if depth > _DEEPEST:
        raise ValueError("the footer is nested too deep")
    found: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            given, at = _varint(data, at)
            number = _signed(given)
        if kind in (_TRUE, _FALSE):
            found[number] = kind == _TRUE
        else:
            found[number], at = _value(data, at, kind, depth)
    return found, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    """A value of a type, and where it ends."""
    if kind in (_TRUE, _FALSE, _BYTE):  # flags in lists take a byte
        return data[at], at + 1
    if kind < _DOUBLE:
        number, at = _varint(data, at)
        return _signed(number), at
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _BINARY:
        length, at = _varint(data, at)
        return data[at : at + length], at + length
    if kind == _STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (_LIST, _SET):
        size, inside = data[at] >> 4, data[at] & 15
        at += 1
        if size == 15:
            size, at = _varint(data, at)
        kinds = [inside] * min(size, len(data))  # a value takes a byte at least
    elif kind == _MAP:
        size, at = _varint(data, at)
        kinds = [data[at] >> 4, data[at] & 15] * min(size, len(data)) if size else []
        at += bool(size)
    else:
        raise ValueError(f"the footer has a field of type {kind}")
    values = []
    for each in kinds:
        value, at = _value(data, at, each, depth + 1)
        values.append(value)
    return values, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the least first, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("the footer has a number of more than 64 bits")


def _signed(number: int) -> int:
    """The number that stands as 0, 1, 2, 3, ... for 0, -1, 1, -2, ..."""
    return (number >> 1) ^ -(number & 1)
