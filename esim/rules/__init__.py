"""Stopping rules as rows of a table, the named presets, and readings of SageMaker's rule."""

from esim.rules.presets import BASELINES, PRESETS, Preset, names, preset, read_preset, rule, usual
from esim.rules.readings import LITERAL, READINGS, Reading
from esim.rules.shares import share
from esim.rules.table import Rule, groups, meanings, parse_column

__all__ = [
    "BASELINES",
    "LITERAL",
    "PRESETS",
    "READINGS",
    "Preset",
    "Reading",
    "Rule",
    "groups",
    "meanings",
    "names",
    "parse_column",
    "preset",
    "read_preset",
    "rule",
    "share",
    "usual",
]
