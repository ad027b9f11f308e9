"""Tables that fit: where a terminal is too narrow, minor columns go before any row is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_FLOWING = 26  # characters that a column of sentences keeps before a minor column goes
_UNBROKEN = 10_000  # characters of a table that is measured

# Taken for one of ASCII: where a stream lacks its line, it writes a similar one.
_BOX = box.Box(str(box.SIMPLE_HEAD), ascii=True)

Cell = str | Text


@dataclass
class Heading:
    """A column.

    Attributes:
        text: its heading; may have two lines.
        justify: the side that its cells stand on.
        minor: where there is no room, columns go by this number, the greatest first; 0 stays.
        flows: whether its cells are sentences, which continue on the next line.
        style: of its cells.
        means: what its cells are, said below the table where the column is shown.
    """

    text: str
    justify: Literal["left", "right"] = "right"
    minor: int = 0
    flows: bool = False
    style: str = ""
    means: str = ""


class FittingTable:
    """A table that is laid out for the width at which it is printed.

    First its blanks go, then its minor columns; which went is said below it. A column of sentences
    flows over several lines. A name in the first column does only where all that does not suffice.

    Attributes:
        title: stands above the table.
        headings: its columns.
        caption: stands below the table.
        show_header: whether the headings are shown.
    """

    def __init__(self, title: str, *headings: Heading, show_header: bool = True) -> None:
        self.title = title
        self.headings = list(headings)
        self.caption = ""
        self.show_header = show_header
        self._rows: list[tuple[tuple[Cell, ...], str]] = []
        self._sections: set[int] = set()

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return len(self._rows)

    def add_column(self, text: str, **options: object) -> None:
        """Add a column, before any row; the options are the attributes of `Heading`."""
        self.headings.append(Heading(text, **options))  # type: ignore[arg-type]

    def add_row(self, *cells: Cell, style: str = "") -> None:
        """Add a row: a cell for each column."""
        if len(cells) != len(self.headings):
            raise ValueError(f"{len(cells)} cells for {len(self.headings)} columns")
        self._rows.append((cells, style))

    def add_section(self) -> None:
        """Draw a line between the rows so far and those to come."""
        self._sections.add(len(self._rows))

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        if self.title:
            yield Text(self.title, style="bold")
        kept, roomy = self._fitting(console, options)
        yield self._laid_out(kept, roomy=roomy)
        gone = [h for i, h in enumerate(self.headings) if i not in kept and h.text]
        below = [self.caption] if self.caption else []
        if gone:
            names = ", ".join(" ".join(heading.text.split()) for heading in gone)
            below.append(f"no room for: {names}")
        if below:
            yield Text(f" {'; '.join(below)}", style="dim")
        meanings = [means for i in kept if (means := self.headings[i].means)]
        if meanings:
            yield Padding(Text("; ".join(meanings), style="dim"), (0, 0, 0, 1), expand=False)
        if below or meanings:
            yield Text("")

    def _fitting(self, console: Console, options: ConsoleOptions) -> tuple[list[int], bool]:
        """The columns that there is room for, and whether there is room for wide blanks."""
        kept = list(range(len(self.headings)))
        if self._width(kept, console, options, roomy=True) <= options.max_width:
            return kept, True
        for level in sorted({h.minor for h in self.headings if h.minor}, reverse=True):
            if self._width(kept, console, options, roomy=False) <= options.max_width:
                break
            kept = [i for i in kept if self.headings[i].minor != level]
        return kept, False

    def _width(
        self, kept: list[int], console: Console, options: ConsoleOptions, *, roomy: bool
    ) -> int:
        unbroken = options.update(width=_UNBROKEN)
        shown = self._laid_out(kept, roomy=roomy, flowing=_FLOWING)
        return Measurement.get(console, unbroken, shown).maximum

    def _laid_out(self, kept: list[int], *, roomy: bool, flowing: int | None = None) -> Table:
        """The table with these columns.

        Args:
            kept: the columns.
            roomy: whether blanks are wide.
            flowing: characters of a column of sentences, at most.
        """
        shown = Table(
            box=_BOX,
            padding=(0, 1) if roomy else (0, 1, 0, 0),
            show_header=self.show_header,
        )
        for place, i in enumerate(kept):
            heading = self.headings[i]
            shown.add_column(
                heading.text,
                justify=heading.justify,
                style=heading.style,
                overflow="fold" if heading.flows or not place else "ellipsis",
                no_wrap=place > 0 and not heading.flows,
                max_width=flowing if heading.flows else None,
            )
        for at, (cells, style) in enumerate(self._rows):
            if at in self._sections:
                shown.add_section()
            shown.add_row(*(cells[i] for i in kept), style=style)
        return shown


def table(title: str, *columns: str | Heading, words: bool = False) -> FittingTable:
    """A table without rows.

    Args:
        title: stands above the table.
        columns: the headings. The first column holds names, which are aligned left.
        words: whether the other columns, too, hold words that are aligned left; otherwise they
            hold numbers, which are aligned right.
    """
    headings = []
    for i, column in enumerate(columns):
        if isinstance(column, str):
            column = Heading(column, "left" if words or i == 0 else "right")
        headings.append(column)
    return FittingTable(title, *headings)
