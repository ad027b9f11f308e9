"""Rank the contestants, and test whether the best differs from the others by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esim.analyses.compare.spreads import MeanIntervals, usable
from esim.analyses.compare.statistics import interval, pick, ranks, sign_flip_test
from esim.analyses.compare.study_replays import StudyReplays
from esim.results.comparison.comparison import AgainstBest, Mean, Rank, Standing
from esim.study import Float64


def fewest_studies(confidence: float) -> int:
    """The number of studies below which no difference between rules can be significant.

    The smallest p value of a sign-flip test over S studies is 2 / 2 ** S: the differences all have
    the same sign in 2 of the 2 ** S ways to flip their signs.

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
        mean_ranks: float64 [R], NaN where not ranked.
    """

    studies: int
    best: int | None
    order: tuple[int, ...]
    against: tuple[AgainstBest | None, ...]
    ranks: tuple[Rank | None, ...]
    mean_ranks: Float64

    @property
    def ties(self) -> list[int]:
        """Those that do not save significantly less than the best, the best of them first."""
        found = [(r, self.against[r]) for r in self.order]
        return [r for r, a in found if a is not None and a.verdict == "not significant"]


def ranking(
    replayed: Sequence[StudyReplays],
    ranked: Sequence[int],
    saved: str,
    accepted: float,
    means: MeanIntervals,
) -> Ranking:
    """Rank contestants by their means, and in every launch order of every study.

    Args:
        replayed: every study under every contestant.
        ranked: positions of the contestants that are ranked.
        saved: name of the fraction saved that counts.
        accepted: the largest mean normalized degradation that is accepted.
        means: how means get intervals.
    """
    field = replayed[0].recorded.shape[1]
    told = [p for p in replayed if usable(p, saved)]
    against: list[AgainstBest | None] = [None] * field
    placed: list[Rank | None] = [None] * field
    mean_ranks = np.full(field, np.nan)
    rest = sorted(set(range(field)) - set(ranked))
    if not told:
        order = (*ranked, *rest)
        return Ranking(0, None, order, tuple(against), tuple(placed), mean_ranks)
    rows = np.array(ranked, dtype=np.int64)
    saves = [p.orders.of(saved)[rows] for p in told]
    loses = [p.orders.of("degradation_normalized")[rows] for p in told]
    mean_saved, mean_loss = _mean(saves), _mean(loses)
    best = pick(mean_saved, mean_loss, accepted)
    of_study = [p.ranks for p in told if p.ranks is not None]
    first: Float64 = np.mean([p.first for p in told if p.first is not None], axis=0)
    for r, one in zip(ranked, _against(saves, mean_loss <= accepted, best, means), strict=True):
        against[r] = one
    for r, rank in zip(ranked, _ranks(of_study, first, means), strict=True):
        placed[r] = rank
    mean_ranks[rows] = _mean(of_study)
    place = ranks(mean_saved[:, None], mean_loss[:, None], accepted)[:, 0]
    in_order = sorted(range(len(rows)), key=lambda at: (at != best, place[at], at))
    return Ranking(
        studies=len(told),
        best=ranked[best],
        order=(*(ranked[at] for at in in_order), *rest),
        against=tuple(against),
        ranks=tuple(placed),
        mean_ranks=mean_ranks,
    )


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


def _test(differences: Float64, which: Sequence[int], means: MeanIntervals) -> dict[int, float]:
    """p values by row of some rows' differences from the best, adjusted for all of these rows."""
    if not len(which):
        return {}
    seed = np.random.SeedSequence(means.seed, spawn_key=(0, 1))
    p = sign_flip_test(differences[np.array(which)], seed)
    return {row: float(x) for row, x in zip(which, p, strict=True)}


def _against(
    saves: Sequence[Float64], allowed: np.ndarray, best: int, means: MeanIntervals
) -> list[AgainstBest]:
    """Each ranked contestant compared with the best, by what it saves.

    Args:
        saves: of each study, float64 [ranked, C].
        allowed: bool [ranked], whose mean loss is accepted.
        best: the place of the best among the ranked.
    """
    replicates = means.bootstrap(saves)
    low, high = interval(replicates - replicates[:, [best]], means.confidence)
    mean = _mean(saves)
    blocks = _blocks(saves, means)
    others = [at for at in np.flatnonzero(allowed).tolist() if at != best]
    p = _test(blocks - blocks[best], others, means)
    found = []
    for at in range(len(mean)):
        verdict: Standing = "best" if at == best else "loses too much"
        significant = None
        if at in p:
            significant = p[at] <= 1.0 - means.confidence
            verdict = "saves less" if significant else "not significant"
        difference = Mean(float(mean[at] - mean[best]), float(low[at]), float(high[at]))
        found.append(AgainstBest(verdict, difference, p.get(at), significant))
    return found


def _ranks(of_study: Sequence[Float64], first: Float64, means: MeanIntervals) -> list[Rank]:
    """Each contestant's mean rank, compared with the best mean rank.

    Args:
        of_study: of each study, ranks float64 [ranked, C].
        first: float64 [ranked], in which share of launch orders each is first.
    """
    mean = _mean(of_study)
    low, high = interval(means.bootstrap(of_study), means.confidence)
    best = int(mean.argmin())
    blocks = _blocks(of_study, means)
    p = _test(blocks - blocks[best], [at for at in range(len(mean)) if at != best], means)
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
