"""A report as data: what it says, before it is HTML, Markdown, PDF, CSV or JSON.

A kind of result document is a module that turns the document into a `Page`; a way to show reports
is a module that turns a `Page` into bytes. Neither knows the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from esim.report import words
from esim.report.figures.plot import Plot

Cell = str | float | int | bool | None
Kind = Literal[
    "text", "count", "percent", "share", "seconds", "number", "signed", "money", "fate", "yes", "p",
    "amount",
]  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: its name in CSV and JSON.
        label: its heading for a person.
        kind: what its cells are, and so how they are written; seconds and shares stay numbers. An
            amount is text: a number and its unit, which differs from row to row.
        unit: the currency of money.
        bar: whether a bar shows the share.
        bad: the value that is to be seen at once; true where a fate is lost.
    """

    key: str
    label: str
    kind: Kind = "text"
    unit: str = ""
    bar: bool = False
    bad: Cell = None

    def show(self, value: Cell, longest: int = 80) -> str:
        """A cell for a person."""
        if value is None:
            return words.MISSING
        if isinstance(value, str):
            return words.clean(value, longest)
        if self.kind == "fate":
            return "lost" if value else "kept"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.kind == "money":
            return words.money(value, self.unit)
        shown = {
            "count": words.count,
            "percent": words.percent,
            "share": words.share_words,
            "seconds": words.seconds,
            "signed": words.signed,
            "p": words.probability,
        }
        return shown.get(self.kind, words.number)(value)


@dataclass(frozen=True)
class Table:
    """Rows of raw values, and how to show them.

    Attributes:
        name: short, of letters and hyphens; what `--table` calls it.
        caption: what it holds; stands above it.
        most: rows shown on a page; CSV and JSON hold all.
        strong: positions of rows that the others are held against.
        at_once: positions of the rows that a page shows at once, and unfolds the others; None: all.
        rest: what the other rows are.
        print_rest: whether they are worth paper.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    most: int = 200
    strong: frozenset[int] = frozenset()
    at_once: frozenset[int] | None = None
    rest: str = ""
    print_rest: bool = True
    kind: Literal["table"] = field(default="table", init=False)

    @property
    def groups(self) -> Iterator[tuple[str, Sequence[int]]]:
        """The rows that a page shows: the positions of those shown at once, then of the others.

        With each group what it is, in words; of the first nothing.
        """
        places = range(min(len(self.rows), self.most))
        if self.at_once is None:
            yield "", places
            return
        yield "", [at for at in places if at in self.at_once]
        others = [at for at in places if at not in self.at_once]
        if others:
            yield self.rest, others


def filled(
    name: str, caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], **how: Any
) -> Table:
    """A table without the columns of which nothing is known."""
    used = [i for i in range(len(columns)) if any(row[i] is not None for row in rows)]
    return Table(
        name,
        caption,
        tuple(columns[i] for i in used),
        tuple(tuple(row[i] for i in used) for row in rows),
        **how,
    )


@dataclass(frozen=True)
class Picture:
    """A figure; `slug` tells it from those of other studies, where there may be some."""

    plot: Plot
    slug: str = ""
    kind: Literal["picture"] = field(default="picture", init=False)

    @property
    def name(self) -> str:
        """Unique on a page, and the name of its file beside the result."""
        return f"{self.slug}-{self.plot.name}" if self.slug else self.plot.name


@dataclass(frozen=True)
class Missing:
    """What would stand here, and what to do to have it.

    Attributes:
        text: what.
        fix: what to do; "": nothing would help.
        kind: "missing".
    """

    text: str
    fix: str = ""
    kind: Literal["missing"] = field(default="missing", init=False)


@dataclass(frozen=True)
class Say:
    """A paragraph.

    Attributes:
        text: the paragraph.
        kind: "say".
    """

    text: str
    kind: Literal["say"] = field(default="say", init=False)


@dataclass(frozen=True)
class Code:
    """Lines to copy.

    Attributes:
        label: what they are for.
        lines: the lines.
        kind: "code".
    """

    label: str
    lines: Sequence[str]
    kind: Literal["code"] = field(default="code", init=False)


Part = Table | Picture | Missing | Say | Code


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `chapter` groups sections under a heading of their own.

    `id` is unique on the page, of letters, digits and hyphens.
    """

    id: str
    title: str
    parts: Sequence[Part]
    chapter: str = ""


@dataclass(frozen=True)
class Tile:
    """A number to be seen first.

    Attributes:
        label: what it is.
        value: the number, as a person reads it.
        note: what stands below it.
        bad: whether it is to be seen as bad.
    """

    label: str
    value: str
    note: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt the numbers, or an assumption behind them.

    Attributes:
        text: the reason.
        where: the studies that it is about; "": all.
        code: the same for the same reason, whatever the text; "": of no other kind.
    """

    text: str
    where: str = ""
    code: str = ""


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title, subtitle: of what.
        answer: three sentences at most.
        tiles: four numbers at most.
        doubts: the gravest first.
        table: the name of the table that `.csv` holds unless another is asked for.
        note: what the user says of it; "": nothing.
        date: of what it says, in words; "": not known.
    """

    title: str
    subtitle: str
    answer: Sequence[str]
    tiles: Sequence[Tile]
    doubts: Sequence[Doubt]
    sections: Sequence[Section]
    table: str
    note: str = ""
    date: str = ""

    def tables(self) -> Iterator[Table]:
        """Every table, in order."""
        for section in self.sections:
            yield from (part for part in section.parts if isinstance(part, Table))
