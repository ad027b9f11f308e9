"""The replay in time: trials run side by side, as recorded or on P slots.

Events are handled in the order (time, kind, launch order), ends before reports. A trial whose
record ends with its last report reports and ends in one event, which is an end. The arrays,
besides those of esim.simulator.kernels.engine (positions are places in the launch order):
    seconds  float64 [R]     since the trial's start, of each report
    jobs     float64 [N, 5]  START as recorded, DURATION to the natural end (inf: never ends),
                             OVERHEAD from a stop's report to the end of the job; filled here:
                             BEGAN and ENDED, when the slot was taken and free again
    clock    float64 [3]     STARTUP before each trial's first second, its slot taken; SLOTS, 0:
                             trials start when they did; ACTING, 0: the baseline, no rule
    heap     int64 [N + 1]   positions of the running trials, a binary heap; its size in [N]
    when     float64 [N]     the next event of each position
    agenda   int64 [N, 4]    its KIND and PHASE, the next REPORT (its first judgement), and the
                             TARGET: how many judgements are made before a decided stop takes effect
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.engine import (
    OPENS,
    REACHED,
    UNSEEN,
    begin,
    end,
    first_stop,
    launch,
    mark_stop,
    show,
)
from esim.simulator.kernels.jit import inner, kernel

START, DURATION, OVERHEAD, BEGAN, ENDED = 0, 1, 2, 3, 4
STARTUP, SLOTS, ACTING = 0, 1, 2
KIND, PHASE, REPORT, TARGET = 0, 1, 2, 3
_IS_END, _IS_REPORT = 0, 1
_RUNS, _ENDS, _FREES = 0, 1, 2
_UNDECIDED, _PROBED, _NEVER = -1, -2, -3


@inner
def _earlier(a, b, when, agenda):
    if when[a] != when[b]:
        return when[a] < when[b]
    if agenda[a, KIND] != agenda[b, KIND]:
        return agenda[a, KIND] < agenda[b, KIND]
    return a < b


@inner
def _push(position, heap, when, agenda):
    child = heap[-1]
    heap[-1] = child + 1
    while child > 0:
        parent = (child - 1) >> 1
        if not _earlier(position, heap[parent], when, agenda):
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = position


@inner
def _settle(position, heap, when, agenda):
    """Put a position at the root, and the root where it belongs."""
    size = heap[-1]
    parent = 0
    while 2 * parent + 1 < size:
        child = 2 * parent + 1
        if child + 1 < size and _earlier(heap[child + 1], heap[child], when, agenda):
            child += 1
        if not _earlier(heap[child], position, when, agenda):
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = position


@inner
def _judgements(at, group):
    """How many judgements the report of this one is."""
    if len(group) == 0:
        return np.int64(1)
    return np.int64(group[at])


@inner
def _schedule(position, trial, offsets, seconds, group, flags, jobs, clock, when, agenda):
    """Set a running trial's next event; False if it has none, ever."""
    start = jobs[trial, BEGAN] + clock[STARTUP]
    natural_end = start + jobs[trial, DURATION]
    k = agenda[position, REPORT]
    reports = offsets[trial + 1] - offsets[trial]
    agenda[position, PHASE] = _ENDS
    agenda[position, KIND] = _IS_END
    when[position] = natural_end
    if k < reports and clock[ACTING] != 0.0:
        agenda[position, PHASE] = _RUNS
        when[position] = start + seconds[offsets[trial] + k]
        alone = k + _judgements(offsets[trial] + k, group) == reports
        last = alone and not flags[trial, UNSEEN]
        if not (last and natural_end <= when[position]):
            agenda[position, KIND] = _IS_REPORT
    return when[position] < np.inf


@inner
def _launch(
    position, probe, now, order, offsets, seconds, group, flags, jobs, clock, heap, when, agenda
):  # fmt: skip
    """Start the trial at a position of the launch order."""
    trial = order[position]
    jobs[trial, BEGAN] = now if clock[SLOTS] > 0.0 else jobs[trial, START]
    jobs[trial, ENDED] = np.inf
    agenda[position, REPORT] = 0
    agenda[position, TARGET] = _PROBED if trial == probe else _UNDECIDED
    if _schedule(position, trial, offsets, seconds, group, flags, jobs, clock, when, agenda):
        _push(position, heap, when, agenda)


@kernel
def run_timed(
    orders, probe, all_kept, spans, seconds, jobs, clock, heap, when, agenda, offsets, own,
    statistic, column, step, group, flags, cell_offsets, cell_column, shown_by, rank, end_column,
    end_rank, end_statistic, curve, critical, universe, words, codes, numbers, work, frozen, places,
    levels, trials, tally, scratch, stops, trace,
):  # fmt: skip
    """Trials side by side, for each launch order: int64 [O, N] -> `all_kept` int32 [O, N].

    `spans`, float64 [O, N, 2]: when each job began and ended. The trial `probe` (-1: none) is
    judged to its end and never stopped. `stops` and `trace` are those of the last order.
    """
    for o in range(len(orders)):
        for trial in range(len(jobs)):
            jobs[trial, BEGAN] = 0.0
            jobs[trial, ENDED] = 0.0
        order, kept = orders[o], all_kept[o]
        begin(offsets, cell_offsets, words, places, levels, trials, tally, kept, stops, trace)
        first = np.int64(0)
        while first < len(order):  # a study after the other, none meeting another
            last = first + 1
            while last < len(order) and not flags[order[last], OPENS]:
                last += 1
            for at in range(len(tally)):
                tally[at] = 0.0
            heap[-1] = 0
            waiting = first  # the next position to launch
            first = last
            free = np.int64(clock[SLOTS])
            now = 0.0
            while True:
                while waiting < last and (clock[SLOTS] == 0.0 or free > 0):
                    _launch(
                        waiting, probe, now, order, offsets, seconds, group, flags, jobs, clock,
                        heap, when, agenda,
                    )  # fmt: skip
                    launch(order[waiting], offsets, frozen, places, levels, trials, tally, codes)
                    waiting += 1
                    free -= 1
                if heap[-1] == 0:
                    break
                position = heap[0]
                trial = order[position]
                now = when[position]
                frees = agenda[position, PHASE] == _FREES
                ends = agenda[position, PHASE] == _ENDS
                stopped = False
                if agenda[position, PHASE] == _RUNS:
                    k = agenda[position, REPORT]
                    after = k + _judgements(offsets[trial] + k, group)
                    agenda[position, REPORT] = after
                    target = agenda[position, TARGET]
                    undecided = target == _UNDECIDED
                    if undecided or target == _PROBED:
                        stop = k - 1
                        while stop < after:
                            stop = first_stop(
                                trial, stop + 1, after, offsets, own, statistic, column, step,
                                cell_offsets, cell_column, shown_by, rank, end_statistic, curve,
                                critical, work, frozen, universe, words, places, levels, trials,
                                tally, scratch, codes, numbers, trace,
                            )  # fmt: skip
                            if undecided:
                                break
                        if undecided and stop < after:
                            target = _NEVER
                            if mark_stop(
                                trial, stop, offsets, column, group, flags, frozen, places, levels,
                                trials, codes, kept, stops,
                            ):  # fmt: skip
                                target = np.int64(kept[trial])
                            agenda[position, TARGET] = target
                    if codes[REACHED] != 0:
                        show(
                            trial, after, offsets, cell_offsets, cell_column, shown_by, rank,
                            universe, words, places, levels, trials, tally, codes, numbers,
                        )  # fmt: skip
                    stopped = target == after
                    ends = not stopped and agenda[position, KIND] == _IS_END
                if stopped or ends:
                    end(
                        trial, stopped, offsets, column, step, flags, cell_offsets, cell_column,
                        shown_by, rank, end_column, end_rank, curve, universe, words, places,
                        levels, trials, tally, codes, numbers, kept,
                    )  # fmt: skip
                stays = True  # among the running
                if frees or ends:
                    jobs[trial, ENDED] = now
                    free += 1
                    stays = False
                elif stopped:
                    natural_end = jobs[trial, BEGAN] + clock[STARTUP] + jobs[trial, DURATION]
                    freed = now + jobs[trial, OVERHEAD]
                    when[position] = natural_end if natural_end < freed else freed
                    agenda[position, KIND] = _IS_END
                    agenda[position, PHASE] = _FREES
                elif not _schedule(
                    position, trial, offsets, seconds, group, flags, jobs, clock, when, agenda
                ):
                    # Still running when it was recorded: it never ends.
                    kept[trial] = offsets[trial + 1] - offsets[trial] + flags[trial, UNSEEN]
                    stays = False
                if not stays:
                    heap[-1] -= 1
                    position = heap[heap[-1]]
                if heap[-1] > 0:
                    _settle(position, heap, when, agenda)
        for trial in range(len(jobs)):
            spans[o, trial, 0] = jobs[trial, BEGAN]
            spans[o, trial, 1] = jobs[trial, ENDED]
