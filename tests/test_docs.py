"""README.md and docs/: blocks are run, links lead somewhere, generated pages are current.

`python -m tests.test_docs` writes outputs and generated pages anew; named pages only with
`python -m tests.test_docs docs/tutorial.md ...`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from esim.cli import app
from esim.errors import EsimError
from tests.blocks import ELSEWHERE, PAGES, blocks, marked, rewrite, run_page
from tests.notebook import NOTEBOOK, executed, outputs
from tests.paths import ROOT
from tests.reference_pages import GENERATED

AGAIN = "python -m tests.test_docs writes it anew"
LINK = re.compile(r"(?<!\\)\]\((?P<target>[^)\s]+)\)")
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINKED = (
    *(*PAGES, NOTEBOOK),
    *(ROOT / page for page in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "data/README.md")),
)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if name(page) == "README.md" else pytest.mark.slow)
        for page in PAGES
        if any(one.runs for one in blocks(page))
    ],
    ids=name,
)
def test_blocks_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for block, printed in run_page(page, tmp_path):
        assert printed == block.shown, f"{block.place}: {AGAIN}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    fences = re.findall(r"^```\w*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = list(blocks(page))
    assert len(fences) == 2 * (len(found) + sum(one.shown is not None for one in found))
    for block in found:
        set_up = block.mark == "run" and block.name in SET_UP and name(page) == "README.md"
        elsewhere = {*ELSEWHERE, "not run"}
        layout = block.language in ("text", "mermaid")
        assert block.runs or set_up or block.mark in elsewhere or layout, block.place


# .ci/run runs them whole.
SET_UP = {"start", "tests"}


def test_set_up_commands_end_in_commands_that_are_run() -> None:
    readme = list(blocks(ROOT / "README.md"))
    lines = {one.name: one.body.strip() for one in readme if one.mark == "run" and not one.runs}
    assert set(lines) == SET_UP
    start = lines["start"].rpartition(" && .venv/bin/")[2]
    assert start in {one.body.strip() for one in readme if one.runs}
    assert " -m pytest " in lines["tests"]
    for line in lines.values():
        assert "\n" not in line
        assert "-c requirements.lock" in line or "--require-hashes -r requirements-dev.lock" in line


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 250


def test_what_is_installed_for_development_is_pinned_by_version_and_hash() -> None:
    pinned = re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    text = (ROOT / "requirements-dev.lock").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes)
        assert requirement.partition(" ")[0] in pinned, "write the locks anew: CONTRIBUTING.md"


def test_the_reader_of_the_docs_reads(tmp_path: Path) -> None:
    files = marked("file")
    code, toml = files["esim_losses.py"].body, files["pyproject.toml"].body
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    (points,) = tomllib.loads(toml)["project"]["entry-points"].items()
    site, logs = tmp_path / "site", tmp_path / "logs"
    info = site / "esim_losses-1.dist-info"
    info.mkdir(parents=True)
    (site / "esim_losses.py").write_text(code)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: esim-losses\nVersion: 1\n")
    lines = "\n".join(f"{name} = {target}" for name, target in points[1].items())
    (info / "entry_points.txt").write_text(f"[{points[0]}]\n{lines}\n")
    logs.mkdir()
    for name, losses in (("a", "3 2 1"), ("b", "4 3 2")):
        (logs / f"{name}.losses").write_text("\n".join(losses.split()))
    script = (
        "import esim; study = esim.read_study('logs', direction='minimize')\n"
        "print(sorted(study.trials), sorted(study.values.tolist()), study.steps.tolist())\n"
        "from esim.cli.formats import formats; formats()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "COLUMNS": "200"},
    )  # fmt: skip
    assert run.stderr == ""
    first, *listed = run.stdout.splitlines()
    assert first == "['a.losses', 'b.losses'] [1.0, 2.0, 2.0, 3.0, 3.0, 4.0] [1, 2, 3, 1, 2, 3]"
    assert any("losses" in line and "(package esim-losses)" in line for line in listed)


def test_the_rule_of_the_docs_is_one(tmp_path: Path) -> None:
    from esim.rules import read_preset, rule

    ((name, block),) = marked("rule").items()
    path = tmp_path / f"{name}.toml"
    path.write_text(block.body)
    base = rule("optuna-median", pool="ended", min_completed=3)
    assert read_preset(path).rule == base.named(name, base.source)


def test_the_steps_of_the_workflow_are_commands() -> None:
    (block,) = marked("actions").values()
    steps = yaml.safe_load(block.body)["jobs"]["replay"]["steps"]
    install, *commands = [shlex.split(step["run"]) for step in steps if "run" in step]
    assert install == ["pip", "install", "."]
    for esim, *words in commands:
        assert esim == "esim"
        ran = CliRunner().invoke(app, words)
        assert isinstance(ran.exception, EsimError), ran.output  # understood; but there are no logs
    kept = next(step["with"]["path"] for step in steps if "upload" in step.get("uses", ""))
    assert set(kept.split()) <= {word for words in commands for word in words}


@pytest.mark.parametrize("page", GENERATED)
def test_a_generated_page_is_current(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == GENERATED[page](), AGAIN


@pytest.mark.slow
def test_the_notebook_shows_what_its_cells_give() -> None:
    held = NOTEBOOK.read_text(encoding="utf-8")
    assert len(held) < 500_000
    assert outputs(executed()) == outputs(held), AGAIN


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_are_only_named_are_commands(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`(esim [a-z][^`\n]*)`", BLOCK.sub("", text))
    lines = [line for block in blocks(page) for line in block.body.splitlines()]
    for line in [*inline, *(line for line in lines if line.startswith("esim "))]:
        words = [word.partition("=")[0] for word in line.split()]
        command: Any = typer.main.get_command(app)
        rest = iter(words[1:])
        while hasattr(command, "commands"):
            word = next(rest, None)
            if word is None or word not in command.commands:
                break
            command = command.commands[word]
        assert not hasattr(command, "commands") or word is None, f"{name(page)}: {line}"
        flags = {flag for one in command.params for flag in one.opts} | {"--help"}
        asked = {word for word in rest if re.fullmatch(r"--[a-z-]+", word)}
        assert asked <= flags, f"{name(page)}: {line}: {asked - flags}"


@pytest.mark.parametrize("page", LINKED, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.finditer(text):
        path, _, anchor = link["target"].partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = page.parent / path if path else page
        assert target.exists(), f"{name(page)} links to {link['target']}"
        if anchor:
            assert anchor in anchors(target), f"{name(page)} links to {link['target']}"


@cache
def anchors(page: Path) -> set[str]:
    """What repository hosts and the site call the headings of a page, which is the same."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in headings}


def main(pages: list[str]) -> None:
    """Write generated pages and what blocks print anew, of all pages or of those named."""
    for page, made in GENERATED.items():
        (ROOT / page).write_text(made(), encoding="utf-8")
    every = sorted(PAGES, key=lambda page: any(one.mark == "up to" for one in blocks(page)))
    for page in [ROOT / one for one in pages] or (*every, NOTEBOOK):
        if page == NOTEBOOK:
            page.write_text(executed(), encoding="utf-8")
            continue
        with tempfile.TemporaryDirectory() as folder:
            rewrite(page, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
