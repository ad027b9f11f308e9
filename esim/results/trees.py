"""Frozen records as plain JSON values, and back."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")

hints: Callable[[Any], dict[str, Any]] = cast("Any", cache(typing.get_type_hints))


def plain(value: Any) -> Any:
    """Records as dicts, tuples as lists, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def build(record: type[T], entries: Mapping[str, Any]) -> T:
    """A record from its plain fields. Raises KeyError or TypeError if they are not its own."""
    kinds = hints(record)
    return record(**{name: _as(kinds[name], value) for name, value in entries.items()})


def _as(kind: Any, value: Any) -> Any:
    """A JSON value as its field's type; null stays None, and a number that was not finite too."""
    if value is None:
        return None
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    if is_dataclass(kind):
        return build(kind, value)  # type: ignore[arg-type]
    if typing.get_origin(kind) is tuple:
        return tuple(_as(typing.get_args(kind)[0], v) for v in value)
    return value
