"""What a rule takes from each trial's curve by itself, before anything is replayed.

Values are oriented so that lower is better. N trials, R reports, K cells. `offsets` int64 [N + 1]
maps a trial to its reports, and `positions` [R] says where a report stands: its step (int64), its
seconds (float64) or its number (int64).
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.jit import inner, kernel

BEST, AVERAGE = 0, 1
_BLOCK = 128  # values that NumPy adds up without halving them
_DIGITS = 13  # that a sum of 1,000 decimals still has


@kernel
def statistic(kind, average_from, first_stays, offsets, positions, values, out):
    """Set `out`, float64 [R], to the best so far or the running average at each report.

    The average is over the reports at positions >= `average_from`. It is NaN before the first of
    them, and from a NaN on. The best leaves NaN out; with `first_stays` a NaN at the start stays
    the best, as in Python's min.
    """
    for trial in range(len(offsets) - 1):
        at, stop = offsets[trial], offsets[trial + 1]
        total, n = 0.0, 0
        if kind == BEST:
            best = np.nan
            while at < stop and best != best:
                best = values[np.uint64(at)]
                out[np.uint64(at)] = best
                at += 1
                if first_stays:
                    break
            while at < stop:
                value = values[np.uint64(at)]
                best = value if value < best else best
                out[np.uint64(at)] = best
                at += 1
        while at < stop and positions[at] < average_from:
            out[at] = np.nan
            at += 1
        while at < stop:
            total += values[np.uint64(at)]
            n += 1
            out[np.uint64(at)] = total / n
            at += 1


@kernel
def as_decimals(offsets, values, averages):
    """Round `averages`, float64 [R], to 13 digits of the largest value of their trial so far.

    Averages of decimals that are equal on paper are then equal to the last bit, also where values
    above and below zero cancel out, which no tolerance relative to the average can mend. What is
    left to the last bit is a median between a positive and a negative average that are no decimals
    (thirds), where it cancels out to nearly 0.
    """
    for trial in range(len(offsets) - 1):
        largest, scale = 0.0, 0.0
        for at in range(offsets[trial], offsets[trial + 1]):
            size = abs(values[at])
            if size > largest and size < np.inf:
                largest = size
                digits = _DIGITS - np.ceil(np.log10(size))
                scale = 10.0**digits if digits <= 300.0 else 0.0  # of tiny values they are no float
            if scale > 0.0:
                averages[at] = np.rint(averages[at] * scale) / scale


@inner
def _block_sum(first, n, last, values):
    """NumPy's sum of a block: eight sums side by side, then the rest in order; as `_numpy_sum`."""
    if n < 8:
        total = 0.0
        for i in range(n):
            total += values[min(first + i, last)]
        return total
    r0, r1, r2, r3 = values[first], values[first + 1], values[first + 2], values[first + 3]
    r4, r5, r6 = values[first + 4], values[first + 5], values[first + 6]
    r7 = values[min(first + 7, last)]
    whole = n - n % 8
    for i in range(8, whole, 8):
        at = first + i
        r0 += values[at]
        r1 += values[at + 1]
        r2 += values[at + 2]
        r3 += values[at + 3]
        r4 += values[at + 4]
        r5 += values[at + 5]
        r6 += values[at + 6]
        r7 += values[min(at + 7, last)]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(whole, n):
        total += values[min(first + i, last)]
    return total


@inner
def _numpy_sum(first, n, last, values, work):
    """The sum of values[first : first + n] as np.sum adds it up, to the last bit.

    Beyond `last` the value at `last` is repeated. `work` float64 [64, 4] is a stack of the parts
    that are being halved: the first index and the size of each, which of its halves is being summed
    (1: the left, 2: the right), and the sum of the left one.
    """
    if n <= _BLOCK:
        return _block_sum(first, n, last, values)
    depth = 0
    work[0, 0], work[0, 1], work[0, 2] = first, n, 0
    total = 0.0
    while depth >= 0:
        size = np.int64(work[depth, 1])
        if size > _BLOCK:
            half = size // 2
            half -= half % 8
            work[depth, 2] = 1
            work[depth + 1, 0], work[depth + 1, 1], work[depth + 1, 2] = work[depth, 0], half, 0
            depth += 1
            continue
        total = _block_sum(np.int64(work[depth, 0]), size, last, values)
        depth -= 1
        while depth >= 0 and work[depth, 2] == 2:
            total = work[depth, 3] + total
            depth -= 1
        if depth >= 0:
            size = np.int64(work[depth, 1])
            half = size // 2
            half -= half % 8
            work[depth, 2], work[depth, 3] = 2, total
            work[depth + 1, 0], work[depth + 1, 1] = work[depth, 0] + half, size - half
            work[depth + 1, 2] = 0
            depth += 1
    return total


@kernel
def numpy_means(average_from, offsets, positions, values, sums, work, means, ended):
    """Set `means`, float64 [R], to the running average at each report as np.mean gives it.

    Up to 128 values NumPy adds up eight sums side by side, which grow with every eighth value, and
    then the rest in order. More it adds in halves, so that the cost grows with the square of a
    trial's reports. `ended` float64 [R] is set to the average in which the last value counts twice;
    empty: it is not asked for. `sums` float64 [8] holds the eight sums; `work`: see `_numpy_sum`.
    """
    ends = len(ended) > 0
    for trial in range(len(offsets) - 1):
        first, end, total = offsets[trial], offsets[trial + 1], 0.0
        while first < end and positions[np.uint64(first)] < average_from:
            means[np.uint64(first)] = np.nan
            if ends:
                ended[np.uint64(first)] = np.nan
            first += 1
        beyond = first + _BLOCK - 1  # where the last value twice is one more than a block
        for place in range(first, end if end < beyond else beyond):
            at, n = np.uint64(place), place - first + 1
            value = values[at]
            total += value
            if n & 7 == 0:
                total = _eight_sums(n, place - 7, value, values, sums)
                for i in range(8):
                    its = values[np.uint64(place - 7 + i)]
                    sums[i] = its if n == 8 else sums[i] + its
            means[at] = total / n
            if ends and n & 7 != 7:
                ended[at] = (total + value) / (n + 1)
            elif ends:
                ended[at] = _eight_sums(n + 1, place - 6, value, values, sums) / (n + 1)
        for place in range(beyond, end):  # in a loop of its own: it slows down whatever it is in
            at, n = np.uint64(place), place - first + 1
            means[at] = _numpy_sum(first, n, place, values, work) / n
            if ends:
                ended[at] = _numpy_sum(first, n + 1, place, values, work) / (n + 1)


@inner
def _eight_sums(n, first, last, values, sums):
    """NumPy's sum of n values, a multiple of 8: of those in `sums`, seven from `first` on, and one.

    `last` is that one. With n = 8 there are none in `sums`.
    """
    r0, r1 = values[np.uint64(first)], values[np.uint64(first + 1)]
    r2, r3 = values[np.uint64(first + 2)], values[np.uint64(first + 3)]
    r4, r5 = values[np.uint64(first + 4)], values[np.uint64(first + 5)]
    r6, r7 = values[np.uint64(first + 6)], last
    if n > 8:
        r0, r1, r2, r3 = sums[0] + r0, sums[1] + r1, sums[2] + r2, sums[3] + r3
        r4, r5, r6, r7 = sums[4] + r4, sums[5] + r5, sums[6] + r6, sums[7] + r7
    return ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))


@kernel
def gate(warmup, interval, min_reports, once, whole, offsets, positions, judged):
    """Set to False where the trial's own course keeps a report from judgement.

    `judged` bool [R] says which reports could be judged otherwise. Of these a report is judged
    from the position `warmup` on, as the first of its interval, as the trial's `min_reports`-th or
    later and, with `once`, if none was judged before. `whole`: positions are whole numbers.
    """
    for trial in range(len(offsets) - 1):
        done = -1.0
        before = False
        for at in range(offsets[trial], offsets[trial + 1]):
            if positions[at] < warmup:
                judged[at] = False
                continue
            late = at - offsets[trial] + 1 >= min_reports
            if late and whole and interval == 1 and not once:  # so is all that follows
                break
            part = np.floor(np.float64(positions[at] - warmup))
            if interval > 1:  # which takes ten times as long
                part = np.float64((positions[at] - warmup) // interval)
            if part == done or not late or (once and before):
                judged[at] = False
            elif judged[at]:
                before = True
            done = part


OPTUNA, KERAS, XGBOOST, LIGHTGBM = 0, 1, 2, 3


@kernel
def impatient(kind, patience, delta, mirrored, offsets, values, out):
    """Set `out`, bool [R], to whether the best has not improved for `patience` reports.

    An improvement is more than `delta`, computed as the library of that `kind` does. `mirrored`:
    the study maximizes, so values are negated.
    """
    for trial in range(len(offsets) - 1):
        first = offsets[trial]
        best = np.nan
        wait = 0
        for at in range(first, offsets[trial + 1]):
            value = values[at]
            if kind == OPTUNA:
                # the best of the last patience + 1 reports against the best of all before
                until = at - patience
                if until > first and (values[until - 1] < best or np.isnan(best)):
                    best = values[until - 1]
                recent = np.nan
                for i in range(max(until, first), at + 1):
                    if values[i] < recent or np.isnan(recent):
                        recent = values[i]
                out[at] = until > first and best + delta < recent
                continue
            if kind == LIGHTGBM or (kind == XGBOOST and not mirrored):
                improved = value < best - delta
            elif kind == KERAS:  # which compares in single precision
                improved = np.float32(value + delta) < np.float32(best)
            else:
                improved = value + delta < best
            wait += 1
            if improved or at == first:
                best = value
                wait = 0
            out[at] = wait >= patience and (at > first or kind != KERAS)
            if kind == KERAS and wait == 0:
                out[at] = False


@kernel
def position_room(trials, offsets, positions, room):
    """Set room[s + 1] - room[s] to one more than the highest position of each study; room[0] is 0.

    `trials` int64 [S + 1] maps a study to its trials, whose positions, int64, grow inside a trial.
    """
    room[0] = 0
    for s in range(len(trials) - 1):
        highest = np.int64(-1)
        for trial in range(trials[s], trials[s + 1]):
            stop = offsets[trial + 1]
            if stop > offsets[trial] and positions[stop - 1] > highest:
                highest = positions[stop - 1]
        room[s + 1] = room[s] + highest + 1


@kernel
def number_columns(trials, offsets, positions, room, seen, column, first, reports):
    """Give each study a column for every position at which its trials report, and one more.

    `trials` int64 [S + 1] maps a study to its trials, whose positions, int64, grow strictly inside
    a trial. A study has the numbers of `seen`, int64 zeros, from room[s] to room[s + 1], as
    `position_room` sets them. Set are `column` int32 [R], the column of each
    report, `first` int64 [S + 1], each study's first column and the end of all, and `reports`, how
    many reports stand in each column.
    """
    number = np.int64(0)
    for s in range(len(trials) - 1):
        first[s] = number
        its = room[s]
        for trial in range(trials[s], trials[s + 1]):
            at, stop = offsets[trial], offsets[trial + 1]
            while at < stop:  # one more report from a position on, and from another on one less
                last = at
                if positions[stop - 1] - positions[at] == stop - 1 - at:
                    last = stop - 1
                seen[its + positions[at]] += 1
                if its + positions[last] + 1 < room[s + 1]:
                    seen[its + positions[last] + 1] -= 1
                at = last + 1
        here = np.int64(0)
        for place in range(its, room[s + 1]):
            here += seen[place]
            seen[place] = number
            if here > 0:
                reports[number] = here
                number += 1
        reports[number] = 0
        number += 1
        for trial in range(trials[s], trials[s + 1]):
            at, stop = offsets[trial], offsets[trial + 1]
            while at < stop:
                of_first = seen[its + positions[at]]
                in_a_row = positions[stop - 1] - positions[at] == stop - 1 - at
                for i in range(stop - at if in_a_row else 1):
                    column[np.uint64(at + i)] = of_first + i
                at = stop if in_a_row else at + 1
    first[len(trials) - 1] = number


@kernel
def column_spans(offsets, column, first_column, widths):
    """Set each trial's first column, int32 [N], and how many there are up to its last one, [N].

    `column` int32 [R] is the column of each report. Both are 0 where a trial has no reports.
    """
    for trial in range(len(offsets) - 1):
        at, stop = offsets[trial], offsets[trial + 1]
        first_column[trial] = column[at] if at < stop else 0
        widths[trial] = column[stop - 1] - column[at] + 1 if at < stop else 0


@kernel
def expand_cells(offsets, column, cell_offsets, cell_column, shown_by, source):
    """Give each trial a cell in every column from its first report's to its last report's.

    A cell takes its statistic from the last report at or before its column, `source` int64 [K], and
    is shown by the trial's first report at or beyond it, `shown_by` int32 [K], counted from 0.
    `column` int32 [R] and `cell_offsets` int64 [N + 1] are given; the other arrays are set.
    """
    for trial in range(len(offsets) - 1):
        cell = cell_offsets[trial]
        first = offsets[trial]
        for at in range(first, offsets[trial + 1]):
            if at > first:
                for between in range(column[at - 1] + 1, column[at]):
                    cell_column[cell] = between
                    shown_by[cell] = at - first
                    source[cell] = at - 1
                    cell += 1
            cell_column[cell] = column[at]
            shown_by[cell] = at - first
            source[cell] = at
            cell += 1
