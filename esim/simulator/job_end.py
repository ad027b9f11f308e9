"""A job played until a job-level rule ends it, and what that leaves of its trials.

J jobs of at most m trials of a study, or of S studies in a batch, each a job. A job is played as if
nothing ended it. That tells when it ends, because a rule goes by what has happened up to then. No
trial starts any more from that moment on, and those in flight finish or are cut. Those that finish
under a rule that looks at peers are played again: trials that never start are no peers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.rules import JobRule, Rule
from esim.simulator.job_end_moment import Course, Moment, moment
from esim.simulator.jobs import rows_until, slot_gaps, uploads
from esim.simulator.plan.plan import Plan
from esim.simulator.plan.statistics import final_values
from esim.simulator.run import JobEnds, OrderRun, OrderRuns, run_many, run_once
from esim.simulator.trial_outcomes import spent
from esim.study import Float64, Int64, Status, Study
from esim.study.batch import Batch
from esim.study.times import durations, last_kept, last_second, report_seconds

LOOKS = ("peers", "pairs")  # `Rule.against` of rules that look at other trials
Flags = NDArray[np.bool_]
Run = TypeVar("Run", OrderRun, OrderRuns)


@dataclass(frozen=True)
class Until:
    """Job-level rules, any of which ends the job, and what they go by.

    Attributes:
        rules: the rules; none: the job runs to its end.
        final: which reported value is a trial's final one, "last" or "best".
    """

    rules: tuple[JobRule, ...] = ()
    final: str = "last"

    def together(self, rule: Rule) -> bool:
        """Whether studies can be played as a batch: not if trials in flight are played again."""
        finish = any(r.in_flight == "finish" and r.ends_by != "launches" for r in self.rules)
        return not (finish and rule.against in LOOKS)

    @property
    def most(self) -> int | None:
        """How many trials are launched at most; None: all."""
        limits = [int(r.limit) + r.beyond for r in self.rules if r.ends_by == "launches"]
        return min(limits, default=None)

    def launched(self, batch: Batch) -> Int64:
        """The trials that are launched at most, in the studies' own launch orders."""
        places = places_of(batch)[:, : self.most]
        return places[places >= 0]

    def check(self, study: Study) -> None:
        """Raise EsimError if a rule needs times that the study lacks."""
        timed = [rule.text for rule in self.rules if rule.ends_by in ("time", "standstill")]
        if timed and study.elapsed is None:
            raise EsimError(
                f"study {study.name!r} cannot be ended by {timed[0]}",
                why="it counts seconds, and the reports have no times",
                fix="leave it out, or export the logs with their timestamps",
            )


def places_of(batch: Batch) -> Int64:
    """The trials of each study, int64 [S, trials of the largest]; -1 behind a study's last."""
    return batch.table(np.arange(batch.whole.n_trials, dtype=np.int64), -1)


def play_once(plan: Plan, clock: Clock, costs: Costs, until: Until) -> OrderRun:
    """`run_once` in the studies' own launch orders, each until a job-level rule ends it.

    Args:
        plan, clock, costs: as for `run_once`.
        until: the job-level rules.

    Raises:
        EsimError: a rule needs times that a study lacks.
    """
    if not until.rules or not plan.study.n_trials:
        return run_once(plan, clock, costs)
    batch = plan.batch
    for study in batch.studies:
        until.check(study)
    places = places_of(batch)
    run = run_once(plan, clock, costs, order=until.launched(batch))
    end = _end(plan, clock, costs, until, places, run)
    if end.again.any():
        run = run_once(plan, clock, costs, order=places[end.started])
    return _applied(end, plan.study, run)


def play_many(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    until: Until,
    orders: Int64,
    *,
    threads: int | None = None,
) -> OrderRuns:
    """`run_many`, each order until a job-level rule ends the job.

    Args:
        plan, clock, costs, orders, threads: as for `run_many`.
        until: the job-level rules.

    Raises:
        EsimError: a rule needs times that the study lacks.
    """
    if not until.rules or not orders.size:
        return run_many(plan, clock, costs, orders, threads=threads)
    until.check(plan.study)
    runs = run_many(plan, clock, costs, orders[:, : until.most], threads=threads)
    end = _end(plan, clock, costs, until, orders, runs)
    sizes = end.started.sum(axis=1)
    for size in np.unique(sizes[end.again]):  # launch orders of a call have one length
        these = np.flatnonzero(end.again & (sizes == size))
        few = orders[these][end.started[these]].reshape(len(these), size)
        part = run_many(plan, clock, costs, few, threads=threads)
        runs.rows_kept[these], runs.stopped[these] = part.rows_kept, part.stopped
        if len(runs.spans):
            runs.spans[these] = part.spans
        if runs.trained is not None and part.trained is not None:
            runs.trained[these] = part.trained
    return _applied(end, plan.study, runs)


@dataclass(frozen=True)
class _End:
    """How J jobs end.

    Attributes:
        places: int64 [J, m], the trials in launch order, -1 behind a job's last.
        at_s: float64 [J], the second of the end since the first start; NaN: none is told.
        by: int64 [J], which of the rules ends the job; -1: none does, or it changes nothing.
        after: int64 [J], how many trials had ended by then; -1: as `at_s`, but no clock is needed.
        started: bool [J, m], who starts.
        cut: those in flight that are cut; None: those of no job are.
        again: bool [J], whether those in flight finish, and have lost peers.
    """

    places: Int64
    at_s: Float64
    by: Int64
    after: Int64
    started: Flags
    cut: _Cut | None
    again: Flags


@dataclass(frozen=True)
class _Cut:
    """What is left of the trials that are told to stop at the end of their job. [..., N]

    Attributes:
        cut: bool, who stops before its last report; the others make it in time, or had been told
            to stop by a trial-level rule.
        rows: int64, the reports it makes.
        trained: float64, seconds it trains.
        ended: float64, the second at which its job ends.
    """

    cut: Flags
    rows: Int64
    trained: Float64
    ended: Float64


def _end(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    until: Until,
    places: Int64,
    run: OrderRun | OrderRuns,
) -> _End:
    """How jobs end that go on as in a run of at most `until.most` of the trials at `places`."""
    real, position = places >= 0, np.arange(places.shape[1])
    launched = real & (position < (until.most or len(position)))
    course = _course(plan, clock, costs, until, places, launched, run)
    met, by = _first_met(until.rules, course)
    rank = np.argsort(course.order, axis=1)
    started = (course.began < met.before[:, None]) | (rank <= met.last[:, None])
    # A trial of unknown start has started if one that was launched later has.
    later = np.logical_or.accumulate(started[:, ::-1], axis=1)[:, ::-1]
    unknown = np.isnan(course.began)
    started = launched & np.where(unknown, later | np.isinf(met.at)[:, None], started)
    in_flight = started & (course.ended > met.at[:, None])
    cuts = np.array([rule.in_flight == "cut" for rule in until.rules])[by] & (by >= 0)
    cut, acts = None, np.zeros(len(places), dtype=np.bool_)
    if (told := in_flight & cuts[:, None]).any():
        cut = _cut(told, met.at, course, places, plan.study, clock, costs, run)
        acts = (real & _of_places(cut.cut, places)).any(axis=1)
    left_out = (launched & ~started).any(axis=1)
    limits = [r.limit + r.beyond if r.ends_by == "launches" else np.inf for r in until.rules]
    bounds = int(np.argmin(limits)) if until.most is not None else -1
    bounded = np.where((real & ~launched).any(axis=1), bounds, -1)
    ended = np.where(met.last >= 0, met.last + 1, (course.ended <= met.at[:, None]).sum(axis=1))
    acts |= left_out
    timed = clock.mode != "order" or plan.study.elapsed is not None
    return _End(
        places=places,
        at_s=np.where(acts & timed, met.at, np.nan) - _or_zero(course.zero),
        by=np.where(acts, by, bounded),
        after=np.where(acts, ended, -1),
        started=started,
        cut=cut,
        again=left_out & in_flight.any(axis=1) & ~cuts & (plan.rule.against in LOOKS),
    )


def _first_met(rules: tuple[JobRule, ...], course: Course) -> tuple[Moment, Int64]:
    """The first moment at which one of the rules ends each job, and which; -1: none does. [J]"""
    jobs = len(course.ended)
    none = np.full(jobs, -1, dtype=np.int64)
    first, by = Moment(np.full(jobs, np.inf), np.full(jobs, np.inf), none), none.copy()
    for at, rule in enumerate(rules):
        if rule.ends_by == "launches":
            continue
        its = moment(rule, course)
        earlier = (its.at < first.at) | ((its.at == first.at) & (its.last < first.last))
        by[earlier] = at
        first = Moment(
            *(np.where(earlier, getattr(its, f), getattr(first, f)) for f in vars(first))
        )
    return first, by


def _course(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    until: Until,
    places: Int64,
    launched: Flags,
    run: OrderRun | OrderRuns,
) -> Course:
    """How jobs go on as in a run. One after another without times, each trial takes a second."""
    study = plan.study

    def table(values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        return np.where(launched, _of_places(values, places), nothing)

    if clock.mode == "order":
        job = np.ones(places.shape)
        if study.elapsed is not None:
            job = table(spent(study, costs, run)[1].job_seconds, 0.0) + costs.startup_s
        ended = np.cumsum(np.where(launched, job, 0.0), axis=1)
        gaps = np.zeros((1, 1))
        if study.elapsed is not None:
            gaps = slot_gaps(plan.batch, clock, costs)[:, None]
        ended = ended + gaps * np.arange(places.shape[1])
        began = np.hstack((np.zeros((len(ended), 1)), ended[:, :-1] + gaps))
        began, ended = np.where(launched, began, np.nan), np.where(launched, ended, np.inf)
    else:
        began, ended = (table(times, np.nan) for times in run.times)
        if clock.mode == "recorded":  # without reports and an end, nobody knows when it ended
            silent = (study.lengths == 0) & np.isnan(study.end)
            ended = np.where(table(silent, False), np.nan, ended)
        ended = np.where(np.isnan(began) | np.isnan(ended), np.inf, ended)
    failed = study.which(Status.FAILED) & ~run.stopped
    completed = study.which(Status.COMPLETED) & ~run.stopped

    def final(which: str) -> Float64:
        values = last_kept(study, final_values(study, which), run.rows_kept, np.nan)
        return study.sign * table(np.where(failed, np.nan, values), np.nan)

    def reported(value: float, beyond: bool) -> Float64:
        own, limit = study.sign * study.values, study.sign * value
        good = np.flatnonzero(own < limit if beyond else own <= limit)
        at = np.append(good, study.n_reports)[np.searchsorted(good, study.offsets[:-1])]
        makes = at - study.offsets[:-1] < run.rows_kept
        seconds = np.append(report_seconds(study), np.inf)[at]
        if study.elapsed is None and clock.mode == "order":
            seconds = np.zeros(len(seconds))  # each trial takes a second
        since = table(np.where(makes, seconds, np.inf), np.inf)
        found = began + _startup(clock, costs) + since
        return np.where(np.isnan(found), np.inf, found)

    return Course(
        began=began,
        ended=ended,
        final=final(until.final),
        best=final("best"),
        completed=table(completed, False),
        failed=table(failed, False),
        sign=study.sign,
        reported=reported,
    )


def _startup(clock: Clock, costs: Costs) -> float:
    """Seconds from the moment at which a trial takes its slot to its start."""
    return 0.0 if clock.mode == "recorded" else costs.startup_s


def _of_places(values: NDArray[Any], places: Int64) -> NDArray[Any]:
    """Values of trials [..., N] in the launch order of each job. [J, m]"""
    return values[places] if values.ndim == 1 else np.take_along_axis(values, places, axis=1)


def _of_trials(table: NDArray[Any], places: Int64, nothing: Any, run: OrderRun | OrderRuns) -> Any:
    """A table [J, m] as a value for each trial of a run, in the study's order. [..., N]"""
    found = np.full(run.rows_kept.shape, nothing, dtype=table.dtype)
    if found.ndim == 1:
        found[places[places >= 0]] = table[places >= 0]
    else:
        np.put_along_axis(found, places, table, axis=1)
    return found


def _cut(
    told: Flags,
    at: Float64,
    course: Course,
    places: Int64,
    study: Study,
    clock: Clock,
    costs: Costs,
    run: OrderRun | OrderRuns,
) -> _Cut:
    """Tell trials in flight to stop, bool [J, m]: as for a rule, they train on for its latency."""
    since = np.maximum(at[:, None] - course.began - _startup(clock, costs), 0.0)
    since = np.where(told, since + costs.stop_latency_s, np.inf)
    until = _of_trials(since, places, np.inf, run)
    which = np.nonzero(np.isfinite(until))
    rows = np.array(run.rows_kept, dtype=np.int64)
    rows[which] = rows_until(study, which[-1], until[which])
    stopped = run.trained
    if stopped is None:
        stopped = last_kept(study, report_seconds(study), run.rows_kept)
    cut = np.isfinite(until) & (rows < study.lengths)
    cut &= ~(run.stopped & (stopped <= until))
    trained = np.minimum(until, last_second(study))
    job = np.minimum(trained + uploads(study, costs), durations(study))
    began = _of_trials(course.began, places, np.nan, run) + _startup(clock, costs)
    return _Cut(cut, rows, trained, began + job)


def _applied(end: _End, study: Study, run: Run) -> Run:
    """A run, with trials that never start left out and those in flight cut."""
    started = _of_trials(end.started, end.places, False, run)
    rows, stopped, trained, cut = run.rows_kept, run.stopped & started, run.trained, end.cut
    began, ended = run.times
    is_cut = np.zeros(rows.shape, dtype=np.bool_)
    if cut is not None:
        is_cut, stopped = cut.cut, stopped & ~cut.cut
        if trained is None:
            trained = last_kept(study, report_seconds(study), rows)
        rows, trained = np.where(is_cut, cut.rows, rows), np.where(is_cut, cut.trained, trained)
        ended = np.where(is_cut, np.minimum(cut.ended, ended), ended)
    changed: dict[str, Any] = {
        "rows_kept": np.where(started, rows, 0).astype(np.int32),
        "stopped": stopped,
        "trained": trained,
        "end": JobEnds(
            by=end.by,
            at_s=end.at_s,
            after=end.after,
            started=started,
            cut=is_cut,
        ),
    }
    began, ended = np.where(started, began, np.nan), np.where(started, ended, np.nan)
    if isinstance(run, OrderRun):
        changed |= {
            "began": began,
            "ended": ended,
            "threshold": np.where(stopped, run.threshold, np.nan),
            "peers": np.where(stopped, run.peers, np.nan),
            "decided": np.where(stopped, run.decided, -1),
            "at_last": run.at_last & started & ~is_cut,
        }
    elif len(run.spans):
        changed["spans"] = np.stack((began, ended), axis=-1)
    return replace(run, **changed)


def _or_zero(seconds: Float64) -> Float64:
    """The start of jobs, 0 where none of their trials began."""
    return np.where(np.isfinite(seconds), seconds, 0.0)
