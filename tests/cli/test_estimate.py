"""`esim estimate` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esim.cli import app
from tests.paths import DATA

LOGS = str(DATA / "xgboost_digits" / "sagemaker")
FEW = ["--replicates", "100", "--trials", "20", "--workers", "4"]


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["estimate", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


def test_the_first_lines_say_what_is_saved_lost_and_how_sure() -> None:
    lines = [line.strip() for line in run(LOGS, *FEW).splitlines() if line.strip()]
    assert "next job: 20 trials on 4 workers; from 120 past trials; rule sagemaker" in lines[0]
    assert lines[1].startswith(("Yes, switch it on: ", "Not sure enough for a yes: ", "No: "))
    assert lines[2].startswith("Chance to save at least 10 % of the billed time: ")
    lose = "Chance to lose at most 5 % of the way from the best to the median trial: "
    assert lines[3].startswith(lose)
    assert lines[4].startswith("Chance to keep the best trial: ") and lines[5].startswith("Next: ")
    text = " ".join(lines)
    for words in (
        "What the next job would save", "What it may cost", "If the job is another one",
        "Why to doubt it", "assumed: any launch order is as likely", 'early_stopping_type="Auto"',
    ):  # fmt: skip
        assert words in text, words


def test_the_document_is_strict_json_and_nothing_else() -> None:
    found = json.loads(
        run(LOGS, *FEW, "--json", "--price", "0.5", "--same-cost", "--confidence", "0.8"),
        parse_constant=lambda token: pytest.fail(f"{token} is not JSON"),
    )
    assert found["schema"] == "esim.estimate/1"
    assert found["command"].startswith("esim estimate ")
    assert found["next"].pop("launch_why").startswith("no clear trend of the final values")
    assert found["next"] == {"trials": 20, "workers": 4, "launch": "shuffled"}
    assert found["confidence"] == 0.8
    cost = found["quantities"]["cost_saved"]
    assert cost["unit"] == "money" and cost["low"] <= cost["median"] <= cost["high"]
    assert found["same_cost"]["saved_by"] == "cost"
    assert found["same_cost"]["trials"]["median"] > 20
    assert [row["workers"] for row in found["by_workers"]] == [1, 2, 4, 8, 16]
    saved = [row["steps_saved_fraction"]["median"] for row in found["by_workers"]]
    assert saved == sorted(saved, reverse=True)  # more workers, fewer peers
    assert found["inputs"][0]["format"] == "sagemaker"


def test_out_holds_the_document_and_its_figures(tmp_path: Path) -> None:
    shown = run(LOGS, *FEW, "--backtest", "--readings", "--out", str(tmp_path / "e"))
    assert "Backtest: part of these trials forecast" in shown
    assert "By reading of the documentation" in shown
    document = json.loads((tmp_path / "e" / "result.json").read_text(encoding="utf-8"))
    assert document["backtest"]["splits"] == 100
    assert len(document["readings"]) > 10
    assert set(document["ranges"]) >= {"steps_saved_fraction", "probability_best_kept"}
    names = {path.name for path in (tmp_path / "e" / "figures").iterdir()}
    assert len(names) >= 8
    assert all(name.endswith((".svg", ".png")) for name in names)
    page = CliRunner().invoke(app, ["report", str(tmp_path / "e")])
    assert page.exit_code == 0, page.output


@pytest.mark.parametrize(
    "wrong",
    [
        ["--trials", "0"], ["--confidence", "1.5"], ["--replicates", "5"], ["--launch", "up"],
        ["--min-saving", "2"], ["--max-degradation", "-1"], ["--final", "x"], ["--rule", "x"],
    ],
)  # fmt: skip
def test_wrong_usage(wrong: list[str]) -> None:
    run(LOGS, *wrong, code=2)
