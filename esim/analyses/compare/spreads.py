"""From the numbers of every launch order to means with intervals, shares and spreads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from esim.analyses.compare.numbers import Numbers
from esim.analyses.compare.play import Played
from esim.analyses.compare.statistics import (
    Draws,
    bootstrap_means,
    bootstrap_studies,
    draws,
    effective_size,
    interval,
    wilson,
)
from esim.results.comparison.comparison import AtWorkers, Dist, Middle, Share, Spread
from esim.study import Float64

NUMBERS = (
    "steps_saved_fraction",
    "seconds_saved_fraction",
    "billed_saved_fraction",
    "makespan_saved_fraction",
    "cost_saved_fraction",
    "degradation",
    "degradation_on_record",
    "degradation_normalized",
    "best_rank",
    "trials_stopped_fraction",
)
_OF_ONE_STUDY = ("degradation", "degradation_on_record")  # in the objective's unit
_LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Means:
    """How means get their intervals: one setting for a whole comparison."""

    confidence: float
    replicates: int
    seed: int

    def bootstrap(self, values: Sequence[Float64]) -> Float64:
        """Replicates of the mean over studies, [B, R]: the same draws whatever the number.

        Args:
            values: a study each, [R, C]; with C = 1, the studies' means, only studies are drawn.
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


def usable(played: Played, saved: str) -> bool:
    """Whether a study tells both what is saved and what is lost."""
    return played.orders.known(saved) and played.orders.known("degradation_normalized")


def of_known(played: Sequence[Played], name: str) -> list[Float64]:
    """A number of the studies in which it is known, [R, C] each."""
    return [p.orders.of(name) for p in played if p.orders.known(name)]


def spreads(played: Sequence[Played], means: Means, accepted: float) -> list[Spread]:
    """Each contestant over launch orders, and over studies if there are several."""
    rules = played[0].recorded.shape[1]
    parts: list[dict[str, Dist | Share | None]] = [{} for _ in range(rules)]
    for name in NUMBERS:
        told = [p.orders for p in played if p.orders.known(name)]
        if name in _OF_ONE_STUDY and len(played) > 1:
            told = []
        for part, dist in zip(parts, _dists(told, name, means, rules), strict=True):
            part[name] = dist
    for name in ("best_kept", "within"):
        cases = of_known(played, name)
        for r, part in enumerate(parts):
            part[name] = share([c[r] for c in cases], played[0].orders.orders, means.confidence)
    return [Spread(**part) for part in parts]  # type: ignore[arg-type]  # by name


def _dists(told: list[Numbers], name: str, means: Means, rules: int) -> list[Dist | None]:
    if not told:
        return [None] * rules
    values = [numbers.of(name) for numbers in told]
    low, high = interval(means.bootstrap(values), means.confidence)
    # Each study has as many orders: all weigh the same.
    every = np.concatenate([n.sample[n.names.index(name)] for n in told], axis=1)
    levels = np.quantile(every, _LEVELS, axis=1, method="inverted_cdf")
    ends = np.stack([n.ends[n.names.index(name)] for n in told])
    found: list[Dist | None] = []
    for r in range(rules):
        least, q05, q25, median, q75, q95, most = (float(x) for x in levels[:, r])
        mean = float(np.mean([v[r].mean() for v in values]))
        found.append(
            Dist(
                mean=mean,
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


def share(cases: Sequence[Float64], orders: int, confidence: float) -> Share | None:
    """How often something is so, each study weighing the same; None without any.

    Args:
        cases: of each study, [C]: whether it is so in each of its launch orders, or how often.
        orders: launch orders a study.
    """
    if not cases or not len(cases[0]):
        return None
    of_study = np.array([c.mean() for c in cases])
    size = effective_size(of_study, orders)
    mean = float(of_study.mean())
    low, high = wilson(mean * size, size, confidence)
    total = sum(round(float(c.mean()) * orders) for c in cases)
    return Share(mean, low, high, total, orders * len(cases))


def at_workers(
    played: Sequence[Played], workers: Sequence[int], saved: str, confidence: float
) -> list[tuple[AtWorkers, ...]]:
    """Each contestant at each number of workers."""
    rows: list[list[AtWorkers]] = [[] for _ in range(played[0].recorded.shape[1])]
    for slots in workers:
        tables = [p.workers[slots] for p in played]
        kept = [t.of("best_kept") for t in tables if t.known("best_kept")]
        for r, row in enumerate(rows):
            row.append(
                AtWorkers(
                    workers=slots,
                    orders=tables[0].orders,
                    studies=len(tables),
                    saved=_middle(tables, saved, r),
                    degradation_normalized=_middle(tables, "degradation_normalized", r),
                    best_kept=share([k[r] for k in kept], tables[0].orders, confidence),
                )
            )
    return [tuple(row) for row in rows]


def _middle(tables: Sequence[Numbers], name: str, r: int) -> Middle | None:
    told = [t for t in tables if t.known(name)]
    if not told:
        return None
    mean = np.concatenate([t.of(name)[r] for t in told]).mean()
    sample = np.concatenate([t.sample[t.names.index(name), r] for t in told])
    low, high = np.quantile(sample, [0.05, 0.95], method="inverted_cdf")
    return Middle(float(mean), float(low), float(high))
