"""`esim demo`."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esim.cli import app
from esim.cli.demo import LOGS

DATA = Path(__file__).parents[2] / "data" / "image_digits"
RUN = CliRunner()


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_logs_are_those_in_data() -> None:
    assert contents(LOGS) == contents(DATA)


def test_the_demo_shows_a_command_its_answer_and_what_to_try_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = RUN.invoke(app, ["demo"])
    assert shown.exit_code == 0, shown.output
    command = next(line for line in shown.output.splitlines() if line.startswith("$ esim "))
    again = RUN.invoke(app, shlex.split(command)[2:])
    assert again.output.strip() in shown.output
    of_data = RUN.invoke(app, ["replay", str(DATA)])
    answer = of_data.output.split("read data")[0].split("read /")[0]
    assert answer.strip() in shown.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_it_says_to_try_next_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = RUN.invoke(app, ["demo"]).output
    lines = [line.strip() for line in shown.partition("Try next")[2].splitlines()]
    commands = [line for line in lines if line.startswith("esim ") and "YOUR-LOGS" not in line]
    assert len(commands) == 5
    for command in commands:
        words = shlex.split(command)[1:]
        if words[0] in ("compare", "estimate"):
            words += ["--rules", "sagemaker"] if words[0] == "compare" else ["--replicates", "100"]
        tried = RUN.invoke(app, words)
        assert tried.exit_code == 0, tried.output
    assert RUN.invoke(app, ["report", "result"]).exit_code == 0
