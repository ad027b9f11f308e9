"""Mutations of JSON documents."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

# What stands in place of a value: of each type, at its ends and beyond.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 1000, 2**31, 2**53, 2**63, -(2**63), 10**400, 0.0, -0.0, 0.5,
    -0.5, 1.5, 5e-324, 1e308, -1e308, "", "a", "0", "NaN", "x" * 5000, "\x1b[2J\x07", "\ud800",
    "<b>&", "=1+1", "\u202e", [], {}, [None], [[]], {"": None}, [1, 2, 3], {"a": {"b": []}},
)  # fmt: skip
# Raw text in place of a value: what json.dumps does not write.
RAW = ("NaN", "-Infinity", "1e999", "1" * 5000, "[" * 3000, '{"a":' * 3000, "tru", '"\\ud8"')
_MARK = "\ue000"


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every value of a document but itself: what holds it, and under which key."""
    found: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key])

    walk(document)
    return found


def text_of(document: Any) -> str:
    """The document as it is."""
    return json.dumps(document)


def mutated(kind: str, document: Any, random: random.Random) -> str:
    """The text of a document after a mutation of this kind; it may be no JSON any more."""
    return KINDS[kind](copy.deepcopy(document), random)


def mutated_text(text: str, random: random.Random) -> str:
    """JSON text after a mutation of the value in it, or of the text itself if it is none."""
    try:
        kind = random.choice(sorted(KINDS))
        return mutated(kind, [json.loads(text)], random)
    except (ValueError, IndexError, RecursionError):
        return text[: len(text) // 2]


def _put(value: Any) -> Callable[..., str]:
    def change(document: Any, random: random.Random) -> str:
        holder, key = random.choice(places(document))
        holder[key] = value(holder[key], random)
        return json.dumps(document)

    return change


def _number(old: Any, random: random.Random) -> Any:
    if isinstance(old, bool) or not isinstance(old, (int, float)):
        return not old
    factors = (-1, 0, 2, 10, 1e6, 1e-9, 1e300)
    made = old * random.choice(factors) + random.choice((0, 0, 1, -1))
    return round(made) if isinstance(old, int) and abs(made) < 1e308 else made


def _number_of(document: Any, random: random.Random) -> str:
    numbers = [
        (holder, key)
        for holder, key in places(document)
        if isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool)
    ]
    holder, key = random.choice(numbers)
    holder[key] = _number(holder[key], random)
    return json.dumps(document)


def _raw(document: Any, random: random.Random) -> str:
    holder, key = random.choice(places(document))
    holder[key] = _MARK
    return json.dumps(document).replace(json.dumps(_MARK), random.choice(RAW))


def _drop(document: Any, random: random.Random) -> str:
    holder, key = random.choice(places(document))
    del holder[key]
    return json.dumps(document)


def _repeat(document: Any, random: random.Random) -> str:
    lists = [v for h, k in places(document) if isinstance(v := h[k], list) and v]
    chosen = random.choice(lists or [[0]])
    chosen.insert(random.randrange(len(chosen)), copy.deepcopy(random.choice(chosen)))
    return json.dumps(document)


def _empty(document: Any, random: random.Random) -> str:
    holders = [v for h, k in places(document) if isinstance(v := h[k], (list, dict)) and v]
    random.choice(holders).clear()
    return json.dumps(document)


def _swap(document: Any, random: random.Random) -> str:
    (one, a), (other, b) = random.sample(places(document), 2)
    taken = copy.deepcopy(other[b])
    one[a] = taken
    return json.dumps(document)


def _add(document: Any, random: random.Random) -> str:
    holders = [v for h, k in [([document], 0), *places(document)] if isinstance(v := h[k], dict)]
    random.choice(holders or [{}])[random.choice(("x", "", "schema", "trace"))] = 1
    return json.dumps(document)


def _cut(document: Any, random: random.Random) -> str:
    text = json.dumps(document)
    return text[: random.randrange(len(text))]


def _letter(document: Any, random: random.Random) -> str:
    text = json.dumps(document)
    at = random.randrange(len(text))
    return text[:at] + chr(ord(text[at]) ^ 1 << random.randrange(7)) + text[at + 1 :]


KINDS: dict[str, Callable[[Any, random.Random], str]] = {
    "another value": _put(lambda old, random: random.choice(VALUES)),
    "another number": _number_of,
    "raw text": _raw,
    "left out": _drop,
    "repeated": _repeat,
    "emptied": _empty,
    "a value from elsewhere": _swap,
    "a new key": _add,
    "cut": _cut,
    "a flipped bit": _letter,
}
