"""What became of each trial of a replay, in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.storage.typed import MisfitError, convert, shown


@dataclass(frozen=True)
class TrialColumns:
    """Per trial, in launch order. [N] each; NaN and -1 = unknown or not stopped."""

    trial: Sequence[str]
    stopped: NDArray[np.bool_]
    stopped_at_last: NDArray[np.bool_]
    stop_step: NDArray[np.int64]
    steps_recorded: NDArray[np.int64]
    steps_run: NDArray[np.int64]
    seconds_recorded: NDArray[np.float64]
    seconds_run: NDArray[np.float64]
    final_value_recorded: NDArray[np.float64]
    final_value: NDArray[np.float64]
    threshold: NDArray[np.float64]
    peers: NDArray[np.int64]
    censored: NDArray[np.bool_]
    reports_kept: NDArray[np.int64]
    start_s: NDArray[np.float64]
    end_recorded_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    start_recorded_s: NDArray[np.float64]
    started: NDArray[np.bool_]
    cut: NDArray[np.bool_]

    @property
    def ended_early(self) -> NDArray[np.bool_]:
        """Which trials do not run to their end: stopped, cut, or never started. [N]"""
        return np.asarray(self.stopped | self.cut | ~self.started)

    def rows(self) -> list[dict[str, Any]]:
        """One dict a trial, None where unknown."""
        lists = []
        for name, column in vars(self).items():
            values = column.tolist() if isinstance(column, np.ndarray) else list(column)
            if name in _NONE_IS_BELOW:
                values = [None if value < 0 else value for value in values]
            lists.append(values)
        return [dict(zip(vars(self), row, strict=True)) for row in zip(*lists, strict=True)]

    @classmethod
    def plain_kind(cls) -> Any:
        """What they are in a document: a list of such dicts."""
        cells = {"bool": bool, "int64": int, "float64": float | None}
        row = [
            (
                name,
                str if kind not in cells else int | None if name in _NONE_IS_BELOW else cells[kind],
            )
            for name, kind in _kinds(cls).items()
        ]
        optional = [(*one, field(default=_BEFORE[one[0]])) for one in row if one[0] in _BEFORE]
        needed = [one for one in row if one[0] not in _BEFORE]
        doc = {"__doc__": "What became of one trial, in launch order. None = unknown."}
        return Sequence[make_dataclass("TrialRow", [*needed, *optional], namespace=doc)]  # type: ignore[misc]

    @classmethod
    def from_plain(cls, rows: Any) -> TrialColumns:
        """The columns of such dicts: NaN where a number is None, -1 where a whole one is.

        Raises:
            MisfitError: the rows are of another kind.
        """
        kinds = _kinds(cls)
        if not isinstance(rows, (list, tuple)):
            raise MisfitError(f"{shown(rows)} is not a list")
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping) or kinds.keys() != {**_BEFORE, **row}.keys():
                raise MisfitError(f"{shown(row)} has other fields").inside(number)
        rows = [{**_BEFORE, **row} for row in rows]
        made = {}
        for name, kind in kinds.items():
            try:
                made[name] = _column([row[name] for row in rows], name, kind)
            except MisfitError as error:
                raise error.inside(name) from None
        return cls(**made)


def _kinds(columns: Any) -> dict[str, str]:
    """The names of the types of an array's cells, by column."""
    return {f.name: str(f.type).removeprefix("NDArray[np.").strip("_]") for f in fields(columns)}


def _column(cells: Sequence[Any], name: str, kind: str) -> Any:
    """The cells of a column of `TrialColumns`, whose type is of this kind, as an array or texts."""
    if kind not in _CELLS:
        return convert(tuple[str, ...], cells)
    unknown = -1 if name in _NONE_IS_BELOW else np.nan if kind == "float64" else None
    known = [unknown if cell is None else cell for cell in cells]
    if not set(map(type, known)) <= _CELLS[kind]:
        odd = next(cell for cell in known if type(cell) not in _CELLS[kind])
        raise MisfitError(f"{shown(odd)} is not of type {kind}")
    try:
        column = np.array(known, dtype=kind)
    except OverflowError:
        raise MisfitError("a number is too large") from None
    if kind == "float64" and np.isinf(column).any():
        raise MisfitError("a number is not finite")
    return column


_CELLS: Mapping[str, set[type]] = {"bool": {bool}, "int64": {int}, "float64": {int, float}}
_NONE_IS_BELOW = ("stop_step", "peers")
# Of what was written before there were job-level rules, and before such stops were counted.
_BEFORE = {"started": True, "cut": False, "stopped_at_last": False}
