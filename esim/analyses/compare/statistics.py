"""The statistics of a comparison: functions from arrays to arrays.

Randomness comes in as seeds and index arrays, so that the same seed gives the same numbers.
Shapes: R contestants, S studies, O launch orders, B bootstrap replicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from esim.study import Float64, Int64

PERMUTATIONS = 2000  # of a test
_WEIGHTINGS = 20_000  # of studies, for the bounds of a mean, at least
_BEYOND = 20  # weightings beyond a bound, at least
_AT_ONCE = 2_000_000  # random numbers drawn at once, so that memory does not grow with the studies


@dataclass(frozen=True)
class Draws:
    """The index arrays of a bootstrap over studies and, inside each, over launch orders.

    Attributes:
        studies: int64 [B, S], the studies drawn in each replicate.
        orders: int64 [B, O], B draws of launch orders; every study has O of them.
        which: int64 [B, S], which of these B draws each drawn study takes.
    """

    studies: Int64
    orders: Int64
    which: Int64

    @cached_property
    def weights(self) -> Float64:
        """How often each launch order was drawn, as a share: float64 [B, O]."""
        replicates, n = self.orders.shape
        flat = self.orders + n * np.arange(replicates)[:, None]
        drawn = np.bincount(flat.ravel(), minlength=replicates * n)
        weights: Float64 = drawn.reshape(replicates, n) / n
        return weights


def draws(seed: np.random.SeedSequence, studies: int, orders: int, replicates: int) -> Draws:
    """Draw the index arrays of a bootstrap (Efron 1979; here studies, then launch orders inside).

    Args:
        seed: where the draws come from.
        studies: S; with one study only launch orders vary.
        orders: O.
        replicates: B.
    """
    rng = np.random.default_rng(seed)
    return Draws(
        studies=rng.integers(0, studies, (replicates, studies)),
        orders=rng.integers(0, orders, (replicates, orders)),
        which=rng.integers(0, replicates, (replicates, studies)),
    )


def bootstrap_means(values: Sequence[Float64], drawn: Draws) -> Float64:
    """Bootstrap replicates of the mean over studies of the mean over launch orders.

    Args:
        values: of each study, float64 [R, O].
        drawn: the draws, the same for all contestants, so that their replicates are paired.

    Returns:
        float64 [B, R].
    """
    replicates, n = drawn.studies.shape
    means = np.zeros((replicates, len(values[0])))
    of_study = [_weighted(drawn.weights, v.T) for v in values]  # [B, R] each
    with np.errstate(over="ignore", invalid="ignore"):  # NaN of both infinities
        for slot in range(n):
            for s in range(len(values)):
                mine = drawn.studies[:, slot] == s
                means[mine] += of_study[s][drawn.which[mine, slot]]
    found: Float64 = means / n
    return found


@np.errstate(over="ignore", invalid="ignore")
def _weighted(weights: Float64, values: Float64) -> Float64:
    """Weighted sums, float64 [B, O] of [O, R] -> [B, R]; an infinite value without weight adds 0.

    NaN, which is unknown, where both infinities have a weight.
    """
    found: Float64 = weights @ np.where(np.isinf(values), 0.0, values)
    for infinite in (-np.inf, np.inf):
        at = values == infinite
        if at.any():
            found += np.where(weights @ at.astype(np.float64) > 0.0, infinite, 0.0)
    return found


def mean_of_all(values: Float64) -> float:
    """The mean of all values; infinite if their sum is too large for a number.

    NaN, which is unknown, if both infinities are among them.

    Args:
        values: float64 of any shape, at least one.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean(values))


def means_of_all(values: Float64) -> Float64:
    """The mean over studies of the mean over launch orders, each of which as `mean_of_all` has it.

    Args:
        values: float64 [S, R, C], of S studies, in C launch orders each.

    Returns:
        float64 [R].
    """
    with np.errstate(over="ignore", invalid="ignore"):
        of_study = np.ascontiguousarray(values.mean(axis=2).T)  # added up in the same order
        found: Float64 = of_study.mean(axis=1)
    return found


def bootstrap_studies(means: Float64, rng: np.random.Generator, replicates: int) -> Float64:
    """Bootstrap replicates of the mean over many studies.

    Launch orders vary the mean of each study, and this is already part of how the means of studies
    differ; so it is enough to draw studies (Davison and Hinkley, Bootstrap Methods and their
    Application, 1997, section 3.8).

    Args:
        means: float64 [S, R], of each study.
        rng: where the draws come from.
        replicates: B.

    Returns:
        float64 [B, R].
    """
    studies = len(means)
    at_once = max(1, _AT_ONCE // studies)
    found = np.empty((replicates, means.shape[1]))
    for first in range(0, replicates, at_once):
        rows = min(at_once, replicates - first)
        drawn = rng.integers(0, studies, (rows, studies))
        drawn += studies * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * studies).reshape(rows, studies)
        found[first : first + rows] = _weighted(times / studies, means)
    return found


def interval(replicates: Float64, confidence: float) -> tuple[Float64, Float64]:
    """The percentile interval of bootstrap replicates; its ends are values that occurred.

    Args:
        replicates: float64 [B, ...].
        confidence: of the interval.

    Returns:
        The lower and the upper end, float64 [...] each.
    """
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(replicates, [tail, 1.0 - tail], axis=0, method="inverted_cdf")
    return low, high


def mean_bounds(
    values: Float64, least: Float64, greatest: Float64, tail: float, seed: np.random.SeedSequence
) -> tuple[Float64, Float64]:
    """Bounds of means over all studies, from few of them and without a shape being assumed.

    For each end of the interval one more study is added to the sample, at the least or at the
    greatest value that there can be, and all are weighed anew by weights from the flat Dirichlet
    distribution; the ends are quantiles of the weighted means (Gaffke 2005; Learned-Miller and
    Thomas, arXiv 1905.06208). If a study is either 0 or 1, these are the bounds of Clopper and
    Pearson (Biometrika 26:404-413, 1934): of S studies without a loss, the upper one is
    1 - tail ** (1 / S) of the greatest loss.

    Args:
        values: float64 [S, N], N numbers of each study.
        least, greatest: float64 [N], the range of each number; an end may be infinite.
        tail: the chance that a mean lies below its lower bound, and that it lies above its upper.
        seed: where the weights come from.

    Returns:
        The lower and the upper bounds, float64 [N] each; infinite where the range is.
    """
    rng, studies = np.random.default_rng(seed), len(values)
    replicates = max(_WEIGHTINGS, int(np.ceil(_BEYOND / tail)))
    at_once = max(1, _AT_ONCE // (studies + 1))
    ends = np.stack([least, greatest])
    finite = np.where(np.isfinite(ends), ends, 0.0)
    means = np.empty((replicates, 2, values.shape[1]))
    for first in range(0, replicates, at_once):
        rows = min(at_once, replicates - first)
        weights = rng.standard_exponential((rows, studies + 1))
        weights /= weights.sum(axis=1, keepdims=True)
        inside = weights[:, :-1] @ values
        means[first : first + rows] = inside[:, None] + weights[:, -1, None, None] * finite
    low = np.quantile(means[:, 0], tail, axis=0, method="inverted_cdf")
    high = np.quantile(means[:, 1], 1.0 - tail, axis=0, method="inverted_cdf")
    # Rounding must not leave a bound outside the range.
    return (
        np.where(np.isfinite(least), np.maximum(low, least), least),
        np.where(np.isfinite(greatest), np.minimum(high, greatest), greatest),
    )


def wilson(count: float, of: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson, JASA 22:209-212, 1927).

    Args:
        count: how often something was true; it need not be a whole number.
        of: of how many cases, more than 0; it need not be a whole number.
        confidence: of the interval.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share = count / of
    centre = share + z * z / (2.0 * of)
    reach = z * float(np.sqrt(share * (1.0 - share) / of + z * z / (4.0 * of * of)))
    scale = 1.0 + z * z / of
    # A share of 0 or 1 is an end of its interval: rounding must not leave it outside.
    low = 0.0 if count == 0 else (centre - reach) / scale
    high = 1.0 if count == of else (centre + reach) / scale
    return max(0.0, low), min(1.0, high)


def effective_size(shares: Float64, orders: int) -> float:
    """The effective sample size of a share over S studies of O launch orders each.

    Launch orders of one study are alike, so they are not S x O independent cases. The variance of
    the share is computed from how the studies' own shares differ (Korn and Graubard, Survey
    Methodology 24:193-201, 1998). The size is S if all launch orders of a study agree, and S x O
    if the studies do not differ.

    Args:
        shares: float64 [S], the share in each study.
        orders: O.
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
    """Ranks of the contestants in each launch order, 1 = best; ties share the mean rank.

    Contestants that lose at most `accepted` come first, and of these the one that saves more is
    the better. Then come the others: the one that loses less is the better, and of equal losses
    the one that saves more.

    Args:
        saved: float64 [R, O], the fraction saved.
        degradation: float64 [R, O], the normalized degradation.
        accepted: the largest accepted degradation.

    Returns:
        float64 [R, O].
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
    """In which share of launch orders each contestant is first; those that tie divide it.

    Args:
        ranked: ranks, float64 [R, O].

    Returns:
        float64 [R].
    """
    first = ranked == ranked.min(axis=0)
    shares: Float64 = (first / first.sum(axis=0)).mean(axis=1)
    return shares


def pick(saved: Float64, loss: Float64, accepted: float) -> int:
    """The position of the contestant that saves most with an accepted mean loss.

    Of contestants that save the same the earlier one is taken. The baseline that stops nothing
    loses nothing, so some contestant is always accepted.

    Args:
        saved: float64 [R], the mean fraction saved.
        loss: float64 [R], the mean normalized degradation.
        accepted: the largest accepted loss.
    """
    allowed = np.flatnonzero(loss <= accepted)
    return int(allowed[saved[allowed].argmax()])


def best_of_many_test(
    values: Float64, best: int, seed: np.random.SeedSequence, permutations: int = PERMUTATIONS
) -> Float64:
    """p values of each contestant's difference from the best, for a best picked on the same values.

    If contestants were exchangeable, their values in each block could as well have been dealt to
    them in any other order. So they are dealt anew in every block, and in each dealing the best is
    picked anew: whichever has the largest mean. The statistic of the best and another contestant is
    |sum of their differences| / root of the sum of their squares. The observed ones are compared
    with the largest of each dealing (Westfall and Young 1993; for two contestants this is the
    paired sign-flip test of Fisher 1935 and Pitman 1937), so that the chance of calling any
    difference significant is at most the level. The observed dealing counts as one more.

    Args:
        values: float64 [R, blocks], more is better; a block is a study or a launch order.
        best: the position of the best contestant, whose mean is the largest.
        seed: where the dealings come from.
        permutations: how many dealings are drawn.

    Returns:
        float64 [R]; 1 for the best itself.
    """
    rng, dealt = np.random.default_rng(seed), values.T  # [blocks, R]
    # Squared differences that add up to less are rounding.
    least = 1e-20 * float((values**2).sum()) + float(np.finfo(np.float64).tiny)
    observed = _from_best(dealt[None], np.array([best]), least)[0]
    at_once = max(1, _AT_ONCE // (10 * dealt.size))
    largest = np.empty(permutations)
    for first in range(0, permutations, at_once):
        rows = min(at_once, permutations - first)
        anew = rng.permuted(np.broadcast_to(dealt, (rows, *dealt.shape)), axis=2)
        found = _from_best(anew, anew.sum(axis=1).argmax(axis=1), least)
        largest[first : first + rows] = found.max(axis=1)
    # The tolerance lets dealings that are as far out count, whatever the rounding.
    as_far: Float64 = (largest[:, None] >= observed - 1e-9).sum(axis=0) + 1.0
    return as_far / (permutations + 1.0)


def _from_best(dealt: Float64, best: NDArray[np.int64], least: float) -> Float64:
    """The statistic of each contestant and the best, [n, R], of n dealings [n, blocks, R].

    Args:
        best: [n], who is the best of each dealing.
        least: a sum of squared differences up to this counts as none.
    """
    differences = np.take_along_axis(dealt, best[:, None, None], axis=2) - dealt
    squares = np.einsum("nbr,nbr->nr", differences, differences)
    sums = np.abs(differences.sum(axis=1))
    found: Float64 = np.where(squares > least, sums, 0.0) / np.sqrt(np.maximum(squares, least))
    return found


def front(saved: Float64, degradation: Float64) -> NDArray[np.bool_]:
    """Who is on the Pareto front of saving much and losing little.

    A contestant is on it if no other saves at least as much and loses at most as much, and is
    better in one of the two.

    Args:
        saved: float64 [R], the mean fraction saved.
        degradation: float64 [R], the mean normalized degradation.

    Returns:
        bool [R].
    """
    as_good = (saved[:, None] >= saved[None]) & (degradation[:, None] <= degradation[None])
    better = (saved[:, None] > saved[None]) | (degradation[:, None] < degradation[None])
    on: NDArray[np.bool_] = np.logical_not((as_good & better).any(axis=0))
    return on


def covered(saved: float, degradation: float, by_saved: Float64, by_degradation: Float64) -> bool:
    """Whether some other point saves at least as much and loses at most as much.

    Args:
        saved, degradation: of the point.
        by_saved, by_degradation: float64 [n] each, of the other points.
    """
    return bool(((by_saved >= saved) & (by_degradation <= degradation)).any())
