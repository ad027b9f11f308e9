"""Converts NumPy arrays to Arrow and back through their buffers.

pyarrow's own `pa.array`, `pa.scalar` and `to_numpy` import pandas if it is installed, and that
import takes longer than reading most studies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.study import Float64, Int64

_TYPES: dict[Any, np.dtype[Any]] = {
    pa.int64(): np.dtype(np.int64),
    pa.int32(): np.dtype(np.int32),
    pa.int8(): np.dtype(np.int8),
    pa.float64(): np.dtype(np.float64),
}

_LARGE = 4 * 2**20  # bytes


def reader(data: bytes) -> Any:
    """The bytes as a file that Arrow can read; up to 4 MiB are copied into Arrow's own memory.

    A thread of Arrow may hold the file longer than the caller does. If it releases a Python object
    while the interpreter shuts down, CPython before 3.14 aborts the process after its work is done.
    This was seen twice in 160 runs on a busy machine, when a small read was the last thing that the
    process did. A large read is never that close to the end, so it is not copied.
    """
    if len(data) > _LARGE:
        return pa.BufferReader(data)
    own = pa.BufferOutputStream()
    own.write(data)
    return pa.BufferReader(own.getvalue())


def parquet(data: bytes, columns: Sequence[str] | None = None) -> Any:
    """The Arrow table in the contents of a Parquet file.

    Args:
        data: the file's bytes.
        columns: the columns to read; None reads all.

    Raises:
        pa.ArrowException, OSError: the file is damaged.
    """
    from esim.storage import sealed  # here, because it loads pyarrow.parquet

    return sealed.read(reader(data), columns)


def damaged(where: str, error: Exception) -> EsimError:
    """The error about a Parquet file that cannot be decoded."""
    fix = "copy it again, or write it anew"
    return EsimError("damaged Parquet file", where=where, why=str(error).strip(), fix=fix)


def valid(column: Any) -> NDArray[np.bool_]:
    """bool [R]: whether each entry of an Arrow column is present, not null."""
    parts = [_valid(chunk) for chunk in chunks(column)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.bool_)


def numbers(column: Any, *, own: bool = False) -> NDArray[Any]:
    """An Arrow column of int8, int32, int64 or float64, [R]; undefined where null.

    Args:
        column: the column.
        own: whether nobody else has the column, whose memory may then be taken; else it is copied.
    """
    dtype = _TYPES[column.type]
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=dtype, count=len(chunk) + chunk.offset)[
            chunk.offset :
        ]
        for chunk in chunks(column)
        if len(chunk)
    ]
    if own and len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def flags(column: Any) -> NDArray[np.bool_]:
    """A copy of an Arrow column of booleans, bool [R]; undefined where null."""
    parts = [_unpacked(chunk, chunk.buffers()[1]) for chunk in chunks(column)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.bool_)


def floats(column: Any, *, own: bool = False) -> Float64:
    """An Arrow column as float64 [R], NaN where null; arguments as of `numbers`.

    Raises:
        pa.ArrowInvalid: the column cannot be cast to float64.
    """
    plain = column.type == pa.float64()
    cast_column = column if plain else column.cast(pa.float64(), safe=False)
    found = numbers(cast_column, own=own)
    if cast_column.null_count:
        found[~valid(cast_column)] = np.nan
    return cast(Float64, found)


def categories(column: Any) -> tuple[Int64, list[str]]:
    """An Arrow column of texts as codes and the distinct texts.

    Args:
        column: of type text, or a dictionary of texts.

    Returns:
        int64 [R], positions in the texts, -1 where null; the texts.
    """
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries()
    parts = chunks(encoded)
    if not parts:
        return np.empty(0, dtype=np.int64), []
    indices = pa.chunked_array([part.indices for part in parts])
    codes = floats(indices) if indices.null_count else numbers(indices.cast(pa.int64()))
    if indices.null_count:
        codes = np.where(np.isnan(codes), -1, codes)
    return codes.astype(np.int64), parts[0].dictionary.to_pylist()


def array(values: NDArray[Any]) -> Any:
    """A numpy array of int8, int64 or float64 as an Arrow array without nulls."""
    kind = next(arrow for arrow, dtype in _TYPES.items() if dtype == values.dtype)
    data = pa.py_buffer(cast(Any, np.ascontiguousarray(values)))
    return pa.Array.from_buffers(kind, len(values), [None, data])


def strings(texts: Sequence[str | None]) -> Any:
    """Texts as an Arrow array of strings, null where a text is None.

    Raises:
        UnicodeEncodeError: a text holds a surrogate, so it is not Unicode text.
    """
    n, missing = len(texts), False
    whole: Sequence[Any] = texts
    try:
        joined = "".join(whole)
    except TypeError:  # a None
        missing, whole = True, [text or "" for text in texts]
        joined = "".join(whole)
    if joined.isascii():  # each letter is one byte; a tenth of the time of the loop below
        data, lengths = joined.encode(), _lengths(whole, joined)
    else:
        encoded = [text.encode() for text in whole]
        data, lengths = b"".join(encoded), np.fromiter(map(len, encoded), np.int64, n)
    large = len(data) > np.iinfo(np.int32).max
    ends = np.zeros(n + 1, dtype=np.int64 if large else np.int32)
    np.cumsum(lengths, out=ends[1:])
    present = None
    if missing:
        present = _bits(np.array([text is not None for text in texts], dtype=np.bool_))
    buffers = [present, pa.py_buffer(cast(Any, ends)), pa.py_buffer(data)]
    if large:
        return pa.Array.from_buffers(pa.large_string(), n, buffers).cast(pa.string())
    return pa.Array.from_buffers(pa.string(), n, buffers)


def _lengths(texts: Sequence[str], joined: str) -> Int64:
    """How many letters each ASCII text has, int64 [R]; `joined` are all of them."""
    if "\0" in joined:
        return np.fromiter(map(len, texts), np.int64, len(texts))
    # Ends found by a letter that no text has: a third of the time.
    parted = np.frombuffer("\0".join([*texts, ""]).encode(), dtype=np.uint8)
    ends = np.flatnonzero(parted == 0)
    return np.diff(ends, prepend=-1) - 1


def with_nulls(values: NDArray[Any], present: NDArray[np.bool_]) -> Any:
    """A numpy array as an Arrow array, as `array` makes it, null where not `present` (bool [R])."""
    plain = array(values)
    buffers = [_bits(present), plain.buffers()[1]]
    return pa.Array.from_buffers(plain.type, len(values), buffers)


def nan_as_null(values: NDArray[Any]) -> Any:
    """Numbers as an Arrow array of float64, null where they are NaN."""
    return with_nulls(values.astype(np.float64, copy=False), ~np.isnan(values))


def booleans(values: NDArray[np.bool_], present: NDArray[np.bool_] | None = None) -> Any:
    """A bool array as an Arrow array of booleans, null where not `present` (bool [R])."""
    nulls = None if present is None else _bits(present)
    return pa.Array.from_buffers(pa.bool_(), len(values), [nulls, _bits(values)])


def dictionary(codes: Int64, texts: Sequence[str]) -> Any:
    """Codes (int64 [R], positions in the texts) as an Arrow dictionary array."""
    return pa.DictionaryArray.from_arrays(array(codes).cast(pa.int32()), strings(texts))


def _bits(flags: NDArray[np.bool_]) -> Any:
    return pa.py_buffer(np.packbits(flags, bitorder="little").tobytes())


def chunks(column: Any) -> list[Any]:
    """The arrays of a chunked array, or the array itself."""
    return list(column.chunks) if isinstance(column, pa.ChunkedArray) else [column]


def _valid(chunk: Any) -> NDArray[np.bool_]:
    bitmap = chunk.buffers()[0]
    return np.ones(len(chunk), dtype=np.bool_) if bitmap is None else _unpacked(chunk, bitmap)


def _unpacked(chunk: Any, bits: Any) -> NDArray[np.bool_]:
    flags = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little")
    return flags[chunk.offset : chunk.offset + len(chunk)].astype(np.bool_)
