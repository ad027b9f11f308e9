"""How records say in Python what they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from esim.errors import clean

_LINES, _LONGEST = 3, 110


def brief(lines: Iterator[str]) -> str:
    """The `repr` of a record: at most three lines, harmless and not too long."""
    return "<" + "\n ".join(clean(line, _LONGEST) for line in islice(lines, _LINES)) + ">"


def counted(n: int, one: str, several: str | None = None) -> str:
    """A number and what it counts: 1 trial, 2 trials."""
    return f"{n} {one}" if n == 1 else f"{n} {several or one + 's'}"
