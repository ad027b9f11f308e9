"""Where a result comes from, and the tables that every kind of report has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from esim.report.pages.page import Cell, Code, Column, Part, Section, Table
from esim.results.named_rule import NamedRule
from esim.results.saved import SavedResult
from esim.rules import meanings


def facts(name: str, caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Things that are known, each with its name."""
    return Table(name, caption, (Column("what", ""), Column("value", "")), tuple(rows))


def rule_table(name: str, rule: NamedRule) -> Table:
    """Every column of a rule, and what it means."""
    known = meanings()
    rows: list[tuple[Cell, ...]] = [
        (key, _word(value), known.get(key, "")) for key, value in rule.parameters.items()
    ]
    columns = (Column("column", "column"), Column("value", "value"), Column("meaning", "meaning"))
    return Table(name, f"The rule {rule.name}, column by column", columns, tuple(rows))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


class ResultDocument(Protocol):
    """What every kind of result document says of how it was made."""

    @property
    def inputs(self) -> Sequence[Mapping[str, Any]]:
        """What was read, and what the readers noted."""

    @property
    def command(self) -> str | None:
        """The command line that made it, where one did."""

    @property
    def esim(self) -> str:
        """The version that wrote it."""


def provenance(document: ResultDocument, source: SavedResult) -> Section:
    """What was read, by which version, and how to have the same again.

    Args:
        document: what the result document says.
        source: where it was read.
    """
    files: list[tuple[Cell, ...]] = [
        (i["path"], str(i["format"]), str(i["sha256"])) for i in document.inputs
    ]
    notes: list[tuple[Cell, ...]] = [
        (note.get("study") or i["path"], note["text"], note.get("count", 1))
        for i in document.inputs
        for note in i.get("notes", ())
    ]
    rows = [("esim", document.esim), ("document", source.schema)]
    parts: list[Part] = [facts("versions", "Written by", rows)]
    if files:
        columns = (Column("path", "path"), Column("format", "read as"), Column("sha256", "SHA-256"))
        parts.append(Table("inputs", "What was read", columns, tuple(files)))
    if notes:
        columns = (Column("of", "of"), Column("note", "note"), Column("count", "times", "count"))
        parts.append(Table("notes", "What the readers noted", columns, tuple(notes)))
    if document.command:
        parts.append(Code("To have the same result again", (document.command,)))
    return Section("provenance", "Where this comes from", tuple(parts))
