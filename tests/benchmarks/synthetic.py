"""Synthetic studies whose truth is known: families of learning curves, a study drawn from each.

A family draws a study's parameters; the study's trials are then independent draws from it. Lower
values are better. The families differ in what the start of a curve says about its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esim.study import Study

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


@dataclass(frozen=True)
class Population:
    """One study's trials to come.

    Attributes:
        curves: draws the values of so many trials, float64 [trials, steps].
        pace: standard deviation of the logarithm of a trial's seconds per step.
        heavy: whether paces are drawn from Student's t with 3 degrees of freedom.
    """

    curves: Draw
    pace: float
    heavy: bool = False

    def study(self, rng: np.random.Generator, trials: int, trend: float = 0.0) -> Study:
        """So many trials.

        Args:
            rng: where they come from.
            trials: how many.
            trend: 0 for independent trials. Else the search learns: curves are launched in the
                order of their final value plus noise, and a large trend means little noise.
        """
        values = self.curves(rng, trials)
        if trend:
            spread = values[:, -1].std() / trend
            values = values[np.argsort(-values[:, -1] + spread * rng.standard_normal(trials))]
        noise = rng.standard_t(3, (trials, 1)) if self.heavy else rng.standard_normal((trials, 1))
        seconds = 10.0 * np.exp(self.pace * np.clip(noise, -6.0, 6.0))
        jitter = rng.uniform(0.9, 1.1, values.shape)
        return Study.from_arrays(values, "minimize", elapsed=np.cumsum(seconds * jitter, axis=1))


def fast_converging(rng: np.random.Generator) -> Population:
    """Every curve falls quickly to its own floor: the start tells the end."""
    steps, half_life, noise = _steps(rng), rng.uniform(1.0, 3.0), rng.uniform(0.005, 0.03)
    skew = rng.uniform(0.5, 1.5)

    def curves(rng: np.random.Generator, trials: int) -> Floats:
        floor = rng.gamma(2.0, skew / 2.0, (trials, 1)) * 0.3
        start = floor + rng.uniform(0.5, 1.0, (trials, 1))
        return _falling(start, floor, half_life, steps) + _noise(rng, noise, trials, steps)

    return Population(curves, rng.uniform(0.1, 0.6))


def crossing(rng: np.random.Generator) -> Population:
    """The slower a curve falls, the lower it ends: good trials look bad at first."""
    steps, noise, strength = _steps(rng), rng.uniform(0.005, 0.03), rng.uniform(0.6, 1.0)

    def curves(rng: np.random.Generator, trials: int) -> Floats:
        slow = rng.uniform(0.0, 1.0, (trials, 1))
        floor = 0.6 * (strength * (1.0 - slow) + (1.0 - strength) * rng.uniform(size=(trials, 1)))
        return _falling(1.2, floor, 1.0 + 6.0 * slow, steps) + _noise(rng, noise, trials, steps)

    return Population(curves, rng.uniform(0.1, 0.6))


def rare_slow_winners(rng: np.random.Generator) -> Population:
    """Fast curves, and a few that start badly and end best; paces have heavy tails."""
    steps, half_life, noise = _steps(rng), rng.uniform(1.0, 3.0), rng.uniform(0.005, 0.03)
    share, gain = rng.uniform(0.01, 0.06), rng.uniform(0.05, 0.4)

    def curves(rng: np.random.Generator, trials: int) -> Floats:
        slow = rng.uniform(size=(trials, 1)) < share
        floor = 0.4 + rng.gamma(2.0, 0.15, (trials, 1))
        floor = np.where(slow, 0.4 - gain * rng.uniform(0.3, 1.0, (trials, 1)), floor)
        start = floor + rng.uniform(0.5, 1.0, (trials, 1)) + 0.5 * slow
        life = np.where(slow, steps / 5.0, half_life)
        return _falling(start, floor, life, steps) + _noise(rng, noise, trials, steps)

    return Population(curves, rng.uniform(0.3, 0.7), heavy=True)


def late_drops(rng: np.random.Generator) -> Population:
    """Noisy power laws with plateaus, some of which drop late."""
    steps, noise = _steps(rng) + 10, rng.uniform(0.01, 0.06)
    share, depth = rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.5)

    def curves(rng: np.random.Generator, trials: int) -> Floats:
        at = np.arange(1, steps + 1)[None]
        power, floor = rng.uniform(0.2, 1.2, (trials, 1)), rng.beta(2.0, 3.0, (trials, 1))
        begun = rng.integers(1, 6, (trials, 1))  # a plateau comes first
        values = floor + rng.uniform(0.5, 1.5, (trials, 1)) * np.maximum(at - begun, 1.0) ** -power
        drops = rng.uniform(size=(trials, 1)) < share
        when = rng.integers(steps // 3, steps, (trials, 1))
        fall = depth * rng.uniform(0.2, 1.0, (trials, 1))
        return (
            values - np.where(drops & (at >= when), fall, 0.0) + _noise(rng, noise, trials, steps)
        )

    return Population(curves, rng.uniform(0.1, 0.8))


FAMILIES: dict[str, Callable[[np.random.Generator], Population]] = {
    "fast converging": fast_converging,
    "crossing": crossing,
    "rare slow winners": rare_slow_winners,
}
UNTUNED = {"late drops": late_drops}  # made after the method was frozen


def _steps(rng: np.random.Generator) -> int:
    return int(rng.integers(12, 31))


def _falling(start: Floats | float, floor: Floats, life: Floats | float, steps: int) -> Floats:
    """From `start` to `floor`, half of the way every `life` steps. [trials, steps]"""
    found: Floats = floor + (start - floor) * 0.5 ** (np.arange(1, steps + 1)[None] / life)
    return found


def _noise(rng: np.random.Generator, size: float, trials: int, steps: int) -> Floats:
    found: Floats = size * rng.standard_normal((trials, steps))
    return found
