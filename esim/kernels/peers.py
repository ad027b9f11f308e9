"""A quantile of a growing set, per column, kept up to date insertion by insertion.

Every statistic a column can ever hold is ranked beforehand, so a set of peers is a bitset over
ranks. Two neighbouring members, `low` and `high`, stand around the quantile; an insertion moves
them by at most one member.

The arrays, for C columns (plain arrays, not tuples of them: numba counts references of every array
in a tuple at every call, which made a decision 100 times slower):
    universe  float64 [K]    each column's statistics, sorted
    words     uint32         bit r of a column: the statistic of rank r is a member
    places    int64 [C, 8]   one cache line a column: COUNT of members, ranks of LOW and HIGH (-1:
                             none), and where its bits (WORD to END) and its UNIVERSE lie
    levels    float64 [C, 2] the threshold, and the limit a value must pass to be worse
"""

from __future__ import annotations

import numpy as np

from esim.kernels.jit import inner

MIDPOINT, LINEAR, LOWER, HIGHER = 0, 1, 2, 3
COUNT, LOW, HIGH, WORD, END, UNIVERSE = 0, 1, 2, 3, 4, 5
THRESHOLD, LIMIT = 0, 1

# Position of the only set bit of a 32-bit word, by its product with a de Bruijn sequence.
_DE_BRUIJN = np.zeros(32, dtype=np.int64)
for _bit in range(32):
    _DE_BRUIJN[((1 << _bit) * 0x077CB531 & 0xFFFFFFFF) >> 27] = _bit


@inner
def set_level(column, n, low, high, levels, share, method, width):
    """A column's threshold and limit from the two of its n members around the quantile.

    `width` is the share of the threshold that counts as a tie; negative if a tie is worse.
    """
    position = (n - 1) * share
    part = position - np.int64(position)
    threshold = low
    if part != 0.0 and method == MIDPOINT:
        threshold = (low + high) / 2.0
    elif part != 0.0 and method == LINEAR:
        # Written out as NumPy does it; numba's own percentile differs in the last bit.
        threshold = low + (high - low) * part
        if part >= 0.5:
            threshold = high - (high - low) * (1.0 - part)
    levels[column, THRESHOLD] = threshold
    levels[column, LIMIT] = threshold
    if np.isfinite(threshold):
        levels[column, LIMIT] = threshold + width * abs(threshold)


@inner
def low_index(n, share, method):
    """Which of n sorted members is `low`."""
    position = (n - 1) * share
    index = np.int64(position)
    if method == HIGHER and index < position:
        index += 1
    return index


@inner
def insert(column, rank, universe, words, places, levels, share, method, least, width):
    """Add the statistic of a rank to a column's members and bring its threshold up to date."""
    base = places[column, WORD]
    words[base + (rank >> 5)] |= np.uint32(1 << (rank & 31))
    n = places[column, COUNT] + 1
    low, high = places[column, LOW], places[column, HIGH]
    if n == 1:
        low, high = rank, -1
    else:
        index = low_index(n - 1, share, method)
        if rank < low:
            index += 1
        elif high < 0 or rank < high:
            high = rank
        wanted = low_index(n, share, method)
        if wanted > index:  # to the next member; the one after it becomes `high`
            low, high = high, -1
            word, stop = base + ((low + 1) >> 5), places[column, END]
            bits = np.int64(0)
            if word < stop:
                bits = np.int64(words[word]) & (np.int64(-1) << ((low + 1) & 31))
            while bits == 0 and word + 1 < stop:
                word += 1
                bits = np.int64(words[word])
            if bits != 0:
                bit = _DE_BRUIJN[(((bits & -bits) * 0x077CB531) & 0xFFFFFFFF) >> 27]
                high = ((word - base) << 5) + bit
        elif wanted < index:  # to the previous member
            high = low
            word = base + (low >> 5)
            bits = np.int64(words[word]) & ((np.int64(1) << (low & 31)) - 1)
            while bits == 0:
                word -= 1
                bits = np.int64(words[word])
            bits |= bits >> 1
            bits |= bits >> 2
            bits |= bits >> 4
            bits |= bits >> 8
            bits |= bits >> 16
            bit = _DE_BRUIJN[(((bits ^ (bits >> 1)) * 0x077CB531) & 0xFFFFFFFF) >> 27]
            low = ((word - base) << 5) + bit
    places[column, COUNT] = n
    places[column, LOW] = low
    places[column, HIGH] = high
    if n >= least:
        start = places[column, UNIVERSE]
        set_level(
            column, n, universe[start + low], universe[start + max(high, low)], levels, share,
            method, width,
        )  # fmt: skip


@inner
def select(values, n, index):
    """The element at a sorted index, and the next one (itself if last), of values[:n]; reorders."""
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
