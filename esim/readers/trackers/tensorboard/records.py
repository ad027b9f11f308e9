"""Reads the records of TFRecord files and checks their checksums.

A record is a u64 length, the u32 masked CRC of it, the payload, and the u32 masked CRC of that.
Source: tensorflow/core/lib/io/record_writer.h. The checksums of all records are computed together,
one byte of every record at a time, so that NumPy does it; this takes about as long as finding the
records.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<Q")
_AROUND = 16  # bytes of a record besides its payload
_SIDE_BY_SIDE = 512  # payloads up to this size are checked together, longer ones (few) one by one


@dataclass(frozen=True)
class EventRecords:
    """The records of a file up to its end or to the first that is broken.

    Attributes:
        payloads: the payloads in the order of the file.
        left: bytes behind the last good record; 0 if the whole file is good.
        damaged: whether a checksum is wrong there. If not, and `left` > 0, the last record is
            still being written, or was cut off.
    """

    payloads: list[bytes]
    left: int
    damaged: bool


def records(data: bytes) -> EventRecords:
    """The records of a file. Like TensorBoard it stops reading at the first wrong checksum.

    Args:
        data: the file's contents.
    """
    starts, lengths, at, size = [], [], 0, len(data)
    while at + 12 <= size:
        length = _LENGTH.unpack_from(data, at)[0]
        if length > size - at - _AROUND:
            break
        starts.append(at)
        lengths.append(length)
        at += length + _AROUND
    buffer = np.frombuffer(data, dtype=np.uint8)
    where = np.array(starts, dtype=np.int64)
    long = np.array(lengths, dtype=np.int64)
    ends = where + 12 + long
    good = _masked(buffer, where, np.full(len(where), 8)) == _stored(buffer, where + 8)
    # Behind a wrong length nothing can be read, so only the records before it are checked.
    first = _first_false(good)
    good = _masked(buffer, where[:first] + 12, long[:first]) == _stored(buffer, ends[:first])
    first = _first_false(good)
    end = int(ends[first - 1]) + 4 if first else 0
    damaged = first < len(starts) or (
        size - end >= 12 and not header_ok(data[end : end + 12])  # an impossible length
    )
    payloads = [
        data[start + 12 : start + 12 + length]
        for start, length in zip(starts[:first], lengths[:first], strict=True)
    ]
    return EventRecords(payloads, size - end, damaged)


def header_ok(head: bytes) -> bool:
    """Whether a record starts with these bytes: a length and its checksum, 12 bytes.

    Args:
        head: the first bytes; fewer than 12 are no record.
    """
    if len(head) < 12:
        return False
    return int.from_bytes(head[8:12], "little") == _mask(_crc(head[:8]))


def _first_false(flags: NDArray[np.bool_]) -> int:
    wrong = np.flatnonzero(~flags)
    return int(wrong[0]) if wrong.size else len(flags)


def _table() -> NDArray[np.uint32]:
    """The table of CRC-32C: polynomial 0x1EDC6F41, reflected."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table.astype(np.uint32)


_TABLE = _table()
_PLAIN_TABLE: list[int] = _TABLE.tolist()


def _crc(data: bytes) -> int:
    crc = 0xFFFF_FFFF
    for byte in data:
        crc = _PLAIN_TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFF_FFFF


def _mask(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + 0xA282_EAD8) & 0xFFFF_FFFF


def _stored(buffer: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.uint32]:
    """uint32: the little-endian number at each position of a buffer."""
    found = np.zeros(len(at), dtype=np.uint32)
    for byte in range(4):
        found |= buffer[at + byte].astype(np.uint32) << np.uint32(8 * byte)
    return found


def _masked(
    buffer: NDArray[np.uint8], at: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """uint32: the masked CRC-32C of ``buffer[at:at + length]`` for each position and length."""
    crc = np.full(len(at), 0xFFFF_FFFF, dtype=np.uint32)
    order = np.argsort(-lengths, kind="stable")
    places, sizes = at[order], lengths[order]
    few = int((sizes > _SIDE_BY_SIDE).sum())
    for i in range(few):
        start = int(places[i])
        crc[i] = _crc(buffer[start : start + int(sizes[i])].tobytes()) ^ 0xFFFF_FFFF
    longest = int(sizes[few]) if few < len(sizes) else 0
    # For each byte, how many payloads have it; they stand first, as the longest come first.
    going = np.searchsorted(-sizes, -np.arange(longest), side="left")
    for byte in range(longest):
        part = slice(few, int(going[byte]))
        crc[part] = _TABLE[(crc[part] ^ buffer[places[part] + byte]) & 255] ^ (crc[part] >> 8)
    crc ^= np.uint32(0xFFFF_FFFF)
    masked = ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282_EAD8)
    found = np.empty(len(at), dtype=np.uint32)
    found[order] = masked
    return found
