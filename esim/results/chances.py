"""A probability in words, the same wherever it is told."""

from __future__ import annotations


def chance_words(chance: float | None, unknown: str = "unknown") -> str:
    """A probability in whole per cent; one that rounds near certainty is told as a bound.

    Args:
        chance: from 0 to 1; None or NaN: unknown.
        unknown: what is said then.

    Example:
        >>> chance_words(0.856), chance_words(0.9991), chance_words(1.0), chance_words(0.002)
        ('86 %', '99 % or more', '100 %', '1 % or less')
    """
    if chance is None or chance != chance:
        return unknown
    if chance >= 1.0 or chance <= 0.0:
        return f"{100 * chance:.0f} %"
    if chance >= 0.99:
        return "99 % or more"
    if chance <= 0.01:
        return "1 % or less"
    return f"{100 * chance:.0f} %"
