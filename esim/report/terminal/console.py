"""The console that everything is printed on."""

from __future__ import annotations

from rich.console import Console


def terminal() -> Console:
    """A console on stdout to which no text is markup: a name such as ``[/x]`` stays as it is."""
    return Console(markup=False, emoji=False)
