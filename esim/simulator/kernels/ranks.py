"""Ranks of cells: their values are sorted into columns, ranked there, and each cell gets its rank.

K cells, C columns. The arrays that several kernels share:
    universe  float64 [K]    the values of each column, one column after another
    start     int64 [C + 1]  where each column begins in it
    length    int64 [C]      how many values each column holds, NaN left out
    cells     int32 [K]      the cell that each value of the universe came from
    rank      int32 [K]      the rank of each cell, -1: its value is NaN; KNOWN: not ranked yet
"""

from __future__ import annotations

import numpy as np

from esim.simulator.kernels.jit import inner, kernel

_TOP = np.uint64(1 << 63)
_ZERO, _DIGIT, _MASK = np.uint64(0), np.uint64(8), np.uint64(255)

KNOWN = -2  # stands for the rank of a cell whose value is known and not ranked yet


@kernel
def fill(first, cell_column, statistics, start, universe, cells, rank, length):
    """Put the values of some cells into their columns, NaN left out, and mark the cells KNOWN.

    `first` is the first of the cells, `statistics` float64 their values, `cell_column` int32 [K].
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
    """Sort the values of some columns of n values each, and give their cells their ranks.

    `order` int64 [columns, n] says which value comes when, from the column `first` on; `spare`
    float64 [n]. With NumPy's indexing it took as long as finding the order.
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
def sort(columns, start, length, bits, value_rank, spare_bits, spare, counts):
    """Sort the values of some columns in place, and set the rank of each value.

    Radix sort takes as long for each value however many there are: 20 ns, where np.argsort takes
    36 ns for 10^4 values and 73 ns for 10^6. It compares no values, so that they are sorted as
    whole numbers of the same order.

    `columns` int64 says which columns. `bits` uint64 [K] is the universe's bits, and `value_rank`
    int32 [K] is set to the rank of each value, in the order in which the values stood before.
    Scratch, n being the longest column: `spare_bits` uint64 [n], `spare` int32 [2, n], `counts`
    int64 [8, 256].
    """
    for c in columns:
        first, n = start[c], length[c]
        for at in range(first, first + n):
            number = bits[at]
            if number == _TOP:  # this is -0.0, which equals 0.0
                number = _ZERO
            bits[at] = ~number if number & _TOP else number | _TOP
        row = _by_digits(first, n, bits, spare_bits, spare, counts)
        for i in range(n):
            value_rank[first + spare[row, i]] = i
            number = bits[first + i]
            bits[first + i] = number ^ _TOP if number & _TOP else ~number


@inner
def _by_digits(first, n, bits, spare_bits, spare, counts):
    """Sort n whole numbers digit by digit, of eight bits each, the least significant first.

    A digit that all numbers share is passed over. Returns the row of `spare` that says where each
    number stood before.
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
    row = np.int64(0)  # of `spare`; the numbers are in `bits` if it is 0, else in `spare_bits`
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
def give(cell_column, value_rank, start, seen, rank):
    """Give each cell that is KNOWN its rank.

    `value_rank` int32 [K] holds the ranks of each column's values in the order in which `fill` met
    them; `seen` int64 [C] is zeros. One sweep goes over all cells: column by column, each rank
    would be written to a cache line of its own, which takes 11 ns where a million trials do not fit
    the cache.
    """
    for cell in range(len(rank)):
        if rank[cell] == KNOWN:
            c = cell_column[cell]
            rank[cell] = value_rank[start[c] + seen[c]]
            seen[c] += 1
