"""A probability or share in words, the same wherever it is told."""

from __future__ import annotations


def chance_words(chance: float | None, unknown: str = "unknown") -> str:
    """A probability or share in whole per cent; never rounded to nothing or to all.

    Those are claims of their own.

    Args:
        chance: from 0 to 1; None or NaN: unknown.
        unknown: what is said then.

    Example:
        >>> chance_words(0.856), chance_words(0.9991), chance_words(1.0), chance_words(0.002)
        ('86 %', 'over 99 %', '100 %', 'under 1 %')
    """
    if chance is None or chance != chance:
        return unknown
    if 0.0 < chance <= 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= chance < 1.0 else f"{100 * chance:.0f} %"
