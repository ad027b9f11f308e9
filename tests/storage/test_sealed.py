"""Seals: every bit of a Parquet file counts, and other tools do not see them."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esim.storage import arrow, sealed

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]}).replace_schema_metadata({"k": "v"})


def written(*groups: Any) -> bytes:
    out = io.BytesIO()
    with sealed.SealedWriter(out, groups[0].schema, compression="zstd") as writer:
        for group in groups:
            writer.write(group)
    return out.getvalue()


def flips(data: bytes, bits: range) -> Any:
    for bit in bits:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def test_every_bit_of_a_file_counts() -> None:
    """What is left are the first four bytes, which nobody reads, and the seal's own name."""
    data = written(TABLE)
    same = 0
    for flipped in flips(data, range(8 * len(data))):
        try:
            assert arrow.parquet(flipped) == TABLE
            same += 1
        except (pa.ArrowException, OSError):
            pass
    assert same <= 8 * (len(b"PAR1") + len(sealed.KEY) + 3)


def test_parquets_own_checksums_leave_some_bits_out() -> None:
    """Why there are seals: the length of a dictionary stands in the header of its page."""
    out = io.BytesIO()
    encoded = pa.table({"b": pa.array(["x", "y", "x"]).dictionary_encode()})
    pq.write_table(encoded, out, write_page_checksum=True)
    data = out.getvalue()
    unseen = 0
    for flipped in flips(data, range(8 * 60)):
        try:
            file = pq.ParquetFile(pa.BufferReader(flipped), page_checksum_verification=True)
            unseen += file.read() != encoded
        except (pa.ArrowException, OSError):
            pass
    assert unseen > 0


def test_other_tools_read_it_and_write_it_without_its_seal() -> None:
    table = pq.read_table(io.BytesIO(written(TABLE)))
    assert table == TABLE
    assert table.schema.metadata == {b"k": b"v"}
    again = io.BytesIO()
    pq.write_table(table, again)
    assert arrow.parquet(again.getvalue()) == TABLE


def group_of(data: bytes, number: int) -> Any:
    stream = pa.BufferReader(data)
    return sealed.read_group(stream, number, ["a"], sealed.read_footer(stream))


def test_a_row_group_is_read_without_the_others() -> None:
    groups = TABLE, TABLE.slice(0, 0), TABLE.slice(1)
    data = written(*groups)
    for number, group in enumerate(groups):
        assert group_of(data, number) == group.select(["a"])
    with pytest.raises(OSError, match="3 row groups, not 4"):
        group_of(data, 3)
    metadata = pq.ParquetFile(pa.BufferReader(data)).metadata
    third = metadata.row_group(2).column(0).dictionary_page_offset
    (broken,) = flips(data, range(8 * third + 80, 8 * third + 81))
    assert group_of(broken, 0) == TABLE.select(["a"])
    for read in (arrow.parquet, lambda data: group_of(data, 2)):
        with pytest.raises(OSError, match="row group 3 does not match its checksum"):
            read(broken)


def test_an_interrupted_write_leaves_no_whole_file() -> None:
    out = io.BytesIO()
    with suppress(KeyboardInterrupt), sealed.SealedWriter(out, TABLE.schema) as writer:
        writer.write(TABLE)
        raise KeyboardInterrupt
    with pytest.raises(pa.ArrowInvalid):
        arrow.parquet(out.getvalue())


def test_checksums_of_other_programs_are_verified() -> None:
    out = io.BytesIO()
    pq.write_table(TABLE, out, write_page_checksum=True, compression="none", use_dictionary=False)
    data = out.getvalue()
    at = data.index((2).to_bytes(8, "little"))
    (broken,) = flips(data, range(8 * at, 8 * at + 1))
    with pytest.raises(OSError, match="CRC"):
        arrow.parquet(broken)


def test_text_that_is_not_utf8_is_damage() -> None:
    array = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    out = io.BytesIO()
    pq.write_table(pa.table({"a": array}), out)
    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        arrow.parquet(out.getvalue())


def test_nothing_is_read_beside_a_row_group() -> None:
    part = sealed._Part(memoryview(b"abcd"), 10)
    part.seek(11)
    assert (bytes(part.read_buffer(2)), part.tell()) == (b"bc", 13)
    for at, size in ((13, 2), (9, 1), (14, 1)):
        part.seek(at)
        with pytest.raises(OSError, match="outside its row group"):
            part.read(size)


def test_tables_outlive_the_memory_that_they_were_read_into() -> None:
    tables = [pa.table({"a": np.random.default_rng(i).normal(size=5000)}) for i in range(2)]
    first, second = (group_of(written(table), 0) for table in tables)
    assert (first, second) == tuple(tables)
