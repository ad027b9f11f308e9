"""The committed reports are what the shipped data gives today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esim.cli import app

ROOT = Path(__file__).parent.parent
REPLAY = ["replay", "data/xgboost_digits/sagemaker", "--readings"]
EXPLAIN = ["explain", "data/xgboost_digits/sagemaker", "xgboost-digits-104-72013146"]


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
