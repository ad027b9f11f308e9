"""Cells sorted into their columns, the values there ranked, and the ranks given to the cells."""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.jit import inner, kernel

_TOP = np.uint64(1 << 63)
_ZERO, _DIGIT, _MASK = np.uint64(0), np.uint64(8), np.uint64(255)


KNOWN = -2  # of a cell's rank: there will be one


@kernel
def fill(first, cell_column, statistics, start, universe, cells, rank, length):
    """Sort cells from the first on into their columns, NaN left out.

    `start` [C + 1] holds the columns' starts, `length` [C] how full they are, `cells` which cell
    each value came from. A cell whose value is known is KNOWN until it gets its rank.
    """
    for at in range(len(statistics)):
        value = statistics[at]
        if value == value:
            c = cell_column[first + at]
            universe[start[c] + length[c]] = value
            cells[start[c] + length[c]] = first + at
            length[c] += 1
            rank[first + at] = KNOWN


@kernel
def settle(first, order, start, universe, cells, rank, spare):
    """Put some columns' values in their order, and give their cells their ranks.

    `order` int64 [columns, n]: which value comes when, from the column `first` on; `spare` [n]. In
    NumPy's own terms it took as long as finding the order.
    """
    for c in range(len(order)):
        begin = start[first + c]
        for i in range(len(spare)):
            spare[i] = universe[begin + i]
        for i in range(len(spare)):
            at = order[c, i]
            rank[cells[begin + at]] = i
            universe[begin + i] = spare[at]


@kernel
def sort(columns, start, length, bits, places, spare_bits, spare, counts):
    """Sort some columns' values in place, and tell each its place among them.

    Radix sort takes as long for each value however many there are: 20 ns, where np.argsort takes
    36 for 10^4 and 73 for 10^6. It needs no comparison, so values travel as whole numbers of the
    same order.

    columns int64: which; start, length int64 [C]: where each begins and how many values it has.
    bits uint64: the values' own bits, none NaN; places int32: filled, the place of each value as
    it stood. spare_*: room for the longest, spare int32 [2, n]; counts int64 [8, 256].
    """
    for c in columns:
        first, n = start[c], length[c]
        for at in range(first, first + n):
            number = bits[at]
            if number == _TOP:  # -0.0, which equals 0.0
                number = _ZERO
            bits[at] = ~number if number & _TOP else number | _TOP
        row = _by_digits(first, n, bits, spare_bits, spare, counts)
        for i in range(n):
            places[first + spare[row, i]] = i
            number = bits[first + i]
            bits[first + i] = number ^ _TOP if number & _TOP else ~number


@inner
def _by_digits(first, n, bits, spare_bits, spare, counts):
    """Least significant digit first, eight bits each; one that all numbers share moves nothing.

    The row of `spare` that tells where each number stood.
    """
    for digit in range(8):
        for value in range(256):
            counts[digit, value] = 0
    for i in range(n):
        spare[0, i] = i
        number = bits[first + i]
        for digit in range(8):
            counts[digit, np.int64(number & _MASK)] += 1
            number >>= _DIGIT
    row = np.int64(0)  # of `spare`; the numbers themselves are then in `bits`, or in the spare room
    for digit in range(8):
        shift = np.uint64(8 * digit)
        any_number = bits[first] if row == 0 else spare_bits[0]
        if counts[digit, np.int64((any_number >> shift) & _MASK)] == n:
            continue
        total = np.int64(0)
        for value in range(256):
            here = counts[digit, value]
            counts[digit, value] = total
            total += here
        for i in range(n):
            number = bits[first + i] if row == 0 else spare_bits[i]
            its_value = np.int64((number >> shift) & _MASK)
            at = counts[digit, its_value]
            counts[digit, its_value] = at + 1
            if row == 0:
                spare_bits[at] = number
            else:
                bits[first + at] = number
            spare[1 - row, at] = spare[row, i]
        row = 1 - row
    if row == 1:
        for i in range(n):
            bits[first + i] = spare_bits[i]
    return row


@kernel
def give(cell_column, places, start, seen, rank):
    """Each cell that is KNOWN its rank, from the values' places in the order of their filling.

    In one sweep over all cells: written column by column, each rank would touch a cache line of its
    own, 11 ns where a million trials do not fit the cache. `seen` [C]: zeros.
    """
    for cell in range(len(rank)):
        if rank[cell] == KNOWN:
            c = cell_column[cell]
            rank[cell] = places[start[c] + seen[c]]
            seen[c] += 1
