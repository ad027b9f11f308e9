"""Every block of the README, run; `python -m tests.test_readme` writes its outputs anew."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

README = ROOT / "README.md"
OUTPUT = re.compile(r"<!-- output: (?P<command>.*?) -->\n```text\n(?P<shown>.*?)```", re.DOTALL)
SETUP = re.compile(r"<!-- run: (?P<name>\w+) -->\n```sh\n(?P<line>.*?)```", re.DOTALL)
# tests/fetch/test_fetch.py runs it against an account on loopback.
FETCHED = re.compile(r"<!-- fetched: (?P<command>.*?) -->\n```text\n(?P<shown>.*?)```", re.DOTALL)
PYTHON = re.compile(
    r"```python\n(?P<code>(?:(?!```).)*)```\n\nprints\n\n```text\n(?P<shown>.*?)```", re.DOTALL
)

STEPS = re.compile(
    r"<!-- steps: (?P<name>.*?) -->\n```sh\n(?P<commands>.*?)```\n\nprints\n\n"
    r"```text\n(?P<shown>.*?)```",
    re.DOTALL,
)
RULE = re.compile(r"<!-- rule: (?P<name>\w+) -->\n```toml\n(?P<toml>.*?)```", re.DOTALL)
PLUGIN = re.compile(
    r"<!-- file: (?P<file>\w+)\.py -->\n```python\n(?P<code>.*?)```.*?```toml\n(?P<toml>.*?)```",
    re.DOTALL,
)
# tests/live/test_readme_clusters.py runs them, with dask, ray and Spark installed.
CLUSTER = re.compile(
    r"<!-- cluster: (?P<name>\w+) -->\n```(?:sh|python)\n(?P<code>.*?)```", re.DOTALL
)
# tests/simulator/test_cold_start.py runs its command.
IMAGE = re.compile(
    r"<!-- image: warm-up -->\n```dockerfile\nENV (?P<variable>\w+)=\S+\nRUN (?P<command>.*?)\n```"
)


def esim(command: str, where: Path = ROOT) -> str:
    """What a command of the README prints, without blanks at the ends of lines."""
    words = shlex.split(command)
    assert words[0] == "esim"
    run = subprocess.run(
        [sys.executable, "-c", "from esim.cli import main; main()", *words[1:]],
        capture_output=True,
        text=True,
        cwd=where,
        # Compiled even where the tests are not: some commands replay thousands of launch orders.
        env={
            **os.environ,
            "COLUMNS": "100",
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "NUMBA_DISABLE_JIT": "0",
        },
    )
    assert run.returncode == 0, run.stderr
    return "".join(f"{line.rstrip()}\n" for line in run.stdout.splitlines())


TEXT = README.read_text(encoding="utf-8")


@pytest.mark.parametrize("block", list(OUTPUT.finditer(TEXT)), ids=lambda b: b["command"])
def test_a_command_prints_what_the_readme_shows(block: re.Match[str]) -> None:
    assert esim(block["command"]) == block["shown"]


def steps(commands: str, where: Path) -> str:
    """What commands print that write folders, run one after another in a folder of their own."""
    (where / "data").symlink_to(ROOT / "data")
    return "".join(esim(command, where) for command in commands.splitlines())


@pytest.mark.parametrize("block", list(STEPS.finditer(TEXT)), ids=lambda b: b["name"])
def test_steps_print_what_the_readme_shows(block: re.Match[str], tmp_path: Path) -> None:
    assert steps(block["commands"], tmp_path) == block["shown"]


@pytest.mark.parametrize("block", list(PYTHON.finditer(TEXT)), ids=lambda _: "python")
def test_the_python_prints_what_the_readme_shows(block: re.Match[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", block["code"]], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.stderr == ""
    assert run.stdout == block["shown"]


def test_the_reader_of_the_readme_reads(tmp_path: Path) -> None:
    (block,) = PLUGIN.finditer(TEXT)
    assert len([line for line in block["code"].splitlines() if line.strip()]) <= 15
    (points,) = tomllib.loads(block["toml"])["project"]["entry-points"].items()
    site, logs = tmp_path / "site", tmp_path / "logs"
    info = site / "esim_losses-1.dist-info"
    info.mkdir(parents=True)
    (site / f"{block['file']}.py").write_text(block["code"])
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: esim-losses\nVersion: 1\n")
    lines = "\n".join(f"{name} = {target}" for name, target in points[1].items())
    (info / "entry_points.txt").write_text(f"[{points[0]}]\n{lines}\n")
    logs.mkdir()
    for name, losses in (("a", "3 2 1"), ("b", "4 3 2")):
        (logs / f"{name}.losses").write_text("\n".join(losses.split()))
    code = (
        "import esim; study = esim.read_study('logs', direction='minimize')\n"
        "print(sorted(study.trials), sorted(study.values.tolist()), study.steps.tolist())\n"
        "from esim.cli.formats import formats; formats()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "COLUMNS": "200"},
    )  # fmt: skip
    assert run.stderr == ""
    first, *listed = run.stdout.splitlines()
    assert first == "['a.losses', 'b.losses'] [1.0, 2.0, 2.0, 3.0, 3.0, 4.0] [1, 2, 3, 1, 2, 3]"
    assert any("losses" in line and "(package esim-losses)" in line for line in listed)


def test_the_rule_of_the_readme_is_one(tmp_path: Path) -> None:
    from esim.rules import read_preset, rule

    (block,) = RULE.finditer(TEXT)
    path = tmp_path / f"{block['name']}.toml"
    path.write_text(block["toml"])
    changed = {"pool": "ended", "min_completed": 3}
    base = rule("optuna-median", **changed)
    assert read_preset(path).rule == base.named(block["name"], base.source)


def test_set_up_commands_end_in_commands_that_are_run() -> None:
    """.ci/run runs both lines whole; here what they end in is one of the blocks, or the tests."""
    lines = {block["name"]: block["line"].strip() for block in SETUP.finditer(TEXT)}
    assert set(lines) == {"start", "tests"}
    start = lines["start"].rpartition(" && .venv/bin/")[2]
    assert start in {block["command"] for block in OUTPUT.finditer(TEXT)}
    assert " -m pytest " in lines["tests"]
    for line in lines.values():
        assert "\n" not in line
        assert "-c requirements.lock" in line or "--require-hashes -r requirements-dev.lock" in line


def test_what_is_installed_for_development_is_pinned_by_version_and_hash() -> None:
    pinned = re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    text = (ROOT / "requirements-dev.lock").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes)
        assert requirement.partition(" ")[0] in pinned, "write the locks anew: CONTRIBUTING.md"


def test_every_block_is_one_that_is_tested() -> None:
    blocks = re.findall(r"^```(\w*)$", TEXT, flags=re.MULTILINE)
    run = len(OUTPUT.findall(TEXT)) + len(SETUP.findall(TEXT)) + 2 * len(PYTHON.findall(TEXT))
    run += 2 * (len(PLUGIN.findall(TEXT)) + len(STEPS.findall(TEXT)))
    run += len(RULE.findall(TEXT)) + len(CLUSTER.findall(TEXT)) + len(IMAGE.findall(TEXT))
    layout = 1  # the folder of a SageMaker export
    assert len([b for b in blocks if b]) == run + layout + len(FETCHED.findall(TEXT))


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", TEXT))
def test_links_lead_somewhere(target: str) -> None:
    if target.startswith("#"):
        headings = re.findall(r"^## (.*)$", TEXT, flags=re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in headings}
        assert target[1:] in anchors
    else:
        assert (ROOT / target).exists()


def _again(block: re.Match[str]) -> str:
    """A block of steps with what it prints now."""
    with tempfile.TemporaryDirectory() as folder:
        shown = steps(block["commands"], Path(folder))
    first = block.start("shown") - block.start()
    return f"{block[0][:first]}{shown}```"


if __name__ == "__main__":
    fresh = OUTPUT.sub(
        lambda b: f"<!-- output: {b['command']} -->\n```text\n{esim(b['command'])}```", TEXT
    )
    README.write_text(STEPS.sub(_again, fresh), encoding="utf-8")
