"""What was typed, so that a result can say which command made it."""

from __future__ import annotations

import shlex
from typing import Any

import typer
from typer.core import TyperGroup

_TYPED = "esim.typed"
_ELSEWHERE = ("--out", "--fail-if", "--engine", "--jobs", "--address")


class Recording(TyperGroup):
    """The command line's root: keeps what was typed."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """A context that knows its words."""
        typed = tuple(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_TYPED] = typed
        return context


def command_line(context: typer.Context) -> str | None:
    """The command as it was typed, ready for a shell, but for what changes nothing in the result:
    where it went, where and on how many cores it ran, and what was held against it."""
    words = iter(context.meta.get(_TYPED, ()))
    kept = []
    for word in words:
        if word in _ELSEWHERE:
            next(words, None)
        elif word != "--json" and word.partition("=")[0] not in _ELSEWHERE:
            kept.append(word)
    return shlex.join(("esim", *kept)) if kept else None
