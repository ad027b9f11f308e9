"""The two statistics of a comparison: what each report is judged by, and what it shows to peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels import curves as shapes
from esim.simulator.kernels.rungs import ALWAYS_STOPS, NOT_JUDGED, RungJudgements
from esim.simulator.plan.columns import Columns
from esim.simulator.plan.gates import not_among_best, outside
from esim.study import Float64, Int64, Study
from esim.study.batch import Batch

_STATISTIC = {"best": shapes.BEST, "average": shapes.AVERAGE}  # else the value itself


def running(
    rule: Rule, kind: str, offsets: Int64, positions: NDArray[Any], oriented: Float64
) -> Float64:
    """The statistic of each report, of a kind that the rule compares. float64 [R]

    Args:
        rule: how averages are added up and from where they count.
        kind: "best", "average", or anything else for the value itself.
        offsets: int64 [N + 1], trial -> its reports.
        positions: [R], where each report stands on the rule's axis.
        oriented: float64 [R], the values, negated when maximizing.
    """
    if kind not in _STATISTIC:
        return oriented
    if kind == "average" and rule.adding == "pairwise":
        return _numpy_means(rule, offsets, positions, oriented, ends=False)[0]
    out = np.empty_like(oriented)
    shapes.statistic(
        _STATISTIC[kind], rule.counts_from, rule.nan == "poison", offsets, positions, oriented, out
    )
    if kind == "average" and rule.adding == "decimals":
        shapes.as_decimals(offsets, oriented, out)
    return out


def _numpy_means(
    rule: Rule, offsets: Int64, positions: NDArray[Any], oriented: Float64, *, ends: bool
) -> tuple[Float64, Float64]:
    """The running average of each report, and with `ends` the one if its trial ends there."""
    means, ended = np.empty_like(oriented), np.empty(len(oriented) if ends else 0)
    work = np.empty(8), np.empty((64, 4))
    shapes.numpy_means(rule.counts_from, offsets, positions, oriented, *work, means, ended)
    return means, ended


def final_values(study: Study, final: str) -> Float64:
    """The final value that a trial has if it ends with a row, for each row. float64 [R]

    It is the last value so far, or with `final` "best" the best; NaN before the first value.

    >>> from esim import Study
    >>> final_values(Study.from_arrays([[3.0, 1.0, 2.0]], "minimize"), "best").tolist()
    [3.0, 1.0, 1.0]
    """
    missing = np.isnan(study.values)
    if final != "best" and not missing.any():
        return study.values
    last = np.arange(study.n_reports)
    last[missing] = -1
    np.maximum.accumulate(last, out=last)
    first = np.repeat(study.offsets[:-1], study.lengths)
    upto = np.where(last >= first, study.values[last], np.nan)
    if final == "best":
        oriented = study.sign * upto
        shapes.statistic(shapes.BEST, 0, False, study.offsets, study.steps, oriented, upto)
        upto = study.sign * upto
    return upto


@dataclass(frozen=True)
class PeerStatistics:
    """The peer statistic of reports, loosened by the rule's slack. N trials, R reports.

    Attributes:
        study, rule: what is compared and how.
        offsets: int64 [N + 1], trial -> its reports.
        positions: [R], where each report stands on the rule's axis.
        oriented: float64 [R], the values, negated when maximizing.
        own: float64 [R], the own statistic of each report.
    """

    study: Study
    rule: Rule
    offsets: Int64
    positions: NDArray[Any]
    oriented: Float64
    own: Float64

    def of_trials(self, first: int, last: int) -> Float64:
        """The statistic of the reports of trials from `first` up to `last`, it left out."""
        at = slice(self.offsets[first], self.offsets[last])
        its = self.offsets[first : last + 1] - self.offsets[first]
        rule = self.rule
        if rule.peer == rule.own:
            return self._as_shown(self.own[at])
        return self._as_shown(running(rule, rule.peer, its, self.positions[at], self.oriented[at]))

    def of_all(self) -> Float64:
        """The statistic of all reports. float64 [R]"""
        return self.of_trials(0, len(self.offsets) - 1)

    def with_ends(self) -> tuple[Float64, Float64]:
        """The statistic of all reports, and of each if its trial ends there. float64 [R] each

        A trial that ends stores its last value once more, which then counts twice in an average.
        """
        rule = self.rule
        if rule.peer != "average":
            shown = self.of_all()
            return shown, shown
        means, ended = _numpy_means(rule, self.offsets, self.positions, self.oriented, ends=True)
        return self._as_shown(means), self._as_shown(ended)

    def between(
        self, source: Int64, column: NDArray[np.int32], reports: NDArray[np.int32]
    ) -> Float64:
        """The statistic of cells, on the straight line between the reports around each.

        Args:
            source: int64 [K], the last report at or before each cell.
            column: int32 [K], the column of each cell.
            reports: int32 [R], the column of each report.
        """
        values = self.of_all()
        beyond = reports[source] != column
        found = values[source]
        at = source[beyond]
        position = np.full(int(column.max()) + 1 if len(column) else 0, np.nan)
        position[reports] = self.positions
        low, high = self.positions[at], self.positions[at + 1]
        with np.errstate(invalid="ignore"):  # between infinities: NaN
            slope = (values[at + 1] - values[at]) / (high - low)
            found[beyond] = slope * (position[column[beyond]] - low) + values[at]
        return found

    def _as_shown(self, statistic: Float64) -> Float64:
        """A statistic with the rule's slack, and with NaN as the rule takes it."""
        rule = self.rule
        if rule.slack_factor or rule.slack_amount:
            if self.study.direction == "minimize":
                loosened = statistic * (1.0 + rule.slack_factor)
            else:
                loosened = statistic / (1.0 + rule.slack_factor)
            statistic = loosened + rule.slack_amount
        if rule.nan not in ("worst", "poison"):
            return statistic
        worst = rule.nan == "worst"
        as_is = ~np.isnan(statistic) if worst else np.isfinite(statistic)
        if as_is.all():  # which takes a fifth of picking
            return statistic
        return np.where(as_is, statistic, np.inf if worst else np.nan)


def own_statistics(
    rule: Rule,
    batch: Batch,
    offsets: Int64,
    positions: NDArray[Any],
    oriented: Float64,
    own: Float64,
    judged: NDArray[np.bool_] | None,
    columns: Columns,
) -> tuple[Float64, NDArray[np.int32], Float64]:
    """The own statistic of each report, where it is judged, and the statistic for the kernels.

    Args:
        rule: what is compared and how.
        batch: what bounds, final values and the direction are taken from.
        offsets: int64 [N + 1], trial -> its reports.
        positions: [R], where each report stands on the rule's axis.
        oriented: float64 [R], the values, negated when maximizing.
        own: float64 [R], the own statistic, whether or not it is judged.
        judged: bool [R], whether the trial's own course lets each report be judged; None: all.
        columns: the columns in which trials are compared.

    Returns:
        The own statistic, NaN where it is not judged, float64 [R]; the column of each report, which
        is its study's last where it stops whatever its peers, int32 [R]; and the own statistic as
        the kernels take it, inf where the report stops whatever its peers, float64 [R].
    """
    if judged is None and rule.max_steps == 0:
        return own, columns.column, own
    if judged is None:
        judged = np.ones(len(own), dtype=np.bool_)
    own_statistic = own if judged.all() else np.where(judged, own, np.nan)
    shown = own_statistic
    stops: NDArray[np.bool_] | np.bool_ = np.False_
    if rule.nan in ("stop", "worst", "poison") and (unknown := np.isnan(own)).any():
        unknown &= judged
        if rule.nan == "stop":
            stops = unknown
        else:
            shown = np.where(unknown, np.inf, own_statistic)
    if rule.against == "bounds":
        stops = stops | (judged & outside(rule, batch.whole, own))
    elif rule.against == "nothing":
        stops = judged
    elif rule.against == "hindsight":
        stops = judged & not_among_best(rule, batch, offsets, oriented, own, judged)
    if rule.against in ("pairs", "leader"):  # by the kernel itself, where peers do not matter
        return own_statistic, columns.stops(), own_statistic
    if rule.against != "peers":
        shown = np.full(len(own), np.nan)
    if rule.max_steps:
        stops = stops | (positions >= rule.max_steps)
    if not stops.any():
        return own_statistic, columns.column, shown
    return own_statistic, *_stopping(stops, columns.column, columns.stops(), shown)


def _stopping(
    stops: NDArray[np.bool_] | np.bool_,
    column: NDArray[np.int32],
    last: NDArray[np.int32] | np.int32,
    own: Float64,
) -> tuple[NDArray[np.int32], Float64]:
    """Column and own statistic, with those that stop whatever their peers in the last column."""
    return np.where(stops, last, column), np.where(stops, np.inf, own)


def own_statistics_at_rungs(
    rule: Rule,
    rungs: RungJudgements,
    n_columns: int,
    own: Float64,
    oriented: Float64,
    judged: NDArray[np.bool_] | None,
) -> tuple[Float64, NDArray[np.int32], Float64]:
    """What `own_statistics` returns, for judgements at rungs. [E] each

    Args:
        rule: a rule that judges at rungs.
        rungs: the judgements at rungs.
        n_columns: how many columns the rungs have; the next one stops whatever is judged there.
        own: float64 [R], the own statistic of each report.
        oriented: float64 [R], the value of each report.
        judged: bool [E], whether the trial's own course lets each judgement be made; None: all.
    """
    found = own[rungs.report]
    if rule.rungs == "standing" and rule.own == "current":
        found = _recorded(rungs, oriented)
    if judged is None:
        judged = np.ones(len(found), dtype=np.bool_)
    found = np.where(judged & (rungs.column != NOT_JUDGED), found, np.nan)
    shown = found
    if rule.nan in ("worst", "poison"):
        shown = np.where(judged & (rungs.column >= 0) & np.isnan(found), np.inf, found)
    stops = judged & (rungs.column == ALWAYS_STOPS)
    column = np.maximum(rungs.column, 0)
    return found, *_stopping(stops, column, np.int32(n_columns), shown)


def _recorded(rungs: RungJudgements, oriented: Float64) -> Float64:
    """The value recorded at the rung of each judgement; NaN: not judged. float64 [E]"""
    found = np.full(len(rungs.report), np.nan)
    its_trial = np.repeat(np.arange(len(rungs.offsets) - 1), np.diff(rungs.cell_offsets))
    at = rungs.offsets[its_trial] + rungs.shown_by  # the judgement that shows each cell
    found[at] = oriented[rungs.cell_report]
    # The value recorded at a rung holds until the trial comes to the next one.
    known = np.full(len(found), -1)
    known[at] = at
    last = np.maximum.accumulate(known) if len(known) else known
    return np.where(rungs.column >= 0, found[np.maximum(last, 0)], np.nan)
