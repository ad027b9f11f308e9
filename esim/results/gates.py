"""Gates: conditions on what a result document says, by which a build fails.

    condition := all ("or" all)*
    all       := one ("and" one)*
    one       := "not" one | "(" condition ")" | value [sign value]
    sign      := "<" | "<=" | ">" | ">=" | "==" | "!="
    value     := number ["%"] | "true" | "false" | "null" | quoted text | key

What a key names is said in `esim.results.gate_keys`. What is unknown makes a comparison unknown,
unless it is compared with null; unknown and false is false, unknown or true is true (Kleene).
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esim.errors import EsimError, clean
from esim.results.gate_keys import Found, Key

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<percent>%)?"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<key>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[\s*(?:-?\d+|\"[^\"]*\"|'[^']*')\s*\])*)"
    r"|(?P<sign><=|>=|==|!=|<|>|\(|\)))\s*"
)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SAME: dict[str, Callable[[Any, Any], bool]] = {"==": operator.eq, "!=": operator.ne}
_SIGNS = _ORDER | _SAME
_WORDS = {"true": True, "false": False, "null": None}
_DEEPEST = 50  # parentheses and nots around a condition
_EXAMPLE = "a condition such as 'steps_saved_fraction < 10% or best_trial_stopped'"

# What a key is in this result, and a condition in it: None = unknown.
Lookup = Callable[[Key], Found]
Condition = Callable[[Lookup], bool | None]


@dataclass(frozen=True)
class Decision:
    """What became of a gate.

    Attributes:
        holds: whether its condition holds, so that the build fails; None if that is unknown.
        found: the keys it was decided by, and their values in the result; None = unknown.
    """

    holds: bool | None
    found: Mapping[str, Found]

    @property
    def fails(self) -> bool:
        """Whether the build fails: what cannot be known may be so."""
        return self.holds is not False


@dataclass(frozen=True)
class Gate:
    """A condition under which a build fails.

    Attributes:
        text: the condition.

    Raises:
        EsimError: it is none; the error says where.

    Example:
        >>> gate = Gate("cost > 100 or steps_saved_fraction < 10%")
        >>> totals = {"cost": 20, "steps_saved_fraction": 0.3}
        >>> gate.decide({"schema": "esim.replay-many/1", "totals": totals}).holds
        False
    """

    text: str
    _condition: Condition = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_condition", _Parser(self.text).whole())

    def decide(self, document: Mapping[str, Any]) -> Decision:
        """Whether the condition holds in a result.

        Args:
            document: a result document of plain values, as `to_dict` gives it.

        Raises:
            EsimError: the document has no such key, or its value does not compare so.
        """
        found: dict[str, Found] = {}

        def lookup(key: Key) -> Found:
            found[key.text] = key.value(document)
            return found[key.text]

        holds = self._condition(lookup)
        return Decision(holds, found)


class _Parser:
    """One condition, token by token."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._deep = text, 0, 0
        self._token: re.Match[str] | None = None
        self._next()

    def _next(self) -> None:
        """Go on to the next token; None at the end."""
        self._at = self._token.end() if self._token else 0
        self._token = _TOKEN.match(self._text, self._at)
        if self._token is None and self._text[self._at :].strip():
            raise self._wrong("not understood")

    def _wrong(self, what: str, fix: str = _EXAMPLE) -> EsimError:
        rest = self._text[self._at :].strip()
        where = f"at {clean(rest)!r}" if rest else "at its end"
        return EsimError(f"the gate {clean(self._text, 200)!r}: {what} {where}", fix=fix)

    def _take(self, *words: str) -> str | None:
        """The token if it is one of these words, and go on."""
        if self._token is None or self._token[0].strip() not in words:
            return None
        word = self._token[0].strip()
        self._next()
        return word

    def whole(self) -> Condition:
        found = self._any()
        if self._token is not None:
            if self._token["sign"] not in (None, "(", ")"):
                raise self._wrong("a second comparison", "join two comparisons by and")
            raise self._wrong("more than one condition", "join conditions by and, or")
        return found

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _joined(parts, True)

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _joined(parts, False)

    def _one(self) -> Condition:
        self._deep += 1
        if self._deep > _DEEPEST:
            raise self._wrong("nested too deeply")
        if self._take("not"):
            found = _negated(self._one())
        elif self._take("("):
            found = self._any()
            if not self._take(")"):
                raise self._wrong("a missing )")
        else:
            found = self._comparison()
        self._deep -= 1
        return found

    def _comparison(self) -> Condition:
        left = self._value()
        sign = self._take(*_SIGNS)
        return _truth(left) if sign is None else _compared(left, sign, self._value())

    def _value(self) -> Key | Found:
        token = self._token
        if token is None or token["sign"] or token["key"] in ("and", "or", "not"):
            raise self._wrong("a missing key or number")
        value: Key | Found
        if token["number"]:
            value = float(token["number"]) / (100.0 if token["percent"] else 1.0)
            if not math.isfinite(value):
                raise self._wrong("a number that is too large")
        elif token["text"]:
            value = token["text"][1:-1]
        elif token["key"] in _WORDS:
            value = _WORDS[token["key"]]
        else:
            value = Key(token["key"])
        self._next()
        return value


def _joined(parts: list[Condition], decides: bool) -> Condition:
    """Conditions of which one that is as `decides` decides: True for or, False for and."""

    def holds(lookup: Lookup) -> bool | None:
        found = [part(lookup) for part in parts]
        return decides if decides in found else None if None in found else not decides

    return holds


def _negated(part: Condition) -> Condition:
    def holds(lookup: Lookup) -> bool | None:
        found = part(lookup)
        return None if found is None else not found

    return holds


def _truth(value: Key | Found) -> Condition:
    """A key alone, which must be true or false."""

    def holds(lookup: Lookup) -> bool | None:
        found = lookup(value) if isinstance(value, Key) else value
        if found is None or isinstance(found, bool):
            return found
        name = _named(value)
        raise EsimError(f"{name} is {shown(found)}, neither true nor false", fix=f"'{name} > 0'")

    return holds


def _compared(left: Key | Found, sign: str, right: Key | Found) -> Condition:
    asked = None in (left, right)  # whether it is known, which is never unknown
    if asked and sign not in _SAME:
        raise EsimError(f"null does not compare by {sign}", fix="== null or != null")

    def holds(lookup: Lookup) -> bool | None:
        a, b = (lookup(one) if isinstance(one, Key) else one for one in (left, right))
        if None in (a, b):
            return _SAME[sign](a, b) if asked else None
        kinds = {float if type(one) is int else type(one) for one in (a, b)}
        if len(kinds) > 1 or (sign in _ORDER and kinds != {float}):
            both = f"{_named(left)} is {shown(a)} and {_named(right)} is {shown(b)}"
            raise EsimError(f"these do not compare by {sign}", why=both)
        return _SIGNS[sign](a, b)

    return holds


def _named(value: Key | Found) -> str:
    return value.text if isinstance(value, Key) else shown(value)


def shown(value: Found) -> str:
    """A value of a result as it stands in a sentence."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(clean(value)) if isinstance(value, str) else f"{value:.6g}"
