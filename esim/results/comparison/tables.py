"""The records of a comparison as rows of tables."""

from __future__ import annotations

import typing
from dataclasses import fields
from typing import Any

from esim.results.comparison.entries import RuleEntry
from esim.results.comparison.numbers import Dist, Middle, Share, Spread
from esim.storage.typed import hints


def spread_row(key: str, role: str, orders: Spread) -> dict[str, Any]:
    """A contestant's numbers over launch orders."""
    return {"rule": key, "role": role, **flat(orders)}


def standing(entry: RuleEntry) -> dict[str, Any]:
    """How a contestant stands beside the others."""
    against, rank = entry.against_best, entry.rank
    return {
        "verdict": None if against is None else against.verdict,
        "p": None if against is None else against.p,
        "rank": None if rank is None else rank.mean,
        "front": entry.front,
    }


def flat(record: Any) -> dict[str, Any]:
    """A record's numbers in columns: `name`, `name_low`, ... for the parts of a number."""
    row: dict[str, Any] = {}
    for f in fields(record):
        value = getattr(record, f.name)
        if f.name == "best":
            row[f.name] = None if value is None else value.trial
        elif _is_number(record, f.name):
            parts = {} if value is None else vars(value)
            main = "share" if isinstance(value, Share) else "mean"
            row[f.name] = parts.get(main)
            row |= {f"{f.name}_{k}": v for k, v in parts.items() if k != main}
        else:
            row[f.name] = value
    return row


def _is_number(record: Any, name: str) -> bool:
    return bool({Dist, Share, Middle} & set(typing.get_args(hints(type(record))[name])))
