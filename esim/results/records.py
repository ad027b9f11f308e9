"""Result documents as strict JSON, and the one error about what is no such document.

One rule for what is unknown: it is null in JSON, None in a scalar field, and NaN in an array. A
number that is not finite is written as null too, because strict JSON has no word for it, and is
therefore unknown when it is read back.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np

from esim.errors import HIDDEN, EsimError, visible
from esim.results.shown import Shown
from esim.storage.typed import MisfitError, build

_HIDDEN = re.compile(f"[{HIDDEN}]")


def to_json(value: Any) -> str:
    """Plain values as strict JSON text, in which numbers that are not finite are null.

    What a terminal would obey is escaped, which JSON reads as the same text. A lone surrogate,
    which is no text, is written out (`esim.errors.visible`).
    """
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() else _HIDDEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if "\ud800" <= character <= "\udfff":
        character = visible(character)
    return json.dumps(character)[1:-1]


@contextmanager
def following_schema(schema: str, where: str | None = None) -> Iterator[None]:
    """What does not fit the records inside is an EsimError about the document.

    Args:
        schema: the schema that the document names.
        where: the file it was read from, where it was one.
    """
    try:
        yield
    except MisfitError as error:
        raise EsimError(
            f"the document does not follow its schema, {schema}",
            where=where,
            why=str(error),
            fix="write it again with this version of esim",
        ) from None


class Document(Shown):
    """A record that is a result document.

    Attributes:
        schema: the name of its schema, such as "esim.replay/1".
        beside: the keys of the document that are no fields of the record, and what they are.
    """

    schema: ClassVar[str]
    beside: ClassVar[Mapping[str, Any]] = {"schema": str}

    def _in_short(self) -> Iterator[str]:
        yield f"{type(self).__name__}, a document of {self.schema}"

    def to_dict(self) -> dict[str, Any]:
        """The document, of plain values."""
        raise NotImplementedError

    def to_json(self) -> str:
        """The document as strict JSON: what is not finite is null.

        Example:
            >>> import json
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
            >>> found = esim.compare(study, ["sagemaker"], orders=2)
            >>> json.loads(found.to_json())["schema"]
            'esim.compare/1'
        """
        return to_json(self.to_dict())

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], where: str | None = None) -> Self:
        """The records of a document, as `to_dict` wrote it.

        What was not finite stands as null in the document, and so is unknown here.

        Args:
            document: plain values, as `to_dict` gives them.
            where: the file it was read from, for errors.

        Raises:
            EsimError: the document does not follow its schema.
        """
        with following_schema(cls.schema, where):
            return build(cls, document)


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
