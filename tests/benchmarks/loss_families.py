"""Made-up candidates whose risks are known, for certificates: three kinds of losses."""

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
    """Candidates on any number of studies.

    Attributes:
        risks: float64 [R], each candidate's mean loss over all studies, the truth.
        draw: the losses of so many studies, float64 [S, R].
        whole: whether each loss is 0 or 1.
    """

    risks: Float64
    draw: Callable[[int, np.random.Generator], Float64]
    whole: bool

    def judged(self, studies: int, rng: np.random.Generator) -> Judged:
        """What the candidates save and lose in so many studies; bolder ones save more, nearly."""
        lost = self.draw(studies, rng)
        saved = 0.8 * _BOLD + rng.normal(0.0, 0.1, (studies, 1))
        saved = saved + rng.normal(0.0, 0.03, lost.shape)
        near = np.maximum(lost, np.minimum(1.0, 0.5 * _BOLD * rng.gamma(2.0, 0.5, lost.shape)))
        return Judged(np.clip(saved, 0.0, 1.0), lost, near)


def _lost_or_not() -> Family:
    """Each candidate loses a study or does not, whatever the others do."""
    risks = 0.4 * _BOLD**2

    def draw(studies: int, rng: np.random.Generator) -> Float64:
        return (rng.random((studies, len(risks))) < risks).astype(np.float64)

    return Family(risks, draw, whole=True)


def _in_some_orders() -> Family:
    """A loss is the share of launch orders that lose, and varies from study to study (beta)."""
    risks, spread = 0.4 * _BOLD**2, 1.5

    def draw(studies: int, rng: np.random.Generator) -> Float64:
        shares = rng.beta(risks * spread, (1 - risks) * spread, (studies, len(risks)))
        return rng.binomial(_ORDERS, shares) / _ORDERS

    return Family(risks, draw, whole=False)


def _hard_studies() -> Family:
    """One study in eight is hard, and all candidates lose there together, the bolder the more."""
    hard, inside = 0.125, np.minimum(1.0, 1.2 * _BOLD)
    outside = 0.15 * np.maximum(0.0, _BOLD - 0.5)

    def draw(studies: int, rng: np.random.Generator) -> Float64:
        shares = np.where(rng.random((studies, 1)) < hard, inside, outside)
        return rng.binomial(_ORDERS, shares) / _ORDERS

    return Family(hard * inside + (1 - hard) * outside, draw, whole=False)


FAMILIES = {
    "lost or not, each for itself": _lost_or_not(),
    "in some launch orders (beta)": _in_some_orders(),
    "hard studies, all together": _hard_studies(),
}
