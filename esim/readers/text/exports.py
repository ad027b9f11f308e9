"""Reads exported log files of every shape as the texts of log streams.

| shape | recognised by |
|---|---|
| get-log-events, filter-log-events: one answer, pages, JSON lines | JSON objects with `events` |
| Logs Insights: get-query-results, or rows saved as JSON | `results` of fields, or `@message` |
| CloudWatch console or Insights CSV | a header with (@)timestamp and (@)message |
| aws logs tail | the name of a stream behind the time |
| notebook output of the SageMaker SDK | "Creating training-job with name" |
| S3 export task, plain log, terminal | any other text; lines may begin with CloudWatch's time |
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings.aws_json import documents
from esim.readers.encodings.times import EPOCH_UNITS, parse_time
from esim.readers.source import File
from esim.readers.text.log_text import LogText, StreamText
from esim.readers.text.rows import positions_of

_JSON_MARKS = (b'"events"', b'"@message"', b'"message"')
_TAILED = re.compile(rb"(\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)) (\S+/algo-\d+\S*) ?")
# A number in this range is a time in milliseconds.
_MS_FROM, _MS_TO = (int(limit) for _, limit, _ in EPOCH_UNITS[:2])
_CREATED = b"Creating training-job with name: "


class _Event(NamedTuple):
    """One CloudWatch event.

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


def is_log(file: File) -> bool:
    """Whether the first bytes show an exported log that is not plain text."""
    return _is_json(file) or _csv_header(file) is not None or bool(_TAILED.match(file.head))


def streams(file: File) -> Iterator[StreamText]:
    """The texts of the log streams in a file.

    Raises:
        EsimError: the JSON or CSV is broken, or a time is none; the error names path and line.
    """
    if _is_json(file):
        yield from _grouped(file, _json_events(file))
        return
    header = _csv_header(file)
    if header is not None:
        yield from _grouped(file, _csv_events(file, header))
        return
    data = file.read()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in data[:100]:
        data = data.decode("utf-16", errors="replace").encode()  # PowerShell writes UTF-16
    data = data.removeprefix(codecs.BOM_UTF8)
    if _TAILED.match(data):
        yield from _grouped(file, _tailed_events(file, data))
    else:
        yield from _jobs_of_notebook(file, data)


def _is_json(file: File) -> bool:
    head = file.head.removeprefix(codecs.BOM_UTF8).lstrip()
    return head[:1] in (b"{", b"[") and any(mark in head for mark in _JSON_MARKS)


def _csv_header(file: File) -> list[str] | None:
    """The columns of a CSV file of the console or of Insights; None if the file is none."""
    first = file.head.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0][:1000]
    names = [n.strip().strip('"').lower() for n in first.decode("utf-8", "replace").split(",")]
    plain = [name.removeprefix("@") for name in names]
    return plain if "message" in plain and "timestamp" in plain else None


def _json_events(file: File) -> Iterator[_Event]:
    seen: set[str] = set()
    number = 0
    for document in documents(file):
        for event in _events_of(document, file):
            number += 1
            get = event.get
            identity = get("eventId") or get("@ptr")
            if identity is not None:
                if identity in seen:  # pages may overlap
                    continue
                seen.add(identity)
            message = get("message")
            if message is None:
                message = get("@message")
            if not isinstance(message, str):
                raise EsimError("a log event without a message", where=f"{file}, event {number}")
            time = get("timestamp")
            if type(time) is int and _MS_FROM <= time < _MS_TO:  # the usual case, without a call
                at = time / 1e3
            else:
                time = get("@timestamp") if time is None else time
                at = math.nan if time is None else parse_time(time, f"{file}, event {number}")
            yield _Event(get("logStreamName") or get("@logStream"), at, message, number)


def _events_of(document: Any, file: File) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        if all(isinstance(field, dict) and set(field) == {"field", "value"} for field in document):
            if document:  # a row of get-query-results
                yield {field["field"]: field["value"] for field in document}
            return
        for item in document:
            yield from _events_of(item, file)
        return
    if not isinstance(document, dict):
        raise EsimError("not a log event", where=str(file), why=f"{document!r:.80}")
    for key in ("events", "results"):
        if isinstance(document.get(key), list):
            for item in document[key]:
                if type(item) is dict and "message" in item:
                    yield item
                else:
                    yield from _events_of(item, file)
            return
    if "message" in document or "@message" in document:
        yield document
    elif "nextForwardToken" not in document and "searchedLogStreams" not in document:
        raise EsimError(
            "not a log event",
            where=str(file),
            why=f"an object with the keys {', '.join(list(document)[:5])}",
        )


def _csv_events(file: File, header: list[str]) -> Iterator[_Event]:
    text = io.StringIO(file.text(), newline="")
    time_at, message_at = header.index("timestamp"), header.index("message")
    stream_at = header.index("logstream") if "logstream" in header else None
    if stream_at is None and "logstreamname" in header:
        stream_at = header.index("logstreamname")
    limit = csv.field_size_limit(sys.maxsize)
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
            yield _Event(stream, time, row[message_at], before)
    except csv.Error as error:
        raise EsimError("broken CSV", where=f"{file}:{rows.line_num}", why=str(error)) from None
    finally:
        csv.field_size_limit(limit)


def _tailed_events(file: File, data: bytes) -> Iterator[_Event]:
    """The events of `aws logs tail`; a line without a time continues the event before it."""
    stream: str | None = None
    time = math.nan
    for number, line in enumerate(data.split(b"\n"), start=1):
        match = _TAILED.match(line)
        if match is not None:
            stream = match[2].decode("utf-8", "replace")
            time = parse_time(match[1].decode(), f"{file}:{number}")
            line = line[match.end() :]
        yield _Event(stream, time, line.decode("utf-8", "replace"), number)


def _grouped(file: File, events: Iterable[_Event]) -> Iterator[StreamText]:
    """The events of each stream as one text, in the order of the file."""
    by_stream: dict[str | None, tuple[list[str], list[float], list[int]]] = {}
    for stream, time, message, line in events:
        texts, times, lines = by_stream.setdefault(stream, ([], [], []))
        message = message.rstrip("\r\n")
        parts = message.count("\n") + 1
        texts.append(message)
        times += [time] * parts
        lines += [line] * parts
    for name, (texts, times, lines) in by_stream.items():
        text = LogText(
            where=str(file),
            data="\n".join(texts).encode("utf-8", "surrogatepass"),
            times=np.array(times, dtype=np.float64),
            lines=np.array(lines, dtype=np.int64),
            stream=name or file.name,
        )
        yield StreamText(name, text)


def _jobs_of_notebook(file: File, data: bytes) -> Iterator[StreamText]:
    """The logs of the jobs in a notebook's output; each begins where its job is created."""
    begins = list(_created(data))
    if len(begins) < 2:
        name = begins[0][1] if begins else None
        yield StreamText(name, LogText(str(file), data, stream=name or file.name))
        return
    cuts = [0, *(at for at, _ in begins[1:]), len(data)]
    for (_, name), first, stop in zip(begins, cuts, cuts[1:], strict=False):
        part = data[first:stop].removesuffix(b"\n")
        before = data.count(b"\n", 0, first)
        lines = np.arange(before + 1, before + part.count(b"\n") + 2, dtype=np.int64)
        yield StreamText(name, LogText(str(file), part, lines=lines, stream=name))


def _created(data: bytes) -> Iterator[tuple[int, str]]:
    """Where each line begins that says that a job is created, and the job's name."""
    for at in positions_of(data, _CREATED):
        name = data[at + len(_CREATED) : at + 200].split(maxsplit=1)
        if name:
            yield data.rfind(b"\n", 0, at) + 1, name[0].decode("utf-8", "replace")
