"""Writes AWS's answers as JSON files without secrets; equal answers give equal bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PART = ".part"  # the end of the name of a file that is being written

_LEFT_OUT = "(left out by esim fetch)"


def document(answer: Mapping[str, Any], *first: str) -> str:
    """An answer as JSON text, with sorted keys and times as ISO 8601.

    The values of environment variables are left out, because keys and tokens are passed to jobs in
    them.

    Args:
        answer: the answer.
        first: the keys by which readers recognise the file; they come first.
    """
    plain = _plain({key: value for key, value in answer.items() if key != "ResponseMetadata"})
    ordered = {key: plain[key] for key in dict.fromkeys([*first, *plain]) if key in plain}
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Write JSON under another name and rename it: it is there completely or not at all.

    Args:
        path: the file; its folder is created if need be.
        text: its contents.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    with part.open("wb") as stream:
        stream.write(encoded(text))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def encoded(text: str) -> bytes:
    """JSON text as UTF-8; half of a pair of surrogates, which has none, as JSON's escape for it."""
    return text.encode("utf-8", "backslashreplace")


def iso(at: datetime) -> str:
    """A point in time as ISO 8601 in UTC, to the microsecond (AWS gives milliseconds)."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        plain = {key: _plain(value[key]) for key in sorted(value)}
        if isinstance(plain.get("Environment"), dict):
            plain["Environment"] = dict.fromkeys(plain["Environment"], _LEFT_OUT)
        return plain
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
