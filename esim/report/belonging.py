"""Whether several results belong together: made of the same logs, by the same rule and version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from esim.assumptions import Costs
from esim.report.words import clean, plural
from esim.results.certificate import Certificate
from esim.results.closed_loop import ClosedLoop
from esim.results.comparison.comparison import Comparison
from esim.results.estimate import EstimateDocument
from esim.results.history import HistoryReplay
from esim.results.identification import Identification
from esim.results.named_rule import NamedRule, RecordedRule
from esim.results.replay import ReplayDocument

Result = (
    ReplayDocument
    | HistoryReplay
    | Comparison
    | EstimateDocument
    | Identification
    | Certificate
    | ClosedLoop
)
_NAMED = 3  # inputs and studies that are named


@dataclass(frozen=True)
class Made:
    """How a result was made, as far as its document tells.

    Attributes:
        kind: what it is called on a page.
        esim: the version that wrote it.
        inputs: SHA-256 of what was read, or its path where there is none -> its path.
        studies: their names; None: the document does not name them.
        rules: the columns of each rule that it tells something of, and its job-level rules; None:
            it is of no single rules.
        final: which reported value is a trial's final one; None: not told.
        costs: of a job; None: not told.
    """

    kind: str
    esim: str
    inputs: Mapping[str, str]
    studies: frozenset[str] | None
    rules: tuple[tuple[Mapping[str, Any], tuple[str, ...]], ...] | None
    final: str | None
    costs: Costs | None


def made(kind: str, result: Result) -> Made:
    """How a result was made."""
    studies: frozenset[str] | None = None
    if isinstance(result, ClosedLoop):
        studies = frozenset((result.study,))
    elif not isinstance(result, HistoryReplay):
        studies = frozenset(one.study for one in result.studies)
    final: str | None = None
    costs: Costs | None = None
    if isinstance(result, ReplayDocument):
        final, costs = result.studies[0].final, result.studies[0].costs
    elif isinstance(result, (HistoryReplay, EstimateDocument, ClosedLoop)):
        final, costs = result.final, result.costs
    elif isinstance(result, Comparison):
        final, costs = result.settings.final, result.settings.costs
    elif isinstance(result, Certificate):
        final, costs = result.replays.final, result.replays.costs
    return Made(
        kind,
        result.esim,
        {str(one["sha256"] or one["path"]): str(one["path"]) for one in result.inputs},
        studies,
        tuple(_rules(result)),
        final,
        costs,
    )


def _rules(result: Result) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    if isinstance(result, ReplayDocument):
        first = result.studies[0]
        yield first.rule.parameters, tuple(one.text for one in first.until)
    elif isinstance(result, (HistoryReplay, EstimateDocument, ClosedLoop)):
        yield result.rule.parameters, tuple(one.text for one in result.until)
    elif isinstance(result, Comparison):
        for entry in result.rules:
            yield entry.parameters, tuple(one.text for one in entry.until)
    elif isinstance(result, Certificate):
        for one in result.sequence:
            if one.verdict == "certified":
                yield RecordedRule.of(one.rule).parameters, ()


def mismatches(results: Sequence[Made], rule: NamedRule, until: Sequence[str]) -> Iterator[str]:
    """What speaks against reading several results together, a sentence each.

    Args:
        results: the first is what the others are held against.
        rule, until: what is decided on.
    """
    first, *others = results
    for one in others:
        yield from _other_inputs(first, one)
    for one in results:
        if one.kind != "identification":
            yield from _other_rule(one, rule, until)
    versions = dict.fromkeys(one.esim for one in results)
    if len(versions) > 1:
        told = "; ".join(
            f"{version} wrote the {' and the '.join(o.kind for o in results if o.esim == version)}"
            for version in versions
        )
        yield f"these results are of different versions of esim: {told}"
    for one in others:
        if None not in (first.final, one.final) and first.final != one.final:
            yield (
                f"the {one.kind} takes the {one.final} value as final, the {first.kind} the "
                f"{first.final} one"
            )
        differ = _other_costs(first.costs, one.costs)
        if differ:
            yield f"the {one.kind} assumes other costs than the {first.kind}: {', '.join(differ)}"


def _other_costs(ours: Costs | None, theirs: Costs | None) -> list[str]:
    """The costs that differ; a price that only one of them was given contradicts nothing."""
    if ours is None or theirs is None:
        return []
    unpriced = ours.price is None or theirs.price is None
    return [
        f"{field.name.removesuffix('_s').replace('_', ' ')}"
        for field in fields(Costs)
        if getattr(ours, field.name) != getattr(theirs, field.name)
        and not (unpriced and field.name in ("price", "currency"))
    ]


def _other_inputs(first: Made, one: Made) -> Iterator[str]:
    ours = [path for key, path in first.inputs.items() if key not in one.inputs]
    theirs = [path for key, path in one.inputs.items() if key not in first.inputs]
    if ours or theirs:
        told = [f"{_some(paths, 'input')} only in the {made.kind}"
                for made, paths in ((first, ours), (one, theirs)) if paths]  # fmt: skip
        yield (
            f"the {one.kind} was made of other logs than the {first.kind}, by the SHA-256 of what "
            f"was read: {'; '.join(told)}"
        )
    elif first.studies is not None and one.studies is not None and first.studies != one.studies:
        yield (
            f"the {one.kind} is of {plural(len(one.studies), 'study')} and the {first.kind} of "
            f"{len(first.studies):,}: {_some(sorted(first.studies ^ one.studies), 'study')} not "
            "in both"
        )


def _some(names: Sequence[str], what: str) -> str:
    told = ", ".join(clean(name, 60) for name in names[:_NAMED])
    more = f" and {plural(len(names) - _NAMED, f'more {what}')}" if len(names) > _NAMED else ""
    return told + more


def _other_rule(one: Made, rule: NamedRule, until: Sequence[str]) -> Iterator[str]:
    mine = (dict(rule.parameters), tuple(until))
    found = one.rules or ()
    if any((dict(columns), ends) == mine for columns, ends in found):
        return
    name = clean(rule.name)
    if one.kind == "comparison":
        yield f"{name} is not among the rules of the comparison as it is set here"
    elif one.kind == "certificate":
        yield f"the certificate does not certify {name} as it is set here"
    else:
        columns, ends = found[0]
        differ = [key for key in {**columns, **mine[0]} if columns.get(key) != mine[0].get(key)]
        differ += ["until"] if ends != mine[1] else []
        yield f"the {one.kind} is of another rule: it differs in {', '.join(differ[:6])}"
