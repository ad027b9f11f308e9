"""Study + Rule -> the arrays the kernels run on, shared by any number of launch orders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.kernels import curves as shapes
from esim.kernels import engine
from esim.kernels import peers as order_statistics
from esim.kernels.peers import END, UNIVERSE, WORD
from esim.rules import Rule
from esim.study import Float64, Int64, Status, Study

_STATISTIC = {"current": shapes.CURRENT, "value": shapes.CURRENT}
_STATISTIC |= {"best": shapes.BEST, "average": shapes.AVERAGE}
_METHOD = {
    "midpoint": order_statistics.MIDPOINT,
    "linear": order_statistics.LINEAR,
    "lower": order_statistics.LOWER,
    "higher": order_statistics.HIGHER,
}
# Ranking every column pays while the cells are not many more than the reports; on trials whose
# steps do not align (each trial on its own grid) peers are looked up one by one instead.
_MOST_CELLS_A_REPORT = 4
# Carried averages may stand in any later column, so every column then gets a bit for every report.
_MOST_CARRY_BITS = 2**31
_BLOCK = 20_000  # trials
_PIECE = 1 << 20  # cells
_SMALL = 200_000  # below this many cells threads cost more than they save


@dataclass(frozen=True)
class Prepared:
    """Everything a replay needs that does not change with the launch order.

    Attributes:
        oriented: float64 [R], the reports with a value, negated when maximizing.
        row_of: int64 [R], each report's row in the study; None if every row has a value.
        places: int64 [C, 8], where each column's bits and universe lie.
        arrays: what the kernels read, by name (see esim.kernels.engine and peers).
    """

    study: Study
    rule: Rule
    oriented: Float64
    row_of: Int64 | None
    places: Int64
    arrays: Mapping[str, Any]

    @property
    def n_words(self) -> int:
        """Words of 32 bits for the members of all columns."""
        return int(self.places[-1, END]) if len(self.places) else 0

    def scratch(self, *, traced: bool = False) -> dict[str, NDArray[Any]]:
        """What the kernels write, for one replay at a time."""
        n, reports = self.study.n_trials, len(self.oriented)
        return {
            "words": np.empty(self.n_words, dtype=np.uint32),
            "places": self.places.copy(),
            "levels": np.empty((len(self.places), 2)),
            "trials": np.empty((n, 4), dtype=np.int64),
            "tally": np.empty(3),
            "scratch": np.empty(n),
            "stops": np.empty((n, 2)),
            "trace": np.empty((reports if traced else 0, 2)),
        }

    def rows_kept(self, kept: NDArray[np.int32]) -> NDArray[np.int32]:
        """What the kernels kept -> rows of the study kept, along the last axis. int32"""
        rows = np.diff(self.study.offsets)
        if self.row_of is None:
            return np.minimum(kept, rows).astype(np.int32)
        first = self.arrays["offsets"][:-1]
        reports = np.diff(self.arrays["offsets"])
        whole = (kept >= reports + self.arrays["flags"][:, engine.UNSEEN]) | (reports == 0)
        last = np.clip(first + kept - 1, 0, max(len(self.row_of) - 1, 0))
        at_last = (self.row_of[last] if len(self.row_of) else last) + 1 - self.study.offsets[:-1]
        return np.where(whole, rows, at_last).astype(np.int32)

    def reports_kept(self, rows_kept: NDArray[np.int32]) -> Int64:
        """Rows of the study kept -> reports with a value among them. int64 [N]"""
        if self.row_of is None:
            return rows_kept.astype(np.int64)
        rows_end = self.study.offsets[:-1] + rows_kept
        reports: Int64 = np.searchsorted(self.row_of, rows_end) - self.arrays["offsets"][:-1]
        return reports

    def all_rows(self) -> NDArray[np.int32]:
        """Every row of every trial. int32 [N]"""
        return np.diff(self.study.offsets).astype(np.int32)

    def worse(self, own: Float64, threshold: Float64) -> NDArray[np.bool_]:
        """Whether own values are worse than thresholds, as the row draws the line; NaN is not."""
        sign = self.study.sign
        own, limit = sign * own, sign * threshold
        finite = np.isfinite(limit)
        limit[finite] += self.arrays["numbers"][engine.WIDTH] * np.abs(limit[finite])
        worse = own > limit
        return worse if self.rule.strict else worse | (own == limit)


def prepare(study: Study, rule: Rule, *, threads: int | None = None) -> Prepared:
    """The arrays for replaying a study through a row of the rule table.

    `threads` bounds the threads that rank columns (default: the machine's cores); the result does
    not depend on it.
    """
    offsets, steps, values, row_of, unseen = _reports_with_values(study)
    oriented = values if study.direction == "minimize" else -values
    own = _statistic(rule.own, rule.average_from, offsets, steps, oriented)
    if rule.warmup_steps > 0 or rule.interval > 1 or rule.min_reports > 1:
        own = own.copy()
        shapes.gate(rule.warmup_steps, rule.interval, rule.min_reports, offsets, steps, own)
    column, n_columns = _columns(rule, offsets, steps)
    cells = _cells(rule, offsets, column)

    def statistic(first: int, last: int) -> Float64:
        """The peer's side of the reports of some trials."""
        at = slice(offsets[first], offsets[last])
        its = offsets[first : last + 1] - offsets[first]
        return _statistic(rule.peer, rule.average_from, its, steps[at], oriented[at])

    if cells is None:
        nothing = np.empty(0, dtype=np.int32)
        cell_arrays: dict[str, NDArray[Any] | None] = {
            "cell_offsets": np.zeros_like(offsets),
            "cell_column": nothing,
            "shown_by": nothing,
            "rank": None,
            "universe": np.empty(0),
            "statistic": statistic(0, study.n_trials),
        }
        places = _places(np.zeros(n_columns, dtype=np.int64), np.zeros(n_columns, dtype=np.int64))
    else:
        cell_offsets, cell_column, shown_by, source = cells
        if rule.short == "carry":
            ranked = _rank_together(statistic(0, study.n_trials), n_columns)
        elif source is not None:
            by_cell = iter([statistic(0, study.n_trials)[source]])
            ranked = _rank_columns(by_cell, cell_column, n_columns, threads)
        else:  # in blocks: all statistics at once would be one more matrix in memory
            blocks = range(0, study.n_trials, _BLOCK)
            by_report = (statistic(t, min(t + _BLOCK, study.n_trials)) for t in blocks)
            ranked = _rank_columns(by_report, cell_column, n_columns, threads)
        rank, universe, places = ranked
        cell_arrays = {
            "cell_offsets": cell_offsets,
            "cell_column": cell_column,
            "shown_by": shown_by,
            "rank": rank,
            "universe": universe,
            "statistic": None,
        }
    status = study.status
    # A running trial would have gone on: a stop at its last report does stop it.
    unseen = unseen | (status == Status.RUNNING)
    completes = (status == Status.COMPLETED) | (status == Status.UNKNOWN)
    joins = completes if rule.pool == "completed" else (status != Status.FAILED) | rule.failed_peers
    numbers = np.zeros(3)
    numbers[engine.SHARE] = rule.quantile
    numbers[engine.WIDTH] = rule.tolerance if rule.strict else -rule.tolerance
    numbers[engine.WARMUP_SHARE] = rule.warmup_share
    return Prepared(
        study=study,
        rule=rule,
        oriented=oriented,
        row_of=row_of,
        places=places,
        arrays={
            "offsets": offsets,
            "own": own,
            "column": column,
            "step": steps,
            "flags": np.stack([unseen, completes, joins], axis=1),
            "codes": _codes(rule),
            "numbers": numbers,
            **cell_arrays,
        },
    )


def _codes(rule: Rule) -> Int64:
    """The row's whole numbers for the kernels."""
    codes = np.zeros(10, dtype=np.int64)
    codes[engine.REACHED] = rule.pool == "reached"
    codes[engine.COMPLETED_ONLY] = rule.pool == "completed"
    codes[engine.INCLUDE_SELF] = rule.include_self
    codes[engine.EXACT] = rule.match == "step"
    codes[engine.CARRY] = rule.short == "carry"
    codes[engine.DELAY] = rule.delay
    codes[engine.MIN_COMPLETED] = rule.min_completed
    codes[engine.METHOD] = _METHOD[rule.method]
    codes[engine.LEAST] = rule.min_peers
    codes[engine.STRICT] = rule.strict
    return codes


def statistic_of(prepared: Prepared, kind: str) -> Float64:
    """Every report's own or peer statistic of a kind, oriented so that lower is better. [R]"""
    arrays, average_from = prepared.arrays, prepared.rule.average_from
    return _statistic(kind, average_from, arrays["offsets"], arrays["step"], prepared.oriented)


def in_threads(jobs: Iterable[Callable[[], None]], threads: int | None) -> None:
    """Run jobs that release the GIL and write to places of their own; re-raise the first error."""
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()


def _reports_with_values(
    study: Study,
) -> tuple[Int64, Int64, Float64, Int64 | None, NDArray[np.bool_]]:
    """offsets, steps, values, each report's row, and whether rows without a value end a trial."""
    present = ~np.isnan(study.values)
    if present.all():
        return study.offsets, study.steps, study.values, None, np.zeros(study.n_trials, np.bool_)
    row_of = np.flatnonzero(present)
    offsets = np.concatenate(([0], np.cumsum(present)))[study.offsets]
    last_row = study.offsets[1:] - 1
    unseen = (np.diff(study.offsets) > 0) & ~present[np.maximum(last_row, 0)]
    return offsets, study.steps[row_of], study.values[row_of], row_of, unseen


def _statistic(
    kind: str, average_from: int, offsets: Int64, steps: Int64, oriented: Float64
) -> Float64:
    if _STATISTIC[kind] == shapes.CURRENT:
        return oriented
    out = np.empty_like(oriented)
    shapes.statistic(_STATISTIC[kind], average_from, offsets, steps, oriented, out)
    return out


def _columns(rule: Rule, offsets: Int64, steps: Int64) -> tuple[NDArray[np.int32], int]:
    """Each report's place of comparison, int32 [R], and how many places there are."""
    if len(steps) == 0:
        return np.empty(0, dtype=np.int32), 0
    if rule.match == "number":
        lengths = np.diff(offsets)
        number = np.arange(len(steps), dtype=np.int32)
        number -= np.repeat(offsets[:-1], lengths).astype(np.int32)
        return number, int(lengths.max())
    highest = int(steps.max())
    if highest > 4 * len(steps) + 1024:
        distinct, column = np.unique(steps, return_inverse=True)
        return column.astype(np.int32), len(distinct)
    seen = np.zeros(highest + 1, dtype=np.bool_)
    seen[steps] = True
    place = (np.cumsum(seen) - 1).astype(np.int32)
    return place[steps], int(place[-1]) + 1


def _cells(
    rule: Rule, offsets: Int64, column: NDArray[np.int32]
) -> tuple[Int64, NDArray[np.int32], NDArray[np.int32], Int64 | None] | None:
    """Cell offsets, columns, what shows them and, where cells are not just the reports, the
    report each takes its statistic from. None if ranking costs more than looking peers up.
    """
    reports = len(column)
    has = np.diff(offsets) > 0
    widths = np.zeros(len(offsets) - 1, dtype=np.int64)
    widths[has] = column[offsets[1:][has] - 1] - column[offsets[:-1][has]] + 1
    total = int(widths.sum())
    carries = rule.short == "carry"
    if rule.match != "upto" or total == reports:
        n_columns = int(column.max()) + 1 if reports else 0
        if carries and n_columns * reports > _MOST_CARRY_BITS:
            return None
        return offsets, column, np.empty(0, dtype=np.int32), None
    if carries or total > _MOST_CELLS_A_REPORT * reports:
        return None
    cell_offsets = np.concatenate(([0], np.cumsum(widths)))
    cell_column = np.empty(total, dtype=np.int32)
    shown_by = np.empty(total, dtype=np.int32)
    source = np.empty(total, dtype=np.int64)
    shapes.expand_cells(offsets, column, cell_offsets, cell_column, shown_by, source)
    return cell_offsets, cell_column, shown_by, source


Ranked = tuple[NDArray[np.int32], Float64, Int64]


def _rank_columns(
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
    return rank, universe, _places(length, start[:-1])


def _rank_together(statistics: Float64, n_columns: int) -> Ranked:
    """The same in one universe for all columns: a carried statistic may come to stand in any."""
    known = np.flatnonzero(~np.isnan(statistics))
    order = known[np.argsort(statistics[known])]
    rank = np.full(len(statistics), -1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    length = np.full(n_columns, len(order), dtype=np.int64)
    return rank, statistics[order], _places(length, np.zeros(n_columns, dtype=np.int64))


def _places(length: Int64, universe: Int64) -> Int64:
    """Where each column's bits and universe lie, from the universes' lengths and starts."""
    ends = np.cumsum((length + 31) // 32)
    places = np.zeros((len(length), 8), dtype=np.int64)
    places[:, END] = ends
    places[1:, WORD] = ends[:-1]
    places[:, UNIVERSE] = universe
    return places
