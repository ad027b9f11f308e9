"""A stopping rule as one row of a table: data that one kernel runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from esim.errors import EsimError, near_names
from esim.rules.refusals import check

Own = Literal["current", "best", "average"]
Peer = Literal["average", "value", "best"]
Adding = Literal["in order", "pairwise"]
Nan = Literal["missing", "finite", "pass", "stop", "worst", "poison"]
Pool = Literal["ended", "completed", "reached"]
Again = Literal["never", "completed", "ended"]
Axis = Literal["step", "seconds"]
Match = Literal["upto", "step", "number", "interpolate"]
Against = Literal["peers", "bounds", "nothing", "hindsight", "pairs"]
Quantile = Literal["midpoint", "linear", "lower", "higher", "reduction", "rank", "portion", "mean"]
Frame = Literal["best first", "worst first", "as recorded"]
Short = Literal["drop", "carry"]
Rungs = Literal["none", "each", "highest", "standing"]
Brackets = Literal["one", "crc32"]
Judged = Literal["every", "once"]
PatienceOf = Literal["optuna", "keras", "xgboost", "lightgbm"]
KeepBy = Literal["last", "best", "judged"]

GROUPS = {
    "sides": "What is compared",
    "pool": "With whom",
    "place": "Where",
    "threshold": "The threshold",
    "rungs": "Rungs",
    "gates": "When it judges",
    "curve": "The trial's own curve",
    "effect": "What a verdict does",
}


def _column(default: Any, group: str, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning, "group": group})


@dataclass(frozen=True)
class Rule:
    """One row: at each judged report, stop if the own statistic is worse than the threshold.

    The threshold is a quantile of the peers' statistics at the same place. Raises EsimError, with
    the value quoted, for a value a column cannot have, and for one that another column makes
    meaningless. "Worse" is higher when minimizing and lower when maximizing; quantiles count from
    the best peer.
    """

    name: str
    source: str = _column("", "", "the document or code the row copies, with its version")
    against: Against = _column(
        "peers",
        "sides",
        "what stops a judged report: peers = the own side is worse than the peers' threshold; "
        "bounds = its value lies outside `lower` to `upper`; nothing = being judged; hindsight = "
        "it is not among the `keep` best (looks ahead, or pauses: no rule, a yardstick); pairs = "
        "Wilcoxon's signed-rank test against the best completed trial's curve",
    )
    own: Own = _column(
        "current",
        "sides",
        "the trial's side: its current value, its best so far, or its own running average",
    )
    peer: Peer = _column(
        "average",
        "sides",
        "a peer's side: its running average, its value, or its best so far, at its last report "
        "up to the place compared",
    )
    average_from: int = _column(
        0,
        "sides",
        "running averages leave out reports before this step; -1: before warmup_steps",
    )
    adding: Adding = _column(
        "in order",
        "sides",
        "how a running average is added up, to the last bit: in order, or pairwise as NumPy does",
    )
    nan: Nan = _column(
        "missing",
        "sides",
        "a value that is not a number: missing = no report; finite = infinities too; pass = a "
        "report that goes on and is nobody's peer; stop = the same, but it stops the trial if all "
        "that its own side rests on are NaN; worst = worse than any value; poison = an average "
        "over it is none, and a NaN at the start of a curve stays the best",
    )
    pool: Pool = _column(
        "ended",
        "pool",
        "whose reports count: trials that have ended (completed or stopped), only those that "
        "completed, or all that have reached the step, running ones too",
    )
    failed_peers: bool = _column(
        False, "pool", "whether failed trials are peers once they have ended"
    )
    include_self: bool = _column(
        False, "pool", "whether the trial itself is in its pool (pool=reached)"
    )
    frozen: bool = _column(
        False,
        "pool",
        "whether the threshold is that of the trial's launch (match=number, judged=once)",
    )
    again: Again = _column(
        "never",
        "pool",
        "a defect of some: as a trial ends its last report is stored once more, in its running "
        "average, or at the rung below. completed = not if the rule stopped it",
    )
    axis: Axis = _column(
        "step",
        "place",
        "what steps, here and below, are: the reports' steps, or their seconds since the trial's "
        "start (a step is a second where the logs have no times)",
    )
    match: Match = _column(
        "upto",
        "place",
        "how a peer's place is found: upto = its last report at or before the step, if it went "
        "that far; step = a report at exactly the step; number = the report of the same number "
        "(all steps below are then numbers of reports, from 1); interpolate = between its reports",
    )
    short: Short = _column(
        "drop",
        "place",
        "an ended peer beyond its last step: drop = no longer counts, carry = counts with its "
        "last statistic",
    )
    quantile: float = _column(
        0.5,
        "threshold",
        "the threshold's quantile among the peers, 0 = the best peer; at rungs, 1 / reduction",
    )
    method: Quantile = _column(
        "midpoint",
        "threshold",
        "between two peers: midpoint = their mean, linear = weighted, lower = the better one, "
        "higher = the worse one. Or: rank = stops if more than the quantile of the pool is better; "
        "portion = the peer at floor(quantile * n), from 0; mean = the mean of all, no quantile; "
        "reduction = the last of the best n // reduction, or the best",
    )
    frame: Frame = _column(
        "best first",
        "threshold",
        "method=linear: the order from which it is weighted, which decides the last bit: best "
        "first, worst first, or values as recorded",
    )
    slack_factor: float = _column(
        0.0, "threshold", "the peers' side is loosened by this share: times or over 1 + share"
    )
    slack_amount: float = _column(0.0, "threshold", "the peers' side is loosened by this much")
    strict: bool = _column(True, "threshold", "whether a tie goes on (true) or stops (false)")
    tolerance: float = _column(
        0.0, "threshold", "a difference up to this share of the threshold is a tie"
    )
    rungs: Rungs = _column(
        "none",
        "rungs",
        "comparison at rungs only, with the values recorded there: each = a report is judged at "
        "every rung it has come to, one after the other; highest = at the highest not yet "
        "recorded; standing = every report, by the value at the highest rung it has come to",
    )
    first_rung: int = _column(
        1, "rungs", "the lowest rung's step; 0: a hundredth of the longest of the first to complete"
    )
    reduction: float = _column(
        3.0, "rungs", "each rung is this many times the one below; 1 / reduction of it goes on"
    )
    brackets: Brackets = _column(
        "one",
        "rungs",
        "one, or Hyperband's: bracket b's lowest rung is first_rung * reduction ** b, drawn by the "
        "CRC-32 of study name and trial number",
    )
    max_resource: int = _column(
        0, "rungs", "Hyperband's longest trial; 0: the longest of the first to complete, plus 1"
    )
    warmup_steps: int = _column(0, "gates", "no decision below this step")
    warmup_share: float = _column(
        0.0,
        "gates",
        "no decision below this share of the mean last step of the trials that have completed; "
        "none before a trial has completed",
    )
    interval: int = _column(
        1,
        "gates",
        "judge only the first report in each interval of this many steps after warmup_steps",
    )
    judged: Judged = _column("every", "gates", "judge every report the gates let through, or once")
    min_reports: int = _column(
        1, "gates", "no decision before the trial has made this many reports"
    )
    min_peers: int = _column(
        1,
        "gates",
        "no decision with fewer peers than this at the place compared (against=pairs: with fewer "
        "common steps)",
    )
    min_completed: int = _column(0, "gates", "no decision before this many trials have completed")
    max_steps: int = _column(
        0, "gates", "stop at this step whatever the peers, with rungs below it only; 0: never"
    )
    patience: int = _column(
        -1,
        "curve",
        "judge only when the trial's best has not improved for this many reports; -1: always",
    )
    patience_of: PatienceOf = _column(
        "optuna", "curve", "whose arithmetic of patience, to the last bit"
    )
    min_delta: float = _column(0.0, "curve", "what an improvement must exceed")
    lower: float = _column(float("-inf"), "curve", "against=bounds: values below it stop")
    upper: float = _column(float("inf"), "curve", "against=bounds: values above it stop")
    keep: int = _column(1, "curve", "against=hindsight: how many trials go on")
    keep_by: KeepBy = _column(
        "last",
        "curve",
        "against=hindsight: the best by their last or best value in the end, or by the own side "
        "where each is judged",
    )
    p_value: float = _column(0.1, "curve", "against=pairs: a smaller p-value stops")
    delay: int = _column(0, "effect", "a stop takes effect this many reports after its decision")

    def __post_init__(self) -> None:
        check(self)

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
