"""What a replay reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels import engine
from esim.simulator.kernels.peers import END, STOPS
from esim.simulator.plan.columns import Opening
from esim.study import Float64, Int64, Study


@dataclass(frozen=True)
class Prepared:
    """Everything a replay needs that does not change with the launch order.

    Of a stack's studies as of one study: none sees another's places.

    E judgements: the reports, each once for every place at which it is judged.

    Attributes:
        values: float64 [E], the value of each judgement's report, negated when maximizing.
        side: float64 [E], the trial's side of the comparison, so oriented.
        own: float64 [E], the same, NaN where its own course keeps it from being judged.
        row_of: int64 [E], each judgement's row in the study; None if they are the study's rows.
        places: int64 [C, 8], where each column's bits and universe lie.
        arrays: what the kernels read, by name (see esim.simulator.kernels.engine and peers).
        opening: what the first trials to complete settled; None if the rule does not wait for them
            or it is not known yet.
    """

    study: Study
    rule: Rule
    values: Float64
    side: Float64
    own: Float64
    row_of: Int64 | None
    places: Int64
    arrays: Mapping[str, Any]
    opening: Opening | None

    def scratch(self, *, traced: bool = False) -> dict[str, NDArray[Any]]:
        """What the kernels write, for one replay at a time."""
        n, judgements = self.study.n_trials, len(self.values)
        longest = 0
        if self.rule.against == "pairs":
            longest = max(365, int(np.diff(self.arrays["offsets"]).max(initial=0)))
        return {
            "words": np.empty(int(self.places[-1, END]), dtype=np.uint32),
            "places": self.places.copy(),
            "levels": np.empty((len(self.places), 3)),
            "trials": np.empty((n, 4), dtype=np.int64),
            "tally": np.empty(4),
            "work": np.empty((3, longest)),
            "scratch": np.empty(n),
            "frozen": np.empty((n if self.rule.frozen else 0, 3)),
            "stops": np.empty((n, 3)),
            "trace": np.empty((judgements if traced else 0, 2)),
        }

    def rows_kept(self, kept: NDArray[np.int32]) -> NDArray[np.int32]:
        """What the kernels kept -> rows of the study kept, along the last axis. int32"""
        rows = np.diff(self.study.offsets)
        if self.row_of is None:
            return np.minimum(kept, rows).astype(np.int32)
        first = self.arrays["offsets"][:-1]
        judgements = np.diff(self.arrays["offsets"])
        whole = (kept >= judgements + self.arrays["flags"][:, engine.UNSEEN]) | (judgements == 0)
        last = np.clip(first + kept - 1, 0, max(len(self.row_of) - 1, 0))
        at_last = (self.row_of[last] if len(self.row_of) else last) + 1 - self.study.offsets[:-1]
        return np.where(whole, rows, at_last).astype(np.int32)

    def all_rows(self) -> NDArray[np.int32]:
        """Every row of every trial. int32 [N]"""
        return np.diff(self.study.offsets).astype(np.int32)

    def stops(self, places: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether what is judged at each of some places stops, whatever the peers."""
        return np.asarray(self.places[places, STOPS] != 0)

    def worse(self, own: Float64, threshold: Float64) -> NDArray[np.bool_]:
        """Whether own values are worse than thresholds, as the row draws the line; NaN is not."""
        sign = self.study.sign
        own, limit = sign * own, sign * threshold
        finite = np.isfinite(limit)
        limit[finite] += self.arrays["numbers"][engine.WIDTH] * np.abs(limit[finite])
        worse = own > limit
        return worse if self.rule.strict else worse | (own == limit)
