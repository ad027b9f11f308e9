"""When a study's trials ran and how long they took, and columns at each trial's last report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.study.arrays import Float64
from esim.study.record import Study
from esim.study.status import Status


def side_by_side(study: Study) -> int:
    """The most trials that ran at once, as recorded; 1 where starts or ends are unknown.

    A trial that starts at the moment another ends does not run beside it. A trial that was still
    running when it was recorded has no end.
    """
    reporting = study.lengths > 0
    ended = reporting & ~study.which(Status.RUNNING)
    if np.isnan(study.start[reporting]).any() or np.isnan(study.end[ended]).any():
        return 1
    known = np.isfinite(study.start)
    start = study.start[known]
    end = np.where(np.isfinite(study.end[known]), study.end[known], np.inf)
    # A trial that ends at the moment it starts counts as running for that moment.
    end = np.sort(np.maximum(end, np.nextafter(start, np.inf)))
    start = np.sort(start)
    running = np.arange(1, len(start) + 1) - np.searchsorted(end, start, side="right")
    return int(running.max(initial=1))


def report_seconds(study: Study) -> Float64:
    """float64 [R]: each report's seconds since its trial's start.

    Where the study has no report times a unit of its resource counts as a second.
    """
    return study.resource.astype(np.float64) if study.elapsed is None else study.elapsed


def last_row(study: Study, column: NDArray[Any]) -> NDArray[Any]:
    """A column at each trial's last report.

    Args:
        study: the study.
        column: one of its columns. [R]

    Returns:
        [N]; 0 where a trial has no report.
    """
    return last_kept(study, column, study.lengths)


def last_kept(
    study: Study, column: NDArray[Any], rows_kept: NDArray[Any], otherwise: float = 0
) -> NDArray[Any]:
    """A column at the last report that each trial still makes.

    Args:
        study: the study.
        column: one of its columns. [R]
        rows_kept: int [..., N], how many reports each trial makes, counted from its first.
        otherwise: the result where a trial makes no report.

    Returns:
        [..., N].
    """
    if not len(column):
        return np.full(rows_kept.shape, otherwise, dtype=column.dtype)
    last = np.maximum(study.offsets[:-1] + rows_kept - 1, 0)
    return np.where(rows_kept > 0, column[last], otherwise)


def last_values(study: Study) -> Float64:
    """float64 [N]: the last value that each trial reported; NaN where it reported none.

    >>> import esim
    >>> nan = float("nan")
    >>> last_values(esim.Study.from_arrays([[3.0, 2.0, nan], [nan]], "minimize")).tolist()
    [2.0, nan]
    """
    rows = np.flatnonzero(~np.isnan(study.values))
    upto = np.searchsorted(rows, study.offsets)
    found = np.full(study.n_trials, np.nan)
    has = np.diff(upto) > 0
    found[has] = study.values[rows[upto[1:][has] - 1]]
    return found


def last_second(study: Study) -> Float64:
    """float64 [N]: `report_seconds` at each trial's last report; 0 where it has none."""
    column = study.resource if study.elapsed is None else study.elapsed
    return last_row(study, column).astype(np.float64)


def ends_before_reports(study: Study) -> NDArray[np.bool_]:
    """bool [N]: whether a trial's recorded end lies more than a second before its last report.

    Ends are often written in whole seconds, so one second is no contradiction. `durations` takes
    such a trial to end with its last report.
    """
    if study.elapsed is None:
        return np.zeros(study.n_trials, dtype=np.bool_)
    return np.asarray(study.start + last_second(study) > study.end + 1.0)


def durations(study: Study) -> Float64:
    """float64 [N]: seconds from each trial's start to its recorded end.

    Where start or end are unknown it is the time of the last report. A step counts as a second if
    the study has no report times.
    """
    last = last_second(study)
    if study.elapsed is None:
        return last
    span = study.end - study.start
    return np.where(np.isfinite(span), np.maximum(span, last), last)
