"""Parquet files that show any damage: esim puts a seal into each one, and checks it on reading.

The checksums of Parquet's own cover what is in a page. They cover neither the page's header, where
a flipped bit can shorten a dictionary unseen, nor the footer, which says where the pages are and
what they hold. So the footer of a file that esim writes keeps a seal under a key of its own: the
CRC-32 of the footer, in which the seal's own eight digits for it count as zeros, and the CRC-32 of
the bytes of each row group. A file without a seal is read as it is, by other programs' or by
earlier versions of esim; if its pages have checksums, these are verified.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

KEY = b"esim.seal"
_OPEN = "00000000"  # stands for the footer's own checksum while that is computed
_GROUP_ROWS = 1 << 20  # the rows of a row group where nobody asks for fewer


class SealedWriter:
    """Writes a Parquet file with a seal, one row group after another; a context manager.

    The seal, and with it the footer, is written when the block ends without error.

    Args:
        out: a binary file or an Arrow stream; it stays open.
        schema: the Arrow schema of all tables.
        options: as of `pyarrow.parquet.ParquetWriter`.
    """

    def __init__(self, out: Any, schema: Any, **options: Any) -> None:
        self._sink = _Sink(out)
        self._starts: list[int] = []
        self._sums: list[int] = []
        self._metadata: list[Any] = []
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"),
            schema,
            write_page_checksum=True,
            metadata_collector=self._metadata,
            **options,
        )

    def __enter__(self) -> SealedWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            with suppress(Exception):  # Arrow cannot end every file whose writing failed
                self._writer.close()
            self._writer.is_open = False
            return
        held = self._sink.hold()
        seal = " ".join([_OPEN, *(f"{one:08x}" for one in self._sums)])
        self._writer.add_key_value_metadata({KEY.decode(): seal})
        self._writer.close()
        if _starts(self._metadata[0]) != self._starts:
            raise RuntimeError("pyarrow lays row groups out in another way than the seal needs")
        footer, end = bytes(held[:-8]), held[-8:]
        before, after = _around(footer, seal.encode())
        self._sink.out.write(before + f"{zlib.crc32(footer):08x}".encode() + after + end)

    def write(self, table: Any) -> None:
        """Write a table as one row group."""
        self._sink.sum = 0
        self._starts.append(self._sink.at)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._sums.append(self._sink.sum)


def write_table(table: Any, out: Any, **options: Any) -> None:
    """Write a table as a Parquet file with a seal; arguments as of `SealedWriter`."""
    with SealedWriter(out, table.schema, **options) as writer:
        for start in range(0, max(1, table.num_rows), _GROUP_ROWS):
            writer.write(table.slice(start, _GROUP_ROWS))


def read(stream: Any, columns: Sequence[str] | None = None) -> Any:
    """The Arrow table in a Parquet file.

    Args:
        stream: the file as a random-access Arrow file.
        columns: the columns to read; None reads all.

    Raises:
        pa.ArrowException, OSError: the file is damaged, or another program changed it.
    """
    metadata, sums = _footer(stream)
    for number in range(len(sums)):
        _checked_group(stream, metadata, sums, number)
    file = pq.ParquetFile(stream, metadata=metadata, page_checksum_verification=not sums)
    return _whole(file.read(columns=None if columns is None else list(columns)))


def read_group(stream: Any, group: int, columns: Sequence[str]) -> Any:
    """One row group of a Parquet file as an Arrow table; of others only the footer is read.

    Args:
        stream: the file as a random-access Arrow file.
        group: the number of the row group.
        columns: the columns to decode.

    Raises:
        pa.ArrowException, OSError: as `read`, or there are fewer row groups.
    """
    metadata, sums = _footer(stream)
    if group >= metadata.num_row_groups:
        raise OSError(f"it has {metadata.num_row_groups} row groups, not {group + 1}")
    source = stream
    if sums:
        part = _checked_group(stream, metadata, sums, group)
        if metadata.row_group(group).num_rows:  # Arrow looks for the pages of none at offset 0
            source = pa.PythonFile(part, mode="r")
    file = pq.ParquetFile(source, metadata=metadata, page_checksum_verification=not sums)
    return _whole(file.read_row_group(group, columns=list(columns), use_threads=False))


def _footer(stream: Any) -> tuple[Any, list[int]]:
    """The metadata of a Parquet file, and the checksum of each row group; none without a seal.

    Raises:
        pa.ArrowException, OSError: as `read`.
    """
    try:
        metadata = pq.ParquetFile(stream).metadata
    except UnicodeDecodeError as error:  # the name of a column
        raise OSError(str(error)) from error
    seal = (metadata.metadata or {}).get(KEY)
    if seal is None:
        return metadata, []
    length = metadata.serialized_size
    try:
        before, after = _around(stream.read_at(length, stream.size() - 8 - length), seal)
        own, *sums = (int(word, 16) for word in seal.split())
    except ValueError as error:
        raise OSError(f"not a seal: {seal!r}") from error
    if zlib.crc32(before + _OPEN.encode() + after) != own or len(sums) != metadata.num_row_groups:
        raise OSError("the footer does not match its checksum")
    return metadata, sums


def _around(footer: bytes, seal: bytes) -> tuple[bytes, bytes]:
    """What stands in a footer before and after the digits of its own checksum in the seal."""
    at = footer.rindex(seal)  # the last key of the footer: names and values come before it
    return footer[:at], footer[at + len(_OPEN) :]


def _starts(metadata: Any) -> list[int]:
    """The first byte of each row group."""
    found = []
    for number in range(metadata.num_row_groups):
        first = metadata.row_group(number).column(0)
        dictionary = first.dictionary_page_offset if first.has_dictionary_page else None
        found.append(first.data_page_offset if dictionary is None else dictionary)
    return found


def _checked_group(stream: Any, metadata: Any, sums: Sequence[int], number: int) -> _Part:
    """The bytes of a row group. Raises OSError if they do not match its checksum."""
    size = stream.size()
    starts = [*_starts(metadata), size - 8 - metadata.serialized_size]
    stream.seek(starts[number])
    data = stream.read_buffer(starts[number + 1] - starts[number])  # in Arrow's memory, not anew
    if zlib.crc32(data) != sums[number]:
        raise OSError(f"row group {number + 1} does not match its checksum")
    return _Part(data, starts[number], size)


def _whole(table: Any) -> Any:
    """The table. Raises pa.ArrowException if texts are not UTF-8 or codes have no meaning."""
    try:
        table.validate(full=True)
        table.column_names  # noqa: B018  # decodes them
    except UnicodeDecodeError as error:
        raise OSError(str(error)) from error
    return table


class _Sink(io.RawIOBase):
    """Hands on what is written, and keeps a checksum of it; from `hold` on it only collects."""

    def __init__(self, out: Any) -> None:
        self.out, self.sum, self.at = out, 0, 0
        self._held: bytearray | None = None

    def hold(self) -> bytearray:
        """Collect in these bytes what is written from now on."""
        self._held = bytearray()
        return self._held

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._held is not None:
            self._held += data
        else:
            self.out.write(data)
        self.sum = zlib.crc32(data, self.sum)
        self.at += len(data)
        return len(data)


class _Part(io.RawIOBase):
    """A file of which only one part can be read, which is in memory."""

    def __init__(self, data: Any, start: int, size: int) -> None:
        self._data, self._start, self._size, self._at = memoryview(data), start, size, start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> Any:
        at = self._at - self._start
        found = self._data[at : at + size] if at >= 0 else self._data[:0]
        self._at += len(found)
        return found
