"""What the first trials to complete settle, for rungs that wait for them.

Until a trial has completed such a rule neither stops nor records anything, so the schedule up to
there is that of the baseline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esim.simulator.plan.build import completes
from esim.simulator.plan.columns import FirstCompleted
from esim.study import Float64, Int64, Study
from esim.study.times import last_row


def one_after_another(study: Study, order: Int64) -> FirstCompleted:
    """What the first trial to complete settles where trials run one after another.

    Args:
        study: the recorded trials.
        order: int64 [m], the trials that are launched, in launch order; at most N.

    >>> from esim import Study
    >>> study = Study.from_arrays([[3.0, 2.0, 1.0], [4.0]], "minimize")
    >>> one_after_another(study, np.array([1, 0]))
    FirstCompleted(longest=1, opens=None)
    """
    done = order[_completes(study)[order]]
    return FirstCompleted(int(last_row(study, study.resource)[done[0]]) if len(done) else 0, None)


def side_by_side(
    study: Study,
    order: Int64,
    seconds: Float64,
    first_second: Float64,
    ends: Float64,
    unseen: NDArray[np.bool_],
) -> FirstCompleted:
    """What the first trials to complete settle where trials run side by side.

    At equal times ends come before reports, and a trial whose last report is made as it ends is
    judged at that end.

    Args:
        study: the recorded trials.
        order: int64 [m], the trials that are launched, in launch order; at most N.
        seconds: float64 [R], of each row since its trial's start.
        first_second: float64 [N], when each trial starts, its startup over.
        ends: float64 [N], the second at which each trial ends; inf or NaN: it does not.
        unseen: bool [N], whether each trial would have gone on from its last report.
    """
    n = study.n_trials
    position = np.full(n, n, dtype=np.int64)  # behind all others where it is not launched
    position[order] = np.arange(len(order))
    owner = np.repeat(np.arange(n), study.lengths)
    times = first_second[owner] + seconds
    completes = _completes(study) & np.isfinite(ends) & (position < n)
    if not completes.any():
        return FirstCompleted(0, np.full(n, study.n_reports, dtype=np.int64))
    at_end = np.zeros(n, dtype=np.bool_)  # the last report is made as the trial ends
    has = study.lengths > 0
    at_end[has] = times[study.offsets[1:][has] - 1] == ends[has]
    at_end &= ~unseen
    moment = ends[completes].min()
    first = order[np.argmax(completes[order] & (ends[order] == moment))]
    last_steps = last_row(study, study.resource)
    longest = int(last_steps[first])
    after = order[position[first] + 1 :]
    with_it = after[ends[after] == moment]
    for i in with_it:
        if at_end[i]:
            break  # its report is the first to be judged
        if completes[i]:
            longest = max(longest, int(last_steps[i]))
    opens = np.bincount(owner[times < moment], minlength=n)
    opens[at_end & (ends == moment) & (position <= position[first])] += 1
    return FirstCompleted(longest, opens.astype(np.int64))


def _completes(study: Study) -> NDArray[np.bool_]:
    """Whether each trial ran to its end and has a report. bool [N]"""
    found: NDArray[np.bool_] = completes(study) & (study.lengths > 0)
    return found
