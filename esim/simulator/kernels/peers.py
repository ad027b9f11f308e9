"""A quantile of a growing set, per column, kept up to date insertion by insertion.

Every statistic that a column can ever hold is ranked beforehand, so that the set of its members,
the statistics of the peers at this moment, is a bitset over ranks. The quantile lies at or between
two neighbouring members, `low` and `high`; an insertion moves them by at most one member.

The arrays of esim.simulator.kernels.arguments that hold this, for C columns:
    universe  float64 [K]    each column's statistics, sorted
    words     uint32         bit r of a column: the statistic of rank r is a member
    members   int64 [C, 8]   one cache line a column: the COUNT of members, the ranks of LOW and
                             HIGH (-1: none), where its bits (WORD to END) and its UNIVERSE lie, and
                             1 in STOPS where whatever is judged stops: such a column has no members
    levels    float64 [C, 3] the THRESHOLD, the LIMIT that a value must pass to be worse, and the
                             SUM of the members in the order in which they were inserted

The method says which members a quantile takes from n, and what `share` means; by every method the
index of `low` moves by at most one with an insertion:
    MIDPOINT, LINEAR, LOWER, HIGHER   the member at share * (n - 1), or between two of them
    MIRRORED   as LINEAR, but counted from the worst member, to the last bit
    REDUCTION  the last of the best n // share, or the best
    RANK       the member at the largest index, from 0, of which index / n <= share
    PORTION    the member at floor(share * n)
    WITHIN     the member at the largest index, from 0, of which index / n < share
    MEAN       no member: the mean of all, added up in the order in which they were inserted
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.jit import inner

MIDPOINT, LINEAR, LOWER, HIGHER, MIRRORED, REDUCTION, RANK, PORTION, MEAN, WITHIN = range(10)
COUNT, LOW, HIGH, WORD, END, UNIVERSE, STOPS = 0, 1, 2, 3, 4, 5, 6
THRESHOLD, LIMIT, SUM = 0, 1, 2

# The position of the only set bit of a 32-bit word is found by a product with a de Bruijn sequence.
_DE_BRUIJN = np.zeros(32, dtype=np.int64)
for _bit in range(32):
    _DE_BRUIJN[((1 << _bit) * 0x077CB531 & 0xFFFFFFFF) >> 27] = _bit


@inner
def set_level(column, n, low, high, rule, levels):
    """A column's threshold and limit from the two of its n members around the quantile.

    Only the rule's `method`, `share` and `width` matter.
    """
    threshold = low
    if rule.method <= MIRRORED:
        position = (n - 1) * rule.share
        part = position - np.int64(position)
        if part != 0.0 and rule.method == MIDPOINT:
            threshold = (low + high) / 2.0
        elif part != 0.0 and rule.method == LINEAR:
            # Written out as NumPy does it; numba's own percentile differs in the last bit.
            threshold = low + (high - low) * part
            if part >= 0.5:
                threshold = high - (high - low) * (1.0 - part)
        elif part != 0.0 and rule.method == MIRRORED:  # the same of the negated values, negated
            threshold = high - (high - low) * part
            if part >= 0.5:
                threshold = low + (high - low) * (1.0 - part)
    elif rule.method == MEAN:
        threshold = levels[column, SUM] / n
    levels[column, THRESHOLD] = threshold
    levels[column, LIMIT] = threshold
    if abs(threshold) < np.inf:
        levels[column, LIMIT] = threshold + rule.width * abs(threshold)


@inner
def low_index(n, share, method):
    """The index of `low` among n sorted members."""
    if method <= MIRRORED:
        position = (n - 1) * share
        index = np.int64(position)
        if method >= HIGHER and index < position:
            index += 1
        if method == MIRRORED:
            index = n - 1 - index
    elif method == REDUCTION:
        index = np.int64(n / share) - 1
        if index < 0:
            index = np.int64(0)
    elif method == PORTION:
        index = np.int64(share * n)
    elif method == RANK:
        index = np.int64(share * n)
        while index > 0 and index / n > share:
            index -= 1
        while (index + 1) / n <= share:
            index += 1
    elif method == WITHIN:
        index = np.int64(share * n)
        while index > 0 and index / n >= share:
            index -= 1
        while (index + 1) / n < share:
            index += 1
    else:
        index = np.int64(0)
    return index if index < n - 1 else n - 1


@inner
def insert(column, rank, plan, state):
    """Add the statistic of a rank to a column's members and bring its threshold up to date."""
    base = state.members[column, WORD]
    state.words[base + (rank >> 5)] |= np.uint32(1 << (rank & 31))
    n = state.members[column, COUNT] + 1
    low, high = state.members[column, LOW], state.members[column, HIGH]
    if n == 1:
        low, high = rank, -1
    else:
        index = low_index(n - 1, plan.rule.share, plan.rule.method)
        if rank < low:
            index += 1
        elif high < 0 or rank < high:
            high = rank
        wanted = low_index(n, plan.rule.share, plan.rule.method)
        if wanted > index:  # to the next member; the one after it becomes `high`
            low, high = high, -1
            word, stop = base + ((low + 1) >> 5), state.members[column, END]
            bits = np.int64(0)
            if word < stop:
                bits = np.int64(state.words[word]) & (np.int64(-1) << ((low + 1) & 31))
            while bits == 0 and word + 1 < stop:
                word += 1
                bits = np.int64(state.words[word])
            if bits != 0:
                bit = _DE_BRUIJN[(((bits & -bits) * 0x077CB531) & 0xFFFFFFFF) >> 27]
                high = ((word - base) << 5) + bit
        elif wanted < index:  # to the previous member
            high = low
            word = base + (low >> 5)
            bits = np.int64(state.words[word]) & ((np.int64(1) << (low & 31)) - 1)
            while bits == 0:
                word -= 1
                bits = np.int64(state.words[word])
            bits |= bits >> 1
            bits |= bits >> 2
            bits |= bits >> 4
            bits |= bits >> 8
            bits |= bits >> 16
            bit = _DE_BRUIJN[(((bits ^ (bits >> 1)) * 0x077CB531) & 0xFFFFFFFF) >> 27]
            low = ((word - base) << 5) + bit
    state.members[column, COUNT] = n
    state.members[column, LOW] = low
    state.members[column, HIGH] = high
    if plan.rule.method == MEAN:
        start = state.members[column, UNIVERSE]
        state.levels[column, SUM] += plan.universe[start + rank]
    renew(column, n, low, high, plan, state)


@inner
def renew(column, n, low, high, plan, state):
    """Bring a column's threshold and limit up to date: it has n members, around ranks low, high."""
    if n >= plan.rule.least:
        start = state.members[column, UNIVERSE]
        above = high if high > low else low
        set_level(
            column,
            n,
            plan.universe[start + low],
            plan.universe[start + above],
            plan.rule,
            state.levels,
        )
    else:
        state.levels[column, THRESHOLD] = state.levels[column, LIMIT] = np.nan


@inner
def is_among_best(column, value, plan, statistic, state):
    """Whether a value is among the best so many, or the best share, of different statistics.

    `statistic`: None unless peers are looked up, whose statistics then stand in `scratch`.
    """
    most = np.int64(np.ceil(plan.rule.protect_share * state.members[column, COUNT]))
    if most < plan.rule.protect:
        most = np.int64(plan.rule.protect)
    better, best = 0, -np.inf  # how many have been found, and the last of them
    if statistic is not None:
        while better < most:
            found, following = False, value
            for i in range(state.members[column, COUNT]):
                its = state.scratch[i]
                if its < following and (better == 0 or its > best):
                    found, following = True, its
            if not found:
                return True
            best = following
            better += 1
        return False
    start = state.members[column, UNIVERSE]
    base = state.members[column, WORD]
    for word in range(base, state.members[column, END]):
        bits = np.int64(state.words[word])
        while bits != 0:
            bit = _DE_BRUIJN[(((bits & -bits) * 0x077CB531) & 0xFFFFFFFF) >> 27]
            its = plan.universe[start + ((word - base) << 5) + bit]
            if better >= most or its >= value:
                return better < most
            if better == 0 or its > best:
                better += 1
                best = its
            bits &= bits - 1
    return better < most


@inner
def add_up(column, plan, state):
    """The sum of a column's members anew, in the order of their ranks.

    Taking what was removed off the sum would leave what rounding made of both.
    """
    base, stop = state.members[column, WORD], state.members[column, END]
    state.levels[column, SUM] = 0.0
    for word in range(base, stop):
        bits = np.int64(state.words[word])
        while bits != 0:
            bit = _DE_BRUIJN[(((bits & -bits) * 0x077CB531) & 0xFFFFFFFF) >> 27]
            rank = ((word - base) << 5) + bit
            state.levels[column, SUM] += plan.universe[state.members[column, UNIVERSE] + rank]
            bits &= bits - 1


@inner
def remove(column, rank, plan, state):
    """Take the statistic of a rank out of a column's members.

    Threshold and sum are not brought up to date.
    """
    base, stop = state.members[column, WORD], state.members[column, END]
    state.words[base + (rank >> 5)] &= np.uint32(0xFFFFFFFF ^ (1 << (rank & 31)))
    n = state.members[column, COUNT] - 1
    state.members[column, COUNT] = n
    low = high = np.int64(-1)
    before = np.int64(-1)  # how many members are still to come before `low`
    if n > 0:
        before = low_index(n, plan.rule.share, plan.rule.method)
    word = base
    while word < stop and n > 0 and high < 0:
        bits = np.int64(state.words[word])
        while bits != 0 and high < 0:
            bit = _DE_BRUIJN[(((bits & -bits) * 0x077CB531) & 0xFFFFFFFF) >> 27]
            if before == 0:
                low = ((word - base) << 5) + bit
            elif before < 0:
                high = ((word - base) << 5) + bit
            before -= 1
            bits &= bits - 1
        word += 1
    state.members[column, LOW] = low
    state.members[column, HIGH] = high


@inner
def select(values, n, index):
    """The value at an index of values[:n] once sorted, and the next one (at the end, the same).

    The values are reordered.
    """
    left, right = 0, n - 1
    while left < right:
        pivot = values[(left + right) >> 1]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if index <= j:
            right = j
        elif index >= i:
            left = i
        else:
            break
    following = values[index]
    for i in range(index + 1, n):
        if i == index + 1 or values[i] < following:
            following = values[i]
    return values[index], following
