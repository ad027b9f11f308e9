"""`esim formats`: a line a format, and the details of one."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from esim.cli import app
from esim.readers.formats import FILES_LENGTH, Format
from esim.readers.own_formats import own_formats
from esim.readers.plugins import PluginFormat


def run(*words: str, exit_code: int = 0, columns: str = "80") -> str:
    ran = CliRunner(env={"COLUMNS": columns}).invoke(app, ["formats", *words])
    assert ran.exit_code == exit_code, ran.output
    return ran.output


@pytest.mark.parametrize("fmt", own_formats(), ids=lambda fmt: fmt.name)
def test_every_format_says_in_a_few_words_what_its_files_are(fmt: Format) -> None:
    assert 0 < len(fmt.files or fmt.summary) <= FILES_LENGTH


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_list_has_a_line_a_format(columns: str) -> None:
    listed, hint = run(columns=columns).split("\n\n")
    lines = listed.splitlines()
    assert [line.split()[0] for line in lines] == [fmt.name for fmt in own_formats()]
    for line, fmt in zip(lines, own_formats(), strict=True):
        whole = line.endswith("  " + (fmt.files or fmt.summary))
        assert (whole or (line.endswith("...") and columns == "40")) and len(line) <= int(columns)
    assert "esim formats NAME" in hint


@pytest.mark.parametrize("files", ["", "long " * 30])
def test_a_line_of_a_plug_in_is_cut_to_fit(monkeypatch: pytest.MonkeyPatch, files: str) -> None:
    other = PluginFormat("losses", "what is read " * 20, files=files, package="a-package")
    monkeypatch.setattr("esim.readers.plugins.known_formats", lambda: (*own_formats(), other))
    (line,) = (line for line in run().splitlines() if line.startswith("losses"))
    assert len(line) == 80 and line.endswith("... (package a-package)")


def test_the_details_of_one() -> None:
    out = " ".join(run("keras").split())
    assert "needs --direction; --objective, if there are several metrics" in out
    assert "report times no" in out and "hyperparameters yes" in out
    assert "index 0 it is printed after the first step" in out
    assert out.endswith("example esim replay LOGS --direction minimize")


@pytest.mark.parametrize("fmt", own_formats(), ids=lambda fmt: fmt.name)
def test_every_format_can_be_shown(fmt: Format) -> None:
    out = run(fmt.name)
    assert "".join(fmt.summary.split()) in "".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_an_unknown_name_is_an_error_with_near_ones() -> None:
    out = run("optun", exit_code=2)
    assert "no format 'optun'" in out and "optuna" in out
