"""A probability or share in words, the same wherever it is told."""

from __future__ import annotations


def chance_words(
    chance: float | None, unknown: str = "unknown", *, below: float | None = None
) -> str:
    """A probability or share in whole per cent; never rounded to nothing or to all.

    Those are claims of their own.

    Args:
        chance: from 0 to 1; None or NaN: unknown.
        unknown: what is said then.
        below: what is asked for; a chance that falls short of it by less than the rounding is
            "just under" it.

    Example:
        >>> chance_words(0.856), chance_words(0.9991), chance_words(1.0), chance_words(0.002)
        ('86 %', 'over 99 %', '100 %', 'under 1 %')
        >>> chance_words(0.897, below=0.9), chance_words(0.903, below=0.9)
        ('just under 90 %', '90 %')
    """
    if chance is None or chance != chance:
        return unknown
    if 0.0 < chance <= 0.005:
        return "under 1 %"
    if below is not None and chance < below and round(100 * chance) >= 100 * below:
        return f"just under {100 * below:g} %"
    return "over 99 %" if 0.995 <= chance < 1.0 else f"{100 * chance:.0f} %"
