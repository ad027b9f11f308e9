"""One reading of a share, wherever one is asked for: a flag, an argument, a column of a rule."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from esim.errors import EsimError


def share(value: float | str, name: str, low: float = 0.0, high: float = 1.0) -> float:
    """A share as a number: "5%" and 0.05 (or "0.05") are the same.

    A number above 1 is refused and never taken as that many hundred per cent, because whoever
    writes 5 nearly always means 5 %. The text "1" is refused too: it may mean 1 % or 100 %.

    Args:
        value: a text as it is typed, or a number.
        name: what the share is called, for the error.
        low, high: the least and the largest share that is possible, 0 to 1.

    Raises:
        EsimError: it is no share, or not from `low` to `high`; the error says what was probably
            meant.

    Example:
        >>> from esim.rules import share
        >>> share("5%", "max_degradation"), share(0.05, "max_degradation")
        (0.05, 0.05)
    """
    number, is_percentage = _number(value)
    if number is not None and low <= number <= high and (is_percentage or value != "1"):
        return number
    if value == "1":
        fix = "did you mean 1% or 100%?"
    elif number is not None and not is_percentage and number > 1 and low <= number / 100 <= high:
        fix = f"did you mean {_quoted(f'{number:g}%', value)} or {number / 100:g}?"
    else:
        example = _quoted(f"{100 * low:g}%", value), _quoted(f"{100 * high:g}%", value)
        fix = f"a share from {low:g} to {high:g}, which is {example[0]} to {example[1]}"
    raise EsimError(f"{name} cannot be {value!r}", fix=fix)


def _number(value: float | str) -> tuple[float | None, bool]:
    """The number that a value stands for, None if it is none; and whether it had a per cent sign.

    Decimals, since 66.7 / 100 as floats is another number than 0.667.
    """
    if not isinstance(value, str):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return (float(value) if number else None), False
    text = value.strip()
    try:
        digits = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        return None, False
    return (float(digits / 100), True) if text.endswith("%") else (float(digits), False)


def _quoted(percentage: str, value: float | str) -> str:
    """A percentage as it must be written where the value came from: in Python it is a text."""
    return percentage if isinstance(value, str) else repr(percentage)
