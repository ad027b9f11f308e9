"""Every statistic that a column can come to hold, ranked before anything is replayed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from esim.simulator.kernels import ranks
from esim.simulator.kernels.peers import END, UNIVERSE, WORD
from esim.study import Float64, Int64

_PIECE = 1 << 18  # cells
_LONG = 500  # values; NumPy sorts shorter columns faster (measured: 7 ns a value for 100 values)
_AT_ONCE = 1 << 16  # cells: so many, their order and their copies stay in the processor's cache
_SMALL = 200_000  # below this many cells threads cost more than they save

Ranked = tuple[NDArray[np.int32], Float64, Int64]


def in_threads(jobs: Iterable[Callable[[], None]], threads: int | None) -> None:
    """Run jobs that release the GIL and write to arrays of their own.

    Args:
        jobs: what is run; one alone runs in the calling thread.
        threads: how many run at a time; None: as many as the machine has cores.

    Raises:
        Exception: the first error of the jobs, in their order.

    >>> found = []
    >>> in_threads([lambda: found.append(1)], None)
    >>> found
    [1]
    """
    waiting = list(jobs)
    if len(waiting) <= 1:
        for job in waiting:
            job()
        return
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for future in [pool.submit(job) for job in waiting]:
            future.result()


def rank_columns(
    statistics: Iterator[Float64], column: NDArray[np.int32], n_columns: int, threads: int | None
) -> Ranked:
    """Rank the statistics of each column among themselves. K cells, C - 1 columns.

    Args:
        statistics: the statistics of the cells in blocks, in the order of the cells; NaN: none.
        column: int32 [K], the column of each cell.
        n_columns: C - 1; the column that no cell stands in is the last.
        threads: bounds the threads that sort columns.

    Returns:
        The rank of each cell in its column, int32 [K], -1: no statistic; the sorted statistics of
        each column, one column after another, float64 [K]; and columns without members that say
        where those lie, int64 [C, 8].
    """
    start = np.zeros(n_columns + 1, dtype=np.int64)
    for first in range(0, len(column), _PIECE):  # bincount widens what it counts to 8 bytes
        start[1:] += np.bincount(column[first : first + _PIECE], minlength=n_columns)
    np.cumsum(start, out=start)
    universe = np.empty(len(column))
    length = np.zeros(n_columns, dtype=np.int64)
    rank = np.full(len(column), -1, dtype=np.int32)
    # The cell each value came from; in a long column, once it is sorted, the rank of each value.
    cells = np.empty(len(column), dtype=np.int32)
    cell = 0
    for block in statistics:
        ranks.fill(cell, column, block, start, universe, cells, rank, length)
        cell += len(block)
    for first, last in _alike(np.diff(start), length):
        columns = universe[start[first] : start[last]].reshape(last - first, -1)
        order = np.argsort(columns[:, : length[first]], axis=1)
        ranks.settle(first, order, start, universe, cells, rank, np.empty(length[first]))
    long = np.flatnonzero(length >= _LONG)
    if len(long):
        _rank_long(long, start, length, universe, cells, threads)
        ranks.give(column, cells, start, np.zeros(n_columns, dtype=np.int64), rank)
    return rank, universe, no_members(length, start[:-1])


def _rank_long(
    long: Int64,
    start: Int64,
    length: Int64,
    universe: Float64,
    value_rank: NDArray[np.int32],
    threads: int | None,
) -> None:
    """Sort long columns in place, and set the rank of each value in its column, int32 [K]."""
    longest = int(length.max())

    def sort_some(columns: Int64) -> None:
        spare = np.empty(longest, dtype=np.uint64), np.empty((2, longest), dtype=np.int32)
        counts = np.empty((8, 256), dtype=np.int64)
        ranks.sort(columns, start, length, universe.view(np.uint64), value_rank, *spare, counts)

    workers = 1 if len(universe) < _SMALL else threads or os.cpu_count() or 1
    in_threads(
        [partial(sort_some, long[w::workers].copy()) for w in range(min(workers, len(long)))],
        workers,
    )


def _alike(width: Int64, length: Int64) -> Iterator[tuple[int, int]]:
    """Neighbouring short columns of the same size, to be sorted by one call: first and last + 1.

    With a call for each column, at 7 us, sorting took most of the time of planning a small study.
    """
    alike = (width[1:] == width[:-1]) & (length[1:] == length[:-1])
    cuts = [0, *(np.flatnonzero(~alike) + 1).tolist(), len(width)]
    for first, last in pairwise(cuts):
        if first < last and 0 < length[first] < _LONG:
            most = max(1, _AT_ONCE // int(width[first]))
            for at in range(first, last, most):
                yield at, min(at + most, last)


def rank_together(statistics: Float64, n_columns: int) -> Ranked:
    """`rank_columns` where all columns share one universe.

    A statistic that is carried beyond a trial's end may come to stand in any column.
    """
    known = np.flatnonzero(~np.isnan(statistics))
    order = known[np.argsort(statistics[known])]
    rank = np.full(len(statistics), -1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    length = np.full(n_columns, len(order), dtype=np.int64)
    return rank, statistics[order], no_members(length, np.zeros(n_columns, dtype=np.int64))


def no_members(length: Int64, universe: Int64) -> Int64:
    """Columns without members: where the bits and the universe of each lie. int64 [C, 8]

    One more column follows those that have a universe: the last, which never has members.

    Args:
        length: int64 [C - 1], how many statistics each universe holds.
        universe: int64 [C - 1], where each universe starts.
    """
    ends = np.cumsum((length + 31) // 32)
    members = np.zeros((len(length) + 1, 8), dtype=np.int64)
    members[:-1, END] = ends
    members[1:-1, WORD] = ends[:-1]
    members[:-1, UNIVERSE] = universe
    if len(ends):
        members[-1, WORD] = members[-1, END] = ends[-1]
    return members
