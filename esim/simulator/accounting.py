"""What a replay saved and lost, for one launch order and for many: the one place it is computed.

J jobs are accounted for together. They are the studies of a batch, each in its own launch order or
in several, or many jobs of one study, each in a launch order of its own. J may be a shape, such as
launch orders x studies. The same rules hold for all:

- What a trial takes is unknown if the log does not tell it; what no trial takes is 0. Money is
  unknown without a price, and a makespan where no trial began.
- A total is unknown if any part of it is, or if it is not finite. A share is unknown if either of
  its totals is, or if nothing was recorded.
- What is left of the best: see `esim.simulator.best.Quality`.
- Unknown is NaN in arrays, and None in a summary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.results.replay import BestTrial, Summaries, Summary
from esim.results.trial_columns import TrialColumns
from esim.results.validate import validate_jobs
from esim.rules import JobRule
from esim.simulator.best import BestTrials, Finals, Quality, quality
from esim.simulator.jobs import slot_gaps
from esim.simulator.run import JobEnds, OrderRun, OrderRuns
from esim.simulator.trial_outcomes import TrialOutcomes, outcomes_of_trials
from esim.study import Float64, Int64, Status, Study
from esim.study.batch import Batch, rows_of
from esim.study.facts import cut_short
from esim.study.times import last_second

# What a job spends -> the outcomes' keys: as recorded, under the rule, the share that is saved.
SPENT = {
    "steps": ("steps_recorded", "steps_run", "steps_saved_fraction"),
    "seconds": ("seconds_recorded", "seconds_run", "seconds_saved_fraction"),
    "billed_seconds": ("billed_seconds_recorded", "billed_seconds_run", "billed_saved_fraction"),
    "cost": ("cost_recorded", "cost", "cost_saved_fraction"),
    "makespan_s": ("makespan_recorded_s", "makespan_s", "makespan_saved_fraction"),
}


class Jobs(Protocol):
    """Which trials each of J jobs launches. `esim.study.batch.Batch` is one."""

    @property
    def sizes(self) -> Int64:
        """How many trials each launches. int64 [J]"""

    def sums(self, values: NDArray[Any]) -> Sequence[Any] | NDArray[Any]:
        """Values of trials added up over each job, flags counted. [J], or [] if all are alike"""

    def table(self, values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        """Values of trials as a row a job, `nothing` behind its last. [J, m], or [m] if alike"""


@dataclass(frozen=True)
class OrdersOfStudies:
    """Jobs that launch every trial of one of S studies, each in O launch orders: J is [O, S].

    Values of their N trials are [N] if they are alike in all launch orders, else [O, N]. They are
    added up in each study's own order, as for a single replay, and of several best trials the first
    is the one that is first in its study.

    Attributes:
        batch: the studies.
        orders: O.
    """

    batch: Batch
    orders: int

    @property
    def sizes(self) -> Int64:
        """int64 [O, S]."""
        return np.broadcast_to(self.batch.sizes, (self.orders, len(self.batch)))

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """See `Jobs`; [S] if the launch orders are alike."""
        return _sums(values, self.batch.sizes, self.batch.widest)

    def table(self, values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        """See `Jobs`; [S, m] if the launch orders are alike, m the trials of the largest study."""
        return rows_of(values, self.batch.sizes, self.batch.widest, nothing)


@dataclass(frozen=True)
class Launches:
    """Jobs of some trials of one of S studies, each in O launch orders: J is [O, S].

    Values of the N trials are [N] if alike in all launch orders, else [O, N]. They are added up in
    launch order.

    Attributes:
        batch: the studies.
        orders: int64 [O, sum of m], the trials that each order launches, one study's after
            another's.
        launched: int64 [S], m, how many of them are of each study.
    """

    batch: Batch
    orders: Int64
    launched: Int64

    @property
    def sizes(self) -> Int64:
        """int64 [O, S]."""
        return np.broadcast_to(self.launched, (len(self.orders), len(self.launched)))

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """See `Jobs`."""
        return _sums(self._taken(values), self.launched, self._longest)

    def table(self, values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        """See `Jobs`; m is of the longest job."""
        return rows_of(self._taken(values), self.launched, self._longest, nothing)

    @cached_property
    def _longest(self) -> int:
        return int(self.launched.max(initial=0))

    def _taken(self, values: NDArray[Any]) -> NDArray[Any]:
        if values.ndim == 1:
            return values.take(self.orders)
        rows = np.arange(len(values)) * values.shape[-1]
        return np.asarray(values.take(rows[:, None] + self.orders))  # half np.take_along_axis' time


def _sums(values: NDArray[Any], sizes: Int64, widest: int) -> NDArray[Any]:
    """Values of the trials of S jobs after one another, added up over each. [..., S]"""
    if values.shape[-1] == len(sizes) * widest:
        return np.asarray(rows_of(values, sizes, widest, None).sum(axis=-1))
    its = pairwise(accumulate(sizes.tolist(), initial=0))
    return np.stack([values[..., a:b].sum(axis=-1) for a, b in its], axis=-1)


@dataclass(frozen=True)
class Outcomes(Quality):
    """What a rule saved and lost in J jobs, by the keys of `esim.results.replay.Summary`.

    float64 [J] each, NaN = unknown, but for the counts of trials, int64 [J], the bounds, float64
    [J, 2], NaN where no trial was cut short, and the best trials. What concerns the best is told by
    `Quality`. `ended_by` is the position of a job-level rule, which a summary names.
    """

    trials: Int64
    trials_stopped: Int64
    trials_censored: Int64
    trials_not_started: Int64
    trials_cut: Int64
    ended_by: Float64
    ended_after: Float64
    ended_at_s: Float64
    steps_recorded: Float64
    steps_run: Float64
    steps_saved_fraction: Float64
    steps_saved_fraction_bounds: Float64
    seconds_recorded: Float64
    seconds_run: Float64
    seconds_saved_fraction: Float64
    billed_seconds_recorded: Float64
    billed_seconds_run: Float64
    billed_saved_fraction: Float64
    makespan_recorded_s: Float64
    makespan_s: Float64
    makespan_saved_fraction: Float64
    cost_recorded: Float64
    cost: Float64
    cost_saved_fraction: Float64

    @property
    def trials_stopped_fraction(self) -> Float64:
        """Share of the trials that the rule stops; NaN in a job of no trials. float64 [J]"""
        share: Float64 = self.trials_stopped / np.where(self.trials > 0, self.trials, np.nan)
        return share

    @classmethod
    def joined(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """The outcomes of several lots of jobs, one lot after another."""
        return cls._made_of(parts, np.concatenate)

    def of(self, jobs: Any) -> Outcomes:
        """The outcomes of some of the jobs, `jobs` an index of them."""
        return self._made_of([self], lambda columns: columns[0][jobs])

    @classmethod
    def _made_of(cls, parts: Sequence[Outcomes], make: Callable[[list[Any]], Any]) -> Outcomes:
        """What `make` makes of each column of some outcomes."""

        def made(columns: list[Any]) -> Any:
            if isinstance(columns[0], BestTrials):
                return BestTrials(
                    make([best.place for best in columns]), make([best.value for best in columns])
                )
            return make(columns)

        return cls(**{name: made([getattr(p, name) for p in parts]) for name in vars(parts[0])})

    def spent(self, what: str) -> tuple[Float64, Float64]:
        """What each job spends of a key of `SPENT`, as recorded and under the rule. [J] each"""
        recorded, run, _ = SPENT[what]
        return getattr(self, recorded), getattr(self, run)


def outcomes(
    jobs: Jobs,
    study: Study,
    clock: Clock,
    costs: Costs,
    trials: TrialOutcomes,
    run: OrderRun | OrderRuns,
    baseline: OrderRun | OrderRuns,
) -> Outcomes:
    """What a rule saved and lost in each job.

    Args:
        jobs: which of the study's trials each job launches.
        study: whose trials they are; of a batch, all studies as one.
        clock: of the replays.
        costs: of the jobs; without a price, money is unknown.
        trials: what each trial takes and how it ends.
        run: the replays under the rule.
        baseline: the same without a rule.

    Raises:
        EsimError: a number breaks a bound that none can break (`esim.results.validate`).
    """
    lasted = makespans(jobs, study, clock, costs, trials, run, baseline)
    return outcomes_of_jobs(jobs, study, costs, trials, run.end, lasted)


@dataclass(frozen=True)
class Lot:
    """Launch orders of all trials of some studies that were replayed together.

    Attributes:
        clock: of the replays.
        runs: the replays under the rule.
        baseline: the same without a rule.
    """

    clock: Clock
    runs: OrderRuns
    baseline: OrderRuns


def outcomes_of_lots(
    batch: Batch, costs: Costs, final: str, lots: Sequence[Lot]
) -> tuple[Outcomes, TrialOutcomes]:
    """What a rule saved and lost in each launch order of some lots, one lot after another. [O, S]

    Most of the time that outcomes take is in the calls, whatever the number of launch orders: five
    lots together take a third of what they take one by one.

    Args:
        batch: the S studies whose trials they are.
        costs: of the jobs.
        final: which reported value is a trial's final one, "last" or "best".
        lots: the launch orders.
    """
    study = batch.whole
    run = OrderRuns.joined(study, [lot.runs for lot in lots])
    trials = outcomes_of_trials(study, costs, final, run)
    lasted, first = [], 0
    for lot in lots:
        last = first + len(lot.runs.stopped)
        jobs, its = OrdersOfStudies(batch, last - first), trials.of_orders(first, last)
        lasted.append(makespans(jobs, study, lot.clock, costs, its, lot.runs, lot.baseline))
        first = last
    recorded, under_rule = map(np.concatenate, zip(*lasted, strict=True))
    jobs = OrdersOfStudies(batch, first)
    return outcomes_of_jobs(jobs, study, costs, trials, run.end, (recorded, under_rule)), trials


@np.errstate(invalid="ignore", divide="ignore", over="ignore")
def outcomes_of_jobs(
    jobs: Jobs,
    study: Study,
    costs: Costs,
    trials: TrialOutcomes,
    end: JobEnds | None,
    lasted: tuple[Float64, Float64],
) -> Outcomes:
    """`outcomes`, where it is known how long each job lasted.

    Args:
        jobs, study, costs, trials: as of `outcomes`.
        end: how job-level rules ended the jobs.
        lasted: the jobs' `makespans`.
    """
    # What is recorded, what is spent under the rule, and the share saved.
    shape = jobs.sizes.shape
    amounts = np.full((3, len(SPENT), *shape), np.nan)
    for at, what in enumerate(SPENT):
        if what == "makespan_s":
            amounts[:2, at] = lasted
        elif what != "cost" or costs.price is not None:
            amounts[0, at] = jobs.sums(getattr(trials.recorded, what))
            amounts[1, at] = jobs.sums(getattr(trials.run, what))
    amounts[:2][~np.isfinite(amounts[:2])] = np.nan
    amounts[2] = _saved(amounts[0], amounts[1])
    counts = np.zeros((4, *shape), dtype=np.int64)
    counts[0], counts[1] = jobs.sums(trials.stopped), jobs.sums(study.censored)
    early = trials.stopped
    if end is not None:
        counts[2], counts[3] = jobs.sums(~end.started), jobs.sums(end.cut)
        early = early | end.cut
    best = quality(
        Finals(
            sign=study.sign,
            recorded=jobs.table(trials.final_recorded, np.nan),
            failed=jobs.table(study.which(Status.FAILED), False),
            cut_short=jobs.table(cut_short(study), False),
            run=jobs.table(trials.final, np.nan),
            stopped=jobs.table(early, False),
        )
    )
    by_key = {
        key: row
        for keys, rows in zip(SPENT.values(), amounts.swapaxes(0, 1), strict=True)
        for key, row in zip(keys, rows, strict=True)
    }
    found = Outcomes(
        **vars(best),
        **by_key,
        trials=jobs.sizes,
        trials_stopped=counts[0],
        trials_censored=counts[1],
        trials_not_started=counts[2],
        trials_cut=counts[3],
        ended_by=_told(jobs, None if end is None else np.where(end.by < 0, np.nan, end.by)),
        ended_after=_told(
            jobs, None if end is None else np.where(end.after < 0, np.nan, end.after)
        ),
        ended_at_s=_told(jobs, None if end is None else end.at_s),
        steps_saved_fraction_bounds=_bounds(jobs, study, trials),
    )
    longest = _longest_trial(jobs, study, trials)
    where = f"study {study.name!r}" if study.name else None
    validate_jobs({**vars(found), "longest_trial_s": longest, "ranks": jobs.sizes + 1}, where)
    return found


def _longest_trial(jobs: Jobs, study: Study, trials: TrialOutcomes) -> Float64:
    """Seconds that each job takes at least under the rule, those of its longest trial. [J]

    A trial that was still running is left out: a makespan knows it up to its last report only.
    """
    ended = np.where(study.which(Status.RUNNING), 0.0, trials.run.job_seconds)
    longest: Float64 = np.maximum.reduce(jobs.table(ended, 0.0), axis=-1, initial=0.0)
    return longest


def _told(jobs: Jobs, values: Float64 | None) -> Float64:
    """What job-level rules tell of each job; None: unknown. [J]"""
    shape = jobs.sizes.shape
    return np.full(shape, np.nan) if values is None else values.reshape(shape)


def _saved(recorded: Float64, run: Float64) -> Float64:
    """1 - run / recorded; NaN if either is unknown or nothing was recorded."""
    saved = 1.0 - run / recorded
    return np.where((recorded > 0) & np.isfinite(saved), saved, np.nan)


@np.errstate(invalid="ignore", over="ignore")
def makespans(
    jobs: Jobs,
    study: Study,
    clock: Clock,
    costs: Costs,
    trials: TrialOutcomes,
    run: OrderRun | OrderRuns,
    baseline: OrderRun | OrderRuns,
) -> tuple[Float64, Float64]:
    """Seconds from the first start to the last end of each job, without and with the rule. [J]

    One after another, that is what all jobs take together, with the gaps between them
    (`esim.simulator.jobs.slot_gaps`). By a clock with times, a trial whose
    recorded end is unknown was still running: it is known up to its last report, stopped or not.
    Not finite if no trial began. The arguments are those of `outcomes`.
    """
    if clock.mode == "order":
        batch = jobs.batch if isinstance(jobs, OrdersOfStudies | Launches) else jobs
        assert isinstance(batch, Batch)
        gaps = slot_gaps(batch, clock, costs)
        between = gaps * (jobs.sizes - 1)
        around = np.where(jobs.sizes > 0, costs.startup_s * jobs.sizes + between, np.nan)
        recorded, under_rule = trials.recorded.job_seconds, trials.run.job_seconds
        left = around
        if run.end is not None:
            left_out = np.asarray(jobs.sums(~run.end.started))
            left = around - costs.startup_s * left_out - gaps * left_out
        return jobs.sums(recorded) + around, jobs.sums(under_rule) + left
    known = jobs.table(np.isfinite(baseline.times[1]), False)
    last = jobs.table(last_second(study), 0.0)

    def span(played: OrderRun | OrderRuns) -> Float64:
        start, end = (jobs.table(times, np.nan) for times in played.times)
        begun = np.isfinite(start)
        end = np.where(known, end, np.minimum(end, start + last))
        first = np.where(begun, start, np.inf).min(axis=-1, initial=np.inf)
        found: Float64 = np.where(begun, end, -np.inf).max(axis=-1, initial=-np.inf) - first
        return found

    return span(baseline), span(run)


def _bounds(jobs: Jobs, study: Study, trials: TrialOutcomes) -> Float64:
    """What the saved share of steps could be had the censored trials gone on. [J, 2]

    A censored trial would have reached at most its job's longest step. Worst: those the rule did
    not stop within their record run on to it; best: the rule stops each right where its record
    ends, and all that is beyond is saved. The other trials' decisions are held as replayed.
    """
    cut = cut_short(study)
    if not cut.any():
        return np.full((*jobs.sizes.shape, 2), np.nan)
    cut, steps = jobs.table(cut, False), jobs.table(trials.recorded.steps, 0.0)
    beyond = np.where(cut, steps.max(axis=-1, keepdims=True, initial=0.0) - steps, 0.0)
    early = trials.stopped
    if trials.started is not None and trials.cut is not None:
        early = early | trials.cut | ~trials.started
    unstopped = np.where(jobs.table(early, False), 0.0, beyond).sum(axis=-1)
    recorded, run = (np.asarray(jobs.sums(t.steps)) for t in (trials.recorded, trials.run))
    worst = _saved(recorded + unstopped, run + unstopped)
    best = _saved(recorded + beyond.sum(axis=-1), run)
    known = cut.any(axis=-1) & (recorded > 0)
    return np.where(known[..., None], np.stack([worst, best], axis=-1), np.nan)


_KEYS = tuple(field.name for field in fields(Summary))
_COUNTS = (
    "trials",
    "trials_stopped",
    "trials_censored",
    "trials_not_started",
    "trials_cut",
    "ended_after",
    "steps_recorded",
    "steps_run",
    "best_rank",
)


def summaries(
    found: Outcomes,
    batch: Batch,
    clock: Clock,
    costs: Costs,
    trials: TrialColumns,
    until: Sequence[JobRule] = (),
) -> Summaries:
    """The outcomes of a batch's studies as columns of summaries: None where a number is unknown.

    Args:
        found: a job for each study.
        batch: the studies.
        clock: of the replays.
        costs: whose currency is told where there is a price.
        trials: of all studies.
        until: the job-level rules.
    """
    columns: dict[str, list[Any]] = {}
    column: Any
    for name in _KEYS:
        if name == "currency":
            currency = None if costs.price is None else costs.currency
            columns[name] = [currency] * len(batch)
            continue
        if name == "trials_stopped_at_last":
            columns[name] = batch.sums(trials.stopped_at_last)
            continue
        if name == "slot_gap_s":
            gaps = slot_gaps(batch, clock, costs)
            column = np.where(np.isnan(found.makespan_recorded_s), np.nan, gaps)
        else:
            column = getattr(found, name)
        if name == "ended_by":
            columns[name] = [None if at != at else until[int(at)].text for at in column.tolist()]
        elif isinstance(column, BestTrials):
            best = (batch.trials[:-1] + column.place).tolist()
            columns[name] = [
                None if v != v else BestTrial(batch.whole.trials[i], v)
                for i, v in zip(best, column.value.tolist(), strict=True)
            ]
        elif name == "steps_saved_fraction_bounds":
            columns[name] = [None if low != low else (low, high) for low, high in column.tolist()]
        else:
            told = int if name in _COUNTS else bool if name == "best_trial_stopped" else float
            columns[name] = [None if v != v else told(v) for v in column.tolist()]
    return columns
