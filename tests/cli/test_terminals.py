"""Output fits any terminal, and any encoding, and goes into a pipe as it is."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import pytest

import esim
from esim.cli import check
from tests.cli.terminals import (
    COPIED,
    PLACES,
    Command,
    Shown,
    commands,
    help_pages,
    looked_at,
    shown_at,
)
from tests.paths import DATA, ROOT
from tests.references.service import picked, served, timed

REPLAY = ("replay", str(DATA / "tiny" / "sagemaker"))


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Command]:
    folder = tmp_path_factory.mktemp("terminals")
    return commands(folder, identified(folder / "identified"))


def identified(folder: Path) -> Path:
    """Ten jobs as a service with a rule would have left them."""
    study = picked(timed(esim.read_study(str(DATA / "image_digits"))), range(10))
    served(study, esim.rule("sagemaker", min_reports=6), 4).to_parquet(folder)
    return folder


@pytest.mark.slow
def test_every_output_fits_everywhere(every: Sequence[Command]) -> None:
    rows = [row for command in every for row in looked_at(command)]
    assert len(rows) == len(every) * len(PLACES)
    assert not [row for row in rows if row.faults]


def test_help_fits_too() -> None:
    places = [place for place in PLACES if place.name in ("60", "pipe", "ascii")]
    assert not [row for page in help_pages() for row in looked_at(page, places) if row.faults]


@pytest.mark.slow
def test_the_answer_in_short_stands_last_where_a_screen_is_full(every: Sequence[Command]) -> None:
    for command in every:
        if command.module in (None, check):
            continue
        show = command.prepared()
        shown = [_on_lines(show, lines) for lines in ("5", "500")]
        full, tall = ("\n".join(one.lines) for one in shown)
        assert full.startswith(tall.rstrip("\n")), command.name
        short = full[len(tall.rstrip("\n")) :].strip("\n").split("\n")
        assert any(line.startswith("Next: ") for line in short), command.name
        assert 2 <= len(short) <= 8, command.name


def _on_lines(show: Callable[[], object], lines: str) -> Shown:
    """What is printed on a terminal of 80 columns and so many lines."""

    def there() -> None:
        with mock.patch.dict(os.environ, LINES=lines):
            show()

    return shown_at(PLACES[1], there)


def test_no_word_is_left_between_one_and_many() -> None:
    unclear = re.compile(r"\b(job|trial|file|row|report|run|value|line|log|input|column)\(s\)")
    for path in (ROOT / "esim").rglob("*.py"):
        assert not unclear.search(path.read_text(encoding="utf-8")), path


def ran(words: Sequence[str], redirect: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """A command in a shell of its own, with its output redirected."""
    line = f'"$0" -m esim "$@" {redirect}'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, sys.executable, *words],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        timeout=60,
    )


def test_a_reader_that_has_seen_enough_and_a_closed_stdout_end_it_quietly() -> None:
    head = ran(["formats"], "| head -1")
    assert (head.returncode, head.stderr, head.stdout.count("\n")) == (0, "", 1)
    closed = ran(["formats"], ">&-")
    assert (closed.returncode, closed.stderr, closed.stdout) == (0, "", "")


def test_plain_locales_get_plain_text_on_both_streams(tmp_path: Path) -> None:
    plain = ran(REPLAY, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert plain.returncode == 0 and plain.stdout.isascii() and " - " in plain.stdout
    assert not plain.stderr
    failed = ran(("replay", str(tmp_path / "naïve")), PYTHONIOENCODING="ascii")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.isascii() and "na\\xefve: cannot be read" in failed.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "env", "escapes"),
    [
        (REPLAY, {}, {"\x1b[1m"}),  # bold
        (("formats", "table"), {"NO_COLOR": "1"}, {"\x1b[1m"}),
        (("formats", "table"), {"TERM": "dumb"}, set()),
    ],
)
def test_a_real_terminal(words: Sequence[str], env: dict[str, str], escapes: set[str]) -> None:
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    known = {"PATH": os.environ["PATH"], "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "esim", *words], stdin=writer, stdout=writer, env={**known, **env}
    ) as process:
        os.close(writer)
        text = b"".join(iter(lambda: written_to(reader), b"")).decode()
    os.close(reader)
    assert process.returncode == 0
    assert {found for found in re.findall("\x1b\\[[0-9;]*m", text) if found == "\x1b[1m"} == escapes
    assert not re.search("\x1b\\[3[0-7]m", text) or "NO_COLOR" not in env
    width = 80 if env.get("TERM") == "dumb" else 60
    lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in text.split("\r\n")]
    assert max(len(line) for line in lines if not COPIED.match(line)) <= width


def written_to(terminal: int) -> bytes:
    """What was written to a terminal meanwhile; nothing at the end."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux says so that the other end is closed
        return b""
