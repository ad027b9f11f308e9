"""Rank the contestants, and test whether the best differs from the others by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esim.analyses.compare.spreads import MeanIntervals, usable
from esim.analyses.compare.statistics import best_of_many_test, interval, pick, ranks
from esim.analyses.compare.study_replays import StudyReplays
from esim.results.comparison.comparison import AgainstBest, Mean, Rank, Standing
from esim.study import Float64, Int64


def fewest_studies(confidence: float) -> int:
    """The number of studies below which no difference between two rules can be significant.

    The smallest p value of a paired test of two rules over S studies is 2 / 2 ** S: the same rule
    is ahead in all studies in 2 of the 2 ** S ways to deal the values of each study to the two.

    Args:
        confidence: 1 - the level of the test.
    """
    studies = 1
    while 2.0 ** (1 - studies) > 1.0 - confidence + 1e-12:
        studies += 1
    return studies


@dataclass(frozen=True)
class Ranking:
    """R contestants, named by their positions, on the studies where saved and lost are known.

    Attributes:
        studies: how many such studies there are.
        best: who saves most with an accepted mean loss; None if there are no such studies.
        order: all contestants, the best first and those that are not ranked last.
        against: R, each contestant compared with the best; None where not ranked.
        ranks: R, each contestant's rank; None where not ranked.
    """

    studies: int
    best: int | None
    order: tuple[int, ...]
    against: tuple[AgainstBest | None, ...]
    ranks: tuple[Rank | None, ...]


@dataclass(frozen=True)
class _Field:
    """The M ranked contestants on the studies where saved and lost are known.

    Attributes:
        saves: of each study, float64 [M, C].
        mean_saved, mean_loss: float64 [M], over launch orders and studies.
        allowed: int64, the places among the M of those whose mean loss is accepted.
        best: the place of the one of these that saves most.
    """

    saves: tuple[Float64, ...]
    mean_saved: Float64
    mean_loss: Float64
    allowed: Int64
    best: int

    @classmethod
    def of(
        cls,
        told: Sequence[StudyReplays],
        ranked: Sequence[int],
        saved: str,
        loss: str,
        accepted: float,
    ) -> _Field:
        """Of studies in which saved and lost are known; the arguments are those of `ranking`."""
        rows = np.array(ranked, dtype=np.int64)
        saves = tuple(p.orders.of(saved)[rows] for p in told)
        mean_saved, mean_loss = _mean(saves), _mean([p.orders.of(loss)[rows] for p in told])
        allowed = np.flatnonzero(mean_loss <= accepted)
        return cls(saves, mean_saved, mean_loss, allowed, pick(mean_saved, mean_loss, accepted))

    def p(self, means: MeanIntervals) -> dict[int, float]:
        """p values of the differences in what is saved from the best, of the others allowed."""
        blocks = _blocks(self.saves, means)[self.allowed]
        return _test(blocks, self.allowed, self.best, means)


def ranking(
    replayed: Sequence[StudyReplays],
    ranked: Sequence[int],
    saved: str,
    loss: str,
    accepted: float,
    means: MeanIntervals,
) -> Ranking:
    """Rank contestants by their means, and in every launch order of every study.

    Args:
        replayed: every study under every contestant.
        ranked: positions of the contestants that are ranked.
        saved: name of the fraction saved that counts.
        loss: name of the loss that counts.
        accepted: the largest mean normalized loss that is accepted.
        means: how means get intervals.
    """
    size = replayed[0].recorded.shape[1]
    told = [p for p in replayed if usable(p, saved, loss)]
    against: list[AgainstBest | None] = [None] * size
    placed: list[Rank | None] = [None] * size
    rest = sorted(set(range(size)) - set(ranked))
    if not told:
        return Ranking(0, None, (*ranked, *rest), tuple(against), tuple(placed))
    field = _Field.of(told, ranked, saved, loss, accepted)
    first: Float64 = np.mean([p.first for p in told if p.first is not None], axis=0)
    for r, one in zip(ranked, _against(field, means), strict=True):
        against[r] = one
    of_study = [p.ranks for p in told if p.ranks is not None]
    for r, rank in zip(ranked, _ranks(of_study, first, means), strict=True):
        placed[r] = rank
    place = ranks(field.mean_saved[:, None], field.mean_loss[:, None], accepted)[:, 0]
    in_order = sorted(range(len(ranked)), key=lambda at: (at != field.best, place[at], at))
    return Ranking(
        studies=len(told),
        best=ranked[field.best],
        order=(*(ranked[at] for at in in_order), *rest),
        against=tuple(against),
        ranks=tuple(placed),
    )


def winner(
    replayed: StudyReplays,
    ranked: Sequence[int],
    saved: str,
    loss: str,
    accepted: float,
    means: MeanIntervals,
) -> tuple[int, list[int]] | None:
    """Who saves most in one study within the accepted loss, and who not significantly less.

    The test is over the study's launch orders. Arguments as of `ranking`.

    Returns:
        Positions of contestants, of several the one that saves most first; None if what is saved
        or lost is unknown.
    """
    if not usable(replayed, saved, loss):
        return None
    field = _Field.of([replayed], ranked, saved, loss, accepted)
    ties = [at for at, p in field.p(means).items() if p > 1.0 - means.confidence]
    ties.sort(key=lambda at: (-field.mean_saved[at], at))
    return ranked[field.best], [ranked[at] for at in ties]


def _mean(of_study: Sequence[Float64]) -> Float64:
    """The mean over studies of the mean over launch orders, float64 [R]."""
    mean: Float64 = np.mean([v.mean(axis=1) for v in of_study], axis=0)
    return mean


def _blocks(of_study: Sequence[Float64], means: MeanIntervals) -> Float64:
    """What a test pairs, float64 [R, blocks]: studies, or launch orders if there are too few."""
    if len(of_study) < fewest_studies(means.confidence):
        blocks: Float64 = np.mean(of_study, axis=0)
        return blocks
    return np.stack([v.mean(axis=1) for v in of_study], axis=1)


def _test(blocks: Float64, places: Int64, best: int, means: MeanIntervals) -> dict[int, float]:
    """p values of differences from the best, by place, of all others.

    Args:
        blocks: float64 [n, blocks], of the contestants at the n places; more is better.
        places: int64 [n].
        best: one of the places.
        means: whose seed is taken.
    """
    seed = np.random.SeedSequence(means.seed, spawn_key=(0, 1))
    at = int(np.flatnonzero(places == best)[0])
    p = best_of_many_test(blocks, at, seed) if len(places) > 1 else np.ones(1)
    return {place: float(x) for place, x in zip(places.tolist(), p, strict=True) if place != best}


def _against(field: _Field, means: MeanIntervals) -> list[AgainstBest]:
    """Each ranked contestant compared with the best, by what it saves."""
    replicates = means.bootstrap(field.saves)
    low, high = interval(replicates - replicates[:, [field.best]], means.confidence)
    p = field.p(means)
    found = []
    for at, mean in enumerate(field.mean_saved):
        verdict: Standing = "best" if at == field.best else "loses too much"
        significant = None
        if at in p:
            significant = p[at] <= 1.0 - means.confidence
            verdict = "saves less" if significant else "not significant"
        ahead = float(mean - field.mean_saved[field.best])
        difference = Mean(ahead, float(low[at]), float(high[at]))
        found.append(AgainstBest(verdict, difference, p.get(at), significant))
    return found


def _ranks(of_study: Sequence[Float64], first: Float64, means: MeanIntervals) -> list[Rank]:
    """Each contestant's mean rank, compared with the best mean rank.

    Args:
        of_study: of each study, ranks float64 [ranked, C].
        first: float64 [ranked], in which share of launch orders each is first.
        means: how means get intervals.
    """
    mean = _mean(of_study)
    low, high = interval(means.bootstrap(of_study), means.confidence)
    best = int(mean.argmin())
    p = _test(-_blocks(of_study, means), np.arange(len(mean)), best, means)
    return [
        Rank(
            mean=float(mean[at]),
            low=float(low[at]),
            high=float(high[at]),
            first=float(first[at]),
            difference=float(mean[at] - mean[best]),
            p=p.get(at),
            significant=p[at] <= 1.0 - means.confidence if at in p else None,
        )
        for at in range(len(mean))
    ]
