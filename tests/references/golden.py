"""Golden cases, worked out by hand: at least one for each row A..K of the ambiguity table.

The table is facts on SageMaker's rule, "what the documentation leaves open". `CASES` is data for
any implementation: run `study` under `rule` with `settings` and expect `kept`. Each case also
names a neighbour, the same study under another reading (mostly the literal one), with what that
one keeps, so that a case shows the difference its reading makes.

Notation in the comments: T = the threshold, "5 > 4 stop at 3" = value 5 against T = 4 at the
third report ends the trial there. Objectives are minimized unless the case says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esim.rules.table import Rule
from esim.study import Status, Study
from tests.references.generate import build

NAN, INF = math.nan, math.inf

#: The literal documentation: current value, running averages of ended trials, their median.
LITERAL = Rule(name="literal")


@dataclass(frozen=True)
class Case:
    """One golden case.

    Attributes:
        name: the row of the ambiguity table and the reading.
        study, rule, settings: what to run; settings by the names of `tests.naive.replay`.
        kept: rows kept of each trial.
        told: trial -> (threshold, peers) of the decision that stopped it; for some trials.
        start, end: of each trial, if given.
        other_rule, other_settings, other_kept: the neighbour; None = as the case's own.
    """

    name: str
    study: Study
    kept: tuple[int, ...]
    rule: Rule = LITERAL
    settings: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[int, tuple[float, int]] = field(default_factory=dict)
    start: tuple[float, ...] | None = None
    end: tuple[float, ...] | None = None
    other_rule: Rule = LITERAL
    other_settings: Mapping[str, Any] | None = None
    other_kept: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name


def of(**columns: Any) -> Rule:
    """The literal row with columns changed."""
    return LITERAL.with_columns(**columns)


def curves(*values: list[float], first_step: int = 1, **columns: Any) -> Study:
    """A study whose trials report at first_step, first_step + 1, ..."""
    steps = [list(range(first_step, first_step + len(v))) for v in values]
    return build(steps, values, **columns)


def scheduled(start: list[float], end: list[float], *values: list[float], **columns: Any) -> Study:
    """The same with times: the report at step s is made s seconds after the start."""
    elapsed = [[float(s) for s in range(1, len(v) + 1)] for v in values]
    return curves(*values, elapsed=elapsed, start=start, end=end, **columns)


RECORDED = {"clock": "recorded"}

# A. Left side. t0's running average is 4 everywhere. t1's
#   current value   2, 3, 5, 8, 8          5 > 4: stop at 3
#   best so far     2, 2, 2, 2, 2          never
#   running average 2, 2.5, 3.33, 4.5, 5.2 4.5 > 4: stop at 4
LEFT = curves([4, 4, 4, 4, 4], [2, 3, 5, 8, 8])
LEFT_MAX = curves([-4, -4, -4, -4, -4], [-2, -3, -5, -8, -8], direction="maximize")

# B. Pool. t1: 9 > 2 stop at 1; t1 was not completed. t2, all 5:
#   ended:     T1 = (2 + 9) / 2 = 5.5, goes on; at 2 t1 no longer counts, T2 = 2: stop at 2
#   completed: T1 = 2: stop at 1
POOL = curves([2, 2, 2, 2], [9, 9, 9, 9], [5, 5, 5, 5])

# B. Two trials side by side, recorded from 0 to 4.
#   ended:   t1 sees t0 at time 4 only, at its own last report, where a stop changes nothing.
#   reached: at time 1 t0 reports first (launch order), T = 2, 5 > 2: t1 stops at 1.
#            t0 at 1 sees nobody, and at 2 t1 has no report that reaches step 2.
BESIDE = scheduled([0, 0], [4, 4], [2, 2, 2, 2], [5, 5, 5, 5])

# C. t0 was recorded as stopped after 2 of some steps. t1 = 1, 3, 3, 3:
#   counts up to its last epoch: T1 = 2, 1 goes on; T2 = 2, 3 > 2: stop at 2
#   excluded: no peers, goes to the end
TRUNCATED = curves([2, 2], [1, 3, 3, 3], status=[Status.STOPPED, Status.COMPLETED])

# D. t0 failed, t1 has no value at all. t2 = 3, 3, 3 has no peers, unless failed ones count: T1 = 2.
FAILED = curves(
    [2, 2, 2], [NAN, NAN], [3, 3, 3], status=[Status.FAILED, Status.COMPLETED, Status.COMPLETED]
)
# D. The rule stops t1 (3 > 2 at 1), which later failed in the record: it failed only later, so it
#   is a peer. t2 = 2.25: T1 = (2 + 3) / 2 = 2.5 goes on; at 2 T = 2, 2.25 > 2: stop at 2.
#   Neighbour (minimum 2 peers): t1 is not judged and fails, so t2 has one peer only.
FAILED_LATER = curves(
    [2, 2, 2],
    [3, 3, 3],
    [2.25, 2.25, 2.25],
    status=[Status.COMPLETED, Status.FAILED, Status.COMPLETED],
)

# E. t0 has 2 reports, averages 1 and 2. t1 = 1, 1, 3, 3: T1 = 1 (tie), T2 = 2, both go on;
#   drop: no peer at 3 and 4; carry: T3 = 2, 3 > 2: stop at 3
SHORT = curves([1, 3], [1, 1, 3, 3])

# E. The same by number of the report, t0's at steps 10 and 20: beyond its second one at t1's third.
SHORT_BY_NUMBER = build([[10, 20], [1, 2, 3, 4]], [[1, 3], [1, 1, 3, 3]])

# F. Two peers, 4 and 2 (2 > 4 is false, so t1 runs on). t2 rises 2.5, 3.5, 3.75, 5, 5:
#   lower = 2: stop at 1; mean of the two = 3: stop at 2; higher = 4: stop at 4
#   linear at 0.75: 2 + 0.75 * (4 - 2) = 3.5, 3.5 is a tie at 2, 3.75 > 3.5: stop at 3
EVEN = curves([4] * 5, [2] * 5, [2.5, 3.5, 3.75, 5, 5])
# F. Higher is better: the peers are -4 and -2, the better one (lower) is -2.
EVEN_MAX = curves([-4] * 5, [-2] * 5, [-2.5, -3.5, -3.75, -5, -5], direction="maximize")

# G. t1's value is t0's, 2, until its last report. A tie goes on, or (strict = false) stops at 1.
TIE = curves([2, 2, 2], [2, 2, 3])
# G. 2.125 > 2 stops at 1, but is within 0.1 * 2 of T: a tie, goes on.
NEAR = curves([2, 2, 2], [2.125, 2.125, 2.125])
# G. 1.875 < 2 goes on, but is within 0.1 * 2 of T: a tie, and with strict = false it stops.
NEAR_BELOW = curves([2, 2, 2], [1.875, 1.875, 1.875])
# G. T = inf: inf against inf is a tie.
INFINITE = curves([INF, INF], [INF, INF])
# G. T = (-inf + inf) / 2 is not a number: t2 goes on. t1 = inf > -inf stops at 1 unless it needs 2
#   peers. Neighbour (lower): T = -inf, 0 > -inf: t2 stops at 1.
BOTH_INFINITE = curves([-INF, -INF], [INF, INF], [0, 0])

# H. t1 = 3 > 2 stops at 1. t2 = 3: T1 = (2 + 3) / 2 = 2.5, stop at 1.
#   minimum 2 peers: t1 is not judged; t2 has T = 2.5 and stops at 1.
#   minimum 2 completed: t0 was recorded as stopped, so only t1 has ever completed: no stop.
FEW = curves(
    [2, 2, 2],
    [3, 3, 3],
    [3, 3, 3],
    status=[Status.STOPPED, Status.COMPLETED, Status.COMPLETED],
)

# H. A trial of unknown status counts as completed.
UNKNOWN = curves([2, 2, 2], [3, 3, 3], status=[Status.UNKNOWN, Status.COMPLETED])

# I. t1 = 2 is worse than 1 all along: stop at 1; from step 3 on: at 3; from report 2 on: at 2.
WARM = curves([1] * 5, [2] * 5)
# I. Completed lengths 4 and 8, mean 6. t2 = 9 against T = (4 + 1) / 2 = 2.5 (both reach step 4):
#   at once: stop at 1; after half of the mean length, 3 steps: stop at 3
SHARE = curves([4] * 4, [1] * 8, [9] * 8)
# I. t0 went on to step 8 without values: its last step is 4, the mean 4, half of it 2: stop at 2.
SHARE_OF_VALUES = curves([4] * 4 + [NAN] * 4, [1] * 4, [9] * 8)
# I. Every second step from 1 on: judged at 1 (1 > 2 is false) and 3 (3 > 2: stop at 3), not at 2
#   and 4. Judged always: 3 > 2 at 2.
EVERY_SECOND = curves([2] * 4, [1, 3, 3, 3])
# I. Averages from step 2 on: none at 1, then 2, 2, 2; 3 > 2: stop at 2.
#   From the start: 10, 6, 4.67, 4: 3 never exceeds them.
LATE_AVERAGE = curves([10, 2, 2, 2], [3, 3, 3, 3])

# J. t0 from 0 to 4 (reports at 1, 2, 3, 4), t1 from 2 to 6 (reports at 3, 4, 5, 6), 3 against 2.
#   launch order: t0 has ended when t1 starts: stop at 1
#   recorded: at 3 t0 runs; it ends at 4, ends come before reports: t1 stops at 2, at time 4
#   simulated, 1 slot: t1 starts at 4: stop at 1, at time 5
#   simulated, 2 slots: both run from 0 to 4, t1 sees t0 at its last report: no stop
OVERLAP = scheduled([0, 2], [4, 6], [2] * 4, [3] * 4)

# J. The pull-forward, 2 slots. t0: 0..2. t1 (3) sees t0 (2) from time 2 on, 3 > 2: stop at 2, at
# time 2, where both slots free: t2 and t3 start at 2 (t3 had to wait until 6 without the rule).
#   t2 = 1 goes on at every step and ends at 6.
#   t3 = 1.5: at 3 and 4 T = (2 + 3) / 2 = 2.5; at 5 nobody has 3 steps; at 6, its last, t2 has.
#   Recorded clock, t3 from 6 to 10: T1 = T2 = median(2, 3, 1) = 2; T3 = 1 (t2): stop at 3.
#   Simulated with a stop that takes 10 s: t1, told at 2, trains on to its natural end, 6, and is
#   not stopped. t3 from 6: T1 = T2 = median(2, 3, 1) = 2, T3 = T4 = (3 + 1) / 2 = 2: to its end.
#   A stop that takes 2.5 s: t1 trains to 4.5, makes its reports at 3 and 4, and is a peer with 4
#   rows from 4.5, when t3 starts. At 5.5 T1 = (2 + 3) / 2; then t2 has ended too: T2 = 2, T3 = T4
#   = (3 + 1) / 2 = 2: t3 goes to its end at 8.5.
#   Launch order: t1 stops at 1; t3: T1 = 2, T2 = (2 + 1) / 2 = 1.5 (tie), T3 = 1: stop at 3.
FORWARD = scheduled([0, 0, 2, 6], [2, 6, 6, 10], [2] * 2, [3] * 6, [1] * 4, [1.5] * 4)

# J. Launch order as data: t1 before t0. t1 has no peers; t0 = 2 against 3 goes on.
TWO = curves([2] * 3, [3] * 3)

# J. t0 from 0 to 5, its last report at 2 (3 s of upload); t1 from 0, reports at 1..4, t1 = 3.
#   t0 is not a peer before 5. Neighbour: had t0 ended at 2, t1 would have stopped at 2.
#   Simulated, 1 slot: t1 starts at 5, stops at 6; its own tail is 0: the job ends at 6.
#   A latency of 1: t1 trains from 6 to 7, and its report at 7, the moment it ends, is made. Half a
#   second: that report is not made.
TAIL = scheduled([0, 0], [5, 4], [2, 2], [3] * 4)

# J. When a stopped trial is a peer. t1, from 2, is told at 3 (3 > 2). Its upload takes 2 s
# (10 - 8), so its job ends at 5. t2 = 2.25, from 3:
#   from its end: at 4 T1 = 2 (t0): stop at 1
#   from the stop: at 4 T1 = (2 + 3) / 2 = 2.5; at 5 T2 = 2 (t1 has no step 2): stop at 2
UPLOADING = scheduled([0, 2, 3], [2, 10, 7], [2] * 2, [3] * 6, [2.25] * 4)

# J. t0's recorded end, 2, is earlier than its last report, at 3: it ends at 3.
#   recorded: t1, from 0, sees it at 3: stop at 3; simulated, 1 slot: t1 starts at 3, stops at 4
EARLY_END = scheduled([0, 0], [2, 5], [2] * 3, [3] * 5)

# J. t0 is running in the record: in launch order it counts after its last report (T = 2, stop at
# 1), in the recorded clock it never ends, so t1 has no peer.
RUNNING = scheduled([0, 10], [NAN, 14], [2] * 4, [3] * 4, status=[Status.RUNNING, Status.COMPLETED])

# K. t1 (3 > 2) is told to stop at 1. t2 = 2.25:
#   at once: t1 keeps 1; t2: T1 = (2 + 3) / 2 = 2.5, T2 = 2 (t1 has no step 2): stop at 2
#   one report later: t1 keeps 2; t2: T1 = T2 = 2.5, T3 = 2: told at 3, keeps 4
DELAY = curves([2] * 5, [3] * 5, [2.25] * 5)
# K. t1 = 1, 1, 1, 3, 3 is told at 4, of 5. One report later nothing is left to save.
DELAY_LATE = curves([2] * 5, [1, 1, 1, 3, 3])
# K. A last row without a value: told at report 1, row 2 is saved; one report later there is none.
TRAILING = curves([2, 2], [3, NAN])
# K. NaN between: told at report 1 (row 1), one report later is row 3.
DELAY_GAP = curves([2] * 5, [3, NAN, 3, NAN, 3])

# L. Steps of t0: 2, 4, 6, averages 1, 3, 5. t1 = 2, 0, 2, 2 at steps 1, 2, 3, 4:
#   up to the step: none at 1; T2 = 1, 0 goes on; T3 = 1 (t0's report at 2), 2 > 1: stop at 3
#   exactly the step: none at 1 and 3; T2 = 1, 0 goes on; T4 = 3, goes on: to the end
#   same number: T = 1 at its first report, 2 > 1: stop at 1
OWN_GRIDS = build([[2, 4, 6], [1, 2, 3, 4]], [[1, 5, 9], [2, 0, 2, 2]])

# NaN is a missing report. t0's average at 3 is (2 + 4) / 2 = 3; 3.25 > 3: t1 stops at row 3, its
# second report. At least 3 reports: judged at row 4 only, its last.
MISSING = curves([2, NAN, 4, 4], [1, NAN, 3.25, 3.25])

# fmt: off
CASES: tuple[Case, ...] = (
    Case("A current", LEFT, (5, 3), told={1: (4.0, 1)},
         other_rule=of(own="average"), other_kept=(5, 4)),
    Case("A best so far", LEFT, (5, 5), of(own="best"), other_kept=(5, 3)),
    Case("A own running average", LEFT, (5, 4), of(own="average"), told={1: (4.0, 1)},
         other_kept=(5, 3)),
    Case("A current, maximize", LEFT_MAX, (5, 3), told={1: (-4.0, 1)},
         other_rule=of(own="best"), other_kept=(5, 5)),
    Case("A own running average, maximize", LEFT_MAX, (5, 4), of(own="average"),
         other_kept=(5, 3)),
    Case("B ended", POOL, (4, 1, 2), told={1: (2.0, 1), 2: (2.0, 1)},
         other_rule=of(pool="completed"), other_kept=(4, 1, 1)),
    Case("B completed only", POOL, (4, 1, 1), of(pool="completed"), told={2: (2.0, 1)},
         other_kept=(4, 1, 2)),
    Case("B all that have reported", BESIDE, (4, 1), of(pool="reached"), RECORDED,
         told={1: (2.0, 1)}, other_kept=(4, 4)),
    # T = the worse of t0's 2 and its own 5: a tie at every report
    Case("B all that have reported and itself", BESIDE, (4, 4),
         of(pool="reached", include_self=True, method="higher"), RECORDED,
         other_rule=of(pool="reached", method="higher"), other_kept=(4, 1)),
    Case("C counts up to its last epoch", TRUNCATED, (2, 2), told={1: (2.0, 1)},
         other_rule=of(pool="completed"), other_kept=(2, 4)),
    Case("C excluded", TRUNCATED, (2, 4), of(pool="completed"), other_kept=(2, 2)),
    Case("D failed excluded", FAILED, (3, 2, 3),
         other_rule=of(failed_peers=True), other_kept=(3, 2, 1)),
    Case("D failed included", FAILED, (3, 2, 1), of(failed_peers=True), told={2: (2.0, 1)},
         other_kept=(3, 2, 3)),
    Case("D stopped before it failed", FAILED_LATER, (3, 1, 2), told={2: (2.0, 1)},
         other_rule=of(min_peers=2), other_kept=(3, 3, 3)),
    Case("E does not count", SHORT, (2, 4), other_rule=of(short="carry"), other_kept=(2, 3)),
    Case("E carried forward", SHORT, (2, 3), of(short="carry"), told={1: (2.0, 1)},
         other_kept=(2, 4)),
    Case("E carried forward by number", SHORT_BY_NUMBER, (2, 3),
         of(match="number", short="carry"), told={1: (2.0, 1)},
         other_rule=of(match="number"), other_kept=(2, 4)),
    Case("F mean of the two", EVEN, (5, 5, 2), told={2: (3.0, 2)},
         other_rule=of(method="lower"), other_kept=(5, 5, 1)),
    Case("F lower", EVEN, (5, 5, 1), of(method="lower"), told={2: (2.0, 2)},
         other_kept=(5, 5, 2)),
    Case("F higher", EVEN, (5, 5, 4), of(method="higher"), told={2: (4.0, 2)},
         other_kept=(5, 5, 2)),
    Case("F linear at 0.75", EVEN, (5, 5, 3), of(method="linear", quantile=0.75),
         told={2: (3.5, 2)}, other_kept=(5, 5, 2)),
    Case("F mean of the two, maximize", EVEN_MAX, (5, 5, 2), told={2: (-3.0, 2)},
         other_rule=of(method="higher"), other_kept=(5, 5, 4)),
    Case("F lower, maximize", EVEN_MAX, (5, 5, 1), of(method="lower"), told={2: (-2.0, 2)},
         other_kept=(5, 5, 2)),
    Case("F linear at 0.75, maximize", EVEN_MAX, (5, 5, 3), of(method="linear", quantile=0.75),
         told={2: (-3.5, 2)}, other_kept=(5, 5, 2)),
    Case("G tie goes on", TIE, (3, 3), other_rule=of(strict=False), other_kept=(3, 1)),
    Case("G tie stops", TIE, (3, 1), of(strict=False), told={1: (2.0, 1)}, other_kept=(3, 3)),
    Case("G near is a tie", NEAR, (3, 3), of(tolerance=0.1), other_kept=(3, 1)),
    Case("G near is a tie and stops", NEAR_BELOW, (3, 1), of(tolerance=0.1, strict=False),
         told={1: (2.0, 1)}, other_kept=(3, 3)),
    Case("G infinite tie", INFINITE, (2, 2), other_rule=of(strict=False), other_kept=(2, 1)),
    Case("G no threshold between infinities", BOTH_INFINITE, (2, 2, 2), of(min_peers=2),
         other_rule=of(min_peers=2, method="lower"), other_kept=(2, 2, 1)),
    Case("H 1 peer", FEW, (3, 1, 1), told={1: (2.0, 1), 2: (2.5, 2)},
         other_rule=of(min_peers=2), other_kept=(3, 3, 1)),
    Case("H 2 peers", FEW, (3, 3, 1), of(min_peers=2), told={2: (2.5, 2)},
         other_kept=(3, 1, 1)),
    Case("H 2 completed", FEW, (3, 3, 3), of(min_completed=2), other_kept=(3, 1, 1)),
    Case("H 1 completed, of unknown status", UNKNOWN, (3, 1), of(min_completed=1),
         other_rule=of(min_completed=2), other_kept=(3, 3)),
    Case("I none", WARM, (5, 1), told={1: (1.0, 1)},
         other_rule=of(warmup_steps=3), other_kept=(5, 3)),
    Case("I fixed", WARM, (5, 3), of(warmup_steps=3), told={1: (1.0, 1)}, other_kept=(5, 1)),
    Case("I own reports", WARM, (5, 2), of(min_reports=2), told={1: (1.0, 1)},
         other_kept=(5, 1)),
    Case("I share", SHARE, (4, 8, 3), of(warmup_share=0.5), told={2: (2.5, 2)},
         other_kept=(4, 8, 1)),
    Case("I share of the steps with values", SHARE_OF_VALUES, (8, 4, 2), of(warmup_share=0.5),
         told={2: (2.5, 2)}, other_kept=(8, 4, 1)),
    Case("I interval", EVERY_SECOND, (4, 3), of(warmup_steps=1, interval=2), told={1: (2.0, 1)},
         other_kept=(4, 2)),
    Case("I averages from step 2", LATE_AVERAGE, (4, 2), of(average_from=2), told={1: (2.0, 1)},
         other_kept=(4, 4)),
    Case("J launch order", OVERLAP, (4, 1), told={1: (2.0, 1)},
         other_settings=RECORDED, other_kept=(4, 2)),
    Case("J recorded", OVERLAP, (4, 2), settings=RECORDED, told={1: (2.0, 1)},
         start=(0, 2), end=(4, 4), other_settings={}, other_kept=(4, 1)),
    Case("J simulated, 1 slot", OVERLAP, (4, 1), settings={"clock": "simulated", "workers": 1},
         start=(0, 4), end=(4, 5), other_settings=RECORDED, other_kept=(4, 2)),
    Case("J simulated, 2 slots", OVERLAP, (4, 4), settings={"clock": "simulated", "workers": 2},
         start=(0, 0), end=(4, 4), other_settings={}, other_kept=(4, 1)),
    Case("J pull-forward", FORWARD, (2, 2, 4, 4), settings={"clock": "simulated", "workers": 2},
         told={1: (2.0, 1)}, start=(0, 0, 2, 2), end=(2, 2, 6, 6),
         other_settings=RECORDED, other_kept=(2, 2, 4, 3)),
    # all a second later, t2 and t3 two: reports of t2 at 3 + 1 + 1, ..., its end at 3 + 1 + 4
    Case("J pull-forward with start-up", FORWARD, (2, 2, 4, 4),
         settings={"clock": "simulated", "workers": 2, "startup_s": 1.0},
         start=(0, 0, 3, 3), end=(3, 3, 8, 8), other_settings={}, other_kept=(2, 1, 4, 3)),
    Case("J a stop too slow to stop", FORWARD, (2, 6, 4, 4),
         settings={"clock": "simulated", "workers": 2, "stop_latency_s": 10.0},
         start=(0, 0, 2, 6), end=(2, 6, 6, 10),
         other_settings={"clock": "simulated", "workers": 2}, other_kept=(2, 2, 4, 4)),
    Case("J a stopped trial trains on", FORWARD, (2, 4, 4, 4),
         settings={"clock": "simulated", "workers": 2, "stop_latency_s": 2.5},
         told={1: (2.0, 1)}, start=(0, 0, 2, 4.5), end=(2, 4.5, 6, 8.5),
         other_settings={"clock": "simulated", "workers": 2}, other_kept=(2, 2, 4, 4)),
    Case("J a stopped trial is a peer from its end", UPLOADING, (2, 1, 1), settings=RECORDED,
         told={1: (2.0, 1), 2: (2.0, 1)}, start=(0, 2, 3), end=(2, 5, 4),
         other_rule=of(peer_from="stop"), other_kept=(2, 1, 2)),
    Case("J order given", TWO, (3, 3), settings={"order": [1, 0]},
         other_settings={}, other_kept=(3, 1)),
    Case("J the end after the last report counts", TAIL, (2, 4), settings=RECORDED,
         start=(0, 0), end=(5, 4), other_settings={"clock": "simulated"}, other_kept=(2, 1)),
    Case("J the slot frees after the upload", TAIL, (2, 1), settings={"clock": "simulated"},
         start=(0, 5), end=(5, 6), other_settings=RECORDED, other_kept=(2, 4)),
    # min(6 + 1 latency + 1.5 upload, natural end 9) = 8.5
    Case("J a stop's latency and upload", TAIL, (2, 2),
         settings={"clock": "simulated", "stop_latency_s": 1.0, "upload_s": 1.5},
         start=(0, 5), end=(5, 8.5),
         other_settings={"clock": "simulated", "stop_latency_s": 0.5}, other_kept=(2, 1)),
    Case("J an end before the last report, recorded", EARLY_END, (3, 3), settings=RECORDED,
         start=(0, 0), end=(3, 3), other_settings={}, other_kept=(3, 1)),
    Case("J an end before the last report, simulated", EARLY_END, (3, 1),
         settings={"clock": "simulated"}, start=(0, 3), end=(3, 4),
         other_settings=RECORDED, other_kept=(3, 3)),
    Case("J running, recorded", RUNNING, (4, 4), settings=RECORDED, end=(NAN, 14),
         other_settings={}, other_kept=(4, 1)),
    Case("K at once", DELAY, (5, 1, 2), told={1: (2.0, 1), 2: (2.0, 1)},
         other_rule=of(delay=1), other_kept=(5, 2, 4)),
    Case("K one report later", DELAY, (5, 2, 4), of(delay=1), told={1: (2.0, 1), 2: (2.0, 1)},
         other_kept=(5, 1, 2)),
    Case("K too late to save", DELAY_LATE, (5, 5), of(delay=1), other_kept=(5, 4)),
    Case("K a row without value is saved", TRAILING, (2, 1),
         other_rule=of(delay=1), other_kept=(2, 2)),
    Case("K delays count values", DELAY_GAP, (5, 3), of(delay=1), told={1: (2.0, 1)},
         other_kept=(5, 1)),
    # t1, from 2, is told at 4 (its report 2) and stops at 5 (its report 3)
    Case("K one report later, recorded", OVERLAP, (4, 3), of(delay=1), RECORDED,
         told={1: (2.0, 1)}, start=(0, 2), end=(4, 5), other_kept=(4, 2)),
    Case("L up to the step", OWN_GRIDS, (3, 3), told={1: (1.0, 1)},
         other_rule=of(match="step"), other_kept=(3, 4)),
    Case("L exactly the step", OWN_GRIDS, (3, 4), of(match="step"), other_kept=(3, 3)),
    Case("L same number", OWN_GRIDS, (3, 1), of(match="number"), told={1: (1.0, 1)},
         other_kept=(3, 3)),
    Case("NaN is no report", MISSING, (4, 3), of(min_reports=2), told={1: (3.0, 1)},
         other_rule=of(min_reports=3), other_kept=(4, 4)),
)
# fmt: on
