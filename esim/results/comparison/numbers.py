"""The numbers of a comparison: means with intervals, shares, ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Standing = Literal["best", "saves less", "not significant", "loses too much"]


@dataclass(frozen=True)
class Dist:
    """A number over launch orders (and studies): its mean with an interval, and its spread.

    Quantiles are values that occurred. `studies` in which it is known; the mean is over those.
    """

    mean: float
    low: float
    high: float
    min: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    max: float
    studies: int


@dataclass(frozen=True)
class Share:
    """How often something is so, with an interval."""

    share: float
    low: float
    high: float
    count: int
    of: int


@dataclass(frozen=True)
class Spread:
    """One rule over launch orders. None = unknown. Fractions are of the recorded amounts.

    `within`: normalized degradation at most the accepted one. `degradation` is in the objective's
    unit, so it is None over several studies.
    """

    steps_saved_fraction: Dist | None
    seconds_saved_fraction: Dist | None
    billed_saved_fraction: Dist | None
    makespan_saved_fraction: Dist | None
    cost_saved_fraction: Dist | None
    degradation: Dist | None
    degradation_on_record: Dist | None
    degradation_normalized: Dist | None
    best_rank: Dist | None
    trials_stopped_fraction: Dist | None
    best_kept: Share | None
    within: Share | None


@dataclass(frozen=True)
class Middle:
    """A mean and where 90 % of the launch orders lie."""

    mean: float
    q05: float
    q95: float


@dataclass(frozen=True)
class Mean:
    """A mean with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class AtWorkers:
    """One rule with so many trials side by side. A study of fewer trials runs all at once."""

    workers: int
    orders: int
    studies: int
    saved: Middle | None
    degradation_normalized: Middle | None
    best_kept: Share | None


@dataclass(frozen=True)
class Rank:
    """A contestant's rank, 1 = best, over studies and launch orders.

    `first`: share of them in which it is first, ties shared. `difference`: from the best mean rank;
    `p` of it, adjusted for all contestants; None for the best-ranked itself or with nobody else.
    """

    mean: float
    low: float
    high: float
    first: float
    difference: float
    p: float | None
    significant: bool | None


@dataclass(frozen=True)
class AgainstBest:
    """A contestant beside the best: who saves most on average with an accepted mean loss.

    `saved_difference`: what it saves minus what the best saves, paired. `p` of it, adjusted for all
    that stay within the loss; None for the best, for what loses too much, and with nobody else.
    """

    verdict: Standing
    saved_difference: Mean
    p: float | None
    significant: bool | None
