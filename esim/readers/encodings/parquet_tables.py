"""Reads Parquet files within the limits: a kilobyte of Parquet can stand for a billion rows.

Numbers that repeat take next to no space, so their count is looked at before they are read. Of a
text that repeats, the file holds one copy and a number for each row; such a column is read as it is
stored, as a dictionary, and how long all its texts are together is looked at before they are made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from esim.errors import EsimError
from esim.readers.encodings.parquet_footer import BYTE_ARRAY, chunks
from esim.readers.limits import limits, too_large, too_many
from esim.readers.source import File

_NUMBER = 8  # bytes of a number in Arrow's memory


def parquet_schema(file: File) -> Any:
    """The Arrow schema of a Parquet file.

    Raises:
        EsimError: the file is damaged, or has too many columns.
    """
    import pyarrow.parquet as pq

    with _sound(str(file)):
        schema = pq.read_schema(_source(file))
    if len(schema.names) > limits().columns:
        raise too_many("columns", str(file), limits().columns, len(schema.names))
    return schema


def parquet_head(file: File, rows: int) -> Mapping[str, Sequence[Any]]:
    """The cells of the first rows of a Parquet file, by column.

    Args:
        file: the file.
        rows: how many rows; fewer if it holds no more.

    Raises:
        EsimError: the file is damaged, or the rows hold more than the limits allow.
    """
    import pyarrow.parquet as pq

    most = limits().expanded(file.stored_size)
    with _sound(str(file)):
        source = _source(file)
        stored = pq.ParquetFile(source)
        texts, _ = _looked_at(source, None, most)
        if texts:
            stored = pq.ParquetFile(_source(file), read_dictionary=texts)
        batch = next(stored.iter_batches(batch_size=rows), None)
        if batch is None:
            return {}
        length = sum(map(_length, batch.columns)) if texts else 0
        if length > most:
            raise too_large("what is in the first rows of the table", str(file), most, length)
        return dict(zip(batch.schema.names, batch.to_pydict().values(), strict=False))


def parquet_table(data: bytes, columns: Sequence[str] | None, place: str) -> Any:
    """Columns of a Parquet file as an Arrow table; columns of texts may be dictionaries.

    Args:
        data: the file's contents.
        columns: the columns to read; None reads all.
        place: where it is, for errors.

    Raises:
        EsimError: the file is damaged, or holds more than the limits allow.
        KeyError: a column is missing.
    """
    import pyarrow.parquet as pq

    from esim.storage import arrow

    most = limits().expanded(len(data))
    with _sound(place):
        stored = pq.ParquetFile(arrow.reader(data))
        texts, size = _looked_at(arrow.reader(data), columns, most)
        if size > most:
            raise too_large("the table", place, most, size)
        if texts:
            stored = pq.ParquetFile(arrow.reader(data), read_dictionary=texts)
        table = stored.read(columns=None if columns is None else list(columns))
        table.validate(full=True)  # whether its texts are UTF-8
    chunks = [chunk for column in table.columns for chunk in column.chunks] if texts else []
    length = sum(map(_length, chunks))
    if length > most:
        raise too_large("the table", place, most, length)
    return table


def check_parquet(data: bytes, place: str) -> None:
    """Refuse a Parquet file that holds more than the limits allow. Raises as `parquet_table`."""
    import pyarrow.parquet as pq

    from esim.storage import arrow

    most = limits().expanded(len(data))
    with _sound(place):
        pq.ParquetFile(arrow.reader(data))  # whether it is one
        texts, size = _looked_at(arrow.reader(data), None, most)
    if size > most:
        raise too_large("the table", place, most, size)
    if texts:
        parquet_table(data, texts, place)


def _looked_at(source: Any, columns: Sequence[str] | None, most: int) -> tuple[list[str], int]:
    """The columns of texts that may expand beyond the limit, and the bytes of all without that.

    Args:
        source: a file that Arrow has opened as Parquet.
        columns: those that are looked at; None: all.
        most: the limit in bytes.
    """
    length = int.from_bytes(source.read_at(8, source.size() - 8)[:4], "little")
    found: dict[str, None] = {}
    size = 0
    for chunk in chunks(source.read_at(length, source.size() - 8 - length)):
        if columns is not None and chunk.path.partition(".")[0] not in columns:
            continue
        size += chunk.size + _NUMBER * chunk.values
        if chunk.kind == BYTE_ARRAY and chunk.size * chunk.values > most:
            found[chunk.path] = None
    return list(found), size


def _length(array: Any) -> int:
    """The bytes that the texts in an array have together, without those that are stored whole."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(array.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(_length(array.field(i)) for i in range(kind.num_fields))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _length(array.values)
    return 0


def _source(file: File) -> Any:
    """What Arrow reads: a file, or contents that are compressed or read only once."""
    import pyarrow as pa

    from esim.storage import arrow

    plain = file.compression is None and not file.special
    path: Any = os.fsencode(file.path)  # bytes, because it may be no UTF-8
    return pa.OSFile(path, "r") if plain else arrow.reader(file.read())


@contextmanager
def _sound(place: str) -> Iterator[None]:
    """Makes an `EsimError` of what Arrow says of a damaged file."""
    import pyarrow as pa

    from esim.storage import arrow

    try:
        yield
    except EsimError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise arrow.damaged(place, error) from error
