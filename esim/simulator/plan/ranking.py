"""Every statistic that a column can come to hold, ranked before anything is replayed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.simulator.kernels import ranks
from esim.simulator.kernels.peers import END, UNIVERSE, WORD
from esim.simulator.plan.columns import Int32
from esim.study import Float64, Int64

_AT_ONCE = 1 << 16  # cells: so many, their numbers and their copies stay in the processor's cache
_SMALL = 500_000  # below this many cells threads cost more than they save
_ROWS = 512  # turned into columns at once
_SHORT = 4096  # values: of more, too many differ only in bits for which 32 bits have no room

Ranked = tuple[Int32, Float64, Int64]


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
    blocks: Iterable[tuple[Int32, Float64]],
    sizes: Int64,
    threads: int | None,
    *,
    whole_rows: bool = False,
) -> Ranked:
    """Rank the statistics of each column among themselves. K cells, C - 1 columns.

    Args:
        blocks: of some cells after the others, the column and the statistic of each; NaN: none.
        sizes: int64 [C - 1], how many cells stand in each column; none stands in the last.
        threads: bounds the threads that sort columns.
        whole_rows: whether each block consists of rows of a cell for each column, in their order.

    Returns:
        The rank of each cell in its column, int32 [K], -1: no statistic; the sorted statistics of
        each column, one column after another, float64 [K]; and columns without members that say
        where those lie, int64 [C, 10].
    """
    n_columns = len(sizes)
    start = np.zeros(n_columns + 1, dtype=np.int64)
    np.cumsum(sizes, out=start[1:])
    n_cells = int(start[-1])
    universe = np.empty(n_cells)
    ends = start[:-1].copy()
    rank = np.empty(n_cells, dtype=np.int32)
    parts: list[tuple[Int32, Int32]] = []
    cell = rows = 0
    for column, statistic in blocks:
        whole_rows = whole_rows and not np.isnan(statistic).any()
        if whole_rows:
            for at, tile in _tiles(statistic.reshape(-1, n_columns)):
                universe.reshape(n_columns, -1)[:, rows + at.start : rows + at.stop] = tile.T
            ends += len(column) // n_columns
            rows += len(column) // n_columns
        else:
            parts.append((column, rank[cell : cell + len(column)]))
            ranks.fill(column, statistic, universe, parts[-1][1], ends)
        cell += len(column)
    length = ends - start[:-1]
    value_rank = np.empty(n_cells, dtype=np.int32)
    failed = np.zeros(n_columns, dtype=np.bool_)

    def sort_some(runs: list[tuple[int, int]]) -> None:
        first, last = runs[0][0], runs[-1][1]
        begin = int(start[first])
        bits = universe[begin : start[last]].view(np.int64)
        copied = np.empty_like(bits)
        short = max(length[a] for a, _ in runs) <= _SHORT
        numbers = np.empty(len(bits), dtype=np.uint32 if short else np.uint64)
        ranks.pack(first, last, start, length, bits, copied, numbers)
        for a, b in runs:
            rows = numbers[start[a] - begin : start[b] - begin].reshape(b - a, -1)
            rows[:, : length[a]].sort(axis=1)
        values = copied.view(np.float64)
        ranks.unpack(first, last, start, length, numbers, values, universe, value_rank, failed)
        for c in (first + failed[first:last].nonzero()[0]).tolist():
            known = values[start[c] - begin :][: length[c]]
            order = np.argsort(known)
            universe[start[c] :][: length[c]] = known[order]
            value_rank[start[c] + order] = np.arange(length[c])

    in_threads(
        [partial(sort_some, runs) for runs in _parts(start, length)],
        1 if n_cells < _SMALL else threads,
    )
    members = no_members(length, start[:-1])
    for at, tile in _tiles(rank[: rows * n_columns].reshape(rows, n_columns)):
        tile[:] = value_rank.reshape(n_columns, -1)[:, at].T
    following = start[:-1] + rows
    for column, its_rank in parts:
        ranks.give(column, value_rank, following, its_rank)
    return rank, universe, members


def _tiles(rows: NDArray[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Rows of a cell for each column, some at a time, to be turned into columns, or back.

    NumPy turns those that fit the processor's cache in 0.5 ns a cell, where the kernels, which know
    of no rows, take 1.1 to fill columns and 0.6 to give ranks.
    """
    for first in range(0, len(rows), _ROWS):
        at = slice(first, min(first + _ROWS, len(rows)))
        yield at, rows[at]


def _parts(start: Int64, length: Int64) -> list[list[tuple[int, int]]]:
    """Columns in parts of `_AT_ONCE` cells at most, or of one column; each part in runs.

    A run, its first column and its last + 1, is of neighbours of the same size, to be sorted by one
    call: with a call for each column, sorting took most of the time of planning a small study.
    """
    width = np.diff(start)
    differs = (width[1:] != width[:-1]) | (length[1:] != length[:-1])
    cuts = [0, *(differs.nonzero()[0] + 1).tolist(), len(width)]
    parts: list[list[tuple[int, int]]] = []
    held = _AT_ONCE
    for a, b in pairwise(cuts):
        if a == b or width[a] == 0:
            continue
        at_once = max(_AT_ONCE // int(width[a]), 1)
        for first in range(a, b, at_once):
            last = min(first + at_once, b)
            cells = (last - first) * int(width[a])
            if held + cells > _AT_ONCE:
                parts.append([])
                held = 0
            parts[-1].append((first, last))
            held += cells
    return parts


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
    members = np.zeros((len(length) + 1, 10), dtype=np.int64)
    members[1:, WORD] = (length + 63 >> 6).cumsum()
    members[:-1, END] = members[1:, WORD]
    members[-1, END] = members[-1, WORD]
    members[:-1, UNIVERSE] = universe
    return members
