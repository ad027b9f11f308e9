"""What a row of the rule table cannot hold: values out of range, and columns that contradict."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, Literal, get_args, get_origin, get_type_hints

from esim.errors import EsimError
from esim.rules.columns import Columns

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
}
_RANGES = {
    "quantile": (0.0, 1.0),
    "warmup_share": (0.0, 1.0),
    "tolerance": (0.0, 0.1),
    "reduction": (1.0 + 1e-9, 1e9),
    "slack_factor": (0.0, 1e9),
    "slack_amount": (0.0, math.inf),
    "min_delta": (0.0, math.inf),
    "lower": (-math.inf, math.inf),
    "upper": (-math.inf, math.inf),
    "p_value": (0.0, 1.0),
}
# Columns that mean something only under a condition on another.
_PEERS_ONLY = (
    "peer", "pool", "failed_peers", "include_self", "frozen", "again", "short", "quantile",
    "method", "frame", "slack_factor", "slack_amount", "strict", "tolerance", "rungs",
)  # fmt: skip
_RUNGS_ONLY = ("first_rung", "reduction", "brackets", "max_resource")


def validate(rule: Columns) -> None:
    """Raise EsimError, the value quoted, for a row that cannot be."""
    _values(rule)
    _combinations(rule)


def _refuse(rule: Columns, column: str, fix: str) -> None:
    value = getattr(rule, column)
    raise EsimError(f"rule {rule.name!r}: {column} cannot be {value!r}", fix=fix)


@functools.cache
def _kinds() -> dict[str, Any]:
    return get_type_hints(Columns)


def _values(rule: Columns) -> None:
    for field in dataclasses.fields(rule):
        value, kind = getattr(rule, field.name), _kinds()[field.name]
        if get_origin(kind) is Literal:
            if value not in get_args(kind):
                _refuse(rule, field.name, "one of " + ", ".join(get_args(kind)))
        elif kind is bool:
            if not isinstance(value, bool):
                _refuse(rule, field.name, "true or false")
        elif kind is int:
            least = _LEAST[field.name]
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                _refuse(rule, field.name, f"a whole number, at least {least}")
        elif kind is float:
            low, high = _RANGES[field.name]
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and low <= value <= high):
                _refuse(rule, field.name, f"a number from {low:g} to {high:g}")


def _combinations(rule: Columns) -> None:
    defaults: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(rule)}

    def changed(*columns: str) -> str | None:
        return next((c for c in columns if getattr(rule, c) != defaults[c]), None)

    def need(ok: bool, column: str | None, fix: str) -> None:
        if not ok and column is not None:
            _refuse(rule, column, f"{fix}, or leave {column} at {defaults[column]!r}")

    at_rungs = rule.rungs != "none"
    need(rule.against == "peers", changed(*_PEERS_ONLY), "against=peers")
    need(rule.against in ("peers", "pairs"), changed("min_peers"), "against=peers or pairs")
    need(at_rungs, changed(*_RUNGS_ONLY) if rule.method != "reduction" else None, "rungs")
    need(rule.pool == "reached", changed("include_self"), "pool=reached")
    need(rule.against == "bounds", changed("lower", "upper"), "against=bounds")
    need(rule.against == "hindsight", changed("keep", "keep_by"), "against=hindsight")
    need(rule.against == "pairs", changed("p_value"), "against=pairs")
    need(rule.patience >= 0, changed("patience_of", "min_delta"), "patience")
    need(rule.method == "linear", changed("frame"), "method=linear")
    need(rule.lower <= rule.upper, changed("lower"), "lower at most upper")
    need(rule.brackets == "crc32", changed("max_resource"), "brackets=crc32")
    if rule.method in ("mean", "reduction"):
        need(False, changed("quantile"), "another method")
    if rule.frozen and not (rule.match == "number" and rule.judged == "once"):
        _refuse(rule, "frozen", "match=number and judged=once, or frozen=false")
    if rule.again != "never" and (rule.pool != "reached" or rule.rungs not in ("none", "highest")):
        _refuse(rule, "again", "pool=reached, and rungs none or highest; or again=never")
    if rule.again == "completed" and not at_rungs:
        _refuse(rule, "again", "never, or ended; or rungs=highest")
    if rule.again != "never" and rule.peer == "average" and rule.adding != "pairwise":
        _refuse(rule, "adding", "pairwise, or again=never")
    if rule.again != "never" and (rule.match == "interpolate" or rule.short == "carry"):
        _refuse(rule, "again", "match and short at their defaults, or again=never")
    if rule.method == "mean" and rule.again != "never":
        _refuse(rule, "again", "again=never: a mean of all forgets nobody")
    if rule.match == "interpolate" and (rule.peer != "value" or rule.short == "carry" or at_rungs):
        _refuse(rule, "match", "peer=value, short=drop and rungs=none; or another match")
    if at_rungs:
        need(False, changed("quantile"), "reduction: at rungs the quantile is 1 / reduction")
        if rule.pool != "reached":
            _refuse(rule, "pool", "reached: rungs hold whoever came to them; or rungs=none")
        if rule.match not in ("step", "number") or rule.short == "carry":
            _refuse(rule, "rungs", "match=step or number and short=drop; or rungs=none")
        if rule.rungs in ("each", "highest"):
            need(
                False,
                changed("warmup_steps", "interval", "judged", "min_reports", "patience"),
                "rungs=none or standing: first_rung is the gate",
            )
        if rule.rungs == "each":
            need(False, changed("delay"), "rungs=none")
    if rule.against == "pairs":
        need(False, changed("own", "max_steps"), "against=peers: whole curves are compared")
        if rule.nan == "pass":
            return
    if rule.nan in ("missing", "finite"):
        return
    if rule.against in ("pairs", "hindsight"):
        _refuse(rule, "nan", f"missing or finite with against={rule.against}")
    if rule.match == "interpolate":
        _refuse(rule, "nan", "missing or finite with match=interpolate")
