"""A quantile of a changing set, per column, looked for only where a judgement depends on it.

Every statistic that a column can ever hold is ranked beforehand, so that the set of its members,
the statistics of the peers at this moment, is a bitset over ranks. The quantile lies at or between
two neighbouring members, `low` and `high`. A column remembers where `low` was when it was last
looked for, and how many members further it is by now: an insertion or a removal only counts. It
also keeps a floor, a rank a little before `low`, and counts whether `low` is still beyond it: a
value better than the statistic of that rank is then better than the quantile, whatever that is.
The quantile itself is found only for other values, a member or two from where it was. In all a
judgement and an insertion take 6 to 8 ns of 10,000 trials x 100 steps, and 10 to 15 ns of 120
trials x 80; keeping `low` and `high` up to date with each insertion took 18 to 22.

The arrays of esim.simulator.kernels.arguments that hold this, for C columns:
    universe  float64 [K]    each column's statistics, sorted
    words     int64          bit r of a column: the statistic of rank r is a member
    members   int64 [C, 10]  the COUNT of members, the rank where LOW was, how many members FURTHER
                             `low` is by now (below 0: before it), the rank of the FLOOR, how many
                             members lie from there on AHEAD of `low` (below 0: it lies before the
                             floor), the count for which the level is KNOWN (-1: for none), where
                             its bits (WORD to END) and its UNIVERSE lie, and 1 in STOPS where
                             whatever is judged stops: such a column has no members
    levels    float64 [C, 4] the THRESHOLD and the LIMIT that a value must pass to be worse, both
                             once they are known, the SUM of the members in the order in which they
                             were inserted, and the LEAST: no value below it is worse than the
                             limit, unless AHEAD is below 0
    indices   int32          of `low` among n sorted members, for each n

The method says which members a quantile takes from n, and what `share` means:
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

from esim.simulator.kernels.jit import highest_bit, inner, lowest_bit, ones

MIDPOINT, LINEAR, LOWER, HIGHER, MIRRORED, REDUCTION, RANK, PORTION, MEAN, WITHIN = range(10)
COUNT, LOW, FURTHER, FLOOR, AHEAD, KNOWN, WORD, END, UNIVERSE, STOPS = range(10)
THRESHOLD, LIMIT, SUM, LEAST = 0, 1, 2, 3

# Below, rounding could put a threshold under `low`: where `high` less `low` is no float.
_LEAST_FLOOR = -1e290
_WIDEST = 0.5  # above, rounding could weigh more than what a limit grows with its threshold
# How many members before `low` a floor is set, if they are spread evenly, and how few and how many
# there may come to be. The more, the more values need the quantile; the fewer, the sooner `low`
# lies before the floor.
_MEMBERS_AHEAD, _FEWEST_AHEAD, _MOST_AHEAD = 4, 1, 12


@inner
def set_level(column, n, low, high, rule, levels):
    """A column's threshold and limit from the two of its n members around the quantile.

    Only the rule's `method`, `share` and `width` matter.
    """
    threshold = low
    if rule.method <= MIRRORED:
        position = (n - 1) * rule.share
        part = position - np.int64(position)
        # Picked, not branched to: whether there is a part changes with every other member.
        if rule.method == MIDPOINT:
            between = (low + high) / 2.0
            threshold = between if part != 0.0 else low
        elif rule.method == LINEAR:
            # Written out as NumPy does it; numba's own percentile differs in the last bit.
            below, above = low + (high - low) * part, high - (high - low) * (1.0 - part)
            between = above if part >= 0.5 else below
            threshold = between if part != 0.0 else low
        elif rule.method == MIRRORED:  # the same of the negated values, negated
            below, above = low + (high - low) * (1.0 - part), high - (high - low) * part
            between = below if part >= 0.5 else above
            threshold = between if part != 0.0 else low
    elif rule.method == MEAN:
        threshold = levels[column, SUM] / n
    c, size = np.uint64(column), abs(threshold)
    levels[c, THRESHOLD] = threshold
    levels[c, LIMIT] = threshold + rule.width * size if size < np.inf else threshold


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
def set_indices(rule, indices):
    """Set the index of `low` among n sorted members, for each n."""
    indices[0] = 0
    for n in range(1, len(indices)):
        indices[n] = low_index(n, rule.share, rule.method)


@inner
def insert(column, rank, plan, state):
    """Add the statistic of a rank to a column's members."""
    c = np.uint64(column)  # unsigned, an index needs no look at whether it counts from the end
    n = state.members[c, COUNT]
    moves = np.int64(state.indices[np.uint64(n + 1)]) - np.int64(state.indices[np.uint64(n)])
    state.members[c, COUNT] = n + 1
    state.members[c, FURTHER] += moves - np.int64(rank < state.members[c, LOW])
    state.members[c, AHEAD] += moves - np.int64(rank < state.members[c, FLOOR])
    state.words[np.uint64(state.members[c, WORD] + (rank >> 6))] |= np.int64(1) << (rank & 63)
    if plan.rule.method == MEAN:
        start = state.members[column, UNIVERSE]
        state.levels[column, SUM] += plan.universe[start + rank]


@inner
def remove(column, rank, plan, state):
    """Take the statistic of a rank out of a column's members. Their sum stays as it was."""
    n = state.members[column, COUNT]
    moves = np.int64(state.indices[n - 1]) - np.int64(state.indices[n])
    state.members[column, COUNT] = n - 1
    state.members[column, FURTHER] += moves + np.int64(rank < state.members[column, LOW])
    state.members[column, AHEAD] += moves + np.int64(rank < state.members[column, FLOOR])
    state.members[column, KNOWN] = -1
    state.words[state.members[column, WORD] + (rank >> 6)] ^= np.int64(1) << (rank & 63)


@inner
def may_be_worse(value, column, state):
    """Whether a value is perhaps worse than a column's limit; a value of NaN is not."""
    c = np.uint64(column)
    return value >= state.levels[c, LEAST] or state.members[c, AHEAD] < 0


@inner
def is_no_worse(value, column, plan, state):
    """Whether a value is surely no worse than a column's limit, and there is one."""
    n = state.members[column, COUNT]
    beyond = n > 0 and n >= plan.rule.least and state.members[column, AHEAD] >= 0
    return beyond and value < state.levels[column, LEAST]


@inner
def know_level(column, plan, state):
    """Bring a column's threshold and limit up to date."""
    c = np.uint64(column)
    n = state.members[c, COUNT]
    if n == state.members[c, KNOWN]:
        return
    state.members[c, KNOWN] = n
    if n < plan.rule.least or n == 0:
        state.levels[column, THRESHOLD] = state.levels[column, LIMIT] = np.nan
    elif plan.rule.method == MEAN:
        set_level(column, n, np.nan, np.nan, plan.rule, state.levels)
    else:
        find_level(column, n, plan, state)


@inner
def find_level(column, n, plan, state):
    """Find `low` and `high`, set the column's threshold and limit, and its floor if need be."""
    c = np.uint64(column)
    base, start = state.members[c, WORD], state.members[c, UNIVERSE]
    was, further = state.members[c, LOW], state.members[c, FURTHER]
    word = base + (was >> 6)
    bits = state.words[np.uint64(word)]
    if further >= 0:
        bits &= np.int64(-1) << (was & 63)
        here = ones(bits)
        while here <= further:
            further -= here
            word += 1
            bits = state.words[np.uint64(word)]
            here = ones(bits)
        for _ in range(further):
            bits ^= np.int64(1) << lowest_bit(bits)
        bit = lowest_bit(bits)
    else:
        bits &= ~(np.int64(-1) << (was & 63))
        here = ones(bits)
        while here + further < 0:
            further += here
            word -= 1
            bits = state.words[np.uint64(word)]
            here = ones(bits)
        for _ in range(-1 - further):
            bits ^= np.int64(1) << highest_bit(bits)
        bit = highest_bit(bits)
    rank = ((word - base) << 6) + bit
    state.members[c, LOW], state.members[c, FURTHER] = rank, 0
    low = high = plan.universe[np.uint64(start + rank)]
    index = np.int64(state.indices[np.uint64(n)])
    if index < n - 1:
        bits = state.words[np.uint64(word)] & (np.int64(-2) << bit)
        while bits == 0:
            word += 1
            bits = state.words[np.uint64(word)]
        high = plan.universe[np.uint64(start + ((word - base) << 6) + lowest_bit(bits))]
    set_level(column, n, low, high, plan.rule, state.levels)
    ahead = state.members[c, AHEAD]
    if ahead > _MOST_AHEAD or (ahead < _FEWEST_AHEAD and (ahead < 0 or index >= _FEWEST_AHEAD)):
        set_floor(column, n, rank, plan, state)


@inner
def set_floor(column, n, low, plan, state):
    """Set a column's floor some ranks before that of `low`."""
    base = state.members[column, WORD]
    floor = low - 1 - _MEMBERS_AHEAD * ((state.members[column, END] - base) << 6) // n
    if floor < 0:
        floor = np.int64(0)
    word = base + (floor >> 6)
    bits = state.words[word] & (np.int64(-1) << (floor & 63))
    ahead = np.int64(0)  # members from the floor to `low`
    while word < base + (low >> 6):
        ahead += ones(bits)
        word += 1
        bits = state.words[word]
    bits &= ~(np.int64(-1) << (low & 63))
    state.members[column, FLOOR], state.members[column, AHEAD] = floor, ahead + ones(bits)
    least = plan.universe[state.members[column, UNIVERSE] + floor]
    width = plan.rule.width
    state.levels[column, LEAST] = -np.inf
    if least > _LEAST_FLOOR and abs(width) <= _WIDEST:
        if width != 0.0:
            least += width * abs(least) - 1e-14 * abs(least)  # more than rounding can add
        state.levels[column, LEAST] = least


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
        bits = state.words[word]
        while bits != 0:
            bit = lowest_bit(bits)
            its = plan.universe[start + ((word - base) << 6) + bit]
            if better >= most or its >= value:
                return better < most
            if better == 0 or its > best:
                better += 1
                best = its
            bits ^= np.int64(1) << bit
    return better < most


@inner
def add_up(column, plan, state):
    """The sum of a column's members anew, in the order of their ranks.

    Taking what was removed off the sum would leave what rounding made of both.
    """
    base, stop = state.members[column, WORD], state.members[column, END]
    state.levels[column, SUM] = 0.0
    for word in range(base, stop):
        bits = state.words[word]
        while bits != 0:
            bit = lowest_bit(bits)
            rank = ((word - base) << 6) + bit
            state.levels[column, SUM] += plan.universe[state.members[column, UNIVERSE] + rank]
            bits ^= np.int64(1) << bit


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
