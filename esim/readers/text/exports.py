"""Reads exported log files of every shape as the texts of those who printed them.

An export that is no plain text is a row of `EXPORTS`: how it is recognised by its first bytes, and
what reads its events. Any other file is plain text, in which `esim.readers.text.plain` looks for
the jobs and printers. Sources: AWS CLI, "logs" (get-log-events, filter-log-events, tail,
get-query-results); CloudWatch Logs, "Log group-level subscription filters" (what Firehose
delivers); nbformat; Docker, "JSON File logging driver"; Google Cloud, "LogEntry".
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings.aws_json import documents
from esim.readers.encodings.endings import ended_lines, ended_rows
from esim.readers.encodings.times import EPOCH_UNITS, parse_time
from esim.readers.encodings.utf8 import text_of
from esim.readers.limits import no_csv
from esim.readers.source import File
from esim.readers.text.events import HOLDERS, KEYS, begins_with_events, is_field, value_of
from esim.readers.text.log_text import LogText, Printer
from esim.readers.text.notebooks import is_notebook, notebook_texts
from esim.readers.text.plain import by_printer, plain_texts, shown_text
from esim.readers.text.printers import printer_of
from esim.study import Float64, Int64

# A number in this range is a time in milliseconds.
_MS_FROM, _MS_TO = (int(limit) for _, limit, _ in EPOCH_UNITS[:2])
_JSON = re.compile(rb"\s*(?:\{\s*(?:[\"}]|$)|\[\s*(?:[\[{\"\]]|$))")
_CELL_BORDER = re.compile(r"[-+|=\s]+")
_TEXT_EVENT = re.compile(
    r"EVENTS\t(?:\d{40,64}\t)?\d{13}\t(?:(?P<stream>[^\t/]+/[^\t]+)\t)?(?P<message>.*)\t(?P<time>\d{13})",
    re.DOTALL,
)


class Event(NamedTuple):
    """One event of a log.

    Attributes:
        stream: the name of its log stream; None if the file does not say.
        time: seconds since 1970 UTC, NaN if unknown.
        message: its text.
        line: the line of the file where it is; in JSON the number of the event.
    """

    stream: str | None
    time: float
    message: str
    line: int


class Batch(NamedTuple):
    """Events of one log stream that follow one another in a file.

    Attributes:
        stream: as in `Event`.
        times: float64 [K], seconds since 1970 UTC.
        messages: their texts. [K]
        lines: int64 [K], their numbers.
    """

    stream: str | None
    times: Float64
    messages: Sequence[str]
    lines: Int64


@dataclass(frozen=True)
class Export:
    """A shape of exported logs.

    Attributes:
        name: what writes it.
        recognised: whether a file's first bytes are of this shape.
        events: reads the events of such a file.
        sample: the contents of such a file.
        reads: stream, time and message of each of its events.
    """

    name: str
    recognised: Callable[[bytes], bool]
    events: Callable[[File], Iterator[Event | Batch]]
    sample: bytes
    reads: tuple[tuple[str | None, float, str], ...]


_PAGE_KEYS = {"timestamp", "message", "ingestionTime", "logStreamName", "eventId"}
# Texts that are in the first bytes of a file of JSON events.
_MARKS = (
    *(b'"events"', b'"logEvents"', b'"@message"', b'"message"', b'"textPayload"'),
    *(b'"jsonPayload"', b'"stream":"std', b'"stream": "std'),
)


def _is_json(head: bytes) -> bool:
    if not is_json(head) or not any(mark in head for mark in _MARKS):
        return False
    return begins_with_events(_plain_head(head).decode("utf-8", "replace"))


def is_json(head: bytes) -> bool:
    """Whether the first bytes of a file are those of JSON, and not of a line such as ``[0] x``."""
    return _JSON.match(_plain_head(head)) is not None


def _plain_head(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8)


def _json_events(file: File) -> Iterator[Event | Batch]:
    seen_before: set[str] = set()
    number = 0
    for document in documents(file):
        batches = _page(document, number, seen_before)
        if batches is not None:
            number += sum(len(batch.messages) for batch in batches)
            yield from batches
            continue
        for event in _events_of(document, file):
            number += 1
            place = f"{file}, event {number}"
            identity = _text_of(event, KEYS.identity, place)
            if identity is not None:
                if identity in seen_before:
                    continue
                seen_before.add(identity)
            message = value_of(event, KEYS.message)
            if not isinstance(message, str):
                raise EsimError("a log event without a message", where=place)
            time = value_of(event, KEYS.time)
            if type(time) is int and _MS_FROM <= time < _MS_TO:  # the usual case, without a call
                at = time / 1e3
            else:
                at = math.nan if time is None else parse_time(time, place)
            yield Event(_text_of(event, KEYS.stream, place), at, message, number)


def _text_of(event: Any, keys: Any, place: str) -> str | None:
    """The text under one of the keys of an event; None if it has none. Raises EsimError."""
    found = value_of(event, keys)
    if found is not None and not isinstance(found, str):
        raise EsimError("not a log event", where=place, why=f"{keys[0]} is no text")
    return found


def _page(document: Any, number: int, seen_before: set[str]) -> list[Batch] | None:
    """The events of an answer of get-log-events or filter-log-events, read all at once.

    This takes a tenth of the time of reading them one by one.

    Args:
        document: the answer.
        number: how many events stand before it.
        seen_before: the identities of those events; those of this answer are added.

    Returns:
        The events of each stream; None if the answer is not plain, or repeats events.
    """
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list) or not events or not isinstance(events[0], dict):
        return None
    keys = events[0].keys()
    if not {"timestamp", "message"} <= keys <= _PAGE_KEYS:
        return None
    try:
        if set(map(len, events)) != {len(keys)}:
            return None
        messages = [event["message"] for event in events]
        times = np.array([event["timestamp"] for event in events])
        names = [event["logStreamName"] for event in events] if "logStreamName" in keys else None
        own = {event["eventId"] for event in events} if "eventId" in keys else None
        "".join(messages)  # raises TypeError if one is no text
        "".join(names or ())
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if times.dtype != np.int64 or times.min() < _MS_FROM or times.max() >= _MS_TO:
        return None
    if own is not None:
        if len(own) < len(events) or not seen_before.isdisjoint(own):
            return None
        seen_before |= own
    seconds = times / 1e3
    lines = np.arange(number + 1, number + len(events) + 1, dtype=np.int64)
    if names is None or len(set(names)) == 1:
        return [Batch(names[0] if names else None, seconds, messages, lines)]
    by_name: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        by_name.setdefault(name, []).append(i)
    return [
        Batch(name, seconds[at], [messages[i] for i in at], lines[at])
        for name, at in by_name.items()
    ]


def _events_of(document: Any, file: File) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, list):
        if all(map(is_field, document)):
            if document:  # a row of get-query-results
                yield {field["field"]: field["value"] for field in document}
            return
        for item in document:
            yield from _events_of(item, file)
        return
    if not isinstance(document, dict):
        raise EsimError("not a log event", where=str(file), why=f"{document!r:.80}")
    for key in HOLDERS:
        if isinstance(document.get(key), list):
            if document.get("messageType") == "CONTROL_MESSAGE":  # Firehose tests its destination
                return
            stream = document.get("logStream")
            for item in document[key]:
                if type(item) is dict and "message" in item:
                    yield item if stream is None else {"logStream": stream, **item}
                else:
                    yield from _events_of(item, file)
            return
    if value_of(document, KEYS.message) is not None or "message" in document:
        yield document
    elif "nextForwardToken" not in document and "searchedLogStreams" not in document:
        raise EsimError(
            "not a log event",
            where=str(file),
            why=f"an object with the keys {', '.join(list(document)[:5])}",
        )


def _csv_header(head: bytes) -> list[str] | None:
    """The columns of a CSV file of the console or of Insights; None if it is none."""
    first = _plain_head(head).split(b"\n", 1)[0][:1000]
    names = [n.strip().strip('"').lower() for n in first.decode("utf-8", "replace").split(",")]
    plain = [name.removeprefix("@") for name in names]
    return plain if "message" in plain and "timestamp" in plain else None


def _csv_events(file: File) -> Iterator[Event]:
    header = _csv_header(file.head) or []
    data = ended_rows(file, file.read(), len(header))
    text = io.StringIO(text_of(data), newline="")
    time_at, message_at = header.index("timestamp"), header.index("message")
    names = ("logstream", "logstreamname")
    stream_at = next((header.index(name) for name in names if name in header), None)
    rows = csv.reader(text, strict=True)  # refuses an open quote at the end of a file cut off
    try:
        next(rows)
        before = rows.line_num
        for row in rows:
            where, before = f"{file}:{before + 1}", rows.line_num
            if not row:
                continue
            if len(row) <= max(time_at, message_at):
                raise EsimError("a row with too few cells", where=where, why=f"{row!r:.80}")
            stream = row[stream_at] if stream_at is not None and stream_at < len(row) else None
            time = parse_time(row[time_at], where) if row[time_at].strip() else math.nan
            yield Event(stream, time, row[message_at], before)
    except csv.Error as error:
        raise no_csv(error, f"{file}:{rows.line_num}") from None


def _table_header(line: str) -> dict[str, tuple[int, int]] | None:
    """Where the cells of a table drawn with lines are, by column; None if it is no such header."""
    bars = [at for at, char in enumerate(line) if char == "|"]
    cells = {line[a + 1 : b].strip().lstrip("@"): (a + 1, b) for a, b in pairwise(bars)}
    known = cells.keys() >= {"message", "timestamp"} or cells.keys() >= {"field", "value"}
    return cells if known else None


def _is_table(head: bytes) -> bool:
    text = _plain_head(head)[:20_000].decode("utf-8", "replace")
    if not text.lstrip().startswith(("-", "+", "|")):
        return False
    return any(_table_header(line) for line in text.split("\n")[:12])


def _table_events(file: File) -> Iterator[Event]:
    """The events of a table that the console or ``--output table`` draws."""
    header: dict[str, tuple[int, int]] | None = None
    fields: dict[str, str] = {}
    text = text_of(ended_lines(file, file.read(), (b"|", b"+", b"-")))
    for number, line in enumerate(text.split("\n"), start=1):
        found = _table_header(line)
        if found is not None:
            header = found
            if fields:
                yield _table_event(fields, file, number)
            fields = {}
            continue
        if header is None or not line.startswith("|") or _CELL_BORDER.fullmatch(line):
            continue
        cells = {name: line[a:b].strip() for name, (a, b) in header.items()}
        if "field" in cells:
            if cells["field"].lstrip("@") in fields:  # the first field of the next event
                yield _table_event(fields, file, number)
                fields = {}
            fields[cells["field"].lstrip("@")] = cells["value"]
        elif cells.get("timestamp"):
            yield _table_event(cells, file, number)
    if fields:
        yield _table_event(fields, file, number)


def _table_event(cells: Mapping[str, str], file: File, line: int) -> Event:
    time = cells.get("timestamp")
    at = parse_time(time, f"{file}:{line}") if time else math.nan
    return Event(cells.get("logStream") or cells.get("logStreamName"), at, cells["message"], line)


def _text_events(file: File) -> Iterator[Event]:
    """The events of ``--output text``; a line that begins none continues the one before it."""
    held: list[str] = []
    begun = 0
    for number, line in enumerate([*file.text().split("\n"), "EVENTS\t"], start=1):
        if line.startswith("EVENTS\t"):
            if held:
                match = _TEXT_EVENT.fullmatch("\n".join(held))
                if match is None:
                    raise EsimError("not a log event", where=f"{file}:{begun}", why=held[0][:80])
                time = parse_time(match["time"], f"{file}:{begun}")
                yield Event(match["stream"], time, match["message"], begun)
            held, begun = [line], number
        elif held and line:
            held.append(line)


_AT = 1709287200.0  # 2024-03-01T10:00:00Z
_ROUND = "[0]#011validation-rmse:0.5"
EXPORTS: tuple[Export, ...] = (
    Export(
        "get-log-events, filter-log-events, Logs Insights and Firehose as JSON; Docker's and "
        "Google Cloud's JSON lines",
        _is_json,
        _json_events,
        b'{"messageType": "DATA_MESSAGE", "logStream": "j/algo-1-1", "logEvents": [{"id": "1", '
        b'"timestamp": 1709287200000, "message": "[0]#011validation-rmse:0.5"}]}'
        b'{"events": [{"timestamp": 1709287200000, "message": "[0]#011validation-rmse:0.5"}]}',
        (("j/algo-1-1", _AT, _ROUND), (None, _AT, _ROUND)),
    ),
    Export(
        "the console's or Insights' CSV",
        lambda head: _csv_header(head) is not None,
        _csv_events,
        b"@timestamp,@message,@logStream\n"
        b"2024-03-01 10:00:00.000,[0]#011validation-rmse:0.5,j/algo-1-1\n",
        (("j/algo-1-1", _AT, _ROUND),),
    ),
    Export(
        "tables drawn with lines, by Insights or --output table",
        _is_table,
        _table_events,
        b"-------------------------------------------------------------------\n"
        b"|       @timestamp        |          @message          | @logStream |\n"
        b"|-------------------------|----------------------------|------------|\n"
        b"| 2024-03-01 10:00:00.000 | [0]#011validation-rmse:0.5 | j/algo-1-1 |\n",
        (("j/algo-1-1", _AT, _ROUND),),
    ),
    Export(
        "get-log-events and filter-log-events with --output text",
        lambda head: re.match(rb"(?:b/\S+\tf/\S+\r?\n)?EVENTS\t\d", head) is not None,
        _text_events,
        b"b/1\tf/2\nEVENTS\t1709287209999\t[0]#011validation-rmse:0.5\t1709287200000\n",
        ((None, _AT, _ROUND),),
    ),
)


def is_export(file: File) -> bool:
    """Whether the first bytes show an exported log that is not plain text."""
    return is_notebook(file.head) or export_of(file) is not None


def export_of(file: File) -> Export | None:
    """The shape of an exported log that the first bytes show; None if it is none of the table."""
    if "export" not in file.seen:  # kept, because it is asked by what detects and by what reads
        file.seen["export"] = next((e for e in EXPORTS if e.recognised(file.head)), None)
    return cast(Export | None, file.seen["export"])


def texts(file: File) -> Iterator[LogText]:
    """The texts of those who printed a file.

    Raises:
        EsimError: the JSON or CSV is broken, or a time is none; the error names path and line.
    """
    if is_notebook(file.head):
        yield from notebook_texts(file)
        return
    export = export_of(file)
    yield from plain_texts(file) if export is None else _by_stream(file, export.events(file))


class _Stream:
    """The events of one log stream, as they are collected."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self._parts: list[tuple[Float64, Int64]] = []
        self._single: list[tuple[float, int]] = []  # events behind the last part

    def add(self, event: Event | Batch) -> None:
        """Add events behind those that are there."""
        if isinstance(event, Batch):
            self.messages += event.messages
            self._close()
            self._parts.append((event.times, event.lines))
        else:
            self.messages.append(event.message)
            self._single.append((event.time, event.line))

    def _close(self) -> None:
        if self._single:
            times = np.array([time for time, _ in self._single], dtype=np.float64)
            self._parts.append((times, np.array([line for _, line in self._single], np.int64)))
            self._single = []

    @cached_property
    def columns(self) -> tuple[Float64, Int64]:
        """float64 [K], seconds since 1970 UTC; int64 [K], numbers. Ask once all are added."""
        self._close()
        times = np.concatenate([times for times, _ in self._parts])
        return times, np.concatenate([lines for _, lines in self._parts])


def _by_stream(file: File, events: Iterable[Event | Batch]) -> Iterator[LogText]:
    """The events of each stream as one text, the oldest first."""
    streams: dict[str | None, _Stream] = {}
    for event in events:
        into = streams.get(event.stream)
        if into is None:
            into = streams[event.stream] = _Stream()
        into.add(event)
    turned = _newest_first(streams.values())
    for name, found in streams.items():
        order = slice(None, None, -1 if found in turned else 1)
        messages = found.messages[order]
        times, lines = found.columns[0][order], found.columns[1][order]
        joined = "\n".join(messages)
        if "\r" in joined or joined.count("\n") >= len(messages):
            messages = [message.rstrip("\r\n") for message in messages]
            counts = [message.count("\n") + 1 for message in messages]
            joined = "\n".join(messages)
            times, lines = np.repeat(times, counts), np.repeat(lines, counts)
        data = joined.encode("utf-8", "surrogatepass")
        printer = _printer_of_stream(name or "")
        yield from by_printer(shown_text(file, data, times, lines, printer, name or ""))


def _printer_of_stream(stream: str) -> Printer:
    head, slash, _ = stream.partition("/")
    found = printer_of(stream)
    return found if found.job or not stream else Printer(head if slash else stream)


def _newest_first(streams: Iterable[_Stream]) -> list[_Stream]:
    """Those of the streams of a file that were exported newest first.

    Where the times of a stream are all equal the other streams of the file tell.
    """
    falling: list[_Stream] = []
    rising: list[_Stream] = []
    level: list[_Stream] = []
    for stream in streams:
        ahead = np.diff(stream.columns[0])
        if (ahead > 0).any():
            rising.append(stream)
        else:
            (falling if (ahead < 0).any() else level).append(stream)
    return falling if rising or not falling else [*falling, *level]
