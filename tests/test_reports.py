"""The committed reports are what the shipped data gives today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from esim.cli import app
from tests.test_readme import esim

ROOT = Path(__file__).parent.parent
REPLAY = ["replay", "data/xgboost_digits/sagemaker", "--readings"]
EXPLAIN = ["explain", "data/xgboost_digits/sagemaker", "xgboost-digits-104-72013146"]
COMPARE = (
    "esim compare data/xgboost_digits/sagemaker data/mlp_digits/sagemaker data/image_digits "
    "--rules sagemaker,optuna-median,vizier-median,synetune-asha,azure-bandit --choose"
)


@pytest.mark.parametrize(
    ("command", "report"),
    [(REPLAY, "xgboost_digits/result.json"), (EXPLAIN, "explain/explanation.json")],
    ids=["replay", "explain"],
)
def test_a_report_is_current(
    command: list[str], report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write anew with `esim COMMAND --out reports/FOLDER`."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, [*command, "--json"])
    assert result.exit_code == 0, result.output
    expected = json.loads((ROOT / "reports" / report).read_text(encoding="utf-8"))
    assert json.loads(result.stdout) == expected


def test_the_comparison_is_current() -> None:
    """Write anew with COMPARE and `--out reports/compare`.

    To the last digits but a few: means and bootstraps are added up as the machine's BLAS does.
    """
    text = (ROOT / "reports" / "compare" / "result.json").read_text(encoding="utf-8")
    assert_close(json.loads(esim(f"{COMPARE} --json")), json.loads(text))


def assert_close(actual: Any, expected: Any) -> None:
    assert type(actual) is type(expected)
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(actual[key], value)
    elif isinstance(expected, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-12)
    else:
        assert actual == expected
