"""Reads how long something took, as a number of seconds or as hours, minutes and seconds."""

from __future__ import annotations

import re
from typing import Any

from esim.errors import EsimError
from esim.readers.encodings import cells

_CLOCK = re.compile(r"(?:(\d+) days?,? )?(\d+):([0-5]\d)(?::([0-5]\d(?:\.\d*)?))?")


def is_duration(cell: Any) -> bool:
    """Whether a cell is written as hours, minutes and seconds: 0:01:30, or 1 day, 2:03:04.5."""
    return isinstance(cell, str) and _CLOCK.fullmatch(cell.strip()) is not None


def duration(cell: Any, place: str, column: str) -> float:
    """The seconds that a cell stands for, NaN if it is missing.

    Args:
        cell: a number of seconds, or h:mm:ss with or without days; m:ss if there are two parts.
        place: where the cell is, for the error.
        column: the name of its column, for the error.

    Raises:
        EsimError: it is neither.

    Example:
        >>> duration("0:01:30", "log.csv:2", "elapsed"), duration(2.5, "log.csv:3", "elapsed")
        (90.0, 2.5)
    """
    match = _CLOCK.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match is None:
        try:
            return cells.number(cell, place, column)
        except EsimError:
            fix = "seconds, or h:mm:ss"
            raise EsimError(f"{cell!r} is no duration", where=place, fix=fix) from None
    days, first, second, third = match.groups()
    if third is None:
        return int(first) * 60.0 + int(second)
    return int(days or 0) * 86400.0 + int(first) * 3600.0 + int(second) * 60.0 + float(third)
