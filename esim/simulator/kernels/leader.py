"""A running curve against the best of all curves, at checkpoints on the way, as Ax compares them.

A place is a share of the way from the first to the last step that any trial has reported by now.
Checkpoint i, from 0, stands at the place progress_from + i * checkpoints; there each curve shows
the mean and the variance of its last `smooth` checkpoints, each on the straight line between its
reports. Trials that have both are compared, if there are two of them at least. All checkpoints are
looked at anew at each judgement, with the curves as they are then.
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.arguments import FARTHEST, IN_SIGHT, NEAREST, PRESENT, SHOWN
from esim.simulator.kernels.jit import inner
from esim.simulator.kernels.peers import select

# the rows of a state's `work`
_MEAN, _VARIANCE, _LEADER, _PLACE, _UNDER, _VALUE = 0, 1, 2, 3, 4, 5
_ROUNDING = 1e-12  # a checkpoint so little ahead is reached


@inner
def way(step, state):
    """The share of the way at which a step stands; 1 while there is one step only."""
    nearest, farthest = state.tally[NEAREST], state.tally[FARTHEST]
    return (step - nearest) / (farthest - nearest) if farthest > nearest else 1.0


@inner
def _step_under(place, state):
    """The last step that stands at or before a place, where there are two steps at least."""
    nearest, farthest = state.tally[NEAREST], state.tally[FARTHEST]
    step = np.floor(nearest + place * (farthest - nearest))
    while way(step, state) > place:
        step -= 1.0
    while way(step + 1.0, state) <= place:
        step += 1.0
    return np.int64(step)


@inner
def _value_at(place, under, first, last, plan, curve, state):
    """The curve of the reports `first` to `last` at a place, NaN outside it; `under`: its step."""
    if plan.step[first] > under or way(plan.step[last], state) < place:
        return np.nan
    # Steps ascend by 1 at least, so that the last report at or before the place is no later.
    low, high = first, first + under - plan.step[first]
    if high > last:
        high = last
    if plan.step[high] == under:
        low = high
    while low < high:
        middle = (low + high + 1) >> 1
        if plan.step[middle] <= under:
            low = middle
        else:
            high = middle - 1
    before = way(plan.step[low], state)
    if before == place:
        return curve[low]
    slope = (curve[low + 1] - curve[low]) / (way(plan.step[low + 1], state) - before)
    return slope * (place - before) + curve[low]


@inner
def _compare(checkpoint, trial, plan, curve, state):
    """Fill the first two rows of `work` with the means and variances of the trials compared.

    Returns how many they are, which leads (the first of equals) and its mean, and the trial's own
    mean and variance, NaN if it is not compared.
    """
    work, rule = state.work, plan.rule
    n, leader = np.int64(0), np.int64(-1)
    leads = own_mean = own_variance = np.nan
    if checkpoint + 1 < rule.smooth:
        return n, leader, leads, own_mean, own_variance
    for back in range(rule.smooth):
        place = rule.progress_from + (checkpoint - back) * rule.checkpoints
        work[_PLACE, back], work[_UNDER, back] = place, _step_under(place, state)
    for p in range(np.int64(state.tally[IN_SIGHT])):
        peer = state.trials[p, PRESENT]
        first = plan.offsets[peer]
        last = first + state.trials[peer, SHOWN] - 1
        if last >= plan.offsets[peer + 1]:
            last = plan.offsets[peer + 1] - 1
        if last <= first:
            continue
        total = squares = 0.0
        for back in range(rule.smooth):
            place, under = work[_PLACE, back], np.int64(work[_UNDER, back])
            work[_VALUE, back] = _value_at(place, under, first, last, plan, curve, state)
            total += work[_VALUE, back]
        mean = total / rule.smooth
        if np.isnan(mean):
            continue
        for back in range(rule.smooth):
            squares += (work[_VALUE, back] - mean) ** 2
        work[_MEAN, n], work[_VARIANCE, n] = mean, squares / rule.smooth
        if peer == trial:
            own_mean, own_variance = mean, work[_VARIANCE, n]
        if n == 0 or mean < leads or (mean == leads and peer < leader):
            leader, leads = peer, mean
        n += 1
    return n, leader, leads, own_mean, own_variance


@inner
def _is_behind(checkpoint, trial, plan, curve, state):
    """Whether a trial is stable at a checkpoint, worse than the leader, and not among the best."""
    n, _, leads, mean, variance = _compare(checkpoint, trial, plan, curve, state)
    if n < 2 or np.isnan(mean) or not mean - leads > plan.rule.gap:
        return False
    better = np.int64(0)
    for i in range(n):
        if state.work[_MEAN, i] < mean:
            better += 1
    best = np.int64(np.ceil(plan.rule.protect_share * n))
    if better < best or better < plan.rule.protect:
        return False
    stable = plan.rule.most_variance
    if stable < 0.0:
        low, high = select(state.work[_VARIANCE], n, (n - 1) >> 1)
        stable = low if n % 2 == 1 else (low + high) / 2.0
    return variance <= stable


@inner
def _has_led(checkpoint, trial, state):
    """Whether a trial leads at one of the last checkpoints up to this at which trials compare.

    The leaders stand in the third row of `work`.
    """
    left = state.work[_LEADER, 0]  # how many checkpoints count
    at = checkpoint
    while at >= 0 and left > 0.0:
        leader = state.work[_LEADER, at + 1]
        if leader == trial:
            return True
        if leader >= 0.0:
            left -= 1.0
        at -= 1
    return False


@inner
def checkpoints_behind(trial, k, plan, curve, state):
    """At how many checkpoints in a row, up to its report k, a trial is behind.

    At most the rule's `consecutive`, which is enough. `work` float64 [6, W], W at least the number
    of trials, that of checkpoints + 2, and `smooth`.
    """
    rule = plan.rule
    if state.tally[FARTHEST] <= state.tally[NEAREST]:  # no curve has two reports
        return np.int64(0)
    deep = np.int64(0)
    for p in range(np.int64(state.tally[IN_SIGHT])):
        peer = state.trials[p, PRESENT]
        last = plan.offsets[peer] + state.trials[peer, SHOWN] - 1
        if last >= plan.offsets[peer + 1]:
            last = plan.offsets[peer + 1] - 1
        if last >= plan.offsets[peer] and way(plan.step[last], state) >= rule.progress_from:
            deep += 1
    here = way(plan.step[plan.offsets[trial] + k], state)
    if deep < rule.least or here < rule.progress_from:
        return np.int64(0)
    newest = np.int64(np.floor((here - rule.progress_from) / rule.checkpoints + _ROUNDING))
    if rule.progress_from + newest * rule.checkpoints > here:
        newest -= 1
    count = np.int64(0)
    while count < rule.consecutive and newest - count >= 0:
        if not _is_behind(newest - count, trial, plan, curve, state):
            break
        count += 1
    if count == 0 or rule.protect_leaders == 0:
        return count
    state.work[_LEADER, 0] = rule.protect_leaders
    for at in range(newest + 1):
        n, leader, _, _, _ = _compare(at, trial, plan, curve, state)
        state.work[_LEADER, at + 1] = leader if n >= 2 else -1.0
    for back in range(count):
        if _has_led(newest - back, trial, state):
            return np.int64(back)
    return count
