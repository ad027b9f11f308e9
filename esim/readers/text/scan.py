"""Scans log text for a metric: each place that its regex matches becomes an emission.

A metric definition is applied as SageMaker applies it: with Python's `re`, line by line, and the
first group is the value. A tab stays as CloudWatch writes it (``#011``). A line may hold several
values; all are found, and `esim.readers.text.steps` settles which count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from esim.readers.options import Metric
from esim.readers.text.log_text import EXAMPLE_LENGTH, EXAMPLES, Emissions, LogText, picked
from esim.readers.text.rows import (
    Stamps,
    blocks,
    decoded,
    line_ends,
    rows_with,
    starts_of,
)
from esim.readers.text.watch import Watch
from esim.study import Int64

_BLOCK = 1 << 22  # bytes of text whose lines of interest are converted to strings at a time

# SageMaker's vision algorithms print such lines beside that of the metric; they name it too.
_ABOUT_THE_MODEL = re.compile(r"\b(?:Storing|Updating) the best model\b")


def scan(text: LogText, metric: Metric, near: bool = True) -> Emissions:
    """Find what a metric's regex matches.

    Only lines that hold the metric's name, or a text that every match contains, are tried with the
    regex. These lines are few, and finding them in the whole buffer is about as fast as reading it.

    Args:
        text: the text.
        metric: the metric with its regex.
        near: whether all lines are searched for similar ones if no line matches.

    Raises:
        EsimError: the regex takes too long, as in `Watch`.
    """
    ends = line_ends(text.data)
    needles = _needles(metric)
    found = _scan_rows(text, ends, rows_with(text.data, ends, needles), metric)
    if near and needles and not found.messages:
        found = _scan_rows(text, ends, rows_with(text.data, ends, ()), metric)
    return found


def _scan_rows(text: LogText, ends: Int64, rows: Int64, metric: Metric) -> Emissions:
    """The emissions in some rows of a text.

    Args:
        text: the text.
        ends: int64 [L], where each of its lines ends.
        rows: int64 [P], the rows to look at.
        metric: the metric with its regex.
    """
    starts, stops = starts_of(ends, rows), ends[rows]
    stamps = Stamps(text.data, starts, stops, None if text.times is None else text.times[rows])
    starts = starts + stamps.widths
    read: list[int] = []
    places: list[int] = []
    values: list[float] = []
    messages: list[str] = []
    unread: list[tuple[int, str]] = []
    caught: list[str] = []
    cut: list[tuple[int, str]] = []
    empty = 0
    with Watch(metric, text, text.data) as watch:
        for block in blocks(starts, _BLOCK):
            lines = decoded(text.data, starts[block], stops[block])
            found = _find(lines, starts[block], metric, watch)
            read += [block.start + i for i in found.read]
            places += found.at
            values += found.values
            messages += [lines[i] for i in found.read]
            unread += [(block.start + i, lines[i][:EXAMPLE_LENGTH]) for i in found.unread]
            cut += [(block.start + i, lines[i][:EXAMPLE_LENGTH]) for i in found.cut]
            caught += found.caught
            empty += found.empty
    chosen = rows[np.array(read, dtype=np.int64)]
    return Emissions(
        where=text.where,
        values=np.array(values, dtype=np.float64),
        times=stamps.seconds(np.array(read, dtype=np.int64), text.where),
        messages=messages,
        at=np.array(places, dtype=np.int64),
        lines=picked(text.lines, chosen),
        rows=chosen,
        printed=chosen if text.printed is None else text.printed[chosen],
        printer=text.printer,
        unread=len(unread),
        empty=empty,
        cut=len(cut),
        cut_examples=_shown(text, rows, cut),
        examples=_shown(text, rows, unread),
        caught=tuple(caught[:EXAMPLES]),
    )


def _shown(text: LogText, rows: Int64, lines: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """The first few of some lines as examples.

    Args:
        text: the text.
        rows: int64 [P].
        lines: the position of each line among `rows`, and the line.
    """
    few = lines[:EXAMPLES]
    numbers = picked(text.lines, rows[np.array([i for i, _ in few], dtype=np.int64)])
    return tuple(f"{text.where}:{n}: {line}" for n, (_, line) in zip(numbers, few, strict=True))


_DIGITS = frozenset("0123456789.,eE-")  # a quick test before the regexes; "" is not in it
_GOES_ON = re.compile(r"[eE][-+]?[0-9]|\.?[0-9]|,[0-9]{3}(?![0-9])")
_DECIMAL_COMMA = re.compile(r",[0-9]+(?![.,0-9])")
_SIGN_BEFORE = re.compile(r"[=:\s(]-$|[0-9]\.?$")


def _takes_a_part(message: str, first: int, last: int) -> bool:
    """Whether the number continues behind the group, or begins before it."""
    before = message[max(0, first - 9) : first]
    comma = "." not in message[first:last] and _DECIMAL_COMMA.match(message, last)
    return bool(comma or _GOES_ON.match(message, last) or _SIGN_BEFORE.search(before))


class _Found(NamedTuple):
    """What was found in some lines.

    Attributes:
        read: the line of each value, as a position.
        at: where in its line each value begins.
        values: the values.
        cut: the positions of the lines of which a value is only a part of the number.
        unread: the positions of the lines that look like it but give no value.
        caught: the groups that are no number.
        empty: how many lines match with an empty group.
    """

    read: Sequence[int]
    at: list[int]
    values: list[float]
    cut: list[int]
    unread: list[int]
    caught: list[str]
    empty: int


def _find(lines: Sequence[str], starts: Int64, metric: Metric, watch: Watch) -> _Found:
    """Find the metric in some lines.

    Args:
        lines: the lines.
        starts: int64, where each of them begins in the text, for the watch.
        metric: the metric with its regex.
        watch: stops a regex that takes too long.
    """
    # A line without the text that every match contains is not tried with the regex.
    literal = max(required_literals(metric.regex), key=len, default="")
    search = metric.search
    matches = [search(line) if literal in line else None for line in watch.follow(lines, starts)]
    hits = _hits(lines, matches, literal, metric.regex)
    values = _numbers(hits.groups)
    places = zip(hits.at, hits.first, hits.last, strict=True)
    cut = [
        i
        for i, first, last in places
        if (lines[i][last : last + 1] in _DIGITS or lines[i][first - 1 : first] in _DIGITS)
        and _takes_a_part(lines[i], first, last)
    ]
    numbers = [value for value in values if value is not None]
    if len(hits.at) == len(lines) and len(numbers) == len(values):
        return _Found(hits.at, hits.first, numbers, cut, [], [], 0)
    good = {i for i, value in zip(hits.at, values, strict=True) if value is not None}
    bad: dict[int, str] = {}  # the first group of each line without a number
    for i, group in zip(hits.at, hits.groups, strict=True):
        if i not in good:
            bad.setdefault(i, group)
    near = _near(metric).search
    unread: list[int] = []
    for i in watch.follow(range(len(lines)), starts):
        if i in bad or (i not in good and near(lines[i]) and not _is_beside(lines[i], metric)):
            unread.append(i)
    kept = [k for k, value in enumerate(values) if value is not None]
    return _Found(
        [hits.at[k] for k in kept],
        [hits.first[k] for k in kept],
        numbers,
        [i for i in cut if i in good],
        unread,
        [group for group in bad.values() if group.strip()],
        sum(not group.strip() for group in bad.values()),
    )


def _is_beside(line: str, metric: Metric) -> bool:
    """Whether a line that names the metric is one of those that the program prints beside it."""
    update = bool(metric.without) and metric.without in line
    return update or _ABOUT_THE_MODEL.search(line) is not None


class _Hits(NamedTuple):
    """The matches on some lines, as columns: a line of millions of matches keeps no objects.

    Attributes:
        at: the line of each, as a position.
        first, last: where its first group begins and ends in the line.
        groups: that group; "" where it took no part.
    """

    at: Sequence[int]
    first: list[int]
    last: list[int]
    groups: list[str]


def _hits(
    lines: Sequence[str],
    matches: Sequence[re.Match[str] | None],
    literal: str,
    regex: re.Pattern[str],
) -> _Hits:
    """Every match on the lines, not only the first one of each.

    Args:
        lines: the lines.
        matches: the first match of each.
        literal: what every match contains.
        regex: is searched for behind each match.
    """
    found = [match for match in matches if match is not None]
    at: Sequence[int] = range(len(lines))
    if len(found) < len(lines):
        at = [i for i, match in enumerate(matches) if match is not None]
    if all(lines[i].find(literal, m.end()) < 0 for i, m in zip(at, found, strict=True)):
        spans = [match.span(1) for match in found]
        groups = [match[1] or "" for match in found]
        return _Hits(at, [first for first, _ in spans], [last for _, last in spans], groups)
    own: list[int] = []
    every = _Hits(own, [], [], [])
    for i, begun in zip(at, found, strict=True):
        line = lines[i]
        match: re.Match[str] | None = begun
        while match is not None:
            own.append(i)
            every.first.append(match.start(1))
            every.last.append(match.end(1))
            every.groups.append(match[1] or "")
            end = match.end()
            again = end > match.start() and line.find(literal, end) >= 0
            match = regex.search(line, end) if again else None
    return every


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


@lru_cache(maxsize=256)
def required_literals(regex: re.Pattern[str]) -> tuple[str, ...]:
    """Texts that every match of a regex contains, as far as they are easy to find.

    Only characters outside of groups, classes and repeats count. The list may be empty.

    Args:
        regex: the regex.
    """
    pattern = regex.pattern
    if regex.flags & (re.IGNORECASE | re.VERBOSE) or "(?#" in pattern:
        return ()
    found = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        token = _TOKEN.match(pattern, at)
        at = token.end() if token else at + 1
        if char == "|":
            return ()
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
    return tuple(text for text in found if text)


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
    plain = re.sub(r"\[[^\]]*\]|\\.|\(\?[^)]*\)", " ", metric.shown)
    literals = [word for word in re.split(r"[^A-Za-z_:=-]+", plain) if len(word) >= 5]
    if literals:
        names.append(re.escape(max(literals, key=len)))
    # A number must follow: a line of a configuration such as "epochs: 5" is not one of a metric.
    joined = "|".join(names) or r"(?!)"
    return re.compile(rf"(?:{joined})\W{{0,6}}[-+.\dniNI]", re.IGNORECASE)
