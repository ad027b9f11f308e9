"""Where a result comes from, and the tables that every kind of report has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esim.report.pages.page import Cell, Code, Column, Part, Section, Table
from esim.results.named_rule import NamedRule
from esim.results.records import following_schema
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


def provenance(source: SavedResult) -> Section:
    """What was read, by which version, and how to have the same again."""
    document = source.document
    with following_schema(source.schema, source.where):
        inputs: Sequence[Mapping[str, Any]] = document["inputs"]
        files: list[tuple[Cell, ...]] = [
            (str(i["path"]), str(i["format"]), str(i["sha256"])) for i in inputs
        ]
        notes: list[tuple[Cell, ...]] = [
            (str(note.get("study") or i["path"]), str(note["text"]), int(note["count"]))
            for i in inputs
            for note in i["notes"]
        ]
        version = str(document["esim"])
        command = document.get("command")
    rows = [("esim", version), ("document", source.schema)]
    parts: list[Part] = [facts("versions", "Written by", rows)]
    if files:
        columns = (Column("path", "path"), Column("format", "read as"), Column("sha256", "SHA-256"))
        parts.append(Table("inputs", "What was read", columns, tuple(files)))
    if notes:
        columns = (Column("of", "of"), Column("note", "note"), Column("count", "times", "count"))
        parts.append(Table("notes", "What the readers noted", columns, tuple(notes)))
    if command:
        parts.append(Code("To have the same result again", (str(command),)))
    return Section("provenance", "Where this comes from", tuple(parts))
