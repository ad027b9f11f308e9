"""The candidates that a user names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esim.analyses.compare.contestants import contestants
from esim.errors import EsimError
from esim.results.rule_set import read_rule_set
from esim.rules import BASELINES, PRESETS, Rule
from esim.rules import rule as named_rule
from esim.rules.candidates import Candidate

READINGS, EVERY = "readings", "presets"


def candidates_of(
    names: Sequence[str | Rule], grid: Mapping[str, Sequence[Any]]
) -> tuple[Candidate, ...] | None:
    """The candidates of some names; None for every combination of readings.

    Args:
        names: presets, TOML files, sets of rules, or a word for all presets or readings; or rules.
        grid: column of the rules' table -> values: every rule with each of these.

    Raises:
        EsimError: there is no such rule, no rule at all, or the readings are asked for beside
            others.
    """
    if READINGS in names:
        if len(names) > 1 or grid:
            raise EsimError("the readings stand alone", fix="no other rules, and no --grid")
        return None
    rules: list[Rule] = []
    found: list[Candidate] = []
    for name in names:
        if isinstance(name, Rule):
            rules.append(name)
        elif name.endswith(".json"):
            found += read_rule_set(name).candidates()
        elif name == EVERY:
            rules += (rule for key, rule in PRESETS.items() if key not in BASELINES)
        else:
            rules.append(named_rule(name))
    found += (Candidate(one.key, one.rule) for one in contestants(rules, grid).contestants)
    if not found:
        raise EsimError("there is no candidate", fix="--rules readings, or names of esim rules")
    return tuple(found)
