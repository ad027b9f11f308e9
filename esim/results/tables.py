"""Results as Arrow tables: a row a study, and a row a trial."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from esim.results.history import By
from esim.results.replay import Summary
from esim.results.trial_columns import TrialColumns
from esim.storage import arrow
from esim.storage.history.dates import month

_GROUP = 50_000  # rows of a row group
_TABLE = 2000  # rows of an Arrow table: what is made of fewer takes most of its time in calls
_TIME = pa.timestamp("us", tz="UTC")


def studies_schema() -> Any:
    """Columns of studies.parquet: the study, when it ran, its group, and the keys of its summary.

    `first_start` and `last_end` are times in UTC, null where the logs have no wall-clock times.
    `digest` is the hash of what is recorded of the study, `esim.storage.history.write`.
    """
    kinds: dict[str, Any] = {
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "str": pa.string(),
        "BestTrial": pa.struct([("trial", pa.string()), ("value", pa.float64())]),
        "tuple[float, float]": pa.list_(pa.float64()),
    }
    fields: list[tuple[str, Any]] = [
        (name, pa.string()) for name in ("study", "error", "objective", "direction", "clock")
    ]
    fields += [(name, _TIME) for name in ("first_start", "last_end")]
    fields += [(name, pa.string()) for name in ("group", "digest")]
    fields.append(("warnings", pa.list_(pa.string())))
    for summary_field in dataclasses.fields(Summary):
        fields.append((summary_field.name, kinds[str(summary_field.type).removesuffix(" | None")]))
    return pa.schema(fields)


def trials_schema() -> Any:
    """Columns of a table of trials: the study, and those of `TrialColumns`; null = unknown."""
    kinds: dict[str, Any] = {"bool_": pa.bool_(), "int64": pa.int64(), "float64": pa.float64()}
    fields: list[tuple[str, Any]] = [("study", pa.string())]
    for column in dataclasses.fields(TrialColumns):
        inside = str(column.type).removeprefix("NDArray[np.").removesuffix("]")
        fields.append((column.name, kinds.get(inside, pa.string())))
    return pa.schema(fields)


def studies_table(columns: Mapping[str, Sequence[Any]]) -> Any:
    """studies.parquet of some studies: their keys' values, None where one is unknown."""
    schema = studies_schema()
    return pa.table([_array(columns[field.name], field.type) for field in schema], schema=schema)


def part_names(columns: Mapping[str, Sequence[Any]], what: By) -> list[str | None]:
    """The month or the group of each study of studies.parquet; None where it is unknown.

    Args:
        columns: `first_start` and `group` of the table.
        what: which of both.
    """
    if what == "group":
        return list(columns["group"])
    return [
        None if time is None else month(round(1e6 * time) / 1e6) for time in columns["first_start"]
    ]


def _array(values: Sequence[Any], kind: Any) -> Any:
    """Plain values as an Arrow array of a type, null where None.

    `pa.array` does so too, and imports pandas: a second of every worker's start.
    """
    if kind == pa.string():
        return arrow.strings(values)
    present = np.ones(len(values), dtype=np.bool_)
    if None in values:
        present = np.array([value is not None for value in values], dtype=np.bool_)
    if pa.types.is_list(kind):
        inside = list(chain.from_iterable(value or () for value in values))
        lengths = [len(value or ()) for value in values]
        ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        offsets = arrow.with_nulls(ends, np.append(present, True)).cast(pa.int32())
        return pa.ListArray.from_arrays(offsets, _array(inside, kind.value_type))
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        parts = [[value and getattr(value, name) for value in values] for name in names]
        return pa.StructArray.from_arrays(
            [_array(part, kind.field(name).type) for name, part in zip(names, parts, strict=True)],
            names=names,
            mask=arrow.booleans(~present),
        )
    if kind == _TIME:
        micros = [0 if value is None else round(1e6 * value) for value in values]
        return arrow.with_nulls(np.array(micros, dtype=np.int64), present).cast(kind)
    if not present.all():
        values = [0 if value is None else value for value in values]
    if kind == pa.bool_():
        return arrow.booleans(np.array(values, dtype=np.bool_), present)
    dtype = np.int64 if kind == pa.int64() else np.float64
    return arrow.with_nulls(np.array(values, dtype=dtype), present)


def trials_table(
    studies: Sequence[str], sizes: Sequence[int], parts: Sequence[TrialColumns]
) -> Any:
    """A table of the trials of some studies: their names, how many trials each has, and the trials
    of all, one after another in any number of parts."""
    rows = np.repeat(np.arange(len(studies), dtype=np.int64), np.array(sizes, dtype=np.int64))
    text = pa.string()
    arrays = [arrow.dictionary(rows, studies).cast(text)]
    for field in trials_schema():
        if field.name == "study":
            continue
        columns = [getattr(part, field.name) for part in parts]
        if field.type == text:
            arrays.append(arrow.strings(list(chain.from_iterable(columns))))
            continue
        column = np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)
        if field.type == pa.bool_():
            arrays.append(arrow.booleans(column.astype(np.bool_)))
        elif field.type == pa.float64():
            arrays.append(arrow.nan_as_null(column))
        elif field.name in ("stop_step", "peers"):
            arrays.append(arrow.with_nulls(column, column >= 0))
        else:
            arrays.append(arrow.array(column))
    return pa.table(arrays, schema=trials_schema())


def _writer(out: IO[bytes], schema: Any) -> Any:
    from esim.storage.sealed import SealedWriter

    # Numbers with a fraction all differ: dictionaries of them cost half of the time, zstd as much.
    names = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return SealedWriter(out, schema, compression="snappy", use_dictionary=names)


def as_parquet(table: Any) -> bytes:
    """A table as a Parquet file."""
    sink = io.BytesIO()
    with _writer(sink, table.schema) as writer:
        writer.write(table)
    return sink.getvalue()


@contextmanager
def studies_file(path: Path) -> Iterator[Callable[[Mapping[str, Sequence[Any]]], None]]:
    """studies.parquet to be written from the columns of a few studies at a time.

    A table for each, or a row group, took a millisecond, most of a driver's time.
    """
    schema = studies_schema()
    waiting: dict[str, list[Any]] = {name: [] for name in schema.names}
    tables: list[Any] = []
    with path.open("wb") as out, _writer(out, schema) as writer:

        def flush(rows: int) -> None:
            if len(waiting["study"]) >= rows:
                tables.append(studies_table(waiting))
                for column in waiting.values():
                    column.clear()

        def write(columns: Mapping[str, Sequence[Any]]) -> None:
            for name, column in waiting.items():
                column += columns[name]
            flush(_TABLE)
            if sum(table.num_rows for table in tables) >= _GROUP:
                writer.write(pa.concat_tables(tables))
                tables.clear()

        yield write
        flush(1)
        if tables:
            writer.write(pa.concat_tables(tables))
