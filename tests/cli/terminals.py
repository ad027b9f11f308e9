"""What every command prints, on terminals of several widths and encodings and into a pipe.

What takes time is done once for each command; its output is then printed again for each place.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import rich.table
import typer
from rich.console import Console, ConsoleOptions, RenderableType

from esim.cli import app, certify, check, closed_loop, compare, estimate, identify, replay
from esim.cli.process import Steady
from esim.report.terminal.tables import FittingTable
from esim.simulator.caveats import _CHECKS
from tests.paths import DATA

# A line to copy is not broken: what switches AUTO on, a command, and where something was written.
COPIED = re.compile(r"^  (boto3|SDK|console|  )|^ {11,}\S|^wrote |^\$ |^  esim |^\d+ stud\w+ in ")
# Of caveats; prose has words. The column of a job-level rule is called as one of them.
CODES = tuple(code for code, _ in _CHECKS if "_" in code and code != "in_flight")
_ESCAPES = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True)
class Place:
    """Where output goes.

    Attributes:
        name: what it is called.
        columns: its width; None: a pipe, which has none.
        encoding: of its text.
        term: the kind of terminal.
    """

    name: str
    columns: int | None = 80
    encoding: str = "utf-8"
    term: str = "xterm-256color"


PLACES = (
    Place("60", 60),
    Place("80", 80),
    Place("100", 100),
    Place("140", 140),
    Place("pipe", None),
    Place("cp1252", 80, "cp1252"),
    Place("ascii", 80, "ascii"),
    Place("dumb", 80, term="dumb"),
)


class _Sheet(io.RawIOBase):
    """The bytes written, of a stream that is a terminal or is none."""

    def __init__(self, *, terminal: bool) -> None:
        self.written = bytearray()
        self._terminal = terminal

    def write(self, data: Any) -> int:
        self.written += bytes(data)
        return len(bytes(data))

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._terminal


@dataclass
class Shown:
    """What was printed at one place.

    Attributes:
        lines: without escapes.
        broken: the cells, of columns that do not hold sentences, that had no room.
    """

    lines: list[str]
    broken: list[str]

    @property
    def longest(self) -> int:
        """Characters of the longest line that is not there to be copied."""
        return max((len(line) for line in self.lines if not COPIED.match(line)), default=0)


@contextmanager
def printing(place: Place) -> Iterator[tuple[_Sheet, list[str]]]:
    """Inside, stdout is the place; yields what is written, and the cells that are broken."""
    sheet = _Sheet(terminal=place.columns is not None)
    env = {"TERM": place.term}
    if place.columns is not None:
        env["COLUMNS"] = str(place.columns)
    broken: list[str] = []
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    with (
        mock.patch.dict(os.environ, {**kept, **env}, clear=True),
        mock.patch.object(sys, "stdout", Steady(sheet, place.encoding)),
        _watching(broken),
    ):
        yield sheet, broken
        sys.stdout.flush()


@contextmanager
def _watching(broken: list[str]) -> Iterator[None]:
    """Inside, each table that is printed tells its columns that are narrower than their cells."""
    printed = FittingTable.__rich_console__

    def watched(
        self: FittingTable, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        kept, _ = self._fitting(console, options)
        for part in printed(self, console, options):
            if isinstance(part, rich.table.Table):
                widths = part._calculate_column_widths(console, options)
                whole = part._calculate_column_widths(console, options.update(width=10_000))
                for i, width, needed in zip(kept, widths, whole, strict=True):
                    if width < needed and not self.headings[i].flows:
                        name = self.headings[i].text or "names"
                        broken.append(f"{self.title}, {name}: {needed} in {width}")
            yield part

    with mock.patch.object(FittingTable, "__rich_console__", watched):
        yield


def shown_at(place: Place, show: Callable[[], object]) -> Shown:
    """What something prints at a place."""
    with printing(place) as (sheet, broken):
        show()
    text = _ESCAPES.sub("", sheet.written.decode(place.encoding))
    return Shown(text.split("\n"), broken)


@dataclass(frozen=True)
class Command:
    """A command line, and the last step of its command, which prints what the others found.

    Attributes:
        words: the command line.
        module: of the command; None: the whole command is cheap.
        last: the name of its last step in the module.
    """

    words: tuple[str, ...]
    module: ModuleType | None = None
    last: str = "tell"

    @property
    def name(self) -> str:
        """The command and its flags, without paths."""
        return " ".join(word for word in self.words if "/" not in word)

    def prepared(self) -> Callable[[], object]:
        """What prints it, as often as it is called; all else is done, once."""
        return self.run if self.module is None else _last_step(self)

    def run(self) -> None:
        """Run the command."""
        with suppress(SystemExit, typer.Exit):  # what a gate says
            app(list(self.words), standalone_mode=False)


@cache
def _last_step(command: Command) -> Callable[[], object]:
    calls: list[tuple[Any, ...]] = []
    step = getattr(command.module, command.last)
    with mock.patch.object(command.module, command.last, lambda *given: calls.append(given)):
        command.run()
    (given,) = calls
    return lambda: step(*given)


def commands(folder: Path, identified: Path) -> Sequence[Command]:
    """Every command, but for those that talk to AWS or only write.

    Args:
        folder: a new folder, for what commands write.
        identified: logs of jobs that a rule stopped.
    """
    image, forest = str(DATA / "image_digits"), str(DATA / "xgboost_digits" / "sagemaker")
    tiny = str(DATA / "tiny" / "sagemaker")
    history, old, new = (str(folder / name) for name in ("history", "old.json", "new.json"))
    with printing(Place("nowhere", None)):
        Command(("convert", image, forest, history)).run()
    for path, rule in ((old, "sagemaker"), (new, "ray-median")):
        with printing(Place("document", None)) as (sheet, _):
            Command(("replay", image, "--rule", rule, "--json")).run()
        Path(path).write_bytes(sheet.written)
    few = ("--rules", "sagemaker,ray-median,optuna-hyperband,lightgbm-patience")
    searched = ("--searcher", "random", "--budget", "12", "--futures", "20", "--jobs", "1")
    drawn = ("--replicates", "100")
    return (
        Command(("replay", forest, "--readings", "--price", "1.2"), replay),
        Command(("replay", image, "--until", "not-improving=5"), replay),
        Command(("replay", image, forest), replay),
        Command(("replay", history, "--by", "month"), replay, "_tell_history"),
        Command(("check", image), check, "_show"),
        Command(("check", history), check, "_show"),
        Command(("compare", forest, *few, "--orders", "4"), compare),
        Command(("compare", image, forest, *few, "--orders", "4", "--all"), compare),
        Command(("certify", history, *few[:1], "sagemaker,ray-median", "--orders", "2"), certify),
        Command(("estimate", image, *drawn, "--readings", "--same-cost"), estimate),
        Command(("estimate", tiny, *drawn, "--backtest"), estimate),
        Command(
            ("identify", str(identified), "--rules", "sagemaker", "--grid", "min_reports=1,6"),
            identify,
        ),
        *[Command(("closed-loop", forest, *searched), closed_loop)]
        * (find_spec("sklearn") is not None),
        Command(("explain", image, "3")),
        Command(("diff", old, new)),
        Command(("report", old, "--out", str(folder / "page.md"))),
        Command(("convert", image, forest, history)),  # nothing is new
        Command(("rules",)),
        Command(("rules", "sagemaker")),
        Command(("rules", "not-improving")),
        Command(("formats",)),
        Command(("formats", "sagemaker")),
        Command(("schema",)),
        Command(("demo",)),
    )


def help_pages() -> Sequence[Command]:
    """The help page of every command."""
    names = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    words = ((), *((name,) for name in names), ("probe", "sagemaker"), ("fetch", "sagemaker"))
    return tuple(Command((*each, "--help")) for each in words)


@dataclass(frozen=True)
class Row:
    """What is to be told of one output at one place."""

    command: str
    place: str
    longest: int
    faults: tuple[str, ...]


def looked_at(command: Command, places: Sequence[Place] = PLACES) -> Iterator[Row]:
    """What is wrong with what a command prints, at each place."""
    show = command.prepared()
    for place in places:
        shown = shown_at(place, show)
        faults = [f"no room: {cell}" for cell in shown.broken]
        if place.columns is None:
            faults += [f"blanks: {line!r}" for line in shown.lines if line.endswith(" ")]
        elif shown.longest > place.columns:
            faults.append(f"too long: {shown.longest}")
        faults += [f"a code: {code}" for code in CODES if any(code in line for line in shown.lines)]
        yield Row(command.name, place.name, shown.longest, tuple(faults))
