"""One past study, replayed many times as jobs of some of its trials.

A forecast is computed from these replays and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.samples import Launch, Samples, draw, play, reorder
from esim.analyses.estimate.winners import Winners, replay_winners
from esim.simulator.plan.build import prepare
from esim.study import Float64, Int64, Study
from esim.study.facts import cut_short, reporting
from esim.study.times import durations

LEAST = 4  # trials; fewer cannot be split into halves that differ
_ORDERS = 6  # launch orders of each half of the trials
_MAIN, _HALVES, _HALF_ORDERS, _WINNERS = range(4)  # children of the seed


@dataclass(frozen=True)
class PastReplays:
    """The replays of one past study.

    Attributes:
        n: trials of the study that count as past.
        effective: how many they are, counted by their seconds: (sum)^2 / sum of squares.
        m: trials of the next job.
        launch: how samples were launched.
        workers: of the clock.
        main: R jobs of min(m, n) trials.
        half: jobs of n // 2 trials: sets of trials, each in `orders` launch orders.
        orders: launch orders of each set of `half`.
        winners: jobs of m trials whose best is known, from which it is told what becomes of the
            best: jobs of all past trials always hold the same best one, and the next job's best
            will be another. None: too few trials, or too many more are asked for.
        degradation_known: whether no trial that counts had been cut short.
    """

    n: int
    effective: float
    m: int
    launch: Launch
    workers: int
    main: Samples
    half: Samples
    orders: int
    winners: Winners | None
    degradation_known: bool


def replay_past_study(
    study: Study, ask: Ask, seed: np.random.SeedSequence, trials: Int64 | None = None
) -> PastReplays | None:
    """Replay a study's trials, or some of them, as jobs of several sizes.

    Args:
        study: the study.
        ask: what is asked of it.
        seed: where samples come from.
        trials: int64 [n], positions of the trials that count as past, in launch order; None: all.
            Those without a report do not count.

    Returns:
        None if there are fewer than `LEAST` trials.
    """
    places = reporting(study) if trials is None else np.intersect1d(trials, reporting(study))
    n = len(places)
    if n < LEAST:
        return None
    plan = prepare(study, ask.rule, threads=ask.threads)
    seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(4)]

    def replayed(orders: Int64) -> Samples:
        return play(plan, ask.clock, ask.costs, ask.ends, orders, threads=ask.threads)

    orders = 1 if ask.launch == "recorded" else _ORDERS
    sets = draw(seeds[_HALVES], places, n // 2, max(ask.samples * 3 // 20, 20), ask.launch)
    return PastReplays(
        n=n,
        effective=_effective(durations(study)[places]),
        m=ask.trials,
        workers=ask.clock.workers,
        launch=ask.launch,
        main=replayed(draw(seeds[_MAIN], places, min(ask.trials, n), ask.samples, ask.launch)),
        half=replayed(reorder(seeds[_HALF_ORDERS], sets, orders, ask.launch)),
        orders=orders,
        winners=replay_winners(study, ask, places, seeds[_WINNERS]),
        degradation_known=not cut_short(study).any(),
    )


def _effective(seconds: Float64) -> float:
    """Trials that count by their seconds, as so many that take equally long; at least 2."""
    squares = float((seconds**2).sum())
    return max(float(seconds.sum()) ** 2 / squares, 2.0) if squares > 0 else float(len(seconds))
