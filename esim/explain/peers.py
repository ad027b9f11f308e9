"""Who counted as a peer when a trial was judged: the kernel keeps the threshold, not the peers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esim.clocks import Clock, durations, report_seconds
from esim.costs import Costs
from esim.kernels import curves, engine
from esim.prepare import Prepared
from esim.replay import Run
from esim.rules import Rule
from esim.study import Float64, Int64, Status

_STATISTIC = {"current": curves.CURRENT, "value": curves.CURRENT}
_STATISTIC |= {"best": curves.BEST, "average": curves.AVERAGE}
_BAND = 0.25  # the band holds the middle half of the peers
_END, _REPORT = 0, 1  # kinds of events


def curve_statistic(prepared: Prepared, kind: str) -> Float64:
    """Every report's own or peer statistic, oriented so that lower is better. float64 [R]"""
    if _STATISTIC[kind] == curves.CURRENT:
        return prepared.oriented
    out = np.empty_like(prepared.oriented)
    curves.statistic(
        _STATISTIC[kind],
        prepared.rule.average_from,
        prepared.arrays["offsets"],
        prepared.arrays["step"],
        prepared.oriented,
        out,
    )
    return out


@dataclass(frozen=True)
class PeersAt:
    """The peers at one report.

    Attributes:
        statistics: theirs at the place compared, sorted, lower = better. float64 [peers]
        waits: what the rule waits for in other trials before it judges; "" if nothing.
    """

    statistics: Float64
    waits: str

    def band(self) -> tuple[float, float]:
        """Two of the peers' statistics with the middle half between them; NaN without peers.

        Members, not interpolated: infinite ones then do no harm.
        """
        last = len(self.statistics) - 1
        if last < 0:
            return math.nan, math.nan
        low, high = math.floor(last * _BAND), math.ceil(last * (1 - _BAND))
        return float(self.statistics[low]), float(self.statistics[high])

    def threshold(self, rule: Rule) -> float:
        """The rule's threshold, for reports where the kernel had no need of one."""
        n = len(self.statistics)
        if n < rule.min_peers:
            return math.nan
        position = (n - 1) * rule.quantile
        part = position - math.floor(position)
        low = float(self.statistics[math.floor(position)])
        high = float(self.statistics[math.ceil(position)])
        if part == 0.0 or rule.method == "lower":
            return low
        if rule.method == "higher":
            return high
        if rule.method == "midpoint":
            return (low + high) / 2.0
        return low + (high - low) * part if part < 0.5 else high - (high - low) * (1.0 - part)


class PeersOf:
    """The peers of one trial at each of its reports, told again from a run.

    Events are compared by (time, kind, launch order), ends before reports, as in the kernel; within
    a trial none comes before an earlier one.
    """

    def __init__(
        self, prepared: Prepared, clock: Clock, costs: Costs, run: Run, trial: int
    ) -> None:
        study, n = prepared.study, prepared.study.n_trials
        flags = prepared.arrays["flags"]
        self._rule, self._trial = prepared.rule, trial
        self._steps: Int64 = prepared.arrays["step"]
        self._offsets: Int64 = prepared.arrays["offsets"]
        self._column: NDArray[np.int32] = prepared.arrays["column"]
        self._statistic = curve_statistic(prepared, self._rule.peer)
        rows = np.arange(len(self._steps)) if prepared.row_of is None else prepared.row_of
        first = self._offsets[:-1]
        reports = np.diff(self._offsets)
        self._owner = np.repeat(np.arange(n), reports)
        self._kept = np.searchsorted(rows, study.offsets[:-1] + run.rows_kept) - first
        self._completes = flags[:, engine.COMPLETES] & ~run.stopped & (reports > 0)
        joins = np.where(run.stopped, self._rule.pool != "completed", flags[:, engine.JOINS])
        self._joins = joins & (reports > 0)
        self._kind: Int64 = np.full(len(self._steps), _REPORT, dtype=np.int64)
        self._end_kind: Int64 = np.full(n, _END, dtype=np.int64)
        if clock.mode == "order":  # trial i is one moment: its reports, then its end
            self._time: Float64 = self._owner.astype(np.float64)
            self._end: Float64 = np.arange(n, dtype=np.float64) + 0.5
            return
        began = run.began + (costs.startup_s if clock.mode == "simulated" else 0.0)
        length = durations(study)
        if clock.mode == "recorded":
            length[study.status == Status.RUNNING] = np.inf
        self._time = began[self._owner] + report_seconds(study)[rows]
        self._end = began + length
        some = np.flatnonzero(reports)
        last = self._offsets[1:][some] - 1
        at_end = self._end[some] <= self._time[last]
        # An end that is the last report; but it cannot come before the report before it.
        alone = (reports[some] == 1) | (self._time[last - 1] < self._time[last])
        self._kind[last[at_end & alone & (flags[some, engine.UNSEEN] == 0)]] = _END
        self._end_kind[some] = np.where(at_end, self._kind[last], _END)
        stop_at = (first + self._kept - 1)[run.stopped]
        self._end[run.stopped] = self._time[stop_at]
        self._end_kind[run.stopped] = self._kind[stop_at]

    def at(self, number: int) -> PeersAt:
        """The peers at the trial's report of this number, from 0."""
        report = int(self._offsets[self._trial]) + number
        launch = np.arange(len(self._end))
        ended = self._before(report, self._end, self._end_kind, launch)
        ended[self._trial] = False
        return PeersAt(self._statistics(report, number, ended), self._waits(report, ended))

    def _before(self, report: int, time: Float64, kind: Int64, launch: Int64) -> NDArray[np.bool_]:
        """Which events come before a report of the trial."""
        now, its_kind = self._time[report], self._kind[report]
        first = (kind < its_kind) | ((kind == its_kind) & (launch < self._trial))
        before: NDArray[np.bool_] = (time < now) | ((time == now) & first)
        return before

    def _waits(self, report: int, ended: NDArray[np.bool_]) -> str:
        rule, done = self._rule, ended & self._completes
        completed = int(done.sum())
        if completed < rule.min_completed:
            return f"too few completed trials ({completed} < {rule.min_completed})"
        if rule.warmup_share > 0:
            if not completed:
                return "no completed trials yet"
            mean = float(self._steps[self._offsets[1:][done] - 1].sum()) / completed
            if self._steps[report] < rule.warmup_share * mean:
                return f"warm-up (before {100 * rule.warmup_share:g} % of a completed trial)"
        return ""

    def _statistics(self, report: int, number: int, ended: NDArray[np.bool_]) -> Float64:
        rule, first, place = self._rule, self._offsets[:-1], self._column[report]
        carries = ended & self._joins
        shown = np.where(carries, self._kept, 0)
        if rule.pool == "reached":
            made = self._before(report, self._time, self._kind, self._owner)
            shown = np.minimum(np.bincount(self._owner[made], minlength=len(first)), self._kept)
            shown[self._trial] = number + 1 if rule.include_self else 0
        seen = np.flatnonzero(shown)
        last = first[seen] + shown[seen] - 1
        # A trial's reports up to the place are its first ones: counting finds the last of them.
        before = np.concatenate(([0], np.cumsum(self._column <= place)))
        upto = (before[self._offsets[1:]] - before[first])[seen]
        beyond = self._column[last] < place
        source = np.where(beyond, last, first[seen] + upto - 1)
        counts = (upto > 0) & (~beyond | (carries[seen] & (rule.short == "carry")))
        if rule.match == "step":
            counts &= beyond | (self._column[source] == place)
        found = self._statistic[source[counts]]
        return np.sort(found[~np.isnan(found)])
