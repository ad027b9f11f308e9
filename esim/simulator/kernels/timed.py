"""The replay in time: trials run side by side, as recorded or on P slots.

Events are handled in the order (time, kind, launch order), ends before reports. A trial that ends
with its last report makes the report and ends in one event, which counts as an end. The arrays are
those of esim.simulator.kernels.arguments; a position is one in the launch order.
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.arguments import CELL
from esim.simulator.kernels.engine import (
    EVERY,
    ODD,
    UNSEEN,
    begin,
    end,
    first_beyond,
    first_stop,
    judge_no_further,
    judgements_made,
    judgements_saved,
    launch,
    mark_stop,
    note_decision,
    show,
)
from esim.simulator.kernels.jit import inner, kernel
from esim.simulator.kernels.peers import STOPS, set_indices

START, DURATION, OVERHEAD, GAP, BEGAN, ENDED = 0, 1, 2, 3, 4, 5  # the columns of `jobs`
KIND, PHASE, REPORT, TARGET = 0, 1, 2, 3  # the columns of `agenda`
PRESENT, NEXT, APART, FOUND, UPTO = 0, 1, 2, 3, 4  # the columns of `running`
ALONE = 1  # in its last row: whether no trial looks at others, so that its stop is known at once
_IS_END, _IS_REPORT = 0, 1  # kinds of events
# What the trial does at its next event: it reports, it ends, or, once stopped, it has trained (only
# under rules whose stopped trials are peers from there) and then frees its slot. Where slots have
# gaps, another trial may take it a while later. Where trials keep something from their launch, each
# first begins, behind all that ends at the same moment.
_RUNS, _ENDS, _TRAINED, _FREES, _REFILLS, _BEGINS = 0, 1, 2, 3, 4, 5
# Targets of a trial not bound to stop: none decided yet, the probe, a stop would save nothing, or
# one of trials that are all judged to their end.
_UNDECIDED, _PROBED, _NEVER, _FORCED = -1, -2, -3, -4


@inner
def _earlier(a, b, times):
    """Whether the next event of position a comes before that of position b."""
    if times.when[a] != times.when[b]:
        return times.when[a] < times.when[b]
    if times.agenda[a, KIND] != times.agenda[b, KIND]:
        return times.agenda[a, KIND] < times.agenda[b, KIND]
    return a < b


@inner
def _push(position, times):
    """Add a position to the heap."""
    heap = times.heap
    child = heap[-1]
    heap[-1] = child + 1
    while child > 0:
        parent = (child - 1) >> 1
        if not _earlier(position, heap[parent], times):
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = position


@inner
def _settle(position, times):
    """Put a position at the root of the heap, and let it sink to where it belongs.

    What has just happened to a trial mostly happens to all others before it does so again: it sinks
    to the bottom first, with half the comparisons, and rises from there.
    """
    heap = times.heap
    size, hole, child = heap[-1], np.int64(0), np.int64(1)
    while child < size:
        if child + 1 < size and _earlier(heap[child + 1], heap[child], times):
            child += 1
        heap[hole] = heap[child]
        hole = child
        child = 2 * hole + 1
    while hole > 0:
        parent = (hole - 1) >> 1
        if not _earlier(position, heap[parent], times):
            break
        heap[hole] = heap[parent]
        hole = parent
    heap[hole] = position


@inner
def _judgements(at, group):
    """How many judgements are made of a report, from the one at `at` on, itself counted."""
    if len(group) == 0:
        return np.int64(1)
    return np.int64(group[at])


@inner
def _pass_over(position, trial, plan, state, times):
    """Pass over the next reports at which nothing is judged and nothing shown.

    Under rules of rungs most are such. Not what a trial has left that is to stop with a later
    report, nor the last report of one that never ends, for it goes on until there. Nor reports at
    the moment of the trial's end, which would come before reports of others then.
    """
    told = times.acting and times.agenda[position, TARGET] < 0 and len(state.trace) == 0
    rule = plan.rule
    if not told or len(plan.shown_by) == 0 or not rule.reached or not rule.plain or rule.on_the_way:
        return
    first, cell = plan.offsets[trial], state.trials[trial, CELL]
    k, stop = times.agenda[position, REPORT], plan.offsets[trial + 1] - first
    if cell < plan.cell_offsets[trial + 1] and plan.shown_by[cell] < stop:
        stop = np.int64(plan.shown_by[cell])
    elif not times.jobs[trial, DURATION] < np.inf:
        stop -= 1
    start = times.jobs[trial, BEGAN] + times.startup
    natural_end = start + times.jobs[trial, DURATION]
    while k < stop and np.isnan(plan.own[first + k]):
        if not start + times.seconds[first + k] < natural_end:
            break
        k += 1
    times.agenda[position, REPORT] = k


@inner
def _schedule(position, trial, plan, state, times):
    """Set a running trial's next event. False if it will never have one."""
    _pass_over(position, trial, plan, state, times)
    when, agenda = times.when, times.agenda
    start = times.jobs[trial, BEGAN] + times.startup
    natural_end = start + times.jobs[trial, DURATION]
    k = agenda[position, REPORT]
    reports = plan.offsets[trial + 1] - plan.offsets[trial]
    agenda[position, PHASE] = _ENDS
    agenda[position, KIND] = _IS_END
    when[position] = natural_end
    if k < reports and times.acting:
        agenda[position, PHASE] = _RUNS
        when[position] = start + times.seconds[plan.offsets[trial] + k]
        alone = k + _judgements(plan.offsets[trial] + k, plan.group) == reports
        last = alone and not plan.flags[trial, UNSEEN]
        if not (last and natural_end <= when[position]):
            agenda[position, KIND] = _IS_REPORT
    return when[position] < np.inf


@inner
def _start(
    position, trial, probe, now, plan, statistic, rank, state, times, running, kept
):  # fmt: skip
    """Start the trial at a position of the launch order."""
    times.jobs[trial, BEGAN] = now if times.slots > 0 else times.jobs[trial, START]
    times.jobs[trial, ENDED] = np.inf
    times.agenda[position, REPORT] = 0
    times.agenda[position, TARGET] = _PROBED if trial == probe else _UNDECIDED
    if probe == EVERY:
        times.agenda[position, TARGET] = _FORCED
    if plan.rule.freezes != 0:
        times.agenda[position, PHASE] = _BEGINS
        times.agenda[position, KIND] = _IS_REPORT
        times.when[position] = times.jobs[trial, BEGAN]
        if times.when[position] < np.inf:
            _push(position, times)
        return
    if running is None:
        follows = _schedule(position, trial, plan, state, times)
    else:
        follows = _await_end(position, trial, plan, state, times, running, kept)
    if follows:
        _push(position, times)
    launch(trial, plan, statistic, rank, state)


@inner
def _judge(position, trial, plan, statistic, rank, curve, state, times, kept):
    """Judge a trial's next report and show it to peers. True if a stop takes effect with it."""
    agenda = times.agenda
    k = agenda[position, REPORT]
    after = k + _judgements(plan.offsets[trial] + k, plan.group)
    agenda[position, REPORT] = after
    target = agenda[position, TARGET]
    undecided = target == _UNDECIDED
    if target != _NEVER and target < 0:
        stop = k - 1
        while stop < after:
            stop = first_stop(trial, stop + 1, after, plan, statistic, rank, curve, state)
            if undecided:
                break
            if target == _FORCED and stop < after and np.isnan(state.stops[trial, 2]):
                note_decision(trial, stop, plan, state)
                judge_no_further(trial, stop, plan, state)
        if undecided and stop < after:
            target = _NEVER
            if mark_stop(trial, stop, plan, state, kept):
                target = judgements_made(trial, stop, plan)
            agenda[position, TARGET] = target
    if plan.rule.reached:
        show(trial, after, plan, rank, state)
    return target == after


@inner
def _reschedule(position, trial, stopped, plan, state, times, kept):
    """Set the next event of a trial that still holds its slot. False if it will never have one."""
    if stopped:
        start = times.jobs[trial, BEGAN] + times.startup
        natural_end = start + times.jobs[trial, DURATION]
        decided = plan.offsets[trial] + kept[trial] - 1
        left, next_phase = times.jobs[trial, OVERHEAD], _FREES
        if plan.rule.from_stop and times.agenda[position, PHASE] == _RUNS:
            left, next_phase = times.latency, _TRAINED
        at = start + times.since[decided] + left
        times.when[position] = natural_end if natural_end < at else at
        times.agenda[position, KIND] = _IS_END
        times.agenda[position, PHASE] = next_phase
        return True
    if _schedule(position, trial, plan, state, times):
        return True
    # Still running when it was recorded: it never ends.
    kept[trial] = plan.offsets[trial + 1] - plan.offsets[trial] + plan.flags[trial, UNSEEN]
    return False


@inner
def _await_end(position, trial, plan, state, times, running, kept):
    """Set a trial's next event to its end, or to a last report that comes with it.

    The reports before are `_judge_until`'s, unless no trial looks at others.
    """
    reports = plan.offsets[trial + 1] - plan.offsets[trial]
    start = times.jobs[trial, BEGAN] + times.startup
    apart = reports
    if reports > 0:
        at_last = start + times.seconds[plan.offsets[trial] + reports - 1]
        if start + times.jobs[trial, DURATION] <= at_last:
            apart = reports - 1
    times.agenda[position, REPORT] = apart
    ends = _schedule(position, trial, plan, state, times)
    if running[-1, ALONE] != 0:
        k, first = np.int64(0), plan.offsets[trial]
        while k < apart and not _stops_alone(first + k, plan, state):
            k += 1
        if k < apart:
            _mark(position, trial, k, plan, state, times, kept)
        return ends
    running[position, NEXT] = 0
    running[position, APART] = apart
    running[running[-1, PRESENT], PRESENT] = position
    running[-1, PRESENT] += 1
    return ends


@inner
def _leave(position, running):
    """Take a trial from those whose reports are judged together."""
    at = np.int64(0)
    while at < running[-1, PRESENT]:
        if running[at, PRESENT] == position:
            running[-1, PRESENT] -= 1
            running[at, PRESENT] = running[running[-1, PRESENT], PRESENT]
            return
        at += 1


@inner
def _stop_ends(position, trial, k, plan, times):
    """When a stop at judgement k, from 0, ends the training or the job; and what follows it."""
    start = times.jobs[trial, BEGAN] + times.startup
    natural_end = start + times.jobs[trial, DURATION]
    left = times.latency if plan.rule.from_stop else times.jobs[trial, OVERHEAD]
    at = start + times.since[plan.offsets[trial] + k] + left
    return natural_end if natural_end < at else at


@inner
def _judge_until_an_end(order, plan, state, times, running, kept):
    """Judge the reports of all running trials up to the next end, which a stop may bring nearer.

    No trial has ended up to there, so that all are judged by the same peers. True if a stop takes
    effect at once, with its report: then there is more to judge before the end at the heap's root.
    """
    when = times.when
    moment = following = when[times.heap[0]]
    for i in range(running[-1, PRESENT]):
        position = running[i, PRESENT]
        trial = order[position]
        first, start = plan.offsets[trial], times.jobs[trial, BEGAN] + times.startup
        k, upto = running[position, NEXT], running[position, NEXT]
        while upto < running[position, APART]:
            now = start + times.seconds[first + upto]
            if now >= following or now > moment:
                break
            upto += 1
        found = upto
        if k < upto:
            found = first_beyond(trial, k, upto, plan, state)
        running[position, FOUND], running[position, UPTO] = found, upto
        if found < upto and judgements_saved(trial, found, plan):
            ends = _stop_ends(position, trial, found, plan, times)
            if ends < moment:
                moment = ends
    tied = len(order)  # the first trial that is to stop at that very moment
    at = np.int64(0)
    while at < running[-1, PRESENT]:
        position = running[at, PRESENT]
        trial = order[position]
        first, start = plan.offsets[trial], times.jobs[trial, BEGAN] + times.startup
        found, upto = running[position, FOUND], running[position, UPTO]
        at += 1
        if found < upto and start + times.seconds[first + found] <= moment:
            if start + times.seconds[first + found] < moment:
                _stop(position, trial, found, plan, state, times, running, kept)
                at -= 1  # the last of the trials has taken its place
                continue
            if position < tied:
                tied = position
        while upto > running[position, NEXT] and start + times.seconds[first + upto - 1] >= moment:
            upto -= 1
        running[position, NEXT] = upto
    if tied == len(order) or when[times.heap[0]] == moment:
        return False
    for i in range(running[-1, PRESENT]):  # those before it report before it
        position = running[i, PRESENT]
        trial = order[position]
        first, start = plan.offsets[trial], times.jobs[trial, BEGAN] + times.startup
        upto = running[position, NEXT]
        while (
            position < tied
            and upto < running[position, UPTO]
            and start + times.seconds[first + upto] <= moment
        ):
            upto += 1
        running[position, NEXT] = upto
    _stop(tied, order[tied], running[tied, FOUND], plan, state, times, running, kept)
    return True


@inner
def _stop(position, trial, k, plan, state, times, running, kept):
    """Stop a trial whose reports are judged together, if that leaves anything to save."""
    if _mark(position, trial, k, plan, state, times, kept):
        _rise(position, times)
    _leave(position, running)


@inner
def _mark(position, trial, k, plan, state, times, kept):
    """Set a trial's next event to a stop at judgement k. False if that would save nothing."""
    times.agenda[position, TARGET] = _NEVER
    if not mark_stop(trial, k, plan, state, kept):
        return False
    times.when[position] = _stop_ends(position, trial, k, plan, times)
    times.agenda[position, KIND] = _IS_END
    times.agenda[position, PHASE] = _TRAINED if plan.rule.from_stop else _FREES
    return True


@inner
def _stops_alone(at, plan, state):
    """Whether a judgement stops its trial where no peer is looked at."""
    return not np.isnan(plan.own[at]) and state.members[np.int64(plan.column[at]), STOPS] != 0


@inner
def _rise(position, times):
    """Let a position of the heap rise to where it belongs, as its event is nearer now."""
    heap = times.heap
    child = np.int64(0)
    while heap[child] != position:
        child += 1
    while child > 0:
        parent = (child - 1) >> 1
        if not _earlier(position, heap[parent], times):
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = position


@inner
def _take_up(position, stays, times):
    """Put the heap in order after the event at its root, whose trial stays in it or leaves it."""
    if not stays:
        times.heap[-1] -= 1
        position = times.heap[times.heap[-1]]
    if times.heap[-1] > 0:
        _settle(position, times)


@inner
def _study_end(first, order, flags):
    """The position after the last trial of the study that begins at `first`."""
    last = first + 1
    while last < len(order) and flags[order[last], ODD] == flags[order[first], ODD]:
        last += 1
    return last


@kernel
def run_timed(
    orders, probe, all_kept, spans, plan, statistic, rank, end_rank, curve, state, times, running
):  # fmt: skip
    """Replay trials side by side, in each launch order: fill `all_kept` int32 [O, N].

    `orders` int64 [O, N or fewer]. `spans` float64 [O, N, 2] is set to the seconds at which each
    job began and ended. The trial `probe` (-1: none; EVERY: each, whose first decision is kept in
    `stops`) is judged to its end and never stopped. `stops` and `trace` of the state are those of
    the last order. `running`: None, or room for judging reports together, where they can be.
    """
    jobs = times.jobs
    set_indices(plan.rule, state.indices)
    for o in range(len(orders)):
        order, kept = orders[o], all_kept[o]
        for trial in range(len(jobs)):
            jobs[trial, BEGAN] = jobs[trial, ENDED] = 0.0
        begin(plan, state, kept)
        last = np.int64(0)
        while last < len(order):  # one study after another, as if each were alone
            waiting = last  # the next position to launch
            last = _study_end(waiting, order, plan.flags)
            for at in range(len(state.tally)):
                state.tally[at] = 0.0
            times.heap[-1] = 0
            if running is not None:
                running[-1, PRESENT] = 0
            free, now = times.slots, 0.0
            while True:
                while waiting < last and (times.slots == 0 or free > 0):
                    trial = order[waiting]
                    _start(
                        waiting, trial, probe, now, plan, statistic, rank, state, times, running,
                        kept,
                    )  # fmt: skip
                    waiting += 1
                    free -= 1
                if times.heap[-1] == 0:
                    break
                if running is not None:
                    while _judge_until_an_end(order, plan, state, times, running, kept):
                        pass
                position = times.heap[0]
                trial, now = order[position], times.when[position]
                phase = times.agenda[position, PHASE]
                if running is not None and phase <= _ENDS:
                    _leave(position, running)
                stopped, ends = phase == _TRAINED, phase == _ENDS
                if phase == _BEGINS:
                    launch(trial, plan, statistic, rank, state)
                if phase == _RUNS:
                    stopped = _judge(
                        position, trial, plan, statistic, rank, curve, state, times, kept
                    )
                    ends = not stopped and times.agenda[position, KIND] == _IS_END
                # A stopped trial is a peer once its job has ended, as one that completes. Where no
                # rule acts, nobody looks at peers.
                joins = ends or phase == (_TRAINED if plan.rule.from_stop else _FREES)
                if joins and times.acting:
                    end(trial, not ends, plan, rank, end_rank, curve, state, kept)
                stays = False
                if ends or phase == _FREES:
                    jobs[trial, ENDED] = now
                    stays = waiting < last and jobs[trial, GAP] > 0.0
                    if stays:
                        times.when[position] = now + jobs[trial, GAP]
                        times.agenda[position, KIND] = _IS_END
                        times.agenda[position, PHASE] = _REFILLS
                    else:
                        free += 1
                elif phase == _REFILLS:
                    free += 1
                else:
                    stays = _reschedule(position, trial, stopped, plan, state, times, kept)
                _take_up(position, stays, times)
        for trial in range(len(jobs)):
            spans[o, trial, 0] = jobs[trial, BEGAN]
            spans[o, trial, 1] = jobs[trial, ENDED]
