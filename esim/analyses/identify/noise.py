"""How many jobs may speak against a candidate before it is dropped."""

from __future__ import annotations

import math


def tail(n: int, p: float, least: int) -> float:
    """P(Bin(n, p) >= least), summed term by term.

    >>> round(tail(3, 0.5, 2), 12), tail(10, 0.0, 1), tail(10, 0.0, 0)
    (0.5, 0.0, 1.0)
    """
    if least <= 0:
        return 1.0
    if p <= 0.0 or least > n:
        return 0.0
    if p >= 1.0:
        return 1.0
    logs = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        + k * math.log(p) + (n - k) * math.log1p(-p)
        for k in range(least, n + 1)
    )  # fmt: skip
    return min(1.0, math.fsum(map(math.exp, logs)))


def misses_allowed(n: int, error_rate: float, risk: float, candidates: int) -> int:
    """The most misses among n jobs with which a candidate stays.

    It is dropped with more: when so many or more would be seen with a probability of at most
    `risk / candidates` if it were the truth and each job went wrong, independently of the others,
    with probability `error_rate`.

    Args:
        n: the jobs that are held against it.
        error_rate: the probability that a job goes wrong, at most.
        risk: the probability with which the truth may be dropped.
        candidates: how many there are.

    >>> misses_allowed(20, 0.0, 0.05, 100), misses_allowed(20, 0.02, 0.05, 100)
    (0, 4)
    """
    misses = 0
    while tail(n, error_rate, misses + 1) > risk / candidates:
        misses += 1
    return misses
