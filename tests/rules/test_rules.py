"""The rule table: presets, rules from files, and what a row refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.rules import BASELINES, PRESETS, Rule, groups, meanings, names, preset, read_preset
from tests.paths import DATA
from tests.references.curves import curves
from tests.references.drive import drive, esim_verdicts
from tests.references.twins import Twin

ISSUE = [
    "sagemaker",
    "vizier-median",
    "optuna-median",
    "optuna-percentile",
    "optuna-sha",
    "optuna-hyperband",
    "optuna-patient",
    "optuna-threshold",
    "ray-median",
    "ray-asha",
    "ray-hyperband",
    "synetune-median",
    "synetune-asha",
    "nni-medianstop",
    "katib-medianstop",
    "azure-median",
    "azure-bandit",
    "azure-truncation",
    "wandb-hyperband",
    "ax-percentile",
    "keras-patience",
    "xgboost-patience",
    "lightgbm-patience",
    "none",
    "oracle",
    "i-epoch",
    "top-k-after",
]


def test_every_rule_is_there() -> None:
    assert set(names()) >= set(ISSUE)
    assert set(names()) - set(PRESETS) == {"ray-hyperband"}
    assert names()[0] == "sagemaker"
    assert names()[-4:] == BASELINES


@pytest.mark.parametrize("name", names())
def test_a_preset_says_what_it_is(name: str) -> None:
    row = preset(name)
    assert row.name == name
    assert row.summary and row.source and row.earliest
    for column in row.parameters.values():
        assert any(known in column for known in meanings()), column
    if row.rule is not None:
        assert row.rule.name == name
        assert row.source in row.rule.source


def test_every_column_stands_in_one_group() -> None:
    listed = [column for columns in groups().values() for column in columns]
    assert sorted(listed) == sorted(set(meanings()) - {"source"})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"own": "worst"}, "own cannot be 'worst'"),
        ({"interval": 0}, "interval cannot be 0"),
        ({"quantile": 1.5}, "quantile cannot be 1.5"),
        ({"min_peers": True}, "min_peers cannot be True"),
        ({"quantile": float("nan")}, "quantile cannot be nan"),
        ({"include_self": True}, "include_self cannot be True"),
        ({"lower": 0.5}, "lower cannot be 0.5"),
        ({"keep": 3}, "keep cannot be 3"),
        ({"frame": "as recorded"}, "frame cannot be 'as recorded'"),
        ({"min_delta": 0.1}, "min_delta cannot be 0.1"),
        ({"first_rung": 2}, "first_rung cannot be 2"),
        ({"frozen": True}, "frozen cannot be True"),
        ({"again": "ended"}, "again cannot be 'ended'"),
        ({"rungs": "each"}, "pool cannot be 'ended'"),
        ({"rungs": "each", "pool": "reached"}, "rungs cannot be 'each'"),
        ({"against": "nothing", "pool": "reached"}, "pool cannot be 'reached'"),
        ({"match": "interpolate"}, "match cannot be 'interpolate'"),
        ({"method": "mean", "quantile": 0.2}, "quantile cannot be 0.2"),
        ({"against": "bounds", "lower": 2.0, "upper": 1.0}, "lower cannot be 2.0"),
    ],
)
def test_refusals(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(esim.EsimError, match=said):
        Rule(name="made-up", **columns)


def test_columns_at_rungs_that_mean_nothing_are_refused() -> None:
    for columns in ({"quantile": 0.2}, {"warmup_steps": 3}, {"delay": 1}, {"short": "carry"}):
        with pytest.raises(esim.EsimError, match="cannot be"):
            esim.rule("optuna-sha", **columns)


def test_ray_hyperband_is_refused_with_its_reason() -> None:
    with pytest.raises(esim.EsimError, match="pauses trials"):
        esim.rule("ray-hyperband")


OWN_RULE = """
summary = "stops a trial worse than the third best of those that reported the step"
[columns]
own = "current"
peer = "value"
pool = "reached"
match = "step"
method = "lower"
quantile = 0.25
min_peers = 4
"""


class QuarterTwin(Twin):
    """The rule of that file: worse than element floor((n - 1) / 4) of the others' values."""

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        others = [r[step] for t, r in self.reports.items() if t != trial and step in r]
        if len(others) < 4:
            return False
        return value > sorted(others)[(len(others) - 1) // 4]


def test_a_rule_from_a_file_works_like_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "quarter.toml"
    path.write_text(OWN_RULE)
    study = curves("missing", "minimize", 40, 30, 7)
    for workers in (1, 8):
        expected = drive(study, QuarterTwin("minimize"), workers=workers).verdicts
        actual = esim_verdicts(study, str(path), clock="simulated", workers=workers)
        assert actual == expected
    assert esim.rule(str(path)).name == "quarter"
    run = CliRunner().invoke(app, ["rules", str(path)])
    assert run.exit_code == 0 and "third best" in run.output
    logs = DATA / "image_digits"
    command = ["replay", str(logs), "--rule", str(path), "--set", "min_peers=2", "--json"]
    run = CliRunner().invoke(app, command)
    assert run.exit_code == 0 and '"quarter"' in run.output and '"min_peers": 2' in run.output


def test_a_rule_based_on_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('based_on = "optuna-median"\n[columns]\nmin_completed = 2\n')
    base = esim.rule("optuna-median", min_completed=2)
    assert read_preset(path).rule == base.named("mine", base.source)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns = 3", "columns must be a table"),
        ("colums = {}", "unknown key 'colums'"),
        ("[columns]\nowm = 'best'", "no column 'owm'"),
        ("[columns]\nown = 'wurst'", "own cannot be 'wurst'"),
        ("own = ", "not a TOML file"),
        ('based_on = "ray-hyperband"', "cannot be replayed"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(esim.EsimError, match=said) as raised:
        esim.rule(path)
    assert raised.value.where == str(path)
    with pytest.raises(esim.EsimError, match="cannot read"):
        esim.rule(tmp_path / "missing.toml")


def test_the_oracle_stops_all_but_the_winner_at_their_first_report() -> None:
    study = curves("plain", "maximize", 30, 10, 3)
    result = esim.replay(study, "oracle")
    finals = study.values[study.offsets[1:] - 1]
    kept = result.columns.reports_kept.tolist()
    assert kept == [10 if i == np.argmax(finals) else 1 for i in range(30)]
    assert result.summary.degradation == 0


def test_top_k_after_keeps_the_k_best_at_their_ith_report() -> None:
    study = curves("plain", "minimize", 30, 10, 4)
    row = esim.rule("top-k-after", warmup_steps=3, keep=4)
    values = study.values.reshape(30, 10)
    best = set(np.argsort(values[:, 2])[:4])
    kept = esim.replay(study, row).columns.reports_kept.tolist()
    assert kept == [10 if i in best else 3 for i in range(30)]


def test_ray_median_in_steps() -> None:
    study = curves("plain", "minimize", 30, 10, 5)  # no times: a step is a second
    row = esim.rule("ray-median", warmup_steps=1)
    assert esim.replay(study, row, "order").summary.trials_stopped > 5


def codes(result: Any) -> set[str]:
    return {warning.code for warning in result.warnings}


def test_a_defect_that_decided_is_said_so() -> None:
    nan = float("nan")
    row = esim.rule("ray-median", axis="step", warmup_steps=1, min_peers=1)
    # (2.8 + 2.2 + 2.2) / 3 = 2.4 < 2.5 = (2.8 + 2.2) / 2; the second trial's 2.45 lies between.
    study = esim.Study.from_arrays([[2.8, 2.2, nan], [2.6, 2.45, 1.0]], "minimize")
    found = esim.replay(study, row, "order")
    assert found.columns.reports_kept.tolist() == [2, 2]
    assert "stored_twice" in codes(found)
    righted = esim.replay(study, row.with_columns(again="never"), "order")
    assert righted.columns.reports_kept.tolist() == [2, 3]
    assert "stored_twice" not in codes(righted)


def test_nan_that_decided_is_said_so() -> None:
    made_up = curves("nan", "minimize", 40, 30, 1)
    assert "nan_decided" in codes(esim.replay(made_up, "optuna-sha", "order"))
    plain = curves("plain", "minimize", 40, 30, 1)
    assert "nan_decided" not in codes(esim.replay(plain, "optuna-sha", "order"))


def test_yardsticks_and_missing_times_are_said_so() -> None:
    plain = curves("plain", "minimize", 10, 5, 1)
    assert "looks_ahead" in codes(esim.replay(plain, "oracle", "order"))
    assert "axis_without_times" in codes(esim.replay(plain, "ray-median", "order"))
