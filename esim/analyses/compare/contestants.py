"""Who takes part in a comparison: rules, each at every point of a grid, and the baselines."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from esim.errors import EsimError
from esim.results.comparison.comparison import Role
from esim.rules import BASELINES, PRESETS, READINGS, JobRule, Rule, preset
from esim.rules import rule as named_rule


@dataclass(frozen=True)
class Contestant:
    """One rule that takes part, with every column settled.

    Attributes:
        key: its name in the comparison; columns that differ from the preset's stand in brackets.
        rule: the rule.
        changed: the columns that differ from the preset's.
        role: "rule" or "baseline".
        look_ahead: whether it uses what no rule can know while trials run; it is not ranked then.
        earliest: its earliest possible stop, in words, if it is an unchanged preset.
        until: job-level rules that end the job, beside it or, if it is `none`, alone.
        named: whether the user asked for it by name, and not by a grid.
    """

    key: str
    rule: Rule
    changed: Mapping[str, Any]
    role: Role = "rule"
    look_ahead: bool = False
    earliest: str = ""
    until: tuple[JobRule, ...] = ()
    named: bool = False


@dataclass(frozen=True)
class Field:
    """All R contestants.

    Attributes:
        contestants: the R contestants; results name them by their positions in this order.
        without: a rule's name -> columns of the grid that mean nothing to it, and were left out.
    """

    contestants: tuple[Contestant, ...]
    without: Mapping[str, tuple[str, ...]]

    @property
    def ranked(self) -> tuple[int, ...]:
        """The positions of the contestants that are ranked."""
        return tuple(r for r, one in enumerate(self.contestants) if not one.look_ahead)


def contestants(
    rules: Iterable[str | Rule],
    grid: Mapping[str, Sequence[Any]],
    *,
    readings: bool = False,
    until: Sequence[JobRule] = (),
    beside: Sequence[str | Rule] = (),
) -> Field:
    """The rules at every point of the grid, then SageMaker's readings, then job-level rules.

    Each takes part once; a job-level rule alone, and beside some of the rules.

    A column that means nothing to a rule (a patience rule has no peers) is left out for it.

    Args:
        rules: names of presets, or rules.
        grid: column of the rules' table -> values.
        readings: whether SageMaker's plausible readings take part too.
        until: job-level rules.
        beside: the rules that each of them is combined with: those that the user named.

    Raises:
        EsimError: an unknown rule, column or value; a value that none of the rules can have; or two
            different rules of one name.
    """
    rows = [named_rule(r) for r in rules]
    if readings:
        literal = PRESETS["sagemaker"]
        rows += [literal.with_columns(**r.columns) for r in READINGS if r.clock is None]
    mine = [named_rule(r) for r in beside]
    found: dict[str, Contestant] = {}
    without: dict[str, tuple[str, ...]] = {}
    refusals = []
    for row in rows:
        usable = {}
        for column, values in grid.items():
            try:
                for value in values:
                    row.with_columns(**{column: value})
                usable[column] = values
            except EsimError as error:
                refusals.append((column, error))
                without[row.name] = (*without.get(row.name, ()), column)
        for values in itertools.product(*usable.values()):
            one = contestant(row.with_columns(**dict(zip(usable, values, strict=True))))
            one = replace(one, named=not usable and row in mine)
            same = found.setdefault(one.key, one)
            if same.rule != one.rule:
                raise EsimError(
                    f"two different rules are named {one.key!r}", fix="give one another name"
                )
    for column, refusal in refusals:
        if sum(c == column for c, _ in refusals) == len(rows):
            raise refusal
    for job_rule in until:
        for row in (PRESETS["none"], *mine):
            ended = ended_by(contestant(row), job_rule)
            found.setdefault(ended.key, ended)
    return Field(tuple(found.values()), without)


def ended_by(one: Contestant, job_rule: JobRule) -> Contestant:
    """A contestant whose jobs a job-level rule ends too; of `none` this rule alone is left."""
    alone = one.rule == PRESETS["none"]
    key = job_rule.text if alone else f"{one.key} until {job_rule.text}"
    return replace(one, key=key, role="rule", earliest="", until=(job_rule,), named=True)


def contestant(row: Rule) -> Contestant:
    """A rule as a contestant, under a name that tells it from its preset."""
    changed = {}
    if row.name in PRESETS:
        usual = PRESETS[row.name].parameters
        changed = {k: v for k, v in row.parameters.items() if v != usual[k]}
    words = ",".join(f"{k}={_word(v)}" for k, v in changed.items())
    return Contestant(
        key=f"{row.name}[{words}]" if words else row.name,
        rule=row,
        changed=changed,
        role="baseline" if row.name in BASELINES else "rule",
        look_ahead=row.against == "hindsight",
        earliest=preset(row.name).earliest if row.name in PRESETS and not changed else "",
    )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
