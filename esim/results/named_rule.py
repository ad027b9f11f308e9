"""What a result keeps of its rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from esim.rules import JobRule, Rule
from esim.storage.typed import Scalars, build


class NamedRule(Protocol):
    """What a result keeps of its rule."""

    @property
    def name(self) -> str:
        """The preset's name."""

    @property
    def source(self) -> str:
        """What it copies."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its columns."""


@dataclass(frozen=True)
class RecordedRule:
    """The rule of a result that was read back, whatever version of esim wrote it."""

    name: str
    source: str
    parameters: Scalars

    @classmethod
    def of(cls, rule: NamedRule) -> RecordedRule:
        """What the document of a result says of a rule."""
        return cls(rule.name, rule.source, dict(rule.parameters))


class ToldRule:
    """How a rule that can be replayed again stands in a document: as a `RecordedRule`."""

    @classmethod
    def plain_kind(cls) -> Any:
        """What it is in a document."""
        return RecordedRule

    @classmethod
    def from_plain(cls, value: Any) -> Rule:
        """The rule; a bound of it that there is none of is null, and its column's default."""
        row = build(RecordedRule, value)
        told = {key: one for key, one in row.parameters.items() if one is not None}
        return build(Rule, {"name": row.name, "source": row.source, **told})


@dataclass(frozen=True)
class RecordedJobRule:
    """A job-level rule of a result: how it is written, what it copies, and its columns."""

    text: str
    source: str
    parameters: Scalars

    @classmethod
    def of(cls, rule: JobRule) -> RecordedJobRule:
        """What the document of a result says of a job-level rule."""
        return cls(rule.text, rule.source, rule.parameters)
