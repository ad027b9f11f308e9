"""Refuses a log whose rows are of several trainings or of several kinds, if a column tells so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, plural
from esim.readers.encodings import cells
from esim.readers.tables.names import plain_name
from esim.study import Float64

# Columns of numbers that tell rows of one step apart.
TELLING = ("seed", "fold", "rank", "worker", "host", "repeat", "replicate", "cv", "lr", "config")

Rows = Callable[[], Iterable[tuple[str, Mapping[str, Any]]]]


def refuse_mixed(
    rows: Rows,
    where: str,
    *,
    step: str,
    steps: Float64,
    keep: NDArray[np.bool_],
    counts: Callable[[Mapping[str, Any]], bool],
    apart: Sequence[str],
    one_row: bool,
) -> None:
    """Refuse a log whose rows are of several trainings, or of several kinds.

    Args:
        rows: reads its rows.
        where: the file, for errors.
        step: the column that counts steps.
        steps: float64 [R], the steps of the rows that count.
        keep: bool [R], which of them no restart has superseded.
        counts: whether a row reports the objective.
        apart: the columns that tell no rows apart: the objective, steps and times.
        one_row: whether rows that no column tells apart are refused too, if they are many.

    Raises:
        EsimError: steps begin again from the first one and a column, or several together, have
            other values each time, or several rows have one step and a column tells them apart,
            or no column does and there are half as many such rows as steps.
    """
    begins = np.flatnonzero((np.diff(steps) < 0) & (steps[1:] == steps[:1])) + 1
    kept = steps[keep]
    repeats = len(kept) - len(np.unique(kept))
    if not begins.size and not repeats:
        return
    columns: dict[str, list[str]] = {}
    found = [row for _, row in rows() if counts(row)]
    for name in dict.fromkeys(name for row in found for name in row):
        if name not in apart:
            columns[name] = [cells.plain_text(row.get(name)) for row in found]
    if begins.size:
        bounds = [0, *begins.tolist(), len(steps)]
        for name, texts in columns.items():
            inside = [set(texts[a:b]) for a, b in pairwise(bounds)]
            if all(len(block) == 1 for block in inside) and len(set.union(*inside)) == len(inside):
                raise EsimError(
                    f"the file holds {len(inside)} trainings, one after another",
                    where=where,
                    why=f"{step} begins again, and column {name!r} tells them apart",
                    fix=f"--trial {name!r}",
                )
        _refuse_grid(columns, bounds, where, step)
    if not repeats:
        return
    at = np.flatnonzero(keep).tolist()
    for name, texts in columns.items():
        kinds = {texts[i] for i in at}
        distinct = {(steps[i], texts[i]) for i in at}
        named = plain_name(name) in TELLING or not any(map(cells.is_number, kinds))
        if named and len(distinct) == len(at) and 1 < len(kinds) <= len(at) // 2:
            raise EsimError(
                f"{plural(repeats, 'row', 'repeat')} a step",
                where=where,
                why=f"column {name} tells them apart: {', '.join(sorted(kinds)[:4])}",
                fix=f"--where '{name}={sorted(kinds)[-1]}', or --trial {name!r} if it names trials",
            )
    if one_row and repeats * 2 > len(kept) - repeats and len(kept) > 2:
        raise EsimError(
            f"{len(kept)} rows for {len(kept) - repeats} steps",
            where=where,
            why=f"several rows have the same {step}, and no column names a run",
            fix="--trial with the column that tells the runs apart, if there is one",
        )


def _refuse_grid(
    columns: Mapping[str, Sequence[str]], bounds: Sequence[int], where: str, step: str
) -> None:
    """Refuse trainings one after another that only several columns together tell apart.

    Args:
        columns: name -> the text of each row.
        bounds: where the trainings begin, and the number of rows.
        where: the file, for errors.
        step: the column that counts steps.
    """
    blocks = list(pairwise(bounds))
    settings = [
        name
        for name, texts in columns.items()
        if len(set(texts)) > 1 and all(len(set(texts[a:b])) == 1 for a, b in blocks)
    ]
    keys = {tuple(columns[name][a] for name in settings) for a, _ in blocks}
    if settings and len(keys) == len(blocks) and all(b - a > 1 for a, b in blocks):
        raise EsimError(
            f"the file holds {len(blocks)} trainings, one after another",
            where=where,
            why=f"{step} begins again, and the columns {', '.join(settings)} tell them apart",
            fix="add a column trial that names the training of each row",
        )
