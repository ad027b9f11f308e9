"""`esim.compare`: its numbers are the replay's, the same orders for all, the same bytes again."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from numba import config

import esim
from esim import EsimError, Status, Study
from esim.analyses.compare.compare import _with_baselines
from esim.analyses.compare.contestants import contestants
from esim.analyses.compare.replay_table import earliest_stops, replay_tables
from esim.analyses.compare.study_replays import Conditions, launch_orders
from esim.analyses.compare.trial_halves import subset, trial_halves
from esim.assumptions import Clock, Costs
from esim.results.comparison.comparison import Comparison
from esim.results.replay import ReplayResult
from esim.rules import Rule, usual
from esim.simulator.accounting import Lot, outcomes_of_lots
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_many
from esim.study import Note
from esim.study.batch import Batch
from esim.study.facts import facts
from esim.study.times import side_by_side
from tests.references import generate
from tests.references.golden import of
from tests.simulator.test_accounting import FIRST
from tests.simulator.test_kernel import clock_of, costs_of
from tests.simulator.test_threads import WALKS

RUNS = 15 if config.DISABLE_JIT else 150
ORDERS = 3

SUMMARY = (
    "steps_saved_fraction",
    "seconds_saved_fraction",
    "billed_saved_fraction",
    "makespan_saved_fraction",
    "cost_saved_fraction",
    "degradation",
    "degradation_on_record",
    "degradation_normalized",
    "best_rank",
)


def walks(seed: int, trials: int = 24, steps: int = 12, **columns: Any) -> Study:
    """Noisy falling curves, to be minimized."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, (trials, 1)) + rng.uniform(0.3, 3, (trials, 1)) / np.arange(
        1, steps + 1
    )
    values += 0.05 * rng.standard_normal(values.shape)
    return Study.from_arrays(values, "minimize", name=f"walks {seed}", **columns)


RULES = ["sagemaker", esim.rule("sagemaker", min_reports=6)]


# ------------------------------------------------------------------------------------ scores


def equal(actual: float, expected: float | None) -> bool:
    if expected is None or not math.isfinite(expected):
        return not math.isfinite(actual)
    return math.isclose(actual, expected, rel_tol=1e-12, abs_tol=1e-12)


def best_is_kept(study: Study, result: ReplayResult) -> float | None:
    """Whether the best value under the rule is as good as the best as recorded."""
    summary = result.summary
    if summary.best_recorded is None or summary.best is None:
        return None
    best, recorded = summary.best.value, summary.best_recorded.value
    return float(best <= recorded if study.direction == "minimize" else best >= recorded)


def test_scores_are_the_summaries_of_replays_in_each_order() -> None:
    """Any study, rule, clock and costs: order by order, the study put into that order."""
    told = 0
    for at, run in enumerate(generate.runs(seed=91, n=RUNS)):
        clock = clock_of(run.settings)
        study, n = run.study, run.study.n_trials
        if clock.mode == "recorded" or n == 0:
            continue
        costs = dataclasses.replace(costs_of(run.settings), price=2.5)
        final = ("last", "best")[at % 2]
        rng = np.random.default_rng(at)
        orders = np.array([rng.permutation(n) for _ in range(ORDERS)], dtype=np.int64)
        plan = prepare(study, run.rule)
        clocks = [clock] + [Clock("simulated", 2)] * (ORDERS - 1)
        parts = [(clock, orders[:1]), (clocks[1], orders[1:])]
        lots = [
            Lot(
                its,
                run_many(plan, its, costs, few, threads=1),
                run_many(plan, its, costs, few, acting=False, threads=2),
            )
            for its, few in parts
        ]
        actual = outcomes_of_lots(Batch.of([study]), costs, final, lots)[0].of(FIRST)
        for o, order in enumerate(orders):
            result = esim.replay(
                subset(study, order, "in order"), run.rule, clocks[o].mode, clocks[o].workers,
                costs=costs, final=final,
            )  # fmt: skip
            summary = result.summary
            for name in SUMMARY:
                expected = getattr(summary, name)
                if name == "degradation_normalized" and summary.degradation == 0.0:
                    expected = 0.0  # of any scale, also where the best and the median are equal
                assert equal(getattr(actual, name)[o], expected), name
            stopped = actual.trials_stopped_fraction[o] * n
            assert stopped == pytest.approx(summary.trials_stopped)
            assert equal(actual.best_kept[o], best_is_kept(study, result))
            told += summary.trials_stopped > 0
    assert told > RUNS // 4


def test_studies_together_are_what_each_is_alone() -> None:
    """To the last bit, of any sizes, under every usual rule and baseline, on a few workers too."""
    some = [
        dataclasses.replace(study, name=f"s{at}")
        for at, study in enumerate(generate.studies(seed=17, n=6 if config.DISABLE_JIT else 16))
        if study.n_trials > 1
    ]
    field = _with_baselines(contestants(usual(), {}), [facts(study) for study in some])
    conditions = Conditions(
        settings=dataclasses.replace(
            esim.compare(walks(0), ["none"], orders=3).settings,
            workers_table=(1, 2, 3),
            workers_orders=2,
        ),
        final="best",
        sample=None,
        workers_sample=None,
        ranked=field.ranked,
        summaries=True,
    )
    together = replay_tables(field.contestants, conditions, 1, None, some)
    for study, actual in zip(some, together, strict=True):
        (alone,) = replay_tables(field.contestants, conditions, 1, None, [study])
        assert actual.best_recorded == alone.best_recorded
        assert actual.summaries == alone.summaries
        assert same_bits(actual.first_stop, alone.first_stop)
        for name, numbers in alone.numbers.items():
            assert same_bits(actual.numbers[name], numbers), (study.name, name)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes()


def test_the_earliest_stop_is_that_of_the_decisions() -> None:
    orders = np.array([np.random.default_rng(i).permutation(WALKS.n_trials) for i in range(4)])
    plan = prepare(WALKS, of(min_reports=4))
    runs = run_many(plan, Clock("order"), Costs(), orders)
    batch = Batch.of([WALKS])
    _, trials = outcomes_of_lots(batch, Costs(), "last", [Lot(Clock("order"), runs, runs)])
    found = earliest_stops(batch, trials)[:, 0]
    for o, order in enumerate(orders):
        result = esim.replay(subset(WALKS, order, "x"), of(min_reports=4), "order")
        stops = [t["stop_step"] for t in result.columns.rows() if t["stopped"]]
        assert found[o] == min(stops)


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_change_no_byte_side_by_side(workers: int) -> None:
    orders = np.array([np.random.default_rng(i).permutation(60) for i in range(13)])
    expected = esim.replay_orders(WALKS, of(), orders, workers=workers, threads=1)
    assert len({row.tobytes() for row in expected}) > 6
    for threads in (2, 5, 32):
        actual = esim.replay_orders(WALKS, of(), orders, workers=workers, threads=threads)
        assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_many_orders_are_replayed_as_each_alone(workers: int) -> None:
    orders = np.array([np.random.default_rng(i).permutation(60) for i in range(5)])
    kept = esim.replay_orders(WALKS, of(), orders, workers=workers)
    for row, order in zip(kept, orders, strict=True):
        alone = esim.replay(subset(WALKS, order, "x"), of(), "simulated", workers)
        rows = np.empty(60, dtype=np.int64)
        rows[order] = alone.columns.reports_kept
        assert row.tolist() == rows.tolist()


# ---------------------------------------------------------------------------------- protocol


def test_every_rule_sees_the_same_orders() -> None:
    """A rule beside others, or in another place, or under another name: the same numbers."""
    twin = dataclasses.replace(esim.rule("sagemaker"), name="twin")
    both = esim.compare([walks(1), walks(2)], ["sagemaker", of(min_peers=4), twin], orders=8)
    alone = esim.compare([walks(1), walks(2)], ["sagemaker"], orders=8)
    assert both.rule("twin").orders == both.rule("sagemaker").orders
    assert alone.rule("sagemaker").orders == both.rule("sagemaker").orders
    assert alone.rule("sagemaker").workers == both.rule("sagemaker").workers


def test_orders_do_not_depend_on_other_studies_and_more_leave_the_first() -> None:
    few, many = (launch_orders(walks(1), 3, n) for n in (4, 9))
    assert (many[:4] == few).all()
    assert not (launch_orders(walks(2), 3, 4) == few).all()
    assert not (launch_orders(walks(1), 4, 4) == few).all()
    assert (np.sort(many, axis=1) == np.arange(24)).all()
    together = esim.compare([walks(1), walks(2)], RULES, orders=6)
    apart = esim.compare([walks(2)], RULES, orders=6)
    of_two = next(s for s in together.studies if s.study == "walks 2")
    for key in ("sagemaker", "none"):
        first, second = (
            next(r for r in study.rules if r.key == key).orders.steps_saved_fraction
            for study in (of_two, apart.studies[0])
        )
        assert (first.median, first.mean) == (second.median, second.mean)


def test_the_same_seed_gives_the_same_bytes_with_any_jobs() -> None:
    studies = [walks(seed) for seed in range(3)]
    settings: dict[str, Any] = {"grid": {"min_peers": [1, 3]}, "choice": True, "workers": 2}
    first = esim.compare(studies, RULES, orders=6, jobs=1, **settings).to_json()
    assert esim.compare(studies, RULES, orders=6, jobs=3, **settings).to_json() == first
    assert esim.compare(studies, RULES, orders=6, seed=1, **settings).to_json() != first


def test_the_recorded_order_is_esim_replay() -> None:
    study = esim.read_study("data/tiny/sagemaker")
    costs = Costs(price=3.6)
    found = esim.compare(study, RULES, orders=3, costs=costs)
    assert found.studies[0].clock == Clock("recorded")
    for entry in found.studies[0].rules:
        if entry.key in ("none",):
            continue
        rule = {c.key: c.rule for c in contestants(RULES, {}).contestants}.get(entry.key)
        if rule is None:
            continue
        summary = esim.replay(study, rule, costs=costs).summary
        beyond = {"best_kept", "loss_normalized"}  # what a summary does not say
        assert dataclasses.asdict(entry.recorded) == {
            **{k: getattr(summary, k) for k in vars(entry.recorded) if k not in beyond},
            "best": vars(summary.best),
            "best_kept": best_is_kept(study, esim.replay(study, rule, costs=costs)) == 1.0,
            "loss_normalized": max(summary.degradation_normalized, 0.0),
        }


def test_resampled_orders_run_on_as_many_workers_as_ran_side_by_side() -> None:
    # 0-3, 1-2, 2-4 (takes the slot that 1-2 leaves), 2.5-5: three at 2.5.
    study = Study.from_arrays(
        [[1.0], [2.0], [3.0], [4.0]], "minimize", elapsed=[[0.5]] * 4,
        start=[0.0, 1.0, 2.0, 2.5], end=[3.0, 2.0, 4.0, 5.0],
    )  # fmt: skip
    assert side_by_side(study) == 3
    assert side_by_side(walks(1)) == 1
    found = esim.compare(study, RULES, orders=2)
    assert found.studies[0].orders_clock == Clock("simulated", 3)
    assert esim.compare(study, RULES, orders=2, clock="order").studies[0].orders_clock == Clock(
        "order"
    )
    asked = esim.compare(study, RULES, orders=2, workers=2).studies[0]
    assert asked.orders_clock == asked.clock == Clock("simulated", 2)


# ------------------------------------------------------------------------------- contestants


def test_a_grid_is_every_combination_once() -> None:
    grid = {"min_peers": [1, 5], "own": ["current", "best"]}
    found = contestants(["sagemaker"], grid).contestants
    assert [c.key for c in found] == [
        "sagemaker",
        "sagemaker[own=best]",
        "sagemaker[min_peers=5]",
        "sagemaker[own=best,min_peers=5]",
    ]
    assert found[3].changed == {"own": "best", "min_peers": 5}


def test_readings_are_contestants() -> None:
    keys = [c.key for c in contestants(["sagemaker"], {}, readings=True).contestants]
    assert keys[0] == "sagemaker"
    assert "sagemaker[short=carry]" in keys
    assert len(keys) == len(set(keys)) > 15


def test_studies_of_one_name_are_told_apart() -> None:
    found = esim.compare([walks(1), walks(1), walks(2)], ["sagemaker"], orders=2)
    assert [s.study for s in found.studies] == ["walks 1", "walks 1 (2)", "walks 2"]


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(EsimError, match="two different rules are named 'mine'"):
        contestants([Rule(name="mine"), Rule(name="mine", min_peers=2)], {})


def test_a_grid_leaves_alone_what_its_columns_mean_nothing_to() -> None:
    found = esim.compare(
        walks(1), ["sagemaker", "keras-patience"], grid={"min_peers": [1, 4]}, orders=2
    )
    keys = {e.key for e in found.rules}
    assert {"sagemaker", "sagemaker[min_peers=4]", "keras-patience"} <= keys
    doubt = next(w for w in found.warnings if w.code == "grid_left_out")
    assert (
        doubt.text == "min_peers changes nothing in keras-patience: --grid does not vary them by it"
    )
    with pytest.raises(EsimError, match="min_peers cannot be 0"):
        contestants(["sagemaker", "vizier-median"], {"min_peers": [0]})


def test_baselines_are_always_there() -> None:
    found = esim.compare(walks(1), ["sagemaker"], orders=3)
    none = found.rule("none")
    assert none.role == "baseline"
    assert none.orders.steps_saved_fraction.max == 0.0
    assert none.orders.degradation_normalized.max == 0.0
    assert none.first_stop.step is None


# ----------------------------------------------------------------------------------- answers


def test_halving_keeps_every_trial_once() -> None:
    study = walks(3, trials=21, elapsed=np.arange(1.0, 13.0), start=np.arange(21.0))
    for first, second in trial_halves(study, np.random.default_rng(0)):
        first.validate()
        assert (first.n_trials, second.n_trials) == (10, 11)
        assert sorted(first.trials + second.trials, key=int) == list(study.trials)
        at = [study.trial_index(t) for t in first.trials]
        assert at == sorted(at)
        lone = first.values[first.offsets[3] : first.offsets[4]]
        i = at[3]
        assert lone.tolist() == study.values[study.offsets[i] : study.offsets[i + 1]].tolist()
    assert trial_halves(walks(3, trials=19), np.random.default_rng(0)) == []


def test_what_is_chosen_on_some_studies_is_told_on_the_others() -> None:
    """Against plain loops over the studies' own numbers."""
    studies = [walks(seed) for seed in range(5)]
    settings: dict[str, Any] = {"orders": 10, "max_degradation": 0.02}
    found = esim.compare(studies, RULES, grid={"min_peers": [1, 3, 8]}, choice=True, **settings)
    keys = [c.key for c in found.choice.candidates]
    saved = {(s.study, r.key): r.orders.steps_saved_fraction.mean
             for s in found.studies for r in s.rules}  # fmt: skip
    loss, change = (
        {(s.study, r.key): getattr(r.orders, name).mean for s in found.studies for r in s.rules}
        for name in ("loss_normalized", "degradation_normalized")
    )
    names = [s.name for s in studies]

    def best_on(train: list[str]) -> str:
        mean = {k: sum(loss[s, k] for s in train) / len(train) for k in keys}
        allowed = [k for k in keys if mean[k] <= 0.02]
        return max(allowed, key=lambda k: sum(saved[s, k] for s in train))

    assert found.choice.chosen == best_on(names)
    assert found.choice.in_sample.saved == pytest.approx(
        sum(saved[s, found.choice.chosen] for s in names) / 5
    )
    picked = {held: best_on([s for s in names if s != held]) for held in names}
    held_out = found.choice.held_out
    assert held_out.saved.mean == pytest.approx(sum(saved[s, picked[s]] for s in names) / 5)
    assert held_out.loss_normalized.mean == pytest.approx(
        sum(loss[s, picked[s]] for s in names) / 5
    )
    assert held_out.degradation_normalized.mean == pytest.approx(
        sum(change[s, picked[s]] for s in names) / 5
    )
    assert {(p.key, p.times) for p in found.choice.picked} == {
        (k, list(picked.values()).count(k)) for k in picked.values()
    }


def test_one_study_chooses_on_halves_of_its_trials() -> None:
    found = esim.compare(walks(1, trials=40), RULES, orders=5, choice=True)
    assert (found.choice.by, found.choice.folds, found.choice.repeats) == ("trials", 2, 5)
    assert sum(p.times for p in found.choice.picked) == 10
    assert "one_study" in {w.code for w in found.warnings}
    small = esim.compare(walks(1, trials=12), RULES, orders=5, choice=True)
    assert small.choice.held_out is None
    assert "too little to hold anything out" in small.choice.text


def test_the_best_saves_most_within_the_accepted_mean_loss() -> None:
    found = esim.compare([walks(seed) for seed in range(7)], RULES, orders=10)
    shown = [e for e in found.rules if e.against_best is not None]
    assert {e.key for e in found.rules} - {e.key for e in shown} == {
        e.key for e in found.rules if e.look_ahead
    }
    saved = [e.orders.steps_saved_fraction.mean for e in shown]
    loss = [e.orders.loss_normalized.mean for e in shown]
    within = [i for i, x in enumerate(loss) if x <= 0.05]
    assert within == list(range(len(within)))  # they come first, the most saved first
    assert [saved[i] for i in within] == sorted((saved[i] for i in within), reverse=True)
    assert loss[len(within) :] == sorted(loss[len(within) :])
    assert found.answer.best == shown[0].key
    for i, entry in enumerate(shown):
        beside = entry.against_best
        assert beside.saved_difference.mean == pytest.approx(saved[i] - saved[0])
        assert beside.saved_difference.low <= beside.saved_difference.high
        assert (beside.p is not None) == (0 < i < len(within))
        verdict = "loses too much"
        if i < len(within):
            verdict = "saves less" if beside.p and beside.p <= 0.05 else "not significant"
        assert beside.verdict == ("best" if i == 0 else verdict)
    assert list(found.answer.ties) == [
        e.key for e in shown if e.against_best.verdict == "not significant"
    ]
    for study in found.studies:
        here = {r.key: r.orders for r in study.rules if r.key in {e.key for e in shown}}
        allowed = [k for k, o in here.items() if o.loss_normalized.mean <= 0.05]
        most = max(here[k].steps_saved_fraction.mean for k in allowed)
        assert here[study.winner.key].steps_saved_fraction.mean == most


def test_ranks_are_those_of_every_order() -> None:
    found = esim.compare([walks(seed) for seed in range(7)], RULES, orders=10)
    ranked = [e for e in found.rules if e.rank is not None]
    best = min(e.rank.mean for e in ranked)
    assert sum(e.rank.first for e in ranked) == pytest.approx(1.0)
    assert sum(e.rank.mean for e in ranked) == pytest.approx(len(ranked) * (len(ranked) + 1) / 2)
    for entry in ranked:
        assert entry.rank.low <= entry.rank.mean <= entry.rank.high
        assert entry.rank.difference == pytest.approx(entry.rank.mean - best)
        if entry.rank.p is None:
            assert entry.rank.difference == 0.0
        else:
            assert entry.rank.significant == (entry.rank.p <= 0.05)
        of_studies = [r.rank_mean for s in found.studies for r in s.rules if r.key == entry.key]
        assert entry.rank.mean == pytest.approx(sum(of_studies) / 7)


@pytest.mark.parametrize(("studies", "about"), [(1, "orders"), (4, "orders"), (5, "studies")])
def test_few_studies_are_tested_over_their_orders_only(studies: int, about: str) -> None:
    found = esim.compare([walks(seed) for seed in range(studies)], RULES, orders=16)
    assert found.answer.about == about
    few = "Whether that holds for other studies cannot be tested" in found.answer.sentences[3]
    assert few == (about == "orders")
    assert ("few_studies" in {w.code for w in found.warnings}) == (studies == 4)
    beside = found.rule("none").against_best
    assert (beside.verdict, beside.significant) == ("saves less", True)  # in every order
    assert found.rule("i-epoch[i=1]").against_best.verdict == "loses too much"


def test_where_nothing_can_be_saved_the_answer_is_to_stop_nothing() -> None:
    """The last trial is the best one, by far and only at its end: every early stop loses it all."""
    late = [[1.0 + i / 100] * 5 for i in range(7)] + [[9.0, 9.0, 9.0, 9.0, 0.0]]
    found = esim.compare(
        Study.from_arrays(late, "minimize"), [of(warmup_steps=9), "sagemaker"], orders=8
    )
    assert found.answer.best == "none"
    assert found.answer.sentences[0] == (
        "Within a mean loss of 5.0 % nothing saves anything: stop nothing."
    )
    assert found.answer.sentences[1].startswith("What saves something loses more than that: ")
    assert found.answer.sentences[2].startswith("Next: accept a larger loss")


def test_losing_the_best_trial_is_counted() -> None:
    found = esim.compare(walks(1), RULES, orders=20)
    study = found.studies[0]
    assert study.loses_best
    for loser in study.loses_best:
        kept = next(r for r in study.rules if r.key == loser.key).orders.best_kept
        assert loser.share.count == 20 - kept.count > 0


def test_rules_that_act_alike_are_named() -> None:
    """Two curves without an even number of peers: its median (F) makes no difference."""
    study = esim.Study.from_arrays([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], "minimize")
    rules = [
        esim.rule("sagemaker"),
        esim.rule("sagemaker", method="lower").named("lower", "a test"),
        esim.rule("sagemaker", min_reports=2).named("late", "a test"),
        esim.rule("sagemaker", min_peers=9).named("never", "a test"),
        esim.rule("sagemaker", min_peers=8).named("nor this", "a test"),
    ]
    found = esim.compare(study, rules, orders=2)
    texts = [w.text for w in found.warnings if w.code == "act_alike"]
    assert texts == [
        "these save and lose the same in every launch order, so any one of them will do: "
        "(sagemaker, lower)"
    ]


def test_a_rule_that_never_acts_is_named_with_its_reason() -> None:
    found = esim.compare(walks(1), [of(warmup_steps=50), "sagemaker"], orders=3)
    doubt = next(w for w in found.warnings if w.code == "never_acts")
    assert "waits until step 50, and no trial there goes beyond 12" in doubt.text


def test_cut_trials_leave_degradation_unknown_and_ranked_on_record() -> None:
    status = [Status.COMPLETED] * 23 + [Status.STOPPED]
    found = esim.compare(walks(1, status=status), RULES, orders=3, choice=True)
    assert found.answer.ranked_by == "record"
    assert found.choice is None
    assert found.front.rules == ()
    assert "ranked_on_record" in {w.code for w in found.warnings}
    entry = found.rule("sagemaker")
    assert (entry.front, entry.beyond_i_epoch) == (None, None)
    assert entry.orders.degradation_normalized is None
    assert entry.orders.within is None
    assert entry.orders.steps_saved_fraction is not None
    assert entry.orders.degradation_on_record is not None
    known = esim.compare([walks(1, status=status), walks(2)], RULES, orders=3)
    assert known.rule("sagemaker").orders.degradation_normalized.studies == 1
    assert known.studies[0].winner is None
    assert known.studies[1].winner is not None


def test_bayesian_search_and_bounds_are_doubted() -> None:
    note = Note("strategy_bayesian", "Strategy is Bayesian")
    found = esim.compare(dataclasses.replace(walks(1), notes=(note,)), RULES, orders=2)
    doubts = {w.code: w.text for w in found.warnings}
    assert "a random launch order is none that happens" in doubts["strategy_bayesian"]
    assert [w.code for w in found.studies[0].warnings] == ["strategy_bayesian"]
    bounds = {e.key for e in found.rules if e.look_ahead}
    assert "oracle" in bounds
    for key in bounds:
        assert key in doubts["look_ahead"]
        assert found.rule(key).rank is None
        assert found.rule(key).front is None
    oracle = found.rule("oracle").orders
    assert oracle.best_kept.share == 1.0
    assert oracle.degradation_normalized.max == 0.0


def test_unknown_is_null_and_never_zero() -> None:
    document = json.loads(
        esim.compare(walks(1), RULES, orders=3).to_json(), parse_constant=pytest.fail
    )
    spread = document["rules"][0]["orders"]
    for name in ("seconds_saved_fraction", "billed_saved_fraction", "makespan_saved_fraction"):
        assert spread[name] is None
    assert "no_times" in {w["code"] for w in document["warnings"]}


def test_a_document_comes_back_as_the_same_records() -> None:
    found = esim.compare([walks(1), walks(2)], RULES, orders=3, choice=True)
    again = Comparison.from_dict(json.loads(found.to_json()))
    assert again == found
    assert again.table.equals(found.table)


def test_scaling_and_turning_values_changes_nothing() -> None:
    plain = walks(1)
    scaled = dataclasses.replace(plain, values=2 * plain.values)
    turned = dataclasses.replace(plain, values=-plain.values, direction="maximize")
    numbers = [
        (e.key, e.orders.steps_saved_fraction, e.orders.degradation_normalized, e.rank, e.front)
        for e in esim.compare(plain, RULES, orders=5).rules
    ]
    for other in (scaled, turned):
        assert numbers == [
            (e.key, e.orders.steps_saved_fraction, e.orders.degradation_normalized, e.rank, e.front)
            for e in esim.compare(other, RULES, orders=5).rules
        ]


def test_tables_have_a_row_for_each() -> None:
    found = esim.compare([walks(1), walks(2)], RULES, orders=3)
    n = len(found.rules)
    assert found.table.rule.tolist() == [e.key for e in found.rules]
    assert len(found.by_study) == 2 * n
    assert len(found.by_workers) == n * len(found.settings.workers_table) == 3 * n
    first = found.rules[0]
    assert found.table.steps_saved_fraction[0] == first.orders.steps_saved_fraction.mean
    assert found.table.best_kept_low[0] == first.orders.best_kept.low


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no study": ({"studies": []}, "no study"),
    "orders": ({"orders": 1}, "orders cannot be 1"),
    "final": ({"final": "first"}, "final cannot be"),
    "saved": ({"saved": "effort"}, "saved cannot be"),
    "loss": ({"max_degradation": -1.0}, "max_degradation cannot be"),
    "loss nan": ({"max_degradation": math.nan}, "max_degradation cannot be"),
    "confidence": ({"confidence": 1.0}, "confidence cannot be"),
    "jobs": ({"jobs": 0}, "jobs cannot be"),
    "workers": ({"workers": 0}, "workers cannot be"),
    "clock": ({"clock": "lunar"}, "unknown clock"),
    "clock and workers": ({"clock": "order", "workers": 3}, "takes no workers"),
    "no times": ({"saved": "seconds"}, "no seconds to save"),
    "no price": ({"saved": "cost"}, "no cost to save"),
    "column": ({"grid": {"colour": [1]}}, "no column 'colour'"),
    "rule": ({"rules": ["sagemaker", "sagemakr"]}, "no rule named"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_arguments_are_refused(bad: str) -> None:
    given, message = BAD[bad]
    settings = {"studies": walks(1), "rules": ["sagemaker"], "orders": 2} | given
    with pytest.raises(EsimError, match=message):
        esim.compare(**settings)
