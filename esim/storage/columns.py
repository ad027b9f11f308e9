"""What the columns of a stored table must be: checked when it is read, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from esim.errors import EsimError, plural

Kind = Literal["text", "whole numbers", "numbers", "flags"]


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: its name.
        kind: text, int64, float64 or bool.
        nulls: whether entries may be null.
        needed: whether every such table has it.
    """

    name: str
    kind: Kind
    nulls: bool = False
    needed: bool = True


def checked_columns(table: Any, columns: Iterable[Column], where: str) -> Any:
    """An Arrow table that has some columns, each once and of its type.

    Args:
        table: the table; it may have other columns too.
        columns: what is needed of it. A column without any value may be of Arrow's type null.
        where: the file, for errors.

    Raises:
        EsimError: a column is missing, stands there twice, is of another type or lacks values.
    """
    import pyarrow as pa

    for name, kind, nulls, needed in columns:
        at = table.schema.get_all_field_indices(name)
        if not at and not needed:
            continue
        if len(at) != 1:
            what = f"several columns {name!r}" if at else f"no column {name!r}"
            raise EsimError(what, where=where)
        column = table.column(at[0])
        if pa.types.is_null(column.type):
            column = column.cast(_types()[kind])
            table = table.set_column(at[0], name, column)
        if kind_of(column.type) != kind:
            raise EsimError(f"column {name!r} holds {column.type}, not {kind}", where=where)
        if column.null_count and not nulls:
            raise EsimError(
                f"column {name!r} lacks {plural(column.null_count, 'value')}", where=where
            )
    return table


def arrays_of(table: Any) -> dict[str, Any]:
    """The columns of an Arrow table by name: numbers and flags as arrays, texts as lists.

    Numbers with a fraction are NaN where null, texts None. The table's memory may be taken.
    """
    from esim.storage import arrow

    found: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = kind_of(column.type)
        if kind == "numbers":
            found[name] = arrow.floats(column, own=True)
        elif kind == "whole numbers":
            found[name] = arrow.numbers(column, own=True)
        elif kind == "flags":
            found[name] = arrow.flags(column)
        elif column.null_count == len(column):
            found[name] = [None] * len(column)
        else:
            found[name] = column.to_pylist()
    return found


def kind_of(type: Any) -> Kind | None:
    """The kind of an Arrow type; None if it is none that a stored table has."""
    import pyarrow as pa

    inner = type.value_type if pa.types.is_dictionary(type) else type
    if pa.types.is_large_string(inner):
        return "text"
    return next((kind for kind, own in _types().items() if own in (type, inner)), None)


def _types() -> dict[Kind, Any]:
    """The Arrow type of each kind, as esim writes it."""
    import pyarrow as pa

    return {
        "text": pa.string(),
        "whole numbers": pa.int64(),
        "numbers": pa.float64(),
        "flags": pa.bool_(),
    }
