"""How many more trials the next job can afford with the rule, for the same money."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.forecast import forecast
from esim.analyses.estimate.past_numbers import FRACTIONS
from esim.analyses.estimate.past_replays import replay_past_studies
from esim.analyses.estimate.past_study import PastStudies, PastStudy
from esim.analyses.estimate.prediction_variance import FAR
from esim.analyses.estimate.variants import smaller
from esim.analyses.estimate.winners import Winners, none_unseen, spread_evenly
from esim.errors import plural
from esim.results.estimate import Interval, SameCost
from esim.results.forecast import Quantity
from esim.study import Float64, Int64, Study
from esim.study.facts import reporting

MOST = 20  # times the trials; the share kept is not extrapolated to longer jobs
_ROUNDS = 4  # of the fixed-point iteration


def same_cost(past: Sequence[Study], ask: Ask, seed: int, confidence: float) -> SameCost | None:
    """How many trials with the rule cost what `ask.trials` cost without it; None if unknown.

    A job of k trials keeps a share of its cost that itself depends on k. The answer is the k for
    which k times that share is `ask.trials`, found by fixed-point iteration.

    Args:
        past: the studies.
        ask: what is asked of them.
        seed: of the samples.
        confidence: of the interval.
    """
    ask = smaller(ask, len(past))
    spent, draws = _kept(past, ask, seed, confidence)
    if draws is None:
        return None
    fits = ask.trials
    for _ in range(_ROUNDS):
        more = _fits(ask.trials, float(np.median(draws)))
        if more == fits:
            break
        fits = more
        _, draws = _kept(past, dataclasses.replace(ask, trials=fits), seed, confidence)
        if draws is None:  # not known of a job of so many trials
            return None
    numbers = Quantity("trials", np.array([_fits(ask.trials, kept) for kept in draws]))
    around = numbers.around(confidence)
    fits = round(around.median)
    longest = max(len(reporting(study)) for study in past)
    scale = min(1.0, FAR * longest / fits)
    shown = max(1, round(ask.trials * scale)), max(1, round(fits * scale))
    values = _best(past, ask, seed, confidence, shown)
    text = (
        f"with the rule, {plural(fits, 'trial')} ({around.low:.0f} to {around.high:.0f} at "
        f"{100 * confidence:g} %) cost what {ask.trials} do without it"
        if fits > ask.trials
        else "the rule pays for no further trial"
    )
    if values[0] is not None:
        text += (
            "; the best values have no better end where the next job's best may lie beyond all "
            f"{longest} past trials, and a median that is the past's best stands for it or better"
        )
    if scale < 1.0 and fits > ask.trials and values[0] is not None:
        text += (
            f"; what {fits} would find is too far beyond {longest} past trials, so the best values "
            f"are of {shown[1]} against {shown[0]}, the same ratio"
        )
    return SameCost(around, spent, _budget(past, ask, spent), shown, *values, text)


def _kept(
    past: Sequence[Study], ask: Ask, seed: int, confidence: float
) -> tuple[str, Float64 | None]:
    """What is spent (money if known, else billed time, else steps), and draws of the share kept."""
    found = forecast(past, ask, seed, confidence)
    for spent in ("cost", "billed_seconds", "steps"):
        share = found.quantities[FRACTIONS[spent]]
        if share is not None and share.spread:
            return spent, 1.0 - share.draws
    return "steps", None


def _fits(trials: int, kept: float) -> int:
    return int(min(max(trials / max(kept, 1.0 / MOST), trials), MOST * trials))


def _budget(past: Sequence[Study], ask: Ask, spent: str) -> float:
    """What the next job is expected to cost without the rule."""
    a_trial = []
    for i, study in enumerate(past):
        seed = np.random.SeedSequence(0, spawn_key=(i,))
        (found,) = replay_past_studies(PastStudies([PastStudy(study, seed)], ask.threads), ask)
        if found is not None:
            a_trial.append(float(found.main.outcomes.spent(spent)[0].mean()) / found.main.size)
    return float(np.mean(a_trial)) * ask.trials


def _best(
    past: Sequence[Study], ask: Ask, seed: int, confidence: float, shown: tuple[int, int]
) -> tuple[Interval | None, Interval | None, Interval | None]:
    """The best final value without the rule, with it, and with it and the trials it pays for."""
    if len(past) > 1:  # values of different studies do not compare
        return None, None, None
    child = np.random.SeedSequence(seed, spawn_key=(0,))
    one, jobs = PastStudies([PastStudy(past[0], child)], ask.threads), []
    for trials in shown:
        (found,) = replay_past_studies(one, dataclasses.replace(ask, trials=trials))
        if found is None or found.winners is None or not found.degradation_known:
            return None, None, None
        jobs.append((found.winners, none_unseen(found.n, found.m)))
    (small, small_none), (large, large_none) = jobs
    sign = past[0].sign
    return (
        _around(small.seen.best_recorded.value, small.rank, np.empty(0), 1.0, sign, confidence),
        _left(small, small_none, sign, confidence),
        _left(large, large_none, sign, confidence),
    )


def _left(jobs: Winners, none: float, sign: float, confidence: float) -> Interval | None:
    """The best final value under the rule, from jobs that hold no unseen trial, and one that do."""
    lost = jobs.slow.best.value[jobs.slow.best_kept == 0]
    share = none + (1.0 - none) * float((jobs.slow.best_kept == 1).mean())
    return _around(jobs.seen.best.value, jobs.rank, lost, share, sign, confidence)


def _around(
    values: Float64, rank: Int64, lost: Float64, share: float, sign: float, confidence: float
) -> Interval | None:
    """Median and interval of a best value; its better end is None if it may be beyond the past's.

    Args:
        values: float64 [R], of jobs whose best is a past trial.
        rank: int64 [R], its rank among the past ones; for 0 the next job's is as good or better.
        lost: what is left where an unseen best trial is lost.
        share: of the jobs in which none is.
        sign: 1 to minimize, -1 to maximize.
        confidence: of the interval.
    """
    values, lost = sign * values[~np.isnan(values)], sign * lost[~np.isnan(lost)]
    if not len(values):
        return None
    of_lost = round((1.0 - share) / share * len(values)) if len(lost) else 0
    draws = np.concatenate([values, spread_evenly(lost, of_lost)])
    tail = (1.0 - confidence) / 2.0
    better, median, worse = np.quantile(draws, [tail, 0.5, 1.0 - tail], method="inverted_cdf")
    beyond = float((rank == 0).mean()) * share > tail
    ends = None if beyond else sign * float(better), sign * float(worse)
    low, high = ends if sign > 0 else ends[::-1]
    return Interval(sign * float(median), low, high)
