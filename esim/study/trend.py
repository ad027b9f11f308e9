"""Whether a study's final values change with its launch order, as they do when a search learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esim.study.arrays import Float64
from esim.study.record import Study
from esim.study.times import last_values

LEAST = 10  # trials with a final value; the test's approximation needs as many
TREND_P = 0.01  # a trend is taken as found below this


@dataclass(frozen=True, slots=True)
class Trend:
    """Spearman's rank correlation of the final values with the launch order.

    Attributes:
        correlation: from -1 to 1; positive: later trials are better.
        z: the correlation as a standard normal value under the hypothesis that trials are
            exchangeable (Fisher's transformation with the variance 1.06 / (n - 3) of Fieller,
            Hartley and Pearson, Biometrika 44:470-481, 1957).

    Example:
        >>> Trend(0.6, 3.4).p < 0.001
        True
    """

    correlation: float
    z: float

    @property
    def p(self) -> float:
        """The two-sided p-value."""
        return math.erfc(abs(self.z) / math.sqrt(2.0))

    @property
    def words(self) -> str:
        """The p-value in words."""
        return "p below 0.001" if self.p < 0.001 else f"p {self.p:.3f}"


def launch_trend(study: Study) -> Trend | None:
    """The trend of a study; None with fewer than `LEAST` final values, or if they are all equal.

    A trial's final value is here its last reported value.

    >>> import esim
    >>> falling = [[20.0 - i] for i in range(20)]
    >>> launch_trend(esim.Study.from_arrays(falling, "minimize")).correlation
    1.0
    """
    last = last_values(study)
    last = last[~np.isnan(last)]
    n = len(last)
    if n < LEAST:
        return None
    ranks = _ranks(-study.sign * last)
    if np.ptp(ranks) == 0:
        return None
    rho = float(np.corrcoef(np.arange(n), ranks)[0, 1])
    bounded = min(max(rho, -1.0 + 1e-9), 1.0 - 1e-9)
    return Trend(round(rho, 12), math.atanh(bounded) * math.sqrt((n - 3) / 1.06))


def together(trends: Sequence[Trend | None]) -> Trend | None:
    """The mean correlation of several studies, and their z-values as one (Stouffer's method)."""
    known = [trend for trend in trends if trend is not None]
    if not known:
        return None
    z = sum(trend.z for trend in known) / math.sqrt(len(known))
    return Trend(sum(trend.correlation for trend in known) / len(known), z)


def _ranks(values: Float64) -> Float64:
    """Ranks from 0; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: Float64 = (np.cumsum(counts) - (counts + 1) / 2.0)[group]
    return found
