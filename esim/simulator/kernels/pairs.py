"""Wilcoxon's signed-rank test of a running curve against another, as SciPy decides it.

For differences d of n pairs, ties sharing the mean of their ranks, a zero giving half its rank to
either side (zsplit), W the ranks of the positive ones; alternative "greater", method "auto":
    n > 50, or ties or zeros and n > 13   the normal approximation, corrected for ties
    ties or zeros and n <= 13             all 2**n signs, which SciPy permutes and this counts
    else                                  the exact distribution of W
Counts are exact, and so is the comparison of a p-value with its limit, except that the normal
approximation may differ in the last bit.
"""

from __future__ import annotations

import math

import numpy as np

from esim.simulator.kernels.jit import inner, kernel

EXACT_TO, PERMUTED_TO = 50, 13
_ABS, _SIGN, _WAYS = 0, 1, 2


@kernel
def critical_values(limit, ways, out):
    """Set `out`, float64 [51], to the least W whose p-value is below the limit, for n pairs.

    The pairs are without ties or zeros; inf where no W is so unlikely. `ways` float64 [1276] is
    scratch, for the number of ways in which each sum of ranks can come about.
    """
    ways[:] = 0.0
    ways[0] = 1.0
    out[0] = np.inf
    for n in range(1, EXACT_TO + 1):
        most = n * (n + 1) // 2
        for s in range(most, n - 1, -1):
            ways[s] += ways[s - n]
        beyond = 0.0
        least = most + 1
        while least > 0 and (beyond + ways[least - 1]) / 2.0**n < limit:
            least -= 1
            beyond += ways[least]
        out[n] = least if least <= most else np.inf


@inner
def _sift(root, size, work):
    """Let a heap's root sink to where it belongs; the largest |d| is on top."""
    while True:
        child = 2 * root + 1
        if child >= size:
            return
        if child + 1 < size and work[_ABS, child + 1] > work[_ABS, child]:
            child += 1
        if work[_ABS, root] >= work[_ABS, child]:
            return
        for row in range(2):
            work[row, root], work[row, child] = work[row, child], work[row, root]
        root = child


@inner
def _significant(n, limit, critical, work):
    """Whether the p-value of the n differences in `work` is below the limit."""
    for root in range(n // 2 - 1, -1, -1):
        _sift(root, n, work)
    for size in range(n - 1, 0, -1):
        for row in range(2):
            work[row, 0], work[row, size] = work[row, size], work[row, 0]
        _sift(np.int64(0), size, work)  # with a bare 0, numba would compile it again
    # Ranks are doubled, as the mean of tied ranks can be a half.
    twice_w = ties = 0.0
    tied = False
    first = 0
    while first < n:
        after = first + 1
        while after < n and work[_ABS, after] == work[_ABS, first]:
            after += 1
        alike = after - first
        twice_rank = float(first + 1 + after)
        tied = tied or alike > 1 or work[_ABS, first] == 0.0
        ties += float(alike) ** 3 - alike
        for i in range(first, after):
            if work[_ABS, i] == 0.0:
                twice_w += twice_rank / 2.0
            elif work[_SIGN, i] > 0.0:
                twice_w += twice_rank
            work[_ABS, i], work[_SIGN, i] = work[_ABS, i] != 0.0, twice_rank
        first = after
    if n <= EXACT_TO and not tied:
        return twice_w / 2.0 >= critical[n]
    if n <= PERMUTED_TO:
        return _share_of_signs(n, twice_w, work) < limit
    mean = n * (n + 1.0) * 0.25
    spread = math.sqrt((n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0)
    return 0.5 * math.erfc((twice_w / 2.0 - mean) / spread / math.sqrt(2.0)) < limit


@inner
def _share_of_signs(n, twice_w, work):
    """The share of all 2**n signs whose W is no less; zeros give half their rank in any case."""
    # Half the rank of a zero can be a quarter: everything is counted in quarters, as whole numbers.
    wanted = 2.0 * twice_w
    total = np.int64(0)
    for i in range(n):
        if work[_ABS, i] == 0.0:
            wanted -= work[_SIGN, i]
        else:
            total += np.int64(2.0 * work[_SIGN, i])
    signs = 1.0
    for s in range(total + 1):
        work[_WAYS, s] = 0.0
    work[_WAYS, 0] = 1.0
    reach = np.int64(0)
    for i in range(n):
        if work[_ABS, i] != 0.0:
            rank = np.int64(2.0 * work[_SIGN, i])
            reach += rank
            signs *= 2.0
            for s in range(reach, rank - 1, -1):
                work[_WAYS, s] += work[_WAYS, s - rank]
    found = 0.0
    for s in range(total + 1):
        if s >= wanted:
            found += work[_WAYS, s]
    return found / signs


@inner
def limit_in_pairs(trial, k, other, plan, curve, work):
    """-inf if a trial's first k + 1 reports are significantly worse than another's curve, else inf.

    NaN if they share fewer steps than the rule's `least`. They are not worse if either holds a
    value that is not finite, or if the other's mean is no better. `work` float64 [3, W], W at least
    the length of the longest curve and 365.
    """
    first, last = plan.offsets[trial], plan.offsets[trial] + k
    own = their = 0.0
    for at in range(first, last + 1):
        if not np.isfinite(curve[at]):
            return np.inf
        own += curve[at]
    for at in range(plan.offsets[other], plan.offsets[other + 1]):
        if not np.isfinite(curve[at]):
            return np.inf
        their += curve[at]
    n = np.int64(0)
    at = plan.offsets[other]
    for mine in range(first, last + 1):
        while at < plan.offsets[other + 1] and plan.step[at] < plan.step[mine]:
            at += 1
        if at < plan.offsets[other + 1] and plan.step[at] == plan.step[mine]:
            difference = curve[mine] - curve[at]
            work[_ABS, n] = abs(difference)
            work[_SIGN, n] = difference
            n += 1
    if n < plan.rule.least:
        return np.nan
    if their / (plan.offsets[other + 1] - plan.offsets[other]) >= own / (k + 1):
        return np.inf
    return -np.inf if _significant(n, plan.rule.p_value, plan.critical, work) else np.inf
