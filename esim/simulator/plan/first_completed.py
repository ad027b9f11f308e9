"""What the first trials to complete settle, for rungs that wait for them.

Until a trial has completed such a rule neither stops nor records anything, so the schedule up to
there is that of the baseline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esim.simulator.plan.columns import Opening
from esim.study import Float64, Int64, Status, Study


def one_after_another(study: Study, order: Int64) -> Opening:
    """The opening where each trial has ended before the next one starts."""
    done = order[_completes(study)[order]]
    return Opening(int(_last_steps(study)[done[0]]) if len(done) else 0, None)


def side_by_side(
    study: Study, order: Int64, seconds: Float64, first_second: Float64, ends: Float64
) -> Opening:
    """The opening in time: `seconds` [R] of each row since the trial's first second [N]; [N] ends.

    Ends come before reports at equal times, and a last report made as a trial ends is judged then.
    """
    n = study.n_trials
    position = np.empty(n, dtype=np.int64)
    position[order] = np.arange(n)
    owner = np.repeat(np.arange(n), np.diff(study.offsets))
    times = first_second[owner] + seconds
    completes = _completes(study) & np.isfinite(ends)
    if not completes.any():
        return Opening(0, np.full(n, study.n_reports, dtype=np.int64))
    at_end = np.zeros(n, dtype=np.bool_)  # the last report is made as the trial ends
    has = np.diff(study.offsets) > 0
    at_end[has] = times[study.offsets[1:][has] - 1] == ends[has]
    at_end &= study.status != Status.RUNNING
    first = min(np.flatnonzero(completes), key=lambda i: (ends[i], position[i]))
    last_steps, moment = _last_steps(study), ends[first]
    longest = int(last_steps[first])
    with_it = [i for i in order[position[first] + 1 :] if ends[i] == moment]
    for i in with_it:
        if at_end[i]:
            break  # its report is the first to be judged
        if completes[i]:
            longest = max(longest, int(last_steps[i]))
    opens = np.bincount(owner[times < moment], minlength=n)
    opens[at_end & (ends == moment) & (position <= position[first])] += 1
    return Opening(longest, opens.astype(np.int64))


def _completes(study: Study) -> NDArray[np.bool_]:
    whole = (study.status == Status.COMPLETED) | (study.status == Status.UNKNOWN)
    found: NDArray[np.bool_] = whole & (np.diff(study.offsets) > 0)
    return found


def _last_steps(study: Study) -> Int64:
    last = np.zeros(study.n_trials, dtype=np.int64)
    has = np.diff(study.offsets) > 0
    last[has] = study.steps[study.offsets[1:][has] - 1]
    return last
