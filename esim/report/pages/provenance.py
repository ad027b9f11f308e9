"""Where a result comes from, and the tables that every kind of report has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from esim.report.pages.page import Cell, Code, Column, Part, Section, Table
from esim.report.rule_words import changed_columns, column_word, ordinary_columns
from esim.report.words import plural
from esim.results.named_rule import NamedRule
from esim.results.saved import SavedResult
from esim.rules import meanings


def facts(name: str, caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Things that are known, each with its name."""
    return Table(name, caption, (Column("what", ""), Column("value", "")), tuple(rows))


def newest_words(ends: Iterable[float]) -> str:
    """The date of a page that is given none: of the newest recorded trial; "" where none is known.

    No clock is read, so that the same results give the same page on any day.

    Args:
        ends: of trials, in seconds since 1970 UTC.
    """
    last = max(ends, default=None)
    if last is None:
        return ""
    return f"newest recorded trial of {datetime.fromtimestamp(last, UTC):%Y-%m-%d} (UTC)"


def rule_table(name: str, rule: NamedRule) -> Table:
    """Every column of a rule and what it means; at once those that make it what it is.

    These are the columns that differ from the ordinary ones; strong: from those of its preset.
    """
    known, ordinary, changed = meanings(), ordinary_columns(), changed_columns(rule)
    rows: list[tuple[Cell, ...]] = [
        (key, column_word(value), known.get(key, "")) for key, value in rule.parameters.items()
    ]
    columns = (Column("column", "column"), Column("value", "value"), Column("meaning", "meaning"))
    own = [
        i
        for i, (key, value) in enumerate(rule.parameters.items())
        if key in changed or key not in ordinary or value != ordinary[key]
    ]
    caption = f"The rule {rule.name}: what differs from the plain rule" if own else ""
    return Table(
        name,
        caption or f"The rule {rule.name} is the plain rule",
        columns,
        tuple(rows),
        strong=frozenset(i for i in own if rows[i][0] in changed),
        at_once=frozenset(own),
        rest=f"{plural(len(rows) - len(own), 'more column')}, as in the plain rule",
        print_rest=False,
    )


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
