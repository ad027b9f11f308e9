"""What the order of steps shows: restarts, rows out of order, and counters that begin again."""

from __future__ import annotations

from typing import Any

import numpy as np

from esim.errors import plural
from esim.study import Float64, Int64, Note


def fault_of(steps: Float64) -> str:
    """Why a column cannot count steps; "" if it can."""
    if np.isnan(steps).any():
        return "is not in every row"
    if not np.isfinite(steps).all() or (steps != np.floor(steps)).any():
        return "is no whole number"
    return "repeats" if (np.diff(steps) == 0).any() else ""


def are_unsorted(steps: Float64) -> bool:
    """Whether rows only stand out of order: no step repeats, as those of a restart would."""
    ahead = np.diff(steps)
    return bool((ahead <= 0).any()) and len(np.unique(steps)) == len(steps)


def falls_in_new(steps: Float64, epochs: Float64) -> bool:
    """Whether steps fall only where the epoch grows, because they are counted anew in each."""
    falls = np.diff(steps) < 0
    return bool((np.diff(epochs)[falls] > 0).all())


def not_superseded(steps: Float64) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """bool [R]: which rows count, because no later restart repeats their steps.

    Where the steps fall the run was restarted from an earlier step. What it had reported at that
    step and beyond does not belong to the model that it ended with.
    """
    begins = np.flatnonzero(np.diff(steps) < 0) + 1
    lowest = np.full(len(steps), np.inf)  # the lowest step of all restarts behind each row
    lowest[begins - 1] = steps[begins]
    lowest = np.minimum.accumulate(lowest[::-1])[::-1]
    return np.asarray(steps < lowest)


def settled(steps: Int64) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """bool [R]: which reports count, because no later restart of their run repeats their steps.

    Args:
        steps: int64 [R], in the order in which they were written.
    """
    return not_superseded(steps.astype(np.float64))


def restart_note(falls: int, superseded: int) -> Note:
    """The note on runs that were restarted.

    Args:
        falls: how often the steps fall.
        superseded: how many reports do not count because of it.
    """
    text = (
        f"steps fall {plural(falls, 'time')}: the run started again from there, and "
        f"{plural(superseded, 'report')} "
        "of its earlier start are superseded"
    )
    return Note("restarts", text, falls)
