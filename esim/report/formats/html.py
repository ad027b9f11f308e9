"""A page as one HTML file that loads nothing else."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from esim.report.pages.page import Page
from esim.report.words import visible

_WITH_UNIT = re.compile(r"(\d) (%|s|min|h)(?!\w)")  # never separated by a line break


def html(page: Page) -> str:
    """The page as HTML. Its style and its figures are inside; it runs no script."""
    from markupsafe import Markup

    from esim.report.formats.svg import inline_svg
    from esim.report.formats.templates import environment

    def shown(value: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, Markup):
            return _WITH_UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", visible(value))
        return value

    css = files("esim.report.formats").joinpath("templates/page.css").read_text(encoding="utf-8")
    template = environment(autoescape=True, finalize=shown).get_template("page.html.j2")
    return template.render(
        page=page,
        css=Markup(css),  # from this package, so it is safe
        svg=lambda picture: Markup(inline_svg(picture.plot, f"figure-{picture.name}")),
        share=_share,
    )


def _share(value: float) -> str:
    """The width of a bar in per cent, limited to 0 to 100."""
    return f"{100 * min(max(value, 0.0), 1.0):.1f}%"
