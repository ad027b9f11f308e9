"""Which clock a study can be replayed by, and what a stop leads to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.simulator.plan.columns import NOTHING
from esim.simulator.plan.plan import Plan
from esim.study import Float64, Int64, Status, Study
from esim.study.batch import Batch
from esim.study.times import durations, last_second, report_seconds


def choose_clock(study: Study, mode: str | None, workers: int) -> Clock:
    """The clock asked for; by default `simulated` if workers are given, else `recorded` where the
    study has every time it needs, else `order`.

    Raises:
        EsimError: an unknown clock, or times that `recorded` needs and the study lacks.
    """
    if mode is None:
        mode = "simulated" if workers > 1 else "recorded" if study.has_schedule else "order"
    clock = Clock(mode, workers)  # type: ignore[arg-type]  # checked there
    if clock.mode == "recorded" and not study.has_schedule:
        lacks = "report times" if study.elapsed is None else "starts or ends of some trials"
        raise EsimError(
            f"study {study.name!r} cannot be replayed by the recorded clock",
            why=f"it lacks {lacks}",
            fix="--clock order, or --clock simulated with --workers",
        )
    return clock


def uploads(study: Study, costs: Costs, whole: Float64 | None = None) -> Float64:
    """float64 [N]: seconds from the end of a stopped trial's training to the end of its job.

    Args:
        whole: the study's `durations`, if they are at hand.
    """
    if costs.upload_s is not None:
        return np.full(study.n_trials, costs.upload_s)
    return (durations(study) if whole is None else whole) - last_second(study)


def check_slot_gap(clock: Clock, costs: Costs) -> None:
    """Raise EsimError if a gap between jobs was given to a clock that cannot use one."""
    if clock.mode == "recorded" and costs.slot_gap_s is not None:
        raise EsimError(
            "the recorded clock takes no slot_gap_s",
            why="it starts each job when it did start, so the gaps are those of the record",
            fix="--clock simulated, with --workers",
        )


def slot_gaps(batch: Batch, clock: Clock, costs: Costs) -> Float64:
    """float64 [S]: seconds from the end of a job to the start of the next in its slot.

    NaN by the recorded clock, which starts each job when it did start.

    Args:
        batch: S studies.
        clock: by which all are replayed.
        costs: whose `slot_gap_s` is taken, or the recorded one.

    >>> import esim
    >>> start, end = [0.0, 0.0, 60.0, 75.0], [55.0, 50.0, 90.0, 99.0]
    >>> study = esim.Study.from_arrays([[1.0]] * 4, "minimize", start=start, end=end)
    >>> slot_gaps(Batch.of([study]), Clock("order"), Costs()).tolist()  # 10 s after 50, 20 after 55
    [15.0]
    """
    if clock.mode == "recorded":
        return np.full(len(batch), np.nan)
    if costs.slot_gap_s is not None:
        return np.full(len(batch), costs.slot_gap_s)
    return np.nan_to_num(batch.recorded_slot_gaps, nan=0.0)


@dataclass(frozen=True)
class StopEffects:
    """What a stop leads to that is decided at each of a plan's E judgements. N trials.

    A decision takes effect with its report, or `delay` reports later. Its trial trains on from
    there for the stop's latency: it makes the reports up to that moment, that moment included.
    A trial that makes its last report by then has reached its natural end and is not stopped.

    Attributes:
        made: int32 [E], how many judgements the trial makes in all; more than it has: it is not
            stopped. Empty: its report is its last.
        rows: int64 [E], how many rows of the study it makes; None: up to that of its judgement.
        since: float64 [E], seconds since the trial's start of the report with which the stop takes
            effect; None: of its judgement.
        trained: float64 [E], seconds since the trial's start up to which it trains; None: up to
            its last report.
    """

    made: NDArray[np.int32]
    rows: Int64 | None = None
    since: Float64 | None = None
    trained: Float64 | None = None


def stop_effects(plan: Plan, costs: Costs) -> StopEffects:
    """What stops lead to under the rule's `delay` and the costs' `stop_latency_s`.

    Without report times a step counts as a second.

    >>> import esim
    >>> from esim.simulator.plan.build import prepare
    >>> study = esim.Study.from_arrays([[3.0, 2.0, 1.0, 1.0]], "minimize", [10.0, 20.0, 30.0, 40.0])
    >>> plan = prepare(study, esim.rule("sagemaker"))
    >>> stop_effects(plan, Costs(stop_latency_s=15.0)).rows.tolist()  # told at 10: it trains to 25
    [2, 3, 4, 4]
    """
    study, delay, latency = plan.study, plan.rule.delay, costs.stop_latency_s
    if not (delay or latency):
        return StopEffects(NOTHING)
    counts = np.diff(plan.arrays.offsets)
    trial, first = (np.repeat(of, counts) for of in (np.arange(study.n_trials), plan.first))
    count = counts[trial]
    group: NDArray[np.int32] | int = plan.arrays.group if len(plan.arrays.group) else 1
    made = np.arange(len(trial)) - first + group + delay
    in_time = made <= count
    last = first + np.minimum(made, count) - 1
    row = last if plan.row_of is None else plan.row_of[last]
    rows = row + 1 - study.offsets[trial]
    since, trained = report_seconds(study)[row], None
    if latency:
        trained = since + latency
        rows = np.maximum(rows, rows_until(study, trial, trained))
        upto = study.offsets[trial] + rows
        made = upto if plan.row_of is None else np.searchsorted(plan.row_of, upto)
        made = made - first
        ended = (rows == study.lengths[trial]) & ~study.which(Status.RUNNING)[trial]
        in_time &= ~ended
        trained = np.minimum(trained, last_second(study)[trial])
    made = np.where(in_time, made, count + 1).astype(np.int32)
    return StopEffects(made, rows, since, trained)


def rows_until(study: Study, trials: Int64, moments: Float64) -> Int64:
    """How many reports each of some trials makes up to a moment of its own, itself included.

    Args:
        trials: int64 [E], positions in the study.
        moments: float64 [E], seconds since the trial's start.
    """
    seconds = report_seconds(study)
    low, high = study.offsets[trials], study.offsets[trials + 1]
    while (low < high).any():  # bisects all at once
        middle = (low + high) // 2
        made = (low < high) & (seconds[np.minimum(middle, len(seconds) - 1)] <= moments)
        low, high = np.where(made, middle + 1, low), np.where(made | (low >= high), high, middle)
    return np.asarray(low - study.offsets[trials])
