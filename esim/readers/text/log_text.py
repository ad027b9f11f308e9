"""Log text as every export shape gives it, and what a metric's regex found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from esim.study import Float64, Int64

EXAMPLE_LENGTH = 160  # of a line that is shown
EXAMPLES = 3  # how many are


class StreamText(NamedTuple):
    """The name of a log stream, ``<job>/algo-1-<epoch>``, and its text.

    `name` None: the file's path names it.
    """

    name: str | None
    text: LogText


@dataclass(frozen=True)
class LogText:
    """The text of one log stream, L lines.

    Attributes:
        where: the file's path, for ``path:line``.
        data: UTF-8 as it was printed, perhaps with bytes that are not; lines end with LF.
        times: float64 [L], seconds since 1970 UTC, where the export has them apart from the text
            (NaN where it has none); None: a line may begin with CloudWatch's own time.
        lines: int64 [L], the line (in JSON: the event) of the file each one stands at; None: 1,
            2, ..., L.
        stream: the stream's name, or the file's.
    """

    where: str
    data: bytes
    times: Float64 | None = None
    lines: Int64 | None = None
    stream: str = ""


@dataclass(frozen=True)
class Emissions:
    """What a metric's regex found in one text: E emissions, in the order of the text.

    Attributes:
        where: the file's path.
        values: float64 [E].
        times: float64 [E], seconds since 1970 UTC, NaN where the line has none.
        messages: [E], the line, without CloudWatch's time and without colours.
        lines: int64 [E], the line of the file.
        stream: the stream's name, or the file's.
        marks: int64 [E], the epoch that the last line with nothing but an epoch before it names
            (-1: none); None: not looked for, the messages have an index of their own.
        unread: lines that hold the metric's name, or match, but give no number.
        empty: lines that match with nothing in the group.
        examples: the first few of those, ``path:line: text``.
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
