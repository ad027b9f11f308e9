"""Study + Rule -> the arrays the kernels run on, shared by any number of launch orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.kernels import curves as shapes
from esim.kernels import engine
from esim.kernels import peers as order_statistics
from esim.kernels.peers import END
from esim.prepare import places as where
from esim.prepare.places import NOTHING, Opening, RungPlaces
from esim.prepare.ranking import in_threads, places_of, rank_columns, rank_together
from esim.prepare.verdicts import gates_are_open, judged_reports, not_among_best, outside
from esim.rules import Rule
from esim.study import Float64, Int64, Status, Study

__all__ = ["Opening", "Prepared", "final_values", "in_threads", "prepare", "running"]

_STATISTIC = {"current": shapes.CURRENT, "value": shapes.CURRENT}
_STATISTIC |= {"best": shapes.BEST, "average": shapes.AVERAGE}
_METHOD = {
    "midpoint": order_statistics.MIDPOINT,
    "linear": order_statistics.LINEAR,
    "lower": order_statistics.LOWER,
    "higher": order_statistics.HIGHER,
    "reduction": order_statistics.REDUCTION,
    "rank": order_statistics.RANK,
    "portion": order_statistics.PORTION,
    "mean": order_statistics.MEAN,
}
_BLOCK = 20_000  # trials
_NO_NUMBERS = np.empty(0)
_NO_CELLS = np.zeros(1, dtype=np.int32)  # empty would mean that every judgement shows one


@dataclass(frozen=True)
class Prepared:
    """Everything a replay needs that does not change with the launch order.

    E judgements: the reports, each once for every place at which it is judged.

    Attributes:
        values: float64 [E], the value of each judgement's report, negated when maximizing.
        side: float64 [E], the trial's side of the comparison, so oriented.
        own: float64 [E], the same, NaN where its own course keeps it from being judged.
        row_of: int64 [E], each judgement's row in the study; None if they are the study's rows.
        places: int64 [C, 8], where each column's bits and universe lie.
        arrays: what the kernels read, by name (see esim.kernels.engine and peers).
        opening: what the first trials to complete settled; None if the rule does not wait for them
            or it is not known yet.
    """

    study: Study
    rule: Rule
    values: Float64
    side: Float64
    own: Float64
    row_of: Int64 | None
    places: Int64
    arrays: Mapping[str, Any]
    opening: Opening | None

    def scratch(self, *, traced: bool = False) -> dict[str, NDArray[Any]]:
        """What the kernels write, for one replay at a time."""
        n, judgements = self.study.n_trials, len(self.values)
        return {
            "words": np.empty(int(self.places[-1, END]), dtype=np.uint32),
            "places": self.places.copy(),
            "levels": np.empty((len(self.places), 3)),
            "trials": np.empty((n, 4), dtype=np.int64),
            "tally": np.empty(3),
            "scratch": np.empty(n),
            "frozen": np.empty((n if self.rule.frozen else 0, 3)),
            "stops": np.empty((n, 3)),
            "trace": np.empty((judgements if traced else 0, 2)),
        }

    def rows_kept(self, kept: NDArray[np.int32]) -> NDArray[np.int32]:
        """What the kernels kept -> rows of the study kept, along the last axis. int32"""
        rows = np.diff(self.study.offsets)
        if self.row_of is None:
            return np.minimum(kept, rows).astype(np.int32)
        first = self.arrays["offsets"][:-1]
        judgements = np.diff(self.arrays["offsets"])
        whole = (kept >= judgements + self.arrays["flags"][:, engine.UNSEEN]) | (judgements == 0)
        last = np.clip(first + kept - 1, 0, max(len(self.row_of) - 1, 0))
        at_last = (self.row_of[last] if len(self.row_of) else last) + 1 - self.study.offsets[:-1]
        return np.where(whole, rows, at_last).astype(np.int32)

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


def prepare(
    study: Study, rule: Rule, *, threads: int | None = None, opening: Opening | None = None
) -> Prepared:
    """The arrays for replaying a study through a row of the rule table.

    Args:
        threads: bounds the threads that rank columns (default: the machine's cores); the result
            does not depend on it.
        opening: what the first trials to complete settle, for a rule that waits for them.
    """
    offsets, steps, values, row_of, unseen = _reports(study, rule)
    positions = _positions(study, rule, offsets, steps, row_of)
    oriented = values if study.direction == "minimize" else -values
    own = running(rule, rule.own, offsets, positions, oriented)
    peer = PeerSide(study, rule, offsets, positions, oriented)
    if rule.rungs == "none":
        judged = None
        if not gates_are_open(rule) or rule.nan != "missing" or rule.against != "peers":
            judged = judged_reports(rule, study, offsets, positions, oriented, own)
        column, n_columns = where.columns(rule.match, offsets, positions)
        group = NOTHING
        own_side, place, engine_own = _sides(
            rule, study, offsets, positions, oriented, own, judged, column, n_columns
        )
        cell_arrays, places = _cells_of_reports(
            rule, offsets, column, n_columns, peer, study.n_trials, threads
        )
    else:
        rungs = where.at_rungs(rule, study, offsets, positions, oriented, opening)
        judged = None
        if rule.rungs == "standing":
            judged = judged_reports(rule, study, offsets, positions, oriented, own)[rungs.report]
        own_side, place, engine_own = _at_rungs(rule, rungs, own, peer, judged)
        cell_arrays, places = _cells_of_rungs(rungs, peer, threads)
        row_of = rungs.report if row_of is None else row_of[rungs.report]
        offsets, group = rungs.offsets, rungs.group
        steps, oriented, own = (a[rungs.report] for a in (steps, oriented, own))
        if len(group) == 0 or group.max() == 1:
            group = NOTHING
    status = study.status
    # A running trial would have gone on: a stop at its last report does stop it.
    unseen = unseen | (status == Status.RUNNING)
    completes = (status == Status.COMPLETED) | (status == Status.UNKNOWN)
    joins = completes if rule.pool == "completed" else (status != Status.FAILED) | rule.failed_peers
    return Prepared(
        study=study,
        rule=rule,
        values=oriented,
        side=own,
        own=own_side,
        row_of=row_of,
        places=places,
        opening=opening,
        arrays={
            "offsets": offsets,
            "own": engine_own,
            "column": place,
            "step": steps,
            "group": group,
            "flags": np.stack([unseen, completes, joins], axis=1),
            "codes": _codes(rule, study, opening),
            "numbers": _numbers(rule, study),
            **cell_arrays,
        },
    )


def running(
    rule: Rule, kind: str, offsets: Int64, positions: NDArray[Any], oriented: Float64
) -> Float64:
    """Every report's own or peer statistic of a kind, oriented so that lower is better. [R]"""
    if _STATISTIC[kind] == shapes.CURRENT:
        return oriented
    out = np.empty_like(oriented)
    if kind == "average" and rule.adding == "pairwise":
        work = np.empty((64, 4))
        shapes.numpy_means(rule.counts_from, False, offsets, positions, oriented, work, out)
    else:
        shapes.statistic(
            _STATISTIC[kind], rule.counts_from, rule.nan == "poison", offsets, positions, oriented,
            out,
        )  # fmt: skip
    return out


def final_values(study: Study, final: str) -> Float64:
    """What a trial's final value is if it ends with each row: the last or best so far. float64 [R]

    NaN before its first value.
    """
    missing = np.isnan(study.values)
    if final != "best" and not missing.any():
        return study.values
    last = np.arange(study.n_reports)
    last[missing] = -1
    np.maximum.accumulate(last, out=last)
    first = np.repeat(study.offsets[:-1], np.diff(study.offsets))
    upto = np.where(last >= first, study.values[last], np.nan)
    if final == "best":
        oriented = study.sign * upto
        shapes.statistic(shapes.BEST, 0, False, study.offsets, study.steps, oriented, upto)
        upto = study.sign * upto
    return upto


@dataclass(frozen=True)
class PeerSide:
    """The peers' side of reports: their statistic, loosened by the rule's slack."""

    study: Study
    rule: Rule
    offsets: Int64
    positions: NDArray[Any]
    oriented: Float64

    def of_trials(self, first: int, last: int) -> Float64:
        """Of the reports of some trials."""
        at = slice(self.offsets[first], self.offsets[last])
        its = self.offsets[first : last + 1] - self.offsets[first]
        rule = self.rule
        return self._as_shown(
            running(rule, rule.peer, its, self.positions[at], self.oriented[at])
        )

    def of_all(self) -> Float64:
        """Of all reports."""
        return self.of_trials(0, len(self.offsets) - 1)

    def at_the_end(self) -> Float64:
        """Of all reports, the trial's last one stored twice."""
        rule = self.rule
        if rule.peer != "average":
            return self.of_all()
        out = np.empty_like(self.oriented)
        shapes.numpy_means(
            rule.counts_from, True, self.offsets, self.positions, self.oriented,
            np.empty((64, 4)), out,
        )  # fmt: skip
        return self._as_shown(out)

    def between(self, source: Int64, column: NDArray[np.int32], reports: NDArray[np.int32]) -> Float64:
        """Of cells, on the straight line between the reports around them."""
        values = self.of_all()
        beyond = reports[source] != column
        found = values[source]
        at = source[beyond]
        place = np.full(int(column.max()) + 1 if len(column) else 0, np.nan)
        place[reports] = self.positions
        low, high = self.positions[at], self.positions[at + 1]
        slope = (values[at + 1] - values[at]) / (high - low)
        found[beyond] = slope * (place[column[beyond]] - low) + values[at]
        return found

    def _as_shown(self, statistic: Float64) -> Float64:
        rule = self.rule
        if rule.slack_factor or rule.slack_amount:
            if self.study.direction == "minimize":
                loosened = statistic * (1.0 + rule.slack_factor)
            else:
                loosened = statistic / (1.0 + rule.slack_factor)
            statistic = loosened + rule.slack_amount
        if rule.nan == "worst":
            return np.where(np.isnan(statistic), np.inf, statistic)
        if rule.nan == "poison":
            return np.where(np.isfinite(statistic), statistic, np.nan)
        return statistic


def _reports(
    study: Study, rule: Rule
) -> tuple[Int64, Int64, Float64, Int64 | None, NDArray[np.bool_]]:
    """offsets, steps, values, each report's row, and whether rows beyond the last end a trial."""
    if rule.nan == "finite":
        present = np.isfinite(study.values)
    elif rule.nan == "missing":
        present = ~np.isnan(study.values)
    else:
        present = np.ones(study.n_reports, dtype=np.bool_)
    if present.all():
        return study.offsets, study.steps, study.values, None, np.zeros(study.n_trials, np.bool_)
    row_of = np.flatnonzero(present)
    offsets = np.concatenate(([0], np.cumsum(present)))[study.offsets]
    last_row = study.offsets[1:] - 1
    unseen = (np.diff(study.offsets) > 0) & ~present[np.maximum(last_row, 0)]
    return offsets, study.steps[row_of], study.values[row_of], row_of, unseen


def _positions(
    study: Study, rule: Rule, offsets: Int64, steps: Int64, row_of: Int64 | None
) -> NDArray[Any]:
    """Where each report stands on the rule's axis. [R]"""
    if rule.match == "number":
        number = np.arange(1, len(steps) + 1, dtype=np.int64)
        return number - np.repeat(offsets[:-1], np.diff(offsets))
    if rule.axis == "seconds" and study.elapsed is not None:
        return study.elapsed if row_of is None else study.elapsed[row_of]
    return steps


def _sides(
    rule: Rule,
    study: Study,
    offsets: Int64,
    positions: NDArray[Any],
    oriented: Float64,
    own: Float64,
    judged: NDArray[np.bool_] | None,
    column: NDArray[np.int32],
    n_columns: int,
) -> tuple[Float64, NDArray[np.int32], Float64]:
    """The own side, the place, and the own side as the kernel takes it. [R] each"""
    if judged is None and rule.max_steps == 0:
        return own, column, own
    if judged is None:
        judged = np.ones(len(own), dtype=np.bool_)
    own_side = np.where(judged, own, np.nan)
    shown = own_side
    stops = np.zeros(len(own), dtype=np.bool_)
    if rule.nan == "stop":
        stops = judged & np.isnan(own)
    elif rule.nan in ("worst", "poison"):
        shown = np.where(judged & np.isnan(own), np.inf, own_side)
    if rule.against == "bounds":
        stops = stops | (judged & outside(rule, study, own))
    elif rule.against == "nothing":
        stops = judged
    elif rule.against == "hindsight":
        stops = judged & not_among_best(rule, study, offsets, oriented, own, judged)
    if rule.against != "peers":
        shown = np.full(len(own), np.nan)
    if rule.max_steps:
        stops = stops | (positions >= rule.max_steps)
    return own_side, *_stopping(stops, column, n_columns, shown)


def _stopping(
    stops: NDArray[np.bool_], column: NDArray[np.int32], n_columns: int, own: Float64
) -> tuple[NDArray[np.int32], Float64]:
    """Place and own side with those judgements that stop whatever the peers where they belong."""
    return (
        np.where(stops, np.int32(n_columns), column).astype(np.int32),
        np.where(stops, np.inf, own),
    )


def _at_rungs(
    rule: Rule,
    rungs: RungPlaces,
    own: Float64,
    peer: PeerSide,
    judged: NDArray[np.bool_] | None,
) -> tuple[Float64, NDArray[np.int32], Float64]:
    """The own side, the place, and the own side as the kernel takes it. [E] each"""
    found = own[rungs.report]
    if rule.rungs == "standing" and rule.own == "current":
        found = _recorded(rungs, peer.oriented)
    if judged is None:
        judged = np.ones(len(found), dtype=np.bool_)
    found = np.where(judged & (rungs.place != -1), found, np.nan)
    shown = found
    if rule.nan in ("worst", "poison"):
        shown = np.where(judged & (rungs.place >= 0) & np.isnan(found), np.inf, found)
    place = np.maximum(rungs.place, 0)
    return found, *_stopping(judged & (rungs.place == -2), place, rungs.n_columns, shown)


def _recorded(rungs: RungPlaces, oriented: Float64) -> Float64:
    """The value at the rung on which each judgement stands; NaN where on none. [E]"""
    found = np.full(len(rungs.report), np.nan)
    its_trial = np.repeat(np.arange(len(rungs.offsets) - 1), np.diff(rungs.cell_offsets))
    at = rungs.offsets[its_trial] + rungs.shown_by  # judgement of each cell
    found[at] = oriented[rungs.cell_report]
    # Up to the next rung the last recorded value holds.
    known = np.full(len(found), -1)
    known[at] = at
    last = np.maximum.accumulate(known) if len(known) else known
    return np.where(rungs.place >= 0, found[np.maximum(last, 0)], np.nan)


def _cells_of_reports(
    rule: Rule,
    offsets: Int64,
    column: NDArray[np.int32],
    n_columns: int,
    peer: PeerSide,
    n_trials: int,
    threads: int | None,
) -> tuple[dict[str, Any], Int64]:
    """The cells that reports show, and where the columns' bits and universes lie."""
    nobody = np.zeros(n_columns, dtype=np.int64)
    arrays: dict[str, Any] = {
        "cell_offsets": np.zeros_like(offsets),
        "cell_column": NOTHING,
        "shown_by": _NO_CELLS,
        "rank": NOTHING,
        "universe": _NO_NUMBERS,
        "statistic": None,
        "end_column": NOTHING,
        "end_rank": NOTHING,
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


def _cells_of_rungs(
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
        "end_rank": end_rank if adds else NOTHING,
        "end_statistic": _NO_NUMBERS,
    }
    return arrays, places


def _codes(rule: Rule, study: Study, opening: Opening | None) -> Int64:
    """The row's whole numbers for the kernels."""
    codes = np.zeros(14, dtype=np.int64)
    codes[engine.REACHED] = rule.pool == "reached"
    codes[engine.COMPLETED_ONLY] = rule.pool == "completed"
    codes[engine.INCLUDE_SELF] = rule.include_self
    codes[engine.EXACT] = rule.match == "step"
    codes[engine.CARRY] = rule.short == "carry"
    codes[engine.DELAY] = rule.delay
    codes[engine.MIN_COMPLETED] = rule.min_completed
    codes[engine.METHOD] = _METHOD[rule.method]
    if rule.method == "linear" and _from_worst(rule, study):
        codes[engine.METHOD] = order_statistics.MIRRORED
    codes[engine.LEAST] = rule.min_peers
    codes[engine.STRICT] = rule.strict
    codes[engine.AFTER_FIRST] = opening is not None and opening.opens is None
    codes[engine.FREEZES] = rule.min_reports if rule.frozen else 0
    codes[engine.REPLACES] = rule.rungs == "none"
    codes[engine.AGAIN_STOPPED] = rule.again == "ended"
    return codes


def _numbers(rule: Rule, study: Study) -> Float64:
    """The row's other numbers for the kernels."""
    numbers = np.zeros(3)
    share = rule.quantile if rule.rungs == "none" else 1.0 / rule.reduction
    if rule.method == "linear" and _from_worst(rule, study):
        # In percent and back, as NumPy's percentile is asked.
        if rule.rungs == "none":
            share = (100.0 - share * 100.0) / 100.0
        else:
            share = (1.0 - share) * 100.0 / 100.0
    elif rule.method == "reduction":
        share = rule.reduction
    numbers[engine.SHARE] = share
    numbers[engine.WIDTH] = rule.tolerance if rule.strict else -rule.tolerance
    numbers[engine.WARMUP_SHARE] = rule.warmup_share
    return numbers


def _from_worst(rule: Rule, study: Study) -> bool:
    """Whether the peer's percentile counts from the worst value."""
    return rule.frame == "worst first" or (
        rule.frame == "as recorded" and study.direction == "maximize"
    )
