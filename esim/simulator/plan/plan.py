"""The plan: what a replay reads, and what it asks of it afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels import engine
from esim.simulator.kernels import peers as order_statistics
from esim.simulator.kernels.arguments import PlanArrays, State
from esim.simulator.kernels.peers import END, STOPS, WORD
from esim.simulator.plan.columns import FirstCompleted
from esim.study import Float64, Int64, Study
from esim.study.batch import Batch

METHODS = {
    "midpoint": order_statistics.MIDPOINT,
    "linear": order_statistics.LINEAR,
    "lower": order_statistics.LOWER,
    "higher": order_statistics.HIGHER,
    "reduction": order_statistics.REDUCTION,
    "rank": order_statistics.RANK,
    "portion": order_statistics.PORTION,
    "within": order_statistics.WITHIN,
    "mean": order_statistics.MEAN,
}


@dataclass(frozen=True)
class Plan:
    """Everything a replay needs that does not change with the launch order.

    The studies of a batch stand here as one study, in which no study's trials are compared in
    another's columns.

    N trials, C columns, K cells, E judgements: each report counts once for every column at which it
    is judged.

    Attributes:
        batch: the studies, one alone or several as one.
        rule: the rule.
        values: float64 [E], the value of each judgement's report, negated when maximizing.
        own_statistic: float64 [E], the trial's own statistic, negated likewise.
        own: float64 [E], the same, NaN where its own course keeps it from being judged.
        row_of: int64 [E], the row of the study that each judgement's report is; None: they are
            the rows.
        members: int64 [C, 10], columns without members, see `kernels.peers`.
        arrays: what the kernels read; what may be None follows, as they take it.
        statistic: float64 [E], the peer statistic; None unless peers are looked up one by one.
        rank: int32 [K], the rank of each cell in its column; None: peers are looked up.
        end_rank: int32 [E], the rank of the cell that a trial adds as it ends; None: none is added.
        curve: float64 [E], the values where whole curves are compared; None where they are not.
        first_completed: what the first trials to complete settled in each study; None if the rule
            does not wait for them or it is not known yet.
    """

    batch: Batch
    rule: Rule
    values: Float64
    own_statistic: Float64
    own: Float64
    row_of: Int64 | None
    members: Int64
    arrays: PlanArrays
    statistic: Float64 | None
    rank: NDArray[np.int32] | None
    end_rank: NDArray[np.int32] | None
    curve: Float64 | None
    first_completed: Sequence[FirstCompleted] | None

    @property
    def study(self) -> Study:
        """The recorded trials, of all studies as one."""
        return self.batch.whole

    def arguments(self, made: NDArray[np.int32]) -> tuple[Any, ...]:
        """The arguments that every kernel of a replay takes from the plan, in their order.

        Args:
            made: int32 [E], how many judgements a trial makes that is told to stop at each; empty:
                up to that one.
        """
        arrays = self.arrays if not len(made) else self.arrays._replace(made=made)
        return arrays, self.statistic, self.rank, self.end_rank, self.curve

    def state(self, *, traced: bool = False) -> State:
        """New arrays for the kernels to write into, for one replay at a time.

        Args:
            traced: whether what each judgement found is kept.
        """
        n, judgements = self.study.n_trials, len(self.values)
        words = int((self.members[:, END] - self.members[:, WORD]).max())  # of the longest column
        rows, longest = 3, 0
        if self.rule.against == "pairs":
            longest = max(365, int(np.diff(self.arrays.offsets).max(initial=0)))
        elif self.rule.against == "leader":
            rows, longest = 6, max(n, 3 + int(1.0 / self.rule.checkpoints), self.rule.smooth)
        return State(
            words=np.empty(int(self.members[-1, END]), dtype=np.int64),
            members=self.members.copy(),
            levels=np.empty((len(self.members), 4)),
            indices=np.empty(64 * words + 1, dtype=np.int32),
            trials=np.empty((n, 4), dtype=np.int64),
            tally=np.empty(6),
            scratch=np.empty(n),
            work=np.empty((rows, longest)),
            frozen=np.empty((n if self.rule.frozen else 0, 3)),
            stops=np.empty((n, 4)),
            row=np.empty(0 if self.rule.plain else n, dtype=np.int64),
            trace=np.empty((judgements if traced else 0, 3)),
        )

    def scripted(
        self, own: Float64, quantile: float | None = None, method: str = "", min_peers: int = 0
    ) -> Plan:
        """The same plan with other own statistics, in which no trial waits for others.

        Args:
            own: float64 [E], the own statistics; inf stops whatever the peers, NaN is not judged.
            quantile: the quantile of the peers to ask for, from 0 (best) to 1; None: the rule's.
            method: with a quantile, how it is taken, a value of the rule table's `method`.
            min_peers: with a quantile, fewer peers give no threshold.

        Raises:
            KeyError: a quantile is given with a method that the rule table does not have.
        """
        criteria = self.arrays.rule._replace(
            warmup_share=0.0,
            min_completed=0,
            strict=False,
            least=self.rule.min_peers,
            plain=True,
            on_the_way=self.rule.against == "leader",
        )
        if quantile is not None:
            criteria = criteria._replace(share=quantile, method=METHODS[method], least=min_peers)
        return dataclasses.replace(self, arrays=self.arrays._replace(own=own, rule=criteria))

    @property
    def judged_own(self) -> Float64:
        """The own statistic as it is compared: inf where the trial stops anyway. float64 [E]"""
        return self.arrays.own

    @cached_property
    def steps(self) -> Int64:
        """The step of each judgement's report. int64 [E]"""
        return self.arrays.step - self.study.done_at_zero

    @property
    def first(self) -> Int64:
        """Each trial's first judgement. int64 [N]"""
        return self.arrays.offsets[:-1]

    def judgements(self, trial: int) -> slice:
        """The judgements of a trial, given by its position in the study."""
        first, stop = self.arrays.offsets[trial : trial + 2]
        return slice(int(first), int(stop))

    def rows_kept(self, kept: NDArray[np.int32]) -> NDArray[np.int32]:
        """How many rows of the study each trial made. int32, of the shape of `kept`

        Args:
            kept: int32 [..., N], how many judgements each trial made, as the kernels count them.
        """
        rows = self.all_rows()
        if self.row_of is None:
            return np.asarray(np.minimum(kept, rows))
        whole = (kept >= self.most_kept) | ~self.has_judgements()
        last = np.clip(self.first + kept - 1, 0, max(len(self.row_of) - 1, 0))
        at_last = (self.row_of[last] if len(self.row_of) else last) + 1 - self.study.offsets[:-1]
        return np.where(whole, rows, at_last).astype(np.int32)

    def all_rows(self) -> NDArray[np.int32]:
        """How many rows each trial has in the study. int32 [N]"""
        return self.study.lengths.astype(np.int32)

    @cached_property
    def most_kept(self) -> NDArray[np.int32]:
        """How many judgements the kernels count of each trial if it runs to its end. int32 [N]"""
        offsets = self.arrays.offsets
        counts = offsets[1:] - offsets[:-1] + self.arrays.flags[:, engine.UNSEEN]
        return np.asarray(counts.astype(np.int32))

    def has_judgements(self) -> NDArray[np.bool_]:
        """Whether each trial has a judgement. bool [N]"""
        return np.asarray(np.diff(self.arrays.offsets) > 0)

    def stopped(self, kept: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether the rule stopped each trial before its last judgement. bool, as `kept`

        Args:
            kept: int32 [..., N], how many judgements each trial made, as the kernels count them; 0
                where an order does not launch it.
        """
        return np.asarray((kept > 0) & (kept < self.most_kept))

    def stops(self, judgements: slice | Int64) -> NDArray[np.bool_]:
        """Whether each of some judgements, if it is made, stops whatever the peers. bool"""
        return np.asarray(self.members[self.arrays.column[judgements], STOPS] != 0)
