"""Frozen typed records as plain JSON values, and back.

Every result document is written and read here, driven by the types of its records' fields. One
rule for what is unknown: it is null in JSON, None in a scalar field, and NaN in an array. A number
that is not finite is written as null too, because strict JSON has no word for it, and is therefore
unknown when it is read back.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np

from esim.errors import EsimError

T = TypeVar("T")

hints: Callable[[Any], dict[str, Any]] = cast("Any", cache(typing.get_type_hints))


def plain(value: Any) -> Any:
    """A record as a dict of its fields and a tuple as a list, all the way down.

    Args:
        value: a frozen dataclass, a mapping, a sequence, or a value that JSON knows.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def to_json(value: Any) -> str:
    """Plain values as strict JSON text, in which numbers that are not finite are null."""
    return json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)


def build(record: type[T], entries: Mapping[str, Any]) -> T:
    """A record from its plain fields. Raises KeyError or TypeError if they are not its own.

    Args:
        record: the dataclass to make.
        entries: its fields by name, as `plain` writes them.
    """
    kinds = hints(record)
    return record(**{name: _as(kinds[name], value) for name, value in entries.items()})


@contextmanager
def following_schema(schema: str, where: str | None = None) -> Iterator[None]:
    """Whatever is missing or of another type inside is an EsimError about the document.

    Args:
        schema: the schema that the document names.
        where: the file it was read from, where it was one.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise EsimError(
            f"the document does not follow its schema, {schema}",
            where=where,
            why=f"{type(error).__name__}: {error}",
            fix="write it again with this version of esim",
        ) from error


_SCALARS: dict[Any, type | tuple[type, ...]] = {
    bool: bool, int: int, float: (int, float), str: str
}  # fmt: skip


def _as(kind: Any, value: Any) -> Any:
    """A JSON value as its field's type; null stays None, and a number that was not finite too.

    Raises:
        TypeError: the value is of another type.
    """
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        if value is None:
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    if value is None and kind in (float, Any):
        return None
    if kind in _SCALARS:
        right = isinstance(value, _SCALARS[kind]) and isinstance(value, bool) == (kind is bool)
        if not right:
            raise TypeError(f"{value!r} is not of type {kind.__name__}")
    if is_dataclass(kind):
        return build(kind, value)  # type: ignore[arg-type]
    if typing.get_origin(kind) in (tuple, Sequence):
        return tuple(_as(typing.get_args(kind)[0], v) for v in value)
    if typing.get_origin(kind) is Mapping:
        return {k: _as(typing.get_args(kind)[1], v) for k, v in value.items()}
    return value


def finite(value: Any) -> Any:
    """Plain values with None for every number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    if isinstance(value, np.generic):
        return finite(value.item())
    return value
