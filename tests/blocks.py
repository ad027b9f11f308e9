"""The fenced blocks of README.md and docs/: found, run, and written anew.

A block of `sh` or `python`, then a line that begins with `prints`, then a block of `text`: it is
run, and has to print that. All blocks of a page are run in one folder, first those of `sh`, then
those of `python`, which share their names as the cells of a notebook do. A comment above a block
says more:

    <!-- up to: LINE -->   only what is printed before that line is shown; where the same commands
                           stand on another page with all that they print, it is taken from there
    <!-- not run: WHY -->  nothing runs it
    <!-- run: NAME -->     a name for it; without `prints`, .ci/run runs it (.ci/readme.py)
    <!-- WORD: NAME -->    a test of its own runs it: ELSEWHERE
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
# The first word of a comment -> the test that runs the block under it.
ELSEWHERE = {
    "actions": "tests/test_docs.py",
    "cluster": "tests/live/test_docs_clusters.py",
    "fetched": "tests/fetch/test_fetch.py",
    "file": "tests/test_docs.py",
    "image": "tests/simulator/test_cold_start.py",
    "rule": "tests/test_docs.py",
}
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[\w ]+): (?P<name>.*?) -->\n)?"
    r"```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
PRINTS = re.compile(r"\n\nprints\b[^\n]*\n\n")
# Runs blocks of Python one after another, and prints what each printed as JSON.
SESSION = """
import contextlib, io, json, sys
names, printed = {"__name__": "__main__"}, []
for code in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "<block>", "exec"), names)
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


@dataclass(frozen=True)
class Block:
    """One fenced block, and the output that the page shows for it, if it shows one."""

    page: Path
    line: int
    mark: str
    name: str
    language: str
    body: str
    shown: str | None
    span: tuple[int, int]  # of what is shown, in the text of the page

    @property
    def runs(self) -> bool:
        """Whether `run_page` runs it."""
        return self.shown is not None and self.mark not in {*ELSEWHERE, "not run"}

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def shared(self, whole: Mapping[str, str]) -> bool:
        """Whether another page shows all that it prints."""
        return self.mark == "up to" and self.body in whole

    def cut(self, printed: str) -> str:
        """What of the output is shown."""
        if self.mark != "up to":
            return printed
        before, found, _ = f"\n{printed}".partition(f"\n{self.name}")
        assert found, f"{self.place}: no line begins with {self.name!r} in\n{printed}"
        return before.lstrip("\n").rstrip("\n") + "\n"


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in order; an output belongs to the block above it."""
    text = page.read_text(encoding="utf-8")
    fences = list(FENCE.finditer(text))
    outputs = set()
    for number, fence in enumerate(fences):
        if number in outputs:
            continue
        shown, span = None, (0, 0)
        if fence["language"] in ("sh", "python") and number + 1 < len(fences):
            after = fences[number + 1]
            between = text[fence.end() : after.start()]
            if after["language"] == "text" and PRINTS.fullmatch(between):
                outputs.add(number + 1)
                shown, span = after["body"], after.span("body")
        yield Block(
            page,
            text.count("\n", 0, fence.start()) + 1,
            fence["mark"] or "",
            fence["name"] or "",
            fence["language"],
            fence["body"],
            shown,
            span,
        )


def marked(mark: str) -> dict[str, Block]:
    """The blocks of all pages under such a comment, by name."""
    return {block.name: block for page in PAGES for block in blocks(page) if block.mark == mark}


def run_page(page: Path, folder: Path) -> list[tuple[Block, str]]:
    """Each block of a page that is run, with what it prints, run in one folder."""
    wanted = [block for block in blocks(page) if block.runs]
    whole = _whole()
    printed = {
        block.line: whole[block.body] if block.shared(whole) else shell(block.body, folder)
        for block in wanted
        if block.language == "sh"
    }
    scripts = [block for block in wanted if block.language == "python"]
    if scripts:
        prepare(folder)
        ran = subprocess.run(
            [sys.executable, "-c", SESSION], input=json.dumps([one.body for one in scripts]),
            capture_output=True, text=True, cwd=folder, env=environment(folder),
        )  # fmt: skip
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
        outputs = json.loads(ran.stdout.splitlines()[-1])
        printed.update({one.line: out for one, out in zip(scripts, outputs, strict=True)})
    return [(block, block.cut(printed[block.line])) for block in wanted]


def _whole() -> dict[str, str]:
    """Commands in one line whose output a page shows whole -> that output."""
    every = (block for page in PAGES for block in blocks(page) if block.runs)
    return {
        block.body: block.shown or ""
        for block in every
        if block.language == "sh" and not block.mark and block.body.count("\n") == 1
    }


def shell(lines: str, folder: Path) -> str:
    """What lines print in a folder, on stdout and stderr, run by a shell."""
    prepare(folder)
    ran = subprocess.run(
        ["bash", "-c", lines], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=environment(folder),
    )  # fmt: skip
    assert ran.returncode == 0, f"{lines}\n{ran.stdout}"
    return "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())


def prepare(folder: Path) -> None:
    """Give a folder the command `esim`, and the repository's logs under their paths."""
    command = folder / "bin" / "esim"
    if command.exists():
        return
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m esim "$@"\n')
    command.chmod(0o755)
    for name in ("data", "tests"):
        (folder / name).symlink_to(ROOT / name)


def environment(folder: Path) -> dict[str, str]:
    """The environment of a block: 100 columns, no colours, this esim."""
    return {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        # Compiled even where the tests are not: some commands replay thousands of launch orders.
        "NUMBA_DISABLE_JIT": "0",
    }


def rewrite(page: Path, folder: Path) -> None:
    """Write what the blocks of a page print now into it."""
    text = page.read_text(encoding="utf-8")
    for block, printed in reversed(run_page(page, folder)):
        first, last = block.span
        text = f"{text[:first]}{printed}{text[last:]}"
    page.write_text(text, encoding="utf-8")
