"""The one error esim raises for input it cannot use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class EsimError(ValueError):
    """Input that cannot be used: what is wrong, where, why, and what would work.

    Attributes:
        what: the fault in one sentence.
        where: ``path:line``, a path, or the name of a column or parameter; None if it has no place.
        why: the evidence or the reason, None if `what` says it all.
        fix: what would work, None if nothing would.

    Example:
        >>> import esim
        >>> try:
        ...     esim.rule("ray-medan")
        ... except esim.EsimError as error:
        ...     print(error.what)
        no rule named 'ray-medan'
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.why, self.fix = what, where, why, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        lines = [head]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


@contextmanager
def within(where: str) -> Iterator[None]:
    """Puts a place before that of an error raised inside: a file before the study it holds."""
    try:
        yield
    except EsimError as error:
        place = f"{where}, {error.where}" if error.where else where
        raise EsimError(error.what, where=place, why=error.why, fix=error.fix) from None


def near_names(wrong: str, known: Iterable[str], most: int = 5) -> str:
    """The known names, nearest to the wrong one first, for the end of an error's sentence."""
    names = list(known)
    close = difflib.get_close_matches(wrong, names, n=most, cutoff=0.4)
    shown = (close + [name for name in names if name not in close])[:most]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
