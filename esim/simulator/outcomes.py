"""What was saved and what it cost: a replay beside its baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.results.replay import BestTrial, Summaries, TrialColumns, saved_fraction
from esim.simulator.jobs import stop_overheads
from esim.simulator.plan.build import final_values
from esim.simulator.quality import quality
from esim.study import Float64, Status, Study
from esim.study.batch import Stack
from esim.study.times import durations, last_kept, last_row, last_second

if TYPE_CHECKING:
    from esim.simulator.run import Run


def columns_of(study: Study, run: Run, baseline: Run, clock: Clock, final: str) -> TrialColumns:
    """What became of each trial."""
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
        final_value_recorded=finals_of(study, final, np.diff(study.offsets)),
        final_value=finals_of(study, final, run.rows_kept),
        threshold=run.threshold,
        peers=np.where(run.stopped, run.peers, -1).astype(np.int64),
        censored=study.censored,
        reports_kept=run.rows_kept.astype(np.int64),
        start_s=run.began if timed else unknown,
        end_recorded_s=baseline.ended if timed else unknown,
        end_s=run.ended if timed else unknown,
        start_recorded_s=baseline.began if timed else unknown,
    )


def finals_of(study: Study, final: str, rows_kept: NDArray[Any]) -> Float64:
    """Each trial's final value when it makes so many rows, [..., N]; NaN if it has none."""
    return last_kept(study, final_values(study, final), rows_kept, np.nan)


def summaries_of(stack: Stack, clock: Clock, costs: Costs, columns: TrialColumns) -> Summaries:
    """The headline numbers of each study, from the columns of the trials of all."""
    study, sums = stack.whole, stack.sums
    unknown: list[Any] = [None] * len(stack)
    seconds = unknown, unknown
    if study.elapsed is not None:
        seconds = sums(columns.seconds_recorded), sums(columns.seconds_run)
    jobs = billed(study, costs, columns.seconds_run, columns.stopped)
    billed_s = [_known(sums(job)) for job in jobs]
    money = [unknown, unknown]
    if costs.price is not None:
        hourly = costs.price * study.instance_count / 3600.0
        money = [_known(sums(job * hourly)) for job in jobs]
    steps = sums(columns.steps_recorded), sums(columns.steps_run)
    makespans = _makespans(stack, clock, costs, columns)
    return {
        "trials": stack.sizes.tolist(),
        "trials_stopped": sums(columns.stopped),
        "trials_censored": sums(study.censored),
        "steps_recorded": steps[0],
        "steps_run": steps[1],
        "steps_saved_fraction": _saved(*steps),
        "steps_saved_fraction_bounds": _bounds(stack, columns),
        "seconds_recorded": seconds[0],
        "seconds_run": seconds[1],
        "seconds_saved_fraction": _saved(*seconds),
        "billed_seconds_recorded": billed_s[0],
        "billed_seconds_run": billed_s[1],
        "billed_saved_fraction": _saved(*billed_s),
        "makespan_recorded_s": makespans[0],
        "makespan_s": makespans[1],
        "makespan_saved_fraction": _saved(*makespans),
        "cost_recorded": money[0],
        "cost": money[1],
        "cost_saved_fraction": _saved(*money),
        "currency": [costs.currency if costs.price is not None else None] * len(stack),
        **_qualities(stack, columns),
    }


def _saved(recorded: Sequence[float | None], run: Sequence[float | None]) -> list[float | None]:
    return [saved_fraction(a, b) for a, b in zip(recorded, run, strict=True)]


def _known(totals: Sequence[float]) -> list[float | None]:
    return [total if math.isfinite(total) else None for total in totals]


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
    stack: Stack, clock: Clock, costs: Costs, columns: TrialColumns
) -> tuple[list[float | None], list[float | None]]:
    """Seconds from the first start to the last end, of each study, without and with the rule."""
    if clock.mode == "order":
        if stack.whole.elapsed is None:
            return [None] * len(stack), [None] * len(stack)
        jobs = job_seconds(stack.whole, costs, columns.seconds_run, columns.stopped)
        sizes = stack.sizes.tolist()
        without, under = (
            [
                total + costs.startup_s * n if n else None
                for total, n in zip(totals, sizes, strict=True)
            ]
            for totals in map(stack.sums, jobs)
        )
        return without, under
    if not stack.whole.n_trials:
        return [None] * len(stack), [None] * len(stack)
    known = stack.table(np.isfinite(columns.end_recorded_s), False)
    last = stack.table(last_second(stack.whole), 0.0)
    without, under = (
        _known(makespan(last, known, stack.table(start, np.nan), stack.table(end, np.nan)).tolist())
        for start, end in (
            (columns.start_recorded_s, columns.end_recorded_s),
            (columns.start_s, columns.end_s),
        )
    )
    return without, under


def makespan(last: Float64, known: NDArray[np.bool_], start: Float64, end: Float64) -> Float64:
    """Seconds from the first start to the last end, [...], of jobs [..., N]; NaN if none began.

    A trial whose recorded end is not `known` was still running: known up to its last report, which
    came `last` seconds after its start, stopped or not.
    """
    known_end = np.where(known, end, np.minimum(end, start + last))
    begun = np.isfinite(start)
    last = np.where(begun, known_end, -np.inf).max(axis=-1)
    span = last - np.where(begun, start, np.inf).min(axis=-1)
    return np.where(begun.any(axis=-1), span, np.nan)


def _bounds(stack: Stack, columns: TrialColumns) -> list[tuple[float, float] | None]:
    """What the saved share of steps could be had the censored trials gone on; None if none is.

    A censored trial would have reached at most the study's longest step. Worst: those the rule did
    not stop within their record run on to it; best: the rule stops each right where its record
    ends, and all that is beyond is saved. The other trials' decisions are held as replayed.
    """
    found: list[tuple[float, float] | None] = [None] * len(stack)
    cut_short = stack.whole.censored & (stack.whole.status != Status.FAILED)
    if not cut_short.any():
        return found
    for at, its in enumerate(stack.each(columns)):
        cut, recorded = (
            cut_short[slice(*stack.trials[at : at + 2])],
            float(its.steps_recorded.sum()),
        )
        if not cut.any() or recorded == 0:
            continue
        beyond = (its.steps_recorded.max() - its.steps_recorded)[cut].astype(np.float64)
        run = float(its.steps_run.sum())
        unstopped = float(beyond[~its.stopped[cut]].sum())
        everything = float(beyond.sum())
        worst = 1.0 - (run + unstopped) / (recorded + unstopped)
        found[at] = worst, 1.0 - run / (recorded + everything)
    return found


_QUALITY = (
    "best_recorded",
    "best",
    "degradation",
    "degradation_on_record",
    "degradation_normalized",
    "best_rank",
    "best_trial_stopped",
)


def _qualities(stack: Stack, columns: TrialColumns) -> dict[str, list[Any]]:
    """Best trials, degradation and rank of each study."""
    study = stack.whole
    failed = study.status == Status.FAILED
    found = quality(
        study,
        stack.table(columns.final_value_recorded, np.nan),
        stack.table(columns.final_value, np.nan),
        stack.table(columns.stopped, False),
        stack.table(failed, False),
    )
    cut = stack.sums(study.censored & ~failed)
    rows: list[tuple[Any, ...]] = []
    numbers = (
        found.known, stack.trials[:-1] + found.winner, stack.trials[:-1] + found.best,
        found.on_record, found.spread, found.rank, found.winner_stopped,
    )  # fmt: skip
    for row, its_cut in zip(zip(*(n.tolist() for n in numbers), strict=True), cut, strict=True):
        known, winner, best, on_record, spread, rank, winner_stopped = row
        if not known:
            rows.append((None,) * len(_QUALITY))
            continue
        scaled = not its_cut and math.isfinite(spread) and spread > 0
        rows.append(
            (
                BestTrial(study.trials[winner], columns.final_value_recorded[winner].item()),
                BestTrial(study.trials[best], columns.final_value[best].item()),
                None if its_cut else on_record,
                on_record,
                on_record / spread if scaled else None,
                rank,
                winner_stopped,
            )
        )
    return {name: [row[at] for row in rows] for at, name in enumerate(_QUALITY)}
