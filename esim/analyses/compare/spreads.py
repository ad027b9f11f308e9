"""Means with intervals, shares and quantiles of the numbers of all studies and launch orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from esim.analyses.compare.kept_numbers import KeptNumbers
from esim.analyses.compare.statistics import (
    Draws,
    bootstrap_means,
    bootstrap_studies,
    draws,
    effective_size,
    interval,
    mean_of_all,
    means_of_all,
    wilson,
)
from esim.analyses.compare.study_replays import LOSS, ON_RECORD, ORDER_NUMBERS, StudyReplays
from esim.results.comparison.comparison import AtWorkers, Dist, Middle, Share, Spread
from esim.study import Float64

_WITH_QUANTILES = tuple(name for name in ORDER_NUMBERS if name != "best_kept")
_OF_ONE_STUDY = (
    "degradation",
    "degradation_on_record",
)  # in the objective's unit
_LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)  # of the quantiles in a `Dist`


@dataclass(frozen=True)
class MeanIntervals:
    """How means get their intervals, by the bootstrap; the same in a whole comparison.

    Attributes:
        confidence: of the intervals.
        replicates: B, of the bootstrap.
        seed: of the comparison.
    """

    confidence: float
    replicates: int
    seed: int

    def bootstrap(self, values: Sequence[Float64]) -> Float64:
        """Bootstrap replicates of the mean over studies, float64 [B, R].

        Every number gets the same draws, so that differences between numbers are paired.

        Args:
            values: of each study, float64 [R, C]: a number in each launch order. With C = 1 they
                are means over launch orders, and only studies are drawn.
        """
        studies, cases = len(values), values[0].shape[1]
        if cases == 1:
            child = np.random.SeedSequence(self.seed, spawn_key=(studies,))
            every = np.concatenate(values, axis=1).T
            return bootstrap_studies(every, np.random.default_rng(child), self.replicates)
        return bootstrap_means(values, _draws(self.seed, studies, cases, self.replicates))


@lru_cache(maxsize=8)
def _draws(seed: int, studies: int, orders: int, replicates: int) -> Draws:
    child = np.random.SeedSequence(seed, spawn_key=(studies,))
    return draws(child, studies, orders, replicates)


def usable(replayed: StudyReplays, saved: str, loss: str = LOSS) -> bool:
    """Whether a study knows both what is saved and what is lost (the numbers of these names)."""
    return replayed.orders.known(saved) and replayed.orders.known(loss)


def ranking_loss(replayed: Sequence[StudyReplays], saved: str) -> str:
    """The name of the loss that ranks: the one on record where no study knows the true one."""
    on_record = any(usable(p, saved, ON_RECORD) for p in replayed)
    return ON_RECORD if on_record and not any(usable(p, saved) for p in replayed) else LOSS


def compared(replayed: Sequence[StudyReplays], saved: str, loss: str) -> list[StudyReplays]:
    """The studies over which every number of every contestant is told, so that all are of the same.

    Those in which both what is saved and what is lost (the numbers of these names) are known; if
    there are none, nothing is ranked, and all studies are told.
    """
    return [p for p in replayed if usable(p, saved, loss)] or list(replayed)


def of_known(replayed: Sequence[StudyReplays], name: str) -> list[Float64]:
    """A number in each study that knows it, float64 [R, C] each."""
    return [p.orders.of(name) for p in replayed if p.orders.known(name)]


def spreads(replayed: Sequence[StudyReplays], means: MeanIntervals) -> list[Spread]:
    """The numbers of each of R contestants over launch orders and studies.

    Args:
        replayed: every study under every contestant.
        means: how means get intervals.
    """
    rules = replayed[0].recorded.shape[1]
    parts: list[dict[str, Dist | Share | None]] = [{} for _ in range(rules)]
    for name in _WITH_QUANTILES:
        told = [p.orders for p in replayed if p.orders.known(name)]
        if name in _OF_ONE_STUDY and len(replayed) > 1:
            told = []
        for part, dist in zip(parts, _dists(told, name, means, rules), strict=True):
            part[name] = dist
    for name in ("best_kept", "within"):
        cases = of_known(replayed, name)
        every = np.stack(cases, axis=1) if cases else np.empty((rules, 0, 0))
        for part, its in zip(parts, every, strict=True):
            part[name] = share(its, replayed[0].orders.orders, means.confidence)
    return [Spread(**part) for part in parts]  # type: ignore[arg-type]  # by name


def _dists(
    told: list[KeptNumbers], name: str, means: MeanIntervals, rules: int
) -> list[Dist | None]:
    if not told:
        return [None] * rules
    values = [numbers.of(name) for numbers in told]
    low, high = interval(means.bootstrap(values), means.confidence)
    # Every study has the same number of launch orders, so all studies weigh the same.
    every = np.concatenate([n.sample_of(name) for n in told], axis=1)
    levels = np.quantile(every, _LEVELS, axis=1, method="inverted_cdf")
    ends = np.stack([n.ends[n.names.index(name)] for n in told])
    mean = means_of_all(np.stack(values))
    found: list[Dist | None] = []
    for r in range(rules):
        least, q05, q25, median, q75, q95, most = (float(x) for x in levels[:, r])
        found.append(
            Dist(
                mean=float(mean[r]),
                low=float(low[r]),
                high=float(high[r]),
                min=min(least, float(ends[:, r, 0].min())),
                q05=q05,
                q25=q25,
                median=median,
                q75=q75,
                q95=q95,
                max=max(most, float(ends[:, r, 1].max())),
                studies=len(values),
            )
        )
    return found


def share(cases: Float64, orders: int, confidence: float) -> Share | None:
    """How often something is true, every study weighing the same; None if nobody knows.

    The interval is Wilson's (`wilson`), for the effective size of the sample (`effective_size`).

    Args:
        cases: float64 [S, C], whether it is true in each launch order of S studies (0 or 1), or
            with C = 1 in which share of them.
        orders: launch orders of each study.
        confidence: of the interval.
    """
    if not cases.size:
        return None
    of_study = cases.mean(axis=1)
    size = effective_size(of_study, orders)
    mean = float(of_study.mean())
    low, high = wilson(mean * size, size, confidence)
    total = sum(round(true * orders) for true in of_study.tolist())
    return Share(mean, low, high, total, orders * len(cases))


def at_workers(
    replayed: Sequence[StudyReplays], workers: Sequence[int], saved: str, confidence: float
) -> list[tuple[AtWorkers, ...]]:
    """Each of R contestants on each number of workers.

    Args:
        replayed: every study under every contestant.
        workers: numbers of workers, those of the table.
        saved: name of the fraction saved.
        confidence: of the intervals of shares.
    """
    rows: list[list[AtWorkers]] = [[] for _ in range(replayed[0].recorded.shape[1])]
    for slots in workers:
        tables = [p.workers[slots] for p in replayed]
        kept = [t.of("best_kept") for t in tables if t.known("best_kept")]
        every = np.stack(kept, axis=1) if kept else np.empty((len(rows), 0, 0))
        names = (saved, "degradation_normalized", LOSS)
        middles = {name: _middles(tables, name, len(rows)) for name in names}
        for r, row in enumerate(rows):
            row.append(
                AtWorkers(
                    workers=slots,
                    orders=tables[0].orders,
                    studies=len(tables),
                    saved=middles[saved][r],
                    degradation_normalized=middles["degradation_normalized"][r],
                    loss_normalized=middles[LOSS][r],
                    best_kept=share(every[r], tables[0].orders, confidence),
                )
            )
    return [tuple(row) for row in rows]


def _middles(tables: Sequence[KeptNumbers], name: str, rules: int) -> list[Middle | None]:
    """The middle of a number of each contestant, over launch orders and studies."""
    told = [t for t in tables if t.known(name)]
    if not told:
        return [None] * rules
    values = np.concatenate([t.of(name) for t in told], axis=1)
    samples = np.concatenate([t.sample_of(name) for t in told], axis=1)
    low, high = np.quantile(samples, [0.05, 0.95], axis=1, method="inverted_cdf")
    return [Middle(mean_of_all(values[r]), float(low[r]), float(high[r])) for r in range(rules)]
