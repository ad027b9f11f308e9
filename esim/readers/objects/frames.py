"""Reads a table that another library holds in memory: pandas, Polars, PyArrow, DuckDB and others.

Columns are taken over through Arrow, without copying where the library allows it. The reader of
tables then reads them as it reads the columns of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from esim.errors import EsimError
from esim.readers.formats import Found
from esim.readers.held import is_named
from esim.readers.options import Options
from esim.readers.source import File, Source
from esim.readers.tables import plain
from esim.readers.tables.shape import shape_in_memory

FORMAT = replace(plain.FORMAT, module=__name__)


def read(source: Source, options: Options) -> Found:
    """Read the studies of a table.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        TypeError: it is a single column and no table.
        EsimError: two columns have the same name, or the reader of tables refuses them.
    """
    file = File(Path(source.label), Path(source.label), "the table")
    file.seen["shape"] = shape_in_memory(file, _arrow_table(source.held, source.label))
    return plain.read(Source(source.roots, (file,)), options)


def _arrow_table(frame: Any, where: str) -> Any:
    """A table of any library as a `pyarrow.Table`. Raises TypeError and EsimError as `read`.

    Of a pandas frame, an index becomes columns, unless it only numbers the rows.
    """
    import pyarrow as pa

    if is_named(frame, "pandas.DataFrame"):
        table = _table(_pandas_columns(frame), where)
    elif hasattr(frame, "__arrow_c_stream__"):
        try:
            stream = pa.RecordBatchReader.from_stream(frame)
        except pa.ArrowInvalid as error:  # its schema is not that of a table
            raise TypeError(f"{where} is no table with named columns: {error}") from None
        table = stream.read_all()
    else:
        from pyarrow.interchange.from_dataframe import from_dataframe

        table = from_dataframe(frame)
    names = table.column_names
    doubled = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if doubled:
        raise _doubled(doubled[0], where)
    for at, (name, column) in enumerate(zip(names, table.columns, strict=True)):
        table = table.set_column(at, name, _plain(column))
    return table


def _pandas_columns(frame: Any) -> Iterator[tuple[str, Any]]:
    """The levels of the index that are more than row numbers, and the columns."""
    index = frame.index
    for level, name in enumerate(index.names):
        values = index.get_level_values(level)
        numbered = index.nlevels == 1 and values.dtype.kind in "iu"
        if name is None and not numbered:  # named as pandas' reset_index does
            name = f"level_{level}" if index.nlevels > 1 else "index"
        if name is not None:
            yield str(name), values
    for at, name in enumerate(frame.columns):
        yield str(name), frame.iloc[:, at]


def _table(columns: Iterator[tuple[str, Any]], where: str) -> Any:
    """Columns of pandas as a table. A level of the index may be there as a column too."""
    import pyarrow as pa

    found: dict[str, Any] = {}
    for name, values in columns:
        column = _column(values)
        if name in found and not found[name].equals(column):
            raise _doubled(name, where)
        found[name] = column
    return pa.table(found)


def _doubled(name: str, where: str) -> EsimError:
    return EsimError(f"two columns are named {name!r}", where=where, fix="rename one")


def _column(values: Any) -> Any:
    """A column of pandas as an Arrow array; one of mixed types as text, as in a CSV file."""
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except pa.ArrowException:
        missing = values.isna()
        cells = [None if gone else str(cell) for cell, gone in zip(values, missing, strict=True)]
        return pa.array(cells, pa.string())


def _plain(column: Any) -> Any:
    """A column of Arrow in a type that the reader of tables knows.

    Polars hands over texts as views, alone or in categories, which pyarrow's functions do not take.
    DuckDB's decimals become numbers, a lapse of time its seconds, and a date its midnight.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, text = column.type, pa.large_string()
    if pa.types.is_string_view(kind):
        return column.cast(text)
    if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(text))
            for chunk in column.chunks
        ]
        categories: Any = pa.dictionary(kind.index_type, text)
        return pa.chunked_array(chunks, categories)
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64() if kind.scale or kind.precision > 18 else pa.int64())
    if pa.types.is_duration(kind):
        ticks = column.cast(pa.duration("us"), safe=False).cast(pa.int64())
        return pc.divide(ticks.cast(pa.float64()), 1e6)
    return column.cast(pa.timestamp("us")) if pa.types.is_date(kind) else column
