"""What was saved and what it cost: a replay beside its baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esim.caveats import caveats_of
from esim.clocks import Clock, durations, last_row, last_second, stop_overheads
from esim.costs import Costs
from esim.prepare import Prepared, final_values
from esim.results import BestTrial, ReplayResult, Summary, TrialColumns, saved_fraction
from esim.study import Float64, Status, Study

if TYPE_CHECKING:
    from esim.replay import Run


def result(
    prepared: Prepared,
    clock: Clock,
    costs: Costs,
    final: str,
    run: Run,
    baseline: Run,
    trace: Callable[[], Mapping[str, Any]],
) -> ReplayResult:
    """The result of one replay."""
    study = prepared.study
    columns = _columns(prepared, run, baseline, clock, final)
    summary = _summary(study, clock, costs, run, columns)
    return ReplayResult(
        study=study.name,
        objective=study.objective,
        direction=study.direction,
        rule=prepared.rule,
        clock=clock,
        costs=costs,
        final=final,
        summary=summary,
        columns=columns,
        warnings=tuple(caveats_of(study, prepared.rule, clock, costs, summary, columns)),
        trace=trace,
    )


def _columns(prepared: Prepared, run: Run, baseline: Run, clock: Clock, final: str) -> TrialColumns:
    study = prepared.study
    first = study.offsets[:-1]
    last_kept = np.where(run.rows_kept > 0, first + run.rows_kept - 1, 0)

    def at_last_kept(column: NDArray[Any], otherwise: float) -> NDArray[Any]:
        values = np.full(study.n_trials, otherwise, dtype=column.dtype)
        ran = run.rows_kept > 0
        values[ran] = column[last_kept[ran]]
        return values

    seconds = study.elapsed
    unknown = np.full(study.n_trials, np.nan)
    steps_run = at_last_kept(study.steps, 0)
    timed = clock.mode != "order" and (study.elapsed is not None or clock.mode == "simulated")
    recorded_finals, finals = _finals(study, run, final)
    return TrialColumns(
        trial=study.trials,
        stopped=run.stopped,
        stop_step=np.where(run.stopped, steps_run, -1),
        steps_recorded=last_row(study, study.steps),
        steps_run=steps_run,
        seconds_recorded=unknown if seconds is None else last_row(study, seconds),
        seconds_run=unknown if seconds is None else at_last_kept(seconds, 0.0),
        final_value_recorded=recorded_finals,
        final_value=finals,
        threshold=run.threshold,
        peers=np.where(run.stopped, np.nan_to_num(run.peers, nan=-1), -1).astype(np.int64),
        censored=study.censored,
        reports_kept=run.rows_kept.astype(np.int64),
        start_recorded_s=baseline.began if timed else unknown,
        end_recorded_s=baseline.ended if timed else unknown,
        start_s=run.began if timed else unknown,
        end_s=run.ended if timed else unknown,
    )


def _finals(study: Study, run: Run, final: str) -> tuple[Float64, Float64]:
    """Each trial's final value as recorded and as it ends under the rule; NaN if it has none."""
    upto = final_values(study, final)
    rows = np.diff(study.offsets)

    def pick(count: NDArray[Any]) -> Float64:
        finals = np.full(study.n_trials, np.nan)
        any_row = count > 0
        finals[any_row] = upto[(study.offsets[:-1] + count - 1)[any_row]]
        return finals

    return pick(rows), pick(run.rows_kept)


def _summary(study: Study, clock: Clock, costs: Costs, run: Run, columns: TrialColumns) -> Summary:
    steps_recorded, steps_run = int(columns.steps_recorded.sum()), int(columns.steps_run.sum())
    seconds_recorded = seconds_run = None
    if study.elapsed is not None:
        seconds_recorded = float(columns.seconds_recorded.sum())
        seconds_run = float(columns.seconds_run.sum())
    billed_recorded, billed_run = _billed(study, costs, columns)
    billed = _known_sum(billed_recorded), _known_sum(billed_run)
    money: tuple[float | None, float | None] = (None, None)
    if costs.price is not None:
        hourly = costs.price * study.instance_count / 3600.0
        money = _known_sum(billed_recorded * hourly), _known_sum(billed_run * hourly)
    makespans = _makespans(study, clock, costs, columns)
    return Summary(
        trials=study.n_trials,
        trials_stopped=int(run.stopped.sum()),
        trials_censored=int(study.censored.sum()),
        steps_recorded=steps_recorded,
        steps_run=steps_run,
        steps_saved_fraction=saved_fraction(steps_recorded, steps_run),
        steps_saved_fraction_bounds=_bounds(study, columns),
        seconds_recorded=seconds_recorded,
        seconds_run=seconds_run,
        seconds_saved_fraction=saved_fraction(seconds_recorded, seconds_run),
        billed_seconds_recorded=billed[0],
        billed_seconds_run=billed[1],
        billed_saved_fraction=saved_fraction(*billed),
        makespan_recorded_s=makespans[0],
        makespan_s=makespans[1],
        makespan_saved_fraction=saved_fraction(*makespans),
        cost_recorded=money[0],
        cost=money[1],
        cost_saved_fraction=saved_fraction(*money),
        currency=costs.currency if costs.price is not None else None,
        **_quality(study, run, columns),
    )


def _known_sum(values: Float64) -> float | None:
    total = float(values.sum())
    return total if np.isfinite(total) else None


def _job_seconds(study: Study, costs: Costs, columns: TrialColumns) -> tuple[Float64, Float64]:
    """Seconds of each trial's job from its start, as recorded and as run."""
    recorded = durations(study)
    stopped = np.minimum(recorded, columns.seconds_run + stop_overheads(study, costs))
    return recorded, np.where(columns.stopped, stopped, recorded)


def _billed(study: Study, costs: Costs, columns: TrialColumns) -> tuple[Float64, Float64]:
    """Billed seconds of each trial's job, recorded and run; NaN without report times.

    Whole seconds where the job's start and end were recorded, as SageMaker counts them:
    trunc(end) - trunc(start).
    """
    if study.elapsed is None:
        unknown = np.full(study.n_trials, np.nan)
        return unknown, unknown
    recorded, ran = _job_seconds(study, costs, columns)
    clocked = np.isfinite(study.start) & np.isfinite(study.end)

    def whole(seconds: Float64) -> Float64:
        start = np.where(clocked, study.start, 0.0)
        return np.where(clocked, np.floor(start + seconds) - np.floor(start), seconds)

    return costs.startup_s + whole(recorded), costs.startup_s + whole(ran)


def _makespans(
    study: Study, clock: Clock, costs: Costs, columns: TrialColumns
) -> tuple[float | None, float | None]:
    """Seconds from the first start to the last end, without and with the rule."""
    if study.n_trials == 0:
        return None, None
    if clock.mode == "order":
        if study.elapsed is None:
            return None, None
        recorded, ran = _job_seconds(study, costs, columns)
        startup = costs.startup_s * study.n_trials
        return float(recorded.sum() + startup), float(ran.sum() + startup)
    last_report = last_second(study)
    spans: list[float | None] = []
    for start, end in (
        (columns.start_recorded_s, columns.end_recorded_s),
        (columns.start_s, columns.end_s),
    ):
        # A trial still running when it was recorded is known up to its last report, stopped or not.
        known = np.isfinite(columns.end_recorded_s)
        known_end = np.where(known, end, np.minimum(end, start + last_report))
        begun = np.isfinite(start)
        spans.append(float(known_end[begun].max() - start[begun].min()) if begun.any() else None)
    return spans[0], spans[1]


def _bounds(study: Study, columns: TrialColumns) -> tuple[float, float] | None:
    """What the saved share of steps could be had the censored trials gone on; None if none is.

    A censored trial would have reached at most the study's longest step. Worst: those the rule did
    not stop within their record run on to it; best: the rule stops each right where its record
    ends, and all that is beyond is saved. The other trials' decisions are held as replayed.
    """
    cut = study.censored & (study.status != Status.FAILED)
    recorded = float(columns.steps_recorded.sum())
    if not cut.any() or recorded == 0:
        return None
    beyond = (columns.steps_recorded.max() - columns.steps_recorded)[cut].astype(np.float64)
    run = float(columns.steps_run.sum())
    unstopped = float(beyond[~columns.stopped[cut]].sum())
    everything = float(beyond.sum())
    return 1.0 - (run + unstopped) / (recorded + unstopped), 1.0 - run / (recorded + everything)


def _quality(study: Study, run: Run, columns: TrialColumns) -> dict[str, Any]:
    """Best trials, degradation and rank.

    A failed trial has no model to keep, so it cannot be the best; stopped before it failed, it can.
    """
    sign = study.sign
    failed = study.status == Status.FAILED
    recorded = np.where(failed, np.nan, sign * columns.final_value_recorded)
    kept = np.where(failed & ~run.stopped, np.nan, sign * columns.final_value)
    if np.isnan(recorded).all() or np.isnan(kept).all():
        return dict.fromkeys(
            (
                "best_recorded",
                "best",
                "degradation",
                "degradation_on_record",
                "degradation_normalized",
                "best_rank",
                "best_trial_stopped",
            )
        )
    winner, best = _least(recorded), _least(kept)
    on_record = float(kept[best] - recorded[winner]) if kept[best] != recorded[winner] else 0.0
    cut = study.censored & ~failed
    degradation = None if cut.any() else on_record
    with np.errstate(invalid="ignore"):  # a median between both infinities is not a number
        spread = abs(float(np.nanmedian(recorded)) - float(recorded[winner]))
    normalized = None
    if degradation is not None and np.isfinite(spread) and spread > 0:
        normalized = degradation / spread
    return {
        "best_recorded": BestTrial(study.trials[winner], float(sign * recorded[winner])),
        "best": BestTrial(study.trials[best], float(sign * kept[best])),
        "degradation": degradation,
        "degradation_on_record": on_record,
        "degradation_normalized": normalized,
        "best_rank": 1 + int((recorded < kept[best]).sum()),
        "best_trial_stopped": bool(run.stopped[winner]),
    }


def _least(values: Float64) -> int:
    """Where the first least number is; NaN is none. (nanargmin takes NaN for an infinity.)"""
    known = np.flatnonzero(~np.isnan(values))
    return int(known[np.argmin(values[known])])
