"""Frozen typed records as plain values, which JSON holds, and back: what does not fit is refused.

The types of a record's fields alone say what its document holds. A tuple is a list, a record an
object or a list of its fields in their order. Text is Unicode and numbers are finite; null stands
where a type allows None, and for a number that was not finite. A field that does not compare is not
stored.
"""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, cast

from esim.errors import EsimError

T = TypeVar("T")
Scalar = str | int | float | bool | None
Scalars = Annotated[Mapping[str, Any], Mapping[str, Scalar]]
# A number that may be infinite or NaN, which stands as null in a document.
Unbounded = Annotated[float, float | None]
Converter = Callable[[Any], Any]

# The types of a record's fields by name.
hints: Callable[[Any], dict[str, Any]] = cast(
    Any, cache(partial(typing.get_type_hints, include_extras=True))
)

_MOST = 10**300  # no whole number is larger: what is computed from one may be a float


class MisfitError(ValueError):
    """A value that does not fit the type of its field.

    Attributes:
        why: what is wrong with it.
        place: where it stands, such as ``studies[0].summary.trials``; "" is the whole.
    """

    def __init__(self, why: str) -> None:
        self.why, self.place = why, ""
        super().__init__(why)

    def __str__(self) -> str:
        return f"{self.place}: {self.why}" if self.place else self.why

    def inside(self, part: str | int) -> MisfitError:
        """The same error, of what holds the value under this name or number."""
        head = part if isinstance(part, str) and part.isidentifier() else f"[{shown(part)}]"
        self.place = (
            f"{head}.{self.place}" if self.place[:1] not in ("", "[") else head + self.place
        )
        return self


def parse(text: str, *, strict: bool = False) -> Any:
    """The plain value that JSON text holds.

    Args:
        text: the text.
        strict: whether NaN and Infinity, which are no JSON, are refused.

    Raises:
        MisfitError: it is no JSON, is nested too deeply, or has an integer of over 4300 digits.
    """
    try:
        return json.loads(text, parse_constant=_refuse if strict else None)
    except RecursionError:
        raise MisfitError("it is nested too deeply") from None
    except ValueError as error:
        raise MisfitError(str(error)) from None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not strict JSON")


def plain(value: Any) -> Any:
    """A record as a dict of its fields and a tuple as a list, all the way down.

    Args:
        value: a frozen dataclass, a mapping, a sequence, or a value that JSON knows.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dict(_plain_fields(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def _plain_fields(record: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(record):
        if field.compare:
            value = plain(getattr(record, field.name))
            if "flat" in field.metadata:
                yield from value.items()
            else:
                yield field.metadata.get("key", field.name), value


class Field(NamedTuple):
    """How a field stands in a document.

    Attributes:
        key: under which key.
        kind: as what it is read.
        flat: whether its own fields stand there in its place.
        needed: whether it must stand there.
        told: as what its schema tells it, where that is more than is asked of what is read; else
            None.
    """

    key: str
    kind: Any
    flat: bool
    needed: bool
    told: Any


@cache
def fields_of(record: Any) -> dict[str, Field]:
    """The fields of a record by name."""
    kinds = hints(record)
    return {
        f.name: Field(
            f.metadata.get("key", f.name),
            kinds[f.name],
            "flat" in f.metadata,
            f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING,
            f.metadata.get("told"),
        )
        for f in dataclasses.fields(record)
        if f.compare
    }


def build(record: type[T], entries: Any) -> T:
    """A record from its plain fields.

    The metadata of a field may name another ``key`` that it stands under. The fields of one that
    is ``flat``, a record too, stand among those of its owner. The keys in the record's own
    attribute `beside` may stand there too, and are not read.

    Args:
        record: the dataclass to make.
        entries: its fields by name, or in their order.

    Raises:
        MisfitError: a field is missing or unknown, or its value is of another type or impossible.
    """
    known = fields_of(cast(Any, record))
    if isinstance(entries, (list, tuple)):
        if len(entries) > len(known):
            raise MisfitError(f"{len(entries)} values for {len(known)} fields")
        entries = dict(zip(known, entries, strict=False))
    if not isinstance(entries, Mapping):
        raise MisfitError(f"{shown(entries)} is not an object")
    others, made = dict(entries), {}
    for name, (key, kind, flat, needed, _) in known.items():
        if flat:
            inside = [k for k, *_ in fields_of(kind).values() if k in others]
            made[name] = build(kind, {k: others.pop(k) for k in inside})
        elif key in others:
            made[name] = _inside(key, kind, others.pop(key))
        elif needed:
            raise MisfitError(f"there is no {key!r}")
    for key in others:
        if key not in getattr(record, "beside", ()):
            raise MisfitError(f"{shown(key)} is not one of its fields")
    try:
        return record(**made)
    except EsimError as error:
        raise MisfitError(f"{error.what}: {error.why}" if error.why else error.what) from None


def convert(kind: Any, value: Any) -> Any:
    """A plain value as a type.

    Args:
        kind: a scalar, a literal, a record, or a union, tuple, sequence or mapping of such. A
            class may have a `from_plain` that makes it from a plain value. ``Annotated[X, kind]``
            is read as the kind that it names.
        value: what a document holds.

    Raises:
        MisfitError: it does not fit.
    """
    return _converter(kind)(value)


def _inside(part: str | int, kind: Any, value: Any) -> Any:
    try:
        return _converter(kind)(value)
    except MisfitError as error:
        raise error.inside(part) from None


@cache
def _converter(kind: Any) -> Converter:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin in (typing.Union, types.UnionType):
        return _one_of(parts)
    if origin is Annotated:
        return _converter(parts[1])
    if origin is Literal:
        return _word_of(parts)
    if origin in (tuple, Sequence):
        return _list_of(parts)
    if origin is Mapping:
        return _mapping_of(parts[1])
    if hasattr(kind, "from_plain"):
        return kind.from_plain  # type: ignore[no-any-return]
    return lambda value: build(kind, value)


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise MisfitError(f"{shown(value)} is not text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise MisfitError(f"{shown(value)} is not Unicode text") from None
    return value


def _flag(value: Any) -> Any:
    if not isinstance(value, bool):
        raise MisfitError(f"{shown(value)} is neither true nor false")
    return value


def _whole(value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MisfitError(f"{shown(value)} is not a whole number")
    if not -_MOST <= value <= _MOST:
        raise MisfitError(f"{shown(value)} is too large")
    return value


def _number(value: Any) -> Any:
    if value is None:  # it was not finite
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise MisfitError(f"{shown(value)} is not a number")
    if isinstance(value, int):
        return _whole(value)
    if not math.isfinite(value):
        raise MisfitError(f"{value} is not finite")
    return value


_SCALARS: Mapping[Any, Converter] = {str: _text, bool: _flag, int: _whole, float: _number}


def _one_of(parts: Sequence[Any]) -> Converter:
    kinds = [part for part in parts if part is not type(None)]

    def make(value: Any) -> Any:
        if value is None and len(kinds) < len(parts):
            return None
        for kind in kinds[:-1]:
            try:
                return convert(kind, value)
            except MisfitError:
                pass
        return convert(kinds[-1], value)

    return make


def _word_of(words: Sequence[str]) -> Converter:
    def make(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            raise MisfitError(f"{shown(value)} is not one of {', '.join(words)}")
        return value

    return make


def _list_of(parts: Sequence[Any]) -> Converter:
    counted = len(parts) > 1 and parts[1] is not ...

    def make(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise MisfitError(f"{shown(value)} is not a list")
        if counted and len(value) != len(parts):
            raise MisfitError(f"{len(value)} values where there must be {len(parts)}")
        kinds = parts if counted else [parts[0]] * len(value)
        return tuple(
            _inside(i, kind, one) for i, (kind, one) in enumerate(zip(kinds, value, strict=True))
        )

    return make


def _mapping_of(kind: Any) -> Converter:
    def make(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise MisfitError(f"{shown(value)} is not an object")
        return {_text(key): _inside(key, kind, one) for key, one in value.items()}

    return make


def shown(value: Any) -> str:
    """A value from outside as it stands in an error: harmless, and cut."""
    return reprlib.repr(value)
