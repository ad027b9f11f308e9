"""The blocks of docs/ci.md, run by a shell; `python -m tests.test_docs` writes outputs anew."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from esim.cli import app
from esim.errors import EsimError
from tests.paths import ROOT

PAGE = ROOT / "docs" / "ci.md"
TEXT = PAGE.read_text(encoding="utf-8")
RUN = re.compile(
    r"<!-- run: (?P<name>\w+) -->\n```sh\n(?P<lines>(?:(?!```).)*)```\n\nprints\n\n"
    r"```text\n(?P<shown>.*?)```",
    re.DOTALL,
)
ACTIONS = re.compile(r"<!-- actions: (?P<file>\S+) -->\n```yaml\n(?P<yaml>.*?)```", re.DOTALL)


def shell(lines: str, folder: Path) -> str:
    """What lines print in a folder with `data`, on stdout and stderr, run by a shell."""
    command = folder / "bin" / "esim"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m esim "$@"\n')
    command.chmod(0o755)
    (folder / "data").symlink_to(ROOT / "data")
    ran = subprocess.run(
        ["bash", "-c", lines], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        },
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    return "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())


@pytest.mark.parametrize("block", list(RUN.finditer(TEXT)), ids=lambda block: block["name"])
def test_a_block_prints_what_the_page_shows(block: re.Match[str], tmp_path: Path) -> None:
    assert shell(block["lines"], tmp_path) == block["shown"]


def test_the_steps_of_the_workflow_are_commands() -> None:
    (block,) = ACTIONS.finditer(TEXT)
    steps = yaml.safe_load(block["yaml"])["jobs"]["replay"]["steps"]
    install, *commands = [shlex.split(step["run"]) for step in steps if "run" in step]
    assert install == ["pip", "install", "."]
    for esim, *words in commands:
        assert esim == "esim"
        ran = CliRunner().invoke(app, words)
        assert isinstance(ran.exception, EsimError), ran.output  # understood; but there are no logs
    kept = next(step["with"]["path"] for step in steps if "upload" in step.get("uses", ""))
    assert set(kept.split()) <= {word for words in commands for word in words}


def test_every_block_is_one_that_is_run() -> None:
    blocks = [word for word in re.findall(r"^```(\w*)$", TEXT, flags=re.MULTILINE) if word]
    assert len(blocks) == 2 * len(RUN.findall(TEXT)) + len(ACTIONS.findall(TEXT))


def _again(block: re.Match[str]) -> str:
    """A block with what it prints now."""
    with tempfile.TemporaryDirectory() as folder:
        shown = shell(block["lines"], Path(folder))
    return f"{block[0][: block.start('shown') - block.start()]}{shown}```"


if __name__ == "__main__":
    PAGE.write_text(RUN.sub(_again, TEXT), encoding="utf-8")
