"""Replays a study's judgements through one row of the rule table, in launch order.

Values are oriented so that lower is better. A judgement is a report at one place of comparison: in
most rules every report is one, at a rung the same report may be several, one after the other.
N trials, R judgements, C columns (places at which trials are compared; one that STOPS is worse than
nothing, so that whatever is judged there stops), K cells (a cell is a trial's statistic in a
column). The arrays, besides those of esim.simulator.kernels.peers:
    offsets       int64 [N + 1]  trial -> its judgements
    own           float64 [R]    the own side; NaN where the row does not judge
    statistic     float64 [R]    the peer's side; None unless peers are looked up one by one (numba
                                 then leaves that way out: compiled apart, it is seldom needed)
    column        int32 [R]      the judgement's place
    step          int64 [R]
    group         int32 [R]      the judgements of the same report from this one on, itself counted;
                                 empty: each report is one
    flags         bool [N, 4]    UNSEEN, COMPLETES, JOINS, OPENS
    cell_offsets  int64 [N + 1]  trial -> its cells, in the order its judgements show them
    cell_column   int32 [K]
    shown_by      int32 [K]      the trial's judgement that shows the cell; empty: the n-th the n-th
    rank          int32 [K]      in the column's universe, -1: no statistic; None: one by one
    end_column    int32 [R]      a cell that a trial adds as it ends with this judgement; empty:
    end_rank      int32 [R]      nothing is added. Its rank (-1: none; None: nothing is added), or
    end_statistic float64 [R]    its statistic where peers are looked up
    curve         float64 [R]    the values where whole curves are compared; None where they are not
    critical      float64 [51]   then, see esim.simulator.kernels.pairs
    work          float64 [3, W] then, at least as long as the longest curve
    frozen        float64 [N, 3] threshold, limit and peers as a trial was launched; empty: as they
                                 are at the judgement
    codes         int64 [14]     the row's whole numbers, below
    numbers       float64 [4]    the row's other numbers, below
    trials        int64 [N, 4]   SHOWN, CELL, ENDED, and in [:, PRESENT] a list of the trials shown
    tally         float64 [4]    trials present, trials completed, the sum of their last steps, and
                                 where curves are compared the best of them, + 1
    scratch       float64 [N]
    kept          int32 [N]      judgements kept; one more if what is UNSEEN behind them was run
    stops         float64 [N, 3] threshold and peers at the decision that stopped the trial, and
                                 which of its judgements that was; or NaN
    trace         float64 [R, 2] threshold (NaN: none) and peers (NaN: not reached) at each; empty:
                                 not wanted
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.jit import inner, kernel
from esim.simulator.kernels.pairs import worse_in_pairs
from esim.simulator.kernels.peers import (
    COUNT,
    HIGH,
    LIMIT,
    STOPS,
    SUM,
    THRESHOLD,
    insert,
    low_index,
    remove,
    select,
    set_level,
)

# More follows than was reported (rows without a value, or a trial still running); ends as
# completed; is a peer then; no trial before it counts, as it is the first of the next study.
UNSEEN, COMPLETES, JOINS, OPENS = 0, 1, 2, 3
SHOWN, CELL, ENDED, PRESENT = 0, 1, 2, 3
IN_SIGHT, COMPLETED, LENGTH, BEST = 0, 1, 2, 3
# codes
REACHED = 0  # running trials are peers at the steps they have reached
COMPLETED_ONLY = 1
INCLUDE_SELF = 2
EXACT = 3  # a peer needs a report at exactly the place
CARRY = 4
DELAY = 5
MIN_COMPLETED = 6
METHOD = 7
LEAST = 8  # fewer peers give no threshold
STRICT = 9
AFTER_FIRST = 10  # a trial launched before any has completed is neither judged nor a peer
FREEZES = 11  # the place whose threshold a trial keeps from its launch, + 1; 0: none
AGAIN_STOPPED = 13  # a stopped trial adds it too
REPLACES = 12  # what a trial adds as it ends takes the place of its last cell
# numbers
SHARE, WIDTH, WARMUP_SHARE, P_VALUE = 0, 1, 2, 3


@inner
def begin(offsets, cell_offsets, words, places, levels, trials, tally, kept, stops, trace):
    """Forget everything: no trial has run."""
    for word in range(len(words)):
        words[word] = 0
    for place in range(len(places)):
        for at in range(HIGH + 1):
            places[place, at] = 0
        levels[place, THRESHOLD] = levels[place, LIMIT] = np.nan
        if places[place, STOPS] != 0:
            levels[place, THRESHOLD] = levels[place, LIMIT] = -np.inf
        levels[place, SUM] = 0.0
    for trial in range(len(offsets) - 1):
        trials[trial, SHOWN] = 0
        trials[trial, CELL] = cell_offsets[trial]
        trials[trial, ENDED] = 0
        kept[trial] = 0
        for at in range(3):
            stops[trial, at] = np.nan
    for at in range(len(tally)):
        tally[at] = 0.0
    for at in range(len(trace)):
        trace[at, 0] = trace[at, 1] = np.nan


@inner
def show(
    trial, reports, offsets, cell_offsets, cell_column, shown_by, rank, universe, words, places,
    levels, trials, tally, codes, numbers,
):  # fmt: skip
    """Let peers see a trial's first `reports` reports."""
    if reports <= trials[trial, SHOWN]:
        return
    if trials[trial, SHOWN] == 0:
        trials[np.int64(tally[IN_SIGHT]), PRESENT] = trial
        tally[IN_SIGHT] += 1.0
    trials[trial, SHOWN] = reports
    if rank is not None:
        insert_cells(
            trial, reports, cell_offsets, cell_column, shown_by, rank, universe, words, places,
            levels, trials, codes, numbers,
        )  # fmt: skip


@inner
def insert_cells(
    trial, reports, cell_offsets, cell_column, shown_by, rank, universe, words, places, levels,
    trials, codes, numbers,
):  # fmt: skip
    """Insert the cells that a trial's first `reports` reports show and that are not in yet."""
    share, width, method, least = numbers[SHARE], numbers[WIDTH], codes[METHOD], codes[LEAST]
    at, stop = trials[trial, CELL], cell_offsets[trial + 1]
    if len(shown_by) == 0:
        stop = cell_offsets[trial] + reports
    while at < stop:
        if len(shown_by) != 0 and shown_by[at] >= reports:
            break
        if rank[at] >= 0:
            insert(
                np.int64(cell_column[at]), np.int64(rank[at]), universe, words, places, levels,
                share, method, least, width,
            )  # fmt: skip
        at += 1
    trials[trial, CELL] = at


@inner
def launch(trial, offsets, frozen, places, levels, trials, tally, codes):
    """A trial starts: what it keeps from this moment. False if it is not judged at all."""
    if codes[FREEZES] != 0:
        place = codes[FREEZES] - 1
        frozen[trial, THRESHOLD] = levels[place, THRESHOLD]
        frozen[trial, LIMIT] = levels[place, LIMIT]
        frozen[trial, 2] = places[place, COUNT]
    if codes[AFTER_FIRST] != 0 and tally[COMPLETED] == 0.0:
        trials[trial, SHOWN] = offsets[-1] + 2  # more than it has: it shows nothing more
        return False
    return True


@inner
def gather(
    trial, column, offsets, statistic, columns, end_statistic, places, levels, trials, tally,
    scratch, codes, numbers,
):  # fmt: skip
    """Bring one column's threshold up to date by looking at every peer."""
    n = np.int64(0)  # a bare 0 would compile what it is passed to a second time
    levels[column, SUM] = 0.0
    for p in range(np.int64(tally[IN_SIGHT])):
        peer = trials[p, PRESENT]
        if peer == trial and codes[INCLUDE_SELF] == 0:
            continue
        first = offsets[peer]
        at = first + trials[peer, SHOWN] - 1
        if columns[first] > column:
            continue
        if columns[at] < column:
            if codes[CARRY] == 0 or trials[peer, ENDED] == 0:
                continue
        else:
            low = first  # to the last report at or before the column
            while low < at:
                middle = (low + at + 1) >> 1
                if columns[middle] <= column:
                    low = middle
                else:
                    at = middle - 1
            if codes[EXACT] != 0 and columns[at] != column:
                continue
        value = statistic[at]
        ended = len(end_statistic) != 0 and trials[peer, ENDED] != 0
        if ended and at == first + trials[peer, SHOWN] - 1 and columns[at] == column:
            value = end_statistic[at]
        if not np.isnan(value):
            scratch[n] = value
            levels[column, SUM] += value
            n += 1
    places[column, COUNT] = n
    levels[column, THRESHOLD] = np.nan
    levels[column, LIMIT] = np.nan
    if n >= codes[LEAST]:
        index = low_index(n, numbers[SHARE], codes[METHOD])
        low_value, high_value = select(scratch, n, index)
        set_level(
            column, n, low_value, high_value, levels, numbers[SHARE], codes[METHOD],
            numbers[WIDTH],
        )  # fmt: skip


@inner
def first_stop(
    trial, k, stop, offsets, own, statistic, column, step, cell_offsets, cell_column, shown_by,
    rank, end_statistic, curve, critical, work, frozen, universe, words, places, levels, trials,
    tally, scratch, codes, numbers, trace,
):  # fmt: skip
    """The first of a trial's judgements k, k + 1, ... to call for a stop; `stop` if none does."""
    start = offsets[trial]
    traced, strict, freezes = len(trace) != 0, codes[STRICT] != 0, codes[FREEZES] != 0
    earliest = 0.0  # the step at which the warm-up by completed trials is over
    if tally[COMPLETED] < codes[MIN_COMPLETED]:
        earliest = np.inf
    elif numbers[WARMUP_SHARE] > 0.0:
        earliest = np.inf
        if tally[COMPLETED] > 0.0:
            earliest = numbers[WARMUP_SHARE] * (tally[LENGTH] / tally[COMPLETED])
    while k < stop:
        at = start + k
        place = np.int64(column[at])
        value = own[at]
        if codes[INCLUDE_SELF] != 0:
            show(
                trial, k + 1, offsets, cell_offsets, cell_column, shown_by, rank, universe, words,
                places, levels, trials, tally, codes, numbers,
            )  # fmt: skip
        if statistic is not None:
            gather(
                trial, place, offsets, statistic, column, end_statistic, places, levels, trials,
                tally, scratch, codes, numbers,
            )  # fmt: skip
        judged = earliest == 0.0 or step[at] >= earliest
        limit = levels[place, LIMIT]
        if curve is not None:
            worse = False
            if judged and not np.isnan(value) and tally[BEST] > 0.0:
                worse = worse_in_pairs(
                    trial, k, np.int64(tally[BEST]) - 1, codes[LEAST], numbers[P_VALUE], offsets,
                    step, curve, critical, work,
                )  # fmt: skip
            limit = -np.inf if worse else np.inf
        if freezes and place + 1 < len(places):
            limit = frozen[trial, LIMIT]
        if traced:
            trace[at, 1] = frozen[trial, 2] if freezes else places[place, COUNT]
            if judged and not np.isnan(value):
                trace[at, 0] = frozen[trial, THRESHOLD] if freezes else levels[place, THRESHOLD]
                if curve is not None:
                    trace[at, 0] = limit
        if judged and (value > limit or (value == limit and not strict)):
            return k
        k += 1
    return stop


@inner
def mark_stop(
    trial, k, offsets, column, group, flags, frozen, places, levels, trials, codes, kept, stops
):  # fmt: skip
    """Set down a stop decided at the k-th judgement; False if it would leave nothing to save."""
    at = offsets[trial] + k
    after = k + 1
    if len(group) != 0:
        after = k + group[at]
        if group[at] > 1:  # the report is judged and seen no further
            trials[trial, SHOWN] = offsets[-1] + 2
    after += codes[DELAY]
    reports = offsets[trial + 1] - offsets[trial]
    if after > reports or (after == reports and not flags[trial, UNSEEN]):
        return False
    place = column[at]
    kept[trial] = after
    stops[trial, 0] = levels[place, THRESHOLD]
    stops[trial, 1] = places[place, COUNT]
    stops[trial, 2] = k
    if codes[FREEZES] != 0:
        stops[trial, 0] = frozen[trial, THRESHOLD]
        stops[trial, 1] = frozen[trial, 2]
    return True


@inner
def end(
    trial, stopped, offsets, column, step, flags, cell_offsets, cell_column, shown_by, rank,
    end_column, end_rank, curve, universe, words, places, levels, trials, tally, codes, numbers,
    kept,
):  # fmt: skip
    """A trial has ended: it may now be a peer, and counts as completed if it was not stopped."""
    reports = offsets[trial + 1] - offsets[trial]
    joins = codes[COMPLETED_ONLY] == 0
    if stopped:
        reports = np.int64(kept[trial])
    else:
        kept[trial] = reports + flags[trial, UNSEEN]
        joins = flags[trial, JOINS]
        if flags[trial, COMPLETES] and reports > 0:
            tally[COMPLETED] += 1.0
            if numbers[WARMUP_SHARE] > 0.0:
                tally[LENGTH] += step[offsets[trial + 1] - 1]
            if curve is not None and not np.isnan(curve[offsets[trial + 1] - 1]):
                best = np.int64(tally[BEST])  # by last value, the first to complete among equals
                if best == 0 or curve[offsets[trial + 1] - 1] < curve[offsets[best] - 1]:
                    tally[BEST] = trial + 1
    if joins or codes[REACHED] != 0:
        show(
            trial, reports, offsets, cell_offsets, cell_column, shown_by, rank, universe, words,
            places, levels, trials, tally, codes, numbers,
        )  # fmt: skip
    if joins and reports > 0:
        trials[trial, ENDED] = 1
        if rank is not None:
            last = offsets[trial] + reports - 1
            if end_rank is not None:
                adds = not stopped or codes[AGAIN_STOPPED] != 0
                if adds and end_rank[last] >= 0:
                    if codes[REPLACES] != 0:
                        before = np.int64(trials[trial, CELL] - 1)
                        remove(
                            np.int64(cell_column[before]), np.int64(rank[before]), words, places,
                            numbers[SHARE], codes[METHOD],
                        )  # fmt: skip
                    insert(
                        np.int64(end_column[last]), np.int64(end_rank[last]), universe, words,
                        places, levels, numbers[SHARE], codes[METHOD], codes[LEAST],
                        numbers[WIDTH],
                    )  # fmt: skip
            if codes[CARRY] != 0 and rank[last] >= 0:
                for place in range(column[last] + 1, len(places) - 1):
                    insert(
                        np.int64(place), np.int64(rank[last]), universe, words, places, levels,
                        numbers[SHARE], codes[METHOD], codes[LEAST], numbers[WIDTH],
                    )  # fmt: skip


@kernel
def run_orders(
    orders, probe, all_kept, offsets, own, statistic, column, step, group, flags, cell_offsets,
    cell_column, shown_by, rank, end_column, end_rank, end_statistic, curve, critical, universe,
    words, codes, numbers, work, frozen, places, levels, trials, tally, scratch, stops, trace,
):  # fmt: skip
    """One trial after another, for each launch order: int64 [O, N] -> `all_kept` int32 [O, N].

    The trial `probe` (-1: none) is judged to its end and never stopped. `stops` and `trace` are
    those of the last order.
    """
    for o in range(len(orders)):
        kept = all_kept[o]
        begin(offsets, cell_offsets, words, places, levels, trials, tally, kept, stops, trace)
        for trial in orders[o]:
            if flags[trial, OPENS]:
                for at in range(len(tally)):
                    tally[at] = 0.0
            stopped = False
            reports = offsets[trial + 1] - offsets[trial]
            k = np.int64(0)
            if not launch(trial, offsets, frozen, places, levels, trials, tally, codes):
                k = reports
            while k < reports:
                k = first_stop(
                    trial, k, reports, offsets, own, statistic, column, step, cell_offsets,
                    cell_column, shown_by, rank, end_statistic, curve, critical, work, frozen,
                    universe, words, places, levels, trials, tally, scratch, codes, numbers, trace,
                )  # fmt: skip
                if k < reports and trial != probe:
                    stopped = mark_stop(
                        trial, k, offsets, column, group, flags, frozen, places, levels, trials,
                        codes, kept, stops,
                    )  # fmt: skip
                    break
                k += 1
            end(
                trial, stopped, offsets, column, step, flags, cell_offsets, cell_column, shown_by,
                rank, end_column, end_rank, curve, universe, words, places, levels, trials, tally,
                codes, numbers, kept,
            )  # fmt: skip
