"""What becomes of a job's best trial under a rule, for one job and for many.

J jobs of m trials each. What is unknown is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.study import Float64, Int64


@dataclass(frozen=True)
class Finals:
    """The final values of the trials of J jobs, and what they depend on.

    The columns of the record have the shape [m] if all jobs have the same trials in the same
    places, else [J, m]. A place behind a shorter job's last trial holds NaN and False.

    Attributes:
        sign: 1 to minimize, -1 to maximize.
        recorded: float64, the final value as recorded, in the objective's unit; NaN: it has none.
        failed: bool, the trial failed when it was recorded.
        cut_short: bool, the trial had been cut short otherwise, so it might have become the best.
        run: float64 [J, m], the final value under the rule.
        stopped: bool [J, m], the rule stops the trial.
    """

    sign: float
    recorded: Float64
    failed: NDArray[np.bool_]
    cut_short: NDArray[np.bool_]
    run: Float64
    stopped: NDArray[np.bool_]


@dataclass(frozen=True)
class BestTrials:
    """The best trial of each job.

    Attributes:
        place: int64 [J], its place among the trials of the job; without meaning if unknown.
        value: float64 [J], its final value in the objective's unit; NaN if unknown.
    """

    place: Int64
    value: Float64


@dataclass(frozen=True)
class Quality:
    """What is left of the best of each job; the keys of the summary, and `best_kept`.

    All of it is unknown where no trial has a final value, with the rule or without it. An infinite
    loss is a known one: the best value left is infinitely worse.

    Attributes:
        best_recorded: the best trial as recorded; the first of several that are as good.
        best: the best trial under the rule; the first of several that are as good.
        degradation: float64 [J], `degradation_on_record`; NaN also if a trial was cut short that
            might have become the best.
        degradation_on_record: float64 [J], what the best value is worse by, in the objective's
            unit, on the recorded values; positive = worse.
        degradation_normalized: float64 [J], `degradation` over the distance from the best to the
            median final value as recorded; 0 if nothing is lost, else NaN also where that distance
            is zero or not finite.
        loss_on_record: float64 [J], `degradation_on_record` over the same distance, at least 0.
        best_rank: float64 [J], of the best under the rule among the recorded final values, from 1.
        best_trial_stopped: float64 [J], 1 if the best value is lost: the best under the rule is
            worse than the best as recorded. Which of several best trials is stopped does not
            matter, nor does a stop at a value that is as good.
        best_kept: float64 [J], 1 - best_trial_stopped.
    """

    best_recorded: BestTrials
    best: BestTrials
    degradation: Float64
    degradation_on_record: Float64
    degradation_normalized: Float64
    loss_on_record: Float64
    best_rank: Float64
    best_trial_stopped: Float64
    best_kept: Float64


@np.errstate(invalid="ignore", divide="ignore", over="ignore")
def quality(finals: Finals) -> Quality:
    """What becomes of the best of each job, from its trials' final values.

    A failed trial has no model to keep, so it cannot be the best; stopped before it failed, it can.
    """
    recorded = np.where(finals.failed, np.nan, finals.sign * finals.recorded)
    run = np.where(finals.failed & ~finals.stopped, np.nan, finals.sign * finals.run)
    if recorded.shape[-1] == 0:  # one trial that reports nothing, for want of any
        recorded, run = (np.full((*values.shape[:-1], 1), np.nan) for values in (recorded, run))
    winner, best = _least(recorded), _least(run)
    first, value = _at(recorded, winner), _at(run, best)
    winner = np.broadcast_to(winner, best.shape)
    spread = np.abs(_median(recorded) - first)
    scale = np.where(np.isfinite(spread) & (spread > 0), spread, np.nan)
    numbers = np.empty((9, *best.shape))
    numbers[0] = finals.sign * first
    numbers[1] = finals.sign * value
    numbers[2] = np.where(value == first, 0.0, value - first)  # equal infinities too
    numbers[3] = np.where(finals.cut_short.any(axis=-1), np.nan, numbers[2])
    numbers[4] = numbers[3] / scale
    numbers[4][numbers[3] == 0.0] = 0.0  # nothing is lost, on any scale
    numbers[5] = 1 + (recorded < value[..., None]).sum(axis=-1)
    numbers[6] = numbers[2] > 0
    numbers[7] = 1 - numbers[6]
    numbers[8] = np.where(numbers[2] > 0.0, numbers[2] / scale, 0.0)
    numbers[:, np.isnan(first) | np.isnan(value)] = np.nan
    return Quality(
        best_recorded=BestTrials(winner, numbers[0]),
        best=BestTrials(best, numbers[1]),
        degradation=numbers[3],
        degradation_on_record=numbers[2],
        degradation_normalized=numbers[4],
        loss_on_record=numbers[8],
        best_rank=numbers[5],
        best_trial_stopped=numbers[6],
        best_kept=numbers[7],
    )


def _median(values: Float64) -> Float64:
    """The median along the last axis, NaN left out; np.nanmedian takes ten times as long."""
    ordered = np.sort(values, axis=-1)  # NaN last
    n = np.count_nonzero(~np.isnan(values), axis=-1)
    low, high = (_at(ordered, np.maximum(at, 0)) for at in ((n - 1) // 2, n // 2))
    return np.where(low == high, low, (low + high) / 2.0)


def _at(values: NDArray[Any], place: NDArray[np.int64]) -> NDArray[Any]:
    """The values at one place each along the last axis; a third of np.take_along_axis' time."""
    if values.ndim == 1:
        return np.asarray(values[place])
    rows = values.reshape(-1, values.shape[-1])
    found: NDArray[Any] = rows[np.arange(len(rows)), place.reshape(-1)].reshape(place.shape)
    return found


def _least(values: Float64) -> NDArray[np.int64]:
    """Where the first least number along the last axis is; NaN is none."""
    least = np.fmin.reduce(values, axis=-1, keepdims=True)
    return np.asarray((values == least).argmax(axis=-1))
