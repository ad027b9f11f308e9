"""Forecasts of a job that a job-level rule ends."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.results.estimate import EstimateDocument
from esim.study import Study
from tests.paths import DATA


def study(trials: int, seed: int = 1) -> Study:
    values = np.random.default_rng(seed).random(trials)
    return Study.from_arrays([[v] * 2 for v in values], "minimize", name="job")


def test_a_limit_of_launches_is_known_beforehand() -> None:
    # 10 of the next 20 trials start, all of two steps: half is saved, and no more or less.
    found = esim.estimate(study(60), until="max-jobs=10", trials=20, replicates=100)
    assert found.rule.name == "none"
    assert found.median("steps_saved_fraction") == pytest.approx(0.5)
    assert found.median("trials_not_started") == 10
    assert found.median("trials_stopped") == 0
    # Any of the 20 is the best, so it is among the first ten in half of all jobs.
    assert found.probability_best_kept == pytest.approx(0.5, abs=0.15)
    document = found.document()
    assert [rule.text for rule in document.until] == ["max-jobs=10"]
    assert EstimateDocument.from_dict(document.to_dict()).to_json() == document.to_json()


def test_with_a_rule_both_act() -> None:
    alone = esim.estimate(study(60), "sagemaker", trials=20, replicates=100)
    both = esim.estimate(study(60), "sagemaker", trials=20, replicates=100, until="max-jobs=10")
    name = "steps_saved_fraction"
    assert both.median(name) > 0.5 > alone.median(name)
    assert "trials_not_started" not in alone.quantities
    assert "until" not in alone.to_dict()


def test_a_longer_job_than_the_past_cannot_be_forecast() -> None:
    found = esim.estimate(study(30), until="not-improving=5,gain=0", trials=40, replicates=100)
    assert found.quantity("steps_saved_fraction") is None
    assert found.probability_best_kept is None
    said = {one.code: one.text for one in found.warnings}
    assert "ask for at most so many (--trials 30)" in said["job_level_beyond"]


def test_on_the_command_line() -> None:
    logs = str(DATA / "image_digits")
    asked = ["--trials", "10", "--replicates", "100", "--until", "not-improving=5"]
    out = CliRunner().invoke(app, ["estimate", logs, *asked], env={"COLUMNS": "120"})
    assert out.exit_code == 0, out.output
    said = " ".join(out.output.split())
    assert "rule none until not-improving=5" in said
    assert "trials never started" in said
    out = CliRunner().invoke(app, ["estimate", logs, *asked, "--json"])
    assert json.loads(out.stdout)["until"][0]["text"] == "not-improving=5"
    out = CliRunner().invoke(app, ["estimate", logs, *asked, "--same-cost"])
    assert out.exit_code == 2
