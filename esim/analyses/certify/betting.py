"""Bets against "the risk is at most what was asked", study by study.

Whoever bets at fair odds against what is true gets rich only by luck: a wealth that begins with 1,
is never negative and is not expected to grow reaches 1 / level with a chance of at most the level,
however long one looks (Ville, Etude critique de la notion de collectif, 1939). So a wealth that has
reached it is a reason to believe no longer what was bet against.
"""

from __future__ import annotations

import numpy as np

from esim.study import Float64

_BETS = 50  # risks that are bet on


def wealth(losses: Float64, risk: float) -> Float64:
    """The wealth after each study of bets against the hypothesis that no risk is above `risk`.

    A bet on a risk q multiplies its stake by 1 + b (loss - r) with b = (q - r) / (r (1 - r)), which
    is q / r at a loss of 1 and (1 - q) / (1 - r) at none; it is never negative, and expected to be
    at most 1 as long as the expected loss, given all studies before, is at most r (Waudby-Smith and
    Ramdas, Estimating means of bounded random variables by betting, arXiv 2010.09686, section 4).
    A stake is divided evenly over risks from r to 1. And since risks may rise at any time, a share
    1 / (j (j + 1)) of the first wealth is put aside and bet from study j on, so that studies
    without a loss before do not use it up (the idea of bets that begin anew is that of Shin, Ramdas
    and Rinaldo, arXiv 2203.03532; here the shares add up to 1, which bounds false alarms for ever).
    A mixture of such wealths is such a wealth.

    Args:
        losses: float64 [T], from 0 to 1, in the order of the studies.
        risk: r, from 0 to 1, neither of them included.

    Returns:
        float64 [T].
    """
    bets = (np.arange(_BETS) + 0.5) / _BETS / risk  # (q - r) / (1 - r) / r
    begun, begun_at = np.zeros(_BETS), np.empty(len(losses))
    for t, loss in enumerate(losses):
        begun += 1.0 / ((t + 1) * (t + 2) * _BETS)  # the stake that is first bet on this study
        begun *= np.maximum(0.0, 1.0 + bets * (loss - risk))
        begun_at[t] = begun.sum() + 1.0 / (t + 2)  # and what is still put aside
    return begun_at
