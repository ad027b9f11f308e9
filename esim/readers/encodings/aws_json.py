"""Reads JSON files of the AWS CLI: a single answer, several pages in a row, lists, JSON lines."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from esim.errors import EsimError
from esim.readers.limits import check_json
from esim.readers.source import File

_BETWEEN = re.compile(r"[\s,]*")


def documents(file: File) -> Iterator[Any]:
    """The JSON values in a file, one after another.

    Raises:
        EsimError: the JSON is broken or cut off (the error names the line) or too large.
    """
    data = file.read()
    check_json(data, str(file))
    try:
        yield orjson.loads(data.removeprefix(codecs.BOM_UTF8))
        return
    except orjson.JSONDecodeError:  # several values, NaN, undecodable bytes, or broken
        text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    decoder = json.JSONDecoder()
    at = 0
    while True:
        blank = _BETWEEN.match(text, at)
        at = blank.end() if blank else at
        if at == len(text):
            return
        try:
            document, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:  # also of an integer of over 4300 digits
            line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
            raise EsimError(
                "broken or cut-off JSON",
                where=f"{file}:{line}",
                why=str(error),
                fix="export it again; half a page is never read as a whole one",
            ) from None
        yield document
