"""AWS's answers as JSON files: the same answer gives the same bytes, and no secret stays in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PART = ".part"  # ends the name of a file that is being written

_LEFT_OUT = "(left out by esim fetch)"


def document(answer: Mapping[str, Any], *first: str) -> str:
    """An answer as JSON: keys sorted behind those that readers know it by, times as ISO 8601.

    Environment variables keep their names only: keys and tokens are passed to jobs in them.
    """
    plain = _plain({key: value for key, value in answer.items() if key != "ResponseMetadata"})
    ordered = {key: plain[key] for key in dict.fromkeys([*first, *plain]) if key in plain}
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Write a file under another name first: it is whole, or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    with part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def iso(at: datetime) -> str:
    """To the microsecond: AWS has milliseconds."""
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
