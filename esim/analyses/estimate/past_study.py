"""One past study, with what is the same whatever is asked of it: plans, draws and replays.

The forecast and all that stands beside it ask the same study again and again, of other numbers of
trials, of other workers, under other rules; each time most of the work is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.samples import Samples, first_of, permutations, play, reorder
from esim.rules import Rule
from esim.simulator.plan.build import prepare
from esim.simulator.plan.plan import Plan
from esim.study import Int64, Study
from esim.study.facts import reporting

Found = TypeVar("Found")
_MAIN, _HALVES, _HALF_ORDERS, WINNERS = range(4)  # children of the seed


class PastStudy:
    """A study that is replayed as jobs of some of its trials.

    Attributes:
        study: the study.
        seed: where samples come from.
        places: int64 [n], its trials that count as past, in launch order: those that reported.
        threads: of a replay; None: as many as the machine has cores.
    """

    def __init__(
        self,
        study: Study,
        seed: np.random.SeedSequence,
        trials: Int64 | None = None,
        threads: int | None = None,
    ) -> None:
        """A study, or some of its trials: int64 [n], places in the study, in launch order."""
        self.study, self.seed, self.threads = study, seed, threads
        self.places = (
            reporting(study) if trials is None else np.intersect1d(trials, reporting(study))
        )
        self._kept: dict[Hashable, Future[Any]] = {}
        self._keeping = Lock()

    def once(self, what: Hashable, make: Callable[[], Found]) -> Found:
        """What was made before under this name, or is made now. Threads wait for each other."""
        with self._keeping:
            known = what in self._kept
            kept = self._kept.setdefault(what, Future())
        if not known:
            try:
                kept.set_result(make())
            except BaseException as error:
                kept.set_exception(error)
        found: Found = kept.result()
        return found

    def child(self, number: int) -> np.random.SeedSequence:
        """A child of the seed, always the same one."""
        return np.random.SeedSequence(self.seed.entropy, spawn_key=(*self.seed.spawn_key, number))

    def plan(self, rule: Rule) -> Plan:
        """The plan of the study under a rule."""
        return self.once(("plan", rule), lambda: prepare(self.study, rule, threads=self.threads))

    def jobs(self, ask: Ask) -> Int64:
        """Random jobs of as many trials as are asked for, or of all. int64 [R, min(m, n)]"""
        orders = self._orders(_MAIN, ask.samples, ask.shared)
        return first_of(orders, self.places, ask.trials, ask.launch)

    def halves(self, ask: Ask, orders: int) -> Int64:
        """Random halves of the trials, in several orders each. int64 [sets * orders, n // 2]"""
        sets, launch, shared, half = ask.sets_of_half, ask.launch, ask.shared, len(self.places) // 2

        def make() -> Int64:
            drawn = first_of(self._orders(_HALVES, sets, shared), self.places, half, launch)
            return reorder(self.child(_HALF_ORDERS), drawn, orders, launch, shared)

        return self.once(("halves", sets, orders, launch, shared), make)

    def as_launched(self, ask: Ask) -> Samples:
        """The study itself, in its own launch order, as one sample."""
        plan, order = self.plan(ask.rule), self.places[None]
        return play(plan, ask.clock, ask.costs, ask.ends, order, threads=self.threads)

    def _orders(self, child: int, samples: int, shared: bool) -> Int64:
        seed, n = self.child(child), len(self.places)
        return self.once(
            ("orders", child, samples, shared), lambda: permutations(seed, n, samples, shared)
        )
