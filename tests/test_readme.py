"""Every block of the README, run; `python -m tests.test_readme` writes its outputs anew."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
OUTPUT = re.compile(r"<!-- output: (?P<command>.*?) -->\n```text\n(?P<shown>.*?)```", re.DOTALL)
SETUP = re.compile(r"<!-- run: (?P<name>\w+) -->\n```sh\n(?P<line>.*?)```", re.DOTALL)
# tests/test_fetch.py runs it against an account on loopback.
FETCHED = re.compile(r"<!-- fetched: (?P<command>.*?) -->\n```text\n(?P<shown>.*?)```", re.DOTALL)
PYTHON = re.compile(
    r"```python\n(?P<code>.*?)```\n\nprints\n\n```text\n(?P<shown>.*?)```", re.DOTALL
)


def esim(command: str) -> str:
    """What a command of the README prints, without blanks at the ends of lines."""
    words = shlex.split(command)
    assert words[0] == "esim"
    run = subprocess.run(
        [sys.executable, "-c", "from esim.cli import main; main()", *words[1:]],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )
    assert run.returncode == 0, run.stderr
    return "".join(f"{line.rstrip()}\n" for line in run.stdout.splitlines())


TEXT = README.read_text(encoding="utf-8")


@pytest.mark.parametrize("block", list(OUTPUT.finditer(TEXT)), ids=lambda b: b["command"])
def test_a_command_prints_what_the_readme_shows(block: re.Match[str]) -> None:
    assert esim(block["command"]) == block["shown"]


@pytest.mark.parametrize("block", list(PYTHON.finditer(TEXT)), ids=lambda _: "python")
def test_the_python_prints_what_the_readme_shows(block: re.Match[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", block["code"]], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.stderr == ""
    assert run.stdout == block["shown"]


def test_set_up_commands_end_in_commands_that_are_run() -> None:
    """.ci/run runs both lines whole; here what they end in is one of the blocks, or the tests."""
    lines = {block["name"]: block["line"].strip() for block in SETUP.finditer(TEXT)}
    assert set(lines) == {"start", "tests"}
    start = lines["start"].rpartition(" && .venv/bin/")[2]
    assert start in {block["command"] for block in OUTPUT.finditer(TEXT)}
    assert " -m pytest " in lines["tests"]
    for line in lines.values():
        assert "\n" not in line
        assert "-c requirements.lock" in line


def test_every_block_is_one_that_is_tested() -> None:
    blocks = re.findall(r"^```(\w*)$", TEXT, flags=re.MULTILINE)
    run = len(OUTPUT.findall(TEXT)) + len(SETUP.findall(TEXT)) + 2 * len(PYTHON.findall(TEXT))
    layout = 1  # the folder of a SageMaker export
    assert len([b for b in blocks if b]) == run + layout + len(FETCHED.findall(TEXT))


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", TEXT))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


if __name__ == "__main__":
    README.write_text(
        OUTPUT.sub(
            lambda b: f"<!-- output: {b['command']} -->\n```text\n{esim(b['command'])}```", TEXT
        ),
        encoding="utf-8",
    )
