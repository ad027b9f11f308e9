"""The records of log text: the text of a log stream, and what a metric's regex found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from esim.study import Float64, Int64

EXAMPLE_LENGTH = 160  # characters that are shown of a line
EXAMPLES = 3  # lines that are shown as examples


class StreamText(NamedTuple):
    """A log stream and its text.

    Attributes:
        name: the stream's name, ``<job>/algo-1-<epoch>``; None if only the file's path names it.
        text: its text.
    """

    name: str | None
    text: LogText


@dataclass(frozen=True)
class LogText:
    """The text of one log stream, L lines.

    Attributes:
        where: the file's path, for ``path:line``.
        data: the text as it was printed, in UTF-8 that may hold invalid bytes; lines end with LF.
        times: float64 [L], seconds since 1970 UTC, NaN where unknown, if the export has the times
            apart from the text. None if lines may begin with CloudWatch's time.
        lines: int64 [L], the line of the file (in JSON the event) that each line comes from; None
            stands for 1, 2, ..., L.
        stream: the name of the stream, or of the file.
    """

    where: str
    data: bytes
    times: Float64 | None = None
    lines: Int64 | None = None
    stream: str = ""


@dataclass(frozen=True)
class Emissions:
    """The E values of a metric that its regex found in one text, called emissions, in text order.

    Attributes:
        where: the file's path.
        values: float64 [E].
        times: float64 [E], seconds since 1970 UTC, NaN where the line has none.
        messages: the line of each, without CloudWatch's time and without colours. [E]
        lines: int64 [E], the line of the file.
        stream: the name of the stream, or of the file.
        marks: int64 [E], the epoch that the last epoch line before it names, -1 if there is none;
            None if the messages name their steps themselves.
        unread: how many lines hold the metric's name, or match, but give no number.
        empty: how many lines match with an empty group.
        examples: the first few lines that give no number, ``path:line: text``.
    """

    where: str
    values: Float64
    times: Float64
    messages: list[str]
    lines: Int64
    stream: str = ""
    marks: Int64 | None = None
    unread: int = 0
    empty: int = 0
    examples: tuple[str, ...] = field(default=())
