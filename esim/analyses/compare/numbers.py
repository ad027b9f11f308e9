"""The numbers of one study that a comparison keeps: of every launch order, or in short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from esim.study import Float64


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of R contestants over O launch orders, those known for all contestants and orders.

    Attributes:
        names: the N numbers.
        cases: float64 [N, R, C], in each launch order; or C = 1, their mean over the orders.
        sample: float64 [N, R, k], in the first k orders, which are as random as any; all of them
            where C = O.
        ends: float64 [N, R, 2], the least and the greatest over all orders; [N, R, 0] if not kept.
        orders: O.
    """

    names: tuple[str, ...]
    cases: Float64
    sample: Float64
    ends: Float64
    orders: int

    def known(self, name: str) -> bool:
        """Whether a number is known for every contestant and order."""
        return name in self.names

    def of(self, name: str) -> Float64:
        """A number's cases, [R, C]. Raises ValueError if it is not known."""
        found: Float64 = self.cases[self.names.index(name)]
        return found


def numbers(
    tables: Mapping[str, Float64], sample: int | None = None, *, ends: bool = True
) -> Numbers:
    """What to keep of tables [R, O] by name: all orders, or of a sample of so many and in short."""
    names = tuple(name for name, table in tables.items() if not np.isnan(table).any())
    shape = next(iter(tables.values())).shape
    cases = np.array([tables[name] for name in names]).reshape(len(names), *shape)
    few = cases
    both = [cases.min(axis=2), cases.max(axis=2)] if ends else []
    least_most = np.stack(both, axis=2) if ends else np.empty((len(names), shape[0], 0))
    if sample is not None:
        few = cases[:, :, :sample].copy()
        cases = cases.mean(axis=2, keepdims=True)
    return Numbers(names, cases, few, least_most, shape[1])
