"""`closed_loop`: pairs of futures by hand, the same bytes, searchers that learn, and refusals."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

import esim
from esim.analyses.closed_loop.futures import Arm, Budget, Side, first_trials, play_future
from esim.analyses.closed_loop.loop import Terms
from esim.analyses.closed_loop.record_covered import recorded_best
from esim.analyses.closed_loop.spreads import (
    best_to_median,
    numbers,
    one_more,
    reached,
    recorded_finals,
    spreads,
)
from esim.analyses.closed_loop.told import caveats
from esim.assumptions import Costs
from esim.errors import EsimError
from esim.rules import job_rules
from esim.study import Study
from tests.analyses.closed_loop_tables import Following, Table, in_recorded_order
from tests.references.curves import curves

ONE = Terms(1, Costs(slot_gap_s=0.0))


def future(study: Study, arm: Arm, budget: Budget, terms: Terms = ONE) -> tuple[Side, Side]:
    without, (ruled,) = play_future(
        lambda: Table(study), lambda: Following(in_recorded_order), [arm], terms, study, budget
    )
    return without, ruled


# One slot, a report a second, to minimize. The first three trials are the job, A B C:
#   A 5 5 5 5   B 6 6 6 6   C 7 1 1 1   D 4 4 4 4   E 2 2 2 2   F 9 9 9 9
# Without a rule A B C take 12 seconds and the best is C's 1. With sagemaker B is worse than A's
# running average at its first report and stops after 1 second; C too, at 7: the median of 5 and 6
# is 5.5. So 4 + 1 + 1 = 6 of 12 seconds are saved, and the best of three is 5, worse by 4. The
# arm goes on with the 6 seconds left: D, 4, is no worse than 5, 6 and 7 at any step, so it runs 4
# seconds, to second 10; E, 2, runs from 10 to 14, and is not done at 12. At equal time the best is
# 4, worse by 3, with 4 trials ended. By training A B C D have spent 10 and E ends with 14, so it
# is the same. F is never launched: at 14 all is used.
BY_HAND = [[5.0] * 4, [6.0] * 4, [7.0, 1.0, 1.0, 1.0], [4.0] * 4, [2.0] * 4, [9.0] * 4]


def by_hand() -> Study:
    return esim.Study.from_arrays(BY_HAND, "minimize", elapsed=[[1.0, 2.0, 3.0, 4.0]] * 6)


def test_a_pair_by_hand() -> None:
    without, ruled = future(by_hand(), Arm(esim.rule("sagemaker")), Budget("trials", 3))
    assert without.progress.seconds.tolist() == [4.0, 8.0, 12.0]
    assert without.progress.best.tolist() == [5.0, 5.0, 1.0]
    assert ruled.progress.seconds.tolist() == [4.0, 5.0, 6.0, 10.0, 14.0]
    assert ruled.progress.spent.tolist() == [4.0, 5.0, 6.0, 10.0, 14.0]
    assert ruled.progress.best.tolist() == [5.0, 5.0, 5.0, 4.0, 2.0]
    assert ruled.finals.tolist() == [5.0, 6.0, 7.0]
    found = numbers(without, ruled, 1.0, 2.0)
    assert found["steps_saved_fraction"] == found["seconds_saved_fraction"] == 0.5
    assert found["makespan_saved_fraction"] == 0.5
    assert found["trials_stopped_fraction"] == 2 / 3
    assert (found["degradation"], found["degradation_normalized"]) == (4.0, 2.0)
    assert (found["degradation_equal_time"], found["degradation_equal_spent"]) == (3.0, 3.0)
    assert found["trials_equal_time"] == 4.0
    assert np.isnan(found["cost_saved_fraction"])
    assert reached(without, ruled)
    # Bounded to 4 trials it has not used all by second 10.
    _, short = future(by_hand(), Arm(esim.rule("sagemaker")), Budget("trials", 3, 4 / 3))
    assert short.progress.seconds[-1] == 10.0 and not reached(without, short)


def test_budgets_of_seconds_and_money_bound_what_starts() -> None:
    # A starts at 0, B at 4, C at 8; what would start at 12 does not start within 12.
    arm = Arm(esim.rule("none"))
    without, _ = future(by_hand(), arm, Budget("seconds", 12.0))
    assert without.progress.seconds.tolist() == [4.0, 8.0, 12.0]
    without, _ = future(by_hand(), arm, Budget("seconds", 12.5))
    assert len(without.finals) == 4
    # 3600 an hour is 1 a second: A and B cost 4 each, so that after B 8 are spent, and not 9.
    terms = Terms(1, Costs(price=3600.0, slot_gap_s=0.0))
    without, ruled = future(by_hand(), Arm(esim.rule("sagemaker")), Budget("money", 9.0), terms)
    assert without.progress.cost.tolist() == [4.0, 8.0, 12.0]
    assert numbers(without, ruled, 1.0, 1.0)["cost_saved_fraction"] == 0.5


def test_a_job_level_rule_ends_the_job_and_it_does_not_go_on() -> None:
    arm = Arm(esim.rule("none"), job_rules("max-jobs=2"))
    without, ruled = future(by_hand(), arm, Budget("trials", 3))
    found = numbers(without, ruled, 1.0, 1.0)
    assert found["steps_saved_fraction"] == pytest.approx(1 / 3)
    assert (found["trials_not_started"], found["degradation"]) == (1.0, 4.0)
    assert found["degradation_equal_time"] == 4.0 and reached(without, ruled)


@pytest.mark.parametrize("rule", ["sagemaker", "ray-asha"])
def test_a_prefix_is_the_job_of_only_its_trials(rule: str) -> None:
    study = curves("plain", "minimize", 24, 10, 5, times=True)
    terms = Terms(3, Costs(slot_gap_s=0.0))
    _, ruled = future(study, Arm(esim.rule(rule)), Budget("trials", 10, 2.0), terms)
    alone = esim.replay(first_trials(study, 10), rule, "simulated", 3, costs=terms.costs).summary
    assert float(ruled.outcome.steps_run[0]) == alone.steps_run
    assert float(ruled.outcome.makespan_s[0]) == alone.makespan_s
    assert len(ruled.progress.best) > 10


@pytest.mark.parametrize("rule", ["oracle", "top-k-after"])
def test_a_rule_that_looks_ahead_is_refused(rule: str) -> None:
    study = curves("plain", "minimize", 14, 9, 3, times=True)
    with pytest.raises(EsimError, match="cannot be played trial by trial"):
        future(study, Arm(esim.rule(rule)), Budget("trials", 10, 1.0))


def test_the_record_is_held_against_the_futures_by_hand() -> None:
    # The best so far of the record is 3 3 1. Of 20 futures it is 3 2 1 in 19 and 9 9 9 in one, so
    # the band, which holds 90 %, is 3 2 1 at both ends but for the one; it is 2 after the second
    # launch, where the record has 3: outside at 1 of 3 launches. All futures but the one, which is
    # outside everywhere, are inside everywhere, so nothing is allowed.
    log = np.array([3.0, 4.0, 1.0])
    futures = [np.array([3.0, 2.0, 1.0])] * 20 + [np.array([9.0, 9.0, 9.0])]
    found = recorded_best(log, futures, 1.0)
    assert (found.outside, found.allowed, found.covered) == (1 / 3, 0.0, False)
    assert found.recorded == (3.0, 3.0, 1.0)
    same = recorded_best(log, [log] * 20, 1.0)
    assert same.covered and same.outside == 0.0


def test_spreads_by_hand() -> None:
    found = spreads(
        [{"degradation": float(i), "cost_saved_fraction": np.nan} for i in range(11)], 0.8
    )
    lost = found["degradation"]
    # Of eleven values: 12 ranks for one more, of which 10 % are 1.2, outwards 1: the lowest.
    assert (lost.low, lost.median, lost.high, lost.mean) == (0.0, 5.0, 10.0, 5.0)
    assert found["cost_saved_fraction"].median is None and found["cost_saved_fraction"].known == 0


def test_intervals_of_what_is_lost_are_widened_by_hand() -> None:
    # 0 to 10: the median 5, the ends at 0.8 as above 0 and 10. Twice as far: -5 and 15.
    found = spreads([{"degradation": float(i), "trials_equal_time": float(i)} for i in range(11)],
                    0.8, 2.0)  # fmt: skip
    lost, trials = found["degradation"], found["trials_equal_time"]
    assert (lost.low, lost.median, lost.high, lost.mean) == (-5.0, 5.0, 15.0, 5.0)
    assert (trials.low, trials.high) == (0.0, 10.0)


@pytest.mark.parametrize("n", [19, 20, 57, 100])
def test_one_more_lies_in_the_interval_as_often_as_said(n: int) -> None:
    """4,000 draws of n values and one more: within 4 standard errors of 90 %, or above."""
    values = np.random.default_rng(n).random((4_000, n + 1))
    ends = np.array([one_more(row[:-1], 0.9) for row in values])
    held = ((ends[:, 0] <= values[:, -1]) & (values[:, -1] <= ends[:, 1])).mean()
    outside = int((n + 1) * 0.05)  # ranks at each end: 1, 1, 2 and 5
    expected = (n + 1 - 2 * outside) / (n + 1)
    assert expected >= 0.9 and abs(held - expected) < 4 * np.sqrt(0.09 / 4_000)


def test_the_distance_from_best_to_median() -> None:
    study = esim.Study.from_arrays([[0.5], [0.9, 0.7], [0.6], [np.nan]], "maximize")
    last, best = (recorded_finals(study, final) for final in ("last", "best"))
    np.testing.assert_equal(last, [0.5, 0.7, 0.6, np.nan])
    assert best_to_median(last, -1.0) == pytest.approx(0.1)
    assert best_to_median(best, -1.0) == pytest.approx(0.3)


pytest.importorskip("sklearn")
pytest.importorskip("optuna")

from threadpoolctl import threadpool_limits  # noqa: E402

from esim.analyses.closed_loop.searchers import SEARCHERS, searcher  # noqa: E402
from esim.analyses.closed_loop.space import Hyperparameter, Space  # noqa: E402
from esim.results.closed_loop import ClosedLoop  # noqa: E402
from tests.analyses.test_closed_loop_surrogate import problem  # noqa: E402

SPACE = Space(
    (
        Hyperparameter("x", "float", 0.0, 1.0),
        Hyperparameter("n", "int", 1.0, 9.0),
        Hyperparameter("kind", "category", 0.0, 2.0, levels=("a", "b", "c")),
    )
)


def searched(name: str, seed: int, trials: int = 32) -> list[float]:
    """Values of a bowl around x = 0.3, n = 5 and kind b, two trials at a time; every 7th fails."""
    its, values = searcher(name, SPACE, seed, 2), []
    with threadpool_limits(1):
        for trial in range(trials):
            position = its.ask()
            assert (SPACE.snapped(position) == position).all()
            its.started(trial, position)
            values.append(float((position[0] - 0.3) ** 2 + (position[1] - 0.5) ** 2
                                + 0.2 * (position[2] != 1)))  # fmt: skip
            if trial % 7 == 6:
                its.drop(trial - 1)
            elif trial:
                its.tell(trial - 1, values[trial - 1])
    return values


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_searcher_repeats_itself(name: str) -> None:
    assert searched(name, 3, 14) == searched(name, 3, 14)
    assert searched(name, 3, 14) != searched(name, 4, 14)


@pytest.mark.parametrize("name", ["tpe", "gp"])
def test_a_searcher_that_learns_comes_nearer(name: str) -> None:
    best = min(searched(name, 0))
    random = np.mean([min(searched("random", seed)) for seed in range(20)])
    assert best < 0.5 * random


def test_tpe_learns_from_what_is_run() -> None:
    its, at = searcher("tpe", SPACE, 0, 1), np.array([0.25, 0.5, 1.0])
    for trial in range(15):
        its.ask()
        its.started(trial, at)
        its.tell(trial, float(trial))
    completed = [t for t in its._study.trials if t.state.name == "COMPLETE"]  # type: ignore[attr-defined]
    assert [t.params for t in completed] == [{"0": 0.25, "1": 0.5, "2": 1}] * 15


@pytest.mark.slow
def test_the_same_bytes_for_any_number_of_processes() -> None:
    """Four processes too, and the other searchers: tests/benchmarks/closed_loop.py."""
    asked: dict[str, Any] = {"budget": 11, "futures": 20, "seed": 5, "workers": 2}
    asked["searchers"] = ["random", "tpe"]
    study = problem(24)
    texts = [esim.closed_loop(study, jobs=jobs, **asked).to_json() for jobs in (1, 2)]
    assert texts[0] == texts[1]
    document = json.loads(texts[0])
    assert document["schema"] == "esim.closed-loop/1"
    assert ClosedLoop.from_dict(document).to_json() == texts[0]
    assert [one["searcher"] for one in document["searchers"]] == ["random", "tpe"]
    ranks = document["surrogate"]["rank_correlation"]
    assert [one["widening"] for one in document["searchers"]] == [1.0, 1 / ranks]
    assert document["timed"] and document["surrogate"]["trials"] == 24


def test_what_it_says() -> None:
    study = problem(30)
    found = esim.closed_loop(
        study, "sagemaker", 2, budget=20, searchers=["random"], futures=20,
        costs=Costs(price=2.0),
    )  # fmt: skip
    one = found.of("random")
    assert one.record.covered
    saved = one.quantities["steps_saved_fraction"]
    assert saved.low is not None and 0 <= saved.low <= saved.median <= saved.high <= 1  # type: ignore[operator]
    assert one.quantities["cost_saved_fraction"].known == 1.0
    assert {(band.axis, band.arm) for band in one.bands} == {
        (axis, arm) for axis in ("seconds", "spent", "cost") for arm in ("with", "without")
    }
    replayed = esim.replay(study, "sagemaker", "simulated", 2).summary
    assert found.replayed.steps_saved_fraction == replayed.steps_saved_fraction
    assert [caveat.code for caveat in found.caveats if caveat.code == "surrogate"]
    # Of 20 futures (20 - 1) / (20 + 1) = 0.905; for 0.99 they must be 1.99 / 0.01 = 199.
    assert not [caveat for caveat in found.caveats if caveat.code == "few_futures"]
    told = {c.code: c.text for c in caveats(dataclasses.replace(found, confidence=0.99))}
    assert (
        "20 futures the widest interval holds 90 % of jobs, and 99 % needs 199"
        in told["few_futures"]
    )


def test_no_number_where_futures_do_not_look_like_the_log() -> None:
    """The log's trials get better one by one, the worst first, as no random search goes."""
    study = problem(40)
    finals = study.values.reshape(40, 8)[:, -1]
    order = np.argsort(-finals)
    values = study.values.reshape(40, 8)[order]
    config = {k: [v[i] for i in order] for k, v in study.config.items()}
    sorted_log = esim.Study.from_arrays(values, "minimize", config=config)
    found = esim.closed_loop(sorted_log, "none", 1, searchers=["random"], futures=20)
    one = found.of("random")
    assert not one.record.covered
    assert one.probability_no_worse is None
    assert all(spread.median is None for spread in one.quantities.values())
    assert found.caveats[0].code == "record_not_covered"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"workers": 0}, "workers cannot be 0"),
        ({"futures": 19}, "futures cannot be 19"),
        ({"told": "all"}, "told cannot be 'all'"),
        ({"searchers": ["grid"]}, "no searcher 'grid'"),
        ({"searchers": []}, "searchers must be named"),
        ({"budget": 0}, "a budget cannot be 0"),
        ({"budget": 2.5}, "a budget cannot be 2.5 trials"),
        ({"budget": Budget("money", 5.0)}, "needs a price"),
        ({"budget": Budget("hours", 5.0)}, "a budget of 'hours'"),
        ({"confidence": 1.5}, "confidence"),
        ({"final": "first"}, "final cannot be 'first'"),
        ({"leave_out": ["rate"]}, "no hyperparameter 'rate'"),
    ],
)
def test_arguments_that_cannot_be(asked: dict[str, Any], text: str) -> None:
    with pytest.raises(EsimError, match=text):
        esim.closed_loop(problem(24), "sagemaker", **asked)
