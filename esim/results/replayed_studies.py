"""The studies of a replayed history, read back from the table beside its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from esim.errors import EsimError
from esim.results.history import STUDIES
from esim.results.replay import BestTrial, Summary
from esim.results.saved import SavedResult

_TIMES = ("first_start", "last_end")
_SUMMARY = tuple(field.name for field in fields(Summary))
# Columns that tables written by earlier versions lack, and what they then hold.
_LATER = {
    **dict.fromkeys((*_TIMES, "group", "digest")),
    **{field.name: field.default for field in fields(Summary) if field.default is not MISSING},
}


@dataclass(frozen=True)
class ReplayedStudy:
    """A study's row of studies.parquet.

    Attributes:
        study, objective, direction: as in `esim.study.Study`.
        error: why it could not be replayed; then `summary` is None.
        clock: the mode of its clock.
        first_start, last_end: when it ran, in seconds since 1970 UTC; None where unknown.
        group: the group that it belongs to; None in a table that was written before there were any.
        digest: the hash of what is recorded of it; None where its history has none.
        warnings: the codes of its caveats.
        summary: what the rule would have done.
    """

    study: str
    objective: str
    direction: str
    error: str | None
    clock: str | None
    first_start: float | None
    last_end: float | None
    group: str | None
    digest: str | None
    warnings: tuple[str, ...]
    summary: Summary | None


def replayed_studies(source: SavedResult) -> tuple[ReplayedStudy, ...] | None:
    """Every study of a replayed history, in its order; None if there is no table beside it.

    Args:
        source: a document of schema esim.replay-many/1.

    Raises:
        EsimError: the table is damaged, or is no such table.
    """
    import pyarrow as pa

    from esim.results.tables import studies_schema

    table = source.whole_table(STUDIES)
    if table is None:
        return None
    where = str(source.folder / STUDIES)
    columns: dict[str, list[Any]] = {}
    for field in studies_schema():
        at = table.schema.get_all_field_indices(field.name)
        if not at and field.name in _LATER:
            columns[field.name] = [_LATER[field.name]] * table.num_rows
            continue
        column = table.column(at[0]) if len(at) == 1 else None
        if column is None or column.type != field.type:
            raise EsimError(
                f"no table of replayed studies: column {field.name!r}",
                where=where,
                why="it is missing" if column is None else f"it holds {column.type}",
                fix="write it again with this version of esim",
            )
        whole = column.cast(pa.int64()) if field.name in _TIMES else column
        columns[field.name] = whole.to_pylist()
    return tuple(_study(columns, i) for i in range(table.num_rows))


def _study(columns: Mapping[str, Sequence[Any]], i: int) -> ReplayedStudy:
    told = {name: column[i] for name, column in columns.items()}
    summary = {name: told.pop(name) for name in _SUMMARY}
    for name in ("best", "best_recorded"):
        summary[name] = summary[name] and BestTrial(**summary[name])
    for name in _TIMES:
        told[name] = None if told[name] is None else told[name] / 1e6
    bounds = summary["steps_saved_fraction_bounds"]
    summary["steps_saved_fraction_bounds"] = bounds and tuple(bounds)
    failed = told["error"] is not None
    told["warnings"] = tuple(told["warnings"] or ())
    return ReplayedStudy(**told, summary=None if failed else Summary(**summary))
