"""A set of rules, as the document esim.rules/1: what `esim identify --out` leaves to replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from esim.errors import EsimError
from esim.results.records import Document, finite, following_schema
from esim.results.saved import read_result
from esim.rules import LITERAL, Reading, Rule
from esim.rules.candidates import Candidate
from esim.rules.readings import LEFT
from esim.storage.typed import Scalars, build, plain
from esim.version import __version__

SCHEMA = "esim.rules/1"
RULES = "rule.json"  # the document in the folder of --out

_BOUNDS = {field.name: field.default for field in fields(Rule) if field.name in ("lower", "upper")}


def _columns(rule: Rule) -> dict[str, Any]:
    """Every column; None stands for an infinite bound."""
    every = {field.name: getattr(rule, field.name) for field in fields(Rule)}
    return {k: None if k in _BOUNDS and v == _BOUNDS[k] else v for k, v in every.items()}


@dataclass(frozen=True)
class Member:
    """A rule of a set: its name, and the columns in which it differs from the first."""

    name: str
    columns: Scalars
    parents: bool = False


@dataclass(frozen=True, repr=False)
class RuleSet(Document):
    """Rules that may each be the one a service runs.

    Attributes:
        verdict: why these.
        first: the columns of the first rule.
        rules: all of them.
        esim: the version that wrote the document.

    Example:
        >>> import esim
        >>> from esim.rules.candidates import Candidate
        >>> rules = [esim.rule("sagemaker"), esim.rule("sagemaker", min_peers=3)]
        >>> found = RuleSet.of([Candidate(f"{r.min_peers}", r) for r in rules], "as a test")
        >>> again = RuleSet.from_dict(found.to_dict())
        >>> [candidate.rule for candidate in again.candidates()] == rules
        True
    """

    verdict: str
    first: Scalars
    rules: tuple[Member, ...]
    schema: ClassVar = SCHEMA
    esim: str = __version__

    @classmethod
    def of(cls, candidates: Sequence[Candidate], verdict: str) -> RuleSet:
        """The set of some candidates, at least one."""
        first = _columns(candidates[0].rule)
        members = []
        for one in candidates:
            its = _columns(one.rule)
            changed = {key: value for key, value in its.items() if value != first[key]}
            members.append(Member(one.name, changed, one.parents))
        return cls(verdict, first, tuple(members))

    def candidates(self) -> tuple[Candidate, ...]:
        """The rules, as candidates that answer no question.

        Raises:
            EsimError: one of them cannot be.
        """
        first = Rule(**_with_bounds(self.first))
        return tuple(
            Candidate(one.name, replace(first, **_with_bounds(one.columns)), parents=one.parents)
            for one in self.rules
        )

    def readings(self) -> tuple[Reading, ...]:
        """The rules as readings of the first, for a replay of them all; each rule once."""
        found: dict[Rule, Reading] = {}
        for one, member in zip(self.candidates(), self.rules, strict=True):
            columns = {k: v for k, v in member.columns.items() if k not in ("name", "source")}
            code = LITERAL.code if not found else str(len(found) + 1)
            found.setdefault(one.rule, Reading(code, LEFT, one.name, _with_bounds(columns)))
        return tuple(found.values())

    def distinct(self) -> tuple[Rule, ...]:
        """Each rule once, the simplest first."""
        return tuple(dict.fromkeys(candidate.rule for candidate in self.candidates()))

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.rules/1, of strict JSON values: an infinite bound is null."""
        entries = plain(self)
        head = {"schema": SCHEMA, "esim": entries.pop("esim")}
        found: dict[str, Any] = {**head, **finite(entries)}
        return found

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], where: str | None = None) -> RuleSet:
        """The set in a document, as `to_dict` wrote it.

        Raises:
            EsimError: the document does not follow its schema, or holds no rule.
        """
        with following_schema(SCHEMA, where):
            found = build(cls, document)
        if not found.rules:
            raise EsimError("there is no rule in it", where=where, why="none of them was left")
        return found


def _with_bounds(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns with the infinite bounds that None stands for."""
    return {k: _BOUNDS[k] if v is None and k in _BOUNDS else v for k, v in columns.items()}


def read_rule_set(path: str | Path) -> RuleSet:
    """Read a set of rules.

    Raises:
        EsimError: the file cannot be read, or is no such document.
    """
    source = read_result(Path(path))
    if source.schema != SCHEMA:
        raise EsimError(
            "not a set of rules",
            where=source.where,
            why=f"its schema is {source.schema!r}",
            fix=f"what esim identify LOGS --out FILE.json wrote, of {SCHEMA}",
        )
    return RuleSet.from_dict(source.document, source.where)
