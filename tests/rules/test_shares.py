"""A share is 5% or 0.05, and never 5: in every flag, argument and column."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

import esim
from esim.analyses.estimate.advice import advise
from esim.analyses.estimate.full_estimate import Wanted
from esim.cli import app
from esim.rules import parse_column, read_preset, share
from esim.rules.refusals import SHARES
from tests.paths import DATA

LOGS = str(DATA / "xgboost_digits" / "sagemaker")
STUDY = esim.Study.from_arrays([[3.0, 2.0, 1.0], [4.0, 4.0, 4.0]] * 8, direction="minimize")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5%", 0.05), ("5 %", 0.05), (" 0.05 ", 0.05), (0.05, 0.05), ("66.7%", 0.667),
        ("0", 0.0), (0, 0.0), ("0.0001%", 1e-6), ("100%", 1.0), ("1.0", 1.0), (1.0, 1.0), (1, 1.0),
    ],
)  # fmt: skip
def test_a_percentage_and_a_fraction_are_the_same_share(value: Any, expected: float) -> None:
    assert share(value, "x") == expected


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("5", "did you mean 5% or 0.05?"), (5, "did you mean '5%' or 0.05?"),
        (5.0, "did you mean '5%' or 0.05?"), ("1.5", "did you mean 1.5% or 0.015?"),
        ("1", "did you mean 1% or 100%?"), ("150%", "a share from 0 to 1, which is 0% to 100%"),
        ("500", "a share from 0 to 1"), (-0.1, "a share from 0 to 1"), ("five", "a share"),
        (float("nan"), "a share"), ("nan", "a share"), ("", "a share"), ("%", "a share"),
        (None, "a share"), (True, "a share"), (float("inf"), "a share"),
    ],
)  # fmt: skip
def test_what_is_no_share_is_refused_with_what_was_meant(value: Any, meant: str) -> None:
    with pytest.raises(esim.EsimError) as refused:
        share(value, "max_degradation")
    assert refused.value.what == f"max_degradation cannot be {value!r}"
    assert refused.value.fix is not None and refused.value.fix.startswith(meant)


def test_a_suggestion_is_itself_possible() -> None:
    with pytest.raises(esim.EsimError, match=r"from 0\.5 to 0\.999, which is '50%' to '99\.9%'"):
        share(5, "confidence", low=0.5, high=0.999)


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("compare", "--max-degradation"), ("compare", "--confidence"),
        ("estimate", "--max-degradation"), ("estimate", "--confidence"),
        ("estimate", "--min-saving"),
    ],
)  # fmt: skip
def test_every_flag_refuses_a_number_above_one(command: str, flag: str) -> None:
    result = CliRunner().invoke(app, [command, LOGS, flag, "90"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"'{flag}'" in result.output
    assert "did you mean 90% or 0.9?" in result.output


def test_the_flags_take_percentages() -> None:
    aims = ["--max-degradation", "20%", "--min-saving", "0.3", "--confidence", "80%"]
    few = ["--replicates", "100", "--trials", "5", "--json"]
    result = CliRunner().invoke(app, ["estimate", LOGS, *few, *aims])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["confidence"] == 0.8
    assert found["advice"]["thresholds"]["max_degradation"] == 0.2
    assert found["advice"]["thresholds"]["min_saving"] == 0.3


@pytest.mark.parametrize("column", SHARES)
def test_every_column_that_is_a_share_takes_both_and_refuses_more(column: str) -> None:
    assert parse_column(f"{column}=5%") == (column, 0.05) == parse_column(f"{column}=0.05")
    with pytest.raises(esim.EsimError, match=r"did you mean 5% or 0\.05\?"):
        parse_column(f"{column}=5")
    bases = {"p_value": "optuna-wilcoxon", "progress_from": "ax-depth", "progress_to": "ax-depth"}
    base = bases.get(column, "sagemaker")
    assert esim.rule(base, **{column: "5%"}) == esim.rule(base, **{column: 0.05})
    with pytest.raises(esim.EsimError, match=r"did you mean '5%' or 0\.05\?"):
        esim.rule(base, **{column: 5.0})
    with pytest.raises(esim.EsimError, match=r"did you mean '5%' or 0\.05\?"):
        esim.Rule("mine", **{column: 5.0})


def test_a_rule_file_takes_percentages(tmp_path: Any) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('based_on = "azure-truncation"\n[columns]\nquantile = "75%"\n')
    found = read_preset(path).rule
    assert found is not None and found.quantile == 0.75


def test_every_argument_takes_both_and_refuses_more() -> None:
    few: dict[str, Any] = {"replicates": 100, "trials": 8}
    found = esim.estimate(STUDY, confidence="80%", **few)
    assert found.confidence == 0.8
    name = "steps_saved_fraction"
    assert found.interval(name, "80%") == found.interval(name, 0.8) == found.interval(name)
    assert advise(found, "10%", "5%") == advise(found)
    compared = esim.compare(
        STUDY, ["azure-truncation"], orders=2, max_degradation="5%", confidence="95%",
        grid={"quantile": ["80%"]},
    )  # fmt: skip
    assert [e.parameters["quantile"] for e in compared.rules if e.role == "rule"] == [0.8]
    for call in (
        lambda: esim.estimate(STUDY, confidence=90, **few),
        lambda: found.interval(name, 90.0),
        lambda: advise(found, min_saving=90.0),
        lambda: advise(found, max_degradation=90.0),
        lambda: Wanted(min_saving=90.0),
        lambda: Wanted(max_degradation=90.0),
        lambda: esim.compare(STUDY, orders=2, max_degradation=90.0),
        lambda: esim.compare(STUDY, orders=2, confidence=90.0),
    ):
        with pytest.raises(esim.EsimError, match=r"did you mean '90%' or 0\.9\?"):
            call()
