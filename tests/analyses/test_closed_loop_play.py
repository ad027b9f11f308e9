"""A closed loop trial by trial: by hand, against a naive twin, and against the recorded replay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import esim
from esim.analyses.closed_loop.loop import Played, Terms, Told, play, told_values
from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.plan.build import prepare
from esim.simulator.run import OrderRun, run_once
from esim.study import Study
from tests.analyses.closed_loop_tables import (
    Following,
    Table,
    by_what_was_told,
    in_recorded_order,
)
from tests.references.curves import curves
from tests.references.naive_closed_loop import Search, closed_loop
from tests.references.twins import TWINS


def terms(workers: int, gap: float = 0.0, told: Told = "last", **costs: float) -> Terms:
    return Terms(workers, Costs(slot_gap_s=gap, **costs), told=told)


def played(study: Study, rule: str | Rule, its: Terms, searcher: Following, trials: int) -> Played:
    def more(n: int, now: float, run: OrderRun | None, so_far: Study | None) -> bool:
        return n < trials

    row = esim.rule(rule) if isinstance(rule, str) else rule
    return play(Table(study), searcher, row, its, study, more)


# Two slots, three trials, a report a second, to minimize:
#   A 3 2 1   B 5 5 5   C 4 4 4
# A and B run from 0 to 3; no job has ended before, so nothing is stopped. At 3 both end, A first,
# because it was launched first: its slot is refilled at once, so C is asked for when the search
# knows A's 1 and not yet B's 5. C reports 4 at second 4: the running averages at step 1 are 3 and
# 5, their median 4, and 4 is not worse. At second 5: averages 2.5 and 5, median 3.75, and 4 is
# worse, so C stops, after 2 of 3 reports. Its last value, 4, was never needed for another trial.
BY_HAND = [[3.0, 2.0, 1.0], [5.0, 5.0, 5.0], [4.0, 4.0, 4.0]]


def test_two_workers_and_three_trials_by_hand() -> None:
    study = esim.Study.from_arrays(BY_HAND, "minimize", elapsed=[[1.0, 2.0, 3.0]] * 3)
    searcher = Following(in_recorded_order)
    found = played(study, "sagemaker", terms(2), searcher, 3)
    # A fourth would be asked for at 3 too, when B frees its slot: the search is told of B first.
    assert searcher.seen == [
        ("ask", 0, 0.0), ("ask", 1, 1.0), ("tell", 0, 1.0), ("ask", 2, 2.0), ("tell", 1, 5.0),
    ]  # fmt: skip
    assert found.run.began.tolist() == [0.0, 0.0, 3.0]
    assert found.run.ended.tolist() == [3.0, 3.0, 5.0]
    assert found.run.rows_kept.tolist() == [3, 3, 2]
    assert found.run.stopped.tolist() == [False, False, True]


def test_a_slot_is_refilled_after_its_gap() -> None:
    study = esim.Study.from_arrays(BY_HAND, "minimize", elapsed=[[1.0, 2.0, 3.0]] * 3)
    searcher = Following(in_recorded_order)
    found = played(study, "none", terms(2, gap=10.0), searcher, 3)
    assert found.run.began.tolist() == [0.0, 0.0, 13.0]  # 3 + 10; by then both have ended
    assert searcher.seen[2:5] == [("tell", 0, 1.0), ("tell", 1, 5.0), ("ask", 2, 2.0)]


@pytest.mark.parametrize(
    ("told", "value"), [("last", 4.0), ("best", 1.0), ("nothing", float("nan"))]
)
def test_what_the_search_is_told_of_a_stopped_trial(told: Told, value: float) -> None:
    # C reports 1 and then 4, and stops there; of A and B, which end, the last value is told.
    study = esim.Study.from_arrays(
        [[3.0, 2.0, 1.0], [5.0, 5.0, 5.0], [1.0, 4.0, 4.0]], "minimize", [[1.0, 2.0, 3.0]] * 3
    )
    its = terms(2, told=told)
    found = played(study, "sagemaker", its, Following(in_recorded_order), 3)
    assert found.run.rows_kept.tolist() == [3, 3, 2]
    values = told_values(found.study, found.run, its)
    np.testing.assert_equal(values, [1.0, 5.0, value])


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("rule", ["none", "sagemaker", "optuna-median", "ray-asha"])
def test_in_the_recorded_order_it_is_the_replay(rule: str, workers: int) -> None:
    study = curves("missing", "maximize", 25, 12, 3, times=True)
    found = played(study, rule, terms(workers), Following(in_recorded_order), study.n_trials)
    row, clock = esim.rule(rule), Clock("simulated", workers)
    expected = run_once(prepare(study, row), clock, Costs(slot_gap_s=0.0))
    for name in ("rows_kept", "stopped", "began", "ended", "threshold", "peers"):
        np.testing.assert_array_equal(getattr(found.run, name), getattr(expected, name), name)
    assert found.study.values.tobytes() == study.values.tobytes()


def assert_as_naive(
    rule: str, workers: int, gap: float, study: Study, trials: int, choose_rows: int
) -> int:
    choose = by_what_was_told(choose_rows)
    searcher = Following(choose)
    found = played(study, rule, terms(workers, gap), searcher, trials)

    def rows(at: int) -> list[tuple[int, float, float]]:
        part = slice(study.offsets[at], study.offsets[at + 1])
        assert study.elapsed is not None
        return list(
            zip(
                study.steps[part].tolist(),
                study.elapsed[part].tolist(),
                study.values[part].tolist(),
                strict=True,
            )
        )

    sign = study.sign

    def propose(search: Search) -> list[tuple[int, float, float]]:
        seen = [(what, t, sign * x if what == "tell" else x) for what, t, x in search.seen]
        return rows(choose(seen))

    expected, search = closed_loop(propose, TWINS[rule](study.direction), workers, trials, gap)
    assert found.run.began.tolist() == [trial.began for trial in expected]
    assert found.run.ended.tolist() == [trial.ended for trial in expected]
    assert found.run.rows_kept.tolist() == [trial.made for trial in expected]
    assert found.run.stopped.tolist() == [trial.stopped for trial in expected]
    last_ask = max(i for i, one in enumerate(search.seen) if one[0] == "ask")
    told = [(t, sign * x) for what, t, x in search.seen[:last_ask] if what == "tell"]
    assert [(t, x) for what, t, x in searcher.seen if what == "tell"][: len(told)] == told
    return sum(trial.stopped for trial in expected)


@pytest.mark.parametrize("rule", ["sagemaker", "optuna-median", "ray-asha", "vizier-median"])
def test_the_naive_twin_plays_the_same_jobs(rule: str) -> None:
    stops = 0
    for workers, gap, seed in ((1, 0.0, 0), (3, 0.0, 1), (4, 7.5, 2)):
        study = curves("plain", "minimize", 15, 10, seed, times=True)
        stops += assert_as_naive(rule, workers, gap, study, 15, 15)
    assert stops > 5


@settings(max_examples=25, deadline=None)
@example(seed=1, workers=2, same_pace=True)  # a slot frees as a report stops another trial
@given(seed=st.integers(0, 10_000), workers=st.integers(1, 4), same_pace=st.booleans())
def test_the_naive_twin_where_trials_end_at_one_moment(
    seed: int, workers: int, same_pace: bool
) -> None:
    study = curves("tied", "maximize", 8, 5, seed, times=True)
    if same_pace:
        study = dataclasses.replace(study, elapsed=study.steps.astype(np.float64))
    assert_as_naive("sagemaker", workers, float(seed % 2), study, 10, 8)


def test_latency_and_upload_are_the_simulators() -> None:
    study = esim.Study.from_arrays(BY_HAND, "minimize", elapsed=[[10.0, 20.0, 60.0]] * 3)
    its = terms(2, stop_latency_s=5.0, upload_s=2.0)
    found = played(study, "sagemaker", its, Following(in_recorded_order), 3)
    # Told to stop at 60 + 20, it trains for 5 seconds more and uploads for 2.
    assert found.run.ended.tolist() == [60.0, 60.0, 87.0]
