"""p-values for "the risk is above what was asked", and how many studies they need.

n studies, drawn independently from what future studies are drawn from, have losses from 0 to 1; the
risk is their mean over all such studies. A p-value is at most u with a chance of at most u whenever
the risk is above r, for every n and every distribution of the losses.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

_ROUNDING = 1e-9  # sums of shares are whole to this


def binomial_tail(studies: int, at_most: int, risk: float) -> float:
    """P(X <= at_most) of a binomial X over so many studies, each with a chance `risk`.

    Args:
        studies: n.
        at_most: k; below 0 the tail is 0, from n on it is 1.
        risk: from 0 to 1, neither of them included.

    Example:
        >>> round(binomial_tail(22, 0, 0.1), 4), round(binomial_tail(37, 1, 0.1), 4)
        (0.0985, 0.1036)
    """
    if at_most < 0:
        return 0.0
    if at_most >= studies:
        return 1.0
    log, log1 = math.log(risk), math.log1p(-risk)
    whole = math.lgamma(studies + 1)
    terms = (
        whole - math.lgamma(i + 1) - math.lgamma(studies - i + 1) + i * log + (studies - i) * log1
        for i in range(at_most + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def binomial_p(lost: float, studies: int, risk: float) -> float:
    """The exact p-value where each study is lost or is not: P(Bin(n, r) <= lost).

    Args:
        lost: how many studies are lost, a whole number.
        studies: n.
        risk: r.
    """
    return binomial_tail(studies, round(lost), risk)


def hoeffding_bentkus_p(lost: float, studies: int, risk: float) -> float:
    """The Hoeffding-Bentkus p-value for losses anywhere from 0 to 1.

    min(exp(-n h(min(m, r), r)), e P(Bin(n, r) <= ceil(n m))), with the mean loss m and
    h(a, b) = a log(a / b) + (1 - a) log((1 - a) / (1 - b)): Angelopoulos, Bates, Candes, Jordan
    and Lei, Learn then Test, arXiv 2110.01052, Proposition 1, from Hoeffding (JASA 58:13-30, 1963)
    and Bentkus (Annals of Probability 32:1650-1673, 2004). Without any loss it is (1 - r) ** n,
    the exact one.

    Args:
        lost: n m, the sum of the losses.
        studies: n.
        risk: r, from 0 to 1, neither of them included.
    """
    mean = min(lost / studies, risk)
    hoeffding = math.exp(-studies * _divergence(mean, risk))
    bentkus = math.e * binomial_tail(studies, math.ceil(lost - _ROUNDING), risk)
    return min(1.0, hoeffding, bentkus)


def _divergence(mean: float, risk: float) -> float:
    """h(mean, risk), of a mean that is not above the risk."""
    low = mean * math.log(mean / risk) if mean > 0.0 else 0.0
    return max(0.0, low + (1.0 - mean) * (math.log1p(-mean) - math.log1p(-risk)))


def loss_free_studies(risk: float, confidence: float) -> int:
    """The least number of tested studies, without any loss, that certify a risk.

    The least n with (1 - risk) ** n <= 1 - confidence, for both p-values.

    Example:
        >>> loss_free_studies(0.1, 0.9), loss_free_studies(0.2, 0.9), loss_free_studies(0.3, 0.8)
        (22, 11, 5)
    """
    least = math.log(1.0 - confidence) / math.log1p(-risk)
    return max(1, math.ceil(least - _ROUNDING))


def loss_free_on_average(risk: float) -> int:
    """The least number of tested studies, without any loss, that bound the risk on average.

    The least n with 1 / (n + 1) <= risk (`esim.analyses.certify.in_sequence.on_average`).

    Example:
        >>> loss_free_on_average(0.1), loss_free_on_average(0.3)
        (9, 3)
    """
    return max(1, math.ceil(1.0 / risk - _ROUNDING) - 1)


def losses_allowed(studies: int, risk: float, confidence: float) -> int:
    """The most lost studies, of those tested, with which the binomial p-value still certifies.

    -1 where not even none is enough.

    Example:
        >>> [losses_allowed(studies, 0.1, 0.9) for studies in (21, 22, 37, 38)]
        [-1, 0, 0, 1]
    """
    level = 1.0 - confidence + _ROUNDING
    lost = range(studies + 1)
    return bisect_right(lost, level, key=lambda k: binomial_tail(studies, k, risk)) - 1


def studies_allowing(lost: int, risk: float, confidence: float, some: range) -> int:
    """The fewest tested studies that allow so many lost ones.

    Args:
        lost: as `losses_allowed` of the last of `some`, at least 0.
        risk, confidence: as asked.
        some: how many may be tested, ascending.
    """
    level = 1.0 - confidence + _ROUNDING
    return some[bisect_left(some, True, key=lambda n: binomial_tail(n, lost, risk) <= level)]
