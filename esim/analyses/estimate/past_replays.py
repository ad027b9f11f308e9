"""One past study, replayed many times as jobs of some of its trials.

A forecast is computed from these replays and from nothing else.
"""

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

LEAST = 4  # trials; fewer cannot be split into halves that differ
_ORDERS = 6  # launch orders of each half of the trials
_MAIN, _HALVES, _HALF_ORDERS, _QUARTER = range(4)  # children of the seed


@dataclass(frozen=True)
class Ask:
    """What is asked of every study alike.

    Attributes:
        rule: the rule of the next job.
        trials: m, of the next job.
        clock, costs, final: as in `replay`.
        launch: how the trials of a sample are launched, as in `samples.draw`.
        samples: R, replays of each study.
        draws: of each distribution that is forecast: R, or more if there are many studies.
        among: how many studies there are, if they are many; less is kept of each then.
        held: how many of the studies, spread evenly, are held in memory for the variants and
            checks that stand beside the forecast.
        threads: of a replay; None: as many as the machine has cores.
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
        """The same question for a few studies, with so many samples of each."""
        return replace(self, samples=samples, draws=samples, among=None)


@dataclass(frozen=True)
class PastReplays:
    """The replays of one past study.

    Attributes:
        n: trials of the study that count as past.
        m: trials of the next job.
        launch: how samples were launched.
        workers: of the clock.
        main: R jobs of min(m, n) trials.
        half: jobs of n // 2 trials: sets of trials, each in `orders` launch orders.
        orders: launch orders of each set of `half`.
        quarter: jobs of min(m, n // 4) trials, from which it is told what becomes of the best
            trial: jobs of all trials always hold the same best one, and the next job's best will
            be another.
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
        """How many jobs of the size of `quarter` the past trials make up."""
        return self.n / self.quarter.size


def replay_past_study(
    study: Study, ask: Ask, seed: np.random.SeedSequence, trials: Int64 | None = None
) -> PastReplays | None:
    """Replay a study's trials, or some of them, as jobs of several sizes.

    Args:
        study: the study.
        ask: what is asked of it.
        seed: where samples come from.
        trials: int64 [n], positions of the trials that count as past; None: all.

    Returns:
        None if there are fewer than `LEAST` trials.
    """
    places = np.arange(study.n_trials) if trials is None else trials
    n = len(places)
    if n < LEAST:
        return None
    plan = prepare(study, ask.rule, threads=ask.threads)
    seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(4)]

    def replayed(orders: Int64) -> Samples:
        return play(plan, ask.clock, ask.costs, ask.final, orders, threads=ask.threads)

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
    """A number about the best trial, in replays of all sizes up to that of the next job.

    Every size counts the same: its values are repeated as needed. Unknown values are left out.

    Args:
        column: name of the number in `Outcomes`.

    Returns:
        float64, of any length.
    """
    blocks = [replays.main, replays.quarter]
    if replays.half.size <= replays.m:
        blocks.insert(1, replays.half)
    values = [np.asarray(getattr(block.outcomes, column)) for block in blocks]
    known = [v[~np.isnan(v)] for v in values]
    most = max(len(v) for v in known)
    # Every size gets the same number of values, whatever its number of replays.
    even = [v[np.arange(most) % len(v)] for v in known if len(v)]
    return np.concatenate(even) if even else np.empty(0)
