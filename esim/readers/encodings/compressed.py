"""Decompresses gzip and zstd piece by piece, up to the limit on what compressed data may unpack to.

Nothing is trusted that the data say of their own size.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from typing import Literal

from esim.errors import EsimError
from esim.readers.limits import limits, too_large

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

Compression = Literal["gzip", "zstd"]

_INPUT = 1 << 20  # bytes that are given to gzip at a time
_OUTPUT = 1 << 24  # bytes that come out at a time, at most
_GZIP = 31  # zlib's window bits for a gzip header
_ZEROS = re.compile(rb"\0*+")  # with which a file may be padded


def compression_of(head: bytes) -> Compression | None:
    """The compression that the first bytes of a file show.

    Args:
        head: these bytes.
    """
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) else None


def unpacked(data: bytes, compression: Compression, where: str, most: int | None = None) -> bytes:
    """The contents of compressed data.

    Args:
        data: the data.
        compression: their kind.
        where: the file, for errors.
        most: the most bytes; None takes `Limits.expanded`.

    Raises:
        EsimError: the data are cut off or damaged, or unpack to more than that.
    """
    limit = limits().expanded(len(data)) if most is None else most
    whole = io.BytesIO()
    for piece in _pieces(data, compression, where):
        whole.write(piece)
        if whole.tell() > limit:
            raise too_large("the unpacked file", where, limit)
    return whole.getvalue()


def beginning_of(
    data: bytes, compression: Compression, where: str, most: int, whole: bool
) -> bytes:
    """The first bytes of the contents, as far as the first bytes of compressed data show them.

    Args:
        data: the first bytes of the data.
        compression, where: as for `unpacked`.
        most: how many bytes are wanted.
        whole: whether these are all of the data.

    Raises:
        EsimError: the data are damaged, or they are all and are cut off.
    """
    found = b""
    pieces = _pieces(data, compression, where, partial=not whole, output=most)
    while len(found) < most and (piece := next(pieces, None)) is not None:
        found += piece
    return found[:most]


def _pieces(
    data: bytes, compression: Compression, where: str, partial: bool = False, output: int = _OUTPUT
) -> Iterator[bytes]:
    """The contents in pieces; if the data are only a part, they may end anywhere."""
    try:
        yield from (_gunzipped if compression == "gzip" else _unzstd)(data, partial, output)
    except (OSError, EOFError, zlib.error) as error:
        raise EsimError(
            f"the {compression} data is cut off or damaged",
            where=where,
            why=str(error),
            fix="fetch the file again",
        ) from error


def _gunzipped(data: bytes, partial: bool, output: int) -> Iterator[bytes]:
    """The contents of the members of a gzip file, one after another, as gzip itself gives them."""
    at = 0
    while at < len(data):
        unpacker = zlib.decompressobj(wbits=_GZIP)
        left = b""
        while not unpacker.eof and (left or at < len(data)):
            if not left:
                left = data[at : at + _INPUT]
                at += len(left)
            yield unpacker.decompress(left, output)
            left = unpacker.unconsumed_tail
        if not unpacker.eof and not partial:
            raise EOFError("it ends before its end-of-stream marker")
        padded = _ZEROS.match(data, at - len(unpacker.unused_data))
        at = padded.end() if padded else at


def _unzstd(data: bytes, partial: bool, output: int) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        while True:
            try:
                piece = bytes(stream.read(output))
            except OSError:
                if partial:
                    return
                raise
            if not piece:
                return
            yield piece
