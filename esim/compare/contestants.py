"""Who is compared: rules, each at every point of a grid, and the baselines."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esim.comparison import Role
from esim.errors import EsimError
from esim.rules import PRESETS, READINGS, Rule
from esim.rules import rule as named_rule


@dataclass(frozen=True)
class Contestant:
    """One rule with its columns settled.

    Attributes:
        key: its name in the comparison, with the columns that differ from the preset's.
        changed: those columns.
        look_ahead: it uses what no rule can know at the time: not ranked.
    """

    key: str
    rule: Rule
    changed: Mapping[str, Any]
    role: Role = "rule"
    look_ahead: bool = False


def contestants(
    rules: Iterable[str | Rule], grid: Mapping[str, Sequence[Any]], *, readings: bool = False
) -> list[Contestant]:
    """The rules at every point of the grid, then SageMaker's readings; each once.

    Raises:
        EsimError: an unknown rule, column or value, or two different rules of one name.
    """
    rows = [named_rule(r) for r in rules]
    if readings:
        literal = PRESETS["sagemaker"]
        rows += [literal.with_columns(**r.columns) for r in READINGS if r.clock is None]
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    found: dict[str, Contestant] = {}
    for row in rows:
        for point in points:
            one = contestant(row.with_columns(**point) if point else row)
            same = found.setdefault(one.key, one)
            if same.rule != one.rule:
                raise EsimError(
                    f"two different rules are named {one.key!r}", fix="give one another name"
                )
    return list(found.values())


def contestant(row: Rule, role: Role = "rule", *, look_ahead: bool = False) -> Contestant:
    """A rule under the name that tells it from its preset."""
    changed = {}
    if row.name in PRESETS:
        usual = PRESETS[row.name].parameters
        changed = {k: v for k, v in row.parameters.items() if v != usual[k]}
    words = ",".join(f"{k}={_word(v)}" for k, v in changed.items())
    return Contestant(f"{row.name}[{words}]" if words else row.name, row, changed, role, look_ahead)


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
