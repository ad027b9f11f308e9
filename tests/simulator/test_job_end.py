"""Job-level rules against their naive twin, and what must hold of any of them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esim
from esim.errors import EsimError
from esim.rules import PRESETS, JobRule
from esim.simulator.job_end import Until, play_many, play_once
from esim.simulator.plan.build import prepare
from esim.study import Study
from tests.paths import ROOT
from tests.references.generate import FromHypothesis, FromSeed, Pick, Run, make_run
from tests.references.naive_job_end import NaiveEnd, end_job
from tests.simulator.test_kernel import clock_of, costs_of

SEEDED = 300


def make_job_rule(pick: Pick, study: Study) -> JobRule:
    """Any job-level rule whose limit the study may come to."""
    kinds = ["no progress"] * 4 + ["target", "trials", "launches", "small gain"]
    if study.elapsed is not None:
        kinds += ["time", "standstill"]
    columns: dict[str, Any] = {
        "ends_by": pick.one(kinds),
        "beyond": pick.one((False, True)),
        "in_flight": pick.one(("cut", "finish")),
    }
    kind = columns["ends_by"]
    if kind in ("no progress", "trials", "launches"):
        columns["limit"] = float(pick.integer(1, max(1, study.n_trials)))
    elif kind in ("time", "standstill"):
        columns["limit"] = float(pick.one((0.5, 3.0, 10.0, 30.0, 100.0)))
    elif kind == "small gain":
        columns["limit"] = pick.one((0.1, 1.0))
        columns["window"] = pick.integer(2, 4)
    else:
        known = study.values[np.isfinite(study.values)]
        columns["limit"] = float(pick.one(list(known) or [0.0]))
        columns["value"] = pick.one(("final", "best", "report"))
    if kind in ("no progress", "standstill", "small gain", "trials"):
        columns["counts"] = pick.one(("ended", "completed", "all", "failed"))
        if kind != "trials":
            columns["counts"] = pick.one(("ended", "completed", "all"))
    if kind == "small gain" and columns["counts"] == "all":
        columns["counts"] = "ended"
    if kind in ("no progress", "standstill", "small gain"):
        columns["min_trials"] = pick.one((0, 0, 2, 3))
    if kind == "no progress" and pick.integer(0, 3) == 3:
        columns["ordered"] = "launches"
    elif kind in ("no progress", "standstill"):
        columns["gain"] = pick.one((0.0, 0.125, 0.5))
        columns["relative"] = pick.one((True, False))
        columns["at_least"] = pick.one((True, False))
        columns["compared_with"] = pick.one(("best", "last progress"))
        if kind == "no progress":
            columns["resets"] = pick.one((True, True, False))
            columns["first_counts"] = pick.one((False, False, True))
    if kind not in ("time", "launches") and columns.get("value") != "report":
        columns["idle"] = pick.integer(0, 4) == 4
    return JobRule("any", "", **columns)


def make(pick: Pick) -> tuple[Run, tuple[JobRule, ...], str]:
    """A run that job-level rules may end."""
    run = make_run(pick)
    rule = pick.one((run.rule, PRESETS["sagemaker"], PRESETS["none"]))
    if rule.against == "hindsight":  # it knows how trials go on that never start
        rule = PRESETS["sagemaker"]
    until = tuple(make_job_rule(pick, run.study) for _ in range(pick.one((1, 1, 1, 2, 3))))
    return dataclasses.replace(run, rule=rule), until, pick.one(("last", "best"))


def seeded(seed: int) -> list[FromSeed]:
    return [FromSeed(np.random.default_rng((seed, at))) for at in range(SEEDED)]


def played(run: Run, until: tuple[JobRule, ...], final: str) -> NaiveEnd:
    """What the simulator does, as the twin tells it."""
    plan = prepare(run.study, run.rule)
    order = np.array(run.settings.get("order", range(run.study.n_trials)), dtype=np.int64)
    clock, costs = clock_of(run.settings), costs_of(run.settings)
    runs = play_many(plan, clock, costs, Until(until, final), order[None], threads=1)
    end = runs.end
    assert end is not None
    by, after, at_s = int(end.by[0]), int(end.after[0]), float(end.at_s[0])
    return NaiveEnd(
        by=None if by < 0 else by,
        after=None if after < 0 else after,
        at_s=None if math.isnan(at_s) else at_s,
        started=end.started[0].tolist(),
        cut=end.cut[0].tolist(),
        stopped=runs.stopped[0].tolist(),
        kept=runs.rows_kept[0].tolist(),
    )


def assert_agrees(pick: Pick) -> bool:
    """The simulator and the twin agree; whether the job was ended."""
    run, until, final = make(pick)
    if not run.study.n_trials:
        return False
    acts = None if run.rule.name == "none" else run.rule  # the twin knows peers only
    expected = end_job(run.study, acts, until, final, run.settings)
    actual = played(run, until, final)
    assert actual == expected, (until, final, run)
    return expected.by is not None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_twin_agrees(data: st.DataObject) -> None:
    assert_agrees(FromHypothesis(data.draw))


def test_the_twin_agrees_on_seeded_runs() -> None:
    assert sum(map(assert_agrees, seeded(1))) > SEEDED // 4


# ----------------------------------------------------------------------------- golden, by hand


def in_line(finals: list[float], until: str, direction: str = "minimize", **more: Any) -> int:
    """How many trials start that end with these values one after another."""
    study = Study.from_arrays([[v] for v in finals], direction, **more)
    summary = esim.replay(study, until=until, clock="order").summary
    return summary.trials - summary.trials_not_started


def test_no_progress_one_after_another() -> None:
    # 1 % of the best so far: 9.95 > 9.9, 9.92 > 9.8505, 9.89 > 9.8208: three in a row, after four.
    slow = [10, 9.95, 9.92, 9.89, 1, 1]
    assert in_line(slow, "not-improving=3") == 4
    # Any gain is a progress: none of the first five is without, and the last one alone is.
    assert in_line(slow, "not-improving=3,gain=0") == 6
    # Held against the last progress, 10: 9.89 <= 9.9 is one, and so is 1; then one without.
    assert in_line(slow, "not-improving=3,compared_with=last progress") == 6
    assert in_line(slow, "not-improving=2,compared_with=last progress") == 3


def test_a_gain_of_exactly_the_share() -> None:
    # 99 is 1 % better than 100. As a progress it sets the count back: 1, 2 at the fourth.
    assert in_line([100, 99, 99, 99, 99], "not-improving=2") == 4
    assert in_line([100, 99, 99, 99, 99], "not-improving=2,at_least=false") == 3


def test_a_gain_as_a_share_or_an_amount() -> None:
    # Best 8: a quarter of it is 2, so 6.5 is none (1), 6 is one behind the best so far, 6.5? 4.875.
    assert in_line([8, 6.5, 6, 1, 1], "not-improving=2,gain=25%") == 3
    # An amount of 1.5: 6.5 is one (8 - 1.5), 6 none (1), 1 is one, 1 none.
    assert in_line([8, 6.5, 6, 1, 1], "not-improving=2,gain=1.5,relative=false") == 5
    # Of negative values the share is of the amount: 1 % of -100 is 1, so -101 is a progress.
    assert in_line([-100, -100.5, -101.5, -101.5, 0], "not-improving=2") == 3
    assert in_line([-100, -101, -101, -101, 0], "not-improving=2") == 4


def test_more_is_better_when_maximizing() -> None:
    assert in_line([0.8, 0.805, 0.7, 0.9, 0.9], "not-improving=2", "maximize") == 3
    assert in_line([0.8, 0.81, 0.7, 0.9, 0.9], "not-improving=2", "maximize") == 5
    assert in_line([0.8, 0.85, 0.81, 0.7], "target=0.85", "maximize") == 2
    assert in_line([0.8, 0.85, 0.81, 0.7], "target=0.86", "maximize") == 4


def test_a_total_of_trials_without_progress() -> None:
    # Without: 6 | 6, 6. In a row at most two; in all three, after the fifth.
    assert in_line([5, 6, 4, 6, 6, 1], "not-improving=3,gain=0") == 6
    assert in_line([5, 6, 4, 6, 6, 1], "not-improving=3,gain=0,resets=false") == 5


def test_which_trials_count() -> None:
    # The second failed: not counted, so that the two without progress are the third and fourth.
    status = ["completed", "failed", "completed", "completed", "completed"]
    assert in_line([1, 9, 9, 9, 9], "not-improving=2", status=status) == 4
    assert in_line([1, 9, 9, 9, 9], "not-improving=2,counts=all", status=status) == 3
    # A failed one is no progress either: 0.5 would be.
    assert in_line([1, 0.5, 9, 9, 9], "not-improving=2,counts=all", status=status) == 3
    nan = math.nan  # the second reports no value
    assert in_line([1, nan, 9, 9, 9], "not-improving=2") == 4
    assert in_line([1, nan, 9, 9, 9], "not-improving=2,counts=all") == 3


def test_rules_of_other_systems_one_after_another() -> None:
    flat = [1.0] * 40
    # Optuna: more than N completed trials behind the best, the first; at least 20 completed.
    assert in_line(flat, "optuna-stagnation=30") == 32
    assert in_line(flat, "optuna-stagnation=3") == 20
    assert in_line(flat, "optuna-stagnation=3,min_trials=0") == 5
    status = ["completed", "failed", "stopped", "completed", "completed"]
    assert in_line([1] * 5, "optuna-max-trials=2", status=status) == 4
    assert in_line([1] * 5, "katib-max-failed=0", status=status) == 2
    # Hyperopt: the first counts as one without progress, and does not end it.
    assert in_line(flat, "hyperopt-no-progress=3") == 3
    assert in_line(flat, "hyperopt-no-progress=1") == 2
    assert in_line([2, 1, 1, 1, 1], "hyperopt-no-progress=2") == 4
    assert in_line([2, 1, 0.5], "hyperopt-threshold=1") == 3
    assert in_line([2, 1, 0.5, 0], "hyperopt-threshold=1") == 3
    assert in_line(flat, "vizier-max-trials=5") == 6
    assert in_line(flat, "katib-max-trials=5") == in_line(flat, "max-jobs=5") == 5
    assert in_line(flat, "synetune-completed=5") == in_line(flat, "synetune-finished=5") == 6
    # Ax: of 4, 3, 2, 1, 1 the last three gain 2 - 1 = 1; quartiles 1 and 3, so half a range.
    values = [4.0, 3, 2, 1, 1, 1, 1]
    assert in_line(values, "ax-improvement=0.5,window=3") == 6  # then 1 - 1 = 0
    assert in_line(values, "ax-improvement=0.51,window=3") == 5


def side_by_side(**more: Any) -> Study:
    """Six trials on two slots, a report every 10 s, the last one as they end.

    A runs from 0 to 40 s and ends with 1, B 0-50 .995, C 40-80 1.2, D 50-90 .9, E 80-130 .95,
    F 90-120 .8: 25 reports. Each report is .1 worse than the one behind it.
    """
    start, finals = [0.0, 0, 40, 50, 80, 90], [1, 0.995, 1.2, 0.9, 0.95, 0.8]
    reports = [4, 5, 4, 4, 5, 3]
    return Study.from_arrays(
        [[v + 0.1 * (n - 1 - k) for k in range(n)] for v, n in zip(finals, reports, strict=True)],
        "minimize",
        elapsed=[[10.0 * (k + 1) for k in range(n)] for n in reports],
        start=start,
        end=[s + 10.0 * n for s, n in zip(start, reports, strict=True)],
        names=list("ABCDEF"),
        **more,
    )


def test_two_slots_with_jobs_in_flight_cut() -> None:
    # Ends: A 40 is the first, B 50 is no 1 % better (1), C 80 (2): the job ends at 80, after three.
    # E would start at 80, so it does not. D has run 30 s: three of its reports are made, the third
    # at that moment. 4 + 5 + 4 + 3 = 16 of 25 steps, 160 of 250 s, and 80 of 130 s in all.
    result = esim.replay(side_by_side(), until="not-improving=2", costs=esim.Costs(price=3600.0))
    s = result.summary
    assert (s.ended_by, s.ended_after, s.ended_at_s) == ("not-improving=2", 3, 80.0)
    assert (s.trials_not_started, s.trials_cut, s.trials_stopped) == (2, 1, 0)
    assert (s.steps_recorded, s.steps_run, s.seconds_run, s.makespan_s) == (25, 16, 160.0, 80.0)
    assert (s.billed_seconds_run, s.cost, s.cost_recorded) == (160.0, 160.0, 250.0)
    assert s.best is not None and (s.best.trial, s.best.value) == ("B", 0.995)
    assert s.best_recorded is not None and s.best_recorded.trial == "F"
    assert math.isclose(s.degradation or 0.0, 0.195)
    columns = result.columns
    assert columns.started.tolist() == [True, True, True, True, False, False]
    assert columns.cut.tolist() == [False, False, False, True, False, False]
    assert columns.reports_kept.tolist() == [4, 5, 4, 3, 0, 0]
    assert columns.end_s[:4].tolist() == [40.0, 50.0, 80.0, 80.0]
    assert np.isnan(columns.end_s[4:]).all() and np.isnan(columns.final_value[4:]).all()


def test_a_cut_takes_time_as_a_stop_does() -> None:
    # D trains on to 35 s and uploads 2: it makes no further report, and its job ends at 87.
    costs = esim.Costs(stop_latency_s=5.0, upload_s=2.0, startup_s=1.0)
    result = esim.replay(side_by_side(), until="not-improving=2", costs=costs)
    assert result.columns.reports_kept.tolist() == [4, 5, 4, 3, 0, 0]
    assert result.columns.seconds_run.tolist() == [40.0, 50.0, 40.0, 35.0, 0.0, 0.0]
    assert result.columns.end_s[3] == 87.0
    # 40 + 50 + 40 + 37, and a second of start-up for each of the four that started.
    assert result.summary.billed_seconds_run == 171.0
    # With 10 s it makes its last report in time: it is not cut.
    late = esim.replay(side_by_side(), until="not-improving=2", costs=esim.Costs(stop_latency_s=10))
    assert (late.summary.trials_cut, late.summary.steps_run) == (0, 17)


def test_two_slots_with_jobs_in_flight_left_to_finish() -> None:
    s = esim.replay(side_by_side(), until="not-improving=2,in_flight=finish").summary
    assert (s.trials_not_started, s.trials_cut, s.steps_run, s.makespan_s) == (2, 0, 17, 90.0)
    assert s.best is not None and (s.best.trial, s.best.value) == ("D", 0.9)


def test_limits_of_time_and_number() -> None:
    # At 85 s D has run 35 s (three reports) and E five (none).
    s = esim.replay(side_by_side(), until="max-runtime=85").summary
    assert (s.ended_after, s.ended_at_s, s.trials_not_started, s.trials_cut) == (3, 85.0, 1, 2)
    assert (s.steps_run, s.seconds_run, s.makespan_s) == (16, 170.0, 85.0)
    s = esim.replay(side_by_side(), until="vizier-runtime=85").summary
    assert (s.trials_not_started, s.trials_cut, s.steps_run) == (1, 0, 22)
    assert esim.replay(side_by_side(), until="ray-timeout=130").summary.ended_by is None
    s = esim.replay(side_by_side(), until="max-jobs=5").summary
    assert (s.ended_by, s.ended_after, s.ended_at_s) == ("max-jobs=5", None, None)
    assert (s.trials_not_started, s.steps_run, s.makespan_s) == (1, 22, 130.0)
    # Nothing better for 40 s: A 40, B 50 (any gain), D 90, F 120; as C ends at 80, 30 s have gone.
    s = esim.replay(side_by_side(), until="vizier-standstill=30").summary
    assert (s.ended_after, s.ended_at_s) == (3, 80.0)
    assert esim.replay(side_by_side(), until="vizier-standstill=40").summary.ended_by is None


def test_a_target_by_final_value_or_any_report() -> None:
    # .995 is B's last report, at 50; 1.0 is D's report at 80, A's at 40. As a final value A's.
    assert esim.replay(side_by_side(), until="target=0.995").summary.ended_at_s == 50.0
    # D reports 1.0 after 30 s: only the last digit keeps it above; 1.05 is met by A at 40.
    assert esim.replay(side_by_side(), until="target=0.9").summary.ended_at_s == 90.0
    by_report = esim.replay(side_by_side(), until="target=1.15,value=report").summary
    assert by_report.ended_at_s == 30.0  # A's third report, 1.1
    # Curves that get worse: the best report counts as the trial ends, or at once.
    study = Study.from_arrays(
        [[3.0, 1, 2], [3, 3, 3], [3, 3, 3]], "minimize", elapsed=[[1.0, 2, 3]] * 3,
        start=[0.0, 3, 6], end=[3.0, 6, 9],
    )  # fmt: skip
    assert esim.replay(study, until="katib-goal=1").summary.ended_at_s == 3.0
    assert esim.replay(study, until="target=1,value=report").summary.ended_at_s == 2.0
    assert esim.replay(study, until="target=1").summary.ended_by is None
    assert esim.replay(study, until="target=1", final="best").summary.ended_at_s == 3.0
    assert esim.replay(study, until="synetune-metric=1").summary.ended_by is None  # below 1


def test_several_rules_the_first_ends_the_job() -> None:
    until = ["max-runtime=85", "not-improving=2", "max-jobs=3"]
    s = esim.replay(side_by_side(), until=until).summary
    # Of three trials the last ends at 80: not-improving finds nothing more to leave out.
    assert (s.ended_by, s.trials_not_started, s.trials_cut) == ("max-jobs=3", 3, 0)
    s = esim.replay(side_by_side(), until=until[:2]).summary
    assert s.ended_by == "not-improving=2"


def test_readings_of_what_the_source_leaves_open() -> None:
    result = esim.replay(side_by_side(), until="not-improving=2", readings=True)
    saved = {row.code: row.summary.steps_saved_fraction for row in result.readings}
    # Literally 9 of 25. By any gain B, D and F are progresses: C and E are alone without. By an
    # amount of .01 it is as by 1 %. In all C is the second without, after B.
    nine = dict.fromkeys(("-", "Q3", "Q4", "R2", "S2", "S3"), 9 / 25)
    assert saved == pytest.approx({**nine, "Q2": 0, "T2": 8 / 25})
    assert result.ranges()["steps_saved_fraction"] == (0, 9 / 25)
    # With a rule that stops trials both have theirs, each beside the other as asked.
    both = esim.replay(side_by_side(), "sagemaker", until="max-runtime=85", readings=True)
    codes = [row.code for row in both.readings]
    assert codes[:2] == ["-", "A2"] and codes[-1] == "T2"
    assert all(row.summary.trials_not_started == 1 for row in both.readings if row.code != "J2")


def test_orders_of_launch_in_python() -> None:
    study = Study.from_arrays([[1.0, 1], [1, 1], [1, 1]], "minimize")
    kept = esim.replay_orders(study, "none", [[0, 1, 2], [2, 1, 0]], until="max-jobs=2")
    assert kept.tolist() == [[2, 2, 0], [0, 2, 2]]


def test_with_a_trial_level_rule() -> None:
    # B stops at its first report (5 > 3); C at 2 is worse than none of 4, 2.5, 2. Then B is one
    # without progress, C the second: D never starts. 3 + 1 + 3 = 7 of 12 steps.
    curves = [[3.0, 2, 1], [5, 5, 5], [2, 2, 2], [9, 9, 9]]
    study = Study.from_arrays(curves, "minimize")
    s = esim.replay(study, "sagemaker", until="not-improving=2").summary
    assert (s.trials_stopped, s.trials_not_started, s.steps_run) == (1, 1, 7)
    # Stopped ones left out, C is the first without progress and D, stopped, none.
    s = esim.replay(study, "sagemaker", until="not-improving=2,counts=completed").summary
    assert (s.ended_by, s.trials_stopped, s.steps_run) == (None, 2, 8)
    # Alone, a job-level rule lets B go on: 9 of 12.
    assert esim.replay(study, until="not-improving=2").rule.name == "none"
    assert esim.replay(study, until="not-improving=2").summary.steps_run == 9


def test_trials_that_never_start_are_no_peers_of_those_that_finish() -> None:
    # A ends at 10 with 1. B has reported 1 and reports 5 at 20, when C, of 10 to 18, has ended with
    # 1 throughout: B stops there. But A reaches the target, C never starts, and B has no peer.
    study = Study.from_arrays(
        [[1.0], [1, 5, 5, 5], [1, 1, 1, 1]],
        "minimize",
        elapsed=[[10.0], [10, 20, 30, 40], [2, 4, 6, 8]],
        start=[0.0, 0, 10],
        end=[10.0, 40, 18],
    )
    assert esim.replay(study).columns.reports_kept.tolist() == [1, 2, 4]
    ended = esim.replay(study, "sagemaker", until="target=1,in_flight=finish")
    assert ended.columns.reports_kept.tolist() == [1, 4, 0]
    assert len(ended.decisions) == 5
    cut = esim.replay(study, "sagemaker", until="target=1")
    assert cut.columns.reports_kept.tolist() == [1, 1, 0]
    assert len(cut.decisions) == 2


# --------------------------------------------------------------------------------- properties


def test_one_launch_order_as_many_and_as_a_batch() -> None:
    for pick in seeded(2)[:40]:
        run, until, final = make(pick)
        n = run.study.n_trials
        if not n:
            continue
        clock, costs = clock_of(run.settings), costs_of(run.settings)
        plan, its = prepare(run.study, run.rule), Until(until, final)
        orders = np.array([pick.shuffled(range(n)) for _ in range(4)] + [list(range(n))])
        many = play_many(plan, clock, costs, its, orders, threads=1)
        assert many.end is not None
        for at, order in enumerate(orders):
            one = play_many(plan, clock, costs, its, order[None], threads=1)
            assert one.end is not None
            for name in ("by", "at_s", "after", "started", "cut"):
                np.testing.assert_array_equal(
                    getattr(one.end, name)[0], getattr(many.end, name)[at]
                )
            np.testing.assert_array_equal(one.rows_kept[0], many.rows_kept[at])
        once = play_once(plan, clock, costs, its)
        np.testing.assert_array_equal(once.rows_kept, many.rows_kept[-1])
        np.testing.assert_array_equal(once.stopped, many.stopped[-1])
        assert once.end is not None and once.end.by[0] == many.end.by[-1]


def test_nothing_after_the_end_matters() -> None:
    """Other values and times behind the end of a job that is cut change nothing of it."""
    ended = 0
    for pick in seeded(3):
        run, until, final = make(pick)
        until = tuple(dataclasses.replace(r, in_flight="cut") for r in until)
        study, options = run.study, {**run.settings, "stop_latency_s": 0.0}
        if options["clock"] != "recorded" or run.rule.waits_for_first:
            continue
        run = Run(study, run.rule, options)
        first = played(run, until, final)
        if first.by is None or first.at_s is None:
            continue
        ended += 1
        at = float(np.nanmin(study.start)) + first.at_s
        rows = np.repeat(study.start, np.diff(study.offsets)) + study.elapsed > at
        values = np.where(rows, pick.integer(-9, 9) / 8, study.values)
        elapsed = np.where(rows, study.elapsed + 1.0, study.elapsed)
        later = study.end > at
        end = np.where(later, study.end + 5.0, study.end)
        start = np.where(study.start > at, study.start + 3.0, study.start)
        changed = dataclasses.replace(study, values=values, elapsed=elapsed, end=end, start=start)
        assert played(Run(changed, run.rule, options), until, final) == first
    assert ended > 5


def test_names_do_not_matter_and_what_never_ends_changes_nothing() -> None:
    for pick in seeded(4)[:60]:
        run, until, _ = make(pick)
        study = run.study
        if not study.n_trials:
            continue
        clock, costs = clock_of(run.settings), costs_of(run.settings)
        asked = {"clock": clock.mode, "workers": clock.workers, "costs": costs}
        renamed = dataclasses.replace(study, trials=tuple(f"x{t}" for t in study.trials))
        one, other = (
            esim.replay(each, run.rule, until=until, **asked) for each in (study, renamed)
        )
        np.testing.assert_array_equal(one.columns.reports_kept, other.columns.reports_kept)
        assert one.summary.ended_at_s == other.summary.ended_at_s
        never = esim.replay(study, run.rule, until=f"max-jobs={study.n_trials}", **asked)
        assert never.summary == esim.replay(study, run.rule, **asked).summary


def test_a_rule_of_seconds_needs_times() -> None:
    study = Study.from_arrays([[1.0], [2.0]], "minimize")
    with pytest.raises(EsimError, match="cannot be ended by max-runtime=60") as caught:
        esim.replay(study, until="max-runtime=60")
    assert caught.value.why == "it counts seconds, and the reports have no times"


def test_without_trials_nothing_ends() -> None:
    study = Study.from_arrays(np.empty((0, 3)), "minimize")
    assert esim.replay(study, until=["not-improving=3", "max-jobs=2"]).summary.ended_by is None


@pytest.mark.parametrize("rule", ["none", "sagemaker"])
def test_the_shipped_studies(rule: str) -> None:
    """No improvement in ten jobs: 78 % of the seconds on the one, 85 % on the other."""
    saved = {}
    for name in ("xgboost_digits", "mlp_digits"):
        study = esim.read_study(ROOT / "data" / name / "sagemaker")
        s = esim.replay(study, rule, until="not-improving=10").summary
        saved[name] = round(s.seconds_saved_fraction or 0.0, 3)
    alone = {"xgboost_digits": 0.780, "mlp_digits": 0.850}
    assert saved == (alone if rule == "none" else {"xgboost_digits": 0.941, "mlp_digits": 0.927})
