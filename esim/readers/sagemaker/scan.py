"""Scans log text for a metric: each line that its regex matches becomes an emission.

A metric definition means what it means to SageMaker: Python `re`, line by line, the first group is
the value. Control characters stay as the text CloudWatch makes of them (a tab is ``#011``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from esim.readers.options import Metric
from esim.readers.sagemaker.text import EXAMPLE_LENGTH, EXAMPLES, Emissions, LogText
from esim.readers.sagemaker.watch import Watch, rehearse
from esim.readers.times import parse_time
from esim.study import Float64, Int64

# CloudWatch's own time in front of a line, as exported; the job's own times stay in the message.
_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))(?: |$)", re.ASCII
)
_STAMP_BYTES = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))(?: |$|(?=[\r\n]))"
)
_ESCAPED = re.compile(rb"#033\[")
_COLOURS = re.compile(rb"(?:\x1b|#033)\[[0-9;?]*[A-Za-z]")
# The usual one, 24 characters: 2026-11-23T16:11:03.000Z
_SHORT_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ ", re.ASCII)
_CHUNK = 1 << 20  # bytes in which line ends are counted at a time

# What SageMaker's vision algorithms print beside the metric's own line.
_ABOUT_THE_MODEL = re.compile(r"\b(?:Storing|Updating) the best model\b")


def scan(text: LogText, metric: Metric, near: bool = True) -> Emissions:
    """The lines that the metric's regex matches.

    Only lines that hold the text every match contains, or the metric's name, are looked at: they
    are found in the whole buffer at memory speed, and few lines are of a metric. Where no line
    matches, all are looked at for what comes near, if `near`.

    Raises:
        EsimError: the regex takes seconds on one line.
    """
    rehearse(metric, text)
    data = text.data
    # Searched in the cheap way: one byte, and a literal by `re`, which is faster than `in`.
    if b"\x1b" in data or _ESCAPED.search(data):
        data = _COLOURS.sub(b"", data)
    needles = _needles(metric)
    found = _scan_lines(text, data, _lines_with(data, needles), metric)
    if near and needles and not found.messages:
        found = _scan_lines(text, data, _lines_with(data, ()), metric)
    return found


def _scan_lines(
    text: LogText, data: bytes, lines: Iterable[tuple[int, int]], metric: Metric
) -> Emissions:
    """What the lines at these places hold. `lines`: start and end of each, rising."""
    near = _near(metric).search
    search = metric.regex.search
    literal = max(required_literals(metric.regex), key=len, default="")
    stamped = text.times is None
    values: list[float] = []
    stamps: list[str | None] = []
    messages: list[str] = []
    places: list[int] = []
    unread: list[tuple[int, str]] = []
    empty = before = 0
    stamp: str | None = None
    with Watch(metric, text, data) as watch:
        for start, stop in lines:
            watch.at = start
            line = data[start:stop].decode("utf-8", "replace")
            if stamped:
                if line[23:25] == "Z " and line[10:11] == "T" and _SHORT_STAMP.match(line):
                    stamp, line = line[:24], line[25:]
                else:
                    stamp, line = _stamp(line, _last_stamp(data, before, start) or stamp)
                before = start
            if line[-1:] == "\r":
                line = line[:-1]
            # Without what every match holds, a slow regex is not even tried.
            match = search(line) if literal in line else None
            if match is not None:
                value = _number(match[1])
                if value is not None:
                    values.append(value)
                    stamps.append(stamp)
                    messages.append(line)
                    places.append(start)
                    continue
                empty += not (match[1] or "").strip()
            elif not near(line) or _ABOUT_THE_MODEL.search(line):
                continue
            unread.append((start, line[:EXAMPLE_LENGTH]))
    rows = _rows(data, places)
    examples = unread[:EXAMPLES]
    shown = _numbered(text, _rows(data, [at for at, _ in examples]))
    return Emissions(
        where=text.where,
        values=np.array(values, dtype=np.float64),
        times=_seconds(stamps, text.where) if text.times is None else text.times[rows],
        messages=messages,
        lines=_numbered(text, rows),
        stream=text.stream,
        unread=len(unread),
        empty=empty,
        examples=tuple(
            f"{text.where}:{n}: {line}" for n, (_, line) in zip(shown, examples, strict=True)
        ),
    )


def _number(group: str | None) -> float | None:
    """The number that a group holds as SageMaker reads it, None if it is none."""
    try:
        value = float(group or "")
    except ValueError:
        return None
    # Python's float also reads 1_0 and digits of other scripts.
    return value if group and group.isascii() and "_" not in group else None


def _rows(data: bytes, places: Sequence[int]) -> Int64:
    """The line, from 0, that each place is in; places rise. int64 [P]"""
    at = np.array(places, dtype=np.int64)
    rows = np.zeros(len(at), dtype=np.int64)
    buffer = np.frombuffer(data, dtype=np.uint8)
    seen = 0
    first = np.searchsorted(at, np.arange(0, len(data) + _CHUNK, _CHUNK))
    for k, (i, j) in enumerate(pairwise(first.tolist())):
        ends = np.flatnonzero(buffer[k * _CHUNK : (k + 1) * _CHUNK] == ord("\n"))
        rows[i:j] = seen + np.searchsorted(ends, at[i:j] - k * _CHUNK)
        seen += len(ends)
    return rows


def _numbered(text: LogText, rows: Int64) -> Int64:
    """The lines of the file that the rows of a text stand at. int64 [P]"""
    return rows + 1 if text.lines is None else text.lines[rows]


def _stamp(line: str, before: str | None) -> tuple[str | None, str]:
    """A line's own time and the rest of it; without one it continues the event before it."""
    found = _STAMP.match(line)
    return (before, line) if found is None else (found[1], line[found.end() :])


def _needles(metric: Metric) -> tuple[bytes, ...]:
    """Texts of which every line of interest holds one; none: look at every line."""
    literals = required_literals(metric.regex)
    if not literals:
        return ()
    words = re.findall(r"[A-Za-z0-9]+", metric.name)
    word = max(words, key=len) if words else literals[0]
    word = word[1:] if len(word) >= 5 else word  # the first letter may be a capital
    if any(word in literal for literal in literals):
        return (word.encode(),)  # lines that come near hold it too
    return (max(literals, key=len).encode(), word.encode())


def _lines_with(data: bytes, needles: Sequence[bytes]) -> Iterable[tuple[int, int]]:
    """Start and end of the lines that hold one of the needles, rising; of all without needles."""
    if len(needles) == 1:
        return _lines_with_one(data, needles[0])
    if not needles:
        return _every_line(data)
    return sorted({place for needle in needles for place in _lines_with_one(data, needle)})


def _every_line(data: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while True:
        stop = data.find(b"\n", start)
        if stop < 0:
            yield start, len(data)
            return
        yield start, stop
        start = stop + 1


def _lines_with_one(data: bytes, needle: bytes) -> Iterator[tuple[int, int]]:
    find, rfind = data.find, data.rfind
    stop = -1
    while True:
        hit = find(needle, stop + 1)
        if hit < 0:
            return
        start = rfind(b"\n", stop + 1, hit) + 1 or stop + 1
        stop = find(b"\n", hit)
        if stop < 0:
            stop = len(data)
        yield start, stop


def _last_stamp(data: bytes, first: int, stop: int) -> str | None:
    """The time of the last line between two places that has one."""
    at = stop
    while True:
        at = data.rfind(b"\n2", first, at)  # the years 2000 to 2999
        begin = at + 1 if at >= 0 else first
        if at < 0 and first != 0:
            return None
        match = _STAMP_BYTES.match(data, begin)
        if match is not None:
            return match[1].decode()
        if at < 0:
            return None


def _seconds(stamps: Sequence[str | None], where: str) -> Float64:
    """Times as seconds since 1970 UTC, NaN where there is none. float64 [E]"""
    if stamps and all(s is not None and len(s) == 24 and s[-1] == "Z" for s in stamps):
        # What S3 exports and the console write: 2026-11-23T16:11:03.000Z, all at once.
        plain = np.array([s[:-1] for s in stamps if s], dtype="datetime64[ms]")
        return plain.astype(np.int64) / 1e3
    known = {s: math.nan if s is None else parse_time(s, where) for s in set(stamps)}
    return np.array([known[s] for s in stamps], dtype=np.float64)


def nearest_lines(jobs: Sequence[Sequence[Emissions]]) -> str:
    """A few lines that look like the metric but are not it, for an error."""
    examples = [example for job in jobs for text in job for example in text.examples]
    if not examples:
        return "no line holds its name"
    return "".join(f"\n    {example}" for example in examples[:EXAMPLES])


def required_literals(regex: re.Pattern[str]) -> list[str]:
    """Texts that every match contains, as far as that is plain to see.

    Only what stands at the top level counts; groups, classes and repeated characters do not.
    """
    pattern = regex.pattern
    if regex.flags & (re.IGNORECASE | re.VERBOSE) or "(?#" in pattern:
        return []
    found = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        token = _TOKEN.match(pattern, at)
        at = token.end() if token else at + 1
        if char == "|":
            return []
        if char in "?*{":  # the character before may be missing
            found[-1] = found[-1][:-1]
        if char == "(":
            at = _group_end(pattern, at)
        literal = char
        if char == "\\" and token:
            literal = token[0][1] if len(token[0]) == 2 and not token[0][1].isalnum() else ""
        elif char in ".^$[(?*{+":
            literal = ""
        if literal:
            found[-1] += literal
        else:
            found.append("")
    return [text for text in found if text]


# An escape, a class or a count in braces as a whole.
_TOKEN = re.compile(
    r"\\(?:x..|u....|U.{8}|N\{[^}]*\}|[0-7]{1,3}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}",
    re.DOTALL,
)


def _group_end(pattern: str, at: int) -> int:
    """Behind the parenthesis that closes the one before `at`."""
    depth = 1
    while depth and at < len(pattern):
        char = pattern[at]
        token = _TOKEN.match(pattern, at)
        at = token.end() if token else at + 1
        depth += (char == "(") - (char == ")")
    return at


def _near(metric: Metric) -> re.Pattern[str]:
    """Lines that hold the metric's name, however it is joined, or the regex's longest word."""
    words = [re.escape(word) for word in re.split(r"[^A-Za-z0-9]+", metric.name) if word]
    names = [r"[^A-Za-z0-9]{1,3}".join(words)] if words else []
    plain = re.sub(r"\[[^\]]*\]|\\.|\(\?[^)]*\)", " ", metric.regex.pattern)
    literals = [word for word in re.split(r"[^A-Za-z_:=-]+", plain) if len(word) >= 5]
    if literals:
        names.append(re.escape(max(literals, key=len)))
    # A word needs a number behind it: "epochs: 5" in a configuration dump is not a metric line.
    joined = "|".join(names) or r"(?!)"
    return re.compile(rf"(?:{joined})\W{{0,6}}[-+.\dniNI]", re.IGNORECASE)
