"""A report as one HTML page that needs nothing else."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from esim.report.pages.page import Page
from esim.report.words import visible

_WITH_UNIT = re.compile(r"(\d) (%|s|min|h)(?!\w)")  # never apart at the end of a line


def html(page: Page) -> str:
    """The page: styles and figures inside, no script, no request."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from esim.report.formats.svg import inline_svg

    def shown(value: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, Markup):
            return _WITH_UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", visible(value))
        return value

    environment = Environment(
        loader=PackageLoader("esim.report.formats"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = files("esim.report.formats").joinpath("templates/page.css").read_text(encoding="utf-8")
    template = environment.get_template("page.html.j2")
    return template.render(
        page=page,
        css=Markup(css),  # ours
        svg=lambda picture: Markup(inline_svg(picture.plot, f"figure-{picture.name}")),
        share=_share,
    )


def _share(value: float) -> str:
    """A width in per cent, inside what can be drawn."""
    return f"{100 * min(max(value, 0.0), 1.0):.1f}%"
