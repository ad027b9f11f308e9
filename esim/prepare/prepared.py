"""What a replay reads, of one study or of a stack of them, and a stack's taken apart again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.kernels import engine
from esim.kernels.peers import END, UNIVERSE, WORD
from esim.prepare.cells import NO_CELLS
from esim.prepare.places import Opening
from esim.rules import Rule
from esim.stack import Stack
from esim.study import Float64, Int64, Study

# The kernels' arrays that have an entry a judgement, a cell or, of these, a place.
_BY_JUDGEMENT = (
    "own", "column", "statistic", "step", "group", "end_column", "end_rank", "end_statistic",
    "curve",
)  # fmt: skip
_BY_CELL = ("cell_column", "shown_by", "rank")
_PLACES = ("column", "cell_column", "end_column")


@dataclass(frozen=True)
class Prepared:
    """Everything a replay needs that does not change with the launch order.

    E judgements: the reports, each once for every place at which it is judged.

    Attributes:
        values: float64 [E], the value of each judgement's report, negated when maximizing.
        side: float64 [E], the trial's side of the comparison, so oriented.
        own: float64 [E], the same, NaN where its own course keeps it from being judged.
        row_of: int64 [E], each judgement's row in the study; None if they are the study's rows.
        places: int64 [C, 8], where each column's bits and universe lie.
        arrays: what the kernels read, by name (see esim.kernels.engine and peers).
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

    def worse(self, own: Float64, threshold: Float64) -> NDArray[np.bool_]:
        """Whether own values are worse than thresholds, as the row draws the line; NaN is not."""
        sign = self.study.sign
        own, limit = sign * own, sign * threshold
        finite = np.isfinite(limit)
        limit[finite] += self.arrays["numbers"][engine.WIDTH] * np.abs(limit[finite])
        worse = own > limit
        return worse if self.rule.strict else worse | (own == limit)


def apart(whole: Prepared, stack: Stack, first: Int64) -> list[Prepared]:
    """Each study of a prepared stack by itself; views wherever its numbers stay what they are.

    Args:
        first: int64 [S + 1], each study's first place.
    """
    arrays = dict(whole.arrays)
    judgements, cells = arrays["offsets"][stack.trials], arrays["cell_offsets"][stack.trials]
    for name in _PLACES:  # numbered from 0 in each study
        if len(arrays[name]):
            counts = np.diff(cells if name == "cell_column" else judgements)
            arrays[name] = arrays[name] - np.repeat(first[:-1], counts).astype(np.int32)
    places = whole.places.copy()
    places[-1, UNIVERSE] = len(arrays["universe"])
    universe = np.append(places[first[:-1], UNIVERSE], places[-1, UNIVERSE])
    word = np.where(first[:-1] > 0, places[first[:-1] - 1, END], 0)
    counts = np.diff(first)
    places[:, UNIVERSE] -= np.repeat(universe[:-1], counts)
    places[:, [WORD, END]] -= np.repeat(word, counts)[:, None]
    rows = None
    if whole.row_of is not None:
        rows = whole.row_of - np.repeat(stack.whole.offsets[stack.trials[:-1]], np.diff(judgements))
    found = []
    for at, study in enumerate(stack.studies):
        trials = slice(stack.trials[at], stack.trials[at + 1])
        ends = slice(trials.start, trials.stop + 1)
        its = slice(judgements[at], judgements[at + 1])
        its_cells = slice(cells[at], cells[at + 1])
        mine = {
            **arrays,
            "offsets": arrays["offsets"][ends] - its.start,
            "cell_offsets": arrays["cell_offsets"][ends] - its_cells.start,
            "flags": arrays["flags"][trials],
            "universe": arrays["universe"][universe[at] : universe[at + 1]],
        }
        for names, part in ((_BY_JUDGEMENT, its), (_BY_CELL, its_cells)):
            for name in names:
                array = arrays[name]
                if array is not None and array is not NO_CELLS and len(array):
                    mine[name] = array[part]
        found.append(
            Prepared(
                study=study,
                rule=whole.rule,
                values=whole.values[its],
                side=whole.side[its],
                own=whole.own[its],
                row_of=None if rows is None else rows[its],
                places=places[first[at] : first[at + 1]],
                arrays=mine,
                opening=whole.opening,
            )
        )
    return found
