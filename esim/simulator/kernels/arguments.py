"""The groups of arrays that the kernels of a replay are handed, as named tuples.

Values are oriented so that lower is better. A judgement is a report at one column of comparison:
under most rules every report is one judgement; at rungs a report may be several, one after the
other. Trials are compared in columns: a column stands for a step, a report number or a rung. The
limit of a column that STOPS is -inf, so that whatever is judged there stops. A cell is the
statistic that a trial shows to its peers in a column.
N trials, R judgements, C columns, K cells.

An array that may be None is an argument of its own, as only there numba leaves out the code that
depends on it.
    statistic  float64 [R]  the peer statistic; None unless peers are looked up one by one
    rank       int32 [K]    the rank of each cell in its column's universe, -1: it has no statistic;
                            None: peers are looked up one by one
    end_rank   int32 [R]    the rank of the cell that a trial adds as it ends with this judgement,
                            -1: it adds none; None: nothing is added
    curve      float64 [R]  the values where whole curves are compared; None where they are not
    running    int64 [N + 1, 5]  where reports are judged together, for each position of a running
                            trial the NEXT of its reports to be judged, how many do not come with
                            its end (those before APART), and of the reports judged together the
                            first to call for a stop, FOUND, and how many there were, UPTO; in
                            PRESENT, from the first row on, the positions themselves, and in the
                            last row their number; None: each report is an event of its own
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHOWN, CELL, ENDED, PRESENT = 0, 1, 2, 3  # the columns of a state's `trials`
# the numbers of a state's `tally`
IN_SIGHT, COMPLETED, LENGTH, BEST, NEAREST, FARTHEST = 0, 1, 2, 3, 4, 5


class Criteria(NamedTuple):
    """A rule's columns as the kernels read them.

    Every field always has the same type, so that each kernel is compiled once for all rules.
    """

    reached: bool  # running trials are peers at the steps they have reached
    completed_only: bool  # only completed trials are peers
    include_self: bool  # a trial is its own peer
    exact: bool  # a peer needs a report at exactly the column
    carry: bool  # an ended trial's last statistic stands in later columns too
    strict: bool  # a value that equals the limit does not stop
    on_the_way: bool  # how far the trials have come matters: `progress_from`, or the leader
    leader: bool  # whole curves are held against the best one; else, if at all, in pairs
    plain: bool  # any judgement that goes against a trial stops it
    after_first: bool  # a trial launched before any has completed is neither judged nor a peer
    replaces: bool  # the cell that a trial adds as it ends replaces its last one
    again_stopped: bool  # a stopped trial adds such a cell too
    from_stop: bool  # a stopped trial is a peer from the end of its training, not of its job
    min_completed: int  # with fewer completed trials nothing is judged
    method: int  # see esim.simulator.kernels.peers
    least: int  # fewer peers give no threshold
    protect: int  # the best so many go on
    consecutive: int  # so many judgements in a row that go against a trial stop it
    protect_leaders: int  # at so many checkpoints a leader counts as one of the best
    smooth: int  # checkpoints that a moving average is over
    freezes: int  # the column whose threshold a trial keeps from its launch, + 1; 0: none
    share: float  # see esim.simulator.kernels.peers
    width: float  # the share of a threshold that counts as a tie; negative: a tie is worse
    warmup_share: float  # of the mean last step of completed trials
    progress_from: float  # of the way, see esim.simulator.kernels.leader
    progress_to: float
    checkpoints: float
    most_variance: float
    gap: float  # what a mean must be behind the leader's by more than
    protect_share: float  # the best so large a share go on
    p_value: float  # of the test of whole curves, below which a trial stops


class PlanArrays(NamedTuple):
    """What a plan holds for the kernels, which only read it."""

    rule: Criteria
    offsets: NDArray[np.int64]  # [N + 1] trial -> its judgements
    own: NDArray[np.float64]  # [R] the own statistic; NaN where the rule does not judge
    column: NDArray[np.int32]  # [R] where it is judged
    step: NDArray[np.int64]  # [R] the step of its report
    # [R] the judgements of the same report from this one on, itself counted; empty: each report is
    # one judgement
    group: NDArray[np.int32]
    # [R] how many judgements a trial makes in all if it is told to stop at each, more than it has:
    # it reaches its natural end; empty: its report is its last
    made: NDArray[np.int32]
    flags: NDArray[np.bool_]  # [N, 4] UNSEEN, COMPLETES, JOINS, ODD
    cell_offsets: NDArray[np.int64]  # [N + 1] trial -> its cells, as its judgements show them
    # [K] the column of each cell; where peers are looked up, [E] of each report as a peer
    cell_column: NDArray[np.int32]
    # [K] which of the trial's judgements shows it, from 0; empty: the n-th shows the n-th cell
    shown_by: NDArray[np.int32]
    # [N] the column of each trial's first judgement, where every further one stands in the next
    # column and each shows a cell in its own; empty: not all do. It spares the kernels a third of
    # what they read
    first_column: NDArray[np.int32]
    universe: NDArray[np.float64]  # [K or more] each column's statistics, sorted
    # A cell that a trial adds as it ends with a judgement: its column [R], empty if nothing is
    # added, and, where peers are looked up, its statistic [R].
    end_column: NDArray[np.int32]
    end_statistic: NDArray[np.float64]
    # [51] where curves are compared, see esim.simulator.kernels.pairs; else empty
    critical: NDArray[np.float64]


class State(NamedTuple):
    """What the kernels write in a run: every array."""

    words: NDArray[np.int64]  # the columns' bits: the statistic of a rank is a member
    members: NDArray[np.int64]  # [C, 10] COUNT to STOPS, see esim.simulator.kernels.peers
    levels: NDArray[np.float64]  # [C, 4] THRESHOLD, LIMIT, SUM, LEAST
    indices: NDArray[np.int32]  # [members that a column can have, + 1] see there
    # [N, 4] for each trial how many judgements are SHOWN, the next CELL to insert and whether it
    # has ENDED; in PRESENT, from the first row on, the trials that peers can see
    trials: NDArray[np.int64]
    # [6] trials that peers can see, trials completed, the sum of the last steps of those, where
    # curves are compared in pairs the best of those, + 1, and the first and the last step that any
    # trial has shown
    tally: NDArray[np.float64]
    scratch: NDArray[np.float64]  # [N] the statistics of peers that are looked up
    work: NDArray[np.float64]  # [3 or 6, W] where curves are compared, see there
    frozen: NDArray[np.float64]  # [N, 3] threshold, limit and peers at a launch; empty: not kept
    # [N, 4] threshold, peers and judgement of the stop, and the judgement of one that fell on the
    # trial's last report and saves nothing; NaN: none
    stops: NDArray[np.float64]
    # [N] how many judgements in a row have gone against each trial, or at how many checkpoints in a
    # row it is behind the leader; SPARED: the last judgement would have, were the trial not among
    # the best; empty: the rule is plain
    row: NDArray[np.int64]
    # [R, 3] threshold (NaN: none), peers (NaN: not made) and `row` with it (0 or 1 if the rule is
    # plain) of each judgement; empty: not traced
    trace: NDArray[np.float64]


class Times(NamedTuple):
    """The timed clock, its jobs and its schedule. A position is one in the launch order."""

    startup: float  # seconds from taking a slot to the start of the trial
    latency: float  # seconds from the report with which a stop takes effect to the end of training
    slots: int  # 0: trials start as recorded
    acting: bool  # False: the baseline, in which no rule acts
    seconds: NDArray[np.float64]  # [R] since the trial's start, of each report
    # [R] seconds since the trial's start, of the report with which a stop decided at each takes
    # effect
    since: NDArray[np.float64]
    # [N, 6] seconds: START as recorded, DURATION to the natural end (inf: never ends), OVERHEAD
    # from such a report to the end of the job, GAP from there until its slot is free; filled here:
    # BEGAN and ENDED, when the job did
    jobs: NDArray[np.float64]
    heap: NDArray[np.int64]  # [N + 1] a heap of the running trials' positions; its size in [N]
    when: NDArray[np.float64]  # [N] seconds, the next event of each position
    # [N, 4] for each position the KIND and PHASE of its next event, the next REPORT (the number of
    # its first judgement), and the TARGET: how many judgements are made by a trial told to stop
    agenda: NDArray[np.int64]
