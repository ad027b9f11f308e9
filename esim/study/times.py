"""The times of a study: when trials ran, how long jobs took, and columns at the last rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.study.arrays import Float64
from esim.study.record import Study
from esim.study.status import Status


def side_by_side(study: Study) -> int:
    """How many trials ran at once at most, as recorded; 1 where starts or ends are unknown.

    A job that starts as another ends takes its slot; one that still runs keeps its own.
    """
    reporting = np.diff(study.offsets) > 0
    ended = reporting & (study.status != Status.RUNNING)
    if np.isnan(study.start[reporting]).any() or np.isnan(study.end[ended]).any():
        return 1
    known = np.isfinite(study.start)
    start = study.start[known]
    end = np.where(np.isfinite(study.end[known]), study.end[known], np.inf)
    # A job that ends as it starts takes a slot for that moment.
    end = np.sort(np.maximum(end, np.nextafter(start, np.inf)))
    start = np.sort(start)
    running = np.arange(1, len(start) + 1) - np.searchsorted(end, start, side="right")
    return int(running.max(initial=1))


def report_seconds(study: Study) -> Float64:
    """float64 [R]: seconds of each row since its trial's start; a step is one where unknown."""
    return study.steps.astype(np.float64) if study.elapsed is None else study.elapsed


def last_row(study: Study, column: NDArray[Any]) -> NDArray[Any]:
    """A column [R] at each trial's last row, [N]; 0 where it has no row."""
    return last_kept(study, column, np.diff(study.offsets))


def last_kept(
    study: Study, column: NDArray[Any], rows_kept: NDArray[Any], otherwise: float = 0
) -> NDArray[Any]:
    """A column [R] at the last of the rows that each trial makes, [..., N]; `otherwise` where it
    makes none. `rows_kept`: how many it makes, int [..., N].
    """
    if not len(column):
        return np.full(rows_kept.shape, otherwise, dtype=column.dtype)
    last = np.maximum(study.offsets[:-1] + rows_kept - 1, 0)
    return np.where(rows_kept > 0, column[last], otherwise)


def last_second(study: Study) -> Float64:
    """float64 [N]: `report_seconds` at each trial's last row."""
    column = study.steps if study.elapsed is None else study.elapsed
    return last_row(study, column).astype(np.float64)


def durations(study: Study) -> Float64:
    """float64 [N]: seconds from each trial's start to its natural end.

    From its start and end where both are known, else to its last report; in steps if the study has
    no seconds at all.
    """
    last = last_second(study)
    if study.elapsed is None:
        return last
    span = study.end - study.start
    return np.where(np.isfinite(span), np.maximum(span, last), last)
