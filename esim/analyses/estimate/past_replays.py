"""One past study, replayed as jobs of its trials: all that a forecast is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from esim.analyses.estimate.samples import Launch, Samples, draw, play, reorder
from esim.analyses.workers.by_study import MANY
from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.best import cut_short
from esim.simulator.plan.build import prepare
from esim.study import Float64, Int64, Study

LEAST = 4  # fewer past trials cannot be split into halves that vary
_ORDERS = 6  # launch orders of each half
_MAIN, _HALVES, _HALF_ORDERS, _QUARTER = range(4)  # children of the seed


@dataclass(frozen=True)
class Ask:
    """What is asked of every study alike.

    Attributes:
        trials: m, of the next job.
        launch: how samples are launched.
        samples: R, of each study.
        draws: of the forecast's distributions; R, or more of many studies.
        among: how many studies there are, if they are many: then less is kept of each.
        held: how many of them, spread evenly, are held in memory for what stands beside the
            forecast.
        threads: default, the machine's cores.
    """

    rule: Rule
    trials: int
    clock: Clock
    costs: Costs
    final: str
    launch: Launch
    samples: int
    draws: int
    among: int | None = None
    held: int = MANY
    threads: int | None = None

    def of_few(self, samples: int) -> Ask:
        """The same question with so many samples of each of a few studies."""
        return replace(self, samples=samples, draws=samples, among=None)


@dataclass(frozen=True)
class PastReplays:
    """A past study's replays.

    Attributes:
        n: its trials.
        main: R jobs of min(m, n) trials.
        half: jobs of n // 2 trials, in sets: each set in `orders` launch orders.
        quarter: jobs of min(m, n // 4) trials, for what becomes of the best: in jobs of all trials
            the best is always the same one, and next time it will be another.
        degradation_known: whether no trial had been cut short.
    """

    n: int
    m: int
    launch: Launch
    workers: int
    main: Samples
    half: Samples
    orders: int
    quarter: Samples
    degradation_known: bool

    @property
    def jobs(self) -> float:
        """How many jobs of the quarter's size the trials are worth."""
        return self.n / self.quarter.size


def replay_past_study(
    study: Study, ask: Ask, seed: np.random.SeedSequence, trials: Int64 | None = None
) -> PastReplays | None:
    """Replay a study's trials, or some of them; None if there are fewer than `LEAST`."""
    places = np.arange(study.n_trials) if trials is None else trials
    n = len(places)
    if n < LEAST:
        return None
    prepared = prepare(study, ask.rule, threads=ask.threads)
    seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(4)]

    def replayed(orders: Int64) -> Samples:
        return play(prepared, ask.clock, ask.costs, ask.final, orders, threads=ask.threads)

    orders = 1 if ask.launch == "recorded" else _ORDERS
    sets = draw(seeds[_HALVES], places, n // 2, max(ask.samples * 3 // 20, 20), ask.launch)
    size = min(ask.trials, max(n // 4, 2))
    return PastReplays(
        n=n,
        m=ask.trials,
        workers=ask.clock.workers,
        launch=ask.launch,
        main=replayed(draw(seeds[_MAIN], places, min(ask.trials, n), ask.samples, ask.launch)),
        half=replayed(reorder(seeds[_HALF_ORDERS], sets, orders, ask.launch)),
        orders=orders,
        quarter=replayed(
            draw(seeds[_QUARTER], places, size, max(ask.samples // 2, 20), ask.launch)
        ),
        degradation_known=not cut_short(study).any(),
    )


def pooled(replays: PastReplays, column: str) -> Float64:
    """A number of the best in replays of all sizes up to the next job's, evenly. NaN left out."""
    blocks = [replays.main, replays.quarter]
    if replays.half.size <= replays.m:
        blocks.insert(1, replays.half)
    values = [np.asarray(getattr(block.outcomes, column)) for block in blocks]
    known = [v[~np.isnan(v)] for v in values]
    most = max(len(v) for v in known)
    # Each size counts the same, whatever its number of replays.
    even = [v[np.arange(most) % len(v)] for v in known if len(v)]
    return np.concatenate(even) if even else np.empty(0)
