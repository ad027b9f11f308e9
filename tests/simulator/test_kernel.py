"""The compiled replay against its naive twin, decision by decision."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import esim
from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.decisions import decision_columns
from esim.simulator.plan.build import prepare
from esim.simulator.plan.plan import Plan
from esim.simulator.run import OrderRun as KernelRun
from esim.simulator.run import run_once
from esim.study import Direction, Status, Study
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
    untraced = kernel_run(plan, options, traced=False)  # thresholds are looked for only if needed
    for told in ("rows_kept", "stopped", "threshold", "peers", "decided", "at_last"):
        assert np.array_equal(getattr(untraced, told), getattr(actual, told), equal_nan=True), told
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


@pytest.mark.parametrize("trend", [0.0, -3.0, 3.0])
@pytest.mark.parametrize("seed", range(16))
def test_columns_of_many_words(seed: int, trend: float) -> None:
    """200 peers at a step that get better or worse from one to the next, as under a searcher.

    Their quantile then moves through the words of a column, ahead of its cursor and behind it.
    """
    rng = np.random.default_rng((seed, 22))
    pick, n = generate.FromSeed(rng), 200
    values = rng.normal(size=(n, 1)) / 3 + rng.normal(size=(n, 2)) / 20
    values = (values + trend * np.linspace(-0.5, 0.5, n)[:, None]).clip(-1.75, 1.75)
    values[rng.random(values.shape) < 0.03] = np.nan
    direction: Direction = ("minimize", "maximize")[seed % 2]
    if seed % 4 > 1:  # all of one sign, so that being a tie depends on their size
        values = pick.one((-1.5, 1.5)) + values / 7
    if seed >= 12:  # two of them may add up to infinity
        values = -1e308 * np.abs(values) if direction == "minimize" else 1e308 * np.abs(values)
    rule = replace(
        generate.make_rule(pick, pick.one(generate.COMBINATIONS)),
        peer=pick.one(("value", "best")), own=pick.one(("current", "best")), match="number",
        short="drop", include_self=False, warmup_share=0.0, consecutive=1, protect=0, interval=1,
        min_reports=1, warmup_steps=0, min_completed=0, quantile=pick.one((0.5, 0.625, 0.25)),
        strict=seed % 3 == 0, tolerance=(0.0, 0.09375)[seed // 2 % 2],
    )  # fmt: skip
    start = np.arange(n) * 10.0
    study = generate.build(
        [[1, 2]] * n, values.tolist(), direction=direction,
        status=[pick.one((Status.COMPLETED,) * 5 + (Status.FAILED,)) for _ in range(n)],
        elapsed=[[5.0, 15.0]] * n, start=start.tolist(), end=(start + 17.0).tolist(),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for clock in ("order", "recorded"):
            assert_agrees(study, rule, {"clock": clock})


@pytest.mark.parametrize("falls", [-1.0, 1.0])
@pytest.mark.parametrize("quantile", [0.1, 0.25, 0.5, 0.75])
def test_a_value_just_beyond_a_moving_quantile(quantile: float, falls: float) -> None:
    """Every second trial is by a hair worse than the quantile, which the others move away."""
    values = [0.0]
    while len(values) < 300:
        beyond = float(np.quantile(values, quantile, method="lower")) + 1e-6
        values += [beyond, falls * len(values)]
    study = Study.from_arrays(np.repeat(np.array(values)[:, None], 2, axis=1), "minimize")
    plan = prepare(study, esim.rule("sagemaker", quantile=quantile, method="lower"))
    kept = kernel_run(plan, {}, traced=False).rows_kept
    expected = [
        1 if i and values[i] > np.quantile(values[:i], quantile, method="lower") else 2
        for i in range(len(values))
    ]
    assert kept.tolist() == expected
    assert 1 in kept[1::2]
    assert 2 not in kept[1::2]


@settings(max_examples=150, deadline=None)
@given(generate.any_run())
def test_any_run(run: generate.Run) -> None:
    assert_agrees(run.study, run.rule, dict(run.settings))
