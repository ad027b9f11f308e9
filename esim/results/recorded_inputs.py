"""What a result document says of the inputs that were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from esim.storage.typed import build


@dataclass(frozen=True)
class RecordedNote:
    """A note of a reader on an input; `study` where it is about one."""

    code: str
    text: str
    count: int = 1
    evidence: tuple[str, ...] = ()
    study: str | None = None


@dataclass(frozen=True)
class RecordedInput:
    """A path that was read; `sha256` of what was read from it, and the `format` it was read as."""

    path: str
    sha256: str | None
    format: str | None
    notes: tuple[RecordedNote, ...] = ()

    @classmethod
    def from_plain(cls, value: Any) -> Mapping[str, Any]:
        """An input as it stands in a document, once it is known to be one."""
        build(cls, value)
        found: Mapping[str, Any] = value
        return found


Inputs = tuple[Annotated[Mapping[str, Any], RecordedInput], ...]
