"""Jobs of some of a study's trials, drawn without repeats, replayed, and what each saved and lost.

A sample never holds a trial twice: two identical curves side by side are something no real job has,
and a median rule reacts to them. R samples of m trials each, N trials in the study.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product, repeat
from typing import Literal, get_args

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.simulator.accounting import SPENT, Launches, Outcomes, outcomes
from esim.simulator.job_end import Until, play_many
from esim.simulator.plan.plan import Plan
from esim.simulator.run import run_many
from esim.simulator.trial_outcomes import TrialOutcomes, outcomes_of_trials
from esim.study import Float64, Int64

Launch = Literal["shuffled", "recorded"]
_MOST_CELLS = 4_000_000  # of [samples, trials] held at once
_BY_TRIAL = tuple(what for what in SPENT if what != "makespan_s")


@dataclass(frozen=True)
class Samples:
    """R replayed jobs of m trials. NaN = unknown.

    Attributes:
        size: m.
        outcomes: what each job saved and lost. [R]
        recorded_at, run_at: what is spent without and with the rule at each launch position, by the
            keys of `SPENT` but for the makespan: the mean over jobs, float64 [m] each. Empty unless
            it was asked for.
    """

    size: int
    outcomes: Outcomes
    recorded_at: dict[str, Float64]
    run_at: dict[str, Float64]


def draw(
    seed: np.random.SeedSequence, trials: Int64, size: int, samples: int, launch: Launch
) -> Int64:
    """Which trials each sample holds, in launch order. int64 [R, m], places in the study

    One child of the seed a sample, so that more samples leave the first ones as they are.

    Args:
        trials: int64 [n], places in the study, in launch order.
        launch: "shuffled": any order is as likely; "recorded": the trials keep their order.
    """
    if launch not in get_args(Launch):
        raise EsimError(f"launch cannot be {launch!r}", fix="shuffled or recorded")
    return first_of(permutations(seed, len(trials), samples), trials, size, launch)


def permutations(seed: np.random.SeedSequence, n: int, samples: int, shared: bool = False) -> Int64:
    """The numbers below n in random orders. int64 [samples, n]; `shared` as of `_generators`"""
    found = np.empty((samples, n), dtype=np.int64)
    for row, rng in zip(found, _generators(seed, samples, shared), strict=True):
        row[:] = rng.permutation(n)
    return found


def first_of(orders: Int64, trials: Int64, size: int, launch: Launch) -> Int64:
    """Samples of so many trials: the first of each of the `permutations` of all. int64 [R, m]"""
    places = orders[:, :size]
    return trials[places if launch == "shuffled" else np.sort(places, axis=1)]


def reorder(
    seed: np.random.SeedSequence, sets: Int64, orders: int, launch: Launch, shared: bool = False
) -> Int64:
    """Each of S sets, int64 [S, m], in several launch orders. int64 [S * orders, m]"""
    repeated = np.repeat(sets, orders, axis=0)
    if launch == "shuffled":
        for row, rng in zip(repeated, _generators(seed, len(repeated), shared), strict=True):
            rng.shuffle(row)
    return repeated


def _generators(
    seed: np.random.SeedSequence, samples: int, shared: bool
) -> Iterator[np.random.Generator]:
    """A generator for each sample: its own child of the seed, or one that all share.

    To make one takes eight times as long as to shuffle 100 trials, which is the greater part of a
    forecast from many studies.
    """
    if shared:
        yield from repeat(np.random.Generator(np.random.PCG64(seed)), samples)
        return
    for i in range(samples):
        child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i))
        yield np.random.Generator(np.random.PCG64(child))


def play(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    until: Until,
    orders: Sequence[Int64],
    *,
    by_position: Sequence[bool] | None = None,
    threads: int | None = None,
) -> list[Samples]:
    """Replay samples of each of the S studies of a plan.

    Most of the time that a few small samples take is in the calls, whatever the number of studies.

    Args:
        plan: of the studies.
        clock, costs: as in `replay`.
        until: job-level rules; with any, the plan is of one study.
        orders: for each study its samples, int64 [R, m], places in the study; R is the same for
            all, and m at least 1 if there are several.
        by_position: for each study, whether `Samples.run_at` is asked for; None: for none.
        threads: of a replay; the result does not depend on it.
    """
    firsts = plan.batch.trials[:-1].tolist()
    launched = np.array([its.shape[1] for its in orders])
    whole = np.hstack([its + first for its, first in zip(orders, firsts, strict=True)])
    block = max(1, _MOST_CELLS // max(1, plan.study.n_trials))
    positions = _Positions(by_position or [False] * len(orders))
    lots = []
    for at in range(0, len(whole), block):
        jobs = Launches(plan.batch, whole[at : at + block], launched)
        runs = play_many(plan, clock, costs, until, jobs.orders, threads=threads)
        baseline = run_many(plan, clock, costs, jobs.orders, acting=False, threads=threads)
        trials = outcomes_of_trials(plan.study, costs, until.final, runs)
        lots.append(outcomes(jobs, plan.study, clock, costs, trials, runs, baseline))
        positions.add(jobs, trials)
    found = lots[0] if len(lots) == 1 else Outcomes.joined(lots)
    return [
        Samples(size, found.of(np.s_[:, at]), *positions.means(at, len(whole)))
        for at, size in enumerate(launched.tolist())
    ]


class _Positions:
    """What is spent at each launch position, added up over jobs; of the studies that want it."""

    def __init__(self, wanted: Sequence[bool]) -> None:
        self._wanted = wanted
        self._sums: dict[tuple[int, bool, str], Float64] = {}

    def add(self, jobs: Launches, trials: TrialOutcomes) -> None:
        """Add what more jobs spend."""
        for under_rule, name in product((False, True), _BY_TRIAL if any(self._wanted) else ()):
            spent = trials.run if under_rule else trials.recorded
            table = jobs.table(getattr(spent, name), np.nan)
            for at in np.flatnonzero(self._wanted).tolist():
                its, key = table[:, at, : jobs.launched[at]], (at, under_rule, name)
                # Row upon row, so that the sum is the same however the jobs are cut into lots.
                its[0] += self._sums.get(key, 0.0)
                self._sums[key] = its.sum(axis=0)

    def means(self, at: int, jobs: int) -> tuple[dict[str, Float64], dict[str, Float64]]:
        """The means over jobs of a study, as recorded and under the rule."""
        names = _BY_TRIAL if self._wanted[at] else ()
        recorded, run = (
            {name: self._sums[at, under_rule, name] / jobs for name in names}
            for under_rule in (False, True)
        )
        return recorded, run
