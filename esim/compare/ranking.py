"""Who is best: ranks in every order, and whether the difference is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esim.compare.play import Played
from esim.compare.spreads import Means, known
from esim.compare.statistics import (
    bootstrap_means,
    first_shares,
    interval,
    ranks,
    sign_flip_test,
)
from esim.comparison import Rank
from esim.study import Float64, Int64


@dataclass(frozen=True)
class Ranking:
    """Ranks of the contestants that can be ranked.

    Attributes:
        ranked: int64, positions of the contestants that are ranked.
        studies: positions of the studies in which they can be: the degradation is known.
        of_study: float64 [ranked, O] each, one a study of `studies`.
        ranks: one a contestant, None where not ranked.
    """

    ranked: Int64
    studies: tuple[int, ...]
    of_study: tuple[Float64, ...]
    ranks: tuple[Rank | None, ...]

    @property
    def best(self) -> int | None:
        """The contestant of the best mean rank; the earlier of equals."""
        rows = [(r.mean, i) for i, r in enumerate(self.ranks) if r is not None]
        return min(rows)[1] if rows else None

    @property
    def ties(self) -> list[int]:
        """Those that are not significantly worse than the best."""
        return [
            i
            for i, r in enumerate(self.ranks)
            if r is not None and i != self.best and r.significant is not True
        ]


def ranking(
    played: Sequence[Played],
    ranked: Sequence[int],
    saved: str,
    accepted: float,
    means: Means,
) -> Ranking:
    """Rank contestants in every launch order of every study where saved and lost are known."""
    rows = np.array(ranked, dtype=np.int64)
    usable = [
        s
        for s, p in enumerate(played)
        if known(p.orders[saved]) and known(p.orders["degradation_normalized"])
    ]
    none: list[Rank | None] = [None] * len(played[0].recorded)
    if not usable or not len(rows):
        return Ranking(rows, tuple(usable), (), tuple(none))
    of_study = [
        ranks(played[s].orders[saved][rows], played[s].orders["degradation_normalized"][rows],
              accepted)
        for s in usable
    ]  # fmt: skip
    mean = np.mean([r.mean(axis=1) for r in of_study], axis=0)
    drawn = means.draws(len(of_study), of_study[0].shape[1])
    low, high = interval(bootstrap_means(of_study, drawn), means.confidence)
    first = np.mean([first_shares(r) for r in of_study], axis=0)
    best = int(mean.argmin())
    blocks = np.stack([r.mean(axis=1) for r in of_study], axis=1)  # [ranked, S]
    if len(of_study) == 1:
        blocks = of_study[0]
    p = _test(blocks, best, means)
    found = none
    for at, r in enumerate(ranked):
        of = None if at == best or p is None else float(p[at])
        found[r] = Rank(
            mean=float(mean[at]),
            low=float(low[at]),
            high=float(high[at]),
            first=float(first[at]),
            difference=float(mean[at] - mean[best]),
            p=of,
            significant=None if of is None else of <= 1.0 - means.confidence,
        )
    return Ranking(rows, tuple(usable), tuple(of_study), tuple(found))


def _test(blocks: Float64, best: int, means: Means) -> Float64 | None:
    """p of each contestant's difference from the best, NaN at the best; None with nobody else."""
    others = np.arange(len(blocks)) != best
    if not others.any():
        return None
    p = np.full(len(blocks), np.nan)
    seed = np.random.SeedSequence(means.seed, spawn_key=(0, 1))
    p[others] = sign_flip_test(blocks[others] - blocks[best], seed)
    return p


def best_in(ranking: Ranking, study: int, means: Means) -> tuple[int, list[int], Float64] | None:
    """One study's best contestant, those not significantly worse over its orders, all mean ranks.

    None if its contestants cannot be ranked. Mean ranks: float64 [ranked].
    """
    if study not in ranking.studies:
        return None
    ranks_here = ranking.of_study[ranking.studies.index(study)]
    mean = ranks_here.mean(axis=1)
    best = int(mean.argmin())
    p = _test(ranks_here, best, means)
    level = 1.0 - means.confidence
    ties = [] if p is None else [int(ranking.ranked[i]) for i in np.flatnonzero(p > level)]
    return int(ranking.ranked[best]), ties, mean
