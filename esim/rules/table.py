"""A stopping rule as one row of a table: data that one kernel runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from esim.errors import EsimError, near_names
from esim.rules.columns import GROUPS, Columns
from esim.rules.refusals import validate


@dataclass(frozen=True)
class Rule(Columns):
    """One row: at each judged report, stop if the own statistic is worse than the threshold.

    The threshold is a quantile of the peers' statistics at the same place. Raises EsimError, with
    the value quoted, for a value a column cannot have, and for one that another column makes
    meaningless. "Worse" is higher when minimizing and lower when maximizing; quantiles count from
    the best peer.
    """

    def __post_init__(self) -> None:
        validate(self)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every column of the row but its name and source; None for a bound there is none of."""
        every = dataclasses.asdict(self)
        return {
            k: None if v in (float("-inf"), float("inf")) else v
            for k, v in every.items()
            if k not in ("name", "source")
        }

    @property
    def counts_from(self) -> int:
        """The step from which running averages count."""
        return self.warmup_steps if self.average_from < 0 else self.average_from

    @property
    def waits_for_first(self) -> bool:
        """Whether its rungs are settled by the first trials to complete, and nothing before."""
        if self.rungs == "none":
            return False
        return self.first_rung == 0 or (self.brackets != "one" and self.max_resource == 0)

    def named(self, name: str, source: str) -> Rule:
        """This row under another name and source."""
        return dataclasses.replace(self, name=name, source=source)

    def with_columns(self, **columns: Any) -> Rule:
        """This row with columns changed. Raises EsimError for an unknown column or value."""
        known = self.parameters
        for column in columns:
            if column not in known:
                raise EsimError(
                    f"a rule has no column {column!r}", fix=f"one of: {near_names(column, known)}"
                )
        return dataclasses.replace(self, **columns)


def meanings() -> dict[str, str]:
    """Column -> what it means, in the order of the row."""
    return {f.name: f.metadata["meaning"] for f in dataclasses.fields(Rule) if f.metadata}


def groups() -> dict[str, tuple[str, ...]]:
    """Heading -> its columns, in the order of the row."""
    columns = [f for f in dataclasses.fields(Rule) if f.metadata]
    return {
        heading: tuple(f.name for f in columns if f.metadata["group"] == group)
        for group, heading in GROUPS.items()
    }


def parse_column(assignment: str) -> tuple[str, Any]:
    """``key=value`` from the command line as (column, typed value).

    Raises EsimError if the column is unknown or the text is not of its type.
    """
    key, equals, text = assignment.partition("=")
    key, text = key.strip(), text.strip()
    kinds: dict[str, Any] = {
        f.name: type(f.default) for f in dataclasses.fields(Rule) if f.metadata
    }
    kinds.pop("source")
    if not equals or key not in kinds:
        raise EsimError(
            f"cannot set {assignment!r}",
            fix=f"column=value, column one of: {near_names(key, kinds)}",
        )
    kind = kinds[key]
    try:
        if kind is bool:
            return key, {"true": True, "false": False}[text.lower()]
        return key, kind(text)
    except (KeyError, ValueError):
        word = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise EsimError(f"rule column {key} cannot be {text!r}", fix=word) from None
