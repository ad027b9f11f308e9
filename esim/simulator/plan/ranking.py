"""Every statistic a column of places can come to hold, ranked before anything is replayed."""

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
_LONG = 500  # values; NumPy sorts shorter columns faster, 7 ns a value of 100
_AT_ONCE = 1 << 16  # cells: their order and copies stay in the cache
_SMALL = 200_000  # below this many cells threads cost more than they save

Ranked = tuple[NDArray[np.int32], Float64, Int64]


def in_threads(jobs: Iterable[Callable[[], None]], threads: int | None) -> None:
    """Run jobs that release the GIL and write to places of their own; re-raise the first error."""
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
    """rank, universe and places: each column's statistics ranked among themselves.

    `statistics` gives the cells' statistics in blocks, in the order of the cells.
    """
    start = np.zeros(n_columns + 1, dtype=np.int64)
    for first in range(0, len(column), _PIECE):  # bincount widens what it counts to 8 bytes
        start[1:] += np.bincount(column[first : first + _PIECE], minlength=n_columns)
    np.cumsum(start, out=start)
    universe = np.empty(len(column))
    length = np.zeros(n_columns, dtype=np.int64)
    rank = np.full(len(column), -1, dtype=np.int32)
    places = np.empty(len(column), dtype=np.int32)  # at first, which cell each value came from
    cell = 0
    for block in statistics:
        ranks.fill(cell, column, block, start, universe, places, rank, length)
        cell += len(block)
    for first, last in _alike(np.diff(start), length):
        columns = universe[start[first] : start[last]].reshape(last - first, -1)
        order = np.argsort(columns[:, : length[first]], axis=1)
        ranks.settle(first, order, start, universe, places, rank, np.empty(length[first]))
    long = np.flatnonzero(length >= _LONG)
    if len(long):
        _rank_long(long, start, length, universe, places, threads)
        ranks.give(column, places, start, np.zeros(n_columns, dtype=np.int64), rank)
    return rank, universe, places_of(length, start[:-1])


def _rank_long(
    long: Int64,
    start: Int64,
    length: Int64,
    universe: Float64,
    places: NDArray[np.int32],
    threads: int | None,
) -> None:
    """Sort long columns; `places`: filled with each value's place in its column."""
    longest = int(length.max())

    def sort_some(columns: Int64) -> None:
        spare = np.empty(longest, dtype=np.uint64), np.empty((2, longest), dtype=np.int32)
        counts = np.empty((8, 256), dtype=np.int64)
        ranks.sort(columns, start, length, universe.view(np.uint64), places, *spare, counts)

    workers = 1 if len(universe) < _SMALL else threads or os.cpu_count() or 1
    in_threads(
        [partial(sort_some, long[w::workers]) for w in range(min(workers, len(long)))], workers
    )


def _alike(width: Int64, length: Int64) -> Iterator[tuple[int, int]]:
    """Runs of alike short columns, first and last + 1, to be sorted by one call.

    A call a column took 7 us each, most of a small study's preparation.
    """
    alike = (width[1:] == width[:-1]) & (length[1:] == length[:-1])
    cuts = [0, *(np.flatnonzero(~alike) + 1).tolist(), len(width)]
    for first, last in pairwise(cuts):
        if first < last and 0 < length[first] < _LONG:
            most = max(1, _AT_ONCE // int(width[first]))
            for at in range(first, last, most):
                yield at, min(at + most, last)


def rank_together(statistics: Float64, n_columns: int) -> Ranked:
    """The same in one universe for all columns: a carried statistic may come to stand in any."""
    known = np.flatnonzero(~np.isnan(statistics))
    order = known[np.argsort(statistics[known])]
    rank = np.full(len(statistics), -1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    length = np.full(n_columns, len(order), dtype=np.int64)
    return rank, statistics[order], places_of(length, np.zeros(n_columns, dtype=np.int64))


def places_of(length: Int64, universe: Int64) -> Int64:
    """Where each column's bits and universe lie, from the universes' lengths and starts.

    One more place follows, without members.
    """
    ends = np.cumsum((length + 31) // 32)
    places = np.zeros((len(length) + 1, 8), dtype=np.int64)
    places[:-1, END] = ends
    places[1:-1, WORD] = ends[:-1]
    places[:-1, UNIVERSE] = universe
    if len(ends):
        places[-1, WORD] = places[-1, END] = ends[-1]
    return places
