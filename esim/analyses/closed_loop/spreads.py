"""Numbers of many futures: with the rule against without it, and the best so far as bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from esim.analyses.closed_loop.futures import Side
from esim.results.closed_loop import Band, Spread
from esim.simulator.accounting import SPENT
from esim.simulator.plan.statistics import final_values
from esim.study import Float64, Study
from esim.study.times import last_kept

PLACES = 40  # of a band
_LEAST_KNOWN = 0.5  # of the futures have a best at a place of a band


def recorded_finals(study: Study, final: str) -> Float64:
    """The final value of each trial of a log, its "last" or its "best"; NaN: none. float64 [N]"""
    return last_kept(study, final_values(study, final), study.lengths, np.nan)


def best_to_median(finals: Float64, sign: float) -> float:
    """The distance from the best to the median of a log's final values."""
    return float(np.nanmedian(sign * finals) - np.nanmin(sign * finals))


def numbers(without: Side, ruled: Side, sign: float, scale: float) -> dict[str, float]:
    """The numbers of one future, NaN where unknown; a saving is a share of what is spent without.

    At equal trials both arms launch as many. At equal time and at equal spending the arm with the
    rule has gone on until it has used as many seconds, or trained as long, as the one without.

    Args:
        without, ruled: the arms.
        sign: 1 to minimize, -1 to maximize.
        scale: what normalized degradations are in units of. A future's own distance from its best
            to its median trial would be next to nothing where a search has come to its end.
    """
    found = {}
    for what, (_, _, share) in SPENT.items():
        before, after = (float(side.outcome.spent(what)[1][0]) for side in (without, ruled))
        found[share] = 1.0 - after / before if before > 0 else float("nan")
    found["trials_stopped_fraction"] = ruled.stopped / max(len(ruled.finals), 1)
    found["trials_not_started"] = float(ruled.outcome.trials_not_started[0])
    best = float(without.outcome.best.value[0])
    until_s, spent = without.progress.seconds[-1], without.progress.spent[-1]
    bests = {
        "": float(ruled.outcome.best.value[0]),
        "_equal_time": ruled.progress.at("seconds", until_s),
        "_equal_spent": ruled.progress.at("spent", spent),
    }
    for where, value in bests.items():
        lost = sign * (value - best)
        found[f"degradation{where}"] = lost
        found[f"degradation_normalized{where}"] = (
            0.0 if lost == 0 else lost / scale if scale > 0 else np.nan
        )
    ended = np.searchsorted(ruled.progress.seconds, until_s, side="right")
    found["trials_equal_time"] = float(ended)
    return found


def reached(without: Side, ruled: Side) -> bool:
    """Whether the arm with the rule used all that the other did, or a job-level rule ended it."""
    its, all_used = ruled.progress, without.progress
    if not np.isnan(ruled.outcome.ended_by[0]):
        return True
    return bool(its.seconds[-1] >= all_used.seconds[-1] and its.spent[-1] >= all_used.spent[-1])


_UNITS = {
    "degradation": "value",
    "degradation_equal_time": "value",
    "degradation_equal_spent": "value",
    "degradation_normalized": "normalized",
    "degradation_normalized_equal_time": "normalized",
    "degradation_normalized_equal_spent": "normalized",
    "trials_equal_time": "trials",
    "trials_not_started": "trials",
}


def spreads(
    futures: Sequence[dict[str, float]], confidence: float, widening: float = 1.0
) -> dict[str, Spread]:
    """Each number over the futures; what is lost of the best has intervals so much wider."""
    return {
        name: _spread(
            np.array([one[name] for one in futures]),
            name,
            confidence,
            widening if name.startswith("degradation") else 1.0,
        )
        for name in futures[0]
    }


def unknown(futures: Sequence[dict[str, float]]) -> dict[str, Spread]:
    """Each number where the futures are not to be believed."""
    none = np.full(1, np.nan)
    return {name: _spread(none, name, 0.5, 1.0) for name in futures[0]}


def _spread(values: Float64, name: str, confidence: float, widening: float) -> Spread:
    unit = _UNITS.get(name, "share")
    known = values[np.isfinite(values)]
    share = len(known) / len(values)
    if not len(known):
        return Spread(None, None, None, None, unit, 0.0)
    # What is counted or mostly zero takes values that occur.
    method: Any = "linear" if unit == "share" else "inverted_cdf"
    median = float(np.quantile(known, 0.5, method=method))
    low, high = (median + widening * (end - median) for end in one_more(known, confidence))
    return Spread(median, low, high, float(known.mean()), unit, share)


def one_more(values: Float64, confidence: float) -> tuple[float, float]:
    """The interval in which one more value like these lies with this chance.

    Among n + 1 values that are alike, each rank is as likely for the one more: it lies below the
    k-th lowest of the n with chance k / (n + 1) (Wilks 1941, Annals of Mathematical Statistics 12).
    So the ends are the values at ranks (n + 1) (1 - confidence) / 2, rounded outwards, and at most
    the lowest and the highest: of n values the widest interval holds (n - 1) / (n + 1).

    Args:
        values: float64 [n], at least one.
        confidence: the chance.

    >>> one_more(np.arange(1.0, 20.0), 0.9)  # of 19, at ranks 20 * 0.05 = 1 and 19
    (1.0, 19.0)
    >>> one_more(np.arange(1.0, 100.0), 0.9)
    (5.0, 95.0)
    """
    ordered = np.sort(values)
    outside = int((len(ordered) + 1) * (1 - confidence) / 2 + 1e-9)
    return float(ordered[max(outside - 1, 0)]), float(ordered[-max(outside, 1)])


def bands(futures: Sequence[tuple[Side, Side]], confidence: float) -> Iterator[Band]:
    """The best so far of both arms, over time, training and, where it is known, money."""
    for axis in ("seconds", "spent", "cost"):
        ends = [getattr(without.progress, axis)[-1] for without, _ in futures]
        if not np.isfinite(ends).all() or not max(ends) > 0:
            continue
        at = np.linspace(0.0, float(np.median(ends)), PLACES + 1)[1:]
        for arm, side in (("without", 0), ("with", 1)):
            lines = np.array([[f[side].progress.at(axis, x) for x in at] for f in futures])
            yield _band(axis, arm, at, lines, confidence)


def _band(axis: str, arm: str, at: Float64, lines: Float64, confidence: float) -> Band:
    columns: list[tuple[float | None, ...]] = []
    for column in lines.T:
        known = column[np.isfinite(column)]
        if len(known) < _LEAST_KNOWN * len(column):
            columns.append((None, None, None))
            continue
        low, high = one_more(known, confidence)
        columns.append((low, float(np.median(known)), high))
    lows, medians, highs = zip(*columns, strict=True)
    return Band(axis, arm, tuple(at.tolist()), lows, medians, highs)
