"""Reads how long something took, as a number of seconds or as hours, minutes and seconds."""

from __future__ import annotations

import re
from typing import Any

from esim.errors import EsimError
from esim.readers.encodings import cells

# Units in names of columns, in brackets or behind "_": "Time (min)", "elapsed_ms".
_UNITS = (
    (1e-3, "ms|msec|msecs|millis|milliseconds?"),
    (1.0, "s|sec|secs|seconds?"),
    (60.0, "min|mins|minutes?"),
    (3600.0, "h|hr|hrs|hours?"),
)
_NAMED = [
    (per, re.compile(rf"(.*?)(?:\s*[(\[]\s*(?:{words})\s*[)\]]|_(?:{words}))$", re.IGNORECASE))
    for per, words in _UNITS
]
_WRITTEN = re.compile(
    r"\s*(?:(\d+) days? +)?(?:(\d+) (?:hr|hours?) +)?(?:(\d+) min +)?([\d.]+) sec\s*"
)
_CLOCK = re.compile(r"(?:(\d{1,9}) days?,? )?(\d{1,9}):([0-5]\d)(?::([0-5]\d(?:\.\d*)?))?")


def unit_in(name: str) -> tuple[str, float]:
    """The name of a column without the unit in it, and the seconds of one unit.

    >>> unit_in("Time (min)"), unit_in("elapsed_ms"), unit_in("time")
    (('Time', 60.0), ('elapsed', 0.001), ('time', 1.0))
    """
    for per, pattern in _NAMED:
        match = pattern.fullmatch(name.strip())
        if match:
            return match[1], per
    return name, 1.0


def is_duration(cell: Any) -> bool:
    """Whether a cell is written as 0:01:30, 1 day, 2:03:04.5, or 1 min 2.5 sec."""
    text = cell if isinstance(cell, str) else ""
    return _CLOCK.fullmatch(text.strip()) is not None or _WRITTEN.fullmatch(text) is not None


def duration(cell: Any, place: str, column: str) -> float:
    """The seconds that a cell stands for, NaN if it is missing.

    Args:
        cell: a number of seconds, h:mm:ss with or without days (m:ss if there are two parts), or
            "1 min 2.5 sec" as H2O writes it.
        place: where the cell is, for the error.
        column: the name of its column, for the error.

    Raises:
        EsimError: it is neither.

    Example:
        >>> duration("0:01:30", "log.csv:2", "elapsed"), duration(2.5, "log.csv:3", "elapsed")
        (90.0, 2.5)
    """
    written = _WRITTEN.fullmatch(cell) if isinstance(cell, str) else None
    if written is not None:
        days, hours, minutes, rest = (float(part or 0) for part in written.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + rest
    match = _CLOCK.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match is None:
        try:
            return cells.number(cell, place, column)
        except EsimError:
            fix = "seconds, or h:mm:ss"
            raise EsimError(f"{cell!r} is no duration", where=place, fix=fix) from None
    whole, first, second, third = match.groups()
    if third is None:
        return int(first) * 60.0 + int(second)
    return int(whole or 0) * 86400.0 + int(first) * 3600.0 + int(second) * 60.0 + float(third)
