"""The cells that trials show to each other, ranked: what the kernels read of the peers' side."""

from __future__ import annotations

from typing import Any

import numpy as np

from esim.rules import Rule
from esim.simulator.plan import columns as where
from esim.simulator.plan.columns import NOTHING, Columns, RungPlaces
from esim.simulator.plan.ranking import places_of, rank_columns, rank_together
from esim.simulator.plan.statistics import PeerSide
from esim.study import Int64

_BLOCK = 5_000  # trials
_NO_NUMBERS = np.empty(0)
_NO_CELLS = np.zeros(1, dtype=np.int32)  # empty would mean that every judgement shows one


def cells_of_reports(
    rule: Rule,
    offsets: Int64,
    columns: Columns,
    peer: PeerSide,
    n_trials: int,
    threads: int | None,
) -> tuple[dict[str, Any], Int64]:
    """The cells that reports show, and where the columns' bits and universes lie."""
    column, n_columns = columns.place, columns.count
    nobody = np.zeros(n_columns, dtype=np.int64)
    arrays: dict[str, Any] = {
        "cell_offsets": np.zeros_like(offsets),
        "cell_column": NOTHING,
        "shown_by": _NO_CELLS,
        "rank": NOTHING,
        "universe": _NO_NUMBERS,
        "statistic": None,
        "end_column": NOTHING,
        "end_rank": None,
        "end_statistic": _NO_NUMBERS,
    }
    if rule.against != "peers":
        return arrays, places_of(nobody, nobody)
    found = where.cells(rule, offsets, column)
    if found is None:
        looked_up: dict[str, Any] = {"rank": None, "shown_by": NOTHING, "statistic": peer.of_all()}
        if rule.again != "never":
            looked_up["end_statistic"] = peer.at_the_end()
        return {**arrays, **looked_up}, places_of(nobody, nobody)
    cell_offsets, cell_column, shown_by, source = found
    every = cell_column
    if rule.short == "carry":
        rank, universe, places = rank_together(peer.of_all(), n_columns)
    else:
        if rule.match == "interpolate" and source is not None:
            by_cell = iter([peer.between(source, cell_column, column)])
        elif source is not None:
            by_cell = iter([peer.of_all()[source]])
        else:  # in blocks: all statistics at once would be one more matrix in memory
            blocks_ = range(0, n_trials, _BLOCK)
            by_cell = (peer.of_trials(t, min(t + _BLOCK, n_trials)) for t in blocks_)
        if rule.again != "never":
            every = np.concatenate((cell_column, column))
            by_cell = iter([*by_cell, peer.at_the_end()])
        rank, universe, places = rank_columns(by_cell, every, n_columns, threads)
    arrays |= {
        "cell_offsets": cell_offsets,
        "cell_column": cell_column,
        "shown_by": shown_by,
        "rank": rank[: len(cell_column)],
        "universe": universe,
    }
    if rule.again != "never":
        arrays |= {"end_column": column, "end_rank": rank[len(cell_column) :]}
    return arrays, places


def cells_of_rungs(
    rungs: RungPlaces, peer: PeerSide, threads: int | None
) -> tuple[dict[str, Any], Int64]:
    """The same at rungs."""
    statistic = peer.of_all()
    ends = rungs.end_report >= 0
    every = np.concatenate((rungs.cell_column, rungs.end_column[ends]))
    shown = np.concatenate((statistic[rungs.cell_report], statistic[rungs.end_report[ends]]))
    rank, universe, places = rank_columns(iter([shown]), every, rungs.n_columns, threads)
    end_rank = np.full(len(ends), -1, dtype=np.int32)
    end_rank[ends] = rank[len(rungs.cell_column) :]
    adds = bool(ends.any())
    arrays = {
        "cell_offsets": rungs.cell_offsets,
        "cell_column": rungs.cell_column,
        "shown_by": rungs.shown_by if len(rungs.shown_by) else _NO_CELLS,
        "rank": rank[: len(rungs.cell_column)],
        "universe": universe,
        "statistic": None,
        "end_column": rungs.end_column if adds else NOTHING,
        "end_rank": end_rank if adds else None,
        "end_statistic": _NO_NUMBERS,
    }
    return arrays, places
