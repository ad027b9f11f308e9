"""Parquet files that show any damage: esim puts a seal into each one, and checks it on reading.

The checksums of Parquet's own cover what is in a page. They cover neither the page's header, where
a flipped bit can shorten a dictionary unseen, nor the footer, which says where the pages are and
what they hold. So the footer of a file that esim writes keeps a seal under a key of its own. It has
the CRC-32 of the footer, for which its own eight digits count as zeros, and for each row group its
first byte and the CRC-32 of its bytes: ``8e2f01c3 4:0b1d27f5 3f0a:99c01e44``, all hexadecimal. A
file without a seal, by another program or by an earlier version of esim, is read as it is; if its
pages have checksums, these are verified.
"""

from __future__ import annotations

import io
import os
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

KEY = b"esim.seal"
_OPEN = "00000000"  # stands for the footer's own checksum while that is computed
_KEPT = 1 << 24  # bytes of memory that are kept from one row group to the next
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
        self._groups: list[_Group] = []
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
        held = self._sink.hold()
        if kind is not None:  # no footer: what was interrupted is no whole file
            with suppress(Exception):  # Arrow cannot end every file whose writing failed
                self._writer.close()
            self._writer.is_open = False
            return
        seal = " ".join([_OPEN, *(f"{group.start:x}:{group.sum:08x}" for group in self._groups)])
        self._writer.add_key_value_metadata({KEY.decode(): seal})
        self._writer.close()
        if not _fits(self._metadata[0], self._groups):
            raise RuntimeError("pyarrow lays row groups out in another way than the seal needs")
        footer, end = bytes(held[:-8]), held[-8:]
        before, after = _around(footer, seal.encode())
        self._sink.out.write(before + f"{zlib.crc32(footer):08x}".encode() + after + end)

    def write(self, table: Any) -> None:
        """Write a table as one row group."""
        self._sink.sum, start = 0, self._sink.at
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._groups.append(_Group(start, self._sink.sum))


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
    metadata, groups = read_footer(stream)
    for number in range(len(groups)):
        _checked_group(stream, metadata, groups, number)
    file = pq.ParquetFile(stream, metadata=metadata, page_checksum_verification=not groups)
    return _whole(file.read(columns=None if columns is None else list(columns)))


def read_group(stream: Any, group: int, columns: Sequence[str], footer: Footer) -> Any:
    """One row group of a Parquet file as an Arrow table.

    Args:
        stream: the file as a random-access Arrow file.
        group: the number of the row group.
        columns: the columns to decode.
        footer: of the file.

    Raises:
        pa.ArrowException, OSError: as `read`, or there are fewer row groups.
    """
    metadata, groups = footer
    if group >= metadata.num_row_groups:
        raise OSError(f"it has {metadata.num_row_groups} row groups, not {group + 1}")
    source = stream
    if groups:
        part = _checked_group(stream, metadata, groups, group)
        if metadata.row_group(group).num_rows:  # Arrow looks for the pages of none at offset 0
            source = pa.PythonFile(_Part(part, groups[group].start), mode="r")
    # Without threads and buffers read ahead, nothing holds the part once the table is made.
    file = pq.ParquetFile(
        source, metadata=metadata, page_checksum_verification=not groups, pre_buffer=False
    )
    table = _whole(file.read_row_group(group, columns=list(columns), use_threads=False))
    if table.nbytes > _KEPT:
        pa.default_memory_pool().release_unused()  # a quarter of the table, of decoding it
    return table


class _Group(NamedTuple):
    """What a seal says of a row group: its first byte in the file, the checksum of all of them."""

    start: int
    sum: int


class Footer(NamedTuple):
    """The metadata of a Parquet file, and what its seal says of row groups; none without a seal."""

    metadata: Any
    groups: list[_Group]


def read_footer(stream: Any) -> Footer:
    """The footer of a Parquet file, a random-access Arrow file.

    Raises:
        pa.ArrowException, OSError: as `read`.
    """
    try:
        metadata = pq.ParquetFile(stream).metadata
    except UnicodeDecodeError as error:  # the name of a column
        raise OSError(str(error)) from error
    seal = (metadata.metadata or {}).get(KEY)
    if seal is None:
        return Footer(metadata, [])
    length = metadata.serialized_size
    try:
        before, after = _around(stream.read_at(length, stream.size() - 8 - length), seal)
        own, *words = seal.split()
        groups = [_Group(*(int(number, 16) for number in word.split(b":"))) for word in words]
        whole = zlib.crc32(before + _OPEN.encode() + after) == int(own, 16)
    except (ValueError, TypeError) as error:
        raise OSError(f"not a seal: {seal!r}") from error
    if not whole or len(groups) != metadata.num_row_groups:
        raise OSError("the footer does not match its checksum")
    return Footer(metadata, groups)


def _around(footer: bytes, seal: bytes) -> tuple[bytes, bytes]:
    """What stands in a footer before and after the digits of its own checksum in the seal."""
    at = footer.rindex(seal)  # the last key of the footer: names and values come before it
    return footer[:at], footer[at + len(_OPEN) :]


def _fits(metadata: Any, groups: Sequence[_Group]) -> bool:
    """Whether the row groups of a file that was just written start where they are said to."""
    for number, group in enumerate(groups):
        first = metadata.row_group(number).column(0)
        dictionary = first.dictionary_page_offset if first.has_dictionary_page else None
        if group.start != (first.data_page_offset if dictionary is None else dictionary):
            return False
    return True


def _checked_group(stream: Any, metadata: Any, groups: Sequence[_Group], number: int) -> memoryview:
    """The bytes of a row group, in memory that the next call of the same thread may use again.

    Raises:
        OSError: the bytes do not match their checksum.
    """
    start, its_sum = groups[number]
    size = stream.size() - 8 - metadata.serialized_size
    end = groups[number + 1].start if number + 1 < len(groups) else size
    if not 0 <= start <= end <= size:
        raise OSError(f"row group {number + 1} is said to be where it cannot be")
    part = memoryview(_memory(end - start))[: end - start]
    stream.seek(start)
    if stream.readinto(part) < len(part) or zlib.crc32(part) != its_sum:
        raise OSError(f"row group {number + 1} does not match its checksum")
    return part


_of_thread = threading.local()


def _memory(size: int) -> Any:
    """At least so many bytes. Up to _KEPT a thread keeps them: new pages cost more than to read."""
    held = getattr(_of_thread, "memory", b"")
    if len(held) >= size:
        return held
    memory = np.empty(size, dtype=np.uint8)
    if size <= _KEPT:
        _of_thread.memory = memory
    return memory


class _Part(io.IOBase):
    """A file of which a part is at hand, and read in place: what `pyarrow.PythonFile` asks for."""

    def __init__(self, part: memoryview, start: int) -> None:
        self._part, self._start, self._at = part, start, start

    def readable(self) -> bool:
        return True

    def read_buffer(self, size: int) -> memoryview:
        first = self._at - self._start
        if not 0 <= first <= first + size <= len(self._part):
            raise OSError("a column lies outside its row group")
        self._at += size
        return self._part[first : first + size]

    def read(self, size: int) -> bytes:
        return bytes(self.read_buffer(size))

    def seek(self, to: int, whence: int = os.SEEK_SET) -> int:
        self._at = to if whence == os.SEEK_SET else self._start + len(self._part) + to
        return self._at

    def tell(self) -> int:
        return self._at


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
