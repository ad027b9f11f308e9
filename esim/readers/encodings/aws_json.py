"""JSON files as the AWS CLI leaves them: one answer, pages one after another, lists, JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from esim.errors import EsimError
from esim.readers.source import File

_BETWEEN = re.compile(r"[\s,]*")


def documents(file: File) -> Iterator[Any]:
    """Every JSON value that stands in a file, one after another.

    Raises:
        EsimError: broken or cut-off JSON, with its line.
    """
    text = file.text()
    decoder = json.JSONDecoder()
    at = 0
    while True:
        blank = _BETWEEN.match(text, at)
        at = blank.end() if blank else at
        if at == len(text):
            return
        try:
            document, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
            raise EsimError(
                "broken or cut-off JSON",
                where=f"{file}:{line}",
                why=str(error),
                fix="export it again; half a page is never read as a whole one",
            ) from None
        yield document
