"""One accounting: a single replay, a batch, launch orders and samples, all against the twin.

Ordinary studies are generated; odd ones, in which something is unknown, infinite or missing, stand
in `ODD`, and every way of accounting must tell the same of them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numba import config
from numpy.typing import NDArray

import esim
from esim.analyses.estimate import samples
from esim.analyses.estimate.samples import Samples, play
from esim.assumptions import Clock, Costs
from esim.results.replay import BestTrial, Summary
from esim.rules import Rule
from esim.simulator.accounting import Jobs, Launches, OrdersOfStudies, Outcomes, outcomes
from esim.simulator.best import BestTrials
from esim.simulator.job_end import Until
from esim.simulator.plan.build import prepare, prepare_batch
from esim.simulator.replay import replay_batches, replay_plan
from esim.simulator.run import OrderRuns, run_many
from esim.simulator.trial_outcomes import outcomes_of_trials
from esim.study import Status, Study
from esim.study.batch import Batch
from tests.references import generate, naive
from tests.references.generate import build
from tests.references.golden import INF, NAN, of
from tests.references.naive_accounting import Terms, Times, account
from tests.simulator.test_kernel import clock_of, costs_of

SEEDED = 80 if config.DISABLE_JIT else 200
THREE = [[1.0, 2.0, 3.0]]
DONE, CUT, FAILED, RUNNING = Status.COMPLETED, Status.STOPPED, Status.FAILED, Status.RUNNING


def timed(*values: list[float], **columns: Any) -> Study:
    """Trials that report once a second."""
    steps = [list(range(1, len(v) + 1)) for v in values]
    return build(steps, values, elapsed=[[float(s) for s in its] for its in steps], **columns)


MIXED = ([2.0, 2.0, 2.0], [5.0, 3.0, 1.0], [1.0, 1.0, 1.0], [6.0, 4.0, 1.0])
ODD = {
    "no trials": Study.from_arrays([], "minimize"),
    "no trials, a column of times": Study.from_arrays([], "minimize", elapsed=[]),
    "no reports": build([[], []], [[], []]),
    "no reports, a column of times": timed([], []),
    "no times": build(THREE * 4, MIXED),
    "ends but no times": build(THREE * 4, MIXED, start=[0.0] * 4, end=[4.5] * 4),
    "no values": timed(*[[NAN, NAN]] * 3),
    "values late": timed([2, 2, 2], [NAN, 3, 1], [NAN, NAN, 1]),
    "all failed": timed([1, 1], [2, 2], [3, 3], status=[FAILED] * 3),
    "failed best": timed([2, 2, 2], [5, 3, 1], [1, 1, 1], status=[DONE, FAILED, FAILED]),
    "cut short": timed(*MIXED, status=[DONE, CUT, RUNNING, FAILED]),
    "failed is not cut short": timed(*MIXED, status=[DONE, DONE, DONE, FAILED]),
    "tied best": timed(*MIXED),
    "all alike": timed(*[[2, 2, 2]] * 3),
    "one trial": timed([1, 2]),
    "no steps": build([[0]] * 3, [[1], [2], [3]], elapsed=[[0]] * 3),
    "only infinite left": timed([INF] * 3, [9, 9, 1], [INF, INF, 2]),
    "infinite best": build(THREE * 3, [[2, 2, 2], [5, 3, -INF], [1, 1, 1]]),
    "both infinities": build(THREE * 4, [[2, 2, -INF], [5, 3, INF], [1, 1, INF], [3, 3, -INF]]),
    "values too far apart": timed([-1e308, 1e308], [1e308, -1e308], [1e308, 1e308]),
    "machines": dataclasses.replace(
        timed(*MIXED, start=[0.5, 1.25, 7, NAN], end=[4.75, 9, NAN, NAN]),
        instance_count=np.array([1, 10, 3, 2], dtype=np.int64),
    ),
}
RULES = [of(), of(pool="reached", include_self=True, strict=False), of(min_reports=2)]
PRICES = [Costs(), Costs(price=2.5, startup_s=1.5, stop_latency_s=0.25), Costs(price=0.0)]
FIRST = np.s_[:, 0]  # of outcomes [O, S]: those of the first study
TOO_DEAR = Costs(price=1.7e308, startup_s=1e300)


def terms_of(study: Study, clock: Clock, costs: Costs, final: str) -> Terms:
    gap = naive.recorded_gap(study) if costs.slot_gap_s is None else costs.slot_gap_s
    return Terms(clock.mode, final, costs.price, costs.startup_s, costs.upload_s, gap)


def assert_summary(summary: Summary, expected: dict[str, Any], at_last: int, terms: Terms) -> None:
    """A summary's numbers are the twin's; it tells of the gap where it tells of a makespan."""
    found = dict(vars(summary))
    del found["currency"]
    assert found.pop("trials_stopped_at_last") == at_last
    known = expected["makespan_recorded_s"] is not None and terms.clock != "recorded"
    assert found.pop("slot_gap_s") == (terms.slot_gap_s if known else None)
    assert_agrees(found, expected)


def told(found: Outcomes, job: int, study: Study, launched: list[int]) -> dict[str, Any]:
    """One job's outcomes as the twin writes them: None = unknown."""
    numbers: dict[str, Any] = {}
    for name, column in vars(found).items():
        if isinstance(column, BestTrials):
            value = float(column.value[job])
            known = not math.isnan(value)
            numbers[name] = (study.trials[launched[column.place[job]]], value) if known else None
        else:
            numbers[name] = column[job].tolist()
    return numbers


def assert_agrees(actual: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(actual) == set(expected)
    for name, value in expected.items():
        found = actual[name]
        if isinstance(found, BestTrial):
            found = (found.trial, found.value)
        if found is not None and name not in ("best", "best_recorded") and np.isnan(found).all():
            found = None
        if value is None or name in ("best", "best_recorded"):
            assert found == value, name
        else:
            assert np.isclose(found, value, rtol=1e-12, atol=0).all(), (name, found, value)


def runs_of(
    study: Study, rule: Rule, clock: Clock, costs: Costs, orders: NDArray[np.int64]
) -> tuple[OrderRuns, OrderRuns]:
    plan = prepare(study, rule)
    runs = run_many(plan, clock, costs, orders, threads=1)
    return runs, run_many(plan, clock, costs, orders, acting=False, threads=1)


def times_of(runs: OrderRuns, baseline: OrderRuns, at: int) -> Times | None:
    if not len(runs.spans):
        return None
    return Times(*runs.spans[at].T.tolist(), *baseline.spans[at].T.tolist())


def trained_of(runs: OrderRuns, at: int) -> list[float] | None:
    return None if runs.trained is None else runs.trained[at].tolist()


def check(study: Study, rule: Rule, clock: Clock, costs: Costs, final: str, seed: int) -> int:
    """Every way of accounting for a study against the twin; how many trials were stopped."""
    n = study.n_trials
    terms = terms_of(study, clock, costs, final)
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(n) for _ in range(3)], dtype=np.int64).reshape(3, n)
    some = orders[:, : (n + 1) // 2].copy()

    replayed = replay_plan(prepare(study, rule), clock, costs, Until(final=final))
    columns, (result,) = replayed.columns, replayed.results()
    times = Times(columns.start_s, columns.end_s, columns.start_recorded_s, columns.end_recorded_s)
    its = columns.reports_kept, columns.stopped, terms, times
    trained = columns.seconds_run.tolist() if costs.stop_latency_s else None
    expected = account(study, range(n), *its, trained)
    assert_agrees(told(replayed.outcomes, 0, study, list(range(n))), expected)
    kept = expected.pop("best_kept")
    del expected["loss_on_record"]
    assert result.summary.currency == (None if costs.price is None else costs.currency)
    assert_summary(result.summary, expected, columns.stopped_at_last.sum(), terms)
    assert kept is None or kept == (not expected["best_trial_stopped"])

    if clock.mode != "recorded":
        runs, baseline = runs_of(study, rule, clock, costs, orders)
        trials = outcomes_of_trials(study, costs, final, runs)
        jobs = OrdersOfStudies(Batch.of([study]), len(orders))
        found = outcomes(jobs, study, clock, costs, trials, runs, baseline).of(FIRST)
        for at in range(len(orders)):
            launched = list(range(n))  # of equal trials the first in the study's order is the best
            expected = account(
                study, launched, runs.rows_kept[at], runs.stopped[at], terms,
                times_of(runs, baseline, at), trained_of(runs, at),
            )  # fmt: skip
            assert_agrees(told(found, at, study, launched), expected)
        for lots in (orders, some):
            runs, baseline = runs_of(study, rule, clock, costs, lots)
            (played,) = play(prepare(study, rule), clock, costs, Until(final=final), [lots])
            found = played.outcomes
            for at, order in enumerate(lots):
                expected = account(
                    study, order.tolist(), runs.rows_kept[at], runs.stopped[at], terms,
                    times_of(runs, baseline, at), trained_of(runs, at),
                )  # fmt: skip
                assert_agrees(told(found, at, study, order.tolist()), expected)
    return int(columns.stopped.sum())


def clocks(study: Study) -> Iterator[Clock]:
    yield Clock("order")
    yield Clock("simulated", 2)
    if study.has_schedule and study.n_trials:
        yield Clock("recorded")


@pytest.mark.parametrize("name", ODD)
def test_odd_studies_are_accounted_for_alike(name: str) -> None:
    study = ODD[name]
    for at, rule in enumerate(RULES):
        for clock in clocks(study):
            for costs in (*PRICES, TOO_DEAR):
                check(study, rule, clock, costs, ("last", "best")[at % 2], seed=at)


def test_any_study_is_accounted_for_alike() -> None:
    stops = 0
    for at, run in enumerate(generate.runs(seed=71, n=SEEDED)):
        costs = dataclasses.replace(costs_of(run.settings), price=(None, 2.5)[at % 2])
        final = ("last", "best")[at // 2 % 2]
        stops += check(run.study, run.rule, clock_of(run.settings), costs, final, seed=at)
    assert stops > SEEDED // 3


@pytest.mark.parametrize("costs", [*PRICES, TOO_DEAR])
@pytest.mark.parametrize("clock", ["order", "simulated"])
def test_odd_studies_are_accounted_for_alike_in_stacks(clock: str, costs: Costs) -> None:
    studies = [dataclasses.replace(study, name=name) for name, study in ODD.items()]
    together = 0
    for places, replayed in replay_batches(studies, of(), clock, 1, costs=costs, final="last"):
        together += len(places) > 1
        for place, result in zip(places, replayed.results(), strict=True):
            study, its = studies[place], result.columns
            terms = terms_of(study, replayed.clock, costs, "last")
            times = Times(its.start_s, its.end_s, its.start_recorded_s, its.end_recorded_s)
            trained = its.seconds_run.tolist() if costs.stop_latency_s else None
            expected = account(
                study, range(study.n_trials), its.reports_kept, its.stopped, terms, times, trained
            )
            del expected["best_kept"], expected["loss_on_record"]
            assert_summary(result.summary, expected, its.stopped_at_last.sum(), terms)
    assert together >= 2


@pytest.mark.parametrize(("alike", "block"), [(False, 60), (True, 60), (False, 4_000_000)])
def test_samples_of_several_studies_are_as_of_each_alone(
    alike: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, whatever their numbers of trials and of those that are launched."""
    monkeypatch.setattr(samples, "_MOST_CELLS", block)
    rng = np.random.default_rng(3)
    told = 0
    for name in ODD:  # each kind with two others of its direction that have times or not as it has
        if not (one := ODD[name]).n_trials:
            continue  # an order launches at least one trial of each study
        sizes = [one.n_trials] * 3 if alike else [one.n_trials, 2, 11]
        more = [drawn_like(one, size, rng) for size in sizes[1:]]
        studies = [one, *more]
        launched = [sizes[0]] * 3 if alike else [int(rng.integers(1, n + 1)) for n in sizes]
        orders = [
            np.array([rng.permutation(study.n_trials)[:m] for _ in range(7)])
            for study, m in zip(studies, launched, strict=True)
        ]
        wanted = [m > 1 and bool(rng.integers(2)) for m in launched]
        for clock in (Clock("order"), Clock("simulated", 2)):
            its, ends = (clock, PRICES[1], Until()), {"threads": 1}
            plan = prepare_batch(Batch.of(studies), RULES[0])
            together = play(plan, *its, orders, by_position=wanted, **ends)
            for at, study in enumerate(studies):
                (alone,) = play(
                    prepare(study, RULES[0]), *its, [orders[at]], by_position=[wanted[at]], **ends
                )
                assert_same(together[at], alone)
                told += int(np.nansum(alone.outcomes.trials_stopped))
    assert told > 100


def drawn_like(study: Study, trials: int, rng: np.random.Generator) -> Study:
    """A study of falling curves with the columns that another has."""
    values = rng.integers(-3, 9, (trials, 4)).astype(float)
    values[rng.random(values.shape) < 0.1] = NAN
    elapsed = None if study.elapsed is None else np.cumsum(rng.uniform(1, 3, values.shape), axis=1)
    found = Study.from_arrays(values, study.direction, elapsed=elapsed)
    more: dict[str, Any] = {"done_at_zero": study.done_at_zero}
    if study.billed is not None:
        more["billed"] = rng.uniform(5, 9, trials)
    status = rng.choice([DONE, FAILED, CUT], trials)
    return dataclasses.replace(found, status=status, censored=status == CUT, **more)


def assert_same(a: Samples, b: Samples) -> None:
    assert a.size == b.size
    assert a.recorded_at.keys() == b.recorded_at.keys()
    columns = [(getattr(a.outcomes, name), own) for name, own in vars(b.outcomes).items()]
    columns += [(a.recorded_at[name], own) for name, own in b.recorded_at.items()]
    columns += [(a.run_at[name], own) for name, own in b.run_at.items()]
    for found, expected in columns:
        if isinstance(expected, BestTrials):
            known = ~np.isnan(expected.value)
            np.testing.assert_array_equal(found.place[known], expected.place[known])
            found, expected = found.value, expected.value
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_the_keys_are_those_of_the_summary() -> None:
    keys = {field.name for field in dataclasses.fields(Outcomes)}
    summary = {field.name for field in dataclasses.fields(Summary)}
    of_replays = {"currency", "slot_gap_s", "trials_stopped_at_last"}
    assert keys == (summary - of_replays) | {"best_kept", "loss_on_record"}


# ------------------------------------------------- where three accountings told different things


def outcomes_by_hand(
    study: Study, kept: list[list[int]], costs: Costs, orders: list[list[int]] | None = None
) -> Outcomes:
    """Outcomes by clock order of rows kept that no rule need have chosen."""
    rows = np.array(kept, dtype=np.int32)
    runs = OrderRuns(rows, rows < np.diff(study.offsets), np.empty((0, study.n_trials, 2)), None)
    trials = outcomes_of_trials(study, costs, "last", runs)
    batch = Batch.of([study])
    jobs: Jobs = OrdersOfStudies(batch, len(rows))
    if orders is not None:
        jobs = Launches(batch, np.array(orders, dtype=np.int64), np.array([len(orders[0])]))
    return outcomes(jobs, study, Clock("order"), costs, trials, runs, runs).of(FIRST)


@pytest.mark.parametrize("name", ["no trials", "no trials, a column of times"])
def test_no_trials_take_nothing(name: str) -> None:
    """Whether an empty column of times is there or not: nothing was spent, and nothing began."""
    summary = esim.replay(ODD[name], costs=Costs(price=2.0)).summary
    for key in ("steps", "seconds", "billed_seconds"):
        assert getattr(summary, f"{key}_recorded") == getattr(summary, f"{key}_run") == 0
    assert summary.cost_recorded == summary.cost == 0.0
    assert (
        summary.makespan_recorded_s is summary.makespan_s is summary.makespan_saved_fraction is None
    )
    assert summary.steps_saved_fraction is summary.cost_saved_fraction is None
    assert esim.replay(ODD[name]).summary.cost is None  # no price, no money


def test_money_that_is_not_finite_is_unknown() -> None:
    """1e300 s of start-up at 1.7e308 an hour: no share can be told of it, and none is made up."""
    study = timed([1, 1, 1], [2, 2, 2])
    for orders in (None, [[0, 1]]):
        found = outcomes_by_hand(study, [[3, 1]], TOO_DEAR, orders)
        assert np.isnan([found.cost_recorded, found.cost, found.cost_saved_fraction]).all()
        assert found.seconds_saved_fraction == 1 - 4 / 6


def test_a_trial_cut_short_makes_the_degradation_of_its_own_sample_unknown() -> None:
    # Finals 2, 1, 3, best 1; t1 stopped at its first report, with 5. t2 had been cut short.
    study = timed([2, 2], [5, 1], [3, 3], status=[DONE, DONE, CUT])
    found = outcomes_by_hand(study, [[2, 1, 2]] * 2, Costs(), [[0, 1], [1, 2]])
    assert found.degradation_on_record.tolist() == [1.0, 2.0]  # 2 - 1, 3 - 1
    assert found.degradation[0] == 1.0 and np.isnan(found.degradation[1])
    assert found.degradation_normalized[0] == 2.0  # median 1.5: scale 0.5
    assert np.isnan(found.degradation_normalized[1])


def test_an_order_without_a_final_value_leaves_the_others_known() -> None:
    """t0 is stopped before its first value; t1 failed, so it counts only where it is stopped."""
    study = timed([NAN, 1], [4, 5], status=[DONE, FAILED])
    found = outcomes_by_hand(study, [[1, 2], [1, 1], [2, 2]], Costs())
    assert [v if v == v else None for v in found.degradation.tolist()] == [None, 3.0, 0.0]
    assert [v if v == v else None for v in found.best_kept.tolist()] == [None, 0.0, 1.0]


def test_one_of_two_equal_bests_is_enough() -> None:
    """t1 and t2 end at 1; the rule stops t1, the first. The best model is still there: everywhere
    in a comparison, in the recorded order too."""
    study = dataclasses.replace(ODD["tied best"], name="tied")
    assert esim.replay(study, of()).summary.best_trial_stopped is False
    assert esim.replay(study, of()).summary.degradation == 0.0
    found = esim.compare([study], [of()], orders=4, clock="order")
    assert found.rules[0].recorded.best_kept == 1.0


def test_an_infinite_loss_is_known_and_never_a_number_of_the_document() -> None:
    # t1 = 9 > T is stopped at its first report: inf is left of the best, 1, wherever it stands.
    study = timed([INF] * 3, [9, 9, 1])
    for orders in (None, [[0, 1]]):
        found = outcomes_by_hand(study, [[3, 0]], Costs(), orders)
        assert found.degradation == found.degradation_on_record == INF
        assert np.isnan(found.degradation_normalized)  # the median is infinite too
        assert (found.best_rank, found.best_kept) == (2.0, 0.0)
