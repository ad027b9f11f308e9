"""A table of a page as CSV, and a whole page as JSON."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import asdict
from typing import Any

from esim.errors import EsimError, near_names
from esim.report.pages.page import Cell, Page, Part, Picture, Table
from esim.report.words import inert
from esim.results.records import to_json

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
        raise EsimError(f"no table {name!r}", fix=f"one of: {near_names(name or '', known)}")
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


def json_of(page: Page) -> str:
    """Everything on the page as strict JSON, for programs; its schema is esim.report/1."""
    return to_json(
        {
            "schema": SCHEMA,
            "title": page.title,
            "subtitle": page.subtitle,
            "answer": list(page.answer),
            "tiles": [asdict(tile) for tile in page.tiles],
            "doubts": [asdict(doubt) for doubt in page.doubts],
            "sections": [
                {
                    "id": section.id,
                    "title": section.title,
                    "chapter": section.chapter,
                    "parts": [_part(part) for part in section.parts],
                }
                for section in page.sections
            ],
        }
    )


def page_digest(page: Page) -> str:
    """The SHA-256 of the page as JSON; two pages with the same content have the same."""
    return hashlib.sha256(json_of(page).encode()).hexdigest()


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Picture):
        plot = part.plot
        return {
            "kind": part.kind,
            "name": part.name,
            "title": plot.title,
            "caption": plot.caption,
            "description": plot.description,
        }
    if isinstance(part, Table):
        return {
            "kind": part.kind,
            "name": part.name,
            "caption": part.caption,
            "columns": [{"key": c.key, "label": c.label, "kind": c.kind} for c in part.columns],
            "rows": [list(row) for row in part.rows],
        }
    return asdict(part)
