"""The statistics of a comparison. Arrays in, arrays out; randomness comes in as index arrays.

R contestants, S studies, O launch orders, B bootstrap replicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from esim.study import Float64, Int64

_MOST_EXACT = 13  # blocks: 2 ** 13 sign flips are all tried
_FLIPS = 10_000
_AT_ONCE = 2_000_000  # numbers drawn at once: what is in memory does not grow with the studies


@dataclass(frozen=True)
class Draws:
    """The index arrays of a bootstrap over studies and, inside each, over launch orders.

    Attributes:
        studies: int64 [B, S], the studies drawn in each replicate.
        orders: int64 [B, O], B draws of launch orders; each study has the same number of them.
        which: int64 [B, S], which of those draws each drawn study takes.
    """

    studies: Int64
    orders: Int64
    which: Int64

    @cached_property
    def weights(self) -> Float64:
        """The draws of launch orders as weights of the orders, [B, O]."""
        replicates, n = self.orders.shape
        flat = self.orders + n * np.arange(replicates)[:, None]
        drawn = np.bincount(flat.ravel(), minlength=replicates * n)
        weights: Float64 = drawn.reshape(replicates, n) / n
        return weights


def draws(seed: np.random.SeedSequence, studies: int, orders: int, replicates: int) -> Draws:
    """A bootstrap's index arrays; with one study only launch orders are drawn."""
    rng = np.random.default_rng(seed)
    return Draws(
        studies=rng.integers(0, studies, (replicates, studies)),
        orders=rng.integers(0, orders, (replicates, orders)),
        which=rng.integers(0, replicates, (replicates, studies)),
    )


def bootstrap_means(values: Sequence[Float64], drawn: Draws) -> Float64:
    """Bootstrap replicates of the mean over studies of the mean over orders. float64 [B, R]

    Args:
        values: a study each, [R, O].
        drawn: the same for all contestants, so that their replicates are paired.
    """
    replicates, n = drawn.studies.shape
    means = np.zeros((replicates, len(values[0])))
    of_study = [drawn.weights @ v.T for v in values]  # [B, R] each
    for slot in range(n):
        for s in range(len(values)):
            mine = drawn.studies[:, slot] == s
            means[mine] += of_study[s][drawn.which[mine, slot]]
    found: Float64 = means / n
    return found


def bootstrap_studies(means: Float64, rng: np.random.Generator, replicates: int) -> Float64:
    """Bootstrap replicates of the mean over many studies, of whose own means [S, R]. float64 [B, R]

    What the launch orders of a study do to its mean is part of how studies' means differ, so
    drawing studies alone tells it all (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).
    """
    studies = len(means)
    at_once = max(1, _AT_ONCE // studies)
    found = np.empty((replicates, means.shape[1]))
    for first in range(0, replicates, at_once):
        rows = min(at_once, replicates - first)
        drawn = rng.integers(0, studies, (rows, studies))
        drawn += studies * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * studies).reshape(rows, studies)
        found[first : first + rows] = (times / studies) @ means
    return found


def interval(replicates: Float64, confidence: float) -> tuple[Float64, Float64]:
    """Percentile interval of bootstrap replicates [B, ...], by values that occurred."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(replicates, [tail, 1.0 - tail], axis=0, method="inverted_cdf")
    return low, high


def wilson(count: float, of: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share. (JASA 22:209-212, 1927.) `of` > 0, need not be whole."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share = count / of
    centre = share + z * z / (2.0 * of)
    reach = z * float(np.sqrt(share * (1.0 - share) / of + z * z / (4.0 * of * of)))
    scale = 1.0 + z * z / of
    # Exactly the share where it is 0 or 1: rounding must not leave it outside.
    low = 0.0 if count == 0 else (centre - reach) / scale
    high = 1.0 if count == of else (centre + reach) / scale
    return max(0.0, low), min(1.0, high)


def effective_size(shares: Float64, orders: int) -> float:
    """How many independent cases a share over S studies of O orders each is worth.

    Orders of one study are alike: the share's variance is taken between the studies' own shares
    [S] (Korn and Graubard, Survey Methodology 24:193-201, 1998), so the size lies between S (all
    orders of a study agree) and S x O (studies do not differ).
    """
    studies = len(shares)
    if studies == 1:
        return float(orders)
    share = float(shares.mean())
    variance = float(shares.var(ddof=1)) / studies
    plain = share * (1.0 - share)
    if plain <= 0.0:
        return float(studies)
    size = plain / variance if variance > 0.0 else np.inf
    return float(min(max(size, studies), studies * orders))


def ranks(saved: Float64, degradation: Float64, accepted: float) -> Float64:
    """Ranks [R, O] of contestants in each order, 1 = best, ties sharing the mean rank.

    Those that lose at most `accepted` come first, whoever saves more the better; then the others,
    whoever loses less the better, and of equal losses whoever saves more.
    """
    loss = np.where(degradation <= accepted, -np.inf, degradation)
    ahead = loss[:, None] < loss[None]
    level = loss[:, None] == loss[None]
    ahead |= level & (saved[:, None] > saved[None])
    level &= saved[:, None] == saved[None]
    # ahead[a, b]: a comes before b
    found: Float64 = 0.5 + ahead.sum(axis=0) + 0.5 * level.sum(axis=0)
    return found


def first_shares(ranked: Float64) -> Float64:
    """How often each contestant is first, [R]; those that tie for it share it."""
    first = ranked == ranked.min(axis=0)
    shares: Float64 = (first / first.sum(axis=0)).mean(axis=1)
    return shares


def pick(saved: Float64, loss: Float64, accepted: float) -> int:
    """Who saves most with a mean loss of at most `accepted`, [R] each; the earlier of equals.

    The baseline that stops nothing loses nothing, so there is always one.
    """
    allowed = np.flatnonzero(loss <= accepted)
    return int(allowed[saved[allowed].argmax()])


def sign_flip_test(differences: Float64, seed: np.random.SeedSequence) -> Float64:
    """p values [R] of paired differences from the best, [R, blocks], adjusted for all R.

    A permutation test: were a contestant as good as the best, each block's difference could as
    well have had the other sign (Fisher 1935; Pitman 1937). The statistic |sum| / root of the sum
    of squares is compared with the largest over all contestants under the same flips, which makes
    the p values hold together (Westfall and Young 1993). Every flip is tried up to 13 blocks, else
    10,000 drawn ones with the observed.
    """
    blocks = differences.shape[1]
    norm = np.sqrt((differences**2).sum(axis=1))
    with np.errstate(invalid="ignore"):
        scaled = np.where(norm[:, None] > 0, differences / norm[:, None], 0.0)
    observed = np.abs(scaled.sum(axis=1))
    if blocks <= _MOST_EXACT:
        bits = np.arange(2**blocks)[:, None] >> np.arange(blocks) & 1
        largest = _largest((1.0 - 2.0 * bits).astype(np.float64), scaled)
    else:
        rng, at_once = np.random.default_rng(seed), max(1, _AT_ONCE // blocks)
        parts = [_largest(np.ones((1, blocks)), scaled)]
        for first in range(0, _FLIPS, at_once):
            drawn = rng.integers(0, 2, (min(at_once, _FLIPS - first), blocks))
            parts.append(_largest((1.0 - 2.0 * drawn).astype(np.float64), scaled))
        largest = np.concatenate(parts)
    # A hair below, so that the observed arrangement counts itself whatever the rounding.
    return np.array([float((largest >= o - 1e-9).mean()) for o in observed])


def _largest(flips: Float64, scaled: Float64) -> Float64:
    """The largest statistic [flips] of rows [R, blocks] under flips of signs, [flips, blocks]."""
    found: Float64 = np.abs(flips @ scaled.T).max(axis=1)
    return found


def front(saved: Float64, degradation: Float64) -> NDArray[np.bool_]:
    """Who is on the Pareto front: nobody saves as much and loses as little, and does one better."""
    as_good = (saved[:, None] >= saved[None]) & (degradation[:, None] <= degradation[None])
    better = (saved[:, None] > saved[None]) | (degradation[:, None] < degradation[None])
    on: NDArray[np.bool_] = np.logical_not((as_good & better).any(axis=0))
    return on


def covered(saved: float, degradation: float, by_saved: Float64, by_degradation: Float64) -> bool:
    """Whether one of some points saves as much and loses as little."""
    return bool(((by_saved >= saved) & (by_degradation <= degradation)).any())
