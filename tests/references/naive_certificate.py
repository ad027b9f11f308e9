"""The p-values and bets of certificates, written from their papers: slow, exact, and plain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def binomial_tail(n: int, k: int, risk: Fraction) -> Fraction:
    """P(Bin(n, risk) <= k), term by term."""
    return sum(
        (math.comb(n, i) * risk**i * (1 - risk) ** (n - i) for i in range(min(k, n) + 1)),
        Fraction(0),
    )


def hoeffding_bentkus(losses: Sequence[Fraction], risk: Fraction) -> float:
    """Learn then Test, arXiv 2110.01052, Proposition 1."""
    n, mean = len(losses), sum(losses, Fraction(0)) / len(losses)

    def h(a: float, b: float) -> float:
        first = a * math.log(a / b) if a else 0.0
        return first + ((1 - a) * math.log((1 - a) / (1 - b)) if a < 1 else 0.0)

    hoeffding = math.exp(-n * h(float(min(mean, risk)), float(risk)))
    bentkus = math.e * float(binomial_tail(n, math.ceil(n * mean), risk))
    return min(1.0, hoeffding, bentkus)


def wealth(losses: Sequence[float], risk: float, bets: int = 50) -> list[float]:
    """The wealth after each study: every bet on every risk, begun at every study, apart."""
    told = []
    for t in range(1, len(losses) + 1):
        whole = 1.0 / (t + 1)
        for begun in range(1, t + 1):
            for bet in range(bets):
                q = risk + (1 - risk) * (bet + 0.5) / bets
                held = 1.0 / (begun * (begun + 1)) / bets
                for loss in losses[begun - 1 : t]:
                    # (q / risk) at a loss of 1, (1 - q) / (1 - risk) at none, straight between.
                    held *= loss * q / risk + (1 - loss) * (1 - q) / (1 - risk)
                whole += held
        told.append(whole)
    return told
