"""Stopping rules as rows of a table, the named presets, and readings of SageMaker's rule.

Beside these rules, which end trials, job-level rules end the whole tuning job.
"""

from esim.rules.job_level import (
    JobPreset,
    JobRule,
    default_rule,
    job_meanings,
    job_preset,
    job_presets,
    job_readings,
    job_rule,
    job_rules,
)
from esim.rules.presets import BASELINES, PRESETS, Preset, names, preset, read_preset, rule, usual
from esim.rules.readings import LITERAL, READINGS, Reading
from esim.rules.shares import share
from esim.rules.table import Rule, groups, meanings, parse_column

__all__ = [
    "BASELINES",
    "LITERAL",
    "PRESETS",
    "READINGS",
    "JobPreset",
    "JobRule",
    "Preset",
    "Reading",
    "Rule",
    "default_rule",
    "groups",
    "job_meanings",
    "job_preset",
    "job_presets",
    "job_readings",
    "job_rule",
    "job_rules",
    "meanings",
    "names",
    "parse_column",
    "preset",
    "read_preset",
    "rule",
    "share",
    "usual",
]
