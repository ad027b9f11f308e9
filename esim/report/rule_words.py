"""What a rule is, in two sentences, and which of its columns differ from those of its preset."""

from __future__ import annotations

from typing import Any

from esim.report.words import clean
from esim.results.named_rule import NamedRule
from esim.rules import Rule
from esim.rules.presets import Preset, names, preset

_LONGEST = 300  # characters of what a file of the user's says


def preset_of(rule: NamedRule) -> Preset | None:
    """The preset that a rule is called after; None if it is the user's own."""
    name = rule.name.partition("[")[0]
    return preset(name) if name in names() else None


def ordinary_columns() -> dict[str, Any]:
    """The value of each column where nothing sets it."""
    return Rule(name="").parameters


def changed_columns(rule: NamedRule) -> dict[str, Any]:
    """The columns of a rule that differ from those of its preset; of no preset, from the ordinary.

    A column that this version of esim does not know is left out.
    """
    row = preset_of(rule)
    base = ordinary_columns() if row is None or row.rule is None else row.rule.parameters
    return {
        key: value for key, value in rule.parameters.items() if key in base and value != base[key]
    }


def column_word(value: Any) -> str:
    """The value of a column, as `--set` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def rule_and_changes(rule: NamedRule) -> str:
    """The name of a rule, and what was changed in the preset that it is called after."""
    changed = {} if preset_of(rule) is None or "[" in rule.name else changed_columns(rule)
    told = ", ".join(f"{key}={column_word(value)}" for key, value in changed.items())
    return clean(rule.name) + (f" with {told}" if told else "")


def rule_sentences(rule: NamedRule) -> tuple[str, str]:
    """What a rule does and whose it is; and its earliest stop, or what was changed."""
    row, changed = preset_of(rule), changed_columns(rule)
    told = ", ".join(f"{key}={column_word(value)}" for key, value in changed.items())
    if row is None:
        source = clean(rule.source, _LONGEST) or "no source named"
        columns = f"It differs from the plain rule by {told}." if told else "It is the plain rule."
        return f"{clean(rule.name)} is a rule of your own ({source}).", columns
    first = f"{row.name}, of {row.system} ({row.version}): {row.summary}."
    if row.system == "baseline":
        first = f"{row.name}, a baseline: {row.summary}."
    return first, f"Changed: {told}." if told else f"Its earliest stop: {row.earliest}."
