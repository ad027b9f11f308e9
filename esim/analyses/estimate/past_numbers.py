"""What a forecast keeps of one past study: numbers of its replays, not the replays themselves.

Of many studies (`Ask.among`) no more is kept of each than the forecast will draw from it.

The working scale is the one on which a number's distribution is nearly symmetric: the square root
of the share that is kept for fractions, the amount saved per trial for amounts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.past_replays import PastReplays
from esim.analyses.estimate.prediction_variance import (
    EXPONENT_SD,
    MAKESPAN_SPREAD,
    kept_beyond,
    variance_parts,
)
from esim.analyses.estimate.samples import Samples
from esim.analyses.estimate.winners import spread_evenly
from esim.simulator.accounting import SPENT, Outcomes
from esim.study import Float64

FRACTIONS = {spent: saved for spent, (_, _, saved) in SPENT.items()}
AMOUNTS = {
    "steps": ("steps_saved", "steps"),
    "seconds": ("seconds_saved", "seconds"),
    "billed_seconds": ("billed_seconds_saved", "seconds"),
    "cost": ("cost_saved", "money"),
    "makespan_s": ("makespan_saved_s", "seconds"),
}
OF_THE_BEST = ("degradation_on_record", "degradation_normalized", "best_rank")
BEST, SCATTER = 30_000, 300  # kept of all studies together: values of the best, replays to plot
NumberOfSamples = Callable[[Samples], Float64]  # a number of each sample, on the working scale
# The mean over replays -> the mean of a longer job, and its standard deviation.
Onwards = Callable[[float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class PastNumber:
    """One number of one past study, on the working scale.

    Attributes:
        centre: its mean over replays, extrapolated to the trials of the next job.
        within: the variance of the next job's number around the centre.
        past: the variance of the centre itself.
        shape: float64 [R], or fewer of many studies: deviations of the replays from their mean,
            in standard deviations.
        bounded: whether no replay of it costs more with the rule than without.
        independent: trials that it rests on: n, or, of what is measured in seconds or money, the
            effective number of trials that count by their seconds (Kish, "Survey Sampling", 1965).
    """

    centre: float
    within: float
    past: float
    shape: Float64
    bounded: bool
    independent: float


@dataclass(frozen=True, slots=True)
class PastNumbers:
    """What is kept of one past study.

    Attributes:
        n: trials of the study that count as past.
        m: trials of the next job.
        degradation_known: whether no trial had been cut short.
        numbers: by quantity; None where a replay does not know it, or where too few launch
            positions show how a longer job goes on.
        best: number -> its values in jobs whose best is a past trial; empty = unknown.
        slow: number -> its values in jobs whose best is the slow winner of `winners`.
        best_kept: draws of the chance that a best like the past ones is kept; empty = unknown.
        slow_kept: the chance that the slow winner is kept; NaN = unknown.
        scatter: saved fraction, normalized degradation and best kept of single replays.
            float64 [3, R]
    """

    n: int
    m: int
    degradation_known: bool
    numbers: Mapping[str, PastNumber | None]
    best: Mapping[str, Float64]
    slow: Mapping[str, Float64]
    best_kept: Float64
    slow_kept: float
    scatter: Float64


def past_numbers(replays: PastReplays, ask: Ask) -> PastNumbers:
    """Reduce the replays of one study to what a forecast keeps of them; `ask`: what was asked."""
    numbers: dict[str, PastNumber | None] = {}
    for spent in SPENT:
        numbers[FRACTIONS[spent]] = _fraction(replays, ask, spent)
        numbers[AMOUNTS[spent][0]] = _amount(replays, ask, spent)
    numbers["trials_stopped"] = _varies(
        replays,
        ask,
        lambda samples: samples.outcomes.trials_stopped_fraction,
        lambda mean: _grown(replays, "steps", mean),
    )
    if ask.until:
        numbers["trials_not_started"] = _varies(
            replays,
            ask,
            lambda samples: samples.outcomes.trials_not_started / samples.size,
            lambda mean: (mean, 0.0),
        )
    of_best, of_slow, kept, slow_kept, scatter = _of_the_best(replays)
    return PastNumbers(
        n=replays.n,
        m=replays.m,
        degradation_known=replays.degradation_known,
        numbers=numbers,
        best={name: _thinned(values, _each(BEST, ask)) for name, values in of_best.items()},
        slow={name: _thinned(values, _each(BEST, ask)) for name, values in of_slow.items()},
        best_kept=_thinned(kept, _each(BEST, ask)),
        slow_kept=slow_kept,
        scatter=scatter[:, : _each(SCATTER, ask)].copy(),
    )


def _of_the_best(
    replays: PastReplays,
) -> tuple[dict[str, Float64], dict[str, Float64], Float64, float, Float64]:
    """The last five attributes of `PastNumbers`, of all replays."""
    found = replays.winners
    if found is None:
        nothing = dict.fromkeys(OF_THE_BEST, np.empty(0))
        return nothing, nothing, np.empty(0), math.nan, np.empty((3, 0))

    def known(outcomes: Outcomes) -> dict[str, Float64]:
        columns = {name: np.asarray(getattr(outcomes, name)) for name in OF_THE_BEST}
        return {name: values[~np.isnan(values)] for name, values in columns.items()}

    # The slow winner is better by any amount, so its loss has no bound. Of the way from best to
    # median it is 1 if the winner is far ahead, and what a past best's loss would be if it is not.
    of_seen, slow = known(found.seen), known(found.slow)
    for name, least in (("degradation_on_record", np.inf), ("degradation_normalized", 1.0)):
        like = spread_evenly(of_seen[name], len(slow[name])) if len(of_seen[name]) else least
        slow[name] = np.where(slow[name] > 0, np.maximum(like, least), slow[name])
    # If one such trial comes, more may; all of them may be better than the best one left.
    slow["best_rank"] = np.where(
        slow["best_rank"] > 1, slow["best_rank"] + found.more_slow, slow["best_rank"]
    )
    seen, lost = found.seen, found.seen.degradation_normalized
    if not replays.degradation_known:
        lost = np.full(len(lost), np.nan)
    return (
        of_seen,
        slow,
        found.kept[~np.isnan(found.kept)],
        float(found.slow.best_kept.mean()),
        np.stack([seen.steps_saved_fraction, lost, seen.best_kept]),
    )


def _each(together: int, ask: Ask) -> int | None:
    """How many of `together` values one study has to give; None: all it has."""
    return None if ask.among is None else -(-together // ask.among)


def _thinned(values: Float64, most: int | None) -> Float64:
    """At most `most` of the values, spread evenly."""
    if most is None or len(values) <= most:
        return values
    found: Float64 = values[np.arange(most) * len(values) // most]
    return found


def _fraction(replays: PastReplays, ask: Ask, spent: str) -> PastNumber | None:
    """The fraction saved, as the square root of the share kept, which is nearly symmetric."""

    def number(samples: Samples) -> Float64:
        recorded, run = samples.outcomes.spent(spent)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = run / recorded
        return np.sqrt(np.where(recorded > 0, kept, np.nan))

    def onwards(mean: float) -> tuple[float, float]:
        moved = mean * math.sqrt(_kept_ratio(replays, spent))
        return moved, 0.5 * moved * _unsure(replays)

    return _varies(
        replays,
        ask,
        number,
        onwards,
        lambda values: bool((values <= 1.0).all()),
        spent=spent,
    )


def _amount(replays: PastReplays, ask: Ask, spent: str) -> PastNumber | None:
    """The amount saved per trial."""

    def number(samples: Samples) -> Float64:
        recorded, run = samples.outcomes.spent(spent)
        return (recorded - run) / samples.size

    return _varies(
        replays,
        ask,
        number,
        lambda mean: _grown(replays, spent, mean),
        lambda values: bool((values >= 0).all()),
        spent=spent,
    )


def _varies(
    replays: PastReplays,
    ask: Ask,
    number: NumberOfSamples,
    onwards: Onwards,
    bounded: Callable[[Float64], bool] = lambda values: True,
    spent: str = "steps",
) -> PastNumber | None:
    """One number of a study; None if a replay does not know it, or it cannot be extrapolated.

    Args:
        number: computes it for every sample.
        onwards: extrapolates its mean to a longer job.
        bounded: whether all values stay within their bound.
        spent: what the number is about; of anything but steps, trials count by their seconds.
    """
    alike = 2 * replays.workers < replays.n and replays.launch == "shuffled" and not ask.until
    if replays.m > replays.n and not alike:
        return None  # too few launch positions show how a longer job goes on, it learns, or ends
    values, half = number(replays.main), number(replays.half)
    if not (np.isfinite(values).all() and np.isfinite(half).all()):
        return None
    found = variance_parts(
        values, half.reshape(-1, replays.orders), replays.n, replays.m, replays.launch
    )
    centre, unsure = float(values.mean()), 0.0
    wider = MAKESPAN_SPREAD**2 if spent == "makespan_s" else 1.0
    if replays.m > replays.n:
        centre, unsure = onwards(centre)
    # All replays of all trials in their recorded order are the same, so halves give the shape.
    off = values if replays.launch == "shuffled" else half
    off = off[np.arange(len(values)) % len(off)] - off.mean()
    return PastNumber(
        centre=centre,
        within=wider * (found.order + found.trials / replays.m),
        past=wider * (found.trials / replays.n + unsure**2),
        shape=(off / (off.std() or 1.0))[: _each(ask.draws, ask)].copy(),
        bounded=bounded(values),
        independent=float(replays.n) if spent == "steps" else replays.effective,
    )


def _grown(replays: PastReplays, spent: str, mean: float) -> tuple[float, float]:
    """What is saved per trial of a longer job, and the standard deviation of that."""
    recorded, run = replays.main.outcomes.spent(spent)
    whole = float(recorded.mean())
    kept = float(run.mean()) / whole if whole > 0 else 1.0
    if kept >= 1.0:
        return mean, 0.0
    beyond = kept * _kept_ratio(replays, spent)
    grown = mean * (1.0 - beyond) / (1.0 - kept)
    return grown, abs(mean) * beyond / (1.0 - kept) * _unsure(replays)


def _kept_ratio(replays: PastReplays, spent: str) -> float:
    """The share kept by a job of m trials, over that kept by a job of n.

    Makespans are extrapolated like billed seconds, or like steps where there are no times.
    """
    main = replays.main
    at = spent
    if spent == "makespan_s":
        at = "billed_seconds" if np.isfinite(main.run_at["billed_seconds"]).all() else "steps"
    return kept_beyond(main.run_at[at], main.recorded_at[at], replays.m)


def _unsure(replays: PastReplays) -> float:
    """The standard deviation of the logarithm of the share that a longer job keeps."""
    return EXPONENT_SD * math.log(replays.m / replays.n)
