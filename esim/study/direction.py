"""Which way an objective is better."""

from __future__ import annotations

from typing import Literal

from esim.errors import EsimError

Direction = Literal["minimize", "maximize"]


def as_direction(word: str) -> Direction:
    """The direction that a word names, in upper or lower case.

    Args:
        word: "minimize" or "maximize", or short "min" or "max".

    Raises:
        EsimError: it is another word.
    """
    lowered = word.strip().lower() if isinstance(word, str) else word
    if lowered in ("minimize", "min"):
        return "minimize"
    if lowered in ("maximize", "max"):
        return "maximize"
    raise EsimError(f"unknown direction {word!r}", fix="minimize or maximize, min or max")
