"""A page as Markdown, for example for a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from esim.report.pages.page import Page
from esim.report.words import visible

# Characters that can begin markup, a mention or a reference anywhere in a line.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$&#@])")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)([:.])")
_LIST = re.compile(r"^(\s*)([-+]|\d+[.)]|-+|=+)(?=\s|$)")


class Markdown(str):
    """Text that is Markdown already, and must not be escaped again."""

    __slots__ = ()


def escaped(text: str) -> str:
    """Text that a Markdown viewer shows as it is: nothing in it acts as markup, link or mention."""
    text = _SPECIAL.sub(r"\\\1", visible(text))
    # GitHub finds mentions and references even after an escaped sign, unless a character of no
    # width follows the sign.
    text = re.sub(r"\\([@#])(?=\w)", "\\\\\\1\N{ZERO WIDTH SPACE}", text)
    text = _LINK.sub("\\1\N{ZERO WIDTH SPACE}\\2", text)
    return _LIST.sub(lambda m: f"{m[1]}{m[2][:-1]}\\{m[2][-1]}", text)


def markdown(page: Page, figures: Mapping[str, str] | None = None) -> str:
    """The page in GitHub's Markdown.

    Args:
        page: what is written.
        figures: the name of a figure (slug-name) -> its path relative to the text. A figure that
            is missing here is only described in words.
    """
    from esim.report.formats.templates import environment

    known = figures or {}

    def shown(value: Any) -> Any:
        return (
            escaped(value) if isinstance(value, str) and not isinstance(value, Markdown) else value
        )

    # Not escaped for HTML: `shown` escapes every expression for Markdown.
    templates = environment(autoescape=False, finalize=shown)
    templates.filters |= {"code": _code, "block": _block}
    text = templates.get_template("page.md.j2").render(
        page=page,
        path=lambda picture: Markdown(known.get(picture.name, "")),
        align=lambda column: Markdown("---" if column.kind in ("text", "fate", "yes") else "--:"),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def _block(lines: Sequence[str]) -> Markdown:
    """A block of code, which no line of it ends."""
    shown = [visible(line) for line in lines]
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", "".join(shown))), default=0))
    return Markdown("\n".join((fence, *shown, fence)))


def _code(text: str) -> Markdown:
    """A span of code, in which no character of the text acts as markup."""
    shown = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    return Markdown(f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`")
