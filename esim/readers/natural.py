"""The natural order of names, which knows the numbers in them."""

from __future__ import annotations

import re


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts names by the numbers in them: "run10" behind "run9".

    >>> sorted(["run10", "run9", "a"], key=natural)
    ['a', 'run9', 'run10']
    """
    return [
        (int(part), "") if part.isascii() and part.isdigit() and len(part) < 19 else (-1, part)
        for part in re.split(r"([0-9]+)", name)
    ]
