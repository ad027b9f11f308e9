"""The numbers of a comparison: means with intervals, shares, ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esim.storage.typed import Unbounded

Standing = Literal["best", "saves less", "not significant", "loses too much"]


@dataclass(frozen=True)
class Dist:
    """A number over launch orders (and studies): its mean with an interval, and its spread.

    Quantiles are values that occurred. `studies` in which it is known; the mean is over those.
    """

    mean: Unbounded
    low: Unbounded
    high: Unbounded
    min: Unbounded
    q05: Unbounded
    q25: Unbounded
    median: Unbounded
    q75: Unbounded
    q95: Unbounded
    max: Unbounded
    studies: int


@dataclass(frozen=True)
class Share:
    """How often something is so, with an interval; None if the interval is unknown."""

    share: float
    low: float | None
    high: float | None
    count: int
    of: int


@dataclass(frozen=True)
class Spread:
    """One rule over launch orders. None = unknown. Fractions are of the recorded amounts.

    `within`: normalized degradation at most the accepted one. `degradation` is in the objective's
    unit, so it is None over several studies. `degradation_normalized` is signed: where the best
    value left is better than the recorded best, it is negative. `loss_normalized` is 0 there, so
    that no gain makes up for a loss; it is what ranks and choices go by. `loss_on_record` is the
    same of the recorded values alone, known too where trials had been cut short when recorded.
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
    loss_normalized: Dist | None = None
    loss_on_record: Dist | None = None


@dataclass(frozen=True)
class Middle:
    """A mean and where 90 % of the launch orders lie."""

    mean: Unbounded
    q05: Unbounded
    q95: Unbounded


@dataclass(frozen=True)
class Mean:
    """A mean with its interval; an end is None if it is unknown, or if there is none."""

    mean: Unbounded
    low: float | None
    high: float | None


@dataclass(frozen=True)
class AtWorkers:
    """One rule with so many trials side by side. A study of fewer trials runs all at once."""

    workers: int
    orders: int
    studies: int
    saved: Middle | None
    degradation_normalized: Middle | None
    best_kept: Share | None
    loss_normalized: Middle | None = None


@dataclass(frozen=True)
class Rank:
    """A contestant's rank, 1 = best, over studies and launch orders.

    `first`: share of them in which it is first, ties shared. `difference`: from the best mean rank;
    `p` of it, adjusted for all contestants, picking the best included; None for the best-ranked
    itself.
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
    that stay within the loss, picking the best included; None for the best, and for what loses too
    much.
    """

    verdict: Standing
    saved_difference: Mean
    p: float | None
    significant: bool | None
