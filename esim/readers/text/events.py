"""Which JSON objects are events of a log, and where their parts are.

Much else is JSON with a key called message, events or results: vocabularies, records of tuners,
package lists, reports of linters. So an object is an event if it has a message and something else
that only events have: a time, a log stream, an identity; in JSON lines also a level.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EventKeys:
    """Where a JSON object of a log event has its parts; the first key that is there counts.

    Attributes:
        message, time, stream, identity: keys, a dot leading into an object. Events of one identity
            are the same event, because pages may overlap.
        level: keys that loggers write.
    """

    message: tuple[str, ...]
    time: tuple[str, ...]
    stream: tuple[str, ...]
    identity: tuple[str, ...]
    level: tuple[str, ...]


KEYS = EventKeys(
    message=("message", "@message", "textPayload", "jsonPayload.message", "log"),
    time=("timestamp", "@timestamp", "time"),
    stream=("logStreamName", "@logStream", "logStream", "resource.labels.job_id"),
    identity=("eventId", "@ptr", "insertId"),
    level=("level", "levelname", "severity", "lvl"),
)
_OF_EVENTS = frozenset({*KEYS.time, *KEYS.stream, *KEYS.identity, "ingestionTime", "id"})
HOLDERS = ("events", "results", "logEvents")  # the lists of events in an answer
# Keys of answers that hold no event.
_OF_ANSWERS = frozenset({"nextForwardToken", "searchedLogStreams", "messageType", "statistics"})
_SHORT = 4096  # characters that mostly show the first event; a longer text takes more time
_BEGUN = re.compile(r'\{\s*"(?:events|logEvents)"\s*:\s*\[\s*\{')  # cut off in the first event
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|["\[\]{},]')


def value_of(event: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The value of the first of some keys that an event has."""
    for key in keys:
        value = event.get(key)
        if value is not None:
            return value
        if "." in key:
            inside: Any = event
            for part in key.split("."):
                inside = inside.get(part) if isinstance(inside, dict) else None
            if inside is not None:
                return inside
    return None


def begins_with_events(text: str) -> bool:
    """Whether the first JSON value of a text is an event of a log, or holds some.

    Args:
        text: the first characters of a file of JSON, or all.
    """
    text = text.lstrip()
    return _begins_with_events(text[:_SHORT]) or (len(text) > _SHORT and _begins_with_events(text))


def is_one_value(text: str) -> bool:
    """Whether a file of JSON is a single value, and not one a line.

    Args:
        text: the first characters of the file, or all.
    """
    try:
        _, end = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):  # it is longer, or broken
        return True
    return not text.lstrip()[end:].strip()


def is_field(field: Any) -> bool:
    """Whether it is a cell of a row of get-query-results."""
    return isinstance(field, dict) and set(field) == {"field", "value"}


def _begins_with_events(text: str) -> bool:
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        found = _cut_off(text)
        return _BEGUN.match(text) is not None if found is None else _holds_events(found, cut=True)
    return _holds_events(found, several=text[end:].lstrip(" \r\n\t,").startswith("{"))


def _holds_events(found: Any, several: bool = False, cut: bool = False) -> bool:
    """Whether a JSON value is an event, or holds some.

    Args:
        found: the value; the first item tells for all of a list.
        several: whether other objects follow it, as in JSON lines.
        cut: whether items may lack what stands behind.
    """
    if isinstance(found, list):
        return bool(found) and (is_field(found[0]) or _holds_events(found[0], cut=cut))
    if not isinstance(found, dict):
        return False
    for key in HOLDERS:
        if isinstance(items := found.get(key), list):
            return _holds_events(items, cut=cut) if items else not _OF_ANSWERS.isdisjoint(found)
    if not isinstance(value_of(found, KEYS.message), str):
        return cut and bool(found) and found.keys() <= _OF_EVENTS
    telling = (*KEYS.time, *KEYS.stream, *KEYS.identity, *(KEYS.level if several else ()))
    alone = several and len(found) == 1
    return alone or "@message" in found or value_of(found, telling) is not None


def _cut_off(text: str) -> Any:
    """A JSON value that is cut off, as far as its items are whole; None if there is none."""
    closing: list[str] = []
    whole, open_there = 0, ""
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            closing.append("}" if token[0] == "{" else "]")
        elif token[0] in "}]" and closing:
            closing.pop()
        elif token[0] == ",":
            whole, open_there = token.start(), "".join(reversed(closing))
        elif token[0] == '"':  # a string that is cut off
            break
    try:
        return json.loads(text[:whole] + open_there)
    except (ValueError, RecursionError):
        return None
