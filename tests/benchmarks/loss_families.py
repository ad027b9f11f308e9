"""Candidates whose risks are known, for certificates: made-up kinds of losses, and real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from esim.analyses.certify.in_sequence import Judged
from esim.study import Float64

CANDIDATES = 20
_ORDERS = 20  # launch orders over which a loss is averaged
_BOLD = np.linspace(0.05, 1.0, CANDIDATES)  # how bold each candidate is: it saves about so much


@dataclass(frozen=True)
class Family:
    """R candidates on any number of studies.

    Attributes:
        risks: float64 [R], each candidate's mean loss over all studies, the truth.
        saves: float64 [R], the mean of what each saves.
        draw: what they save and lose in so many studies.
        whole: whether each loss is 0 or 1.
    """

    risks: Float64
    saves: Float64
    draw: Callable[[int, np.random.Generator], Judged]
    whole: bool


def _made_up(
    risks: Float64, losses: Callable[[int, np.random.Generator], Float64], *, whole: bool
) -> Family:
    """Of losses float64 [S, R]; bolder candidates save more in nearly every study."""

    def draw(studies: int, rng: np.random.Generator) -> Judged:
        lost = losses(studies, rng)
        saved = 0.8 * _BOLD + rng.normal(0.0, 0.1, (studies, 1))
        saved = saved + rng.normal(0.0, 0.03, lost.shape)
        near = np.maximum(lost, np.minimum(1.0, 0.5 * _BOLD * rng.gamma(2.0, 0.5, lost.shape)))
        return Judged(np.clip(saved, 0.0, 1.0), lost, near)

    return Family(risks, 0.8 * _BOLD, draw, whole)


def _lost_or_not() -> Family:
    """Each candidate loses a study or does not, whatever the others do."""
    risks = 0.4 * _BOLD**2

    def losses(studies: int, rng: np.random.Generator) -> Float64:
        return (rng.random((studies, CANDIDATES)) < risks).astype(np.float64)

    return _made_up(risks, losses, whole=True)


def _in_some_orders() -> Family:
    """A loss is the share of launch orders that lose, and varies from study to study (beta)."""
    risks, spread = 0.4 * _BOLD**2, 1.5

    def losses(studies: int, rng: np.random.Generator) -> Float64:
        shares = rng.beta(risks * spread, (1 - risks) * spread, (studies, CANDIDATES))
        return rng.binomial(_ORDERS, shares) / _ORDERS

    return _made_up(risks, losses, whole=False)


def _hard_studies() -> Family:
    """One study in eight is hard, and all candidates lose there together, the bolder the more."""
    hard, inside = 0.125, np.minimum(1.0, 1.2 * _BOLD)
    outside = 0.15 * np.maximum(0.0, _BOLD - 0.5)

    def losses(studies: int, rng: np.random.Generator) -> Float64:
        shares = np.where(rng.random((studies, 1)) < hard, inside, outside)
        return rng.binomial(_ORDERS, shares) / _ORDERS

    return _made_up(hard * inside + (1 - hard) * outside, losses, whole=False)


def just_above(risk: float, *, whole: bool) -> Family:
    """Every candidate's risk is a hair above what is asked: whatever is certified is wrong."""
    risks = np.full(CANDIDATES, 1.001 * risk)

    def losses(studies: int, rng: np.random.Generator) -> Float64:
        each = (rng.random((studies, CANDIDATES)) < risks).astype(np.float64)
        # Else all candidates share their losses, which are 1/2 in twice as many studies.
        return each if whole else 0.5 * (rng.random((studies, 1)) < 2 * risks)

    return _made_up(risks, losses, whole=whole)


def drawn_from(table: Judged, *, whole: bool) -> Family:
    """Studies drawn from real ones with replacement: these are all that there are, the truth."""

    def draw(studies: int, rng: np.random.Generator) -> Judged:
        return table.of(rng.integers(0, len(table.lost), studies))

    return Family(table.lost.mean(axis=0), table.saved.mean(axis=0), draw, whole)


FAMILIES = {
    "lost or not, each for itself": _lost_or_not(),
    "in some launch orders (beta)": _in_some_orders(),
    "hard studies, all together": _hard_studies(),
}
