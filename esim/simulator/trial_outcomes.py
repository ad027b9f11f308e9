"""What each trial takes and how it ends, as recorded and under a rule, in one launch order or many.

N trials. [..., N] is [N] for one launch order, [O, N] for many. Unknown is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.results.trial_columns import TrialColumns
from esim.simulator.jobs import uploads
from esim.simulator.plan.statistics import final_values
from esim.simulator.run import OrderRun, OrderRuns
from esim.study import Float64, Study
from esim.study.times import durations, last_kept


@dataclass(frozen=True)
class Spent:
    """What each trial takes, float64 [N] or [..., N]; NaN without report times or a price.

    Attributes:
        steps: units of training done.
        seconds: of training.
        job_seconds: from the start of its job to its end, start-up left out.
        billed_seconds: of its job, start-up included.
        cost: in the price's currency.
    """

    steps: Float64
    seconds: Float64
    job_seconds: Float64
    billed_seconds: Float64
    cost: Float64


@dataclass(frozen=True)
class TrialOutcomes:
    """What each trial takes and how it ends, as recorded [N] and under the rule [..., N].

    Attributes:
        stopped: bool [..., N], the rule stops it.
        started, cut: bool [..., N], whether it starts, and whether it is cut in flight as a
            job-level rule ends the job; None: all start, and none is cut.
        final_recorded, final: float64, its final value; NaN if it has none.
    """

    stopped: NDArray[np.bool_]
    recorded: Spent
    run: Spent
    final_recorded: Float64
    final: Float64
    started: NDArray[np.bool_] | None = None
    cut: NDArray[np.bool_] | None = None

    def of_orders(self, first: int, last: int) -> TrialOutcomes:
        """Those of some of many launch orders: of `first` to `last` - 1."""
        run = Spent(**{name: value[first:last] for name, value in vars(self.run).items()})
        return replace(
            self,
            stopped=self.stopped[first:last],
            run=run,
            final=self.final[first:last],
            started=None if self.started is None else self.started[first:last],
            cut=None if self.cut is None else self.cut[first:last],
        )


def outcomes_of_trials(
    study: Study, costs: Costs, final: str, run: OrderRun | OrderRuns
) -> TrialOutcomes:
    """What each trial takes and how it ends.

    Args:
        study: whose trials they are; of a batch, all studies as one.
        costs: of the jobs.
        final: which reported value is a trial's final one, "last" or "best".
        run: the replay under the rule, in one launch order or in many.
    """
    recorded, under_rule = spent(study, costs, run)
    values = final_values(study, final)
    return TrialOutcomes(
        stopped=run.stopped,
        recorded=recorded,
        run=under_rule,
        final_recorded=last_kept(study, values, study.lengths, np.nan),
        final=last_kept(study, values, run.rows_kept, np.nan),
        started=None if run.end is None else run.end.started,
        cut=None if run.end is None else run.end.cut,
    )


@np.errstate(over="ignore")  # of money, which is then unknown
def spent(study: Study, costs: Costs, run: OrderRun | OrderRuns) -> tuple[Spent, Spent]:
    """What each trial takes, as recorded [N] and under the rule [..., N].

    A stopped trial trains until the stop has taken effect, and its job ends after the upload, but
    never later than it did. So does a trial that is cut in flight; one that never starts takes
    nothing. Billed is what the record says was billed; of a job that the rule stops
    the same share as of its counted seconds. Where the record does not say, it is the seconds that
    are counted: whole ones where the job's start and end were recorded, as SageMaker does it,
    trunc(end) - trunc(start). The arguments are those of `outcomes_of_trials`.
    """
    rows, rows_kept, end = study.lengths, run.rows_kept, run.end
    stopped = run.stopped if end is None else run.stopped | end.cut
    steps = study.resource
    all_steps, steps_run = (
        last_kept(study, steps, made).astype(np.float64) for made in (rows, rows_kept)
    )
    if study.elapsed is None:
        recorded, under_rule = _without_times(study, costs, all_steps, steps_run, stopped)
        return recorded, under_rule if end is None else _of_started(under_rule, end.started)
    seconds, seconds_run = (last_kept(study, study.elapsed, made) for made in (rows, rows_kept))
    whole = durations(study)
    if run.trained is not None:
        seconds_run = np.where(stopped, run.trained, seconds_run)
    cut = np.minimum(whole, seconds_run + uploads(study, costs, whole))
    clocked = np.isfinite(study.start) & np.isfinite(study.end)
    start = np.where(clocked, study.start, 0.0)
    from_whole = np.floor(start)
    hourly = _hourly(study, costs)

    def counted(job: Float64) -> Float64:
        found: Float64 = np.where(clocked, np.floor(start + job) - from_whole, job)
        return costs.startup_s + found

    counted_whole = counted(whole)

    def taken(steps: Float64, seconds: Float64, job: Float64) -> Spent:
        billed = counted(job)
        if study.billed is not None:
            of_record = study.billed * billed / np.where(counted_whole > 0, counted_whole, np.nan)
            of_record = np.where(counted_whole > 0, of_record, study.billed)
            billed = np.where(np.isnan(study.billed), billed, of_record)
        return Spent(steps, seconds, job, billed, billed * hourly)

    under_rule = taken(steps_run, seconds_run, np.where(stopped, cut, whole))
    if end is not None:
        under_rule = _of_started(under_rule, end.started)
    return taken(all_steps, seconds, whole), under_rule


def _of_started(spent: Spent, started: NDArray[np.bool_]) -> Spent:
    """What trials take of which some never start. What cannot be known of them is 0."""
    return Spent(**{key: np.where(started, value, 0.0) for key, value in vars(spent).items()})


def _without_times(
    study: Study,
    costs: Costs,
    steps: Float64,
    steps_run: Float64,
    stopped: NDArray[np.bool_],
) -> tuple[Spent, Spent]:
    """`spent` of a study without report times: of seconds nothing is known but what was billed.

    What a job would have been billed that the rule stops is unknown.
    """
    unknown, unknown_run = (np.full(known.shape, np.nan) for known in (steps, steps_run))
    billed = unknown if study.billed is None else study.billed
    billed_run = np.where(stopped, np.nan, billed)
    hourly = _hourly(study, costs)
    return (
        Spent(steps, unknown, unknown, billed, billed * hourly),
        Spent(steps_run, unknown_run, unknown_run, billed_run, billed_run * hourly),
    )


def _hourly(study: Study, costs: Costs) -> Float64:
    """What a second of each trial's job costs, float64 [N]; NaN without a price."""
    price = np.nan if costs.price is None else costs.price
    return np.asarray(price * study.instance_count / 3600.0, dtype=np.float64)


def columns_of(
    study: Study, clock: Clock, trials: TrialOutcomes, run: OrderRun, baseline: OrderRun
) -> TrialColumns:
    """What became of each trial in one replay, as columns of the result. [N]

    Args:
        study: whose trials they are; of a batch, all studies as one.
        clock: of the replay; in launch order, jobs have no start and end.
        trials: what each trial takes and how it ends under the run.
        run: the replay under the rule.
        baseline: the same without a rule.
    """
    unknown = np.full(study.n_trials, np.nan)
    steps_run = trials.run.steps.astype(np.int64)
    timed = clock.mode != "order" and (study.elapsed is not None or clock.mode == "simulated")
    return TrialColumns(
        trial=study.trials,
        stopped=run.stopped,
        stopped_at_last=run.at_last,
        stop_step=np.where(run.stopped, steps_run - study.done_at_zero, -1),
        steps_recorded=trials.recorded.steps.astype(np.int64),
        steps_run=steps_run,
        seconds_recorded=trials.recorded.seconds,
        seconds_run=trials.run.seconds,
        final_value_recorded=trials.final_recorded,
        final_value=trials.final,
        threshold=run.threshold,
        peers=np.where(run.stopped, run.peers, -1).astype(np.int64),
        censored=study.censored,
        reports_kept=run.rows_kept.astype(np.int64),
        start_s=run.began if timed else unknown,
        end_recorded_s=baseline.ended if timed else unknown,
        end_s=run.ended if timed else unknown,
        start_recorded_s=baseline.began if timed else unknown,
        started=np.ones(study.n_trials, dtype=np.bool_) if run.end is None else run.end.started,
        cut=np.zeros(study.n_trials, dtype=np.bool_) if run.end is None else run.end.cut,
    )
