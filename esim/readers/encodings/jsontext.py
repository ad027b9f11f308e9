"""Reads JSON as other tools write it, with NaN and Infinity; errors name path and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from esim.errors import EsimError
from esim.readers.limits import check_json, check_rows, too_deep
from esim.readers.source import File
from esim.study import Note


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


def lines(file: File, cut: list[str] | None = None) -> Iterator[tuple[str, Any]]:
    """The lines of a JSONL file. Arguments, results and errors are those of `text_lines`."""
    return text_lines(file.text(), str(file), cut)


def text_lines(text: str, where: str, cut: list[str] | None = None) -> Iterator[tuple[str, Any]]:
    """The lines of JSONL, each as its place (``path:line``) and its value.

    Empty lines are skipped.

    Args:
        text: the lines.
        where: the file, for places.
        cut: if given, a broken last line without its line end is left out instead of refused, and
            its place is added here: its writer was interrupted.

    Raises:
        EsimError: as `parse`.
    """
    check_rows(text, where)
    whole = text.endswith("\n")
    rows = text.split("\n")
    last = len(rows)
    for number, line in enumerate(rows, start=1):
        if not line.strip():
            continue
        place = f"{where}:{number}"
        try:
            value = parse(line, place)
        except EsimError:
            if cut is None or whole or number < last:
                raise
            cut.append(place)
            return
        yield place, value


def cut_note(cut: list[str]) -> list[Note]:
    """The note on lines that `lines` left out, if any.

    Args:
        cut: the places of these lines.
    """
    if not cut:
        return []
    text = f"{len(cut)} file(s) end in the middle of a line; it is left out"
    return [Note("lines_cut_off", text, len(cut), tuple(cut[:3]))]
