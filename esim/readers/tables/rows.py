"""Reads the reports of a table file as typed columns.

Arrow reads them fast. What it refuses (text where a number belongs, a step written as 3.0e0,
numbers as ids) is read again cell by cell, which either accepts it or says in which line it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings import cells
from esim.readers.encodings.times import ISO_8601, epoch_seconds
from esim.readers.tables.shape import Shape, parquet_table, records
from esim.study import EXACT, Float64, Int64


@dataclass(frozen=True)
class ReportRows:
    """The R reports of one file.

    Attributes:
        trials: the ids of its trials.
        trial_codes: int64 [R], positions in `trials`.
        studies, study_codes: the same for studies; None without a column `study`.
        steps: int64 [R].
        values: float64 [R], NaN if missing.
        times: float64 [R], elapsed seconds, or seconds since 1970 UTC; NaN if missing. None without
            such a column.
        time_unit: how times are written: "ISO 8601", "epoch seconds", ...; "" for elapsed seconds.
        zone_assumed: whether times without a zone were taken as UTC.
    """

    trials: list[str]
    trial_codes: Int64
    studies: list[str] | None
    study_codes: Int64 | None
    steps: Int64
    values: Float64
    times: Float64 | None = None
    time_unit: str = ""
    zone_assumed: bool = False


class _OddError(Exception):
    """The typed columns cannot hold something, so the cells must be read one by one."""


def read_rows(shape: Shape, objective: str, time: str | None) -> ReportRows:
    """Read the reports of a file.

    Args:
        shape: the file.
        objective: the column of the objective.
        time: the column of times, "elapsed_s" or "timestamp"; None if there is none.

    Raises:
        EsimError: a trial or step is missing, or text stands where a number belongs; the error
            names path and line, of a Parquet file the row.
    """
    import pyarrow as pa

    wanted = [name for name in ("study", "trial", "step", objective, time) if name is not None]
    wanted = [name for name in wanted if name != "study" or "study" in shape.columns]
    data = shape.file.read()
    for integral in (True, False):
        try:
            table = _typed_table(shape, data, wanted, objective, integral)
            return _from_arrow(table, objective, time)
        except (pa.ArrowException, _OddError, KeyError):
            continue
    return _from_cells(shape, data, objective, time)


def _typed_table(
    shape: Shape, data: bytes, wanted: list[str], objective: str, integral: bool
) -> Any:
    """The wanted columns as an Arrow table; steps are read as integers if `integral`, else floats.

    Raises:
        pa.ArrowInvalid: a cell does not fit its column's type.
    """
    import pyarrow as pa

    from esim.storage import arrow

    if shape.encoding == "Parquet":
        return parquet_table(shape, data, wanted)
    text = pa.dictionary(pa.int32(), pa.string())
    stream = arrow.reader(data)
    types: dict[str, Any] = {
        "study": text,
        "trial": text,
        "step": pa.int64() if integral else pa.float64(),
        "elapsed_s": pa.float64(),
        "timestamp": pa.string(),
        objective: pa.float64(),
    }
    if shape.encoding == "JSONL":
        import pyarrow.json

        ids = pa.string() if shape.ids_are_text else pa.int64()
        plain = {**types, "study": pa.string(), "trial": ids}
        return pyarrow.json.read_json(
            stream,
            pyarrow.json.ReadOptions(block_size=max(len(data) // 8, 1 << 20)),
            pyarrow.json.ParseOptions(
                explicit_schema=pa.schema([(name, plain[name]) for name in wanted]),
                unexpected_field_behavior="ignore",
                newlines_in_values=False,
            ),
        )
    import pyarrow.csv

    return pyarrow.csv.read_csv(
        stream,
        pyarrow.csv.ReadOptions(block_size=max(len(data) // 8, 1 << 20)),
        pyarrow.csv.ParseOptions(delimiter=shape.delimiter, newlines_in_values=b'"' in data),
        pyarrow.csv.ConvertOptions(
            column_types={name: types[name] for name in wanted},
            include_columns=wanted,
            null_values=list(cells.MISSING),
            strings_can_be_null=False,
        ),
    )


def _from_arrow(table: Any, objective: str, time: str | None) -> ReportRows:
    """The reports of an Arrow table. Raises _OddError if the typed columns cannot hold them."""
    import pyarrow as pa

    from esim.storage import arrow

    def ids(name: str) -> tuple[Int64, list[str]]:
        column = table[name]
        if pa.types.is_integer(column.type):
            column = column.cast(pa.string())
        elif not (_is_text(column.type) or _is_text(getattr(column.type, "value_type", None))):
            raise _OddError
        codes, names = arrow.categories(column)
        if (codes < 0).any() or None in names or "" in names:
            raise _OddError
        return codes, names

    step = table["step"]
    if step.null_count:
        raise _OddError
    if pa.types.is_integer(step.type):
        steps = arrow.numbers(step.cast(pa.int64()))
        if len(steps) and max(steps.max(), -steps.min()) >= EXACT:
            raise _OddError  # reading cell by cell names the line
    elif pa.types.is_floating(step.type):
        numbers = arrow.floats(step)
        if not (np.abs(numbers) < EXACT).all() or (numbers != np.floor(numbers)).any():
            raise _OddError
        steps = numbers.astype(np.int64)
    else:
        raise _OddError
    trial_codes, trials = ids("trial")
    study_codes, studies = ids("study") if "study" in table.column_names else (None, None)
    times, unit, assumed = None, "", False
    if time == "elapsed_s":
        times = _floats(table[time])
    elif time == "timestamp":
        times, unit, assumed = _timestamps(table[time])
    return ReportRows(
        trials,
        trial_codes,
        studies,
        study_codes,
        steps,
        _floats(table[objective]),
        times,
        unit,
        assumed,
    )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _floats(column: Any) -> Float64:
    import pyarrow as pa

    from esim.storage import arrow

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise _OddError
    return arrow.floats(column)


def _timestamps(column: Any) -> tuple[Float64, str, bool]:
    """Seconds since 1970 UTC, how they are written, and whether UTC was assumed.

    Raises:
        _OddError: the rows are not all written in one way.
    """
    import pyarrow as pa

    from esim.storage import arrow

    if column.null_count:
        raise _OddError
    if _is_text(column.type):
        for kind in (pa.float64(), pa.timestamp("us", tz="UTC"), pa.timestamp("us")):
            try:
                column = column.cast(kind)
                break
            except pa.ArrowException:
                continue
        else:
            raise _OddError
    if pa.types.is_timestamp(column.type):
        zone = column.type.tz
        ticks = column.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64())
        return arrow.numbers(ticks) / 1e6, ISO_8601, zone is None
    numbers = _floats(column)
    if np.isnan(numbers).any():
        raise _OddError
    try:
        seconds, unit = epoch_seconds(numbers, lambda _: "")
    except EsimError:
        raise _OddError from None  # reading cell by cell names the line
    return seconds, f"epoch {unit}", False


def _from_cells(shape: Shape, data: bytes, objective: str, time: str | None) -> ReportRows:
    """Read the reports cell by cell: for files that Arrow refuses, and for errors that name a line.

    Arguments and errors are those of `read_rows`.
    """
    trials: dict[str, int] = {}
    studies: dict[str, int] = {}
    columns: tuple[list[int], list[int], list[int], list[float]] = ([], [], [], [])
    raw_times: list[Any] = []
    places: list[str] = []
    for place, row in records(shape, data):
        trial = cells.identifier(row.get("trial"), place, "trial")
        columns[0].append(trials.setdefault(trial, len(trials)))
        if "study" in shape.columns:
            study = cells.identifier(row.get("study"), place, "study")
            columns[1].append(studies.setdefault(study, len(studies)))
        columns[2].append(cells.integer(row.get("step"), place, "step"))
        columns[3].append(cells.number(row.get(objective), place, objective))
        if time is not None:
            raw_times.append(row.get(time))
            places.append(place)
    times, unit, assumed = None, "", False
    if time == "elapsed_s":
        pairs = zip(raw_times, places, strict=True)
        times = np.array([cells.number(cell, place, time) for cell, place in pairs], np.float64)
    elif time == "timestamp":
        times, unit, assumed = cells.moments(raw_times, places, time)
    return ReportRows(
        trials=list(trials),
        trial_codes=np.array(columns[0], dtype=np.int64),
        studies=list(studies) if "study" in shape.columns else None,
        study_codes=np.array(columns[1], dtype=np.int64) if "study" in shape.columns else None,
        steps=np.array(columns[2], dtype=np.int64),
        values=np.array(columns[3], dtype=np.float64),
        times=times,
        time_unit=unit,
        zone_assumed=assumed,
    )
