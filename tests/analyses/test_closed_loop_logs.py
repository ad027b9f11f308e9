"""A closed loop from several logs of one problem, and held against a job that ran with the rule."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

import esim
from esim.analyses.closed_loop.same_problem import check_same_problem, pooled, repeated
from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.study import Study

pytest.importorskip("sklearn")
pytest.importorskip("optuna")

from esim.analyses.closed_loop.futures import Arm, Budget, first_trials
from esim.analyses.closed_loop.held_against import held_against
from esim.analyses.closed_loop.learn import learned
from esim.results.closed_loop import ClosedLoop
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_once
from tests.analyses.test_closed_loop import ONE, future
from tests.analyses.test_closed_loop_surrogate import problem


def named(study: Study, name: str, **columns: Any) -> Study:
    return dataclasses.replace(study, name=name, **columns)


def difference(first: Study, other: Study, *leave_out: str) -> str:
    with pytest.raises(EsimError) as error:
        check_same_problem(first, other, leave_out)
    return str(error.value)


def test_what_makes_two_problems() -> None:
    a = named(problem(20), "a")
    check_same_problem(a, problem(30, seed=1))
    assert "metric is objective in one and loss" in difference(a, named(a, "b", objective="loss"))
    assert "one is to minimize, the other to maximize" in difference(
        a, named(a, "b", direction="maximize")
    )
    more = named(a, "b", config={**a.config, "w": [1.0] * 20, "path": list(map(str, range(20)))})
    assert "only 'b' has w, path" in difference(a, more)
    check_same_problem(a, more, ["w", "path"])
    text = named(a, "b", config={**a.config, "x": ["adam", "sgd"] * 10})
    assert "of numbers in one and of text in the other: x" in difference(a, text)
    one, two = (
        named(a, name, config={**a.config, "data": [data] * 20})
        for name, data in (("a", "may"), ("b", "june"))
    )
    assert "different: data (data is may in one and june in the other)" in difference(one, two)
    check_same_problem(one, named(one, "b", config={**one.config, "data": ["may", "june"] * 10}))
    short = esim.Study.from_arrays(
        a.values.reshape(20, 8)[:, :5], "minimize", elapsed=np.ones((20, 5)), config=a.config
    )
    assert "at step 8 in one and 5 in the other" in difference(a, short)


def test_pooled_trials_are_those_of_each_in_turn() -> None:
    a, b = named(problem(20), "a"), named(problem(25, seed=1), "b")
    both = pooled([a, b])
    assert both.name == "a and 1 other" and both.n_trials == 45
    assert both.values.tobytes() == a.values.tobytes() + b.values.tobytes()
    assert both.elapsed is not None and both.config["x"] == [*a.config["x"], *b.config["x"]]
    assert pooled([a, named(b, "b", elapsed=None)]).elapsed is None
    assert pooled([a]) is a


def test_a_trial_in_two_logs_is_learned_from_once() -> None:
    whole = named(problem(45), "all")
    first = dataclasses.replace(
        first_trials(whole, 25), config={k: v[:25] for k, v in whole.config.items()}
    )
    assert repeated([first, whole]).tolist() == [False] * 25 + [True] * 25 + [False] * 20
    _, quality = learned([first, whole], (), 0)
    assert (quality.trials, quality.left_out) == (45, 25)
    with pytest.raises(EsimError, match="no trial that an earlier log does not hold"):
        learned([whole, first], (), 0)


def test_several_logs_predict_better_than_one() -> None:
    """Each log's trials from both logs and from its own; and new trials of the same problem."""
    a, b = named(problem(24), "a"), named(problem(24, seed=1), "b")
    surrogate, quality = learned([a, b], (), 0)
    alone, _ = learned([a], (), 0)
    assert [log.study for log in quality.logs] == ["a", "b"]
    for log in quality.logs:
        assert log.rank_correlation is not None and log.alone is not None
        assert log.trials == 24 and log.rank_correlation > log.alone
    new = problem(200, seed=9)
    truth = new.values.reshape(200, 8)[:, -1]
    found = []
    for its in (surrogate, alone):
        columns = [
            d.snapped(d.positions(np.array(new.config[d.name]))) for d in its.space.dimensions
        ]
        features = its.space.features(np.stack(columns, axis=1)).tolist()
        finals = its.finals()
        told = [np.mean([finals[tree.find(f)] for tree in its.forest]) for f in features]
        found.append(np.corrcoef(np.argsort(np.argsort(told)), np.argsort(np.argsort(truth)))[0, 1])
    assert found[0] > found[1]


# The log, one slot and one report a second: A 5 5 5 5, B 6 6 6 6 and C 7 1 1 1 without a rule; a
# mean trial has 4 steps. With sagemaker B and C stop after 1 (tests/analyses/test_closed_loop.py).
# The job that ran with the rule: A whole and B after 2, so a mean trial has 3 of 4 steps: 0.25 is
# saved, 1 of 2 was stopped, and its best is A's 5. The future has 4 + 1 + 1 of 3 trials: 2 steps a
# trial, 0.5 saved, 2 of 3 stopped, and the best is A's 5.
def test_a_job_with_the_rule_by_hand() -> None:
    rows = [[5.0] * 4, [6.0] * 4, [7.0, 1.0, 1.0, 1.0]]
    log = esim.Study.from_arrays(rows, "minimize", elapsed=[[1.0, 2.0, 3.0, 4.0]] * 3)
    job = esim.Study.from_arrays(
        [[5.0] * 4, [6.0] * 2], "minimize", elapsed=[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0]],
        status=["completed", "stopped"],
    )  # fmt: skip
    _, ruled = future(log, Arm(esim.rule("sagemaker")), Budget("trials", 3, 1.0), ONE)
    found = held_against(log, job, [ruled] * 20, "last", 0.9, 2.0)
    told = {name: (one.recorded, one.median, one.covered) for name, one in found.quantities.items()}
    assert told == {
        "steps_saved_fraction": (0.25, 0.5, False),
        "seconds_saved_fraction": (0.25, 0.5, False),
        "trials_stopped_fraction": (0.5, 2 / 3, False),
        "best": (5.0, 5.0, True),
    }
    assert found.missed == list(told)[:3]
    assert found.best_so_far.covered and found.best_so_far.recorded == (5.0, 5.0)


def with_rule(study: Study, workers: int = 2) -> Study:
    """A job as it is recorded where the rule stops its trials."""
    clock, costs = Clock("simulated", workers), Costs(slot_gap_s=0.0)
    run = run_once(prepare(study, esim.rule("sagemaker")), clock, costs)
    n, kept = study.n_trials, run.rows_kept
    return esim.Study.from_arrays(
        [study.values[study.offsets[i] :][: kept[i]] for i in range(n)], "minimize",
        elapsed=[study.elapsed[study.offsets[i] :][: kept[i]] for i in range(n)],  # type: ignore[index]
        start=run.began, end=run.ended, config=study.config, name="auto",
        status=["stopped" if one else "completed" for one in run.stopped],
    )  # fmt: skip


@pytest.fixture(scope="module")
def pairs() -> list[ClosedLoop]:
    """A log and a job with the rule, of one problem, and of one whose values are higher by 1."""
    log, job = problem(30), with_rule(problem(30, seed=1))
    asked: dict[str, Any] = {"searchers": ["random"], "futures": 20, "seed": 3}
    return [
        esim.closed_loop(log, "sagemaker", against=one, **asked)
        for one in (job, dataclasses.replace(job, values=job.values + 1.0))
    ]


def test_the_forecast_covers_what_a_job_recorded(pairs: list[ClosedLoop]) -> None:
    found = pairs[0]
    assert found.clock.workers == 2 and found.budget.amount == 30
    assert found.pair is not None and found.pair.study == "auto"
    assert found.pair.trials_stopped > 5
    its = found.of("random").against
    assert its is not None and its.missed == [] and its.best_so_far.covered
    assert not [c for c in found.caveats if c.code.startswith("pair")]
    assert ClosedLoop.from_dict(json.loads(found.to_json())).to_json() == found.to_json()


def test_a_miss_is_said(pairs: list[ClosedLoop]) -> None:
    found = pairs[1]
    its = found.of("random").against
    assert its is not None and its.missed == ["best"] and not its.best_so_far.covered
    told = next(caveat.text for caveat in found.caveats if caveat.code == "pair_missed")
    assert "random: what auto recorded with the rule lies outside the forecast in best" in told


def test_a_job_of_another_problem_or_without_stops() -> None:
    log = problem(30)
    with pytest.raises(EsimError, match="are not of one problem"):
        esim.closed_loop(log, against=named(log, "b", objective="loss"))
    with pytest.raises(EsimError, match="1 trials with a value in the job"):
        esim.closed_loop(log, against=first_trials(log, 1))
    with pytest.raises(EsimError, match="no study to learn from"):
        esim.closed_loop([])
