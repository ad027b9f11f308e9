"""The cells that trials show to each other, ranked: what the kernels read of peers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels.rungs import NO_REPORT, RungJudgements
from esim.simulator.plan import columns as where
from esim.simulator.plan.columns import NOTHING, Columns, LookedUp, Ranked
from esim.simulator.plan.ranking import no_members, rank_columns, rank_together
from esim.simulator.plan.statistics import PeerStatistics
from esim.study import Float64, Int64

_BLOCK = 5_000  # trials
_NO_NUMBERS = np.empty(0)
_NO_CELLS = np.zeros(1, dtype=np.int32)  # empty would mean that every judgement shows one


@dataclass(frozen=True)
class Cells:
    """What trials show to each other. N trials, E judgements, C columns, K cells.

    A column's universe is the sorted statistics of all cells that it can come to hold.

    Attributes:
        members: int64 [C, 10], where each column's bits and universe lie (see kernels/peers.py).
        offsets: int64 [N + 1], trial -> its cells.
        column: int32 [K], the column of each cell; where peers are looked up, of each report.
        shown_by: int32 [K], which of the trial's judgements shows each cell, from 0; empty: its
            n-th judgement shows its n-th cell.
        first_column: int32 [N], the column of each trial's first cell, where every further one
            stands in the next column; empty: not all do.
        universe: float64 [K or more], the universes one after another.
        rank: int32 [K], the rank of each cell in its column's universe, -1: it has no statistic;
            None: peers are looked up one by one.
        statistic: float64 [E], the peer statistic where peers are looked up, else None.
        end_column: int32 [E], the column of the cell that a trial adds as it ends with a judgement;
            empty: none is added.
        end_rank: int32 [E], the rank of that cell; None: none is added, or peers are looked up.
        end_statistic: float64 [E], the statistic of that cell where peers are looked up, else
            empty.
    """

    members: Int64
    offsets: Int64
    column: NDArray[np.int32]
    shown_by: NDArray[np.int32]
    first_column: NDArray[np.int32] = field(default_factory=lambda: NOTHING)
    universe: Float64 = field(default_factory=lambda: _NO_NUMBERS)
    rank: NDArray[np.int32] | None = field(default_factory=lambda: NOTHING)
    statistic: Float64 | None = None
    end_column: NDArray[np.int32] = field(default_factory=lambda: NOTHING)
    end_rank: NDArray[np.int32] | None = None
    end_statistic: Float64 = field(default_factory=lambda: _NO_NUMBERS)

    def stored_once(self, which: NDArray[np.bool_]) -> Cells:
        """The cells without those that trials add as they end with some judgements, bool [E].

        The systems that store a last report once more do so when a trial completes or is stopped,
        not when it fails.
        """
        if self.end_rank is not None:
            return replace(self, end_rank=np.where(which, np.int32(-1), self.end_rank))
        if self.statistic is not None and len(self.end_statistic):
            once = np.where(which, self.statistic, self.end_statistic)
            return replace(self, end_statistic=once)
        return self


def cells_of_reports(
    rule: Rule,
    offsets: Int64,
    columns: Columns,
    peer: PeerStatistics,
    n_trials: int,
    threads: int | None,
) -> Cells:
    """The cells that reports show, ranked unless peers are looked up.

    Args:
        rule: what is compared and how.
        offsets: int64 [N + 1], trial -> its reports.
        columns: the columns in which trials are compared.
        peer: the peer statistics of the reports.
        n_trials: N.
        threads: bounds the threads that rank columns.

    Raises:
        EsimError: two reports of a trial stand in one column and are to be interpolated.
    """
    column, n_columns = columns.column, columns.count
    nobody = np.zeros(n_columns, dtype=np.int64)
    if rule.against != "peers":
        return Cells(no_members(nobody, nobody), np.zeros_like(offsets), NOTHING, _NO_CELLS)
    found = where.cells(rule, offsets, column)
    again = rule.again != "never"
    shown, ended = peer.with_ends() if again else (None, _NO_NUMBERS)
    if isinstance(found, LookedUp):
        return Cells(
            no_members(nobody, nobody),
            np.zeros_like(offsets),
            column,
            NOTHING,
            rank=None,
            statistic=peer.of_all() if shown is None else shown,
            end_statistic=ended,
        )
    n_cells = len(found.column)
    if rule.short == "carry":
        rank, universe, members = rank_together(peer.of_all(), n_columns)
    else:
        blocks = _statistics(rule, found, column, peer, n_trials, shown)
        sizes = columns.sizes[:n_columns]
        if found.source is not None:
            sizes = np.bincount(found.column, minlength=n_columns)
        if again:
            blocks = chain(blocks, [(column, ended)])
            sizes = sizes + columns.sizes[:n_columns]
        # In a row, trials have as many cells together only if each has one in every column.
        whole = len(found.first_column) > 0 and 0 < n_cells == n_trials * n_columns
        rank, universe, members = rank_columns(blocks, sizes, threads, whole_rows=whole)
    return Cells(
        members,
        found.offsets,
        found.column,
        found.shown_by,
        found.first_column,
        universe=universe,
        rank=rank[:n_cells],
        end_column=column if again else NOTHING,
        end_rank=rank[n_cells:] if again else None,
    )


def _statistics(
    rule: Rule,
    cells: Ranked,
    column: NDArray[np.int32],
    peer: PeerStatistics,
    n_trials: int,
    shown: Float64 | None,
) -> Iterator[tuple[NDArray[np.int32], Float64]]:
    """Column and statistic of ranked cells, block by block, so that not all stand in memory.

    `shown`: the statistics of all reports, where they are known by now.
    """
    if cells.source is not None and rule.match == "interpolate":
        yield cells.column, peer.between(cells.source, cells.column, column)
    elif cells.source is not None:
        yield cells.column, (peer.of_all() if shown is None else shown)[cells.source]
    elif shown is not None:
        yield cells.column, shown
    else:
        for first in range(0, n_trials, _BLOCK):
            last = min(first + _BLOCK, n_trials)
            its = slice(cells.offsets[first], cells.offsets[last])
            yield cells.column[its], peer.of_trials(first, last)


def cells_of_rungs(
    rungs: RungJudgements, n_columns: int, peer: PeerStatistics, threads: int | None
) -> Cells:
    """The cells that trials show at rungs, ranked.

    Args:
        rungs: the judgements at rungs and the cells shown there.
        n_columns: how many columns the rungs have, C - 1.
        peer: the peer statistics of the reports.
        threads: bounds the threads that rank columns.
    """
    statistic = peer.of_all()
    ends = rungs.end_report != NO_REPORT
    every = np.concatenate((rungs.cell_column, rungs.end_column[ends]))
    shown = np.concatenate((statistic[rungs.cell_report], statistic[rungs.end_report[ends]]))
    sizes = np.bincount(every, minlength=n_columns)
    rank, universe, members = rank_columns([(every, shown)], sizes, threads)
    end_rank = np.full(len(ends), -1, dtype=np.int32)
    end_rank[ends] = rank[len(rungs.cell_column) :]
    adds = bool(ends.any())
    return Cells(
        members,
        rungs.cell_offsets,
        rungs.cell_column,
        rungs.shown_by if len(rungs.shown_by) else _NO_CELLS,
        universe=universe,
        rank=rank[: len(rungs.cell_column)],
        end_column=rungs.end_column if adds else NOTHING,
        end_rank=end_rank if adds else None,
    )
