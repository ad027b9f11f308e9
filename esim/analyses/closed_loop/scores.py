"""Values as normal scores, in which the surrogate works: a diverging loss drowns no other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esim.analyses.closed_loop.extra import library
from esim.study import Float64

_TAIL = 0.05  # the share of values whose slope goes on below the best


@dataclass(frozen=True)
class Scale:
    """A monotone scale between values, lower ones better, and their normal scores.

    Below the best value it goes on with the slope of the best 5 % of values, so that the surrogate
    may find a better one than any recorded. Nothing is worse than the worst finite value: what is
    no number counts as that.

    Attributes:
        values: float64 [K], the distinct finite values, ascending.
        scores: float64 [K], the normal score of each.
    """

    values: Float64
    scores: Float64

    @classmethod
    def of(cls, values: Float64) -> Scale:
        """The scale of the finite ones among some values, of which there must be one.

        A value that stands k-th (the mean k of its ties) of n has the score of the normal
        distribution's quantile (k - 1/2) / n.
        """
        distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
        middle = np.cumsum(counts) - counts / 2.0
        return cls(distinct, library("scipy.special").ndtri(middle / counts.sum()))

    def to_scores(self, values: Float64) -> Float64:
        """The scores of values."""
        worst = np.where(np.isnan(values), np.inf, values)
        return np.interp(worst, self.values, self.scores)

    def to_values(self, scores: Float64) -> Float64:
        """The values of scores."""
        found = np.interp(scores, self.scores, self.values)
        below = scores < self.scores[0]
        if below.any():
            found[below] = self.values[0] - self._slope * (self.scores[0] - scores[below])
        return found

    @property
    def _slope(self) -> float:
        """Of values over scores among the best ones; 0 if there is one value only."""
        if len(self.values) < 2:
            return 0.0
        at = np.searchsorted(self.scores, library("scipy.special").ndtri(_TAIL))
        at = min(max(int(at), 1), len(self.values) - 1)
        rise = self.values[at] - self.values[0]
        return float(rise / (self.scores[at] - self.scores[0]))
