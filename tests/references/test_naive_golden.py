"""The naive twin against answers worked out by hand, and against what must hold of any replay."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from esim.study import Direction, Status, Study
from tests.references.generate import (
    CATEGORICAL,
    COMBINATIONS,
    Run,
    any_run,
    build,
    rules,
    runs,
    studies,
)
from tests.references.golden import CASES, FORWARD, LITERAL, NAN, Case, curves, of, scheduled
from tests.references.naive import replay
from tests.references.naive_accounting import Terms, account


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden(case: Case) -> None:
    actual = replay(case.study, case.rule, **case.settings)
    assert tuple(actual.kept) == case.kept
    rows = np.diff(case.study.offsets).tolist()
    assert actual.stopped == [k < n for k, n in zip(case.kept, rows, strict=True)]
    for trial, expected in case.told.items():
        assert (actual.stop_threshold[trial], actual.stop_peers[trial]) == expected
    if case.start is not None:
        assert tuple(actual.start) == case.start
    if case.end is not None:
        assert actual.end == pytest.approx(case.end, rel=0, nan_ok=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden_differs_from_its_neighbour(case: Case) -> None:
    others = case.settings if case.other_settings is None else case.other_settings
    actual = replay(case.study, case.other_rule, **others)
    assert tuple(actual.kept) == case.other_kept
    assert case.kept != case.other_kept


def test_golden_covers_every_row_of_the_table() -> None:
    assert {case.name[0] for case in CASES} >= set("ABCDEFGHIJK")
    assert len({case.name for case in CASES}) == len(CASES)


# ---------------------------------------------------------------------------------- decisions


def test_decisions_are_listed_for_every_report_made() -> None:
    # t0 = 2, 2, 2, 2; t1 = 1, NaN, 3, 3, 3 at steps 1..5, told at its 2nd report with delay 1
    study = curves([2, 2, 2, 2], [1, NAN, 3, 3, 3])
    actual = replay(study, of(delay=1, warmup_steps=2))
    t1 = [dataclasses.astuple(d)[1:] for d in actual.decisions if d.trial == 1]
    assert t1 == [
        # row, step, own, threshold, peers, stop
        (4, 1, None, None, 1, False),  # warm-up; t0 has a statistic there all the same
        (6, 3, 3.0, 2.0, 1, True),
        (7, 4, None, None, 1, False),  # already told
    ]
    assert actual.kept == [4, 4]
    t0 = [d for d in actual.decisions if d.trial == 0]
    assert [(d.own, d.threshold, d.peers) for d in t0[1:]] == [(2.0, None, 0)] * 3


def test_a_verdict_at_the_last_report_changes_nothing() -> None:
    actual = replay(curves([2, 2], [1, 3]), LITERAL)
    assert actual.decisions[-1].stop
    assert actual.stopped == [False, False]
    assert actual.stop_threshold == [None, None]


def test_ends_come_before_reports_at_the_same_time_whatever_the_launch_order() -> None:
    # Launched first, t0 (3) reports at 2 while t1 (2) ends at 2: T = 2, stop at 2.
    study = scheduled([0, 0], [4, 2], [3, 3, 3, 3], [2, 2])
    assert replay(study, LITERAL, clock="recorded").kept == [2, 2]
    # If t1's upload takes a second more, t0 stops at 3, where t1 no longer reaches: not at all.
    study = scheduled([0, 0], [4, 3], [3, 3, 3, 3], [2, 2])
    assert replay(study, LITERAL, clock="recorded").kept == [4, 2]


def test_two_ends_at_one_time_see_each_other_in_launch_order() -> None:
    study = scheduled([0, 0], [2, 2], [3, 3], [2, 2])
    actual = replay(study, LITERAL, clock="recorded")
    assert [(d.trial, d.step, d.peers) for d in actual.decisions] == [
        (0, 1, 0),
        (1, 1, 0),
        (0, 2, 0),
        (1, 2, 1),
    ]
    actual = replay(study, LITERAL, clock="recorded", order=[1, 0])
    assert [(d.trial, d.peers, d.stop) for d in actual.decisions[2:]] == [
        (1, 0, False),
        (0, 1, True),
    ]


def test_a_stopped_trial_is_a_peer_at_once() -> None:
    # At 2: t0 ends. t1 (5 > 2) stops; then t2 = 3 against (2 + 5) / 2 = 3.5 goes on; at 3 nobody
    # reaches. With completed only T = 2 and t2 stops at 2.
    study = scheduled([0, 0, 0], [2, 4, 4], [2, 2], [5] * 4, [3] * 4)
    assert replay(study, LITERAL, clock="recorded").kept == [2, 2, 4]
    assert replay(study, of(pool="completed"), clock="recorded").kept == [2, 2, 2]


def test_running_trials_do_not_carry_but_ended_ones_do() -> None:
    # Reached, carry. t0 = 2, 2 (reports at 1 and 2, ends at 4), t1 = 3 from 0, 6 reports. t1's
    # first report comes after t0's: 3 > 2 stops it at 1 unless judged from step 3 on. At 3 t0
    # runs and does not reach: no peer. At 4 it has ended and carries: stop at 4.
    study = scheduled([0, 0], [4, 6], [2, 2], [3] * 6)
    rule = of(pool="reached", short="carry", warmup_steps=3)
    assert replay(study, rule, clock="recorded").kept == [2, 4]
    assert replay(study, rule.with_columns(short="drop"), clock="recorded").kept == [2, 6]
    failed = dataclasses.replace(
        study, status=np.array([Status.FAILED, Status.COMPLETED], dtype=np.int8)
    )
    assert replay(failed, rule, clock="recorded").kept == [2, 6]
    assert replay(failed, rule.with_columns(failed_peers=True), clock="recorded").kept == [2, 4]


def test_a_step_without_elapsed_is_a_second_and_trials_without_rows_take_none() -> None:
    # P = 1. t0: steps 0, 2 -> 0 s and 2 s. t1 has no rows: 2..2. t2 starts at 2.
    study = build([[0, 2], [], [1, 2]], [[1, 1], [], [2, 2]])
    actual = replay(study, LITERAL, clock="simulated")
    assert actual.start == [0, 2, 2]
    assert actual.end == [2, 2, 3]  # t2: 2 > 1 stop at 1, at 3
    assert actual.kept == [2, 0, 1]


def test_baseline() -> None:
    actual = replay(FORWARD, LITERAL, clock="simulated", workers=2, acting=False)
    assert actual.kept == [2, 6, 4, 4]
    assert actual.start == [0, 0, 2, 6]
    assert actual.end == [2, 6, 6, 10]
    assert actual.decisions == []


# ------------------------------------------------------------------------------------ summary


STEPS_AND_BEST = (
    "steps_recorded",
    "steps_run",
    "steps_saved_fraction",
    "best_recorded",
    "best",
    "degradation",
    "degradation_normalized",
    "best_rank",
    "best_trial_stopped",
    "trials_stopped",
)


def summary(study: Study, kept: list[int], final: str = "last") -> dict[str, Any]:
    """What the twin says of a job of all trials, of which those that lack rows were stopped."""
    rows = np.diff(study.offsets).tolist()
    stopped = [k < whole for k, whole in zip(kept, rows, strict=True)]
    found = account(study, range(study.n_trials), kept, stopped, Terms(final=final))
    return {key: found[key] for key in STEPS_AND_BEST}


def test_summary_by_hand() -> None:
    # Finals 4, 1, 2, (5 failed). The rule keeps 3 of t1's 5 rows: its final is 3.
    # Steps: recorded 5 + 5 + 4 + 2 = 16, run 5 + 3 + 4 + 2 = 14, saved 2/16.
    # Best recorded t1: 1; best t2: 2, one trial (t1) was better: rank 2; degradation 1;
    # median of (4, 1, 2) = 2, scale |2 - 1| = 1.
    status = [Status.COMPLETED] * 3 + [Status.FAILED]
    study = curves([5, 4, 4, 4, 4], [5, 5, 3, 2, 1], [2, NAN, 2, NAN], [0, 0], status=status)
    assert summary(study, [5, 3, 4, 2]) == {
        "steps_recorded": 16,
        "steps_run": 14,
        "steps_saved_fraction": 0.125,
        "best_recorded": ("t1", 1.0),
        "best": ("t2", 2.0),
        "degradation": 1.0,
        "degradation_normalized": 1.0,
        "best_rank": 2,
        "best_trial_stopped": True,
        "trials_stopped": 1,
    }
    # Stopped before it failed, t3 has a final value, 0, better than any: degradation -1.
    better = summary(study, [5, 3, 4, 1])
    assert (better["best"], better["best_rank"]) == (("t3", 0.0), 1)
    assert better["degradation"] == -1.0


def test_summary_final_best_and_maximize() -> None:
    # Maximize; last values 1 and 2, best values 3 and 2. Median of last: 1.5.
    study = curves([3, 1], [2, 2], direction="maximize")
    last, best = summary(study, [2, 2]), summary(study, [2, 2], final="best")
    assert last["best_recorded"] == ("t1", 2.0)
    assert best["best_recorded"] == ("t0", 3.0)
    cut = summary(study, [2, 0])
    assert cut["degradation"] == 1.0  # 2 -> 1
    assert cut["degradation_normalized"] == 2.0  # 1 / |1.5 - 2|
    assert cut["best_rank"] == 2


def test_summary_of_nothing() -> None:
    study = curves([], [NAN], first_step=0)
    actual = summary(study, [0, 1])
    assert actual["steps_recorded"] == actual["steps_run"] == actual["trials_stopped"] == 0
    unknown = {k for k, v in actual.items() if v is None}
    assert unknown == {
        "steps_saved_fraction",
        "best_recorded",
        "best",
        "degradation",
        "degradation_normalized",
        "best_rank",
        "best_trial_stopped",
    }
    equal = summary(curves([1], [1]), [1, 1])
    # The best is the median, so there is no scale: nothing is lost on any.
    assert (equal["degradation"], equal["degradation_normalized"]) == (0.0, 0.0)
    assert equal["best"][0] == "t0"  # a tie: the earlier one


# ------------------------------------------------------------- what must hold of any replay


def _check(run: Run) -> None:
    study, rule = run.study, run.rule
    actual = replay(study, rule, **run.settings)
    rows = np.diff(study.offsets).tolist()
    baseline = replay(study, rule, **run.settings, acting=False)
    assert baseline.kept == rows
    for i, n in enumerate(rows):
        assert 0 <= actual.kept[i] <= n
        running = study.status[i] == Status.RUNNING  # may be stopped at its last report
        assert actual.stopped[i] == (actual.kept[i] < n) or (running and actual.stopped[i])
        assert (actual.stop_peers[i] is None) == (not actual.stopped[i])
        if not math.isnan(baseline.end[i]):
            assert not actual.start[i] > baseline.start[i]  # NaN if unknown
            assert actual.end[i] <= baseline.end[i]
    made = sorted(d.report for d in actual.decisions)
    expected = [
        int(study.offsets[i]) + row
        for i in range(study.n_trials)
        for row in range(actual.kept[i])
        if not math.isnan(study.values[int(study.offsets[i]) + row])
    ]
    assert made == expected
    for d in actual.decisions:
        if d.threshold is not None:
            assert d.own is not None
            assert d.peers >= rule.min_peers
        assert not (d.stop and d.threshold is None)

    # Negating all values together with the direction changes no decision.
    other: Direction = "maximize" if study.direction == "minimize" else "minimize"
    mirrored = dataclasses.replace(study, values=-study.values, direction=other)
    assert replay(mirrored, rule, **run.settings).kept == actual.kept
    # Scaling by two neither.
    doubled = dataclasses.replace(study, values=2 * study.values)
    assert replay(doubled, rule, **run.settings).kept == actual.kept


def test_seeded_runs_hold() -> None:
    stopped = 0
    for run in runs(seed=1, n=400):
        _check(run)
        stopped += sum(replay(run.study, run.rule, **run.settings).stopped)
    assert stopped > 100  # the generated rules do act


@settings(max_examples=60, deadline=None)
@given(any_run())
def test_any_run_holds(run: Run) -> None:
    _check(run)


def test_one_slot_is_launch_order() -> None:
    # One worker, one trial at a time: the simulated clock is the order clock, times aside.
    for run in runs(seed=2, n=200):
        expected = replay(run.study, run.rule)
        actual = replay(run.study, run.rule, clock="simulated", workers=1)
        assert actual.kept == expected.kept
        assert repr(actual.decisions) == repr(expected.decisions)  # NaN thresholds are equal


# ----------------------------------------------------------------------------- the generators


def test_generated_rules_cover_the_table() -> None:
    seen = {tuple(getattr(r, c) for c in CATEGORICAL) for r in rules(0, len(COMBINATIONS))}
    assert len(seen) == len(COMBINATIONS) == 3456


def test_generated_studies_vary_and_repeat() -> None:
    first, again = list(studies(3, 300)), list(studies(3, 300))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.values, b.values, equal_nan=True)
        assert np.array_equal(a.steps, b.steps)
        assert np.array_equal(a.status, b.status)
    rows = [np.diff(s.offsets) for s in first]
    present = {
        "one trial": any(s.n_trials == 1 for s in first),
        "one report": any(s.n_reports == 1 for s in first),
        "an empty trial": any((r == 0).any() for r in rows),
        "ragged": any(len(set(r.tolist())) > 1 for r in rows),
        "NaN": any(np.isnan(s.values).any() for s in first),
        "inf": any(np.isposinf(s.values).any() for s in first),
        "-inf": any(np.isneginf(s.values).any() for s in first),
        "step 0": any((s.steps == 0).any() for s in first),
        "elapsed": any(s.elapsed is not None for s in first),
        "no elapsed": any(s.elapsed is None for s in first),
        "schedule": any(s.has_schedule for s in first),
        "all statuses": {int(c) for s in first for c in s.status} == set(map(int, Status)),
        "both directions": {s.direction for s in first} == {"minimize", "maximize"},
    }
    assert [what for what, there in present.items() if not there] == []
