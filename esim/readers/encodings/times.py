"""Reads points in time, in every way that logs write them, as seconds since 1970 UTC."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.study import Float64

# The size of a number shows its unit: [0, 1e11) is seconds (to the year 5138), [1e11, 1e14)
# milliseconds (from 1973), [1e14, 1e17) microseconds, [1e17, 1e20) nanoseconds.
EPOCH_UNITS: tuple[tuple[str, float, float], ...] = (
    ("seconds", 1e11, 1.0),
    ("milliseconds", 1e14, 1e3),
    ("microseconds", 1e17, 1e6),
    ("nanoseconds", 1e20, 1e9),
)

ISO_8601 = "ISO 8601"  # names this way of writing times, as "epoch seconds" names another

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REPR = re.compile(
    r"datetime\.datetime\((\d+(?:, \d+){2,6})(?:, tzinfo=(.+?))?(?:, fold=[01])?\)$", re.DOTALL
)
_REPR_OFFSET = re.compile(r"tzoffset\([^,]*, (-?\d+)\)|timedelta\((?:days=(-1), )?seconds=(\d+)\)")


@dataclass(frozen=True)
class Moment:
    """A point in time.

    Attributes:
        seconds: seconds since 1970 UTC.
        zone_known: False where the text names no time zone, so that UTC was assumed.
    """

    seconds: float
    zone_known: bool = True


def parse_moment(value: Any, where: str) -> Moment:
    """The point in time that a value stands for.

    Args:
        value: ISO 8601, the text of ``str(datetime)`` or ``repr(datetime)``, or a number (also as
            text) of seconds, milliseconds, microseconds or nanoseconds since 1970 UTC. The size of
            a number shows its unit (`EPOCH_UNITS`).
        where: path and key, for the error.

    Raises:
        EsimError: it is none of these.
    """
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return Moment(_epoch(float(value), value, where))
        except OverflowError:
            raise _not_a_time(value, where) from None
    if not isinstance(value, str):
        raise _not_a_time(value, where)
    text = value.strip()
    if text and text[0] in "0123456789-+." and "-" not in text[1:] and ":" not in text:
        try:
            return Moment(_epoch(float(text), value, where))
        except ValueError as error:
            if isinstance(error, EsimError):
                raise
            raise _not_a_time(value, where) from None
    if text.startswith("datetime.datetime("):
        return _from_repr(text, value, where)
    try:
        return _moment(datetime.fromisoformat(re.sub(r" ?(?:UTC|GMT|Z)$", "+00:00", text)))
    except ValueError:
        raise _not_a_time(value, where) from None


def parse_time(value: Any, where: str) -> float:
    """The seconds since 1970 UTC of `parse_moment`, with its arguments and errors."""
    return parse_moment(value, where).seconds


def epoch_seconds(numbers: Float64, where: Callable[[int], str]) -> tuple[Float64, str]:
    """A column of times that are numbers.

    Args:
        numbers: float64 [R], NaN where missing.
        where: gives the place of a row, for the error.

    Returns:
        float64 [R], seconds since 1970 UTC, and the unit of the numbers.

    Raises:
        EsimError: a number is infinite or too large, or has another unit than the largest one.
    """
    sizes = np.abs(numbers[~np.isnan(numbers)])
    largest = float(sizes.max()) if sizes.size else 0.0
    low = 0.0
    for unit, limit, per_second in EPOCH_UNITS:
        if largest < limit:
            wrong = np.flatnonzero(np.abs(numbers) < low)
            if wrong.size:
                raise EsimError(
                    f"{float(numbers[wrong[0]]):.15g} is not a time in epoch {unit}",
                    where=where(int(wrong[0])),
                    why=f"the column's largest number is {largest:.15g}",
                    fix="write one unit, or ISO 8601",
                )
            return numbers / per_second, unit
        low = limit
    row = int(np.flatnonzero(np.abs(numbers) >= low)[0])
    raise _not_a_time(float(numbers[row]), where(row))


def microseconds(seconds: Float64) -> np.ndarray[Any, np.dtype[np.int64]]:
    """int64: finite seconds as whole microseconds, whose differences are exact."""
    return np.rint(seconds * 1e6).astype(np.int64)


def _epoch(number: float, value: Any, where: str) -> float:
    for _, limit, per_second in EPOCH_UNITS:
        if abs(number) < limit:
            return number / per_second
    raise _not_a_time(value, where)


def _moment(at: datetime) -> Moment:
    known = at.tzinfo is not None
    aware = at if known else at.replace(tzinfo=UTC)
    return Moment(((aware - _EPOCH) // _MICROSECOND) / 1e6, known)


def _from_repr(text: str, value: Any, where: str) -> Moment:
    match = _REPR.match(text)
    if match is None:
        raise _not_a_time(value, where)
    zone = match[2] or ""
    offset = _REPR_OFFSET.search(zone)
    tz: timezone | None = None
    if offset:
        seconds = int(offset[1] or offset[3]) - (86400 if offset[2] else 0)
        tz = timezone(timedelta(seconds=seconds))
    elif "utc" in zone.lower():
        tz = UTC
    try:
        year, month, day, *rest = (int(part) for part in match[1].split(", "))
        return _moment(datetime(year, month, day, *rest, tzinfo=tz))  # type: ignore[misc,arg-type]
    except ValueError:
        raise _not_a_time(value, where) from None


def _not_a_time(value: Any, where: str) -> EsimError:
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)
    return EsimError(
        f"{value!r} is not a time", where=where, fix="ISO 8601, or a number of epoch seconds or ms"
    )
