"""The groups of arrays that the kernels of a replay are handed, as named tuples.

Values are oriented so that lower is better. A judgement is a report at one column of comparison: in
most rules every report is one, at a rung the same report may be several, one after the other.
N trials, R judgements, C columns (the steps, report numbers or rungs at which trials are compared;
one that STOPS is worse than nothing, so that whatever is judged there stops), K cells (a cell is a
trial's statistic in a column).

An array that may be None is an argument of its own: numba leaves out what depends on it only there.
    statistic  float64 [R]  the peer's side; None unless peers are looked up one by one
    rank       int32 [K]    each cell's rank in its column's universe, -1: no statistic; None: peers
                            are looked up one by one
    end_rank   int32 [R]    the rank of what a trial adds as it ends with this judgement, -1: none;
                            None: nothing is added
    curve      float64 [R]  the values where whole curves are compared; None where they are not
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Criteria(NamedTuple):
    """A rule's columns as the kernels read them.

    Every field always has the same type, so that each kernel is compiled once for all rules.
    """

    reached: bool  # running trials are peers at the steps they have reached
    completed_only: bool
    include_self: bool
    exact: bool  # a peer needs a report at exactly the column
    carry: bool
    strict: bool
    after_first: bool  # a trial launched before any has completed is neither judged nor a peer
    replaces: bool  # what a trial adds as it ends takes the place of its last cell
    again_stopped: bool  # a stopped trial adds it too
    delay: int  # reports between a decision and the stop
    min_completed: int  # trials
    method: int  # see esim.simulator.kernels.peers
    least: int  # fewer peers give no threshold
    freezes: int  # the column whose threshold a trial keeps from its launch, + 1; 0: none
    share: float  # see esim.simulator.kernels.peers
    width: float  # the share of a threshold that counts as a tie; negative: a tie is worse
    warmup_share: float  # of the mean last step of completed trials
    p_value: float


class PlanArrays(NamedTuple):
    """What a plan holds for the kernels, read only."""

    rule: Criteria
    offsets: NDArray[np.int64]  # [N + 1] trial -> its judgements
    own: NDArray[np.float64]  # [R] the own side; NaN where the rule does not judge
    column: NDArray[np.int32]  # [R] where it is judged
    step: NDArray[np.int64]  # [R]
    # [R] the judgements of the same report from this one on, itself counted; empty: each report is
    # one judgement
    group: NDArray[np.int32]
    flags: NDArray[np.bool_]  # [N, 4] UNSEEN, COMPLETES, JOINS, OPENS
    cell_offsets: NDArray[np.int64]  # [N + 1] trial -> its cells, as its judgements show them
    cell_column: NDArray[np.int32]  # [K]
    shown_by: NDArray[np.int32]  # [K] the trial's judgement that shows it; empty: the n-th the n-th
    universe: NDArray[np.float64]  # [K or more] each column's statistics, sorted
    # A cell that a trial adds as it ends with a judgement: its column [R], empty if nothing is
    # added, and, where peers are looked up, its statistic [R].
    end_column: NDArray[np.int32]
    end_statistic: NDArray[np.float64]
    critical: NDArray[
        np.float64
    ]  # [51] where curves are compared, see esim.simulator.kernels.pairs; else []


class State(NamedTuple):
    """The scratch of one run: every array is written by the kernels."""

    words: NDArray[np.uint32]  # the columns' bits: the statistic of a rank is a member
    members: NDArray[np.int64]  # [C, 8] COUNT to STOPS, see esim.simulator.kernels.peers
    levels: NDArray[np.float64]  # [C, 3] THRESHOLD, LIMIT, SUM
    trials: NDArray[np.int64]  # [N, 4] SHOWN, CELL, ENDED, and in PRESENT a list of those shown
    # [4] trials present, trials completed, the sum of their last steps, and where curves are
    # compared the best of them, + 1
    tally: NDArray[np.float64]
    scratch: NDArray[np.float64]  # [N]
    work: NDArray[np.float64]  # [3, W] where curves are compared, W at least the longest curve
    frozen: NDArray[np.float64]  # [N, 3] threshold, limit and peers at a trial's launch; empty: no
    stops: NDArray[np.float64]  # [N, 3] threshold, peers and judgement of the stop; NaN: none
    trace: NDArray[np.float64]  # [R, 2] threshold (NaN: none), peers (NaN: not reached); empty: no


class Times(NamedTuple):
    """The timed clock, its jobs and its schedule. Positions are those of the launch order."""

    startup: float  # seconds before each trial's first, its slot taken
    slots: int  # 0: trials start when they did
    acting: bool  # False: the baseline, no rule
    seconds: NDArray[np.float64]  # [R] since the trial's start, of each report
    # [N, 5] seconds: START as recorded, DURATION to the natural end (inf: never ends), OVERHEAD
    # from a stop's report to the end of the job; filled here: BEGAN and ENDED, when the slot was
    # taken and free again
    jobs: NDArray[np.float64]
    heap: NDArray[np.int64]  # [N + 1] positions of the running trials, a heap; its size in [N]
    when: NDArray[np.float64]  # [N] seconds, the next event of each position
    # [N, 4] its KIND and PHASE, the next REPORT (its first judgement), and the TARGET: how many
    # judgements are made before a decided stop takes effect
    agenda: NDArray[np.int64]
