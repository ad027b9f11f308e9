"""A stopping rule as one row of a table: data that one kernel runs."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from esim.errors import EsimError, near_names

Own = Literal["current", "best", "average"]
Peer = Literal["average", "value", "best"]
Pool = Literal["ended", "completed", "reached"]
Match = Literal["upto", "step", "number"]
Quantile = Literal["midpoint", "linear", "lower", "higher"]
Short = Literal["drop", "carry"]


def _column(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Rule:
    """One row: at each judged report, stop if the own statistic is worse than the threshold.

    The threshold is a quantile of the peers' statistics at the same place. Raises EsimError, with
    the value quoted, for a value a column cannot have. "Worse" is higher when minimizing and lower
    when maximizing; quantiles count from the best peer.
    """

    name: str
    source: str = _column("", "the document or code the row copies, with its version")
    own: Own = _column(
        "current",
        "the trial's side: its current value, its best so far, or its own running average",
    )
    peer: Peer = _column(
        "average",
        "a peer's side: its running average, its value, or its best so far, at its last report "
        "up to the place compared",
    )
    average_from: int = _column(0, "running averages leave out reports at steps below this one")
    pool: Pool = _column(
        "ended",
        "whose reports count: trials that have ended (completed or stopped), only those that "
        "completed, or all that have reached the step, running ones too",
    )
    failed_peers: bool = _column(False, "whether failed trials are peers once they have ended")
    include_self: bool = _column(False, "whether the trial itself is in its pool (pool=reached)")
    match: Match = _column(
        "upto",
        "how a peer's place is found: upto = its last report at or before the step, if it went "
        "that far; step = a report at exactly the step; number = the report of the same number",
    )
    quantile: float = _column(0.5, "the threshold's quantile among the peers, 0 = the best peer")
    method: Quantile = _column(
        "midpoint",
        "between two peers: midpoint = their mean, linear = weighted, lower = the better one, "
        "higher = the worse one",
    )
    short: Short = _column(
        "drop",
        "an ended peer beyond its last step: drop = no longer counts, carry = counts with its "
        "last statistic",
    )
    warmup_steps: int = _column(0, "no decision below this step")
    warmup_share: float = _column(
        0.0,
        "no decision below this share of the mean last step of the trials that have completed; "
        "none before a trial has completed",
    )
    interval: int = _column(
        1, "judge only the first report in each interval of this many steps after warmup_steps"
    )
    min_reports: int = _column(1, "no decision before the trial has made this many reports")
    min_peers: int = _column(1, "no decision with fewer peers than this at the place compared")
    min_completed: int = _column(0, "no decision before this many trials have completed")
    strict: bool = _column(True, "whether a tie goes on (true) or stops (false)")
    tolerance: float = _column(0.0, "a difference up to this share of the threshold is a tie")
    delay: int = _column(0, "a stop takes effect this many reports after its decision")

    def __post_init__(self) -> None:
        choices = {"own": Own, "peer": Peer, "pool": Pool, "match": Match, "method": Quantile}
        for column, kind in {**choices, "short": Short}.items():
            value = getattr(self, column)
            if value not in get_args(kind):
                self._refuse(column, value, "one of " + ", ".join(get_args(kind)))
        for column in ("failed_peers", "include_self", "strict"):
            if not isinstance(getattr(self, column), bool):
                self._refuse(column, getattr(self, column), "true or false")
        lowest = {"average_from": 0, "warmup_steps": 0, "min_completed": 0, "delay": 0}
        for column, least in {**lowest, "interval": 1, "min_reports": 1, "min_peers": 1}.items():
            value = getattr(self, column)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                self._refuse(column, value, f"a whole number, at least {least}")
        for column, most in {"quantile": 1.0, "warmup_share": 1.0, "tolerance": 0.1}.items():
            value = getattr(self, column)
            if not (
                isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value <= most
            ):
                self._refuse(column, value, f"a number from 0 to {most:g}")
        if self.include_self and self.pool != "reached":
            self._refuse("include_self", True, "pool=reached, or include_self=false")

    def _refuse(self, column: str, value: object, fix: str) -> None:
        raise EsimError(f"rule {self.name!r}: {column} cannot be {value!r}", fix=fix)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every column of the row but its name and source."""
        every = dataclasses.asdict(self)
        return {k: v for k, v in every.items() if k not in ("name", "source")}

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
