"""Whether the surrogate's futures without a rule look like the job that was recorded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esim.results.closed_loop import RecordedBest
from esim.study import Float64

_BAND = 0.9
_ALLOWED = 0.95  # of the futures themselves are taken for covered


def best_so_far(finals: Float64, sign: float) -> Float64:
    """The best of the first k values, for each k; NaN before the first. float64 [n]"""
    best: Float64 = sign * np.fmin.accumulate(sign * finals)
    return best


def recorded_best(log: Float64, finals: Sequence[Float64], sign: float) -> RecordedBest:
    """Hold the recorded best so far against that of futures, after each launch.

    The band holds 90 % of the futures at each launch. A line is outside it at some launches by
    chance, and at many in a row, so what is allowed is taken from the futures: each is held
    against the band, and 95 % of them are outside at no larger a share of the launches.

    Args:
        log: float64 [N], the recorded final values in launch order; NaN: none.
        finals: float64 [n], of each future without a rule, the same.
        sign: 1 to minimize, -1 to maximize.
    """
    recorded = best_so_far(log, sign)
    n = min([len(recorded), *(len(values) for values in finals)])
    lines = sign * np.stack([best_so_far(values[:n], sign) for values in finals])
    own = sign * recorded[:n]
    known = np.isfinite(own) & np.isfinite(lines).all(axis=0)
    lines, own = lines[:, known], own[known]
    low, high = np.quantile(lines, [(1 - _BAND) / 2, (1 + _BAND) / 2], axis=0)
    shares = ((lines < low) | (lines > high)).mean(axis=1)
    outside = float(((own < low) | (own > high)).mean())
    allowed = float(np.quantile(shares, _ALLOWED, method="higher"))
    return RecordedBest(
        outside=outside,
        allowed=allowed,
        covered=outside <= allowed,
        at=tuple((np.flatnonzero(known) + 1).tolist()),
        recorded=tuple((sign * own).tolist()),
    )
