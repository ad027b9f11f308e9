"""A page as PDF, with text that can be searched and figures as vectors."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esim.report.figures import style
from esim.report.figures.plot import figure_of, save_svg
from esim.report.formats.csv_and_json import page_digest
from esim.report.pages.page import Code, Column, Missing, Page, Picture, Say, Section, Table
from esim.report.words import visible

if TYPE_CHECKING:
    from fpdf import FPDF

_MARGIN, _WIDTH = 18, 174  # mm: margin and text width of a page in A4
_FIGURE = 150  # mm: width of a figure
_INK, _MUTED, _LINE = (27, 27, 27), (90, 90, 90), (200, 200, 200)  # red, green, blue
_MOST_ROWS = 60  # of a table
_LONGEST = 46  # characters of a name in a table; a longer one is shortened
_PROSE = 34  # characters of a line of text in a table's cell
_FITTING = 112  # characters of the usual size in a table that fit the width


def pdf(page: Page) -> bytes:
    """The page as PDF in A4. The same page gives the same bytes, on any day and machine."""
    document = _document(page.title)
    document.set_subject(f"sha256 of the page as JSON: {page_digest(page)}")
    _Writer(document).page(page)
    with _quiet():
        return bytes(document.output())


def _document(title: str) -> FPDF:
    import matplotlib
    from fpdf import FPDF

    class Numbered(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("esim", size=7.5)
            self.set_text_color(*_MUTED)
            self.cell(0, 5, f"{self.page_no()}", align="R")

    document = Numbered(format="A4")
    document.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))
    document.set_producer("esim")
    document.set_title(visible(title))
    document.set_lang("en")
    document.set_margins(_MARGIN, 16, _MARGIN)
    document.set_auto_page_break(True, 18)
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    with _quiet():
        document.add_font("esim", "", fonts / "DejaVuSans.ttf")
        document.add_font("esim", "B", fonts / "DejaVuSans-Bold.ttf")
        document.add_font("esim-mono", "", fonts / "DejaVuSansMono.ttf")
    document.add_page()
    return document


@contextmanager
def _quiet() -> Iterator[None]:
    """Within this context, fpdf does not log what it leaves out of fonts and figures.

    Nothing that it leaves out is visible on a page.
    """
    loggers = [logging.getLogger(name) for name in ("fpdf", "fontTools")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Writer:
    """Writes the parts of a page into a document, one below the other."""

    def __init__(self, document: FPDF) -> None:
        self._pdf = document

    def page(self, page: Page) -> None:
        self._text(page.title, 16, bold=True)
        self._text(page.subtitle, 9, colour=_MUTED, after=0 if page.date or page.note else 3)
        if page.date:
            self._text(f"Date: {page.date}", 9, colour=_MUTED, after=0 if page.note else 3)
        if page.note:
            self._text(page.note, 9.5, after=3)
        for i, sentence in enumerate(page.answer):
            self._text(sentence, 11 if i == 0 else 9.5, bold=i == 0, after=1.5)
        self._tiles(page)
        self._heading("Why to doubt it", 0)
        for doubt in page.doubts:
            self._text(f"·  {doubt.text}" + (f" ({doubt.where})" if doubt.where else ""), 9)
        chapter = ""
        for section in page.sections:
            if section.chapter != chapter and section.chapter:
                self._pdf.add_page()
                self._heading(section.chapter, 0)
            chapter = section.chapter
            self._section(section)

    def _tiles(self, page: Page) -> None:
        pdf = self._pdf
        if not page.tiles:
            return
        width = _WIDTH / len(page.tiles)
        top = pdf.get_y() + 2
        for i, tile in enumerate(page.tiles):
            left = _MARGIN + i * width
            pdf.set_draw_color(*((213, 94, 0) if tile.bad else (0, 114, 178)))
            pdf.set_line_width(0.9)
            pdf.line(left + 0.5, top, left + 0.5, top + 19)
            for dy, text, size, bold in (
                (0, tile.label, 8.0, False),
                (4.5, tile.value, 13.0, True),
                (11, tile.note, 7.0, False),
            ):
                pdf.set_xy(left + 3, top + dy)
                self._font(size, bold=bold, colour=_INK if bold else _MUTED)
                wide = pdf.get_string_width(_glyphs(text))
                if bold and wide > width - 7:
                    pdf.set_font_size(size * (width - 7) / wide)
                pdf.multi_cell(width - 4, 3.6 if not bold else 5.5, _glyphs(text), align="L")
        pdf.set_xy(_MARGIN, top + 22)

    def _section(self, section: Section) -> None:
        first = next(iter(section.parts), None)
        with_it = _tall(first) if isinstance(first, Picture) else 0.0
        self._heading(section.title, 1 if section.chapter else 0, with_it)
        for part in section.parts:
            if isinstance(part, Say):
                self._text(part.text, 9, after=1.5)
            elif isinstance(part, Missing):
                fix = f" ({part.fix})" if part.fix else ""
                self._text(part.text + fix, 9, colour=_MUTED, after=1.5)
            elif isinstance(part, Code):
                self._text(part.label, 9)
                for line in part.lines:
                    self._text(line, 8, family="esim-mono")
            elif isinstance(part, Picture):
                self._picture(part)
            else:
                self._table(part)

    def _picture(self, picture: Picture) -> None:
        import matplotlib

        plot, pdf = picture.plot, self._pdf
        out = io.BytesIO()
        with style.styled(), matplotlib.rc_context({"svg.fonttype": "path"}):
            save_svg(figure_of(plot), out, {"Date": None})
        self._room(_tall(picture))
        with _quiet():
            pdf.image(out, x=_MARGIN, w=_FIGURE, alt_text=visible(plot.description))
        self._text(
            f"{plot.title[0].upper()}{plot.title[1:]}. {plot.caption}", 8, colour=_MUTED, after=3
        )

    def _table(self, table: Table) -> None:
        from fpdf.enums import TableBordersLayout
        from fpdf.fonts import FontFace

        pdf = self._pdf
        folded = None if table.print_rest else table.at_once
        places = [
            i
            for i in range(min(len(table.rows), table.most, _MOST_ROWS))
            if folded is None or i in folded
        ]
        rows = [table.rows[i] for i in places]
        headed = any(column.label for column in table.columns)
        cells = [
            [
                _cell(column, column.show(value, 300 if i or len(row) == 2 else _LONGEST))
                for i, (column, value) in enumerate(zip(table.columns, row, strict=True))
            ]
            for row in rows
        ]
        self._room(22)
        self._text(table.caption, 9, bold=True)
        widths = _widths(table.columns, cells)
        self._font(min(7.5, 7.5 * _FITTING / sum(widths)))
        pdf.set_draw_color(*_LINE)
        pdf.set_line_width(0.2)
        with pdf.table(
            width=_WIDTH,
            col_widths=widths,
            line_height=4.2,
            padding=(0.5, 1.5, 0.5, 0),
            align="LEFT",
            text_align=tuple("LEFT" if _left(c) else "RIGHT" for c in table.columns),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            first_row_as_headings=headed,
            headings_style=FontFace(emphasis="", color=_MUTED),
        ) as drawn:
            if headed:
                drawn.row([_glyphs(column.label) for column in table.columns])
            for i, row in zip(places, cells, strict=True):
                drawn.row(row, style=FontFace(emphasis="B") if i in table.strong else None)
        if folded is not None:
            self._text(f"{table.rest}: only on a screen.", 8, colour=_MUTED)
        elif len(table.rows) > len(rows):
            self._text(f"{len(rows)} of {len(table.rows)} rows.", 8, colour=_MUTED)
        pdf.ln(3)

    def _heading(self, text: str, level: int, with_it: float = 0.0) -> None:
        self._room(30 + with_it)
        self._pdf.ln(3)
        self._pdf.start_section(_glyphs(text), level)
        self._text(text, 12.5 if level == 0 else 11, bold=True, after=1)

    def _room(self, height: float) -> None:
        """Begin a new page unless so many mm are left on this one."""
        if self._pdf.will_page_break(height):
            self._pdf.add_page()

    def _font(
        self, size: float, *, bold: bool = False, family: str = "esim", colour: Any = _INK
    ) -> None:
        self._pdf.set_font(family, "B" if bold else "", size)
        self._pdf.set_text_color(*colour)

    def _text(
        self,
        text: str,
        size: float,
        *,
        bold: bool = False,
        family: str = "esim",
        colour: Any = _INK,
        after: float = 0.5,
    ) -> None:
        from fpdf.enums import WrapMode

        self._font(size, bold=bold, family=family, colour=colour)
        long = any(len(word) > 60 for word in text.split())
        self._pdf.multi_cell(
            _WIDTH,
            size * 0.5,
            _glyphs(text),
            align="L",
            new_x="LMARGIN",
            new_y="NEXT",
            wrapmode=WrapMode.CHAR if long else WrapMode.WORD,
        )
        self._pdf.ln(after)


def _tall(picture: Picture) -> float:
    """The height in mm of a figure and its caption."""
    return _FIGURE * picture.plot.height / style.WIDTH + 12


def _cell(column: Column, shown: str) -> str:
    """The text of a cell, in which a number is not separated from its unit."""
    return _glyphs(shown if _left(column) else shown.replace(" ", "\N{NO-BREAK SPACE}"))


def _left(column: Column) -> bool:
    return column.kind in ("text", "fate", "yes")


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> tuple[float, ...]:
    """The characters that each column needs: numbers are not broken into lines, text is."""
    found = []
    for i, column in enumerate(columns):
        heading = max((len(word) for word in column.label.split()), default=1)
        if _left(column):
            whole = max((len(row[i]) for row in cells), default=1)
            words = max((len(w) for row in cells for w in row[i].split()), default=1)
            needed = max(min(whole, _PROSE), min(words, _LONGEST))
        else:
            needed = max((len(row[i]) for row in cells), default=1)
        found.append(max(heading, needed) + 2.5)
    return tuple(found)


def _glyphs(text: str) -> str:
    """Text without control characters, and with every letter the font lacks replaced."""
    return style.drawable(visible(text))
