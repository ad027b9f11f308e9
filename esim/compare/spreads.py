"""From the numbers of every launch order to means with intervals, shares and spreads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from esim.compare.play import Played
from esim.compare.statistics import Draws, bootstrap_means, draws, effective_size, interval, wilson
from esim.comparison import AtWorkers, Dist, Middle, Share, Spread
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

    def draws(self, studies: int, orders: int) -> Draws:
        """The bootstrap over so many studies: the same for every number and contestant."""
        return _draws(self.seed, studies, orders, self.replicates)


@lru_cache(maxsize=8)
def _draws(seed: int, studies: int, orders: int, replicates: int) -> Draws:
    child = np.random.SeedSequence(seed, spawn_key=(studies,))
    return draws(child, studies, orders, replicates)


def known(numbers: Float64) -> bool:
    """Whether a number is known for every contestant and order of a study."""
    return not np.isnan(numbers).any()


def usable(played: Played, saved: str) -> bool:
    """Whether a study tells both what is saved and what is lost."""
    return known(played.orders[saved]) and known(played.orders["degradation_normalized"])


def of_known(played: Sequence[Played], name: str) -> list[Float64]:
    """A number of the studies in which it is known, [R, O] each."""
    return [p.orders[name] for p in played if known(p.orders[name])]


def spreads(played: Sequence[Played], means: Means, accepted: float) -> list[Spread]:
    """Each contestant over launch orders, and over studies if there are several."""
    rules = len(played[0].recorded)
    parts: list[dict[str, Dist | Share | None]] = [{} for _ in range(rules)]
    for name in NUMBERS:
        values = of_known(played, name)
        if name in _OF_ONE_STUDY and len(played) > 1:
            values = []
        for part, dist in zip(parts, _dists(values, means, rules), strict=True):
            part[name] = dist
    kept = of_known(played, "best_kept")
    within = [v <= accepted for v in of_known(played, "degradation_normalized")]
    for name, cases in (("best_kept", kept), ("within", within)):
        for r, part in enumerate(parts):
            part[name] = share([c[r] for c in cases], means.confidence)
    return [Spread(**part) for part in parts]  # type: ignore[arg-type]  # by name


def _dists(values: list[Float64], means: Means, rules: int) -> list[Dist | None]:
    if not values:
        return [None] * rules
    drawn = means.draws(len(values), values[0].shape[1])
    low, high = interval(bootstrap_means(values, drawn), means.confidence)
    every = np.concatenate(values, axis=1)  # each study has as many orders: all weigh the same
    levels = np.quantile(every, _LEVELS, axis=1, method="inverted_cdf")
    found: list[Dist | None] = []
    for r in range(rules):
        least, q05, q25, median, q75, q95, most = (float(x) for x in levels[:, r])
        mean = float(np.mean([v[r].mean() for v in values]))
        found.append(
            Dist(
                mean=mean,
                low=float(low[r]),
                high=float(high[r]),
                min=least,
                q05=q05,
                q25=q25,
                median=median,
                q75=q75,
                q95=q95,
                max=most,
                studies=len(values),
            )
        )
    return found


def share(cases: Sequence[Float64], confidence: float) -> Share | None:
    """How often cases [O] a study are so, each study weighing the same; None without any."""
    if not cases or not len(cases[0]):
        return None
    of_study = np.array([c.mean() for c in cases])
    size = effective_size(of_study, len(cases[0]))
    mean = float(of_study.mean())
    low, high = wilson(mean * size, size, confidence)
    total = int(sum(c.sum() for c in cases))
    return Share(mean, low, high, total, int(sum(len(c) for c in cases)))


def at_workers(
    played: Sequence[Played], workers: Sequence[int], saved: str, confidence: float
) -> list[tuple[AtWorkers, ...]]:
    """Each contestant at each number of workers."""
    rows: list[list[AtWorkers]] = [[] for _ in played[0].recorded]
    for slots in workers:
        tables = [p.workers[slots] for p in played]
        kept = _of(tables, "best_kept")
        for r, row in enumerate(rows):
            row.append(
                AtWorkers(
                    workers=slots,
                    orders=len(tables[0][saved][0]),
                    studies=len(tables),
                    saved=_middle(_of(tables, saved), r),
                    degradation_normalized=_middle(_of(tables, "degradation_normalized"), r),
                    best_kept=share([k[r] for k in kept], confidence),
                )
            )
    return [tuple(row) for row in rows]


def _of(tables: Sequence[Mapping[str, Float64]], name: str) -> list[Float64]:
    return [t[name] for t in tables if known(t[name])]


def _middle(values: list[Float64], r: int) -> Middle | None:
    if not values:
        return None
    every = np.concatenate([v[r] for v in values])
    low, high = np.quantile(every, [0.05, 0.95], method="inverted_cdf")
    return Middle(float(every.mean()), float(low), float(high))
