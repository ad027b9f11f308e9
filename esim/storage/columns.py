"""What the columns of a stored table must be: checked when it is read, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from esim.errors import EsimError

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


def check_columns(table: Any, columns: Iterable[Column], where: str) -> None:
    """Check that an Arrow table has some columns, each once, of their types.

    Args:
        table: the table; it may have other columns too.
        columns: what is needed of it.
        where: the file, for errors.

    Raises:
        EsimError: a column is missing, stands there twice, is of another type or has nulls.
    """
    for name, kind, nulls, needed in columns:
        at = table.schema.get_all_field_indices(name)
        if len(at) != 1:
            if not at and not needed:
                continue
            what = f"several columns {name!r}" if at else f"no column {name!r}"
            raise EsimError(what, where=where)
        column = table.column(at[0])
        if kind_of(column.type) != kind and (not nulls or column.null_count < len(column)):
            raise EsimError(f"column {name!r} holds {column.type}, not {kind}", where=where)
        if column.null_count and not nulls:
            raise EsimError(f"column {name!r} lacks {column.null_count} values", where=where)


def kind_of(type: Any) -> Kind | None:
    """The kind of an Arrow type; None if it is none that a stored table has."""
    import pyarrow as pa

    inner = type.value_type if pa.types.is_dictionary(type) else type
    if pa.types.is_string(inner) or pa.types.is_large_string(inner):
        return "text"
    kinds: dict[Any, Kind] = {
        pa.int64(): "whole numbers",
        pa.float64(): "numbers",
        pa.bool_(): "flags",
    }
    return kinds.get(type)
