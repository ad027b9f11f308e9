"""What a replay reads."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels import engine
from esim.simulator.kernels import peers as order_statistics
from esim.simulator.kernels.arguments import PlanArrays, State
from esim.simulator.kernels.peers import END, STOPS
from esim.simulator.plan.columns import FirstCompleted
from esim.study import Float64, Int64, Study

METHODS = {
    "midpoint": order_statistics.MIDPOINT,
    "linear": order_statistics.LINEAR,
    "lower": order_statistics.LOWER,
    "higher": order_statistics.HIGHER,
    "reduction": order_statistics.REDUCTION,
    "rank": order_statistics.RANK,
    "portion": order_statistics.PORTION,
    "mean": order_statistics.MEAN,
}


@dataclass(frozen=True)
class Plan:
    """Everything a replay needs that does not change with the launch order.

    Of a batch's studies as of one study: none sees another's columns.

    N trials, C columns, K cells, E judgements: the reports, each once for every column at which it
    is judged.

    Attributes:
        values: float64 [E], the value of each judgement's report, negated when maximizing.
        side: float64 [E], the trial's side of the comparison, so oriented.
        own: float64 [E], the same, NaN where its own course keeps it from being judged.
        row_of: int64 [E], each judgement's row in the study; None if they are the study's rows.
        members: int64 [C, 8], every column without members: where its bits and universe lie.
        arrays: what the kernels read; what may be None follows, as they take it.
        statistic: float64 [E], the peer's side; None unless peers are looked up one by one.
        rank: int32 [K], of each cell in its column; None if peers are looked up.
        end_rank: int32 [E], of what a trial adds as it ends; None if nothing is added.
        curve: float64 [E], the values where whole curves are compared; None where they are not.
        first_completed: what the first trials to complete settled; None if the rule does not wait
            for them or it is not known yet.
    """

    study: Study
    rule: Rule
    values: Float64
    side: Float64
    own: Float64
    row_of: Int64 | None
    members: Int64
    arrays: PlanArrays
    statistic: Float64 | None
    rank: NDArray[np.int32] | None
    end_rank: NDArray[np.int32] | None
    curve: Float64 | None
    first_completed: FirstCompleted | None

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What every kernel of a replay takes of the plan, in its order."""
        return self.arrays, self.statistic, self.rank, self.end_rank, self.curve

    def state(self, *, traced: bool = False) -> State:
        """What the kernels write, for one replay at a time."""
        n, judgements = self.study.n_trials, len(self.values)
        longest = 0
        if self.rule.against == "pairs":
            longest = max(365, int(np.diff(self.arrays.offsets).max(initial=0)))
        return State(
            words=np.empty(int(self.members[-1, END]), dtype=np.uint32),
            members=self.members.copy(),
            levels=np.empty((len(self.members), 3)),
            trials=np.empty((n, 4), dtype=np.int64),
            tally=np.empty(4),
            scratch=np.empty(n),
            work=np.empty((3, longest)),
            frozen=np.empty((n if self.rule.frozen else 0, 3)),
            stops=np.empty((n, 3)),
            trace=np.empty((judgements if traced else 0, 2)),
        )

    def scripted(
        self, own: Float64, quantile: float | None = None, method: str = "", min_peers: int = 0
    ) -> Plan:
        """The same plan with other own sides, float64 [E], that waits for no other trial.

        Args:
            own: what is judged: inf stops, 0.0 is judged and goes on unless the limit is below.
            quantile: another quantile of the peers than the rule's, by `method`, a name of the
                rule table's column, of at least `min_peers` peers; the rule's own without it.
        """
        criteria = self.arrays.rule._replace(
            warmup_share=0.0, min_completed=0, strict=False, least=self.rule.min_peers
        )
        if quantile is not None:
            criteria = criteria._replace(share=quantile, method=METHODS[method], least=min_peers)
        return dataclasses.replace(self, arrays=self.arrays._replace(own=own, rule=criteria))

    @property
    def judged_own(self) -> Float64:
        """Each judgement's own side as it is compared: inf where it stops anyway. float64 [E]"""
        return self.arrays.own

    @property
    def steps(self) -> Int64:
        """The step of each judgement's report. int64 [E]"""
        return self.arrays.step

    @property
    def first(self) -> Int64:
        """Each trial's first judgement. int64 [N]"""
        return self.arrays.offsets[:-1]

    def judgements(self, trial: int) -> slice:
        """A trial's judgements."""
        first, stop = self.arrays.offsets[trial : trial + 2]
        return slice(int(first), int(stop))

    def rows_kept(self, kept: NDArray[np.int32]) -> NDArray[np.int32]:
        """What the kernels kept -> rows of the study kept, along the last axis. int32"""
        rows = np.diff(self.study.offsets)
        if self.row_of is None:
            return np.minimum(kept, rows).astype(np.int32)
        whole = (kept >= self.most_kept()) | ~self.has_judgements()
        last = np.clip(self.first + kept - 1, 0, max(len(self.row_of) - 1, 0))
        at_last = (self.row_of[last] if len(self.row_of) else last) + 1 - self.study.offsets[:-1]
        return np.where(whole, rows, at_last).astype(np.int32)

    def all_rows(self) -> NDArray[np.int32]:
        """Every row of every trial. int32 [N]"""
        return np.diff(self.study.offsets).astype(np.int32)

    def most_kept(self) -> NDArray[np.int64]:
        """What the kernels keep of a trial that runs to its end. int64 [N]"""
        return np.diff(self.arrays.offsets) + self.arrays.flags[:, engine.UNSEEN]

    def has_judgements(self) -> NDArray[np.bool_]:
        """Whether a trial is judged at all. bool [N]"""
        return np.asarray(np.diff(self.arrays.offsets) > 0)

    def stops(self, judgements: slice | Int64) -> NDArray[np.bool_]:
        """Whether each of some judgements stops if it is one, whatever the peers."""
        return np.asarray(self.members[self.arrays.column[judgements], STOPS] != 0)

    def worse(self, own: Float64, threshold: Float64) -> NDArray[np.bool_]:
        """Whether own values are worse than thresholds, as the row draws the line; NaN is not."""
        sign = self.study.sign
        own, limit = sign * own, sign * threshold
        finite = np.isfinite(limit)
        limit[finite] += self.arrays.rule.width * np.abs(limit[finite])
        worse = own > limit
        return worse if self.rule.strict else worse | (own == limit)
