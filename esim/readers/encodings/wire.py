"""Reads Protobuf messages field by field without their generated classes.

Source of the encoding: protobuf.dev/programming-guides/encoding. `fault_notes` makes the notes on
files of such messages that are cut off or damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from esim.errors import plural
from esim.readers.assembly import some
from esim.study import Note

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")


class WireError(ValueError):
    """The bytes are not a message."""


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """The fields of a message in turn: number, wire type and value.

    The value of a varint is an unsigned int; that of the other types is their bytes.

    Raises:
        WireError: a value runs beyond the message, or a wire type does not exist.
    """
    at, end = 0, len(data)
    try:
        while at < end:
            key = data[at]
            at += 1
            if key > 127:
                key, at = _varint(data, at - 1)
            kind = key & 7
            if kind == BYTES:
                size = data[at]
                at += 1
                if size > 127:
                    size, at = _varint(data, at - 1)
                stop = at + size
            elif kind == VARINT:
                value = data[at]
                at += 1
                if value > 127:
                    value, at = _varint(data, at - 1)
                yield key >> 3, kind, value
                continue
            elif kind == FIXED64:
                stop = at + 8
            elif kind == FIXED32:
                stop = at + 4
            else:
                raise WireError(f"wire type {kind}")
            if stop > end:
                raise WireError(f"field {key >> 3} runs beyond its message")
            yield key >> 3, kind, data[at:stop]
            at = stop
    except IndexError:
        raise WireError("the message is cut off") from None


def message(data: bytes) -> dict[int, int | bytes]:
    """The fields of a message by number; of a repeated field the last one counts, as in Protobuf.

    Raises:
        WireError: as `fields`.
    """
    return {number: value for number, _, value in fields(data)}


def whole(value: int | bytes) -> int:
    """The signed 64-bit number of a varint. Raises WireError if the field is none."""
    if not isinstance(value, int):
        raise WireError("not a whole number")
    return value - (1 << 64) if value >= 1 << 63 else value


def double(value: int | bytes) -> float:
    """The floating-point number of a 64-bit field. Raises WireError if the field is none."""
    if isinstance(value, int) or len(value) != 8:
        raise WireError("not a double")
    return float(_DOUBLE.unpack(value)[0])


def single(value: int | bytes) -> float:
    """The floating-point number of a 32-bit field. Raises WireError if the field is none."""
    if isinstance(value, int) or len(value) != 4:
        raise WireError("not a float")
    return float(_FLOAT.unpack(value)[0])


def text(value: int | bytes) -> str:
    """The UTF-8 text of a field, undecodable bytes replaced. Raises WireError if it is a number."""
    if isinstance(value, int):
        raise WireError("not text")
    return value.decode("utf-8", "replace")


def part(value: int | bytes) -> bytes:
    """The bytes of a nested message. Raises WireError if the field is a number."""
    if isinstance(value, int):
        raise WireError("not a message")
    return value


def fault_notes(kind: str, faults: Mapping[str, tuple[int, int, int]]) -> list[Note]:
    """The notes on files of records that are cut off or damaged, and on records that are broken.

    Args:
        kind: what the files are called in the notes: "event".
        faults: file or folder -> how many files end within a record, how many are damaged, and how
            many records are no messages.
    """
    said = (
        ("records_cut_off", f"{kind} file", "end", "in the middle of a record; it is left out"),
        (
            "records_damaged",
            f"{kind} file",
            "are",
            "damaged; what stands behind the damage is not read",
        ),
        ("records_odd", "record", "make", f"no message, in {kind} files; left out"),
    )
    notes = []
    for i, (code, what, does, text) in enumerate(said):
        places = [place for place, fault in faults.items() if fault[i]]
        if places:
            n = sum(fault[i] for fault in faults.values())
            told = f"{plural(n, what, does)} {text}: {some(places)}"
            notes.append(Note(code, told, n, tuple(places[:3])))
    return notes


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned number of a varint (at most ten bytes, 64 bits), and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise WireError("a number of more than 64 bits")
