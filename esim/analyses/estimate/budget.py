"""How many more trials the next job can afford with the rule, for the same money."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from esim.analyses.estimate.forecast import forecast
from esim.analyses.estimate.past_numbers import FRACTIONS
from esim.analyses.estimate.past_replays import Ask, replay_past_study
from esim.analyses.estimate.samples import Samples
from esim.analyses.estimate.variants import smaller
from esim.results.estimate import Interval, SameCost
from esim.results.forecast import Quantity
from esim.study import Float64, Study

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
    ask = smaller(ask)
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
    longest = max(study.n_trials for study in past)
    scale = min(1.0, longest / fits)
    shown = max(1, round(ask.trials * scale)), max(1, round(fits * scale))
    values = _best(past, ask, seed, confidence, shown)
    around = numbers.around(confidence)
    text = (
        f"with the rule, {fits} trials ({around.low:.0f} to {around.high:.0f} at "
        f"{100 * confidence:g} %) cost what {ask.trials} do without it"
        if fits > ask.trials
        else "the rule pays for no further trial"
    )
    if scale < 1.0 and fits > ask.trials and values[0] is not None:
        text += (
            f"; what {fits} would find is beyond {longest} past trials, so the best values are of "
            f"{shown[1]} against {shown[0]}, the same ratio"
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
        found = replay_past_study(study, ask, np.random.SeedSequence(0, spawn_key=(i,)))
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
    jobs: list[tuple[Samples, bool]] = []
    for trials in shown:
        found = replay_past_study(past[0], dataclasses.replace(ask, trials=trials), child)
        if found is None or not found.degradation_known:
            return None, None, None
        # Jobs of all past trials hold the same best one, so they do not show how it varies.
        jobs.append((found.main, found.main.size < found.n))

    def around(values: Float64, spread: bool) -> Interval | None:
        known = values[~np.isnan(values)]
        return Quantity("value", known, spread).around(confidence) if len(known) else None

    (small, varies), (large, large_varies) = jobs
    return (
        around(small.outcomes.best_recorded.value, varies),
        around(small.outcomes.best.value, varies),
        around(large.outcomes.best.value, large_varies),
    )
