"""`esim closed-loop` on the command line: its document, its folder, its page, and wrong usage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esim.cli import app
from esim.report.figures.best_so_far import best_info, best_so_far_plots, draw_best
from esim.report.figures.plot import figure_of
from esim.report.pages.document import read_page
from esim.report.simulated_search import answer
from esim.results.closed_loop import ClosedLoop

pytest.importorskip("sklearn")

LOGS = "data/xgboost_digits/sagemaker"
ASKED = [
    "--searcher", "random", "--budget", "12", "--futures", "20", "--jobs", "1", "--price", "1",
    "--until", "not-improving=3", "--rule", "sagemaker", "--against", LOGS,
    "--fail-if", "searchers.random.quantities.steps_saved_fraction.low > 100% or "
    "degradation.low == null",
]  # fmt: skip


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["closed-loop", *words], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output if code != 1 else str(result.exception)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    place = tmp_path_factory.mktemp("closed_loop") / "out"
    return place, run(LOGS, *ASKED, "--out", str(place))


def read(folder: Path) -> ClosedLoop:
    return ClosedLoop.from_dict(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def test_what_is_printed(folder: tuple[Path, str]) -> None:
    place, shown = folder
    found = read(place)
    assert found.searchers[0].record.covered
    for line in answer(found):
        assert line in " ".join(shown.split())
    words = ("12 trials on 4 workers", "sagemaker until not-improving=3", "rank correlation",
             "trials not started", "money saved", "Why to doubt it")  # fmt: skip
    for text in words:
        assert text in shown, text
    assert found.command is not None and "--until not-improving=3" in found.command
    assert found.until[0].text == "not-improving=3"


def test_a_job_to_hold_the_forecast_against(folder: tuple[Path, str]) -> None:
    """The log itself, whose trials all ran to their end: nothing is saved, which is a miss."""
    place, shown = folder
    found = read(place)
    its = found.searchers[0].against
    assert found.pair is not None and found.pair.trials_stopped == 0 and its is not None
    assert its.quantities["steps_saved_fraction"].recorded == 0.0
    assert "steps_saved_fraction" in its.missed
    assert [one["path"] for one in found.inputs] == [LOGS, LOGS]
    assert "Held against xgboost-digits, which ran with the rule: MISSED" in " ".join(shown.split())
    assert "no trial of xgboost-digits was cut short" in " ".join(shown.split())
    page, _ = read_page(place)
    rows = {table.name: table.rows for table in page.tables()}["against-random"]
    assert rows[0][:2] == ("steps saved of a trial", "0.0 %") and rows[0][-1] == "NO"
    several = run(
        LOGS, "--against", "data/tiny/sagemaker", "--against", "data/image_digits", code=1
    )
    assert "the logs of --against hold several studies" in several


def test_the_folder_and_the_page(folder: tuple[Path, str]) -> None:
    place, _ = folder
    names = {"best-random-time", "best-random-training", "best-random-money"}
    assert {p.stem for p in (place / "figures").iterdir()} == names
    page, _ = read_page(place)
    found = read(place)
    assert page.answer == tuple(answer(found))
    tables = {table.name: table for table in page.tables()}
    assert page.table in tables
    saved = found.searchers[0].quantities["steps_saved_fraction"]
    row = next(r for r in tables["numbers-random"].rows if r[1] == "steps saved")
    assert saved.median is not None and row[2] == f"{100 * saved.median:.1f} %"
    assert len(page.doubts) == len(found.caveats)


def test_the_figure_draws_the_bands(folder: tuple[Path, str]) -> None:
    found = read(folder[0])
    info = best_info(found, found.searchers[0], "cost")
    assert info is not None and set(info.arms) == {"with", "without"}
    band = next(b for b in found.searchers[0].bands if (b.axis, b.arm) == ("cost", "with"))
    assert info.arms["with"][1].tolist()[-1] == band.median[-1]
    figure = figure_of(next(best_so_far_plots(found)))
    axes = figure.axes[0]
    assert draw_best(info, axes) is axes


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--budget", "much"], "no budget"),
        (["--budget", "5 hours"], "no budget"),
        (["--searcher", "grid"], "no searcher"),
        (["--told", "all"], "--told cannot be"),
        (["--futures", "5"], "futures"),
    ],
)
def test_wrong_usage(words: list[str], text: str) -> None:
    assert text in " ".join(run(LOGS, *words, code=2).split())


def test_what_cannot_be_learned_from() -> None:
    assert "6 trials with a value ran to their end" in run("data/tiny/sagemaker", code=1)
    several = run("data/tiny/sagemaker", "data/image_digits", "--leave-out", "x", code=1)
    assert "are not of one problem" in several and "--study NAME" in several
