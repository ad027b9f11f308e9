"""The console that everything is printed on, and what stands last on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding, PaddingDimensions
from rich.text import Text

from esim.errors import clean

_UNBROKEN = 10_000  # characters of a line that is not for a terminal
_RULE = 80  # characters of the line between two studies, at most


def terminal() -> Console:
    """A console on stdout to which no text is markup: a name such as ``[/x]`` stays as it is.

    On a terminal, text is broken at its width. Elsewhere, as in a pipe or a file, no line is
    broken, so that a search finds whole sentences and whole rows. COLUMNS sets the width of either.
    """
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and int(columns) else None
    if width is None and not sys.stdout.isatty():
        width = _UNBROKEN
    console = Console(markup=False, emoji=False, record=True)
    if width is not None:
        console.size = (width, console.height)  # of a dumb terminal too
    return console


def inset(what: RenderableType, blanks: PaddingDimensions) -> Padding:
    """Something with blanks and blank lines around it, which do not fill the line to its end."""
    return Padding(what, blanks, expand=False)


def separate(console: Console) -> None:
    """Print a line across, between two studies."""
    console.print(Text("─" * min(console.width, _RULE), style="dim"))


def show_last(sentences: Sequence[str], console: Console) -> None:
    """Print the answer in short, after a blank line, if all before it fills a screen.

    What is shorter still shows its answer above the tables.

    Args:
        sentences: a line each.
        console: what was printed on since `terminal` made it.
    """
    if console.export_text(clear=False).count("\n") < console.height:
        return
    console.print()
    for sentence in sentences:
        console.print(Text(clean(sentence, 2000), style="bold"))
