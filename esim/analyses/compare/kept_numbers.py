"""What a comparison keeps of one study's replays: every launch order, or a short account of many.

Up to 100 studies (`MANY`) the numbers of every launch order are kept. Of more studies, each keeps
the mean over its launch orders, the least and the greatest, and the first few launch orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from esim.study import Float64


@dataclass(frozen=True, eq=False)
class KeptNumbers:
    """The numbers of one study that are known for all R contestants and all O launch orders.

    Attributes:
        names: the N numbers, such as "steps_saved_fraction".
        cases: float64 [N, R, C], C = O: in each launch order; or C = 1: the mean over them.
        sample: float64 [N, R, k], in the first k launch orders, which are as random as any others;
            in all of them where C = O. Quantiles are taken from it.
        ends: float64 [N, R, 2], the least and the greatest over all launch orders; [N, R, 0] where
            nobody asks for them.
        orders: O.
    """

    names: tuple[str, ...]
    cases: Float64
    sample: Float64
    ends: Float64
    orders: int

    def known(self, name: str) -> bool:
        """Whether a number is known for every contestant and launch order."""
        return name in self.names

    def of(self, name: str) -> Float64:
        """A number's cases, float64 [R, C]. Raises ValueError if it is not known."""
        found: Float64 = self.cases[self.names.index(name)]
        return found

    def sample_of(self, name: str) -> Float64:
        """A number in the sampled launch orders, float64 [R, k]. Raises ValueError as `of`."""
        found: Float64 = self.sample[self.names.index(name)]
        return found


def keep_numbers(
    tables: Mapping[str, Float64], sample: int | None = None, *, ends: bool = True
) -> KeptNumbers:
    """Keep the numbers that are known throughout.

    Args:
        tables: each number by name in every launch order, float64 [R, O]; NaN = unknown.
        sample: how many launch orders are kept one by one, beside the mean over all; None: all.
        ends: whether the least and the greatest over all launch orders are kept.
    """
    names = tuple(name for name, table in tables.items() if not np.isnan(table).any())
    shape = next(iter(tables.values())).shape
    cases = np.array([tables[name] for name in names]).reshape(len(names), *shape)
    few = cases
    both = [cases.min(axis=2), cases.max(axis=2)] if ends else []
    least_most = np.stack(both, axis=2) if ends else np.empty((len(names), shape[0], 0))
    if sample is not None:
        few = cases[:, :, :sample].copy()
        with np.errstate(over="ignore", invalid="ignore"):
            cases = cases.mean(axis=2, keepdims=True)
    return KeptNumbers(names, cases, few, least_most, shape[1])
