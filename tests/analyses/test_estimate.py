"""The forecast of the next job: samples against plain twins, its arithmetic, its limits."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import esim
from esim.analyses.estimate.advice import advise
from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.backtest import backtest
from esim.analyses.estimate.budget import same_cost
from esim.analyses.estimate.doubts import needed
from esim.analyses.estimate.forecast import clock_of, forecast, settle
from esim.analyses.estimate.full_estimate import Wanted, full_estimate
from esim.analyses.estimate.past_study import PastStudies, PastStudy
from esim.analyses.estimate.prediction_variance import (
    FLOOR,
    deviations,
    kept_beyond,
    student,
    variance_parts,
)
from esim.analyses.estimate.samples import Samples, draw, play, reorder
from esim.analyses.estimate.winners import chances_of_rank, none_unseen, replay_winners
from esim.analyses.workers.by_study import going_through
from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.results.backtest import Backtest, BacktestRow
from esim.results.estimate import Chances
from esim.results.forecast import Estimate, Quantity
from esim.rules import rule
from esim.simulator.accounting import SPENT
from esim.simulator.job_end import Until
from esim.simulator.plan.build import prepare
from esim.study import Note, Study
from esim.study.facts import facts
from esim.study.times import side_by_side
from esim.study.trend import TREND_P, launch_trend


def settled(
    studies: Study | Sequence[Study], trials: int | None, workers: int | None, replicates: int
) -> tuple[tuple[Study, ...], Ask]:
    past = (studies,) if isinstance(studies, Study) else tuple(studies)
    known = [facts(study) for study in past]
    return past, settle(known, rule("sagemaker"), trials, workers, replicates)


def surveyed(past: Sequence[Study], ask: Ask, wanted: Wanted) -> Estimate:
    with going_through(past) as studies:
        return full_estimate(studies, list(map(facts, past)), ask, 0, 0.9, wanted)


def test_progress_is_told_of_each_part_up_to_its_end() -> None:
    past, ask = settled(a_study(20), 10, 2, 100)
    told: dict[str, list[tuple[int, int | None]]] = {}
    wanted = Wanted(backtest=True)
    with going_through(past, engine="threads", jobs=1) as studies:
        full_estimate(
            studies, list(map(facts, past)), ask, 0, 0.9, wanted,
            lambda part, done, of: told.setdefault(part, []).append((done, of)),
        )  # fmt: skip
    assert list(told) == ["forecasting", "backtest"]
    for steps in told.values():
        of = steps[0][1]
        assert of is not None and steps == [(done, of) for done in range(of + 1)]
    assert told["backtest"][-1] == (100, 100)


SEED = np.random.SeedSequence(7)


def curves(trials: int, steps: int = 12, seed: int = 0) -> NDArray[np.float64]:
    """Made-up falling curves that cross."""
    rng = np.random.default_rng(seed)
    step = np.arange(1, steps + 1)
    floor, power = rng.uniform(0, 1, (trials, 1)), rng.uniform(0.2, 1.5, (trials, 1))
    return floor + step**-power + 0.05 * rng.standard_normal((trials, steps))


def a_study(trials: int = 40, seed: int = 0, **more: Any) -> Study:
    values = curves(trials, seed=seed)
    rng = np.random.default_rng(seed + 1)
    elapsed = np.cumsum(rng.uniform(1, 5, values.shape), axis=1)
    return Study.from_arrays(values, "minimize", elapsed=elapsed, **more)


def literal_twin(values: NDArray[np.float64]) -> list[int]:
    """Reports kept by the documentation's rule, one trial after another, minimizing."""
    kept: list[int] = []
    for i, own in enumerate(values):
        stop = len(own)
        for e in range(len(own) - 1):
            averages = [sum(values[j][: e + 1]) / (e + 1) for j in range(i) if kept[j] >= e + 1]
            if averages and own[e] > median(averages):
                stop = e + 1
                break
        kept.append(stop)
    return kept


def played(study: Study, orders: NDArray[np.int64], clock: Clock, costs: Costs) -> Samples:
    plan = prepare(study, rule("sagemaker"))
    return play(plan, clock, costs, Until(), [orders], by_position=[True])[0]


def test_samples_of_trials_are_what_a_plain_replay_of_them_gives() -> None:
    values = curves(20)
    orders = draw(SEED, np.arange(20), 9, 25, "shuffled")
    samples = played(Study.from_arrays(values, "minimize"), orders, Clock("order"), Costs())
    actual = samples.outcomes
    for i, order in enumerate(orders):
        mine = values[order]
        kept = literal_twin(mine)
        assert actual.steps_run[i] == sum(kept)
        assert actual.steps_recorded[i] == 9 * 12
        finals = [row[k - 1] for row, k in zip(mine, kept, strict=True)]
        last = [row[-1] for row in mine]
        assert actual.degradation[i] == min(finals) - min(last)
        assert actual.degradation_normalized[i] == pytest.approx(
            (min(finals) - min(last)) / (median(last) - min(last))
        )
        assert actual.best_rank[i] == 1 + sum(x < min(finals) for x in last)
        assert actual.best_kept[i] == (kept[int(np.argmin(last))] == 12)
        assert actual.trials_stopped_fraction[i] == sum(k < 12 for k in kept) / 9
        assert actual.best_recorded.value[i] == min(last)
        assert actual.best.value[i] == min(finals)
    assert samples.run_at["steps"].sum() == pytest.approx(actual.steps_run.mean())


def some(study: Study, order: NDArray[np.int64]) -> Study:
    cuts = [slice(study.offsets[i], study.offsets[i + 1]) for i in order]
    assert study.elapsed is not None
    return Study.from_arrays(
        [study.values[cut] for cut in cuts],
        "minimize",
        elapsed=[study.elapsed[cut] for cut in cuts],
        start=study.start[order],
        end=study.end[order],
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_samples_agree_with_a_replay_of_the_same_job(workers: int) -> None:
    plain = a_study(15)
    assert plain.elapsed is not None
    start = np.arange(15) * 3.25
    end = start + plain.elapsed[plain.offsets[1:] - 1] + 2.5
    study = dataclasses.replace(plain, start=start, end=end)
    # The gap is given, because the record of some trials shows another one than that of all.
    costs = Costs(price=36.0, startup_s=1.5, stop_latency_s=0.75, slot_gap_s=1.25)
    clock = Clock("simulated", workers) if workers > 1 else Clock("order")
    orders = draw(SEED, np.arange(15), 8, 12, "shuffled")
    actual = played(study, orders, clock, costs).outcomes
    for i, order in enumerate(orders):
        expected = esim.replay(some(study, order), "sagemaker", clock.mode, workers, costs=costs)
        s = expected.summary
        for name in (key for keys in SPENT.values() for key in keys):
            assert getattr(actual, name)[i] == pytest.approx(getattr(s, name)), name
        assert actual.degradation[i] == s.degradation
        assert actual.best_rank[i] == s.best_rank


def test_samples_hold_no_trial_twice_and_more_of_them_leave_the_first_alone() -> None:
    trials = np.array([2, 3, 5, 8, 9, 11])
    few, many = (draw(SEED, trials, 4, n, "shuffled") for n in (5, 50))
    assert np.array_equal(many[:5], few)
    assert all(len(set(row)) == 4 and set(row) <= set(trials) for row in many.tolist())
    assert (np.diff(draw(SEED, trials, 4, 50, "recorded"), axis=1) > 0).all()
    again = reorder(SEED, few, 3, "shuffled")
    assert np.array_equal(np.sort(again, axis=1), np.sort(np.repeat(few, 3, axis=0), axis=1))


@pytest.mark.parametrize("workers", [1, 4])
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(workers: int) -> None:
    documents = {
        esim.estimate(a_study(), workers=workers, replicates=100, jobs=threads).to_json()
        for threads in (1, 2, 4, None)
    }
    assert len(documents) == 1
    other = esim.estimate(a_study(), workers=workers, replicates=100, seed=1).to_json()
    assert other not in documents


def test_variance_of_a_mean_is_that_of_both_samples() -> None:
    """A mean of m of n values, no matter in which order: (1 / m + 1 / n) s2, and no order part."""
    rng = np.random.default_rng(3)
    n, m = 40, 15
    found = []
    for _ in range(60):
        past = rng.standard_normal(n)
        values = np.array([rng.permutation(past)[:m].mean() for _ in range(300)])
        half = np.array([rng.permutation(past)[: n // 2].mean() for _ in range(100)])
        p = variance_parts(values, np.repeat(half[:, None], 3, axis=1), n, m, "shuffled")
        found.append((p.order, p.trials))
    order, trials = np.mean(found, axis=0)
    assert trials == pytest.approx(1.0, abs=0.1)
    assert order < 0.01  # of 1 / m = 0.067


def test_order_and_trials_are_told_apart_by_hand() -> None:
    # Two sets of 2 of 4 trials in two orders each: within them 2 and 2, so 2 on average; the sets'
    # means 1 and 5 vary by 8, of which 2 / 2 is order: 7. s2 = 7 / (1/2 - 1/4) = 28.
    half = np.array([[0.0, 2.0], [4.0, 6.0]])
    values = np.array([-10.0, 10.0])  # variance 100, m = n: order only
    found = variance_parts(values, half, 4, 4, "shuffled")
    assert (found.order, found.trials) == (100.0, 28.0)
    # m = 2: of 100, 28 (1/2 - 1/4) = 7 are the drawn trials.
    assert variance_parts(values, half, 4, 2, "shuffled").order == 93.0
    # No difference between sets: the floor, a tenth of what the order does, for 2 trials.
    alike = np.array([[0.0, 2.0], [0.0, 2.0]])
    assert variance_parts(values, alike, 4, 4, "shuffled").trials == pytest.approx(FLOOR * 2.0 * 2)


@pytest.mark.parametrize(
    ("normal", "freedom", "expected"),
    [(1.959964, 3, 3.1824), (1.644854, 5, 2.0150), (1.959964, 10, 2.2281), (0.674490, 4, 0.7407)],
)
def test_student_as_in_the_tables(normal: float, freedom: float, expected: float) -> None:
    assert student(np.array([normal]), freedom)[0] == pytest.approx(expected, abs=0.01)


def test_deviations_have_the_variance_and_keep_their_places() -> None:
    shape = np.random.default_rng(0).standard_normal(2000)
    off = deviations(shape, 9.0, 1e9)
    assert off.std() == pytest.approx(3.0, rel=1e-6)
    assert np.array_equal(np.argsort(off), np.argsort(shape))
    assert np.ptp(deviations(shape, 9.0, 4.0)) > np.ptp(off)
    assert not deviations(np.full(10, 2.5), 9.0, 5.0).any()


def test_a_power_law_along_the_launch_order_is_carried_on() -> None:
    place = np.arange(1, 201)
    kept = place**-0.4
    ratio = kept_beyond(kept[:50], np.full(50, 1.0), 200)
    assert ratio == pytest.approx(kept.mean() / kept[:50].mean())
    assert kept_beyond(np.full(50, 3.0), np.full(50, 4.0), 200) == pytest.approx(1.0)


def test_coverage_on_exchangeable_trials() -> None:
    """60 jobs; 90 % cover 48 to 60 of them with a chance of 99.6 %."""
    inside = 0
    values = curves(2400, seed=5)
    for i in range(60):
        past, upcoming = np.split(values[40 * i : 40 * i + 40], 2)
        found = esim.estimate(Study.from_arrays(past, "minimize"), replicates=100, seed=i, jobs=1)
        low, high = found.interval("steps_saved_fraction")
        saved = 1 - sum(literal_twin(upcoming)) / (20 * 12)
        inside += low - 1e-9 <= saved <= high + 1e-9
    assert inside >= 48


def test_intervals_nest_and_widen_beyond_the_history() -> None:
    study = a_study(40)
    name = "steps_saved_fraction"
    found = esim.estimate(study, replicates=200)
    low, high = found.interval(name)
    narrow = found.interval(name, 0.5)
    assert low <= narrow[0] <= found.median(name) <= narrow[1] <= high
    far = esim.estimate(study, trials=160, replicates=200)
    assert far.extrapolated == 4.0
    assert "beyond_history" in {w.code for w in far.warnings}
    within = esim.estimate(study, trials=40, replicates=200)
    stretched = np.subtract(*far.interval(name)[::-1]) / math.sqrt(40 / 160)
    assert stretched > np.subtract(*within.interval(name)[::-1])


def test_names_signs_and_scale_change_nothing() -> None:
    values = curves(30)
    plain = esim.estimate(Study.from_arrays(values, "minimize"), replicates=100)
    others = [
        Study.from_arrays(-values, "maximize"),
        Study.from_arrays(2 * values, "minimize"),
        Study.from_arrays(values, "minimize", names=[f"x{i}" for i in range(30)]),
    ]
    for study in others:
        found = esim.estimate(study, replicates=100)
        for name in ("steps_saved_fraction", "degradation_normalized", "best_rank"):
            expected, actual = plain.quantity(name), found.quantity(name)
            assert expected is not None and actual is not None
            np.testing.assert_allclose(actual.draws, expected.draws, rtol=1e-9, atol=1e-12)
        assert found.probability_best_kept == plain.probability_best_kept


def test_a_chance_is_certain_only_where_nothing_can_be_stopped() -> None:
    """Curves in one order from the first report on, the best first or last: none is ever lost.

    A trial that no past one is like may still come to 40 next ones: at its share U from
    Beta(1/2, 40), none comes with a mean chance of B(1/2, 80) / B(1/2, 40) = 0.706. With 40 workers
    all trials start at once, equally long, and nothing has an earlier peer.
    """
    apart = np.linspace(5, 1, 12)[None] + np.random.default_rng(0).permutation(40)[:, None]
    study = Study.from_arrays(apart, "minimize")
    found = esim.estimate(study, replicates=200)
    assert found.unseen is not None and found.unseen.best_kept_as_seen == pytest.approx(1)
    assert 1 - found.unseen.chance == pytest.approx(0.706, abs=0.001)
    chance, around = found.probability_best_kept, found.probability_best_kept_interval
    assert chance is not None and around is not None
    assert chance == pytest.approx(0.706 + 0.294 * found.unseen.kept, abs=0.001)
    assert around[0] < 0.3 and around[1] == pytest.approx(1)
    at_once = esim.estimate(study, workers=40, replicates=100)
    assert at_once.probability_best_kept == 1
    assert at_once.probability_best_kept_interval == (1, 1)  # exactly


def test_nothing_is_saved_where_every_stop_comes_too_late() -> None:
    """All trials reach their natural end within the latency: every amount saved is 0, for sure."""
    study = a_study()  # trials take at most 60 s
    costs = Costs(stop_latency_s=120.0)
    found = esim.estimate(study, trials=20, workers=2, costs=costs, replicates=200)
    assert found.quantities["trials_stopped"] is not None
    assert found.interval("trials_stopped") == (0, 0)
    for name in ("steps_saved_fraction", "seconds_saved_fraction", "makespan_saved_fraction"):
        assert (found.median(name), *found.interval(name)) == (0, 0, 0)
    advice = advise(found)
    assert advice.verdict == "do_not_enable"
    assert advice.chances.saving_at_least == 0.0


@pytest.mark.parametrize(("confidence", "n"), [(0.5, 3), (0.8, 9), (0.9, 19), (0.95, 39)])
def test_how_many_trials_a_confidence_takes(confidence: float, n: int) -> None:
    assert needed(confidence) == n


def test_side_by_side_counts_slots() -> None:
    # 0-4, 1-3 and 3-5: the third takes the slot of the second.
    study = Study.from_arrays(np.ones((3, 2)), "minimize", start=[0, 1, 3], end=[4, 3, 5])
    assert side_by_side(study) == 2
    assert side_by_side(Study.from_arrays(np.ones((3, 2)), "minimize")) == 1


DEGENERATE: dict[str, tuple[Study | list[Study], dict[str, int]]] = {
    "no trial": (Study.from_arrays(np.empty((0, 4)), "minimize"), {}),
    "one trial": (Study.from_arrays(curves(1), "minimize"), {}),
    "two trials": (Study.from_arrays(curves(2), "minimize"), {}),
    "five trials": (Study.from_arrays(curves(5), "minimize"), {}),
    "all equal": (Study.from_arrays(np.ones((30, 5)), "minimize"), {}),
    "no reports": (Study.from_arrays(np.full((30, 5), np.nan), "minimize"), {}),
    "all cut": (Study.from_arrays(curves(30), "minimize", status=["stopped"] * 30), {}),
    "more workers": (Study.from_arrays(curves(30), "minimize"), {"workers": 64}),
    "twenty times": (Study.from_arrays(curves(30), "minimize"), {"trials": 600}),
    "far and parallel": (Study.from_arrays(curves(30), "minimize"), {"trials": 90, "workers": 20}),
    "one of two": (
        [Study.from_arrays(curves(n), "minimize", name=str(n)) for n in (2, 30)],
        {"trials": 30},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DEGENERATE)
def test_what_cannot_be_known_is_said(case: str) -> None:
    studies, asked = DEGENERATE[case]
    past, ask = settled(studies, asked.get("trials"), asked.get("workers"), 100)
    found = surveyed(past, ask, Wanted(same_cost=True))
    text = json.dumps(json.loads(found.to_json()), allow_nan=False)
    assert '"esim.estimate/1"' in text
    assert found.advice is not None
    assert found.warnings
    if case == "one of two":
        assert "studies_left_out" in {w.code for w in found.warnings}
        return
    low, high = found.interval("steps_saved_fraction")
    if case in ("all equal", "more workers"):  # no replay stops any trial: that is known
        assert found.advice.verdict == "do_not_enable"
        assert (low, high) == (0, 0)
        return
    assert found.advice.verdict == "not_enough_history"
    if case in ("five trials", "all cut", "twenty times"):
        assert high - low > 0.2
    else:
        assert math.isnan(low) and math.isnan(high)
    if case in ("twenty times", "all cut"):
        assert math.isnan(found.median("degradation"))


def test_the_backtest_counts_what_was_covered() -> None:
    study = Study.from_arrays(curves(40), "minimize")
    _, ask = settled(study, 12, None, 100)
    found = backtest(study, ask, 0, 0.8, splits=20)
    assert (found.past, found.next, found.splits) == (28, 12, 20)
    assert found.enough and found.trials_needed is None
    assert found.rows[0].quantity == "steps_saved_fraction"
    assert 0.5 <= found.rows[0].covered <= 1
    short = backtest(study, ask, 0, 0.95, splits=5)
    assert not short.enough
    assert short.trials_needed == 39 + 12
    assert "51 in all would do" in short.text


def test_same_cost_is_a_fixed_point() -> None:
    study = Study.from_arrays(curves(60), "minimize")
    past, ask = settled(study, 20, None, 200)
    more = same_cost(past, ask, 0, 0.9)
    assert more is not None
    assert more.saved_by == "steps" and more.budget == 20 * 12
    fits = round(more.trials.median)
    kept = 1 - forecast(past, dataclasses.replace(ask, trials=fits), 0, 0.9).median(
        "steps_saved_fraction"
    )
    assert fits * kept == pytest.approx(20, rel=0.05)
    assert more.best_more_trials is not None and more.best_same_trials is not None
    assert more.best_more_trials.median <= more.best_same_trials.median


def test_several_studies_vary_too_and_are_left_out_one_by_one() -> None:
    alike = [Study.from_arrays(curves(30, seed=s), "minimize", name=str(s)) for s in range(3)]
    slow = np.linspace(9, 1, 12)[None] - np.arange(30)[::-1, None] * 0.01
    other = Study.from_arrays(slow, "minimize", name="other")
    name = "steps_saved_fraction"

    def width(studies: list[Study]) -> float:
        low, high = esim.estimate(studies, replicates=200).interval(name)
        return high - low

    assert width([*alike, other]) > width(alike)
    past, ask = settled(alike, None, None, 100)
    found = surveyed(past, ask, Wanted())
    assert [row.study for row in found.leave_one_out] == ["0", "1", "2"]
    for study, row in zip(alike, found.leave_one_out, strict=True):
        assert row.happened == esim.replay(study, clock="order").summary.steps_saved_fraction
        assert row.forecast is not None and row.forecast.low is not None
        assert row.inside == (row.forecast.low <= row.happened <= (row.forecast.high or 0))


def with_quantities(found: Estimate, saved: float, lost: float) -> Estimate:
    draws = np.where(np.arange(100) < 100 * saved, 0.5, 0.0)
    losses = np.where(np.arange(100) < 100 * lost, 0.0, 1.0)
    return dataclasses.replace(
        found,
        quantities={
            **found.quantities,
            "billed_saved_fraction": None,
            "steps_saved_fraction": Quantity("share", draws),
            "degradation_normalized": Quantity("normalized", losses),
        },
        degradation_as_seen=Quantity("normalized", losses),
    )


@pytest.mark.parametrize(
    ("saved", "lost", "verdict"),
    [
        (0.95, 0.95, "enable"),
        (0.95, 0.8, "enable_with_doubts"),
        (0.6, 0.95, "enable_with_doubts"),
        (0.95, 0.4, "do_not_enable"),
        (0.3, 0.95, "do_not_enable"),
    ],
)
def test_advice_follows_the_thresholds(saved: float, lost: float, verdict: str) -> None:
    plain = esim.estimate(a_study(), replicates=100)
    found = advise(with_quantities(plain, saved, lost))
    assert found.verdict == verdict
    assert found.chances == Chances(saved, lost, lost)
    saving, losing, _ = found.reasons
    reached = f"{100 * saved:.0f} % (90 % is asked)."
    assert f"Chance to save at least 10 % of the steps: {reached}" in saving
    assert f"median trial: {100 * lost:.0f} % (90 % is asked)." in losing
    first = {"enable": "Yes, ", "enable_with_doubts": "Not sure enough", "do_not_enable": "No: "}
    assert found.sentence.startswith(first[verdict])
    for chance, aim in ((saved, "save at least 10 %"), (lost, "lose at most 5 %")):
        told = aim in found.sentence and f"is {100 * chance:.0f} %" in found.sentence
        assert told == (verdict == "enable_with_doubts" and chance < 0.9)
    assert found.answer == (found.sentence, *found.reasons, found.next_step)
    assert found.next_step.startswith("Next: ")
    assert advise(with_quantities(plain, saved, lost), 0.6).verdict == "do_not_enable"
    assert advise(with_quantities(plain, 0.95, lost), max_degradation=1.0).verdict == "enable"


def test_a_search_that_learns_keeps_its_order() -> None:
    note = Note("strategy_bayesian", "the search was Bayesian")
    study = dataclasses.replace(a_study(), notes=(note,))
    found = esim.estimate(study, replicates=100)
    assert found.next.launch == "recorded"
    assert "keeps_launch_order" in {w.code for w in found.warnings}
    low, high = found.interval("steps_saved_fraction")
    assert high > low
    told = esim.estimate(study, replicates=100, launch="shuffled")
    assert "strategy_bayesian" in {w.code for w in told.warnings}


def improving(trials: int, seed: int = 0) -> Study:
    """Curves in the order of their final value plus noise: a search that learns."""
    values = curves(trials, seed=seed)
    noise = values[:, -1].std() * np.random.default_rng(seed).standard_normal(trials)
    return Study.from_arrays(values[np.argsort(-values[:, -1] + noise)], "minimize")


def test_a_trend_over_the_launch_order_is_found_said_and_kept() -> None:
    study = improving(60)
    found = esim.estimate(study, replicates=100)
    assert found.next.launch == "recorded"
    assert "improve over the launch order (rank correlation +0." in found.next.launch_why
    assert found.next.launch_why in {w.code: w.text for w in found.warnings}["keeps_launch_order"]
    assert found.method.assumes[1] != esim.estimate(a_study(60), replicates=100).method.assumes[1]
    trend = found.studies[0].trend
    assert trend is not None and trend.correlation > 0.3 and trend.p < 0.01
    told = esim.estimate(study, replicates=100, launch="shuffled")
    assert told.next.launch == "shuffled" and told.next.launch_why == "asked for"
    assert "launch_trend" in {w.code for w in told.warnings}
    assert esim.estimate(a_study(60), replicates=100).next.launch == "shuffled"
    longer = esim.estimate(study, trials=61, replicates=100)
    assert longer.quantity("steps_saved_fraction") is None
    assert longer.probability_best_kept is None
    assert "longer_search" in {w.code for w in longer.warnings}
    assert longer.advice is not None and longer.advice.verdict == "not_enough_history"
    assert "job of fewer trials (--trials;" in longer.advice.next_step
    beside = esim.estimate([study, improving(40, seed=1)], trials=60, replicates=100)
    assert beside.quantity("steps_saved_fraction") is None  # one study of 60 tells no interval
    told = {w.code: w.text for w in beside.warnings}["longer_search"]
    assert told.startswith("the shortest past study has 40 trials")


def test_a_chance_just_short_of_what_is_asked_is_not_rounded_to_it() -> None:
    study = a_study(40)
    found = esim.estimate(study, replicates=100)
    lost = Quantity("normalized", np.repeat([0.0, 1.0], [897, 103]))
    kept = {**found.quantities, "degradation_normalized": lost}
    told = advise(dataclasses.replace(found, quantities=kept, degradation_as_seen=None))
    assert told.sentence.endswith("lose at most 5 % is just under 90 %, and 90 % is asked.")
    assert "just under 90 % (90 % is asked)" in told.reasons[1]


def test_more_trials_for_the_same_money_that_cannot_be_told_are_said() -> None:
    past, ask = settled(improving(40), None, 1, 100)
    found = surveyed(past, ask, Wanted(same_cost=True))
    assert found.same_cost is None
    assert found.warnings[-1].code == "same_cost_unknown"


def test_rank_correlation_by_hand() -> None:
    # Ranks of -values 0..9 but for one swap of neighbours: 1 - 6 * 2 / (10 * 99) = 0.98788.
    values = [10.0, 9, 8, 7, 5, 6, 4, 3, 2, 1]
    study = Study.from_arrays([[v] for v in values], "minimize")
    found = launch_trend(study)
    assert found is not None and found.correlation == pytest.approx(1 - 12 / 990)
    assert found.z == pytest.approx(math.atanh(1 - 12 / 990) * math.sqrt(7 / 1.06))
    worse = launch_trend(Study.from_arrays([[v] for v in values], "maximize"))
    assert worse is not None and worse.correlation == -found.correlation
    assert launch_trend(Study.from_arrays([[v] for v in values[:9]], "minimize")) is None
    assert launch_trend(Study.from_arrays([[1.0]] * 20, "minimize")) is None


def test_exchangeable_trials_rarely_show_a_trend() -> None:
    """At 0.01, 500 studies without one show 0 to 14 with a chance above 0.999."""
    rng = np.random.default_rng(0)
    found = [
        launch_trend(Study.from_arrays(rng.standard_normal((30, 1)), "minimize"))
        for _ in range(500)
    ]
    assert sum(trend is not None and trend.p < TREND_P for trend in found) <= 14


def test_trials_without_a_report_are_no_history() -> None:
    silent: list[list[float]] = [[]] * 24
    three = [row.tolist() for row in curves(3)]
    alone = esim.estimate(Study.from_arrays(three, "minimize"), replicates=100)
    mixed = esim.estimate(Study.from_arrays(silent[:12] + three + silent[12:], "minimize"),
                          replicates=100)  # fmt: skip
    for found in (alone, mixed):
        assert found.advice is not None and found.advice.verdict == "not_enough_history"
        assert found.next.trials == 3
        assert "too_few_trials" in {w.code for w in found.warnings}
    assert "24 of 27 past trials" in {w.code: w.text for w in mixed.warnings}["without_reports"]
    many = [row.tolist() for row in curves(30)]
    plain = esim.estimate(Study.from_arrays(many, "minimize"), replicates=100)
    more = esim.estimate(Study.from_arrays(silent + many, "minimize"), replicates=100)
    assert more.interval("steps_saved_fraction") == plain.interval("steps_saved_fraction")
    assert more.extrapolated == 1


def test_what_a_backtest_finds_weighs_on_the_advice() -> None:
    plain = with_quantities(esim.estimate(a_study(), replicates=100), 0.95, 0.95)

    def verdict(covered: float) -> tuple[str, str]:
        rows = (BacktestRow("steps_saved_fraction", covered, 0.2),)
        test = Backtest(100, 20, 20, 0.9, rows, None, True, None, "")
        found = advise(plain, test=test)
        return found.verdict, " ".join(found.answer)

    assert verdict(0.81)[0] == "enable"
    held, sentence = verdict(0.79)
    assert held == "enable_with_doubts"
    assert "Not sure enough for a yes: on past trials such forecasts missed too often." in sentence
    assert "the 90 % interval of the steps saved held in 79 % of the splits" in sentence
    assert verdict(0.59)[0] == "not_enough_history"


def test_a_finite_past_does_not_promise_what_it_cannot_know() -> None:
    """40 past trials that were all kept do not vouch for the best of 40 others."""
    apart = np.linspace(5, 1, 12)[None] + np.random.default_rng(0).permutation(40)[:, None]
    found = esim.estimate(Study.from_arrays(apart, "minimize"), replicates=100)
    assert found.advice is not None and found.advice.verdict == "enable_with_doubts"
    as_seen = found.advice.chances.degradation_at_most_as_seen
    assert as_seen is not None and 0.999 < as_seen < 1  # no number of draws shows certainty
    assert found.interval("degradation_normalized")[1] == 1  # the whole way to the median
    assert found.interval("degradation")[1] == math.inf
    document = found.document()
    around = document.quantities["degradation"]
    assert around is not None and (around.low, around.high) == (0, None)
    # 1 - sqrt(n / (n + 40)) <= 0.1 from about n = 4.3 * 40 = 170 on.
    assert found.unseen is not None and found.unseen.trials_needed is not None
    assert 150 < found.unseen.trials_needed < 175
    assert f"{found.unseen.trials_needed} past trials are enough" in found.advice.next_step


def test_the_best_past_trial_stands_once_in_a_job_and_the_others_are_drawn_again() -> None:
    study = Study.from_arrays(curves(12), "minimize")
    ask = dataclasses.replace(settled(study, 30, 4, 200)[1])
    past = PastStudies([PastStudy(study, np.random.SeedSequence(0))])
    (found,) = replay_winners(past, ask)
    assert found is not None
    finals = np.sort(curves(12)[:, -1])
    assert np.array_equal(found.seen.best_recorded.value, finals[found.rank])
    expected = chances_of_rank(12, 30)
    shares = np.bincount(found.rank, minlength=12) / len(found.rank)
    np.testing.assert_allclose(shares, expected, atol=0.02)
    # The slow winner ends far below all others, and a job of 30 trials on 4 workers stops it.
    assert (found.slow.best_recorded.value < finals[0] - 100).all()
    assert found.slow.best_kept.mean() < 0.5


def test_chances_of_rank_by_hand() -> None:
    # 3 past and 2 next trials: 2/4 that the best past trial is drawn; else (2/4) 2/3, and the rest.
    assert chances_of_rank(3, 2) == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    # Beta(1/2, 1): the mean of 1 - U is 1 / (1 + 1/2).
    assert none_unseen(1, 1) == pytest.approx(2 / 3)


def test_readings_and_cautious_rules_replay_the_same_samples() -> None:
    study = a_study()
    past, ask = settled(study, None, None, 200)
    found = surveyed(past, ask, Wanted(readings=True))
    rows = found.readings
    assert rows[0].headline == found.headline  # the same question has the same number
    assert {"A2", "H4", "I4"} <= {row.code for row in rows}
    assert "J4" not in {row.code for row in rows}  # a new job has no recorded times
    for row in rows[1:]:
        if row.parameters:
            changed = dataclasses.replace(ask, rule=ask.rule.with_columns(**row.parameters))
            assert row.headline == forecast(past, changed, 0, 0.9).headline
    for line in (*found.by_trials, *found.by_workers):
        changed = dataclasses.replace(ask, trials=line.trials, clock=clock_of(line.workers))
        assert line == forecast(past, changed, 0, 0.9).headline
    assert found.advice is not None
    for one in found.advice.alternatives:
        changed = dataclasses.replace(ask, rule=ask.rule.with_columns(**one.changed))
        assert one.headline == forecast(past, changed, 0, 0.9).headline


@pytest.mark.parametrize(
    "asked",
    [
        {"trials": 0}, {"workers": 0}, {"replicates": 10}, {"confidence": 1.0},
        {"launch": "backwards"}, {"final": "first"}, {"rule": "nobodys"},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(EsimError, match=r"cannot be|no rule"):
        esim.estimate(a_study(), **asked)


@pytest.mark.parametrize(
    ("trials", "reports", "fix"),
    [
        (200_000, 1_000_000, "--replicates 250 "),  # a trial takes as long as 20 reports
        (10, 5_000_000, "--replicates 200 "),
        (1_000, 50_000_000, "logs with fewer"),
    ],
)
def test_a_study_that_would_take_hours_is_refused(trials: int, reports: int, fix: str) -> None:
    known = facts(Study.from_arrays([[1.0, 0.5]] * 8, direction="minimize"))
    large = dataclasses.replace(known, trials=trials, reports=reports)
    with pytest.raises(EsimError, match=f"too large for 1,000 replays(?s:.*)fix: {fix}"):
        settle([known, large], rule("sagemaker"))
    assert settle([known, large], rule("sagemaker"), replicates=20).samples == 20


def test_studies_of_two_kinds_are_refused() -> None:
    with pytest.raises(EsimError, match="not of one kind"):
        esim.estimate([a_study(), Study.from_arrays(curves(5), "maximize", name="b")])
    with pytest.raises(EsimError, match="no study"):
        esim.estimate([])
    with pytest.raises(EsimError, match="steps_saved_fraction"):
        esim.estimate(a_study(), replicates=100).median("step_saved_fraction")
