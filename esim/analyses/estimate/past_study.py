"""Past studies, with what is the same whatever is asked of them: plans, draws and replays.

The forecast and all that stands beside it ask the same studies again and again, of other numbers of
trials, of other workers, under other rules; each time most of the work is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.samples import Samples, first_of, permutations, play, reorder
from esim.rules import Rule
from esim.simulator.plan.build import batchable, prepare_batch
from esim.simulator.plan.plan import Plan
from esim.study import Int64, Study
from esim.study.batch import Batch, batches
from esim.study.facts import reporting

LEAST = 4  # trials; fewer cannot be split into halves that differ
Found = TypeVar("Found")
_MAIN, _HALVES, _HALF_ORDERS, WINNERS = range(4)  # children of the seed


class _Made:
    """What is made once, by name, and then kept."""

    def __init__(self) -> None:
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


class PastStudy(_Made):
    """A study that is replayed as jobs of some of its trials.

    Attributes:
        study: the study.
        seed: where samples come from.
        places: int64 [n], its trials that count as past, in launch order: those that reported.
    """

    def __init__(
        self, study: Study, seed: np.random.SeedSequence, trials: Int64 | None = None
    ) -> None:
        """A study, or some of its trials: int64 [n], places in the study, in launch order."""
        super().__init__()
        self.study, self.seed = study, seed
        self.places = (
            reporting(study) if trials is None else np.intersect1d(trials, reporting(study))
        )

    def child(self, number: int) -> np.random.SeedSequence:
        """A child of the seed, always the same one."""
        return np.random.SeedSequence(self.seed.entropy, spawn_key=(*self.seed.spawn_key, number))

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

    def _orders(self, child: int, samples: int, shared: bool) -> Int64:
        seed, n = self.child(child), len(self.places)
        return self.once(
            ("orders", child, samples, shared), lambda: permutations(seed, n, samples, shared)
        )


class PastStudies(_Made):
    """Past studies that are replayed together.

    Attributes:
        each: the studies.
        threads: of a replay; None: as many as the machine has cores.
    """

    def __init__(self, each: Sequence[PastStudy], threads: int | None = None) -> None:
        super().__init__()
        self.each, self.threads = each, threads

    @property
    def enough(self) -> bool:
        """Whether the studies have trials enough to be replayed."""
        return all(len(past.places) >= LEAST for past in self.each)

    def plan(self, rule: Rule) -> Plan:
        """The plan of the studies under a rule."""
        return self.once(("plan", rule), lambda: self.planned(rule, [p.study for p in self.each]))

    def planned(self, rule: Rule, studies: Sequence[Study]) -> Plan:
        """The plan under a rule of studies that stand in for some of these."""
        return prepare_batch(Batch.of(studies), rule, threads=self.threads)

    def play(
        self,
        plan: Plan,
        ask: Ask,
        orders: Sequence[Int64],
        by_position: Sequence[bool] | None = None,
    ) -> list[Samples]:
        """`samples.play`, of what is asked."""
        its = ask.clock, ask.costs, ask.ends, orders
        return play(plan, *its, by_position=by_position, threads=self.threads)

    def as_launched(self, ask: Ask) -> list[Samples]:
        """The studies themselves, in their own launch orders, as one sample each."""
        return self.play(self.plan(ask.rule), ask, [past.places[None] for past in self.each])


def replayed_together(
    past: Sequence[PastStudy], asks: Sequence[Sequence[Ask]]
) -> Iterator[list[int]]:
    """Which studies can be replayed together.

    Args:
        past: the studies.
        asks: what each of them is asked; only those that are asked the same go together.

    Yields:
        Positions in `past`.
    """
    kinds = [
        (tuple(questions), None if _goes_along(one, questions) else at)
        for at, (one, questions) in enumerate(zip(past, asks, strict=True))
    ]
    return batches([one.study for one in past], kinds)


def _goes_along(past: PastStudy, asks: Sequence[Ask]) -> bool:
    """Whether a study can be replayed together with others: what job-level rules end cannot.

    Nor, to any use, what each launch order plans anew.
    """
    return len(past.places) >= LEAST and not any(
        ask.until or ask.rule.waits_for_first or not batchable(ask.rule) for ask in asks
    )
