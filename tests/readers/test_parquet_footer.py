"""The footer of Parquet files: what pyarrow says of it, and what it cannot say."""

from __future__ import annotations

import io
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esim.errors import EsimError
from esim.readers.encodings.parquet_footer import BYTE_ARRAY, Chunk, chunks
from esim.readers.encodings.parquet_tables import parquet_table

TABLE = pa.table(
    {
        "trial": ["a", "a", None],
        "loss": [1.0, 2.0, np.nan],
        "step": pa.array([1, 2, 3], pa.int32()),
        "ok": [True, False, None],
        "pair": [{"x": 1, "y": "p"}, {"x": 2, "y": "q"}, None],
        "many": [[1, 2], [], [3]],
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    }
)


def parquet(table: pa.Table = TABLE, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def footer_of(data: bytes) -> bytes:
    return data[-8 - int.from_bytes(data[-8:-4], "little") : -8]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"row_group_size": 1, "compression": "zstd"},
        {"write_page_index": True, "write_statistics": ["loss"], "sorting_columns": None},
        {"version": "1.0", "use_dictionary": False, "store_schema": False},
    ],
)
def test_it_says_what_pyarrow_says(options: dict[str, object]) -> None:
    data = parquet(**options)
    metadata = pq.ParquetFile(pa.BufferReader(data)).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    expected = [group.column(at) for group in groups for at in range(group.num_columns)]
    found = chunks(footer_of(data))
    assert [chunk.path for chunk in found] == [column.path_in_schema for column in expected]
    assert [chunk.values for chunk in found] == [column.num_values for column in expected]
    assert [c.size for c in found] == [column.total_uncompressed_size for column in expected]
    texts = [column.physical_type == "BYTE_ARRAY" for column in expected]
    assert [chunk.kind == BYTE_ARRAY for chunk in found] == texts


def test_by_hand() -> None:
    """FileMetaData {4: [{1: [{3: {1: 6, 3: ["ab"], 5: 3, 6: 70}}]}]}, in the compact protocol."""
    meta = bytes([0x15, 12, 0x29, 0x18, 2]) + b"ab" + bytes([0x26, 6, 0x16, 140, 1, 0])
    chunk = bytes([0x3C]) + meta + bytes([0])
    group = bytes([0x19, 0x1C]) + chunk + bytes([0])
    assert chunks(bytes([0x49, 0x1C]) + group + bytes([0])) == [Chunk("ab", 6, 3, 70)]


DIES = """import io, sys, pyarrow.parquet as pq
pq.ParquetFile(io.BytesIO(sys.stdin.buffer.read())).metadata.row_group(0).column(0)"""


def test_statistics_that_contradict_their_column_do_not_end_the_process() -> None:
    """A column that may be empty, with a histogram of both levels, is said to be always there."""
    data = parquet(pa.table({"loss": pa.array([1.0, 2.0], pa.float64())}))
    may_be_empty = b"\x15\x0a\x25\x02\x18\x04loss"
    assert data.count(may_be_empty) == 1
    data = data.replace(may_be_empty, b"\x15\x0a\x25\x00\x18\x04loss")
    dead = subprocess.run([sys.executable, "-c", DIES], input=data, capture_output=True)
    if dead.returncode == 0:
        pytest.skip("this pyarrow reads such statistics")
    with pytest.raises(EsimError, match="damaged Parquet file"):
        parquet_table(data, None, "t.parquet")


def test_any_change_is_read_or_refused() -> None:
    data, draw, refused = parquet(), random.Random(5), 0
    footer = footer_of(data)
    for _ in range(3000):
        changed = bytearray(footer)
        for _ in range(draw.choice((1, 1, 3))):
            changed[draw.randrange(len(changed))] = draw.choice(
                (0, 1, 0x7F, 0xFF, draw.randrange(256))
            )
        try:
            chunks(bytes(changed[: draw.choice((len(changed), draw.randrange(len(changed)))) or 1]))
        except ValueError:
            refused += 1
    assert refused > 1000
    with pytest.raises(ValueError, match="damaged"):
        chunks(b"")
    with pytest.raises(ValueError, match="nested too deep"):
        chunks(b"\x1c" * 500)
    with pytest.raises(ValueError, match="more than 64 bits"):
        chunks(b"\x15" + b"\xff" * 12)
