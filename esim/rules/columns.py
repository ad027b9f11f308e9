"""The columns of the rule table: their names, types, defaults and meanings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Own = Literal["current", "best", "average"]
Peer = Literal["average", "value", "best"]
Adding = Literal["in order", "pairwise", "decimals"]
Nan = Literal["missing", "finite", "pass", "stop", "worst", "poison"]
Pool = Literal["ended", "completed", "reached"]
PeerFrom = Literal["end", "stop"]
Again = Literal["never", "completed", "ended"]
Axis = Literal["step", "seconds"]
Match = Literal["upto", "step", "number", "interpolate"]
Against = Literal["peers", "bounds", "nothing", "hindsight", "pairs", "leader"]
Quantile = Literal[
    "midpoint", "linear", "lower", "higher", "reduction", "rank", "within", "portion", "mean"
]
Frame = Literal["best first", "worst first", "as recorded"]
Short = Literal["drop", "carry"]
Rungs = Literal["none", "each", "highest", "standing"]
Brackets = Literal["one", "crc32"]
Judged = Literal["every", "once"]
PatienceOf = Literal["optuna", "keras", "xgboost", "lightgbm"]
KeepBy = Literal["last", "best", "judged"]

GROUPS = {
    "statistics": "What is compared",
    "pool": "With whom",
    "step": "Where",
    "threshold": "The threshold",
    "rungs": "Rungs",
    "gates": "When it judges",
    "curve": "The trial's own curve",
    "effect": "What a verdict does",
}


def column(default: Any, group: str, meaning: str) -> Any:
    """The field of a column.

    Args:
        default: its default value.
        group: the key in `GROUPS` of the heading it is listed under.
        meaning: what it means, as `esim rules` prints it.
    """
    return field(default=default, metadata={"meaning": meaning, "group": group})


@dataclass(frozen=True)
class RuleColumns:
    """The columns of a row of the rule table; `esim.rules.Rule` also checks their values."""

    name: str
    source: str = column("", "", "the document or code the row copies, with its version")
    against: Against = column(
        "peers",
        "statistics",
        "what stops a judged report: peers = the own side is worse than the peers' threshold; "
        "bounds = its value lies outside `lower` to `upper`; nothing = being judged; hindsight = "
        "it is not among the `keep` best (looks ahead, or pauses: no rule, a yardstick); pairs = "
        "Wilcoxon's signed-rank test against the best completed trial's curve; leader = at "
        "`consecutive` checkpoints in a row, by the curves as they are now, its moving average is "
        "stable and worse than the best one (by more than slack_amount)",
    )
    own: Own = column(
        "current",
        "statistics",
        "the trial's side: its current value, its best so far, or its own running average",
    )
    peer: Peer = column(
        "average",
        "statistics",
        "a peer's side: its running average, its value, or its best so far, at its last report "
        "up to the place compared",
    )
    average_from: int = column(
        0,
        "statistics",
        "running averages leave out reports before this step; -1: before warmup_steps",
    )
    adding: Adding = column(
        "in order",
        "statistics",
        "how a running average is added up, to the last bit: in order, or pairwise as NumPy does; "
        "decimals = in order, then rounded to 13 digits of the largest value so far, so that "
        "averages equal on paper are equal",
    )
    nan: Nan = column(
        "missing",
        "statistics",
        "a value that is not a number: missing = no report; finite = infinities too; pass = a "
        "report that goes on and is nobody's peer; stop = the same, but it stops the trial if all "
        "that its own side rests on are NaN; worst = worse than any value; poison = an average "
        "over it is none, and a NaN at the start of a curve stays the best",
    )
    pool: Pool = column(
        "ended",
        "pool",
        "whose reports count: trials that have ended (completed or stopped), only those that "
        "completed, or all that have reached the step, running ones too",
    )
    failed_peers: bool = column(
        False,
        "pool",
        "whether trials that failed are peers once they have; with pool=reached any trial is one "
        "while it runs",
    )
    include_self: bool = column(
        False, "pool", "whether the trial itself is in its pool (pool=reached)"
    )
    frozen: bool = column(
        False,
        "pool",
        "whether the threshold is that of the trial's launch (match=number, judged=once)",
    )
    peer_from: PeerFrom = column(
        "end",
        "pool",
        "from when a stopped trial has ended: end = the end of its job, as one that completes; "
        "stop = the end of its training, before the upload",
    )
    again: Again = column(
        "never",
        "pool",
        "a defect of some: as a trial ends its last report is stored once more, in its running "
        "average, or at the rung below. completed = not if the rule stopped it",
    )
    axis: Axis = column(
        "step",
        "step",
        "what steps, here and below, are: the reports' steps, or their seconds since the trial's "
        "start (a step is a second where the logs have no times)",
    )
    match: Match = column(
        "upto",
        "step",
        "how a peer's place is found: upto = its last report at or before the step, if it went "
        "that far; step = a report at exactly the step; number = the report of the same number "
        "(all steps below are then numbers of reports, from 1); interpolate = between its reports",
    )
    short: Short = column(
        "drop",
        "step",
        "an ended peer beyond its last step: drop = no longer counts, carry = counts with its "
        "last statistic",
    )
    quantile: float = column(
        0.5,
        "threshold",
        "the threshold's quantile among the peers, 0 = the best peer; at rungs, 1 / reduction",
    )
    method: Quantile = column(
        "midpoint",
        "threshold",
        "between two peers: midpoint = their mean, linear = weighted, lower = the better one, "
        "higher = the worse one. Or: rank = stops if more than the quantile of the pool is better; "
        "within = stops if at least the quantile of the pool is better; "
        "portion = the peer at floor(quantile * n), from 0; mean = the mean of all, no quantile; "
        "reduction = the last of the best n // reduction, or the best",
    )
    frame: Frame = column(
        "best first",
        "threshold",
        "method=linear: the order from which it is weighted, which decides the last bit: best "
        "first, worst first, or values as recorded",
    )
    slack_factor: float = column(
        0.0, "threshold", "the peers' side is loosened by this share: times or over 1 + share"
    )
    slack_amount: float = column(0.0, "threshold", "the peers' side is loosened by this much")
    strict: bool = column(True, "threshold", "whether a tie goes on (true) or stops (false)")
    tolerance: float = column(
        0.0,
        "threshold",
        "a difference up to this share of the threshold is a tie. 1e-12 with adding=decimals where "
        "the source is a document: whatever is a tie on paper is one",
    )
    protect: int = column(
        0,
        "threshold",
        "the best so many at the place compared go on whatever the threshold; equal peers count as "
        "one (against=leader: each by itself)",
    )
    protect_share: float = column(
        0.0, "threshold", "the best so large a share of those compared go on, if that is more"
    )
    protect_leaders: int = column(
        0,
        "threshold",
        "against=leader: whoever led at one of the last so many checkpoints is among the best",
    )
    rungs: Rungs = column(
        "none",
        "rungs",
        "comparison at rungs only, with the values recorded there: each = a report is judged at "
        "every rung it has come to, one after the other; highest = at the highest not yet "
        "recorded; standing = every report, by the value at the highest rung it has come to",
    )
    first_rung: int = column(
        1, "rungs", "the lowest rung's step; 0: a hundredth of the longest of the first to complete"
    )
    reduction: float = column(
        3.0, "rungs", "each rung is this many times the one below; 1 / reduction of it goes on"
    )
    brackets: Brackets = column(
        "one",
        "rungs",
        "one, or Hyperband's: bracket b's lowest rung is first_rung * reduction ** b, drawn by the "
        "CRC-32 of study name and trial number",
    )
    max_resource: int = column(
        0, "rungs", "Hyperband's longest trial; 0: the longest of the first to complete, plus 1"
    )
    warmup_steps: int = column(0, "gates", "no decision below this step")
    warmup_share: float = column(
        0.0,
        "gates",
        "no decision below this share of the mean last step of the trials that have completed; "
        "none before a trial has completed",
    )
    progress_from: float = column(
        0.0,
        "gates",
        "no decision below this share of the way from the first to the last step that any trial "
        "has reported by then (pool=reached with include_self)",
    )
    progress_to: float = column(1.0, "gates", "no decision beyond this share of that way")
    interval: int = column(
        1,
        "gates",
        "judge only the first report in each interval of this many steps after warmup_steps",
    )
    judged: Judged = column("every", "gates", "judge every report the gates let through, or once")
    min_reports: int = column(1, "gates", "no decision before the trial has made this many reports")
    min_peers: int = column(
        1,
        "gates",
        "no decision with fewer peers than this at the place compared (against=pairs: with fewer "
        "common steps)",
    )
    min_completed: int = column(0, "gates", "no decision before this many trials have completed")
    max_steps: int = column(
        0, "gates", "stop at this step whatever the peers, with rungs below it only; 0: never"
    )
    patience: int = column(
        -1,
        "curve",
        "judge only when the trial's best has not improved for this many reports; -1: always",
    )
    patience_of: PatienceOf = column(
        "optuna", "curve", "whose arithmetic of patience, to the last bit"
    )
    min_delta: float = column(0.0, "curve", "what an improvement must exceed")
    lower: float = column(float("-inf"), "curve", "against=bounds: values below it stop")
    upper: float = column(float("inf"), "curve", "against=bounds: values above it stop")
    keep: int = column(1, "curve", "against=hindsight: how many trials go on")
    keep_by: KeepBy = column(
        "last",
        "curve",
        "against=hindsight: the best by their last or best value in the end, or by the own side "
        "where each is judged",
    )
    p_value: float = column(0.1, "curve", "against=pairs: a smaller p-value stops")
    checkpoints: float = column(
        0.1,
        "curve",
        "against=leader: a checkpoint stands at progress_from and every so large a share of the "
        "way on, where curves are interpolated between their reports",
    )
    smooth: int = column(
        2, "curve", "against=leader: how many checkpoints a moving average and variance are over"
    )
    most_variance: float = column(
        -1.0,
        "curve",
        "against=leader: a moving variance up to this is stable; -1: up to the median of the "
        "trials compared",
    )
    consecutive: int = column(
        1,
        "effect",
        "a trial stops once this many of its judgements in a row have gone against it. A report "
        "that is not judged neither counts nor breaks the row; what stops whatever the peers stops "
        "at once",
    )
    delay: int = column(0, "effect", "a stop takes effect this many reports after its decision")
