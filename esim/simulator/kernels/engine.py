"""Replays a study's judgements under one rule, in launch order.

Values are oriented so that lower is better. The arrays are those of `arguments.py`, and
    kept   int32 [N]  how many judgements each trial had when it was told to stop; all of them if it
                      ran to its end, and one more if more follows than was reported
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.arguments import (
    BEST,
    CELL,
    COMPLETED,
    ENDED,
    FARTHEST,
    IN_SIGHT,
    LENGTH,
    NEAREST,
    PRESENT,
    SHOWN,
)
from esim.simulator.kernels.jit import inner, kernel, prefetch
from esim.simulator.kernels.leader import checkpoints_behind, way
from esim.simulator.kernels.pairs import limit_in_pairs
from esim.simulator.kernels.peers import (
    COUNT,
    KNOWN,
    LEAST,
    LIMIT,
    MEAN,
    STOPS,
    SUM,
    THRESHOLD,
    add_up,
    insert,
    is_among_best,
    is_no_worse,
    know_level,
    low_index,
    may_be_worse,
    remove,
    select,
    set_indices,
    set_level,
)

# The columns of a plan's `flags`. UNSEEN: more follows than was reported (rows without a value, or
# the trial was still running). COMPLETES: the trial, if not stopped, ends as completed. JOINS: it
# is a peer then. ODD: of several studies, its own stands at an odd place. A trial launched after
# one that is not alike in this opens the next study, so that no trial before it counts.
UNSEEN, COMPLETES, JOINS, ODD = 0, 1, 2, 3
SPARED = -1  # in a state's `row`: worse at the last judgement, but among the best that go on
EVERY = -2  # in place of a probe: every trial is judged to its end, and none is stopped


@inner
def begin(plan, state, kept):
    """Set the state to that before any trial has run."""
    for word in range(len(state.words)):
        state.words[word] = 0
    for column in range(len(state.members)):
        for at in range(KNOWN):
            state.members[column, at] = 0
        state.members[column, KNOWN] = -1
        state.levels[column, THRESHOLD] = state.levels[column, LIMIT] = np.nan
        if state.members[column, STOPS] != 0:
            state.members[column, KNOWN] = 0
            state.levels[column, THRESHOLD] = state.levels[column, LIMIT] = -np.inf
        state.levels[column, SUM] = 0.0
        state.levels[column, LEAST] = -np.inf
    for trial in range(len(plan.offsets) - 1):
        state.trials[trial, SHOWN] = 0
        state.trials[trial, CELL] = plan.cell_offsets[trial]
        state.trials[trial, ENDED] = 0
        kept[trial] = 0
        for at in range(4):
            state.stops[trial, at] = np.nan
    for at in range(len(state.tally)):
        state.tally[at] = 0.0
    for trial in range(len(state.row)):
        state.row[trial] = 0
    for at in range(len(state.trace)):
        state.trace[at, 0] = state.trace[at, 1] = state.trace[at, 2] = np.nan


@inner
def show(trial, reports, plan, rank, state):
    """Let peers see a trial's first `reports` judgements."""
    if reports <= state.trials[trial, SHOWN]:
        return
    if state.trials[trial, SHOWN] == 0:
        state.trials[np.int64(state.tally[IN_SIGHT]), PRESENT] = trial
        state.tally[IN_SIGHT] += 1.0
    state.trials[trial, SHOWN] = reports
    if plan.rule.on_the_way:
        first = plan.offsets[trial]
        nearest, farthest = float(plan.step[first]), float(plan.step[first + reports - 1])
        alone = state.tally[IN_SIGHT] == 1.0
        if alone or nearest < state.tally[NEAREST]:
            state.tally[NEAREST] = nearest
        if alone or farthest > state.tally[FARTHEST]:
            state.tally[FARTHEST] = farthest
    if rank is not None:
        insert_cells(trial, reports, plan, rank, state)


@inner
def insert_cells(trial, reports, plan, rank, state):
    """Insert the cells that a trial's first `reports` judgements show and that are not in yet."""
    at, stop = state.trials[trial, CELL], plan.cell_offsets[trial + 1]
    if len(plan.shown_by) == 0:
        stop = plan.cell_offsets[trial] + reports
    if len(plan.first_column) != 0:
        from_cell = np.int64(plan.first_column[trial]) - plan.cell_offsets[trial]
        for cell in range(at, stop):
            its = np.int64(rank[np.uint64(cell)])
            if its >= 0:
                insert(from_cell + cell, its, plan, state)
        at = stop
    while at < stop:
        if len(plan.shown_by) != 0 and plan.shown_by[at] >= reports:
            break
        if rank[at] >= 0:
            insert(np.int64(plan.cell_column[at]), np.int64(rank[at]), plan, state)
        at += 1
    state.trials[trial, CELL] = at


@inner
def withdraw(trial, plan, rank, state):
    """Take a trial that has failed out of the sight of its peers."""
    if rank is not None:
        at = plan.cell_offsets[trial]
        while at < state.trials[trial, CELL]:
            if rank[at] >= 0:
                column = np.int64(plan.cell_column[at])
                remove(column, np.int64(rank[at]), plan, state)
                if plan.rule.method == MEAN:
                    add_up(column, plan, state)
            at += 1
    state.trials[trial, SHOWN] = 0


@inner
def gather(trial, column, plan, statistic, state):
    """Bring a column's threshold and limit up to date by looking at every peer.

    Reports stand in their cells' columns, not where those are judged that stop whoever the peers.
    """
    n = np.int64(0)  # with a bare 0, numba would compile what it is passed to a second time
    state.levels[column, SUM] = 0.0
    for p in range(np.int64(state.tally[IN_SIGHT])):
        peer = state.trials[p, PRESENT]
        if peer == trial and not plan.rule.include_self:
            continue
        first = plan.offsets[peer]
        at = first + state.trials[peer, SHOWN] - 1
        if at < first or plan.cell_column[first] > column:  # it has failed, or came later
            continue
        if plan.cell_column[at] < column:
            if not plan.rule.carry or state.trials[peer, ENDED] == 0:
                continue
        else:
            low = first  # bisects to the last report at or before the column
            while low < at:
                middle = (low + at + 1) >> 1
                if plan.cell_column[middle] <= column:
                    low = middle
                else:
                    at = middle - 1
            if plan.rule.exact and plan.cell_column[at] != column:
                continue
        value = statistic[at]
        ended = len(plan.end_statistic) != 0 and state.trials[peer, ENDED] != 0
        if ended and at == first + state.trials[peer, SHOWN] - 1 and plan.cell_column[at] == column:
            value = plan.end_statistic[at]
        if not np.isnan(value):
            state.scratch[n] = value
            state.levels[column, SUM] += value
            n += 1
    state.members[column, COUNT] = n
    state.levels[column, THRESHOLD] = np.nan
    state.levels[column, LIMIT] = np.nan
    if n >= plan.rule.least:
        index = low_index(n, plan.rule.share, plan.rule.method)
        low_value, high_value = select(state.scratch, n, index)
        set_level(column, n, low_value, high_value, plan.rule, state.levels)


@inner
def launch(trial, plan, statistic, rank, state):
    """Start a trial, and keep what its rule freezes at its launch. False if it is not judged."""
    if plan.rule.freezes != 0:
        column = np.int64(plan.rule.freezes - 1)
        if rank is not None:
            know_level(column, plan, state)
        if statistic is not None and state.members[column, STOPS] == 0:
            gather(trial, column, plan, statistic, state)
        state.frozen[trial, THRESHOLD] = state.levels[column, THRESHOLD]
        state.frozen[trial, LIMIT] = state.levels[column, LIMIT]
        state.frozen[trial, 2] = state.members[column, COUNT]
    if plan.rule.after_first and state.tally[COMPLETED] == 0.0:
        state.trials[trial, SHOWN] = plan.offsets[-1] + 2  # more than it has: it shows nothing more
        return False
    return True


@inner
def persists(trial, against, decided, column, value, plan, statistic, curve, state):
    """Whether a judgement, `against` the trial or not, stops it under a rule that is not PLAIN.

    `decided`: it is a decision for the trial to go on.
    """
    if against and curve is None:
        if state.members[column, STOPS] != 0:
            state.row[trial] = plan.rule.consecutive
            return True
        if is_among_best(column, value, plan, statistic, state):
            state.row[trial] = SPARED
            return False
    if against:
        state.row[trial] = state.row[trial] + 1 if state.row[trial] > 0 else 1
    elif decided:
        state.row[trial] = 0
    return against and state.row[trial] >= plan.rule.consecutive


@inner
def warm_up_ends(rule, state):
    """The step at which the warm-up by completed trials is over; 0: there is none, inf: not yet."""
    earliest = 0.0
    if state.tally[COMPLETED] < rule.min_completed:
        earliest = np.inf
    elif rule.warmup_share > 0.0:
        earliest = np.inf
        if state.tally[COMPLETED] > 0.0:
            earliest = rule.warmup_share * (state.tally[LENGTH] / state.tally[COMPLETED])
    return earliest


@inner
def first_beyond(trial, k, stop, plan, state):
    """`first_stop` under a rule that looks at a column's limit and at nothing else."""
    first, earliest = plan.offsets[trial], warm_up_ends(plan.rule, state)
    at, last = first + k, first + stop
    in_a_row, shift = len(plan.first_column) != 0, np.int64(0)
    if in_a_row:
        shift = np.int64(plan.first_column[trial]) - first
    while at < last:
        column = shift + at if in_a_row else np.int64(plan.column[at])
        value = plan.own[at]
        if may_be_worse(value, column, state):
            know_level(column, plan, state)
            limit = state.levels[column, LIMIT]
            worse = value > limit or (value == limit and not plan.rule.strict)
            if worse and (earliest == 0.0 or plan.step[at] >= earliest):
                break
        at += 1
        while in_a_row and at < last and not may_be_worse(plan.own[at], shift + at, state):
            at += 1
    return at - first


@inner
def first_stop(trial, k, stop, plan, statistic, rank, curve, state):
    """The first of a trial's judgements k to stop - 1 to call for a stop; `stop` if none does."""
    start = plan.offsets[trial]
    traced, strict, freezes = len(state.trace) != 0, plan.rule.strict, plan.rule.freezes != 0
    plain = plan.rule.plain
    if statistic is None and curve is None:
        more = traced or freezes or plan.rule.include_self or plan.rule.on_the_way
        if plain and not more:
            return first_beyond(trial, k, stop, plan, state)
    earliest = warm_up_ends(plan.rule, state)
    gated = earliest != 0.0 or plan.rule.on_the_way
    while k < stop:
        at = start + k
        column = np.int64(plan.column[at])
        value = plan.own[at]
        if plan.rule.include_self:
            show(trial, k + 1, plan, rank, state)
        among_peers = state.members[column, STOPS] == 0
        if statistic is not None and among_peers and (traced or not np.isnan(value)):
            gather(trial, column, plan, statistic, state)
        certain = False
        if rank is not None:
            certain = not (traced or freezes) and is_no_worse(value, column, plan, state)
            if not certain:
                know_level(column, plan, state)
        judged = True
        if gated:
            judged = earliest == 0.0 or plan.step[at] >= earliest
            if plan.rule.on_the_way:
                here = way(plan.step[at], state)
                judged = judged and plan.rule.progress_from <= here <= plan.rule.progress_to
        limit = state.levels[column, LIMIT]
        if curve is not None:
            limit = np.inf
            if plan.rule.leader:
                state.row[trial] = 0
                if judged and not np.isnan(value):
                    state.row[trial] = checkpoints_behind(trial, k, plan, curve, state)
                    if state.row[trial] >= plan.rule.consecutive:
                        limit = -np.inf
            elif judged and not np.isnan(value) and state.tally[BEST] > 0.0:
                limit = limit_in_pairs(
                    trial, k, np.int64(state.tally[BEST]) - 1, plan, curve, state.work
                )
        if freezes and column + 1 < len(state.members):
            limit = state.frozen[trial, LIMIT]
        if traced:
            state.trace[at, 1] = state.frozen[trial, 2] if freezes else state.members[column, COUNT]
            if judged and not np.isnan(value):
                state.trace[at, 0] = (
                    state.frozen[trial, THRESHOLD] if freezes else state.levels[column, THRESHOLD]
                )
                if curve is not None:
                    state.trace[at, 0] = -np.inf if limit < 0.0 else np.inf
        worse = value > limit or (value == limit and not strict)
        stops = judged and worse and not certain
        if not plain and not plan.rule.leader:
            decided = judged and (certain or value <= limit)
            stops = persists(trial, stops, decided, column, value, plan, statistic, curve, state)
        if traced:
            state.trace[at, 2] = state.row[trial] if not plain else np.int64(stops)
        if stops:
            return k
        k += 1
    return stop


@inner
def judgements_made(trial, k, plan):
    """How many judgements a trial makes that is told to stop at judgement k, from 0."""
    at = plan.offsets[trial] + k
    if len(plan.made) != 0:
        return np.int64(plan.made[at])
    if len(plan.group) != 0:
        return np.int64(k + plan.group[at])
    return np.int64(k + 1)


@inner
def note_decision(trial, k, plan, state):
    """Keep the threshold and the peers of a decision to stop at judgement k, from 0."""
    if len(plan.first_column) != 0:
        column = np.int64(plan.first_column[trial]) + k
    else:
        column = np.int64(plan.column[plan.offsets[trial] + k])
    state.stops[trial, 0] = state.levels[column, THRESHOLD]
    state.stops[trial, 1] = state.members[column, COUNT]
    state.stops[trial, 2] = k
    if plan.rule.freezes != 0:
        state.stops[trial, 0] = state.frozen[trial, THRESHOLD]
        state.stops[trial, 1] = state.frozen[trial, 2]


@inner
def judge_no_further(trial, k, plan, state):
    """After a decision to stop, judge and show a report no further if it has more judgements."""
    at = plan.offsets[trial] + k
    if len(plan.group) != 0 and plan.group[at] > 1:
        state.trials[trial, SHOWN] = plan.offsets[-1] + 2


@inner
def judgements_saved(trial, k, plan):
    """Whether a stop at judgement k, from 0, leaves the trial anything to save."""
    after = judgements_made(trial, k, plan)
    reports = plan.offsets[trial + 1] - plan.offsets[trial]
    return after < reports or (after == reports and plan.flags[trial, UNSEEN])


@inner
def mark_stop(trial, k, plan, state, kept):
    """Record a stop decided at judgement k, from 0. False if it would leave nothing to save."""
    judge_no_further(trial, k, plan, state)
    at = plan.offsets[trial] + k
    if not judgements_saved(trial, k, plan):
        reports = plan.offsets[trial + 1] - plan.offsets[trial]
        last = k + (plan.group[at] if len(plan.group) != 0 else 1) == reports
        if last and not plan.flags[trial, UNSEEN]:
            state.stops[trial, 3] = k
        return False
    kept[trial] = k + 1
    note_decision(trial, k, plan, state)
    return True


@inner
def end(trial, stopped, plan, rank, end_rank, curve, state, kept):
    """End a trial: it may now be a peer, and counts as completed if it completes unstopped.

    Where running trials are peers, one that fails is none from then on, unless failed ones are.
    """
    reports = plan.offsets[trial + 1] - plan.offsets[trial]
    joins = not plan.rule.completed_only
    if stopped:
        reports = judgements_made(trial, np.int64(kept[trial]) - 1, plan)
    else:
        kept[trial] = reports + plan.flags[trial, UNSEEN]
        joins = plan.flags[trial, JOINS]
        if plan.flags[trial, COMPLETES] and reports > 0:
            state.tally[COMPLETED] += 1.0
            if plan.rule.warmup_share > 0.0:
                state.tally[LENGTH] += plan.step[plan.offsets[trial + 1] - 1]
            if curve is not None and not np.isnan(curve[plan.offsets[trial + 1] - 1]):
                # By last value; among equals the first to complete.
                best = np.int64(state.tally[BEST])
                if best == 0 or curve[plan.offsets[trial + 1] - 1] < curve[plan.offsets[best] - 1]:
                    state.tally[BEST] = trial + 1
    if joins:
        show(trial, reports, plan, rank, state)
    elif plan.rule.reached:
        withdraw(trial, plan, rank, state)
    if joins and reports > 0:
        state.trials[trial, ENDED] = 1
        if rank is not None:
            last = plan.offsets[trial] + reports - 1
            if end_rank is not None:
                adds = not stopped or plan.rule.again_stopped
                if adds and end_rank[last] >= 0:
                    if plan.rule.replaces:
                        before = np.int64(state.trials[trial, CELL] - 1)
                        remove(
                            np.int64(plan.cell_column[before]), np.int64(rank[before]), plan, state
                        )
                    insert(np.int64(plan.end_column[last]), np.int64(end_rank[last]), plan, state)
            if plan.rule.carry and rank[last] >= 0:
                for column in range(plan.cell_column[last] + 1, len(state.members) - 1):
                    insert(np.int64(column), np.int64(rank[last]), plan, state)


@inner
def read_ahead(trial, plan, rank, state):
    """Read where a trial begins, so that it is in the cache once the one before it is done.

    Of random walks, which stop early, that took a third off the time of an order.
    """
    at = plan.offsets[trial]
    prefetch(state.trials, trial)
    prefetch(plan.own, at)
    prefetch(plan.own, at + 8)
    if rank is not None:
        prefetch(rank, at)


@kernel
def run_orders(orders, probe, all_kept, plan, statistic, rank, end_rank, curve, state):
    """Replay trials one after another, in each launch order: fill `all_kept` int32 [O, N].

    `orders` int64 [O, N or fewer]. The trial `probe` (-1: none; EVERY: each, whose first decision
    is kept in `stops`) is judged to its end and never stopped. `stops` and `trace` of the state are
    those of the last order.
    """
    set_indices(plan.rule, state.indices)
    for o in range(len(orders)):
        kept = all_kept[o]
        begin(plan, state, kept)
        for i in range(orders.shape[1]):
            trial = orders[o, i]
            if len(plan.first_column) != 0 and i + 1 < orders.shape[1]:
                read_ahead(orders[o, i + 1], plan, rank, state)
            if i > 0 and plan.flags[trial, ODD] != plan.flags[orders[o, i - 1], ODD]:
                for at in range(len(state.tally)):
                    state.tally[at] = 0.0
            stopped = False
            reports = plan.offsets[trial + 1] - plan.offsets[trial]
            k = np.int64(0)
            if not launch(trial, plan, statistic, rank, state):
                k = reports
            while k < reports:
                k = first_stop(trial, k, reports, plan, statistic, rank, curve, state)
                if k < reports and probe == EVERY:
                    if np.isnan(state.stops[trial, 2]):
                        note_decision(trial, k, plan, state)
                        judge_no_further(trial, k, plan, state)
                elif k < reports and trial != probe:
                    stopped = mark_stop(trial, k, plan, state, kept)
                    break
                k += 1
            end(trial, stopped, plan, rank, end_rank, curve, state, kept)
