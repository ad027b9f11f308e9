"""Reads JSON as other tools write it, with NaN and Infinity; errors name path and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from esim.errors import EsimError
from esim.readers.encodings.endings import ended_objects
from esim.readers.encodings.utf8 import text_of
from esim.readers.limits import check_json, check_rows, too_deep
from esim.readers.source import File


def parse(text: str, place: str) -> Any:
    """The JSON value that a text is.

    Args:
        text: the text.
        place: where it stands (``path:line``), for the error.

    Raises:
        EsimError: it is not JSON, is nested too deeply, has an integer of over 4300 digits, or is
            too large.
    """
    check_json(text, place)
    try:
        return json.loads(text)
    except RecursionError:
        raise too_deep(place) from None
    except ValueError as error:
        raise EsimError("not JSON", where=place, why=str(error)) from None


def document(file: File) -> Any:
    """The JSON value that a file holds. Raises EsimError as `parse`."""
    return parse(file.text(), str(file))


@contextmanager
def shaped(what: str, place: str) -> Iterator[None]:
    """Makes an `EsimError` of what goes wrong inside because JSON is of another shape.

    Args:
        what: what is wrong then, such as "not a trial of KerasTuner".
        place: where the JSON stands.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise EsimError(what, where=place, why=repr(error)) from None


def lines(
    file: File, data: bytes | None = None, where: str | None = None
) -> Iterator[tuple[str, Any]]:
    """The lines of JSONL, each as its place (``path:line``) and its value.

    Empty lines are skipped, and a last line that was cut off is left out.

    Args:
        file: the file.
        data: the lines, if they are a member of the file.
        where: what they are called in places; None takes the file's name.

    Raises:
        EsimError: as `parse`.
    """
    where = where or str(file)
    data = ended_objects(file, file.read() if data is None else data)
    text = text_of(data)
    check_rows(text, where)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{where}:{number}"
            yield place, parse(line, place)
