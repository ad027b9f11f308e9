"""A table of a page as CSV, and a whole page as JSON."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import Literal

from esim.errors import EsimError
from esim.report.pages.page import (
    Cell,
    Code,
    Doubt,
    Kind,
    Missing,
    Page,
    Part,
    Picture,
    Say,
    Table,
    Tile,
)
from esim.report.words import inert
from esim.results.records import to_json
from esim.storage.typed import plain

SCHEMA = "esim.report/1"


def csv_of(page: Page, name: str | None = None) -> str:
    """A table of the page as CSV: all its rows, and numbers that are not rounded.

    Args:
        page: the page.
        name: of the table; by default the page's main one.

    Raises:
        EsimError: the page has no such table; the error lists those it has.
    """
    known = {table.name: table for table in page.tables()}
    table = known.get(name or page.table)
    if table is None:
        raise EsimError(f"no table {name!r}", fix=f"one of: {', '.join(known)}")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(column.key) for column in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return out.getvalue()


def _cell(value: Cell) -> Cell:
    """A cell as CSV; a spreadsheet does not run text from a log as a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return inert(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class TableData:
    """A table, with numbers that are not rounded.

    Attributes:
        kind: "table".
        name: short, of letters and hyphens.
        caption: what it holds.
        columns: its columns.
        rows: a list of cells for each row, one for each column; None: unknown.
    """

    kind: Literal["table"]
    name: str
    caption: str
    columns: tuple[ColumnData, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class ColumnData:
    """A column of a table.

    Attributes:
        key: its name.
        label: its heading for a person.
        kind: what its cells are.
    """

    key: str
    label: str
    kind: Kind


@dataclass(frozen=True)
class PictureData:
    """What a figure shows, in words.

    Attributes:
        kind: "picture".
        name: unique on the page.
        title: of the figure.
        caption: what it shows.
        description: the same for who cannot see it.
    """

    kind: Literal["picture"]
    name: str
    title: str
    caption: str
    description: str


@dataclass(frozen=True)
class SectionData:
    """A heading and what stands under it.

    Attributes:
        id: unique on the page.
        title: the heading.
        chapter: groups sections under a heading of their own; "": none.
        parts: what stands there, in order.
    """

    id: str
    title: str
    chapter: str
    parts: tuple[TableData | PictureData | Missing | Say | Code, ...]


@dataclass(frozen=True)
class PageDocument:
    """Everything on a page: the document of `esim report --out PAGE.json`.

    Attributes:
        title, subtitle: of what.
        answer: three sentences at most.
        tiles: four numbers at most.
        doubts: reasons to doubt the numbers, the gravest first.
        sections: the page, in order.
        note: what the user says of it; "": nothing.
        date: of what it says, in words; "": not known.
    """

    title: str
    subtitle: str
    answer: tuple[str, ...]
    tiles: tuple[Tile, ...]
    doubts: tuple[Doubt, ...]
    sections: tuple[SectionData, ...]
    note: str = ""
    date: str = ""


def json_of(page: Page) -> str:
    """Everything on the page as strict JSON, for programs; its schema is esim.report/1."""
    sections = tuple(
        SectionData(one.id, one.title, one.chapter, tuple(map(_part, one.parts)))
        for one in page.sections
    )
    document = PageDocument(
        page.title,
        page.subtitle,
        tuple(page.answer),
        tuple(page.tiles),
        tuple(page.doubts),
        sections,
        page.note,
        page.date,
    )
    return to_json({"schema": SCHEMA, **plain(document)})


def page_digest(page: Page) -> str:
    """The SHA-256 of the page as JSON; two pages with the same content have the same."""
    return hashlib.sha256(json_of(page).encode()).hexdigest()


def _part(part: Part) -> TableData | PictureData | Missing | Say | Code:
    if isinstance(part, Picture):
        plot = part.plot
        return PictureData(part.kind, part.name, plot.title, plot.caption, plot.description)
    if isinstance(part, Table):
        columns = tuple(ColumnData(one.key, one.label, one.kind) for one in part.columns)
        return TableData(part.kind, part.name, part.caption, columns, tuple(map(tuple, part.rows)))
    return part
