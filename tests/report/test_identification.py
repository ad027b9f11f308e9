"""The figure, the page and the terminal of an identification."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from esim.analyses.identify.identify import identify
from esim.errors import EsimError
from esim.report.figures.fallen_readings import draw_falls, fall_info, fall_plot
from esim.report.figures.plot import figure_of
from esim.report.files import write_identification
from esim.report.pages.document import read_page
from esim.report.terminal.identification import show_identification
from esim.results.identification import Identification
from esim.rules.candidates import Candidate, combinations
from esim.rules.presets import rule
from esim.study import Status, Study
from tests.references.generate import build

DONE, CUT = Status.COMPLETED, Status.STOPPED
HOSTILE = "a\x1b[31m[/x]$_b"


@pytest.fixture(scope="module")
def found() -> tuple[Identification, tuple[Candidate, ...]]:
    """Averages of the first job: 4, 3.5, 3. The second is stopped at 4 > 3.5, its best is 3."""
    study = build([[1, 2, 3], [1, 2]], [[4, 3, 2], [3, 4]], status=[DONE, CUT])
    candidates = {one.name: one for one in combinations(rule("sagemaker"))}
    names = ("literal", "A2", "A3", "H2", "O2")
    return identify([renamed(study)], [candidates[name] for name in names])


def renamed(study: Study) -> Study:
    import dataclasses

    return dataclasses.replace(study, name=HOSTILE, trials=("one", HOSTILE))


def test_the_numbers_of_the_figure(found: tuple[Identification, tuple[Candidate, ...]]) -> None:
    info = fall_info(found[0])
    assert info.jobs == 2
    rows = {row.label.split()[0]: (row.until, row.left, row.settled) for row in info.rows}
    assert rows == {
        "A1": (2, True, True), "A2": (2, False, False), "A3": (2, False, False),
        "H1": (2, True, True), "H2": (2, False, False),
        "O1": (2, True, False), "O2": (2, True, False),
    }  # fmt: skip
    plot = fall_plot(found[0])
    assert plot is not None and plot.description.endswith(".")
    figure = figure_of(plot, HOSTILE)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert draw_falls(info, axes) is axes


def test_the_page_says_what_is_settled_and_by_which_job(
    found: tuple[Identification, tuple[Candidate, ...]], tmp_path: Path
) -> None:
    write_identification(tmp_path / "out", *found)
    page, _ = read_page(tmp_path / "out")
    tables = {table.name: table for table in page.tables()}
    assert {"readings", "open", "alike", "rules", "jobs"} <= tables.keys()
    told = {row[0]: row for row in tables["readings"].rows}
    assert told["A2"][3:5] == (0, 2)
    assert "would not stop it at step 2: best value so far 3 against 3.5" in str(told["A2"][5])
    assert page.tiles[0].value == "2"
    assert page.answer[0].startswith("2 of 5 rules are left, by these jobs, which have no dates")
    assert "\x1b" not in page.title


def test_the_terminal_shows_no_markup_of_names(
    found: tuple[Identification, tuple[Candidate, ...]],
) -> None:
    out = io.StringIO()
    show_identification(found[0], Console(file=out, width=100, markup=False, emoji=False))
    text = out.getvalue()
    assert "\x1b" not in text
    for words in ("What the jobs say", "What speaks against each", "Still open", "Why to doubt it"):
        assert words in text, words
    assert "O2 decides as O1 does at every report of these jobs" in " ".join(text.split())


def test_none_left_writes_no_rules(tmp_path: Path) -> None:
    study = build([[1, 2], [1]], [[3, 3], [2]], status=[DONE, CUT])
    nothing = identify([study], [Candidate("literal", rule("sagemaker"))])
    write_identification(tmp_path / "out", *nothing)
    assert not (tmp_path / "out" / "rule.json").exists()
    assert json.loads((tmp_path / "out" / "result.json").read_text())["left"] == 0
    read_page(tmp_path / "out")
    with pytest.raises(EsimError, match="no rule is left"):
        write_identification(tmp_path / "rule.json", *nothing)
