"""No result breaks a bound, whatever the study; and a number that does is an error."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config

import esim
from esim.analyses.history.replay_history import ReplaySettings, replay_history
from esim.assumptions import Costs
from esim.errors import EsimError
from esim.results.estimate import EstimateDocument
from esim.results.validate import BOUNDS, CLOCK_S, validate_document, validate_jobs, validate_trials
from esim.rules import PRESETS
from esim.simulator.replay import Replays, replay_batches
from esim.study import Study
from tests.references.generate import FromHypothesis, make_settings, make_study
from tests.storage.test_history import given_input, written

PRICED = Costs(price=2.5, startup_s=1.5, stop_latency_s=0.25)


def study(**columns: Any) -> Study:
    """Six jobs of six minutes, one after another; the worse the later they start."""
    values = [[10.0 + i - k for k in range(6)] for i in range(6)]
    start = [600.0 * i for i in range(6)]
    end = [600.0 * i + 375.0 for i in range(6)]
    elapsed = [60.0 * (k + 1) for k in range(6)]
    return Study.from_arrays(values, "minimize", elapsed, start, end, **columns)


def replayed(*studies: Study, costs: Costs = PRICED) -> Replays:
    rule = esim.rule("sagemaker")
    ((_, found),) = replay_batches(studies, rule, None, 1, costs=costs, final="last")
    return found


def numbers(found: Replays) -> dict[str, Any]:
    longest = np.array([375.0] * len(found.batch))
    told = vars(found.outcomes) | {"longest_trial_s": longest, "ranks": found.batch.sizes + 1}
    return {key: value.copy() for key, value in told.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("end", ["least", "most"])
@pytest.mark.parametrize("name", BOUNDS)
def test_every_bound_of_a_job_fires(name: str, end: str, jobs: int) -> None:
    right = numbers(replayed(*(study(name=str(i)) for i in range(jobs))))
    validate_jobs(right)
    bound = BOUNDS[name][end == "most"]
    limit = float(bound) if bound in ("0", "1") else right[bound][-1]
    limit -= CLOCK_S if bound == "longest_trial_s" else 0.0
    right[name] = right[name].astype(np.float64)
    right[name][-1] = limit + (1.0 if end == "most" else -1.0)
    with pytest.raises(EsimError) as error:
        validate_jobs(right, "study 'x'")
    assert error.value.what.startswith(f"a number that cannot be: {name} is ")
    assert f"{'more' if end == 'most' else 'less'} than {limit:.10g}" in str(error.value.why)
    assert bound in ("0", "1") or str(error.value.why).endswith(f", {bound}")
    assert error.value.where == "study 'x'" + ("" if jobs == 1 else ", job 3 of 3")
    assert "report it" in str(error.value.fix)


def test_what_is_unknown_breaks_no_bound() -> None:
    found = numbers(replayed(study()))
    validate_jobs({key: np.full(1, np.nan) for key in found})


@pytest.mark.parametrize("name", ["steps_run", "seconds_run", "end_s"])
def test_every_bound_of_a_trial_fires(name: str) -> None:
    columns = replayed(study()).columns
    validate_trials(columns)
    doctored = getattr(columns, name).copy()
    doctored[2] = 10**6
    with pytest.raises(EsimError, match=f"{name} is 1000000") as error:
        validate_trials(dataclasses.replace(columns, **{name: doctored}))
    assert error.value.where == "trial '2'"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"steps_saved_fraction": 2.0}, "steps_saved_fraction is 2: that is more than 1"),
        ({"a": [{"x_fraction": {"low": -0.5}}]}, "a[0].x_fraction.low is -0.5: that is less than"),
        ({"probability_best_kept": 1.01}, "probability_best_kept is 1.01"),
        ({"share": {"low": 0.1, "high": 1.5}}, "share.high is 1.5"),
        ({"p": -0.01}, "p is -0.01: that is less than 0"),
        ({"x": {"low": 2.0, "high": 1.0}}, "x.low is 2: that is more than 1, high"),
        ({"best_kept": {"count": 9, "of": 8}}, "best_kept.count is 9: that is more than 8, of"),
        ({"cost_saved": np.array([1.0, -2.0])}, "cost_saved is -2: that is less than 0"),
        ({"steps_recorded": 3, "steps_run": 4}, "steps_run is 4: that is more than 3, steps_"),
        ({"trials": 3, "trials_stopped": 4}, "trials_stopped is 4: that is more than 3, trials"),
    ],
)
def test_every_bound_of_a_document_fires(document: Any, said: str) -> None:
    with pytest.raises(EsimError) as error:
        validate_document(document)
    assert said in f"{error.value.what}: {error.value.why}".split("cannot be: ")[1]


def test_a_document_within_its_bounds() -> None:
    validate_document(
        {
            "steps_saved_fraction": {"mean": 0.5, "low": None, "high": float("nan"), "studies": 7},
            "degradation_normalized": -3.0,
            "best_kept": {"share": 1.0, "count": 9, "of": 9},
            "best_rank": 4.0,
            "share": 1.0 + 1e-12,
            "cost": None,
        }
    )


def test_documents_are_validated_when_they_are_made(tmp_path: Any) -> None:
    past = study(name="a")
    history = replay_history(
        written(tmp_path / "h", given_input("in", past)), ReplaySettings(esim.rule("sagemaker"))
    )
    with pytest.raises(EsimError, match="steps_run is 1000000"):
        dataclasses.replace(history, totals={**history.totals, "steps_run": 10**6})
    comparison = esim.compare(past, ["sagemaker"], orders=2)
    recorded = comparison.rules[0].recorded
    wrong = dataclasses.replace(recorded, steps_saved_fraction=2.0)
    with pytest.raises(EsimError, match=r"rules\[0\].recorded.steps_saved_fraction is 2"):
        dataclasses.replace(
            comparison, rules=(dataclasses.replace(comparison.rules[0], recorded=wrong),)
        )
    estimate = esim.estimate(past, replicates=100)
    with pytest.raises(EsimError, match=r"probability_best_kept is 1\.5"):
        dataclasses.replace(estimate, probability_best_kept=1.5)
    document = estimate.document()
    assert isinstance(document, EstimateDocument)
    with pytest.raises(EsimError, match=r"probability_best_kept is 1\.5"):
        dataclasses.replace(document, probability_best_kept=1.5)


@settings(max_examples=20 if config.DISABLE_JIT else 60, deadline=None)
@given(st.data())
def test_no_replay_breaks_a_bound(data: st.DataObject) -> None:
    pick = FromHypothesis(data.draw)
    odd = make_study(pick, times=pick.one((None, "schedule")))
    rule = pick.one(tuple(PRESETS))
    asked = make_settings(pick, odd)
    clock, workers = asked["clock"], asked.get("workers", 1)
    price = pick.one((None, 0.0, 2.5))
    costs = Costs(
        price=price,
        startup_s=asked.get("startup_s", 0.0),
        stop_latency_s=asked.get("stop_latency_s", 0.0),
        upload_s=asked.get("upload_s"),
    )
    final = pick.one(("last", "best"))
    one = esim.replay(odd, rule, clock, workers, costs=costs, final=final)
    several = [dataclasses.replace(odd, name=str(i)) for i in range(3)]
    batch = replay_batches(several, esim.rule(rule), clock, workers, costs=costs, final=final)
    for _, replays in batch:
        for result in replays.results():
            # A rule with brackets draws them by the study's name, so the studies may differ.
            if PRESETS[rule].brackets == "one":
                assert result.summary == one.summary
