"""Stopping rules: rows of a table, and the named presets."""

from esim.rules.presets import PRESETS, SAGEMAKER, rule
from esim.rules.readings import LITERAL, READINGS, Reading
from esim.rules.table import Rule, meanings, parse_column

__all__ = [
    "LITERAL",
    "PRESETS",
    "READINGS",
    "SAGEMAKER",
    "Reading",
    "Rule",
    "meanings",
    "parse_column",
    "rule",
]
