"""What a rule saves and costs in many launch orders at once: the summary's numbers as arrays.

O launch orders, N trials. NaN = unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esim.assumptions import Clock, Costs
from esim.simulator.outcomes import billed, finals_of, job_seconds, makespan
from esim.simulator.plan.build import Prepared
from esim.simulator.quality import degradation_is_known, quality
from esim.simulator.run import Runs
from esim.study import Float64, Study
from esim.study.times import last_kept, last_row, last_second


@dataclass(frozen=True)
class Scores:
    """The numbers of `esim.results.replay.Summary` that a comparison uses. float64 [O] each.

    `best_kept` is 1 if the best trial as recorded, or one as good, is not stopped; `first_stop` the
    earliest step at which a trial is stopped.
    """

    steps_saved_fraction: Float64
    seconds_saved_fraction: Float64
    billed_saved_fraction: Float64
    makespan_saved_fraction: Float64
    cost_saved_fraction: Float64
    degradation: Float64
    degradation_on_record: Float64
    degradation_normalized: Float64
    best_rank: Float64
    best_kept: Float64
    trials_stopped_fraction: Float64
    first_stop: Float64


def scores(
    prepared: Prepared, clock: Clock, costs: Costs, final: str, runs: Runs, baseline: Runs
) -> Scores:
    """Score runs beside the baseline's of the same orders."""
    study, orders = prepared.study, len(runs.stopped)
    steps = last_kept(study, study.steps.astype(np.float64), runs.rows_kept)
    recorded_steps = float(last_row(study, study.steps).sum())
    unknown = np.full(orders, np.nan)
    seconds_saved = billed_saved = cost_saved = unknown
    if study.elapsed is not None:
        ran = last_kept(study, study.elapsed, runs.rows_kept)
        seconds_saved = _saved(float(last_row(study, study.elapsed).sum()), ran.sum(axis=-1))
        before, after = billed(study, costs, ran, runs.stopped)
        billed_saved = _saved(float(before.sum()), after.sum(axis=-1))
        if costs.price is not None:
            hourly = costs.price * study.instance_count / 3600.0
            cost_saved = _saved(float((before * hourly).sum()), (after * hourly).sum(axis=-1))
    stop_steps = np.where(runs.stopped, steps, np.inf).min(axis=-1, initial=np.inf)
    return Scores(
        steps_saved_fraction=_saved(recorded_steps, steps.sum(axis=-1)),
        seconds_saved_fraction=seconds_saved,
        billed_saved_fraction=billed_saved,
        makespan_saved_fraction=_makespan_saved(study, clock, costs, runs, baseline),
        cost_saved_fraction=cost_saved,
        **_quality(prepared, final, runs),
        trials_stopped_fraction=runs.stopped.mean(axis=-1) if study.n_trials else unknown,
        first_stop=np.where(np.isfinite(stop_steps), stop_steps, np.nan),
    )


def _saved(recorded: float | Float64, run: Float64) -> Float64:
    """`esim.results.replay.saved_fraction` of arrays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Float64 = np.where(np.greater(recorded, 0), 1.0 - run / recorded, np.nan)
    return np.where(np.isfinite(share), share, np.nan)


def _makespan_saved(
    study: Study, clock: Clock, costs: Costs, runs: Runs, baseline: Runs
) -> Float64:
    if clock.mode == "order":
        if study.elapsed is None:
            return np.full(len(runs.stopped), np.nan)
        ran = last_kept(study, study.elapsed, runs.rows_kept)
        recorded, after = job_seconds(study, costs, ran, runs.stopped)
        startup = costs.startup_s * study.n_trials
        return _saved(float(recorded.sum() + startup), after.sum(axis=-1) + startup)
    ended = baseline.spans[..., 1]
    known, last = np.isfinite(ended), last_second(study)
    before = makespan(last, known, baseline.spans[..., 0], ended)
    after = makespan(last, known, runs.spans[..., 0], runs.spans[..., 1])
    return _saved(before, after)


def _quality(prepared: Prepared, final: str, runs: Runs) -> dict[str, Float64]:
    study = prepared.study
    recorded = finals_of(study, final, prepared.all_rows())
    finals = finals_of(study, final, runs.rows_kept)
    found = quality(study, recorded, finals, runs.stopped)
    unknown = np.full(len(runs.stopped), np.nan)
    keys = ("degradation", "degradation_on_record", "degradation_normalized", "best_rank")
    if not found.known.all():
        return dict.fromkeys((*keys, "best_kept"), unknown)
    known = degradation_is_known(study)
    scaled = known and np.isfinite(found.spread) and found.spread > 0
    return {
        "degradation": found.on_record if known else unknown,
        "degradation_on_record": found.on_record,
        "degradation_normalized": found.on_record / found.spread if scaled else unknown,
        "best_rank": found.rank.astype(np.float64),
        "best_kept": found.best_kept.astype(np.float64),
    }
