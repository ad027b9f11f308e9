"""JSON Schema (draft 2020-12) of the documents that records are written as.

The types of a record's fields say what its document holds (`esim.storage.typed`), and so they say
its schema: what `esim.storage.typed.build` reads follows it.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from esim.storage.typed import fields_of

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NAMES: Mapping[Any, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
_ATTRIBUTE = re.compile(
    r"^    (?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n     +\S.*)*)", re.MULTILINE
)


def json_schema(record: Any, name: str, meanings: Mapping[str, str]) -> dict[str, Any]:
    """The schema of a record's document.

    Args:
        record: the dataclass of the whole document.
        name: of the schema, as in the document's own key "schema", such as "esim.replay/1".
        meanings: what keys mean whose record does not say it, by ``key`` or ``Record.key``.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Point:
        ...     '''Where it is.
        ...
        ...     Attributes:
        ...         x: metres to the right; None: unknown.
        ...     '''
        ...
        ...     x: float | None
        >>> found = json_schema(Point, "point/1", {"schema": "its name"})
        >>> found["properties"]["x"]["type"], found["required"]
        (['number', 'null'], ['schema', 'x'])
    """
    maker = _Maker(meanings)
    found = maker.record(record)
    told: dict[str, Any] = {"const": name, "description": meanings["schema"]}
    return {
        "$schema": _DRAFT,
        "$id": f"urn:{name.replace('.', ':').replace('/', ':')}",
        "title": name,
        **found,
        "properties": {"schema": told} | found["properties"] | {"schema": told},
        "required": ["schema", *found["required"]],
        "$defs": dict(sorted(maker.records.items())),
    }


class _Maker:
    """Schemas of kinds, with those of the records in them apart.

    Attributes:
        records: the schema of each record by its name.
    """

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.records: dict[str, Any] = {}
        self._made: dict[str, Any] = {}
        self._meanings = meanings

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of a kind, as `esim.storage.typed.convert` reads it."""
        origin, parts = typing.get_origin(kind), typing.get_args(kind)
        if kind in _NAMES:
            return {"type": _NAMES[kind]}
        if origin in (typing.Union, types.UnionType):
            return _one_of([self.of(part) for part in parts])
        if origin is Annotated:
            return self.of(parts[1])
        if origin is Literal:
            return {"enum": list(parts)}
        if origin is tuple and len(parts) > 1 and parts[1] is not ...:
            return {
                "type": "array",
                "prefixItems": [self.of(part) for part in parts],
                "minItems": len(parts),
                "maxItems": len(parts),
            }
        if origin in (tuple, Sequence):
            return {"type": "array", "items": self.of(parts[0])}
        if origin is Mapping:
            return {"type": "object", "additionalProperties": self.of(parts[1])}
        if hasattr(kind, "plain_kind"):
            return self.of(kind.plain_kind())
        name = kind.__name__
        if self._made.setdefault(name, kind) is not kind:
            raise TypeError(f"two records are called {name}")
        if name not in self.records:
            self.records[name] = {}  # of one that holds itself
            self.records[name] = self.record(kind)
        return {"$ref": f"#/$defs/{name}"}

    def record(self, record: Any) -> dict[str, Any]:
        """The schema of a record itself."""
        properties, required = {}, []
        for owner, key, kind, needed in _written(record):
            properties[key] = {**self.of(kind), "description": self._meaning(owner, key, kind)}
            if needed:
                required.append(key)
        return {
            "description": _first_paragraph(record),
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def _meaning(self, record: Any, key: str, kind: Any) -> str:
        """What a key means: as its record says, else as all do, else what its own record is."""
        own = _attributes(record).get(key) or self._meanings.get(f"{record.__name__}.{key}")
        return own or self._meanings.get(key) or _first_paragraph(_record_in(kind))


def _written(record: Any) -> list[tuple[Any, str, Any, bool]]:
    """The keys of a record's document: which record says them, as what, and whether they must."""
    found = []
    for field in fields_of(record).values():
        if field.flat:
            found += _written(field.kind)
        else:
            found.append((record, field.key, field.told or field.kind, field.needed))
    beside = getattr(record, "beside", {})
    return found + [(record, key, kind, False) for key, kind in beside.items()]


def _one_of(schemas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Any of several schemas; scalars as one list of types."""
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    if all(schema.keys() <= {"type", "enum"} for schema in schemas) and len(schemas) == 2:
        words, other = sorted(schemas, key=lambda schema: "type" in schema)
        if other == {"type": "null"}:
            return {"enum": [*words["enum"], None]}
    return {"anyOf": list(schemas)}


def _record_in(kind: Any) -> Any:
    """The record that a kind is, or holds, if it is one alone."""
    found = {part for part in _parts(kind) if dataclasses.is_dataclass(part)}
    return found.pop() if len(found) == 1 else None


def _parts(kind: Any) -> list[Any]:
    if typing.get_origin(kind) is Annotated:
        return _parts(typing.get_args(kind)[1])
    if hasattr(kind, "plain_kind"):
        return _parts(kind.plain_kind())
    return [kind, *(one for part in typing.get_args(kind) for one in _parts(part))]


def _first_paragraph(record: Any) -> str:
    text = inspect.getdoc(record) if record is not None else None
    return _json_words((text or "").partition("\n\n")[0])


def _json_words(text: str) -> str:
    """Text on one line, in which null is called so."""
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))


def _attributes(record: Any) -> dict[str, str]:
    """What a record's docstring says of its attributes."""
    _, _, told = (inspect.getdoc(record) or "").partition("\nAttributes:\n")
    told = told.partition("\n\n")[0]
    return {
        name: _json_words(found["text"])
        for found in _ATTRIBUTE.finditer(told)
        for name in found["names"].split(", ")
    }
