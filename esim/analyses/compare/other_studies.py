"""What the best contestant gives on average over other studies like those compared."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from esim.analyses.compare.spreads import MeanIntervals
from esim.analyses.compare.statistics import mean_bounds, mean_of_all
from esim.analyses.compare.study_replays import LOSS, StudyReplays
from esim.results.comparison.comparison import Elsewhere, Mean

_TOLD = ("degradation_normalized", LOSS, "best_kept", "within")
_WHOLE_WAY = 1.0  # a loss that is always taken for possible: from the best to the median trial


def elsewhere(
    told: Sequence[StudyReplays],
    ranked: Sequence[int],
    best: int,
    saved: str,
    accepted: float,
    means: MeanIntervals,
) -> Elsewhere | None:
    """What the best gives on average over all studies like those compared.

    The studies are the units. A study's number is its mean over launch orders, and the interval of
    the mean over studies is that of `mean_bounds`, which needs a range: 0 to 1 for what is saved
    and for shares; for a loss up to the largest that any ranked contestant has in any of the
    studies, and at least the whole way from the best to the median trial. The best is the one that
    looks best of several candidates. So that its interval holds whichever was picked, the chance of
    a miss is divided among them (Bonferroni).

    Args:
        told: the studies, in which saved and lost are known.
        ranked: positions of the candidates.
        best: the position of the one that was picked.
        saved: name of the fraction saved that counts.
        accepted: the largest mean normalized loss that is accepted.
        means: whose confidence and seed are taken.

    Returns:
        None of a single study, and for a contestant that saves nothing.
    """
    names = (saved, *_TOLD)
    values = np.array([[mean_of_all(p.orders.of(name)[best]) for name in names] for p in told])
    if len(told) < 2 or values[:, 0].mean() <= 0.0:
        return None
    worst = worst_loss(told, ranked)
    least = [_least(told, ranked, saved), _least(told, ranked, "degradation_normalized"), 0, 0, 0]
    low, high = mean_bounds(
        values,
        np.array(least, dtype=np.float64),
        np.array([1.0, worst, worst, 1.0, 1.0]),
        _tail(means, ranked),
        np.random.SeedSequence(means.seed, spawn_key=(0, 3)),
    )
    found = [
        Mean(mean_of_all(values[:, n]), _known(low[n]), _known(high[n])) for n in range(len(names))
    ]
    return Elsewhere(
        studies=len(told),
        candidates=len(ranked),
        saved=found[0],
        degradation_normalized=found[1],
        loss_normalized=found[2],
        best_kept=found[3],
        within=found[4],
        promised=bool(high[2] <= accepted),
        studies_needed=studies_needed(told, ranked, accepted, means),
    )


def studies_needed(
    told: Sequence[StudyReplays], ranked: Sequence[int], accepted: float, means: MeanIntervals
) -> int | None:
    """The least number of studies, without any loss in them, that promise an accepted mean loss.

    Of S studies without a loss the upper bound is 1 - tail ** (1 / S) of the worst loss. None if no
    number of studies is enough. Arguments as of `elsewhere`.
    """
    share = accepted / worst_loss(told, ranked)
    if share <= 0.0:
        return None
    if share >= 1.0:
        return 1
    return math.ceil(math.log(_tail(means, ranked)) / math.log1p(-share))


def worst_loss(told: Sequence[StudyReplays], ranked: Sequence[int]) -> float:
    """The largest mean loss of a ranked contestant in any study, and at least the whole way."""
    return max(
        _WHOLE_WAY, *(float(p.orders.of(LOSS)[list(ranked)].mean(axis=1).max()) for p in told)
    )


def _least(told: Sequence[StudyReplays], ranked: Sequence[int], name: str) -> float:
    """The least mean of a number over launch orders in any study, and at most 0."""
    means = np.concatenate([p.orders.of(name)[list(ranked)].mean(axis=1) for p in told])
    return -np.inf if np.isnan(means).any() else min(0.0, float(means.min()))


def _tail(means: MeanIntervals, ranked: Sequence[int]) -> float:
    """The chance of a miss on one side of one candidate's interval."""
    return (1.0 - means.confidence) / 2.0 / len(ranked)


def _known(end: float) -> float | None:
    return float(end) if np.isfinite(end) else None
