"""Ranks of cells: their values are sorted into columns, ranked there, and each cell gets its rank.

K cells, C columns. The arrays that several kernels share:
    universe    float64 [K]    the values of each column, one column after another
    start       int64 [C + 1]  where each column begins in it
    length      int64 [C]      how many values each column holds, NaN left out
    value_rank  int32 [K]      the rank of each value, in the order in which `fill` met them
    rank        int32 [K]      the rank of each cell, -1: its value is NaN; KNOWN: not ranked yet

A column is sorted as whole numbers that hold both a value, but for its last bits, and which of the
column's values it is. NumPy sorts such numbers several at a time: in all a value takes 6 to 9 ns,
where np.argsort and what follows it took 14 to 50, and a radix sort 30 (columns of 1,000 to 10^6
values).
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.jit import inner, kernel

_TOP, _ZERO, _ONE = np.uint64(1 << 63), np.uint64(0), np.uint64(1)

KNOWN = -2  # stands for the rank of a cell whose value is known and not ranked yet


@kernel
def fill(first, cell_column, statistics, universe, rank, ends):
    """Put the values of some cells into their columns, NaN left out, and mark the cells KNOWN.

    `first` is the first of the cells, `statistics` float64 their values, `cell_column` int32 [K],
    `ends` int64 [C] where each column's values end by now.
    """
    for at in range(len(statistics)):
        value, cell = statistics[np.uint64(at)], np.uint64(first + at)
        if value == value:
            c = np.uint64(cell_column[cell])
            universe[np.uint64(ends[c])] = value
            ends[c] += 1
            rank[cell] = KNOWN
        else:
            rank[cell] = -1


@inner
def _places(n):
    """A mask of the bits that tell n places apart."""
    mask = _ZERO
    while mask < np.uint64(n):
        mask = (mask << _ONE) | _ONE
    return mask


@kernel
def pack(first, last, start, length, bits, copied, numbers):
    """Set whole numbers that are ordered as the values of some columns, and hold their places.

    Of the columns from `first` up to `last`, it left out. `bits` uint64: those of their values,
    which are `copied`; `numbers` uint64, as many. Their last bits are the place of the value in its
    column, in the place of its own last bits.
    """
    for c in range(first, last):
        mask, begin = _places(length[c]), start[c] - start[first]
        for i in range(length[c]):
            at = np.uint64(begin + i)
            number = bits[at]
            copied[at] = number
            number = _ZERO if number == _TOP else number  # this is -0.0, which equals 0.0
            number = ~number if number >= _TOP else number | _TOP
            numbers[at] = (number & ~mask) | np.uint64(i)


@kernel
def unpack(first, last, start, length, numbers, values, universe, value_rank, failed):
    """Sort the values of some columns, and rank them, as their sorted `numbers` say.

    `values` float64 are those columns' part of the universe, which is set anew. `failed` bool [C]
    is set for columns that are not sorted then, as some of their values differ in their last bits
    only.
    """
    for c in range(first, last):
        mask, begin, here = _places(length[c]), start[c] - start[first], start[c]
        before, in_order = -np.inf, True
        for i in range(length[c]):
            place = np.int64(numbers[np.uint64(begin + i)] & mask)
            value = values[np.uint64(begin + place)]
            in_order = in_order and value >= before
            before = value
            universe[np.uint64(here + i)] = value
            value_rank[np.uint64(here + place)] = i
        failed[c] = not in_order


@kernel
def give(cell_column, value_rank, following, rank):
    """Give each cell that is KNOWN its rank.

    `following` int64 [C] is where each column begins. One sweep goes over all cells: column by
    column, each rank would be written to a cache line of its own, which takes 11 ns where a million
    trials do not fit the cache.
    """
    for at in range(len(rank)):
        cell = np.uint64(at)
        if rank[cell] == KNOWN:
            c = np.uint64(cell_column[cell])
            rank[cell] = value_rank[np.uint64(following[c])]
            following[c] += 1
