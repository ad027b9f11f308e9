"""Scans log text for a metric: each line that its regex matches becomes an emission.

A metric definition means what it means to SageMaker: Python `re`, line by line, the first group is
the value. Control characters stay as the text CloudWatch makes of them (a tab is ``#011``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from esim.readers.options import Metric
from esim.readers.sagemaker.text import EXAMPLE_LENGTH, EXAMPLES, Emissions, LogText
from esim.readers.times import parse_time

# CloudWatch's own time in front of a line, as exported; the job's own times stay in the message.
_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))(?: |$)", re.ASCII
)
_COLOURS = re.compile(r"(?:\x1b|#033)\[[0-9;?]*[A-Za-z]")
_VALUE = re.compile(
    r"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|inf(?:inity)?|nan)\s*",
    re.ASCII | re.IGNORECASE,
)


def scan(text: LogText, metric: Metric) -> Emissions:
    """The lines that the metric's regex matches."""
    near = _near(metric)
    search = metric.regex.search
    literal = required_literal(metric.regex)
    values: list[float] = []
    times: list[float] = []
    messages: list[str] = []
    places: list[int] = []
    examples: list[str] = []
    unread = 0
    stamp: str | None = None
    for at, raw in enumerate(text.data.decode("utf-8", errors="replace").split("\n")):
        line = raw.removesuffix("\r")
        if "\x1b[" in line or "#033[" in line:
            line = _COLOURS.sub("", line)
        stamped = _STAMP.match(line) if text.times is None else None
        if stamped:
            stamp, line = stamped[1], line[stamped.end() :]
        # Regexes that begin with .* are slow on lines that do not match; most do not.
        match = search(line) if literal in line else None
        place = at + 1 if text.lines is None else int(text.lines[at])
        if match is not None and _VALUE.fullmatch(match[1] or ""):
            values.append(float(match[1]))
            # A line without a time of its own continues the event before it.
            if text.times is not None:
                times.append(float(text.times[at]))
            else:
                times.append(math.nan if stamp is None else parse_time(stamp, text.where))
            messages.append(line)
            places.append(place)
        elif match is not None or near.search(line):
            unread += 1
            if len(examples) < EXAMPLES:
                examples.append(f"{text.where}:{place}: {line[:EXAMPLE_LENGTH]}")
    return Emissions(
        where=text.where,
        values=np.array(values, dtype=np.float64),
        times=np.array(times, dtype=np.float64),
        messages=messages,
        lines=np.array(places, dtype=np.int64),
        stream=text.stream,
        unread=unread,
        examples=tuple(examples),
    )


def nearest_lines(jobs: Sequence[Sequence[Emissions]]) -> str:
    """A few lines that look like the metric but are not it, for an error."""
    examples = [example for job in jobs for text in job for example in text.examples]
    return " | ".join(examples[:3]) if examples else "no line holds its name"


def required_literal(regex: re.Pattern[str]) -> str:
    """The longest text that every match contains, "" if that is not plain to see.

    Only what stands at the top level counts; groups, classes and repeated characters do not.
    """
    pattern = regex.pattern
    if regex.flags & (re.IGNORECASE | re.VERBOSE) or "(?#" in pattern:
        return ""
    best = run = ""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        token = _TOKEN.match(pattern, at)
        at = token.end() if token else at + 1
        if char == "|":
            return ""
        if char in "?*{":  # the character before may be missing
            run = run[:-1]
        if char == "(":
            at = _group_end(pattern, at)
        literal = char
        if char == "\\" and token:
            literal = token[0][1] if len(token[0]) == 2 and not token[0][1].isalnum() else ""
        elif char in ".^$[(?*{+":
            literal = ""
        best = max(best, run, key=len)
        run = run + literal if literal else ""
    return max(best, run, key=len)


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
