"""How records say in Python what they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from esim.errors import clean

_LINES, _LONGEST = 3, 110


def brief(lines: Iterator[str]) -> str:
    """The `repr` of a record: at most three lines, harmless and not too long."""
    return "<" + "\n ".join(clean(line, _LONGEST) for line in islice(lines, _LINES)) + ">"
