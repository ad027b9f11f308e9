"""Every statistic a column of places can come to hold, ranked before anything is replayed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from esim.kernels import curves as shapes
from esim.kernels.peers import END, UNIVERSE, WORD
from esim.study import Float64, Int64

_PIECE = 1 << 20  # cells
_SMALL = 200_000  # below this many cells threads cost more than they save

Ranked = tuple[NDArray[np.int32], Float64, Int64]


def in_threads(jobs: Iterable[Callable[[], None]], threads: int | None) -> None:
    """Run jobs that release the GIL and write to places of their own; re-raise the first error."""
    waiting = list(jobs)
    if len(waiting) == 1:
        waiting[0]()
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
    owner = np.empty(len(column), dtype=np.int32)
    length = np.zeros(n_columns, dtype=np.int64)
    cell = 0
    for block in statistics:
        shapes.fill_universe(cell, column, block, start, universe, owner, length)
        cell += len(block)
    rank = np.full(len(column), -1, dtype=np.int32)

    def rank_some(columns: range) -> None:
        for c in columns:
            part = slice(start[c], start[c] + length[c])
            order = np.argsort(universe[part])
            rank[owner[part][order]] = np.arange(length[c], dtype=np.int32)
            universe[part] = universe[part][order]

    workers = 1 if len(column) < _SMALL else threads or os.cpu_count() or 1
    in_threads([partial(rank_some, range(w, n_columns, workers)) for w in range(workers)], workers)
    return rank, universe, places_of(length, start[:-1])


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

    One more place follows, without members: what is judged there stops whatever the peers.
    """
    ends = np.cumsum((length + 31) // 32)
    places = np.zeros((len(length) + 1, 8), dtype=np.int64)
    places[:-1, END] = ends
    places[1:-1, WORD] = ends[:-1]
    places[:-1, UNIVERSE] = universe
    if len(ends):
        places[-1, WORD] = places[-1, END] = ends[-1]
    return places
