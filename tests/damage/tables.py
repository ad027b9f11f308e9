"""Mutations of Parquet files: of their bytes, and of the tables in them."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from esim.storage import sealed
from tests.damage.documents import mutated_text

Bytes = Callable[[bytes, random.Random], bytes]
Table = Callable[[Any, random.Random], Any]


def _flip(data: bytes, random: random.Random) -> bytes:
    at, bit = random.randrange(len(data)), random.randrange(8)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def _block(data: bytes, random: random.Random) -> tuple[int, int]:
    """The begin and the end of some bytes, at most 600."""
    start = random.randrange(len(data))
    return start, min(len(data), start + random.randrange(1, 600))


def _zeros(data: bytes, random: random.Random) -> bytes:
    start, end = _block(data, random)
    return data[:start] + bytes(end - start) + data[end:]


def _noise(data: bytes, random: random.Random) -> bytes:
    start, end = _block(data, random)
    return data[:start] + random.randbytes(end - start) + data[end:]


def _moved(data: bytes, random: random.Random) -> bytes:
    (start, end), other = _block(data, random), random.randrange(len(data))
    return data[:start] + data[other : other + end - start] + data[end:]


def _lost(data: bytes, random: random.Random) -> bytes:
    start, end = _block(data, random)
    return data[:start] + data[end:]


def _cut(data: bytes, random: random.Random) -> bytes:
    return data[: random.randrange(len(data))]


# Damage to the bytes of a file, as disks and copies do it.
DAMAGE: dict[str, Bytes] = {
    "a flipped bit": _flip,
    "zeros": _zeros,
    "noise": _noise,
    "bytes from elsewhere": _moved,
    "bytes lost": _lost,
    "cut": _cut,
}

# Types that a column may come with, and a value of each.
_TYPES: dict[Any, Any] = {
    pa.int8(): 1,
    pa.int32(): 1,
    pa.int64(): 1,
    pa.uint64(): 2**63,
    pa.float16(): np.float16(0.5),
    pa.float32(): 0.5,
    pa.float64(): 0.5,
    pa.bool_(): True,
    pa.string(): "a",
    pa.large_string(): "a",
    pa.binary(): b"\xff",
    pa.null(): None,
    pa.timestamp("us", "UTC"): 1,
    pa.date32(): 1,
    pa.duration("s"): 1,
    pa.decimal128(20, 3): Decimal("1.5"),
    pa.list_(pa.int64()): [1, 2],
    pa.map_(pa.string(), pa.int64()): [("a", 1)],
    pa.struct([("a", pa.int64())]): {"a": 1},
    pa.dictionary(pa.int32(), pa.string()): "a",
    pa.dictionary(pa.int32(), pa.float64()): 0.5,
}


def _at(table: Any, random: random.Random) -> int:
    return random.randrange(table.num_columns)


def _retyped(table: Any, random: random.Random) -> Any:
    at, (kind, value) = _at(table, random), random.choice(list(_TYPES.items()))
    try:
        column = table.column(at).cast(kind)
    except pa.ArrowException:
        values = [None if random.random() < 0.1 else value for _ in range(len(table))]
        dictionary = pa.types.is_dictionary(kind)
        column = pa.array(values, kind.value_type if dictionary else kind)
        column = column.dictionary_encode() if dictionary else column
    return table.set_column(at, table.column_names[at], column)


def _doubled(table: Any, random: random.Random) -> Any:
    at = _at(table, random)
    return table.append_column(table.column_names[random.choice((at, -1))], table.column(at))


def _dropped(table: Any, random: random.Random) -> Any:
    return table.remove_column(_at(table, random))


def _renamed(table: Any, random: random.Random) -> Any:
    names = table.column_names
    names[_at(table, random)] = random.choice([*names, "", "x", "\x1b[2J", "config.", "a.b"])
    return table.rename_columns(names)


def _nulls(table: Any, random: random.Random) -> Any:
    at = _at(table, random)
    column = table.column(at)
    keep = pa.array([random.random() < 0.7 for _ in range(len(table))])
    return table.set_column(
        at, table.column_names[at], pa.compute.if_else(keep, column, pa.scalar(None, column.type))
    )


def _values(table: Any, random: random.Random) -> Any:
    at = _at(table, random)
    column = table.column(at).combine_chunks()
    values = column.to_pylist()
    kind = column.type
    if not values:
        return table
    strange: list[Any] = {
        "int64": [-1, 0, 1, 2**40, 2**62, 2**63 - 1, -(2**63)],
        "double": [-1.0, 0.0, 1e308, float("inf"), float("-inf"), float("nan"), 1e-300],
        "bool": [True, False],
    }.get(str(kind), ["", "a", "../x", "x" * 3000, "\x1b[2J", "null", "[" * 2000, "{}", "NaN", "0"])
    for _ in range(random.choice((1, 1, 3))):
        where = random.randrange(len(values))
        old = values[where]
        values[where] = mutated_text(old, random) if _is_json(old) else random.choice(strange)
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return table.set_column(at, table.column_names[at], pa.array(values, inner).cast(kind))


def _is_json(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("{", "[")


def _rows(table: Any, random: random.Random) -> Any:
    order = list(range(len(table)))
    how = random.choice(("shuffle", "drop", "repeat", "none"))
    if how == "shuffle":
        random.shuffle(order)
    elif order and how == "drop":
        del order[random.randrange(len(order))]
    elif order and how == "repeat":
        order.insert(0, random.choice(order))
    else:
        order = []
    return table.take(pa.array(order, pa.int64()))


def _metadata(table: Any, random: random.Random) -> Any:
    metadata = dict(table.schema.metadata or {})
    key = random.choice([*sorted(metadata), b"esim"])
    text = metadata.get(key, b"").decode()
    metadata[key] = random.choice((b"", b"{}", b"[]", b"\xff"))
    if _is_json(text):
        metadata[key] = mutated_text(text, random).encode()
    return table.replace_schema_metadata(metadata)


# Tables that any program may write in place of esim's.
REWRITTEN: dict[str, Table] = {
    "another type": _retyped,
    "a column twice": _doubled,
    "a column left out": _dropped,
    "another name": _renamed,
    "nulls": _nulls,
    "other values": _values,
    "other rows": _rows,
    "other metadata": _metadata,
}
ALL = (*DAMAGE, *REWRITTEN)


def mutated(kind: str, data: bytes, random: random.Random) -> bytes:
    """A Parquet file after a mutation; of rewritten ones half have a seal, as if esim's."""
    if kind in DAMAGE:
        return DAMAGE[kind](data, random)
    out = io.BytesIO()
    table = REWRITTEN[kind](pq.read_table(io.BytesIO(data)), random)
    (sealed.write_table if random.random() < 0.5 else pq.write_table)(table, out)
    return out.getvalue()
