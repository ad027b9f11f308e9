"""Many launch orders at once: the same bytes whatever the number of threads."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numba import config

import esim
from esim import EsimError, replay, replay_orders
from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.plan.build import prepare as prepared_for
from esim.simulator.run import run_many, run_once
from esim.study import Study
from tests.references import generate, naive
from tests.references.golden import curves, of
from tests.simulator.test_kernel import kernel_run

RUNS = 10 if config.DISABLE_JIT else 40
ORDERS = 7 if config.DISABLE_JIT else 23  # not a multiple of the threads


def orders_of(study: Study, n: int, seed: int = 0) -> np.ndarray:
    """int64 [n, n_trials]: launch orders, the study's own first."""
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(study.n_trials) for _ in range(n - 1)]
    return np.array([np.arange(study.n_trials), *rows], dtype=np.int64)


def walks(n_trials: int = 60, n_steps: int = 20, seed: int = 1) -> Study:
    """Falling noisy curves of multiples of 1/8, with ties; a few cells without a value."""
    rng = np.random.default_rng(seed)
    falls = np.cumsum(rng.integers(-3, 2, (n_trials, n_steps)), axis=1)
    values = (rng.integers(40, 80, n_trials)[:, None] + falls) / 8
    values[rng.random(values.shape) < 0.02] = np.nan
    return Study.from_arrays(values, "minimize")


WALKS = walks()


@pytest.mark.parametrize("columns", [{}, {"short": "carry"}, {"own": "best", "delay": 1}])
def test_threads_change_no_byte(columns: dict[str, Any]) -> None:
    orders = orders_of(WALKS, ORDERS)
    rule = of(**columns)
    expected = replay_orders(WALKS, rule, orders, threads=1)
    assert (expected.dtype, expected.shape) == (np.int32, (ORDERS, 60))
    assert len({row.tobytes() for row in expected}) > ORDERS // 2  # the order does matter
    for threads in (2, 4, 32, None):
        actual = replay_orders(WALKS, rule, orders, threads=threads)
        assert actual.tobytes() == expected.tobytes()


def test_ranking_in_threads_changes_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    # Small studies are ranked in one thread; let them all be large.
    from esim.simulator.plan import ranking

    monkeypatch.setattr(ranking, "_SMALL", 0)
    rule = of(peer="value")  # no statistic is NaN
    expected, *others = (prepared_for(WALKS, rule, threads=n) for n in (1, 2, 4))
    for actual in others:
        assert actual.arrays.rule == expected.arrays.rule
        for name, array in expected.arrays._asdict().items():
            assert np.array_equal(getattr(actual.arrays, name), array), name
        for name in ("statistic", "rank", "end_rank", "curve"):
            array, found = getattr(expected, name), getattr(actual, name)
            assert found is None if array is None else np.array_equal(found, array), name


def test_each_order_is_a_replay_of_its_own() -> None:
    acted = 0
    for at, run in enumerate(generate.runs(seed=51, n=RUNS)):
        orders = orders_of(run.study, 4, seed=at)
        actual = replay_orders(run.study, run.rule, orders, threads=2)
        plan = prepared_for(run.study, run.rule)
        for order, kept in zip(orders, actual, strict=True):
            options = {"order": order.tolist()}
            assert kept.tolist() == kernel_run(plan, options).rows_kept.tolist()
            expected = naive.replay(run.study, run.rule, order=order.tolist())
            assert kept.tolist() == expected.kept
            acted += sum(expected.stopped)
    assert acted > RUNS


def test_each_order_of_a_larger_study_agrees_with_the_twin() -> None:
    orders = orders_of(WALKS, 3)
    for order, kept in zip(orders, replay_orders(WALKS, of(), orders), strict=True):
        assert kept.tolist() == naive.replay(WALKS, of(), order=order.tolist()).kept


def test_replay_is_deterministic() -> None:
    for run in generate.runs(seed=52, n=RUNS):
        clock = run.settings["clock"]
        workers = run.settings.get("workers", 1)
        first, again = (replay(run.study, run.rule, clock, workers) for _ in range(2))
        assert first.to_json() == again.to_json()
        assert first.decisions.equals(again.decisions)


def test_the_study_is_left_alone() -> None:
    before = {
        field.name: value.copy()
        for field in dataclasses.fields(WALKS)
        if isinstance(value := getattr(WALKS, field.name), np.ndarray)
    }
    replay(WALKS, readings=True)
    replay_orders(WALKS, Rule(name="carry", short="carry"), orders_of(WALKS, 2))
    for name, array in before.items():
        assert getattr(WALKS, name).tobytes() == array.tobytes()


BAD_ORDERS: dict[str, tuple[Any, str]] = {
    "one dimension": ([0, 1, 2], r"orders must be \[n_orders, 3\]"),
    "too few trials": ([[0, 1]], r"\[n_orders, 3\]"),
    "too many trials": ([[0, 1, 2, 3]], r"\[n_orders, 3\]"),
    "a trial twice": ([[0, 1, 2], [0, 1, 1]], r"orders\[1\] is not a permutation of 0..2"),
    "beyond the trials": ([[1, 2, 3]], r"orders\[0\]"),
    "negative": ([[-1, 0, 1]], r"orders\[0\]"),
}


@pytest.mark.parametrize("bad", BAD_ORDERS)
def test_bad_orders_are_refused(bad: str) -> None:
    orders, message = BAD_ORDERS[bad]
    with pytest.raises(EsimError, match=message):
        replay_orders(curves([1], [2], [3]), "sagemaker", orders)


def test_no_orders_and_no_trials() -> None:
    none = np.empty((0, 3), dtype=np.int64)
    assert replay_orders(curves([1], [2], [3]), "sagemaker", none).shape == (0, 3)
    assert replay_orders(curves(), "sagemaker", np.empty((2, 0), dtype=np.int64)).shape == (2, 0)


def test_orders_of_fractions_and_no_threads_are_refused() -> None:
    with pytest.raises(EsimError, match="whole numbers"):
        replay_orders(WALKS, of(), np.zeros((1, WALKS.n_trials)) + 0.5)
    with pytest.raises(EsimError, match="threads cannot be -1"):
        replay_orders(WALKS, of(), np.arange(WALKS.n_trials)[None], threads=-1)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_reports_judged_together_are_judged_as_one_by_one(workers: int) -> None:
    """In a single launch order each report is an event of its own; equal times are many."""
    rng = np.random.default_rng(workers)
    together = 0
    for seed in range(RUNS * 2):
        n, most = rng.integers(2, 12), rng.integers(1, 7)
        curves = [rng.integers(0, 6, rng.integers(0, most + 1)).astype(float) for _ in range(n)]
        elapsed = [np.sort(rng.integers(0, 9, len(curve))).astype(float) for curve in curves]
        start = np.zeros(n)
        last = np.array([max(its, default=0.0) for its in elapsed])
        apart = rng.uniform() < 0.7  # no trial ends with its last report: all are judged together
        end = last + rng.integers(1 if apart else 0, 3, n)
        end[rng.uniform(size=n) < (0.0 if apart else 0.5)] = np.nan
        status = rng.choice(
            ["completed", "failed", "stopped", "running"], n, p=[0.6, 0.1, 0.2, 0.1]
        )
        end[(status == "running") & (not apart)] = np.nan
        study = esim.Study.from_arrays(
            curves, "minimize", elapsed, start, end, status=status.tolist()
        )
        name = str(rng.choice(["sagemaker", "optuna-median", "nni-medianstop", "optuna-threshold"]))
        rule = esim.rule(name, delay=int(rng.choice([0, 0, 0, 1])))
        if name == "optuna-threshold":
            rule = rule.with_columns(upper=3.0)
        else:
            rule = rule.with_columns(
                peer_from=str(rng.choice(["end", "stop"])),
                min_reports=1, min_peers=1, min_completed=0, warmup_steps=0,
            )  # fmt: skip
        costs = Costs(
            startup_s=float(rng.integers(0, 2)),
            stop_latency_s=float(rng.choice([0.0, 0.0, 0.0, 1.0])),
            upload_s=None if rng.uniform() < 0.5 else float(rng.integers(0, 2)),
            slot_gap_s=float(rng.integers(0, 2)),
        )
        plan, clock = prepared_for(study, rule), Clock("simulated", workers)
        orders = np.array([rng.permutation(n) for _ in range(4)])
        found = run_many(plan, clock, costs, orders, threads=1)
        for o, order in enumerate(orders):
            expected = run_once(plan, clock, costs, order=order)
            for name, array in (
                ("rows_kept", found.rows_kept),
                ("stopped", found.stopped),
                ("began", found.spans[..., 0]),
                ("ended", found.spans[..., 1]),
            ):
                np.testing.assert_array_equal(array[o], getattr(expected, name), f"{name}, {seed}")
        together += apart and found.stopped.any()
    assert together > RUNS // 4
