"""First decisions of rules on a study as recorded: by hand, and against the naive twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numba import config

import esim
from esim.assumptions import Clock
from esim.rules import Rule
from esim.simulator.forced import NEVER, forced_decisions, forced_rows
from esim.study import Status, Study
from tests.references import naive
from tests.references.generate import FromSeed, build, make_rule, make_study

DONE, CUT = Status.COMPLETED, Status.STOPPED
SEEDS = 15 if config.DISABLE_JIT else 40


def told_by_the_twin(study: Study, rule: Rule, clock: str) -> list[int]:
    """Rows made at the first decision of each trial, under a rule whose stops come far too late."""
    if rule.peer_from == "stop" and clock == "recorded":
        ends = study.end.copy()
        for i in np.flatnonzero(study.status == CUT):
            own = study.elapsed[study.offsets[i] : study.offsets[i + 1]]
            ends[i] = study.start[i] + (own[-1] if len(own) else 0.0)
        study = replace(study, end=ends)
    never_acts = replace(rule, delay=10**9)
    told = [NEVER] * study.n_trials
    for decision in naive.replay(study, never_acts, clock=clock, as_recorded=True).decisions:
        if decision.stop:
            made = decision.report + 1 - int(study.offsets[decision.trial])
            told[decision.trial] = min(told[decision.trial], made)
    return told


@pytest.mark.parametrize("seed", range(SEEDS))
def test_first_decisions_are_those_of_the_twin(seed: int) -> None:
    pick = FromSeed(np.random.default_rng((seed, 18)))
    study = make_study(pick, times=pick.one((None, "schedule")), max_trials=10)
    rules = [make_rule(pick) for _ in range(4)]
    rules += [replace(rules[0], min_peers=3, delay=2), replace(rules[1], pool="completed",
              include_self=False)]  # fmt: skip
    for mode in ("order", "recorded") if study.has_schedule else ("order",):
        found = forced_decisions(study, rules, Clock(mode), threads=1)
        for told, rule in zip(found.told.tolist(), rules, strict=True):
            assert told == told_by_the_twin(study, rule, mode), rule


def test_a_rule_is_held_against_what_was_recorded_not_against_its_own_stops() -> None:
    """Two jobs at once, then a third; a and b end at 40 and 20, c runs from 50 on.

    b is worse than a from the start and was stopped after its second report, at 20: with no job
    ended by then, no rule that wants an ended peer says so. c at step 1: the averages at step 1 are
    a 4, b 9, median 6.5 < 8: told at its first report, and its first decision stands although the
    record goes on to its third.
    """
    study = build(
        [[1, 2, 3, 4], [1, 2], [1, 2, 3]],
        [[4, 3, 2, 1], [9, 9], [8, 1, 8]],
        elapsed=[[10, 20, 30, 40], [10, 20], [10, 20, 30]],
        start=[0, 0, 50],
        end=[40, 20, 80],
        status=[DONE, CUT, DONE],
    )
    literal = esim.rule("sagemaker")
    late, own_average = replace(literal, delay=1), replace(literal, own="average", min_reports=3)
    found = forced_decisions(study, [literal, late, own_average], Clock("recorded"))
    assert found.told[0].tolist() == [NEVER, NEVER, 1]
    assert found.ends[0].tolist() == [NEVER, NEVER, 1]
    assert found.ends[1].tolist() == [NEVER, NEVER, 2]
    # Its own average at step 3 is 17 / 3 = 5.67; a's is 3, and b did not come so far.
    assert found.told[2].tolist() == [NEVER, NEVER, 3]
    rows = forced_rows(study, literal, Clock("recorded"), 2)
    assert rows["threshold"].tolist() == [6.5, 6.25, 3.0]  # (3.5 + 9) / 2
    assert rows["peers"].tolist() == [2, 2, 1]
    assert rows["stop"].tolist() == [True, False, True]


def test_a_stop_on_its_way_takes_the_reports_within_its_latency() -> None:
    study = build(
        [[1, 2, 3, 4], [1, 2, 3, 4]],
        [[1, 1, 1, 1], [2, 2, 2, 2]],
        elapsed=[[10, 20, 30, 40]] * 2,
        start=[0, 50],
        end=[40, 90],
        status=[DONE, DONE],
    )
    rules = [esim.rule("sagemaker", delay=delay) for delay in (0, 1, 3)]
    found = forced_decisions(study, rules, Clock("recorded"), latency_s=15.0)
    assert found.ends[:, 1].tolist() == [1, 2, 4]
    assert found.latest[:, 1].tolist() == [2, 3, 4]  # told at 10: the report at 20 is made too


def test_a_stop_that_would_come_after_the_last_report_ends_nothing() -> None:
    study = build([[1, 2], [1, 2]], [[1, 1], [0, 2]], status=[DONE, DONE])
    found = forced_decisions(
        study, [esim.rule("sagemaker"), esim.rule("sagemaker", delay=1)], Clock("order")
    )
    assert found.told[:, 1].tolist() == [2, 2]
    assert found.ends[:, 1].tolist() == [2, NEVER]


def test_threads_and_the_order_of_rules_change_nothing() -> None:
    pick = FromSeed(np.random.default_rng(5))
    study = make_study(pick, times="schedule", max_trials=12)
    rules = [make_rule(pick) for _ in range(30)]
    one = forced_decisions(study, rules, Clock("recorded"), threads=1)
    two = forced_decisions(study, rules[::-1], Clock("recorded"), threads=2)
    assert (one.told == two.told[::-1]).all() and (one.ends == two.ends[::-1]).all()


def test_a_threshold_kept_from_the_launch_is_that_of_the_recorded_start() -> None:
    """Katib's rule, one trial after another in recorded times as in launch order.

    Three complete with averages over four reports of 1, 2 and 3, mean 2. The fourth is launched
    then, and its best, 2.5, is worse at its fourth report. The fifth begins at once with the third,
    when only two have completed: it has no threshold, and goes on.
    """
    curves = [[1.0] * 5, [2.0] * 5, [3.0] * 5, [2.5] * 5, [2.5] * 5]
    own = [[10.0, 20.0, 30.0, 40.0, 50.0]] * 5
    rule = esim.rule("katib-medianstop")
    steps = [[1, 2, 3, 4, 5]] * 5
    after = build(steps, curves, elapsed=own, start=[0, 50, 100, 150, 200], end=[50, 100, 150, 200,
                  250])  # fmt: skip
    beside = build(steps, curves, elapsed=own, start=[0, 50, 100, 150, 100], end=[50, 100, 150, 200,
                   150])  # fmt: skip
    for study, kept in ((after, [5, 5, 5, 4, 4]), (beside, [5, 5, 5, 4, 5])):
        replayed = esim.replay(study, rule, "recorded")
        assert replayed.columns.reports_kept.tolist() == kept
        told = forced_decisions(study, [rule], Clock("recorded")).told[0]
        assert told.tolist() == [n if n < 5 else NEVER for n in kept]
    assert esim.replay(after, rule, "order").columns.reports_kept.tolist() == [5, 5, 5, 4, 4]


def test_whoever_ends_as_a_trial_is_launched_has_ended_before_it() -> None:
    """Katib's rule on two slots, with a threshold from two jobs on, at the second report.

    a and b end at 20, and c and d take their slots then: both have a and b behind them, whose
    averages are 1 and 4, mean 2.5. The best of c and d, 3, is worse. By the recorded clock c starts
    at 20 as d does, so that nothing could tell which of the two ends came first.
    """
    curves = [[1.0, 1.0], [4.0, 4.0], [3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]
    own = [[10.0 * (i + 1) for i in range(len(curve))] for curve in curves]
    study = build([list(range(1, len(c) + 1)) for c in curves], curves, elapsed=own)
    rule = esim.rule("katib-medianstop", min_reports=2, min_peers=2)
    replayed = esim.replay(study, rule, "simulated", workers=2)
    assert replayed.columns.reports_kept.tolist() == [2, 2, 2, 2]
    record = replace(study, start=np.array([0.0, 0, 20, 20]), end=np.array([20.0, 20, 50, 50]))
    told = forced_decisions(record, [rule], Clock("recorded")).told[0]
    assert told.tolist() == [NEVER, NEVER, 2, 2]


def test_a_report_that_is_told_to_stop_at_one_rung_comes_to_no_higher_one() -> None:
    """Optuna's successive halving with rungs 1, 2, 4 and the best half of them going on.

    x is best at rung 1 (0.5 of 0.5, 1) and at rung 2 the worse of two (1, 9): stopped. b reports
    once, at step 2: at rung 1 it is not the best one of three (0.5, 1, 5), so it is told to stop
    with its last report, and never comes to rung 2. c is among the best two of four at rung 1
    (0.25, 0.5, 1, 5), and at rung 2 not the best one of three (1, 3, 9). Had b's 5 counted there, c
    would have been among the best two of four, and gone on.
    """
    rule = esim.rule("optuna-sha", first_rung=1, reduction=2.0)
    steps = [[1, 2, 3], [1, 2, 3], [2], [1, 2, 3]]
    curves = [[1.0, 1.0, 1.0], [0.5, 9.0, 9.0], [5.0], [0.25, 3.0, 3.0]]
    kept = esim.replay(build(steps, curves), rule, "order").columns.reports_kept
    assert kept.tolist() == [3, 2, 1, 2]
    cut = [curve[:n] for curve, n in zip(curves, kept.tolist(), strict=True)]
    record = build([s[: len(c)] for s, c in zip(steps, cut, strict=True)], cut,
                   status=[DONE, CUT, DONE, CUT])  # fmt: skip
    assert forced_decisions(record, [rule], Clock("order")).told[0].tolist() == [NEVER, 2, 1, 2]


def test_rungs_are_there_once_a_trial_has_completed_for_one_stopped_at_that_moment() -> None:
    """Optuna's rule sets its lowest rung, 1, as a completes at 20. Ends come before reports.

    b and c report at 20 too: b comes to the rung alone; c is not the best of two (1, 2), and was
    stopped there. Its last report is not its end, so it does not come before that of a.
    """
    study = build(
        [[1, 2, 3], [1, 2], [1, 2]],
        [[1, 1, 1], [2, 2], [0, 0]],
        elapsed=[[10, 20, 30], [10, 20], [10, 20]],
        start=[0, 0, 0],
        end=[30, 20, 20],
        status=[DONE, CUT, DONE],
    )
    told = forced_decisions(study, [esim.rule("optuna-sha")], Clock("recorded")).told[0]
    assert told.tolist() == [NEVER, 2, NEVER]
