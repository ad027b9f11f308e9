"""Refuses rules that cannot be: values out of range, and columns that contradict each other."""

from __future__ import annotations

import functools
import math
from typing import Any, Literal, get_args, get_origin, get_type_hints

from esim.errors import EsimError
from esim.rules.columns import RuleColumns
from esim.rules.shares import share

_LEAST = {
    "average_from": -1,
    "warmup_steps": 0,
    "min_completed": 0,
    "delay": 0,
    "interval": 1,
    "min_reports": 1,
    "min_peers": 1,
    "first_rung": 0,
    "max_resource": 0,
    "max_steps": 0,
    "patience": -1,
    "keep": 0,
    "protect": 0,
    "protect_leaders": 0,
    "consecutive": 1,
    "smooth": 1,
}
# The largest value of columns that are shares.
SHARES = {
    "quantile": 1.0,
    "warmup_share": 1.0,
    "tolerance": 0.1,
    "slack_factor": 1.0,  # a looser rule is written with slack_amount
    "p_value": 1.0,
    "protect_share": 1.0,
    "progress_from": 1.0,
    "progress_to": 1.0,
}
_RANGES = {
    "reduction": (1.0 + 1e-9, 1e9),
    "slack_amount": (0.0, math.inf),
    "min_delta": (0.0, math.inf),
    "lower": (-math.inf, math.inf),
    "upper": (-math.inf, math.inf),
    "checkpoints": (1e-3, 1.0),
    "most_variance": (-1.0, math.inf),
}
# Columns that have a meaning only under a condition on another column.
_PEERS_ONLY = (
    "peer", "frozen", "peer_from", "again", "short", "quantile", "method", "frame", "slack_factor",
    "strict", "tolerance", "rungs",
)  # fmt: skip
_PEERS_OR_LEADER = (
    "pool", "failed_peers", "include_self", "slack_amount", "protect", "protect_share",
    "progress_from", "progress_to",
)  # fmt: skip
_LEADER_ONLY = ("protect_leaders", "checkpoints", "smooth", "most_variance")
_RUNGS_ONLY = ("first_rung", "reduction", "brackets", "max_resource")


def validate(rule: RuleColumns) -> None:
    """Check that each column can have its value, and that the columns fit together.

    Args:
        rule: the row of the rule table.

    Raises:
        EsimError: a value is out of range or contradicts another column; the error quotes it.
    """
    _validate_values(rule)
    _validate_used_columns(rule)
    _validate_peers(rule)
    _validate_way(rule)
    if rule.rungs != "none":
        _validate_rungs(rule)
    _validate_nan(rule)


def as_share(value: float | str, column: str, called: str) -> float:
    """The value of a column that is a share.

    Args:
        value: a text such as "5%", or a number.
        column: its name.
        called: what the error calls it.

    Raises:
        EsimError: it is no such share.
    """
    return share(value, called, high=SHARES[column])


def _refuse(rule: RuleColumns, column: str, fix: str) -> None:
    value = getattr(rule, column)
    raise EsimError(f"rule {rule.name!r}: {column} cannot be {value!r}", fix=fix)


@functools.cache
def _columns() -> tuple[tuple[str, Any, frozenset[str] | None], ...]:
    """Each column's name and type, and which texts it may be; None: it is no choice of texts."""
    kinds = get_type_hints(RuleColumns)
    choices = {
        name: frozenset(get_args(kind)) if get_origin(kind) is Literal else None
        for name, kind in kinds.items()
    }
    return tuple((name, kind, choices[name]) for name, kind in kinds.items())


def _validate_values(rule: RuleColumns) -> None:
    """Refuse values that are not of their column's type, or out of its range."""
    values = vars(rule)
    for name, kind, choices in _columns():
        value = values[name]
        if choices is not None:
            if not isinstance(value, str) or value not in choices:
                _refuse(rule, name, "one of " + ", ".join(get_args(kind)))
        elif kind is bool:
            if not isinstance(value, bool):
                _refuse(rule, name, "true or false")
        elif kind is int:
            least = _LEAST[name]
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                _refuse(rule, name, f"a whole number, at least {least}")
        elif name in SHARES:
            if type(value) is not float or not 0.0 <= value <= SHARES[name]:
                as_share(value, name, f"rule {rule.name!r}: {name}")
        elif kind is float:
            low, high = _RANGES[name]
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and low <= value <= high):
                _refuse(rule, name, f"a number from {low:g} to {high:g}")


def _need(rule: RuleColumns, ok: bool, fix: str, *columns: str) -> None:
    """Unless `ok`, refuse the first of these columns that differs from its default."""
    if ok:
        return
    for column in columns:
        default = getattr(RuleColumns, column)
        if getattr(rule, column) != default:
            _refuse(rule, column, f"{fix}, or leave {column} at {default!r}")


def _validate_used_columns(rule: RuleColumns) -> None:
    """Refuse a column that is set although another column makes it meaningless."""
    at_rungs = rule.rungs != "none" or rule.method == "reduction"
    has_quantile = rule.method not in ("mean", "reduction")
    _need(rule, rule.against == "peers", "against=peers", *_PEERS_ONLY)
    others = rule.against in ("peers", "leader")
    _need(rule, others, "against=peers or leader", *_PEERS_OR_LEADER)
    _need(rule, rule.against == "leader", "against=leader", *_LEADER_ONLY)
    others = others or rule.against == "pairs"
    _need(rule, others, "against=peers, leader or pairs", "min_peers", "consecutive")
    _need(rule, rule.judged == "every", "judged=every: once is never in a row", "consecutive")
    _need(rule, not rule.frozen, "frozen=false", "protect", "protect_share")
    _need(rule, at_rungs, "rungs", *_RUNGS_ONLY)
    _need(rule, rule.pool == "reached", "pool=reached", "include_self")
    _need(rule, rule.against == "bounds", "against=bounds", "lower", "upper")
    _need(rule, rule.against == "hindsight", "against=hindsight", "keep", "keep_by")
    _need(rule, rule.against == "pairs", "against=pairs", "p_value")
    _need(rule, rule.patience >= 0, "patience", "patience_of", "min_delta")
    _need(rule, rule.method == "linear", "method=linear", "frame")
    _need(rule, rule.lower <= rule.upper, "lower at most upper", "lower")
    _need(rule, rule.brackets == "crc32", "brackets=crc32", "max_resource")
    _need(rule, has_quantile, "another method", "quantile")


def _validate_peers(rule: RuleColumns) -> None:
    """Refuse ways to choose and match peers that do not fit together."""
    if rule.frozen and not (rule.match == "number" and rule.judged == "once"):
        _refuse(rule, "frozen", "match=number and judged=once, or frozen=false")
    if rule.again != "never" and (rule.pool != "reached" or rule.rungs not in ("none", "highest")):
        _refuse(rule, "again", "pool=reached, and rungs none or highest; or again=never")
    if rule.again == "completed" and rule.rungs == "none":
        _refuse(rule, "again", "never, or ended; or rungs=highest")
    if rule.again != "never" and rule.peer == "average" and rule.adding != "pairwise":
        _refuse(rule, "adding", "pairwise, or again=never")
    if rule.again != "never" and (rule.match == "interpolate" or rule.short == "carry"):
        _refuse(rule, "again", "match and short at their defaults, or again=never")
    if rule.method == "mean" and rule.again != "never":
        _refuse(rule, "again", "again=never: a mean of all forgets nobody")
    plain = rule.peer == "value" and rule.short != "carry" and rule.rungs == "none"
    if rule.match == "interpolate" and not plain:
        _refuse(rule, "match", "peer=value, short=drop and rungs=none; or another match")


def _validate_way(rule: RuleColumns) -> None:
    """Refuse a way from the first step to the last where not all see how far each trial is."""
    sees = rule.pool == "reached" and rule.include_self
    steps = rule.axis == "step" and rule.match != "number" and rule.rungs == "none"
    if rule.against == "leader" and not (sees and steps):
        fix = "peers; or pool=reached, include_self=true, axis=step, rungs=none, match not number"
        _refuse(rule, "against", fix)
    way = "pool=reached, include_self=true, axis=step, rungs=none and match not number"
    _need(rule, sees and steps, way, "progress_from", "progress_to")
    _need(rule, rule.progress_from <= rule.progress_to, "at most progress_to", "progress_from")


def _validate_rungs(rule: RuleColumns) -> None:
    """Refuse what does not fit a comparison at rungs."""
    _need(rule, False, "reduction: at rungs the quantile is 1 / reduction", "quantile")
    if rule.pool != "reached":
        _refuse(rule, "pool", "reached: rungs hold whoever came to them; or rungs=none")
    if rule.match not in ("step", "number") or rule.short == "carry":
        _refuse(rule, "rungs", "match=step or number and short=drop; or rungs=none")
    gates = ("warmup_steps", "interval", "judged", "min_reports", "patience")
    standing = rule.rungs == "standing"
    _need(rule, standing, "rungs=none or standing: first_rung is the gate", *gates)
    _need(rule, rule.rungs != "each", "rungs=none", "delay")


def _validate_nan(rule: RuleColumns) -> None:
    """Refuse ways to treat NaN that a comparison with whole curves cannot follow."""
    if rule.against in ("pairs", "leader"):
        whole_curves = "against=peers: whole curves are compared"
        _need(rule, False, whole_curves, "own", "max_steps")
        if rule.nan == "pass" and rule.against == "pairs":
            return
    if rule.nan in ("missing", "finite"):
        return
    if rule.against in ("pairs", "hindsight", "leader"):
        _refuse(rule, "nan", f"missing or finite with against={rule.against}")
    if rule.match == "interpolate":
        _refuse(rule, "nan", "missing or finite with match=interpolate")
