"""Scans log text for a metric: each line that its regex matches becomes an emission.

A metric definition is applied as SageMaker applies it: with Python's `re`, line by line, and the
first group is the value. Control characters stay as CloudWatch writes them (a tab is ``#011``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from esim.readers.options import Metric
from esim.readers.text.log_text import EXAMPLE_LENGTH, EXAMPLES, Emissions, LogText
from esim.readers.text.rows import (
    Stamps,
    blocks,
    decoded,
    line_ends,
    positions_of,
    rows_with,
    starts_of,
)
from esim.readers.text.watch import Watch, rehearse
from esim.study import Int64

_ESCAPES = (b"\x1b", b"#033[")
_COLOURS = re.compile(rb"(?:\x1b|#033)\[[0-9;?]*[A-Za-z]")
_BLOCK = 1 << 22  # bytes of text whose lines of interest are converted to strings at a time

# SageMaker's vision algorithms print such lines beside that of the metric; they name it too.
_ABOUT_THE_MODEL = re.compile(r"\b(?:Storing|Updating) the best model\b")


def scan(text: LogText, metric: Metric, near: bool = True) -> Emissions:
    """Find the lines that a metric's regex matches.

    Only lines that hold the metric's name, or a text that every match contains, are tried with the
    regex. These lines are few, and finding them in the whole buffer is about as fast as reading it.

    Args:
        text: the text.
        metric: the metric with its regex.
        near: whether all lines are searched for similar ones if no line matches.

    Raises:
        EsimError: the regex takes seconds on one line.
    """
    rehearse(metric, text)
    data = text.data
    if any(next(positions_of(data, escape), None) is not None for escape in _ESCAPES):
        data = _COLOURS.sub(b"", data)
    ends = line_ends(data)
    needles = _needles(metric)
    found = _scan_rows(text, data, ends, rows_with(data, ends, needles), metric)
    if near and needles and not found.messages:
        found = _scan_rows(text, data, ends, rows_with(data, ends, ()), metric)
    return found


def _scan_rows(text: LogText, data: bytes, ends: Int64, rows: Int64, metric: Metric) -> Emissions:
    """The emissions in some rows of a text.

    Args:
        text: the text, for its times and the numbers of its lines.
        data: its contents without colours.
        ends: int64 [L], where each line of `data` ends.
        rows: int64 [P], the rows to look at.
        metric: the metric with its regex.
    """
    starts, stops = starts_of(ends, rows), ends[rows]
    stamps = Stamps(data, starts, stops, None if text.times is None else text.times[rows])
    starts = starts + stamps.widths
    read: list[int] = []
    values: list[float] = []
    messages: list[str] = []
    unread: list[tuple[int, str]] = []
    empty = 0
    with Watch(metric, text, data) as watch:
        for block in blocks(starts, _BLOCK):
            lines = decoded(data, starts[block], stops[block])
            found = _find(lines, starts[block], metric, watch)
            read += [block.start + i for i in found.read]
            values += found.values
            messages += [lines[i] for i in found.read]
            unread += [(block.start + i, lines[i][:EXAMPLE_LENGTH]) for i in found.unread]
            empty += found.empty
    chosen = np.array(read, dtype=np.int64)
    examples = unread[:EXAMPLES]
    shown = _numbered(text, rows[np.array([i for i, _ in examples], dtype=np.int64)])
    return Emissions(
        where=text.where,
        values=np.array(values, dtype=np.float64),
        times=stamps.seconds(chosen, text.where),
        messages=messages,
        lines=_numbered(text, rows[chosen]),
        stream=text.stream,
        unread=len(unread),
        empty=empty,
        examples=tuple(
            f"{text.where}:{n}: {line}" for n, (_, line) in zip(shown, examples, strict=True)
        ),
    )


class _Found(NamedTuple):
    """What was found in some lines.

    Attributes:
        read: the positions of the lines that give a value.
        values: these values.
        unread: the positions of the lines that look like it but give no value.
        empty: how many of those match with an empty group.
    """

    read: Sequence[int]
    values: list[float]
    unread: list[int]
    empty: int


def _find(lines: Sequence[str], starts: Int64, metric: Metric, watch: Watch) -> _Found:
    """Find the metric in some lines.

    Args:
        lines: the lines.
        starts: int64, where each of them begins in the text, for the watch.
        metric: the metric with its regex.
        watch: stops a regex that takes too long.
    """
    search = metric.regex.search
    # A line without the text that every match contains is not tried with the regex.
    literal = max(required_literals(metric.regex), key=len, default="")
    matches = [search(line) if literal in line else None for line in watch.follow(lines, starts)]
    values = _numbers([match[1] or "" for match in matches if match is not None])
    numbers = [number for number in values if number is not None]
    if len(numbers) == len(lines):
        return _Found(range(len(lines)), numbers, [], 0)
    near = _near(metric).search
    read: list[int] = []
    unread: list[int] = []
    empty = 0
    value = iter(values)
    for i in watch.follow(range(len(lines)), starts):
        match = matches[i]
        if match is not None:
            if next(value) is not None:
                read.append(i)
                continue
            empty += not (match[1] or "").strip()
        elif not near(lines[i]) or _ABOUT_THE_MODEL.search(lines[i]):
            continue
        unread.append(i)
    return _Found(read, numbers, unread, empty)


def _numbers(groups: Sequence[str]) -> Sequence[float | None]:
    """The numbers in some groups, as SageMaker reads them; None where a group is no number."""
    joined = "".join(groups)
    # Python's float also accepts 1_0 and digits of other scripts; SageMaker does not.
    if joined.isascii() and "_" not in joined:
        try:
            return [*map(float, groups)]
        except ValueError:
            pass
    return [_number(group) for group in groups]


def _number(group: str) -> float | None:
    try:
        return float(group) if group.isascii() and "_" not in group else None
    except ValueError:
        return None


def _numbered(text: LogText, rows: Int64) -> Int64:
    """int64 [P]: the lines of the file that some rows of a text come from."""
    return rows + 1 if text.lines is None else text.lines[rows]


def _needles(metric: Metric) -> tuple[bytes, ...]:
    """Texts of which every line of interest holds one; none if every line is to be tried."""
    literals = required_literals(metric.regex)
    if not literals:
        return ()
    words = re.findall(r"[A-Za-z0-9]+", metric.name)
    word = max(words, key=len) if words else literals[0]
    word = word[1:] if len(word) >= 5 else word  # logs may write its first letter as a capital
    if any(word in literal for literal in literals):
        return (word.encode(),)  # similar lines hold it too
    return (max(literals, key=len).encode(), word.encode())


def nearest_lines(jobs: Sequence[Sequence[Emissions]]) -> str:
    """A few lines that look like the metric but give no value of it, as text for an error.

    Args:
        jobs: for each job, the emissions of each of its texts.
    """
    examples = [example for job in jobs for text in job for example in text.examples]
    if not examples:
        return "no line holds its name"
    return "".join(f"\n    {example}" for example in examples[:EXAMPLES])


def required_literals(regex: re.Pattern[str]) -> list[str]:
    """Texts that every match of a regex contains, as far as they are easy to find.

    Only characters outside of groups, classes and repeats count. The list may be empty.

    Args:
        regex: the regex.
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
        if char in "?*{":  # the character before is optional
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


# An escape, a class of characters, or a count in braces.
_TOKEN = re.compile(
    r"\\(?:x..|u....|U.{8}|N\{[^}]*\}|[0-7]{1,3}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}",
    re.DOTALL,
)


def _group_end(pattern: str, at: int) -> int:
    """The position behind the parenthesis that closes the group which begins before `at`."""
    depth = 1
    while depth and at < len(pattern):
        char = pattern[at]
        token = _TOKEN.match(pattern, at)
        at = token.end() if token else at + 1
        depth += (char == "(") - (char == ")")
    return at


def _near(metric: Metric) -> re.Pattern[str]:
    """A regex of lines that hold the metric's name, or the longest word of its regex, and a number.

    The words of the name may be joined by any characters.
    """
    words = [re.escape(word) for word in re.split(r"[^A-Za-z0-9]+", metric.name) if word]
    names = [r"[^A-Za-z0-9]{1,3}".join(words)] if words else []
    plain = re.sub(r"\[[^\]]*\]|\\.|\(\?[^)]*\)", " ", metric.regex.pattern)
    literals = [word for word in re.split(r"[^A-Za-z_:=-]+", plain) if len(word) >= 5]
    if literals:
        names.append(re.escape(max(literals, key=len)))
    # A number must follow: a line of a configuration such as "epochs: 5" is not one of a metric.
    joined = "|".join(names) or r"(?!)"
    return re.compile(rf"(?:{joined})\W{{0,6}}[-+.\dniNI]", re.IGNORECASE)
