"""Futures on draws of a surrogate, each by its number: the work that processes share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esim.analyses.closed_loop.extra import library
from esim.analyses.closed_loop.futures import Arm, Budget, Side, play_future
from esim.analyses.closed_loop.loop import Terms
from esim.analyses.closed_loop.problem import Problem
from esim.analyses.closed_loop.searchers import searcher
from esim.analyses.closed_loop.surrogate import Draw, Surrogate


@dataclass(frozen=True)
class Drawn:
    """What every future is played with; the fields are those of `play_future`, and a seed."""

    surrogate: Surrogate
    arms: tuple[Arm, ...]
    terms: Terms
    budget: Budget
    seed: int

    def future(self, unit: tuple[str, int]) -> tuple[Side, list[Side]]:
        """One future without a rule and with each. It depends on nothing but its number.

        Args:
            unit: the searcher, and the number of the future. Futures of one number run on the
                same draw of the problem.
        """
        name, number = unit
        source = np.random.SeedSequence(self.seed, spawn_key=(number,))
        drawn = Draw.of(self.surrogate, np.random.default_rng(source))
        search_seed = int(source.generate_state(1)[0] >> 1)
        space, workers = self.surrogate.space, self.terms.workers
        # Sums in BLAS differ in their last bits with the number of its threads.
        with library("threadpoolctl").threadpool_limits(1):
            return play_future(
                lambda: self.problem(drawn),
                lambda: searcher(name, space, search_seed, workers),
                self.arms,
                self.terms,
                self.surrogate.study,
                self.budget,
            )

    def problem(self, drawn: Draw) -> Problem:
        """What the jobs of a future run on: the draw, where every configuration can run."""
        return drawn
