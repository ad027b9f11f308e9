"""What commands print and explain, in words that a first-time user understands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.results.check import Check, CheckDocument, Finding
from tests.paths import DATA

RUN = CliRunner()
COMMANDS = ("", "replay", "check", "compare", "certify", "estimate", "closed-loop", "explain",
            "identify", "diff", "report", "convert", "rules", "fetch sagemaker",
            "probe sagemaker")  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_cuts_no_name_and_shows_no_type_of_python(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = RUN.invoke(app, [*command.split(), "-h"]).output
    assert "--help" in out and "…" not in out and max(map(len, out.splitlines())) <= 60
    assert not re.search(r"<(bool|int|float|str|list|path)", out)


def past(folder: Path, studies: int) -> str:
    """A table of studies of six curves that fall; later trials are worse."""
    rows = ["study,trial,step,loss"]
    for study in range(studies):
        for trial, step in np.ndindex(6, 4):
            rows.append(f"s{study},t{trial},{step + 1},{10 + trial - step / (1 + study)}")
    (folder / "past.csv").write_text("\n".join(rows))
    return str(folder / "past.csv")


def test_many_studies_tell_how_many_each_doubt_concerns(tmp_path: Path) -> None:
    out = RUN.invoke(app, ["replay", past(tmp_path, 5), "--direction", "min"]).output
    told = " ".join(out.split())
    assert told.startswith("All 5 studies: 25 of 30 trials stopped")
    assert "the best trial was stopped in no study." in told
    assert "· 5 studies: so few trials that one launch order says little about" in told
    assert "· 5 studies: trials are replayed one after another" in told


def test_a_comparison_explains_the_columns_that_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["compare", str(DATA / "tiny" / "sagemaker"), "--rules", "sagemaker", "--orders", "4"]
    wide, narrow = (
        RUN.invoke(app, words, env={"COLUMNS": columns}).output for columns in ("140", "50")
    )
    assert "rank: mean" in wide and "p: the chance of such a difference" in " ".join(wide.split())
    assert "no room for: " in narrow and "rank" in narrow.partition("no room for: ")[2][:40]
    assert "rank: mean" not in narrow and "p: the chance" not in narrow
    assert "saved: mean over launch orders" in " ".join(narrow.split())


def test_errors_in_python_name_arguments_and_not_flags(tmp_path: Path) -> None:
    path = past(tmp_path, 1)
    with pytest.raises(esim.EsimError) as error:
        esim.read_study(path)
    assert error.value.fix == 'direction="minimize" or direction="maximize"'
    assert str(error.value).endswith('fix: direction="minimize" or direction="maximize"')
    typed = RUN.invoke(app, ["replay", path])
    assert "--direction minimize or --direction maximize" in str(typed.exception)


def test_results_differ_as_they_are_at_hand() -> None:
    study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
    found = esim.diff(esim.replay(study), esim.replay(study, "none"))
    assert [(one.study, one.why) for one in found.changed] == [("study", ("rule",))]
    with pytest.raises(esim.EsimError, match="is no replay"):
        esim.diff(esim.replay(study), esim.compare(study, ["sagemaker"], orders=2))


def test_a_check_names_its_codes_in_python_and_none_on_a_terminal() -> None:
    from rich.console import Console

    from esim.report.checked import checks_in_short
    from esim.report.terminal.check import show_checks

    finding = Finding("odd_code", "warning", "3 jobs are odd", "look at them", 3, ("a", "b"))
    check = Check("s", "AUTO would act", True, (finding,))
    console = Console(record=True, width=80)
    show_checks(CheckDocument((check,)), {}, console)
    out = console.export_text()
    assert "odd_code" not in out and "odd_code" in repr(check)
    assert "a, b, …" in out and "what to do: look at them" in out
    assert checks_in_short(CheckDocument((check,)))[0] == "AUTO would act."


def test_a_rule_shows_what_is_unlike_its_default() -> None:
    assert "min_peers=7" in repr(esim.rule("sagemaker", min_peers=7))
    assert len(repr(esim.rule("ray-median")).splitlines()) <= 3
