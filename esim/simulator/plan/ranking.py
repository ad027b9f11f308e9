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

_AT_ONCE = 1 << 16  # cells: so many, their numbers and their copies stay in the processor's cache
_SMALL = 500_000  # below this many cells threads cost more than they save

Ranked = tuple[NDArray[np.int32], Float64, Int64]


def in_threads(jobs: Iterable[Callable[[], None]], threads: int | None) -> None:
    """Run jobs that release the GIL and write to arrays of their own.

    Args:
        jobs: what is run; one alone, or all in one thread, run in the calling thread.
        threads: how many run at a time; None: as many as the machine has cores.

    Raises:
        Exception: the first error of the jobs, in their order; jobs that have not begun by then
            are not run.

    >>> found = []
    >>> in_threads([lambda: found.append(1)], None)
    >>> found
    [1]
    """
    waiting = list(jobs)
    if len(waiting) <= 1 or threads == 1:
        for job in waiting:
            job()
        return
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        try:
            for future in [pool.submit(job) for job in waiting]:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def rank_columns(
    statistics: Iterator[Float64], column: NDArray[np.int32], sizes: Int64, threads: int | None
) -> Ranked:
    """Rank the statistics of each column among themselves. K cells, C - 1 columns.

    Args:
        statistics: the statistics of the cells in blocks, in the order of the cells; NaN: none.
        column: int32 [K], the column of each cell.
        sizes: int64 [C - 1], how many cells stand in each column; none stands in the last.
        threads: bounds the threads that sort columns.

    Returns:
        The rank of each cell in its column, int32 [K], -1: no statistic; the sorted statistics of
        each column, one column after another, float64 [K]; and columns without members that say
        where those lie, int64 [C, 10].
    """
    n_columns = len(sizes)
    start = np.zeros(n_columns + 1, dtype=np.int64)
    np.cumsum(sizes, out=start[1:])
    universe = np.empty(len(column))
    ends = start[:-1].copy()
    rank = np.empty(len(column), dtype=np.int32)
    cell = 0
    for block in statistics:
        ranks.fill(cell, column, block, universe, rank, ends)
        cell += len(block)
    length = ends - start[:-1]
    value_rank = np.empty(len(column), dtype=np.int32)
    failed = np.zeros(n_columns, dtype=np.bool_)

    def sort_some(first: int, last: int) -> None:
        its = slice(int(start[first]), int(start[last]))
        bits = universe[its].view(np.uint64)
        copied, numbers = np.empty_like(bits), np.empty_like(bits)
        ranks.pack(first, last, start, length, bits, copied, numbers)
        values = copied.view(np.float64)
        for a, b in _alike(start[first : last + 1], length[first:last]):
            rows = numbers[start[first + a] - its.start : start[first + b] - its.start]
            rows.reshape(b - a, -1)[:, : length[first + a]].sort(axis=1)
        ranks.unpack(first, last, start, length, numbers, values, universe, value_rank, failed)
        for c in first + np.flatnonzero(failed[first:last]):
            known = values[start[c] - its.start :][: length[c]]
            order = np.argsort(known)
            universe[start[c] :][: length[c]] = known[order]
            value_rank[start[c] + order] = np.arange(length[c])

    in_threads(
        [partial(sort_some, a, b) for a, b in pairwise(_cuts(start))],
        1 if len(column) < _SMALL else threads,
    )
    members = no_members(length, start[:-1])
    ranks.give(column, value_rank, start[:-1], rank)
    return rank, universe, members


def _cuts(start: Int64) -> list[int]:
    """Where to cut columns into parts of `_AT_ONCE` cells at most, or of one column."""
    cuts = [0]
    while cuts[-1] < len(start) - 1:
        beyond = int(np.searchsorted(start, start[cuts[-1]] + _AT_ONCE, side="right")) - 1
        cuts.append(max(cuts[-1] + 1, beyond))
    return cuts


def _alike(start: Int64, length: Int64) -> list[tuple[int, int]]:
    """Neighbouring columns of the same size, to be sorted by one call: first and last + 1.

    With a call for each column, sorting took most of the time of planning a small study.
    """
    width = start[1:] - start[:-1]
    alike = (width[1:] == width[:-1]) & (length[1:] == length[:-1])
    cuts = [0, *(np.flatnonzero(~alike) + 1).tolist(), len(width)]
    return [(a, b) for a, b in pairwise(cuts) if length[a] > 0]


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
    """Columns without members: where the bits and the universe of each lie. int64 [C, 10]

    One more column follows those that have a universe: the last, which never has members.

    Args:
        length: int64 [C - 1], how many statistics each universe holds.
        universe: int64 [C - 1], where each universe starts.
    """
    ends = np.cumsum((length + 63) // 64)
    members = np.zeros((len(length) + 1, 10), dtype=np.int64)
    members[:-1, END] = ends
    members[1:-1, WORD] = ends[:-1]
    members[:-1, UNIVERSE] = universe
    if len(ends):
        members[-1, WORD] = members[-1, END] = ends[-1]
    return members
