"""The named rows."""

from __future__ import annotations

from typing import Any

from esim.errors import EsimError, near_names
from esim.rules.table import Rule

SAGEMAKER = Rule(
    name="sagemaker",
    source=(
        "Amazon SageMaker Developer Guide, 'Stop Training Jobs Early' "
        "(TrainingJobEarlyStoppingType=Auto), read literally"
    ),
    # Averages of equal decimals differ in their last bits; without this such a tie would be
    # decided by rounding. Real differences in float32 metrics are 10,000 times larger.
    tolerance=1e-12,
)

PRESETS: dict[str, Rule] = {row.name: row for row in (SAGEMAKER,)}


def rule(name: str | Rule, **columns: Any) -> Rule:
    """A preset by name (or a rule itself) with columns changed.

    Raises:
        EsimError: no such preset, column or value; near names are given.
    """
    if isinstance(name, Rule):
        row = name
    elif name in PRESETS:
        row = PRESETS[name]
    else:
        raise EsimError(f"no rule named {name!r}", fix=f"one of: {near_names(name, PRESETS)}")
    return row.with_columns(**columns) if columns else row
