"""How long slots stood empty between two jobs, as recorded."""

from __future__ import annotations

import numpy as np

from esim.study.arrays import Float64
from esim.study.batch import Batch
from esim.study.status import Status


def recorded_slot_gaps(batch: Batch) -> Float64:
    """The median seconds from the end of a job to the start of the next in its slot, float64 [S].

    Slots are as many as trials ran at once (`esim.study.times.side_by_side`). Each start beyond the
    first of them takes the slot that has been free for longest, so the starts that follow, in
    order, belong to the ends, in order. A trial that was still running when it was recorded has not
    freed its slot.

    Returns:
        NaN for a study where a start or an end is unknown, or no slot was taken twice.

    >>> import esim
    >>> start, end = [0.0, 0.0, 60.0, 75.0], [55.0, 50.0, 90.0, 99.0]
    >>> study = esim.Study.from_arrays([[1.0]] * 4, "minimize", start=start, end=end)
    >>> recorded_slot_gaps(Batch.of([study])).tolist()  # 10 s after 50, 20 s after 55
    [15.0]
    """
    whole, widest = batch.whole, batch.widest
    begun = np.isfinite(whole.start)
    if not begun.any():
        return np.full(len(batch), np.nan)
    ended = begun & np.isfinite(whole.end)
    silent = np.diff(whole.offsets) == 0
    known = np.where(begun, ended | (whole.status == Status.RUNNING), silent)
    starts = np.sort(batch.table(np.where(begun, whole.start, np.inf), np.inf), axis=1)
    ends = np.sort(batch.table(np.where(ended, whole.end, np.inf), np.inf), axis=1)
    # A trial that ends at the moment it starts counts as running for that moment.
    until = np.where(ended, np.maximum(whole.end, np.nextafter(whole.start, np.inf)), np.inf)
    events = np.concatenate((batch.table(until, np.inf), starts), axis=1)
    order = np.argsort(events, axis=1, kind="stable")  # ends before starts
    change = np.where(order < widest, -1, 1)
    change[~np.isfinite(np.take_along_axis(events, order, axis=1))] = 0
    slots = np.cumsum(change, axis=1).max(axis=1, initial=1)
    after = slots[:, None] + np.arange(widest)
    refilled = np.take_along_axis(starts, np.minimum(after, widest - 1), axis=1)
    refilled[(after >= widest) | np.isinf(refilled)] = np.nan
    with np.errstate(invalid="ignore"):  # inf - inf, of what has not ended
        gaps = np.sort(refilled - ends, axis=1)  # NaN last
    n = np.count_nonzero(~np.isnan(gaps), axis=1)
    rows = np.arange(len(batch))
    middle = (
        gaps[rows, np.maximum(n - 1, 0) // 2] + gaps[rows, np.minimum(n // 2, widest - 1)]
    ) / 2
    return np.where((n > 0) & batch.table(known, True).all(axis=1), middle, np.nan)
