"""Ranks of cells: their values are sorted into columns, ranked there, and each cell gets its rank.

K cells, C columns. The arrays that several kernels share:
    universe    float64 [K]    the values of each column, one column after another
    start       int64 [C + 1]  where each column begins in it
    length      int64 [C]      how many values each column holds, NaN left out
    value_rank  int32 [K]      the rank of each value, in the order in which `fill` met them
    rank        int32 [K]      the rank of each cell, -1: its value is NaN; KNOWN: not ranked yet

A column is sorted as whole numbers of 32 or 64 bits that hold both a value, but for its last bits,
and which of the column's values it is. NumPy sorts such numbers several at a time: one of 32 bits
takes 1.5 ns, one of 64 bits 3.4, where np.argsort of the values takes 8.5 (columns of 2,000). What
is then out of order by the bits that were left out is put right on the way back to values.
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.jit import highest_bit, inner, kernel

_ZERO, _ONE, _TOP = np.uint64(0), np.uint64(1), np.uint64(1 << 63)
_ALL_BUT_SIGN, _INFINITE = np.int64(2**63 - 1), np.int64(0x7FF << 52)
# Numbers of 32 bits tell sizes apart from 2^-63 to 2^64 only, which leaves each power more room.
_SMALLEST, _LARGEST = np.int64((1023 - 63) << 52), np.int64((1023 + 64) << 52)
_MOVES, _ANY_MOVES = 4, 4096  # more, a value and a column, cost more than np.argsort of the column
KNOWN = -2  # stands for the rank of a cell whose value is known and not ranked yet


@kernel
def fill(column, statistics, universe, rank, ends):
    """Put the values of some cells into their columns, NaN left out, and mark the cells KNOWN.

    Of each cell `statistics` float64 is the value and `column` int32 where it goes; `ends` int64
    [C] is where each column's values end by now.
    """
    for at in range(len(statistics)):
        cell = np.uint64(at)
        value = statistics[cell]
        if value == value:
            c = np.uint64(column[cell])
            universe[np.uint64(ends[c])] = value
            ends[c] += 1
            rank[cell] = KNOWN
        else:
            rank[cell] = -1


@inner
def _ordered(bits, smallest, largest):
    """A uint64 that is ordered as the value of these bits, of a size within bounds, is."""
    size = bits & _ALL_BUT_SIGN
    size = size if size > smallest else smallest
    size = size if size < largest else largest
    distance = np.uint64(size - smallest)
    return _TOP - distance if bits < 0 else _TOP + distance


@inner
def _bits(n):
    """How many bits tell n places apart."""
    return np.uint64(highest_bit(n - 1) + 1) if n > 1 else _ONE


@kernel
def pack(first, last, start, length, bits, copied, numbers):
    """Set whole numbers that are ordered as the values of some columns, and hold their places.

    Of the columns from `first` up to `last`, it left out. `bits` int64: those of their values,
    which are `copied`; `numbers` uint32 or uint64, as many. A number's last bits are the place of
    the value in its column; the rest is how far the value is from the least one, as exactly as
    there is room.
    """
    width, smallest, largest = np.uint64(8 * numbers.itemsize), np.int64(0), _INFINITE
    if width == 32:
        smallest, largest = _SMALLEST, _LARGEST
    for c in range(first, last):
        if length[c] == 0:
            continue
        begin, places = start[c] - start[first], _bits(length[c])
        least, most = ~_ZERO, _ZERO
        for i in range(length[c]):
            number = _ordered(bits[np.uint64(begin + i)], smallest, largest)
            least = number if number < least else least
            most = number if number > most else most
        needed, room = np.uint64(highest_bit(np.int64(most - least)) + 1), width - places
        left_out = needed - room if needed > room else _ZERO
        for i in range(length[c]):
            at = np.uint64(begin + i)
            its = bits[at]
            copied[at] = its
            distance = _ordered(its, smallest, largest) - least
            numbers[at] = distance >> left_out << places | np.uint64(i)


@kernel
def unpack(first, last, start, length, numbers, values, universe, value_rank, failed):
    """Sort the values of some columns, and rank them, as their sorted `numbers` say.

    `values` float64 are those columns' part of the universe, which is set anew. `failed` bool [C]
    is set for columns that are not sorted then, as too many of their values differ only in bits
    that the numbers have no room for.
    """
    for c in range(first, last):
        begin, here = start[c] - start[first], start[c]
        mask = (_ONE << _bits(length[c])) - _ONE
        before, moves, most = -np.inf, 0, _MOVES * length[c] + _ANY_MOVES
        for i in range(length[c]):
            place = np.uint64(numbers[np.uint64(begin + i)]) & mask
            value, at = values[np.uint64(begin) + place], i
            if value >= before:
                before = value
            elif moves <= most:
                while at > 0 and universe[np.uint64(here + at - 1)] > value:
                    number = numbers[np.uint64(begin + at - 1)]
                    universe[np.uint64(here + at)] = universe[np.uint64(here + at - 1)]
                    value_rank[np.uint64(here) + (np.uint64(number) & mask)] = at
                    numbers[np.uint64(begin + at)] = number
                    at, moves = at - 1, moves + 1
                numbers[np.uint64(begin + at)] = place
            universe[np.uint64(here + at)] = value
            value_rank[np.uint64(here) + place] = at
        failed[c] = moves > most


@kernel
def give(column, value_rank, following, rank):
    """Give each cell of a block that is KNOWN its rank.

    `following` int64 [C] is where each column goes on. One sweep goes over all cells: column by
    column, each rank would be written to a cache line of its own, which takes 11 ns where a million
    trials do not fit the cache.
    """
    for at in range(len(rank)):
        cell = np.uint64(at)
        if rank[cell] == KNOWN:
            c = np.uint64(column[cell])
            rank[cell] = value_rank[np.uint64(following[c])]
            following[c] += 1
