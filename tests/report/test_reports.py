"""The committed reports are what the shipped data gives today.

`python -m tests.report.test_reports` writes them anew, from the root of the repository.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from esim.cli import app
from esim.report.formats.csv_and_json import page_digest
from esim.report.pages.document import read_decision, read_page, write_page
from esim.report.pages.page import Page
from esim.results.saved import SavedResult
from tests.blocks import shell
from tests.paths import ROOT
from tests.report.pages import without_geometry

pytestmark = pytest.mark.slow

# Folder under reports/ -> the command that writes it, but for --out.
REPORTS = {
    "xgboost_digits": "replay data/xgboost_digits/sagemaker --readings",
    "mlp_digits": "replay data/mlp_digits/table --objective validation:accuracy "
    "--direction maximize --workers 4 --price 0.23 --readings",
    "image_digits": "replay data/image_digits --workers 2 --readings",
    "compare": "compare data/xgboost_digits/sagemaker data/mlp_digits/sagemaker data/image_digits "
    "--rules sagemaker,optuna-median,vizier-median,synetune-asha,azure-bandit --choose",
    "compare_xgboost": "compare data/xgboost_digits/sagemaker "
    "--rules sagemaker,optuna-median,vizier-median,synetune-asha,azure-bandit --orders 40",
    "estimate": "estimate data/xgboost_digits/sagemaker --trials 50 --workers 4 --same-cost",
}
# Folder under reports/ -> the results that its page is made of, and what is said with them.
DECISIONS = {
    "decision": "reports/xgboost_digits reports/compare_xgboost reports/estimate "
    "--jobs-per-month 200",
}
EXPLAIN = "explain data/xgboost_digits/sagemaker xgboost-digits-104-72013146"
COMMANDS = {
    **{f"{folder}/result.json": command for folder, command in REPORTS.items()},
    "explain/result.json": EXPLAIN,
}
AGAIN = "python -m tests.report.test_reports"


def esim(command: str) -> str:
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("file", COMMANDS)
def test_a_result_is_current(file: str, tmp_path: Path) -> None:
    """To the last digits but a few: how means are added up differs between machines."""
    expected = json.loads((ROOT / "reports" / file).read_text(encoding="utf-8"))
    assert_close(json.loads(shell(f"esim {COMMANDS[file]} --json", tmp_path)), expected)


def assert_close(actual: Any, expected: Any) -> None:
    assert type(actual) is type(expected), AGAIN
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), AGAIN
        for key, value in expected.items():
            assert_close(actual[key], value)
    elif isinstance(expected, list):
        assert len(actual) == len(expected), AGAIN
        for one, other in zip(actual, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-12), AGAIN
    else:
        assert actual == expected, AGAIN


@pytest.mark.parametrize("folder", [*REPORTS, *DECISIONS])
def test_a_report_is_current(folder: str, tmp_path: Path) -> None:
    """The page, its Markdown and its PDF; figures by what they tell."""
    committed = ROOT / "reports" / folder
    page, sources = read_again(folder)
    write_page(page, sources, tmp_path / "report.html")
    actual, expected = (
        without_geometry((where / "report.html").read_text(encoding="utf-8"))
        for where in (tmp_path, committed)
    )
    assert actual == expected, AGAIN
    assert page_digest(page).encode() in (committed / "report.pdf").read_bytes(), AGAIN
    text = (committed / "report.md").read_text(encoding="utf-8")
    for sentence in page.answer:
        assert sentence.replace("_", r"\_") in text, AGAIN


def read_again(folder: str) -> tuple[Page, list[SavedResult]]:
    """The page of a folder under reports/, of what is committed, and its results."""
    if folder in REPORTS:
        page, source = read_page(ROOT / "reports" / folder)
        return page, [source]
    *results, _, jobs = DECISIONS[folder].split()
    return read_decision([ROOT / path for path in results], jobs_per_month=float(jobs))


def write() -> None:
    """All of reports/ but the benchmarks, anew."""
    os.chdir(ROOT)
    for folder, command in REPORTS.items():
        out = f"reports/{folder}"
        shutil.rmtree(out, ignore_errors=True)
        esim(f"{command} --out {out}")
        esim(f"report {out} {_targets(folder)}")
    for folder, results in DECISIONS.items():
        shutil.rmtree(f"reports/{folder}", ignore_errors=True)
        (ROOT / "reports" / folder).mkdir()
        esim(f"report {results} {_targets(folder)}")
    shutil.rmtree("reports/explain", ignore_errors=True)
    esim(f"{EXPLAIN} --out reports/explain")


def _targets(folder: str) -> str:
    return " ".join(f"--out reports/{folder}/report.{end}" for end in ("html", "md", "pdf"))


if __name__ == "__main__":
    write()
