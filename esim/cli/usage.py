"""Wrong usage: words that cannot be obeyed, refused with exit code 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer

from esim.errors import EsimError

Word = TypeVar("Word", bound=str)


@contextmanager
def usage() -> Iterator[None]:
    """Errors inside are the user's words, not the logs: exit code 2."""
    try:
        yield
    except EsimError as error:
        raise typer.BadParameter(str(error)) from None


def refuse(what: str, fix: str) -> NoReturn:
    """Inside `usage`: words that cannot be obeyed, and what would work."""
    raise EsimError(what, fix=fix)


def one_of(what: str, word: str, words: Sequence[Word]) -> Word:
    """Inside `usage`: the word of a flag, as the literal that it must be.

    Args:
        what: how the refusal begins, such as "--final cannot be".
        word: what was typed.
        words: all that may be typed, at least two.

    Raises:
        EsimError: it is none of them.
    """
    for known in words:
        if known == word:
            return known
    refuse(f"{what} {word!r}", f"{', '.join(words[:-1])} or {words[-1]}")
