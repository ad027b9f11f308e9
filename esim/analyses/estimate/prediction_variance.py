"""The variance of the next job's numbers, computed from replays of a past job's trials.

The next job differs from the past one twice: its trials are others, and so is its launch order; and
the past job's trials are themselves a sample. With n past and m next trials, all exchangeable, a
number y of the next job then lies around its forecast with variance

    v_order(m) + s2 / m + s2 / n

where v_order is due to the launch order of given trials, and s2 / k to which k trials they are (the
first term of Hoeffding's decomposition of a statistic that is symmetric in the trials; Annals of
Mathematical Statistics 19:293-325, 1948). Replays of m of the n trials, drawn without repeats, vary
by v_order(m) + s2 (1/m - 1/n) only: the drawn trials come from a finite population (Politis, Romano
and Wolf, "Subsampling", 1999; the same correction stands in Nadeau and Bengio, Machine Learning
52:239-281, 2003). Both parts are separated by replaying sets of half the trials in several launch
orders (a one-way analysis of variance), and the deviations of the replays from their mean are
stretched to the full variance, and by Student's t over the normal distribution, as in the
prediction interval of a future sample's mean (Hahn and Meeker, "Statistical Intervals", 1991).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from esim.analyses.estimate.samples import Launch
from esim.study import Float64

# s2 is taken as at least this share of what the launch order does, because the trials of a past job
# may look alike by chance. FLOOR, EXPONENT_SD and ORDER_TREND were chosen on two TaskSet studies
# (reports/calibration.md).
FLOOR = 0.1
# For jobs of more trials than the past one: the share kept falls along the launch order as a power
# of the position; EXPONENT_SD is the standard deviation of its exponent. Of the fall of v_order
# from half of the past trials to all, the share ORDER_TREND is taken to go on.
EXPONENT_SD = 0.15
ORDER_TREND = 0.5
# A makespan hangs on the few longest trials, which a past of tens does not show; its standard
# deviation is taken as so many times that of the replays (chosen on the synthetic families there).
MAKESPAN_SPREAD = 1.25
FAR = 4.0  # times the past trials; of the best trial of a longer job nothing is said


@dataclass(frozen=True)
class VarianceParts:
    """The two parts of a number's variance, on the working scale, for one past job of n trials.

    Attributes:
        order: v_order(m), due to the launch order of m trials.
        trials: s2, due to which trials they are.
    """

    order: float
    trials: float


def variance_parts(values: Float64, half: Float64, n: int, m: int, launch: Launch) -> VarianceParts:
    """Separate the two parts, by a one-way analysis of variance of the halves.

    Args:
        values: float64 [R], a number in replays of min(m, n) trials.
        half: float64 [sets, orders], the number for sets of n // 2 trials, each in several launch
            orders.
        n: trials of the past job.
        m: trials of the next job.
        launch: how samples were launched.
    """
    h = n // 2
    orders = half.shape[1]
    order_of_half = float(half.var(axis=1, ddof=1).mean()) if orders > 1 else 0.0
    between = float(half.mean(axis=1).var(ddof=1)) - order_of_half / orders
    trials = max(between, 0.0) / (1.0 / h - 1.0 / n)
    if launch == "recorded":
        return VarianceParts(order=0.0, trials=trials)
    trials = max(trials, FLOOR * order_of_half * h)
    drawn = float(values.var())
    if m <= n:
        return VarianceParts(order=max(drawn - trials * (1.0 / m - 1.0 / n), 0.0), trials=trials)
    exponent = 0.0
    if drawn > 0.0 and order_of_half > 0.0:
        exponent = min(max(math.log(drawn / order_of_half) / math.log(n / h), -1.0), 0.0)
    return VarianceParts(order=drawn * (m / n) ** (ORDER_TREND * exponent), trials=trials)


def deviations(shape: Float64, variance: float, freedom: float) -> Float64:
    """Deviations of replays from their mean, stretched to a variance and by Student's t.

    Args:
        shape: float64 [R], the replays.
        variance: of the result, before the tails are made those of Student's t.
        freedom: degrees of freedom.

    Returns:
        float64 [R], in the order of the replays; all zero if the replays do not vary.
    """
    off = shape - shape.mean()
    spread = float(off.var())
    if spread == 0.0:
        return np.zeros_like(off)
    rank = np.empty(len(off), dtype=np.int64)
    rank[np.argsort(off, kind="stable")] = np.arange(len(off))
    stretched: Float64 = off * math.sqrt(variance / spread) * _heavier(len(off), freedom)[rank]
    return stretched


@lru_cache(maxsize=100)  # of many numbers of the same study
def _heavier(n: int, freedom: float) -> Float64:
    """Quantiles of Student's t over the normal ones, at n evenly spread probabilities, [n]."""
    normal = NormalDist()
    z = np.array([normal.inv_cdf((i + 0.5) / n) for i in range(n)])
    ratio = np.ones(n)
    off_centre = np.abs(z) > 1e-9
    ratio[off_centre] = student(z[off_centre], freedom) / z[off_centre]
    return ratio


def student(z: Float64, freedom: float) -> Float64:
    """Quantiles of Student's t distribution (Abramowitz and Stegun, 26.7.5).

    Right to the second decimal for 3 degrees of freedom at 97.5 %, and better for more.

    Args:
        z: float64 [n], normal quantiles at the same probabilities.
        freedom: degrees of freedom, at least 1.

    Returns:
        float64 [n].
    """
    v = freedom
    found: Float64 = (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )
    return found


def kept_beyond(run_at: Float64, recorded_at: Float64, m: int) -> float:
    """The mean share kept by a job of m trials, over that of a job of n < m trials.

    Later trials meet more peers, so less of them is kept. The mean share kept at a launch position
    is extrapolated beyond n as a power of the position, fitted by least squares on logarithms to
    the second half of the positions.

    Args:
        run_at, recorded_at: float64 [n], what is spent at each launch position with and without
            the rule.
        m: trials of the next job.
    """
    n = len(run_at)
    whole = float(recorded_at.mean())
    if not whole > 0.0 or not float(run_at.sum()) > 0.0:
        return 1.0
    kept = run_at / whole
    x = np.log(np.arange(1, m + 1))
    late = slice(n // 2, n)
    y = np.log(np.maximum(kept[late], 1e-6))
    centre = x[late].mean()
    across = float(((x[late] - centre) ** 2).sum())
    slope = 0.0
    if across > 0.0:
        slope = float(((x[late] - centre) * y).sum()) / across
    slope = min(max(slope, -1.0), 0.0)
    beyond = np.exp(y.mean() + slope * (x[n:] - centre))
    return float((kept.sum() + beyond.sum()) / m / kept.mean())
