"""What was saved and what it cost: a replay beside its baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esim.caveats import caveats_of
from esim.clocks import Clock, durations, last_kept, last_row, last_second, stop_overheads
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
    seconds = study.elapsed
    unknown = np.full(study.n_trials, np.nan)
    steps_run = last_kept(study, study.steps, run.rows_kept)
    timed = clock.mode != "order" and (study.elapsed is not None or clock.mode == "simulated")
    return TrialColumns(
        trial=study.trials,
        stopped=run.stopped,
        stop_step=np.where(run.stopped, steps_run, -1),
        steps_recorded=last_row(study, study.steps),
        steps_run=steps_run,
        seconds_recorded=unknown if seconds is None else last_row(study, seconds),
        seconds_run=unknown if seconds is None else last_kept(study, seconds, run.rows_kept),
        final_value_recorded=finals_of(prepared, final, prepared.all_rows()),
        final_value=finals_of(prepared, final, run.rows_kept),
        threshold=run.threshold,
        peers=np.where(run.stopped, run.peers, -1).astype(np.int64),
        censored=study.censored,
        reports_kept=run.rows_kept.astype(np.int64),
        start_recorded_s=baseline.began if timed else unknown,
        end_recorded_s=baseline.ended if timed else unknown,
        start_s=run.began if timed else unknown,
        end_s=run.ended if timed else unknown,
    )


def finals_of(prepared: Prepared, final: str, rows_kept: NDArray[np.int32]) -> Float64:
    """Each trial's final value when it makes so many rows, [..., N]; NaN if it has none."""
    study = prepared.study
    return last_kept(study, final_values(study, final), rows_kept, np.nan)


def _summary(study: Study, clock: Clock, costs: Costs, run: Run, columns: TrialColumns) -> Summary:
    steps_recorded, steps_run = int(columns.steps_recorded.sum()), int(columns.steps_run.sum())
    seconds_recorded = seconds_run = None
    if study.elapsed is not None:
        seconds_recorded = float(columns.seconds_recorded.sum())
        seconds_run = float(columns.seconds_run.sum())
    billed_recorded, billed_run = billed(study, costs, columns.seconds_run, columns.stopped)
    billed_s = _known_sum(billed_recorded), _known_sum(billed_run)
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
        billed_seconds_recorded=billed_s[0],
        billed_seconds_run=billed_s[1],
        billed_saved_fraction=saved_fraction(*billed_s),
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


def job_seconds(
    study: Study, costs: Costs, seconds_run: Float64, stopped: NDArray[np.bool_]
) -> tuple[Float64, Float64]:
    """Seconds of each trial's job from its start, as recorded [N] and as run [..., N]."""
    recorded = durations(study)
    ran = np.minimum(recorded, seconds_run + stop_overheads(study, costs))
    return recorded, np.where(stopped, ran, recorded)


def billed(
    study: Study, costs: Costs, seconds_run: Float64, stopped: NDArray[np.bool_]
) -> tuple[Float64, Float64]:
    """Billed seconds of each trial's job, recorded [N] and run [..., N]; NaN without report times.

    Whole seconds where the job's start and end were recorded, as SageMaker counts them:
    trunc(end) - trunc(start).
    """
    if study.elapsed is None:
        return np.full(study.n_trials, np.nan), np.full(stopped.shape, np.nan)
    recorded, ran = job_seconds(study, costs, seconds_run, stopped)
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
        recorded, ran = job_seconds(study, costs, columns.seconds_run, columns.stopped)
        startup = costs.startup_s * study.n_trials
        return float(recorded.sum() + startup), float(ran.sum() + startup)
    known = np.isfinite(columns.end_recorded_s)
    spans: list[float | None] = []
    for start, end in (
        (columns.start_recorded_s, columns.end_recorded_s),
        (columns.start_s, columns.end_s),
    ):
        span = float(makespan(study, known, start, end))
        spans.append(span if np.isfinite(span) else None)
    return spans[0], spans[1]


def makespan(study: Study, known: NDArray[np.bool_], start: Float64, end: Float64) -> Float64:
    """Seconds from the first start to the last end, [...], of jobs [..., N]; NaN if none began.

    A trial whose recorded end is not `known` was still running: known up to its last report,
    stopped or not.
    """
    known_end = np.where(known, end, np.minimum(end, start + last_second(study)))
    begun = np.isfinite(start)
    last = np.where(begun, known_end, -np.inf).max(axis=-1)
    span = last - np.where(begun, start, np.inf).min(axis=-1)
    return np.where(begun.any(axis=-1), span, np.nan)


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


@dataclass(frozen=True)
class Quality:
    """What is left of the best, [...] each, for finals and stops [..., N].

    Attributes:
        winner: the trial that is best as recorded, a place along the last axis.
        best: the trial that is best under the rule.
        best_value: its final value, oriented so that lower is better.
        on_record: what it is worse by than the winner's; positive = worse.
        spread: from the best to the median final value as recorded; 0, infinite or NaN: no scale.
            This and the winner have the shape of the recorded finals, less its last axis.
        rank: of the best under the rule, among the recorded finals.
        winner_stopped: bool.
        best_kept: bool, the winner, or one that is as good as recorded, is not stopped.
    """

    winner: NDArray[np.int64]
    best: NDArray[np.int64]
    best_value: Float64
    on_record: Float64
    spread: Float64
    rank: NDArray[np.int64]
    winner_stopped: NDArray[np.bool_]
    best_kept: NDArray[np.bool_]


def quality(
    study: Study,
    recorded_finals: Float64,
    finals: Float64,
    stopped: NDArray[np.bool_],
    failed: NDArray[np.bool_] | None = None,
) -> Quality | None:
    """Recorded finals, [N] or [..., N], against those under a rule [..., N].

    A failed trial has no model to keep, so it cannot be the best; stopped before it failed, it can.
    `failed`: bool, shaped like the recorded finals; by default of the study's trials. None if
    there are none to compare.
    """
    if failed is None:
        failed = study.status == Status.FAILED
    recorded = np.where(failed, np.nan, study.sign * recorded_finals)
    kept = np.where(failed & ~stopped, np.nan, study.sign * finals)
    if np.isnan(recorded).all(axis=-1).any() or np.isnan(kept).all(axis=-1).any():
        return None
    winner, best = _least(recorded), _least(kept)
    first, value = _at(recorded, winner), _at(kept, best)
    with np.errstate(invalid="ignore"):  # infinities: equal ones are, a median may be no number
        worse_by = np.where(value == first, 0.0, value - first)
        spread = np.abs(_median(recorded) - first)
    return Quality(
        winner=winner,
        best=best,
        best_value=value,
        on_record=worse_by,
        spread=spread,
        rank=1 + (recorded < value[..., None]).sum(axis=-1),
        winner_stopped=_at(stopped, np.broadcast_to(winner, value.shape)),
        best_kept=(~stopped & (recorded == first[..., None])).any(axis=-1),
    )


def _median(values: Float64) -> Any:
    """The median along the last axis, NaN left out; on one row NumPy's takes 3 times as long."""
    if values.ndim > 1:
        return np.nanmedian(values, axis=-1)
    return np.median(values[~np.isnan(values)])


def _at(values: NDArray[Any], place: NDArray[np.int64]) -> NDArray[Any]:
    """The values at one place each along the last axis."""
    if values.ndim == 1:
        return np.asarray(values[place])
    return np.take_along_axis(values, place[..., None], axis=-1)[..., 0]


def degradation_is_known(study: Study) -> bool:
    """Whether no trial was cut short that might have become the best."""
    return not (study.censored & (study.status != Status.FAILED)).any()


def _quality(study: Study, run: Run, columns: TrialColumns) -> dict[str, Any]:
    """Best trials, degradation and rank, for the summary."""
    found = quality(study, columns.final_value_recorded, columns.final_value, run.stopped)
    if found is None:
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
    winner, best = int(found.winner), int(found.best)
    on_record = float(found.on_record)
    degradation = on_record if degradation_is_known(study) else None
    normalized = None
    if degradation is not None and np.isfinite(found.spread) and found.spread > 0:
        normalized = degradation / float(found.spread)
    return {
        "best_recorded": BestTrial(
            study.trials[winner], float(columns.final_value_recorded[winner])
        ),
        "best": BestTrial(study.trials[best], float(columns.final_value[best])),
        "degradation": degradation,
        "degradation_on_record": on_record,
        "degradation_normalized": normalized,
        "best_rank": int(found.rank),
        "best_trial_stopped": bool(found.winner_stopped),
    }


def _least(values: Float64) -> NDArray[np.int64]:
    """Where the first least number along the last axis is; NaN is none."""
    least = np.fmin.reduce(values, axis=-1, keepdims=True)
    return np.asarray((values == least).argmax(axis=-1))
