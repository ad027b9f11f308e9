"""The compiled replay against its naive twin, decision by decision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.decisions import decision_columns
from esim.simulator.plan.build import prepare
from esim.simulator.plan.plan import Plan
from esim.simulator.run import OrderRun as KernelRun
from esim.simulator.run import run_once
from esim.study import Status, Study
from tests.references import generate, golden, naive
from tests.references.golden import Case

DECISION = ("trial", "step", "own", "threshold", "peers", "stop")


def costs_of(options: dict[str, Any]) -> Costs:
    """The costs among a run's settings, which are named after the twin's arguments."""
    return Costs(
        startup_s=options.get("startup_s", 0.0),
        stop_latency_s=options.get("stop_latency_s", 0.0),
        upload_s=options.get("upload_s"),
        slot_gap_s=options.get("slot_gap_s"),
    )


def clock_of(options: dict[str, Any]) -> Clock:
    """The clock among a run's settings."""
    return Clock(options.get("clock", "order"), options.get("workers", 1))


def kernel_run(plan: Plan, options: dict[str, Any], *, traced: bool = True) -> KernelRun:
    """The kernel under a run's settings."""
    order = options.get("order")
    return run_once(
        plan,
        clock_of(options),
        costs_of(options),
        acting=options.get("acting", True),
        order=None if order is None else np.array(order, dtype=np.int64),
        traced=traced,
    )


def assert_agrees(study: Study, rule: Rule, options: dict[str, Any]) -> None:
    assert_same(prepare(study, rule), options, naive.replay(study, rule, **options))


def assert_same(plan: Plan, options: dict[str, Any], expected: naive.NaiveReplay) -> None:
    """The kernel does what the twin did: rows, stops, times, and every decision on the way."""
    actual = kernel_run(plan, options)
    assert actual.rows_kept.tolist() == expected.kept
    assert actual.stopped.tolist() == expected.stopped
    trained = [math.nan] * len(expected.kept) if actual.trained is None else actual.trained.tolist()
    if options.get("stop_latency_s", 0.0):
        assert trained == pytest.approx(
            [math.nan if t is None else t for t in expected.trained], nan_ok=True
        )
    for trial, peers in enumerate(expected.stop_peers):
        at_stop = float(actual.threshold[trial]), float(actual.peers[trial])
        if peers is None:
            assert np.isnan(at_stop).all()
        else:
            assert same(at_stop[0], expected.stop_threshold[trial])
            assert at_stop[1] == peers
    if options.get("clock", "order") != "order":
        assert_same_times(plan.study, actual.began.tolist(), expected.start)
        assert_same_times(plan.study, actual.ended.tolist(), expected.end)
    assert_same_decisions(plan, actual, expected)
    assert set(np.flatnonzero(actual.at_last)) == told_at_last(plan.study, expected)


def told_at_last(study: Study, expected: naive.NaiveReplay) -> set[int]:
    """The trials whose first verdict to stop is one on their last report; none that runs on."""
    found = {}
    for decision in expected.decisions:
        if decision.stop:
            found.setdefault(
                decision.trial, decision.report == study.offsets[decision.trial + 1] - 1
            )
    running = set(np.flatnonzero(study.status == Status.RUNNING))
    return {trial for trial, last in found.items() if last} - running


def same(actual: float, expected: float | None) -> bool:
    """Equal up to the order of a mean's additions; None and NaN are the same nothing."""
    if expected is None or math.isnan(expected):
        return math.isnan(actual)
    return actual == expected or math.isclose(actual, expected, rel_tol=1e-12)


def assert_same_times(study: Study, actual: list[float], expected: list[float]) -> None:
    """Times agree; those of a trial without a row touch nothing in the recorded clock."""
    for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
        rowless = study.offsets[i] == study.offsets[i + 1]
        if rowless and math.isnan(study.start[i] + study.end[i]):
            continue
        assert same(a, e) or (math.isnan(e) and not math.isfinite(a))


def judged_until_told(expected: naive.NaiveReplay) -> dict[tuple[int, int], naive.Decision]:
    """(trial, step) -> decision, up to each trial's first verdict to stop.

    With a delay a trial makes reports behind that verdict. Nothing is decided there.
    """
    found: dict[tuple[int, int], naive.Decision] = {}
    told: set[int] = set()
    for decision in expected.decisions:
        if decision.trial not in told:
            found[decision.trial, decision.step] = decision
        if decision.stop:
            told.add(decision.trial)
    return found


def assert_same_decisions(plan: Plan, actual: KernelRun, expected: naive.NaiveReplay) -> None:
    columns = decision_columns(plan, actual, slice(None))
    judged = judged_until_told(expected)
    index = {name: i for i, name in enumerate(plan.study.trials)}
    rows = zip(*(list(columns[c]) for c in DECISION), strict=True)
    for name, step, own, threshold, peers, stop in rows:
        decision = judged.pop((index[name], int(step)))
        assert same(own, decision.own)
        assert same(threshold, decision.threshold)
        assert peers == decision.peers
        assert stop == decision.stop
    assert judged == {}


@pytest.mark.parametrize("case", golden.CASES, ids=str)
def test_golden(case: Case) -> None:
    options = dict(case.settings)
    actual = kernel_run(prepare(case.study, case.rule), options, traced=False)
    assert tuple(actual.rows_kept) == case.kept
    for trial, (threshold, peers) in case.told.items():
        assert actual.threshold[trial] == pytest.approx(threshold)
        assert actual.peers[trial] == peers
    assert_agrees(case.study, case.rule, options)


@pytest.mark.parametrize("seed", range(8))
def test_generated_runs(seed: int) -> None:
    for run in generate.runs(seed, 60):
        assert_agrees(run.study, run.rule, dict(run.settings))


@settings(max_examples=150, deadline=None)
@given(generate.any_run())
def test_any_run(run: generate.Run) -> None:
    assert_agrees(run.study, run.rule, dict(run.settings))
