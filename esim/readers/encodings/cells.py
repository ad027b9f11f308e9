"""Reads single cells of tables as text, numbers and times.

In all functions `place` is where the cell is (``path:line``) and `column` is the name of its
column; both are for errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings.times import ISO_8601, epoch_seconds, parse_moment
from esim.study import EXACT, Float64

# The texts that stand for a missing value, as null does.
MISSING = (
    *("", "NaN", "nan", "NAN", "NA", "N/A", "#N/A", "<NA>", "#na#", "null", "NULL", "None"),
    *("-", "--"),
)

_LARGEST = 10**308
_BLANKS = r"[^\S\x1c-\x1f]*+"  # those that float() takes
_NUMBER = re.compile(
    rf"{_BLANKS}(?:[-+]?(?:(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:e[-+]?[0-9]++)?+|inf(?:inity)?)"
    rf"|nan){_BLANKS}",
    re.IGNORECASE,
)


def is_number(cell: str) -> bool:
    """Whether a text is a number or NaN."""
    return _NUMBER.fullmatch(cell) is not None


def holds_number(cell: Any) -> bool:
    """Whether a cell is a number that a float can be, or NaN, or the text of one."""
    if isinstance(cell, str):
        return is_number(cell)
    if isinstance(cell, int):
        return not isinstance(cell, bool) and abs(cell) <= _LARGEST
    return isinstance(cell, float | Decimal)


def is_missing(cell: Any) -> bool:
    """Whether a cell holds no value."""
    if isinstance(cell, str):
        return cell.strip() in MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def is_blank(cell: Any) -> bool:
    """Whether a cell is empty or says that there is nothing; a NaN is a value that was computed."""
    if isinstance(cell, str):
        return cell.strip() in MISSING and cell.strip().lower() != "nan"
    return cell is None


def number(cell: Any, place: str, column: str) -> float:
    """A cell as a float, NaN if it is missing; "inf", "-Infinity" and the like are numbers.

    Raises:
        EsimError: it is not a number, or an integer beyond the range of floats.
    """
    if type(cell) is float:  # the most frequent case in JSON
        return cell
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        return float(cell)
    if is_missing(cell):
        return math.nan
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        try:
            return float(cell)
        except OverflowError:
            raise EsimError(
                "an integer beyond 1e308", where=place, why=f"column {column!r}"
            ) from None
    raise EsimError(f"{cell!r} is not a number", where=place, why=f"column {column!r}")


def integer(cell: Any, place: str, column: str) -> int:
    """A cell as an int; "3.0" is a whole number.

    Raises:
        EsimError: it is missing, not a whole number, or so large that sums of such numbers are not
            exact (2**53).
    """
    if type(cell) is int and abs(cell) < EXACT:
        return cell
    if is_missing(cell):
        raise EsimError(f"no {column}", where=place, fix=f"every row needs a {column}")
    if isinstance(cell, str) and re.fullmatch(r"[-+]?[0-9]{1,400}", cell.strip()):
        whole = int(cell.strip())
    else:
        value = number(cell, place, column)
        if not math.isfinite(value) or value != math.floor(value):
            raise EsimError(
                f"{cell!r} is not a whole number", where=place, why=f"column {column!r}"
            )
        whole = int(value)
    if abs(whole) >= EXACT:
        raise EsimError(
            f"{cell} is too large",
            where=place,
            why=f"column {column!r}: from {EXACT:,} (2**53) on, sums are not exact",
        )
    return whole


def identifier(cell: Any, place: str, column: str) -> str:
    """A cell as an id: text is taken as it is, and an integer of JSON or Parquet as its digits.

    Raises:
        EsimError: it is missing, or neither text nor an integer.
    """
    if isinstance(cell, str) and cell != "":
        return cell
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # as a frame with gaps holds them
    if cell is None or cell == "":
        raise EsimError(f"no {column}", where=place, fix=f"every row needs a {column}")
    raise EsimError(
        f"{cell!r} is not an id", where=place, why=f"column {column!r}", fix="write ids as text"
    )


def plain_text(cell: Any) -> str:
    """A cell as the text that a CSV file would hold: 1.0 is "1", true is "True", none is ""."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def flag(cell: Any, place: str, column: str) -> bool:
    """A cell that is true or false, or 1 or 0.

    Raises:
        EsimError: it is none of these.
    """
    word = str(cell).strip().lower()
    if word in ("true", "1"):
        return True
    if word in ("false", "0"):
        return False
    raise EsimError(f"{cell!r} is neither true nor false", where=place, why=f"column {column!r}")


def moments(column: Sequence[Any], places: Sequence[str], name: str) -> tuple[Float64, str, bool]:
    """A column of times.

    Args:
        column: the cells. [R]
        places: where each of them is. [R]
        name: the column's name, for errors.

    Returns:
        float64 [R], seconds since 1970 UTC, NaN if missing; how the times are written, in words;
        whether UTC was assumed for a time without a zone.

    Raises:
        EsimError: a cell is no time, or times are written in different ways.
    """
    found = np.full(len(column), np.nan)
    given = [i for i, cell in enumerate(column) if not is_missing(cell)]
    if all(_is_numeric(column[i]) for i in given):
        found[given] = [float(column[i]) for i in given]
        seconds, unit = epoch_seconds(found, lambda row: places[row])
        return seconds, f"epoch {unit}", False
    assumed = False
    for i in given:
        if _is_numeric(column[i]):
            raise EsimError(
                f"{column[i]!r} is not ISO 8601",
                where=places[i],
                why=f"other times of column {name!r} are",
                fix="write one kind of time",
            )
        moment = parse_moment(column[i], places[i])
        found[i] = moment.seconds
        assumed = assumed or not moment.zone_known
    return found, ISO_8601, assumed


def _is_numeric(cell: Any) -> bool:
    if isinstance(cell, str):
        return is_number(cell)
    return isinstance(cell, int | float) and not isinstance(cell, bool)
