"""Made-up outcomes whose truth is known, for the calibration of `esim.compare`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from esim.study import Float64

Outcomes = tuple[Float64, Float64]  # saved and loss, [S, R] each
Maker = Callable[[int, int, np.random.Generator], Outcomes]  # of R contestants and S studies


# ------------------------------------------------------- what is saved by rules that do not differ


def alike_normal(contestants: int, studies: int, rng: np.random.Generator) -> Float64:
    return rng.normal(0, 0.1, (contestants, studies)) + rng.normal(0, 0.3, studies)


def alike_skewed(contestants: int, studies: int, rng: np.random.Generator) -> Float64:
    return rng.exponential(0.1, (contestants, studies)) * rng.exponential(1.0, studies)


def alike_rare(contestants: int, studies: int, rng: np.random.Generator) -> Float64:
    rare = rng.random((contestants, studies)) < 0.15
    return -0.5 * rare + rng.normal(0, 0.01, (contestants, studies))


def copies(contestants: int, studies: int, rng: np.random.Generator) -> Float64:
    """Three rules, each with variants of it that hardly differ."""
    kinds = rng.normal(0, 0.1, (3, studies))[np.arange(contestants) % 3]
    return kinds + rng.normal(0, 0.005, (contestants, studies))


def unequal(contestants: int, studies: int, rng: np.random.Generator) -> Float64:
    """Equal means, but some vary twenty times as much: not exchangeable."""
    scale = np.linspace(0.005, 0.1, contestants)[:, None]
    return rng.normal(0, 1, (contestants, studies)) * scale


def half(contestants: int, studies: int, rng: np.random.Generator) -> Float64:
    """The first half are alike, the others truly save less; only claims in the half are false."""
    less = np.where(np.arange(contestants) < (contestants + 1) // 2, 0.0, 0.15)[:, None]
    return rng.normal(0, 0.1, (contestants, studies)) - less


NULLS: dict[str, Callable[[int, int, np.random.Generator], Float64]] = {
    "alike, normal": alike_normal,
    "alike, skewed": alike_skewed,
    "alike, rare large differences": alike_rare,
    "copies of three": copies,
    "unequal spread": unequal,
    "half truly worse": half,
}


# ------------------------------------------------------------------------ what is saved and lost


def _saves(contestants: int, studies: int, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """How reckless each contestant is, [R], the first not at all; and what it saves, [S, R]."""
    reckless = np.linspace(0.0, 1.0, contestants)
    noise = rng.normal(0, 0.1, (studies, 1)) + rng.normal(0, 0.05, (studies, contestants))
    return reckless, np.clip(0.8 * reckless + noise, 0.0, 1.0) * (reckless > 0)


def mild(contestants: int, studies: int, rng: np.random.Generator) -> Outcomes:
    reckless, saved = _saves(contestants, studies, rng)
    return saved, 0.1 * reckless * rng.gamma(2.0, 0.5, saved.shape)


def rare(contestants: int, studies: int, rng: np.random.Generator) -> Outcomes:
    reckless, saved = _saves(contestants, studies, rng)
    return saved, 0.5 * (rng.random(saved.shape) < 0.25 * reckless)


def rare_together(contestants: int, studies: int, rng: np.random.Generator) -> Outcomes:
    reckless, saved = _saves(contestants, studies, rng)
    return saved, 0.5 * (rng.random((studies, 1)) < 0.25 * reckless)


def rare_alike(contestants: int, studies: int, rng: np.random.Generator) -> Outcomes:
    reckless, saved = _saves(contestants, studies, rng)
    return saved, 0.5 * (rng.random(saved.shape) < np.where(reckless > 0, 0.12, 0.0))


def all_bad(contestants: int, studies: int, rng: np.random.Generator) -> Outcomes:
    """Every rule but the first loses 50 % in a third of the studies; a lucky one is picked."""
    reckless, saved = _saves(contestants, studies, rng)
    return saved, 0.5 * (rng.random(saved.shape) < np.where(reckless > 0, 0.35, 0.0))


def lognormal(contestants: int, studies: int, rng: np.random.Generator) -> Outcomes:
    reckless, saved = _saves(contestants, studies, rng)
    return saved, 0.06 * reckless * np.exp(rng.normal(0, 1.5, saved.shape) - 1.125)


def two_kinds(contestants: int, studies: int, rng: np.random.Generator) -> Outcomes:
    """Made after the method was settled: easy studies, and one in six hard; losses and gains.

    In hard studies less is saved and much lost, the same for all rules up to a factor; in easy ones
    the best value may get a little better. What is saved follows a beta distribution.
    """
    reckless = np.sqrt(np.linspace(0.0, 1.0, contestants))
    hard = rng.random((studies, 1)) < 1 / 6
    mean = np.clip(0.7 * reckless * np.where(hard, 0.5, 1.0), 1e-9, None)
    saved = rng.beta(8 * mean, 8 * (1 - mean)) * (reckless > 0)
    shock = rng.pareto(2.5, (studies, 1)) * 0.25
    loss = np.where(hard, shock * reckless * rng.uniform(0.5, 1.5, saved.shape), 0.0)
    return saved, loss - np.where(hard, 0.0, 0.01 * reckless * rng.random(saved.shape))


FAMILIES: dict[str, Maker] = {
    "mild": mild,
    "rare 50 %": rare,
    "rare 50 %, together": rare_together,
    "rare 50 %, all alike": rare_alike,
    "a third lose 50 %": all_bad,
    "lognormal": lognormal,
    "two kinds (not tuned on)": two_kinds,
}
