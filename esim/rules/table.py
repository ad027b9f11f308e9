"""`Rule`, a stopping rule as one row of the rule table, which is data that one kernel runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from esim.errors import EsimError, clean, near_names
from esim.rules.columns import GROUPS, RuleColumns
from esim.rules.refusals import SHARES, as_share, validate


@dataclass(frozen=True, repr=False)
class Rule(RuleColumns):
    """A stopping rule: at each judged report a trial stops if it is worse than a threshold.

    What is compared is a statistic of the trial's own curve; the threshold is a quantile of the
    peers' statistics at the same step, counted from the best peer. "Worse" means higher when
    minimizing and lower when maximizing. `esim.rules.meanings` says what each column means.

    Raises:
        EsimError: a column cannot have its value, or another column makes it meaningless.

    Example:
        >>> import esim
        >>> rule = esim.Rule("mine", own="best", min_peers=5)
        >>> rule.parameters["own"], rule.parameters["quantile"]
        ('best', 0.5)
    """

    def __post_init__(self) -> None:
        validate(self)

    def __repr__(self) -> str:
        columns = [f for f in dataclasses.fields(self) if f.name not in ("name", "source")]
        values = ((f.name, getattr(self, f.name), f.default) for f in columns)
        told = ", ".join(f"{name}={value!r}" for name, value, usual in values if value != usual)
        return (
            f"<Rule {clean(self.name)!r}: {clean(told or 'the default of every column', 200)}\n"
            " .parameters has every column>"
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """Every column but name and source, by name; None stands for an infinite bound."""
        return {
            k: None if v in (float("-inf"), float("inf")) else v
            for k, v in vars(self).items()
            if k not in ("name", "source")
        }

    @property
    def counts_from(self) -> int:
        """The first step that running averages include."""
        return self.warmup_steps if self.average_from < 0 else self.average_from

    @property
    def plain(self) -> bool:
        """Whether any judgement that goes against a trial stops it."""
        spares = self.protect > 0 or self.protect_share > 0
        return self.consecutive == 1 and not spares and self.against != "leader"

    @property
    def on_the_way(self) -> bool:
        """Whether it matters how far on the way to the last step a trial is."""
        gated = self.progress_from > 0 or self.progress_to < 1
        return gated or self.against == "leader"

    @property
    def waits_for_first(self) -> bool:
        """Whether the rungs depend on the first trials to complete, so that none exist before."""
        if self.rungs == "none":
            return False
        return self.first_rung == 0 or (self.brackets != "one" and self.max_resource == 0)

    def named(self, name: str, source: str) -> Rule:
        """This rule under another name and source.

        Args:
            name, source: the new values of these two columns.
        """
        return dataclasses.replace(self, name=name, source=source)

    def with_columns(self, **columns: Any) -> Rule:
        """This rule with some columns changed.

        Args:
            columns: the new values by the columns' names; a share may be a text such as "5%".

        Raises:
            EsimError: there is no such column (the error lists near names), or it cannot have the
                value.

        Example:
            >>> import esim
            >>> changed = esim.rule("sagemaker").with_columns(min_reports=3)
            >>> changed.min_reports, esim.rule("sagemaker").min_reports == 3
            (3, False)
        """
        known = self.parameters
        for column in columns:
            if column not in known:
                raise EsimError(
                    f"a rule has no column {column!r}", fix=f"one of: {near_names(column, known)}"
                )
        given: dict[str, Any] = {
            key: as_share(value, key, f"rule {self.name!r}: {key}") if key in SHARES else value
            for key, value in columns.items()
        }
        return Rule(**(vars(self) | given))


def meanings() -> dict[str, str]:
    """What each column means, by its name, in the order of the table."""
    return {f.name: f.metadata["meaning"] for f in dataclasses.fields(Rule) if f.metadata}


def groups() -> dict[str, tuple[str, ...]]:
    """The columns under each heading, in the order of the table."""
    columns = [f for f in dataclasses.fields(Rule) if f.metadata]
    return {
        heading: tuple(f.name for f in columns if f.metadata["group"] == group)
        for group, heading in GROUPS.items()
    }


def parse_column(assignment: str) -> tuple[str, Any]:
    """The column and the value that a text such as ``min_peers=5`` sets.

    Args:
        assignment: ``column=value``, as it is given on the command line.

    Returns:
        The column's name, and the value in the column's type. A share is typed as 5% or 0.05.

    Raises:
        EsimError: there is no such column (the error lists near names), or the text is not a value
            of its type.
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
    if key in SHARES:
        return key, as_share(text, key, f"rule column {key}")
    kind = kinds[key]
    try:
        if kind is bool:
            return key, {"true": True, "false": False}[text.lower()]
        return key, kind(text)
    except (KeyError, ValueError):
        word = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise EsimError(f"rule column {key} cannot be {text!r}", fix=word) from None
