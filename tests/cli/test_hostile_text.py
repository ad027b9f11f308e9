"""Text from logs does no harm wherever it comes out: on a terminal, in documents, on pages."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esim.cli import app
from esim.errors import EsimError, clean, visible

# A colour, a bell, a C1 control, a bidirectional override, a line separator, tags of an invisible
# alphabet, markup of rich, HTML and Markdown, a formula.
EVIL = "=x\x1b[31m\x07\x9b2J\u202ee\u2066\u2028\U000e0041[/x][red]</script><b>|`*_#1@me"
HARMFUL = {character for character in EVIL if not character.isprintable()}
LONG = "y" * 104_006
RUN = CliRunner()


def table(folder: Path, study: str, trial: str, metric: str, key: str, value: str) -> list[str]:
    """A table of reports and one of trials, with names that do not come from friends."""
    folder.mkdir()
    with (folder / "reports.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["study", "trial", "step", metric])
        for rank, name in enumerate((trial, "b", "c", "d", "e")):
            for step in range(1, 7):
                writer.writerow([study, name, step, (rank + 1) / step if rank < 3 else 9 + step])
    with (folder / "trials.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["study", "trial", f"config.{key}", "instance_type"])
        writer.writerows([study, name, value, value] for name in (trial, "b", "c", "d", "e"))
    return [str(folder), "--direction", "minimize"]


def shown(*words: str, code: int = 0) -> str:
    """What a command prints; no line is longer than a screen, or than an error may be."""
    result = RUN.invoke(app, words)
    if isinstance(result.exception, EsimError):
        text = str(result.exception)
        assert code == 1
    else:
        assert result.exit_code == code, result.output + repr(result.exception)
        text = result.output
    assert HARMFUL.isdisjoint(text) and len(text) < 20_000
    return text


@pytest.mark.parametrize("bad", [EVIL, LONG], ids=["evil", "long"])
def test_every_command_prints_names_harmlessly(bad: str, tmp_path: Path) -> None:
    logs = table(tmp_path / "logs", bad, bad, bad, bad[:1000], bad)
    assert "=x\\x1b[31m\\x07" in shown("replay", *logs) or bad is LONG
    shown("check", *logs, code=0)
    shown("explain", *logs[:1], "1", *logs[1:])
    shown("compare", *logs, "--orders", "4", "--rules", "sagemaker")
    shown("estimate", *logs, "--replicates", "100")
    shown("convert", *logs[:1], str(tmp_path / "history"), *logs[1:])
    shown("replay", str(tmp_path / "history"), "--jobs", "1")
    assert "no metric 'loss'" in shown("replay", *logs, "--objective", "loss", code=1)
    shown("explain", *logs[:1], "nobody", *logs[1:], code=1)


def test_pages_and_documents_hold_names_harmlessly(tmp_path: Path) -> None:
    logs = table(tmp_path / "logs", EVIL, EVIL, EVIL, EVIL, EVIL)
    out = tmp_path / "out"
    shown("replay", *logs, "--out", str(out))
    pages = [f"--out={out / 'report'}.{end}" for end in ("html", "md", "csv", "json")]
    shown("report", str(out), *pages)
    for path in (each for each in out.rglob("*.*") if each.suffix not in (".png", ".parquet")):
        text = path.read_text(encoding="utf-8")
        assert HARMFUL.isdisjoint(text), path
        assert "<b>" not in text or path.suffix in (".json", ".csv"), path
        assert not re.search('(^|,)"?=', text, re.MULTILINE) or path.suffix != ".csv", path
    assert all(path.parent in (out, out / "figures") for path in out.rglob("*.*"))
    document = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert document["studies"][0]["study"] == EVIL  # escaped, but the same text


def test_an_error_is_harmless_and_cut() -> None:
    error = EsimError(EVIL, where="a\nb\x1b", why=LONG, fix="line\nline")
    lines = str(error).split("\n")
    assert lines[0].startswith("a\\x0ab\\x1b: =x\\x1b[31m\\x07\\x9b2J\\u202ee")
    assert lines[1].startswith("  why: yyyy") and "102,0" in lines[1] and len(lines[1]) < 2100
    assert lines[2:] == ["  fix: line", "    line"]
    assert error.why == LONG


def test_what_is_cut_and_written_out() -> None:
    assert visible("a\tb\xa0ü日") == "a\\x09b\xa0ü日"
    assert visible("\ud800\U000e0041\x7f") == "\\ud800\\U000e0041\\x7f"
    assert clean("a" * 61) == "a" * 30 + "…" + "a" * 29
    assert clean("a" * 60) == "a" * 60
    assert clean("ab" * 300, 500).startswith("abab") and "100 more characters" in clean(
        "ab" * 300, 500
    )
