"""Points in time in every encoding the logs use, as seconds since 1970 UTC."""

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

# A number is told apart by its size: [0, 1e11) s (to the year 5138), [1e11, 1e14) ms (from 1973),
# [1e14, 1e17) us, [1e17, 1e20) ns.
EPOCH_UNITS: tuple[tuple[str, float, float], ...] = (
    ("seconds", 1e11, 1.0),
    ("milliseconds", 1e14, 1e3),
    ("microseconds", 1e17, 1e6),
    ("nanoseconds", 1e20, 1e9),
)

ISO_8601 = "ISO 8601"  # the name of the encoding, beside "epoch seconds" and so on

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REPR = re.compile(
    r"datetime\.datetime\((\d+(?:, \d+){2,6})(?:, tzinfo=(.+?))?(?:, fold=[01])?\)$", re.DOTALL
)
_REPR_OFFSET = re.compile(r"tzoffset\([^,]*, (-?\d+)\)|timedelta\((?:days=(-1), )?seconds=(\d+)\)")


@dataclass(frozen=True)
class Moment:
    """A point in time; `zone_known` is False where the text names no zone and UTC was taken."""

    seconds: float
    zone_known: bool = True


def parse_moment(value: Any, where: str) -> Moment:
    """A point in time from a JSON or text value.

    ISO 8601, ``str(datetime)``, ``datetime.datetime(...)`` reprs, and numbers (or digits) of epoch
    seconds, milliseconds, microseconds or nanoseconds, told apart by `EPOCH_UNITS`.

    Args:
        value: what stands in the record.
        where: path and key, for the error.

    Raises:
        EsimError: it is none of these.
    """
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Moment(_epoch(float(value), value, where))
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
    """`parse_moment` as seconds since 1970 UTC."""
    return parse_moment(value, where).seconds


def epoch_seconds(numbers: Float64, where: Callable[[int], str]) -> tuple[Float64, str]:
    """A column of numbers as seconds, and the name of its unit.

    Args:
        numbers: [R], NaN where missing.
        where: the place of a row, for the error.

    Raises:
        EsimError: a number too large, infinite, or of another size than the largest one's.
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
    """Whole microseconds of finite seconds: their differences are exact."""
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
