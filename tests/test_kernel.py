"""The compiled replay against its naive twin, decision by decision."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings

from esim.clocks import Clock
from esim.costs import Costs
from esim.prepare import Prepared, prepare
from esim.replay import Run as KernelRun
from esim.replay import decision_columns, run_once
from tests import generate, golden, naive
from tests.golden import Case

import numpy as np


def kernel_run(prepared: Prepared, options: dict[str, Any], *, traced: bool = True) -> KernelRun:
    """The kernel under a run's settings, which are named after the twin's arguments."""
    clock = Clock(options.get("clock", "order"), options.get("workers", 1))
    costs = Costs(
        startup_s=options.get("startup_s", 0.0),
        stop_latency_s=options.get("stop_latency_s", 0.0),
        upload_s=options.get("upload_s"),
    )
    order = options.get("order")
    return run_once(
        prepared,
        clock,
        costs,
        acting=options.get("acting", True),
        order=None if order is None else np.array(order, dtype=np.int64),
        traced=traced,
    )


def assert_agrees(study: Any, rule: Any, options: dict[str, Any], **how: Any) -> None:
    expected = naive.replay(study, rule, **options)
    prepared = prepare(study, rule, **how)
    actual = kernel_run(prepared, options)
    assert actual.rows_kept.tolist() == expected.kept
    assert actual.stopped.tolist() == expected.stopped
    expected_stops = [
        (np.nan, np.nan) if p is None else (t, p)
        for t, p in zip(expected.stop_threshold, expected.stop_peers, strict=True)
    ]
    np.testing.assert_allclose(
        np.stack([actual.threshold, actual.peers], axis=1),
        np.array(expected_stops, dtype=float).reshape(-1, 2),
        rtol=1e-12,
    )
    if options.get("clock", "order") != "order":
        same_times(study, actual.began, expected.start)
        same_times(study, actual.ended, expected.end)
    assert_same_decisions(prepared, actual, expected)


def same_times(study: Any, actual: Any, expected: list[float]) -> None:
    """Times agree; those of a trial without a row touch nothing in the recorded clock."""
    for i, (a, e) in enumerate(zip(actual.tolist(), expected, strict=True)):
        rowless = study.offsets[i] == study.offsets[i + 1]
        if rowless and math.isnan(study.start[i] + study.end[i]):
            continue
        assert a == pytest.approx(e) or (math.isnan(e) and not math.isfinite(a))


def assert_same_decisions(prepared: Prepared, actual: KernelRun, expected: Any) -> None:
    columns = decision_columns(prepared, actual, slice(None))
    names = prepared.study.trials
    judged = {
        (names[d.trial], d.step): d
        for d in expected.decisions
        if d.own is not None and d.threshold is not None
    }
    seen = 0
    for trial, step, own, threshold, peers, stop in zip(
        *(columns[c] for c in ("trial", "step", "own", "threshold", "peers", "stop")), strict=True
    ):
        decision = judged.get((trial, int(step)))
        if decision is None:
            assert math.isnan(threshold) and not stop
            continue
        seen += 1
        assert own == pytest.approx(decision.own, rel=1e-12)
        assert threshold == pytest.approx(decision.threshold, rel=1e-12, nan_ok=True)
        assert peers == decision.peers
        assert bool(stop) == decision.stop
    assert seen == len(judged)


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
