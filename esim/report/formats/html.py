"""A page as one HTML file that loads nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from esim.report.pages.page import Cell, Column, Page, Table
from esim.report.words import visible

_WITH_UNIT = re.compile(r"(\d) (%|s|min|h)(?!\w)")  # never separated by a line break
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
_NUMBER = re.compile(r"([+-]?[\d,]+)(\.\d+)?(?: (\D\S*))?")
_WORDS = ("text", "fate", "yes")  # kinds of columns whose cells are no numbers
_HALF = 60  # characters of a table that fit half of a wide page
_SHORT = 10  # letters of a number and its unit that stand in one line
_DOUBTS = 7  # that are shown at once; of more than two more the others are folded


class Aligned(NamedTuple):
    """A cell of a column of numbers, in which the decimal points stand below each other.

    Attributes:
        text: the number, without its unit where units differ in the column.
        rest: what is missing to the longest fraction, as digits that are not shown.
        unit: the unit; "" where it stands in the text.
        width: of the longest unit in the column, in characters.
    """

    text: str
    rest: str
    unit: str
    width: int


def html(page: Page) -> str:
    """The page as HTML. Its style, figures and script are inside, and it asks for nothing.

    The script sorts tables and reads values off figures; nothing else runs, and without it the page
    reads as well.
    """
    from markupsafe import Markup, escape

    from esim.report.formats.svg import inline_svg
    from esim.report.formats.templates import environment

    def shown(value: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, Markup):
            return _WITH_UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", visible(value))
        return value

    def prose(text: str) -> Markup:
        """Text of the page's body, escaped first, in which no flag is broken into two lines."""
        return unbroken(shown(text))

    def unbroken(text: str) -> Markup:
        return Markup(_FLAG.sub('<span class="k">\\g<0></span>', str(escape(text))))

    def command(line: str) -> Markup:
        """A line to copy: no flag is broken, and every space is a plain one."""
        return unbroken(visible(line))

    script = _file("page.js")
    templates = environment(autoescape=True, finalize=shown)
    templates.filters["prose"] = prose
    templates.filters["command"] = command
    template = templates.get_template("page.html.j2")
    return template.render(
        page=page,
        css=Markup(_file("page.css")),  # both are from this package, so they are safe
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        svg=lambda picture: Markup(inline_svg(picture.plot, f"figure-{picture.name}")),
        share=_share,
        numbers_of=_numbers_of,
        is_wide=_is_wide,
        words=_WORDS,
        raw=_raw,
        letters=_letters,
        most_doubts=_DOUBTS,
    )


def _file(name: str) -> str:
    return files("esim.report.formats").joinpath("templates", name).read_text(encoding="utf-8")


def aligned(column: Column, cells: Sequence[Cell]) -> list[Aligned]:
    """The cells of a column of numbers. A cell that is no plain number stands as it is."""
    shown = [column.show(cell) for cell in cells]
    found = [_NUMBER.fullmatch(text) for text in shown]
    units = {match[3] or "" for match in found if match}
    longest = max((len(match[2] or "") for match in found if match), default=0)
    width = max((len(unit) for unit in units), default=0) if len(units) > 1 else 0
    rows = []
    for text, match in zip(shown, found, strict=True):
        if match is None:
            rows.append(Aligned(text, "", "", width))
            continue
        whole, fraction, unit = match[1], match[2] or "", match[3] or ""
        missing = longest - len(fraction)
        # A point is narrower than a digit.
        rest = ("." if missing and not fraction else "") + "0" * (missing - (not fraction))
        told = f"{whole}{fraction}" if width else text
        rows.append(Aligned(told, rest, unit if width else "", width))
    return rows


def _numbers_of(table: Table, places: Sequence[int]) -> dict[int, list[Aligned]]:
    """The cells of some rows in the columns of numbers, by the position of the column."""
    return {
        i: aligned(column, [table.rows[at][i] for at in places])
        for i, column in enumerate(table.columns)
        if column.kind not in _WORDS
    }


def _is_wide(table: Table) -> bool:
    """Whether a table takes the width of the page: it would not fit the half of a wide one."""
    rows = table.rows[: table.most]
    widths = []
    for i, column in enumerate(table.columns):
        cells = max((len(column.show(row[i], 1200)) for row in rows), default=0)
        heading = max((len(word) for word in column.label.split()), default=0)
        whole = min(cells, 40) if column.kind in _WORDS else cells
        widths.append(max(heading, whole, 7) + 2)
    return len(table.columns) > 2 and sum(widths) > _HALF


def _raw(value: Cell) -> str | None:
    """What a column of numbers is sorted by; None: by what is shown."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:.9g}" if number else None


def _letters(value: str) -> int:
    """So many letters of a tile's value have to fit its width: all of a short one, else a word."""
    return len(value) if len(value) <= _SHORT else max(map(len, re.split(r"[ -]", value)))


def _share(value: float) -> str:
    """The width of a bar in per cent, limited to 0 to 100."""
    return f"{100 * min(max(value, 0.0), 1.0):.1f}%"
