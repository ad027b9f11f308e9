"""A report as Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esim.report.pages.page import Page
from esim.report.words import visible

# What could begin markup, a mention or a reference, wherever it stands in a line.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$&#@])")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)([:.])")
_LIST = re.compile(r"^(\s*)([-+]|\d+[.)]|-+|=+)(?=\s|$)")


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def escaped(text: str) -> str:
    """Text of which a Markdown reader shows every character as it is, and obeys none."""
    text = _SPECIAL.sub(r"\\\1", visible(text))
    # GitHub looks for mentions and references behind the markup: nothing may follow the sign.
    text = re.sub(r"\\([@#])(?=\w)", "\\\\\\1\N{ZERO WIDTH SPACE}", text)
    text = _LINK.sub("\\1\N{ZERO WIDTH SPACE}\\2", text)
    return _LIST.sub(lambda m: f"{m[1]}{m[2][:-1]}\\{m[2][-1]}", text)


def markdown(page: Page, figures: Mapping[str, str] | None = None) -> str:
    """The page in GitHub's Markdown.

    Args:
        figures: name of a figure (slug-name) -> the path under which the text can show it; one
            that is missing is told in words only.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    known = figures or {}

    def shown(value: Any) -> Any:
        return (
            escaped(value) if isinstance(value, str) and not isinstance(value, Markdown) else value
        )

    environment = Environment(
        loader=PackageLoader("esim.report.formats"),
        autoescape=False,  # Markdown: `shown` escapes every expression
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    text = environment.get_template("page.md.j2").render(
        page=page,
        path=lambda picture: Markdown(known.get(picture.name, "")),
        align=lambda column: Markdown("---" if column.kind in ("text", "fate", "yes") else "--:"),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def _code(text: str) -> Markdown:
    """A span of code: nothing in it is markup, whatever it holds."""
    shown = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    return Markdown(f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`")
