"""Reads the reports of a table file as typed columns.

Arrow reads them fast. What it refuses (text where a number belongs, a step written as 3.0e0,
numbers as ids) is read again cell by cell, which either accepts it or says in which line it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.readers.encodings import cells
from esim.readers.encodings.durations import duration, unit_in
from esim.readers.encodings.times import ISO_8601, epoch_seconds
from esim.readers.tables.records import Oddities, arrow_table, contents, records
from esim.readers.tables.shape import Shape
from esim.study import EXACT, Float64, Int64


@dataclass(frozen=True)
class ReportRows:
    """The R reports of one file.

    Attributes:
        trials: the ids of its trials.
        trial_codes: int64 [R], positions in `trials`.
        studies, study_codes: the same for studies; None without a column `study`.
        steps: float64 [R], whole numbers if they were asked for.
        values: float64 [R], NaN if missing.
        blank: bool [R], whether there is no value, not even NaN.
        times: float64 [R], elapsed seconds, or seconds since 1970 UTC; NaN if missing. None without
            such a column.
        time_unit: how times are written: "ISO 8601", "epoch seconds", ...; "" for elapsed seconds.
        zone_assumed: whether times without a zone were taken as UTC.
        tags: for each column of text that was asked for, int64 [R], positions in its distinct
            texts, and these.
    """

    trials: list[str]
    trial_codes: Int64
    studies: list[str] | None
    study_codes: Int64 | None
    steps: Float64
    values: Float64
    blank: NDArray[np.bool_]
    times: Float64 | None = None
    time_unit: str = ""
    zone_assumed: bool = False
    tags: Mapping[str, tuple[Int64, list[str]]] = field(default_factory=dict)

    def kept(self, keep: NDArray[np.bool_]) -> ReportRows:
        """Those of the reports that are kept.

        Args:
            keep: bool [R].
        """
        return replace(
            self,
            trial_codes=self.trial_codes[keep],
            study_codes=None if self.study_codes is None else self.study_codes[keep],
            steps=self.steps[keep],
            values=self.values[keep],
            blank=self.blank[keep],
            times=None if self.times is None else self.times[keep],
            tags={name: (codes[keep], texts) for name, (codes, texts) in self.tags.items()},
        )


@dataclass(frozen=True)
class Wanted:
    """The columns of a table that are read.

    Attributes:
        trial, step, value: their names.
        study, time: their names; None without such a column.
        elapsed: whether times are seconds since the trial's start, not points in time.
        tags: columns of text that are read too.
        conditions: (column, text); only rows that hold them all are read.
        whole: whether a step must be a whole number.
    """

    trial: str
    step: str
    value: str
    study: str | None = None
    time: str | None = None
    elapsed: bool = False
    tags: Sequence[str] = ()
    conditions: Sequence[tuple[str, str]] = ()
    whole: bool = True

    @property
    def names(self) -> list[str]:
        """All of them, each once."""
        found = (self.study, self.trial, self.step, self.value, self.time, *self.texts)
        return list(dict.fromkeys(name for name in found if name is not None))

    @property
    def texts(self) -> list[str]:
        """The tags and the columns of the conditions, each once."""
        return list(dict.fromkeys([*self.tags, *(column for column, _ in self.conditions)]))


class _OddError(Exception):
    """The typed columns cannot hold something, so the cells must be read one by one."""


def read_rows(shape: Shape, wanted: Wanted, odd: Oddities) -> ReportRows:
    """Read the reports of a file.

    Args:
        shape: the file.
        wanted: its columns.
        odd: what is odd about its rows is added here.

    Raises:
        EsimError: a trial or step is missing, or text stands where a number belongs; the error
            names path and line, of a Parquet file the row.
    """
    import pyarrow as pa

    data = contents(shape)
    if shape.encoding != "JSON" and not shape.nested:
        for integral in (True, False):
            try:
                return _from_arrow(_typed_table(shape, data, wanted, integral), wanted)
            except (pa.ArrowException, _OddError, KeyError):
                continue
    return _from_cells(shape, data, wanted, odd)


def _typed_table(shape: Shape, data: bytes, wanted: Wanted, integral: bool) -> Any:
    """The wanted columns as an Arrow table; steps are read as integers if `integral`, else floats.

    Raises:
        pa.ArrowInvalid: a cell does not fit its column's type.
    """
    import pyarrow as pa

    from esim.storage import arrow

    if shape.encoding in ("Parquet", "Arrow"):
        return arrow_table(shape, data, wanted.names)
    text = pa.dictionary(pa.int32(), pa.string())
    stream = arrow.reader(data)
    types: dict[str, Any] = dict.fromkeys(wanted.texts, text)
    types[wanted.trial] = text
    types[wanted.step] = pa.int64() if integral else pa.float64()
    types[wanted.value] = pa.float64()
    if wanted.study is not None:
        types[wanted.study] = text
    if wanted.time is not None:
        types[wanted.time] = pa.float64() if wanted.elapsed else pa.string()
    if shape.encoding == "JSONL":
        import pyarrow.json

        ids = pa.string() if shape.ids_are_text else pa.int64()
        plain = {name: pa.string() if kind == text else kind for name, kind in types.items()}
        plain[wanted.trial] = ids
        return pyarrow.json.read_json(
            stream,
            pyarrow.json.ReadOptions(block_size=max(len(data) // 8, 1 << 20)),
            pyarrow.json.ParseOptions(
                explicit_schema=pa.schema([(name, plain[name]) for name in wanted.names]),
                unexpected_field_behavior="ignore",
                newlines_in_values=False,
            ),
        )
    import pyarrow.csv

    return pyarrow.csv.read_csv(
        stream,
        pyarrow.csv.ReadOptions(
            block_size=max(len(data) // 8, 1 << 20),
            skip_rows=shape.above,
            column_names=list(shape.columns),
        ),
        pyarrow.csv.ParseOptions(delimiter=shape.delimiter, newlines_in_values=b'"' in data),
        pyarrow.csv.ConvertOptions(
            column_types=types,
            include_columns=wanted.names,
            null_values=[text for text in cells.MISSING if cells.is_blank(text)],
            strings_can_be_null=False,
        ),
    )


def _from_arrow(table: Any, wanted: Wanted) -> ReportRows:
    """The reports of an Arrow table. Raises _OddError if the typed columns cannot hold them."""
    import pyarrow as pa

    from esim.storage import arrow

    def ids(name: str, must: bool = True) -> tuple[Int64, list[str]]:
        column = table[name]
        if pa.types.is_integer(column.type):
            column = column.cast(pa.string())
        elif not (_is_text(column.type) or _is_text(getattr(column.type, "value_type", None))):
            raise _OddError
        if not must and column.null_count:
            raise _OddError
        codes, names = arrow.categories(column)
        if must and ((codes < 0).any() or None in names or "" in names):
            raise _OddError
        return codes, names

    texts = {name: ids(name, must=False) for name in wanted.texts}
    keep = None
    for column, asked in wanted.conditions:
        codes, names = texts[column]
        holds = np.array([holds_text(name, asked) for name in names], dtype=np.bool_)
        keep = holds[codes] if keep is None else keep & holds[codes]
    if keep is not None:
        table = table.filter(arrow.booleans(keep))
        texts = {name: (codes[keep], names) for name, (codes, names) in texts.items()}
    step = table[wanted.step]
    if step.null_count:
        raise _OddError
    if pa.types.is_integer(step.type):
        whole = arrow.numbers(step.cast(pa.int64()))
        if len(whole) and max(whole.max(), -whole.min()) >= EXACT:
            raise _OddError  # reading cell by cell names the line
        steps = whole.astype(np.float64)
    elif pa.types.is_floating(step.type) or pa.types.is_decimal(step.type):
        steps = arrow.floats(step)
        if not (np.abs(steps) < EXACT).all():
            raise _OddError
        if wanted.whole and (steps != np.floor(steps)).any():
            raise _OddError
    else:
        raise _OddError
    trial_codes, trials = ids(wanted.trial)
    study_codes, studies = ids(wanted.study) if wanted.study is not None else (None, None)
    times, unit, assumed = None, "", False
    if wanted.time is not None and wanted.elapsed:
        times = _floats(table[wanted.time]) * unit_in(wanted.time)[1]
    elif wanted.time is not None:
        times, unit, assumed = _timestamps(table[wanted.time])
    return ReportRows(
        trials,
        trial_codes,
        studies,
        study_codes,
        steps,
        _floats(table[wanted.value]),
        ~arrow.valid(table[wanted.value]),
        times,
        unit,
        assumed,
        {name: texts[name] for name in wanted.tags},
    )


def holds_text(cell: Any, asked: str) -> bool:
    """Whether a cell holds a text: written so, in other case, or as another form of one number."""
    text = cells.plain_text(cell).strip()
    if text.casefold() == asked.strip().casefold():
        return True
    if not (cells.is_number(text) and cells.is_number(asked)):
        return False
    return float(text) == float(asked)


def texts_of(shape: Shape, column: str) -> list[str]:
    """The distinct texts of a column, in the order of their first appearance.

    Args:
        shape: the file.
        column: the column.

    Raises:
        EsimError: a row is broken.
    """
    found = (cells.plain_text(row.get(column)) for _, row in records(shape))
    return [text for text in dict.fromkeys(found) if text]


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
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
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


def _from_cells(shape: Shape, data: bytes, wanted: Wanted, odd: Oddities) -> ReportRows:
    """Read the reports cell by cell: for files that Arrow refuses, and for errors that name a line.

    Arguments and errors are those of `read_rows`.
    """
    trials: dict[str, int] = {}
    studies: dict[str, int] = {}
    texts: dict[str, dict[str, int]] = {name: {} for name in wanted.tags}
    columns: tuple[list[int], list[int], list[float], list[float]] = ([], [], [], [])
    blank: list[bool] = []
    tags: dict[str, list[int]] = {name: [] for name in wanted.tags}
    raw_times: list[Any] = []
    places: list[str] = []
    for place, row in records(shape, data, odd):
        if not all(holds_text(row.get(column), asked) for column, asked in wanted.conditions):
            continue
        trial = cells.identifier(row.get(wanted.trial), place, wanted.trial)
        columns[0].append(trials.setdefault(trial, len(trials)))
        if wanted.study is not None:
            study = cells.identifier(row.get(wanted.study), place, wanted.study)
            columns[1].append(studies.setdefault(study, len(studies)))
        cell = row.get(wanted.step)
        if wanted.whole or cells.is_missing(cell):
            columns[2].append(float(cells.integer(cell, place, wanted.step)))
        else:
            columns[2].append(cells.number(cell, place, wanted.step))
        for name, known in texts.items():
            tag = cells.plain_text(row.get(name))
            tags[name].append(known.setdefault(tag, len(known)))
        blank.append(cells.is_blank(row.get(wanted.value)))
        columns[3].append(cells.number(row.get(wanted.value), place, wanted.value))
        if wanted.time is not None:
            raw_times.append(row.get(wanted.time))
            places.append(place)
    times, unit, assumed = None, "", False
    if wanted.time is not None and wanted.elapsed:
        pairs = zip(raw_times, places, strict=True)
        times = np.array([duration(cell, place, wanted.time) for cell, place in pairs], np.float64)
        times *= unit_in(wanted.time)[1]
    elif wanted.time is not None:
        times, unit, assumed = cells.moments(raw_times, places, wanted.time)
    return ReportRows(
        trials=list(trials),
        trial_codes=np.array(columns[0], dtype=np.int64),
        studies=list(studies) if wanted.study is not None else None,
        study_codes=None if wanted.study is None else np.array(columns[1], dtype=np.int64),
        steps=np.array(columns[2], dtype=np.float64),
        values=np.array(columns[3], dtype=np.float64),
        blank=np.array(blank, dtype=np.bool_),
        times=times,
        time_unit=unit,
        zone_assumed=assumed,
        tags={
            name: (np.array(tags[name], dtype=np.int64), list(texts[name])) for name in wanted.tags
        },
    )
