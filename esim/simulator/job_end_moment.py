"""The moment at which a job-level rule ends a job, of many jobs at once.

J jobs of at most m trials. A table [J, m] has a row a job, its trials in launch order. Trials end
in the order (time, launch order).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.rules import JobRule
from esim.study import Float64, Int64

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Course:
    """How J jobs go on if nothing ends them. [J, m] each.

    Attributes:
        began, ended: float64, seconds; began is NaN for a trial that is not known to have started,
            ended inf for one that does not end, and behind the last trial of a job.
        final, best: float64, the value that a trial ends with and the best it reported, negated
            when maximizing; NaN if it has none, or failed.
        completed, failed: bool, how it ends.
        sign: -1 when maximizing, else 1.
        reported: the moment of a trial's first report better than a value, or as good as it.
            float64 [J, m], inf: none. Called with the value, as recorded, and whether it must be
            better.
    """

    began: Float64
    ended: Float64
    final: Float64
    best: Float64
    completed: Flags
    failed: Flags
    sign: float
    reported: Callable[[float, bool], Float64]

    @cached_property
    def order(self) -> Int64:
        """The places of the trials in the order in which they end. int64 [J, m]"""
        return np.asarray(np.argsort(self.ended, axis=1, kind="stable"))

    @cached_property
    def zero(self) -> Float64:
        """When the first trial of each job began. float64 [J]"""
        return np.asarray(np.fmin.reduce(self.began, axis=1, initial=np.inf))

    def by_end(self, table: NDArray[Any]) -> NDArray[Any]:
        """A table with the trials of each job in the order of their ends."""
        return np.take_along_axis(table, self.order, axis=1)

    def counted(self, rule: JobRule) -> Flags:
        """Which trials a rule counts once they have ended. bool [J, m]"""
        if rule.counts == "failed":
            return self.failed
        if rule.counts == "all":
            return np.isfinite(self.ended)
        known = ~np.isnan(self.final) & ~self.failed
        return np.asarray(known & self.completed if rule.counts == "completed" else known)


@dataclass(frozen=True)
class Moment:
    """When J jobs end. [J] each.

    Attributes:
        at: float64, seconds; inf: nothing ends the job.
        before: float64, trials that begin before this second have started.
        last: int64, so have the trials up to this one in the order of ends; -1: time alone tells.
    """

    at: Float64
    before: Float64
    last: Int64


def moment(rule: JobRule, course: Course) -> Moment:
    """When a job-level rule ends each job.

    Args:
        rule: of any kind but one that bounds launches.
        course: how the jobs go on otherwise; m is at least 1.
    """
    if rule.ends_by == "time":
        return _at(course.zero + rule.limit, 0.0)
    if rule.ends_by == "target" and rule.value == "report":
        first = course.reported(rule.limit, rule.beyond).min(axis=1, initial=np.inf)
        return _at(first, np.inf)  # whoever starts at that moment has started
    judge = {"target": _target, "trials": _trials, "small gain": _small_gain}.get(rule.ends_by)
    if judge is None:
        judge = _by_number if rule.ordered == "launches" else _progress
    with np.errstate(invalid="ignore", divide="ignore"):
        hits = judge(rule, course)
    ended = course.by_end(course.ended)
    hits &= np.isfinite(ended)
    if rule.idle:
        hits &= _idle(course)
    which = hits.argmax(axis=1)
    rows = np.arange(len(hits))
    met = hits[rows, which]
    at = np.where(met, ended[rows, which], np.inf)
    return Moment(at, at, np.where(met, which, -1))


def _at(at: Float64, including: float) -> Moment:
    """A moment that time alone tells; trials that begin at it have started if `including` is inf"""
    before = np.nextafter(at, including) if including else at
    return Moment(at, before, np.full(len(at), -1, dtype=np.int64))


def _reached(rule: JobRule, number: NDArray[Any]) -> Flags:
    return np.asarray(number > rule.limit if rule.beyond else number >= rule.limit)


# Each function below says of each end, in the order of ends, whether it meets the rule. [J, m]


def _target(rule: JobRule, course: Course) -> Flags:
    value = course.by_end(course.best if rule.value == "best" else course.final)
    limit = course.sign * rule.limit
    return np.asarray(value < limit if rule.beyond else value <= limit)


def _trials(rule: JobRule, course: Course) -> Flags:
    counted = course.by_end(course.counted(rule))
    return np.asarray(_reached(rule, np.cumsum(counted, axis=1)) & counted)


def _progress(rule: JobRule, course: Course) -> Flags:
    """No trial, or no second, with progress; trials as they end."""
    values = course.by_end(course.final)
    counted, ended = course.by_end(course.counted(rule)), course.by_end(course.ended)
    jobs, most = values.shape
    hits = np.zeros((jobs, most), dtype=np.bool_)
    to_beat = np.full(jobs, np.inf)
    without, seen, since = np.zeros(jobs), np.zeros(jobs), course.zero.copy()
    for k in range(most):  # the k-th end of every job
        value, counts = values[:, k], counted[:, k]
        gain = np.abs(to_beat) * rule.gain if rule.relative else rule.gain
        enough = np.where(np.isfinite(to_beat), to_beat - gain, to_beat)
        enough = value <= enough if rule.at_least else value < enough
        better = counts & (value < to_beat) & enough
        first = counts & (seen == 0)
        seen += counts
        without = np.where(better, 0.0 if rule.resets else without, without + counts)
        since = np.where(better, ended[:, k], since)
        smaller = np.fmin(to_beat, np.where(counts, value, np.inf))
        to_beat = smaller if rule.compared_with == "best" else np.where(better, value, to_beat)
        met = counts
        if rule.first_counts:
            without[first] = 1.0
            met = counts & ~first
        reached = without
        if rule.ends_by == "standstill":
            reached, met = ended[:, k] - since, np.ones(jobs, dtype=np.bool_)
        hits[:, k] = met & _reached(rule, reached) & (seen >= rule.min_trials)
    return hits


def _by_number(rule: JobRule, course: Course) -> Flags:
    """No trial with progress; trials that have ended stand as they were launched."""
    jobs, most = course.final.shape
    hits = np.zeros((jobs, most), dtype=np.bool_)
    counted, rows, places = course.counted(rule), np.arange(jobs), np.arange(most)
    value = np.where(np.isnan(course.final), np.inf, course.final)
    done = np.zeros((jobs, most), dtype=np.bool_)
    for k in range(most):
        place = course.order[:, k]
        done[rows, place] = counted[rows, place]
        best = np.where(done, value, np.inf).argmin(axis=1)
        valued = done[rows, best] & (value[rows, best] < np.inf)
        n = done.sum(axis=1)
        behind = np.where(valued, (done & (places > best[:, None])).sum(axis=1), n - 1)
        hits[:, k] = _reached(rule, behind) & (n >= rule.min_trials) & done[rows, place]
    return hits


def _small_gain(rule: JobRule, course: Course) -> Flags:
    """The best of the trials that have ended gained little by the last of them, as launched."""
    jobs, most = course.final.shape
    hits = np.zeros((jobs, most), dtype=np.bool_)
    counted, rows = course.counted(rule), np.arange(jobs)
    done = np.zeros((jobs, most), dtype=np.bool_)
    least = max(rule.min_trials, rule.window)
    for k in range(most):
        place = course.order[:, k]
        done[rows, place] = counted[rows, place]
        n = done.sum(axis=1)
        if not (n >= least).any():
            continue
        first = np.argsort(~done, axis=1, kind="stable")  # those done, as they were launched
        value = np.where(
            np.arange(most) < n[:, None], np.take_along_axis(course.final, first, 1), np.inf
        )
        best = np.minimum.accumulate(value, axis=1)
        gained = best[rows, np.maximum(n - rule.window, 0)] - best[rows, np.maximum(n - 1, 0)]
        hits[:, k] = (n >= least) & (gained / _quartiles(course.sign * value, n) < rule.limit)
    return hits


def _quartiles(values: Float64, n: Int64) -> Float64:
    """The interquartile range of each row's first n values, as np.percentile has it. float64 [J]

    NaN where one of them is not finite.
    """
    mine = np.arange(values.shape[1]) < n[:, None]
    ordered = np.sort(np.where(mine, values, np.inf), axis=1)
    rows = np.arange(len(values))

    def at(share: float) -> Float64:
        place = np.maximum(n - 1, 0) * share
        low = np.floor(place).astype(np.int64)
        a, b = ordered[rows, low], ordered[rows, np.minimum(low + 1, np.maximum(n - 1, 0))]
        weight = place - low
        found: Float64 = np.where(weight >= 0.5, b - (b - a) * (1 - weight), a + (b - a) * weight)
        return found

    finite = (np.isfinite(values) | ~mine).all(axis=1)
    return np.where(finite, at(0.75) - at(0.25), np.nan)


def _idle(course: Course) -> Flags:
    """Whether no trial runs at each end, itself having ended."""
    jobs, most = course.ended.shape
    rank = np.argsort(course.order, axis=1)
    found = np.zeros((jobs, most), dtype=np.bool_)
    ended = course.by_end(course.ended)
    for k in range(most):
        found[:, k] = ~((course.began < ended[:, k, None]) & (rank > k)).any(axis=1)
    return found
