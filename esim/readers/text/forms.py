"""A form of line: how an algorithm prints its metrics, and the regex of one of them.

The table of them is `esim.readers.text.algorithms`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from esim.readers.options import Metric
from esim.readers.text.log_text import LogText

NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|nan|inf)"
VALUE = f"(?P<value>{NUMBER})"
TAB = r"(?:#011|\t)"


@dataclass(frozen=True)
class Sample:
    """A line of an algorithm, and what a person reads in it.

    Attributes:
        algorithm: what printed it, as the documentation calls it.
        source: how the line was obtained: recorded with a version, or written after a format.
        step: the index in the line; None: it has none.
        header: for a table, the line that names the columns.
    """

    algorithm: str
    source: str
    line: str
    metric: str
    step: int | None
    value: float
    header: str = ""


@dataclass(frozen=True)
class LineForm:
    """How an algorithm prints its metrics.

    Attributes:
        name: whose form it is.
        prefix: regex of what stands before the metrics of such a line.
        item: regex of one metric, with the groups `value`, `name` and perhaps `data`.
        metric: the metric's name in SageMaker, made of {name} and {data}.
        samples: the tests read them.
        caution: what a person must know who tunes on it.
        gap: regex of what may stand between the two.
    """

    name: str
    prefix: str
    item: str
    metric: str
    samples: tuple[Sample, ...]
    caution: str = ""
    gap: str = ".*?"

    def regex_for(self, metric: str) -> str | None:
        """The regex of one metric, the value its first group; None if the form has no such name."""
        named = re.sub(r"\\\{(\w+)\\\}", lambda m: rf"(?P<{m[1]}>\S+?)", re.escape(self.metric))
        match = re.fullmatch(named, metric)
        if match is None:
            return None
        regex = f"{self.prefix}{self.gap}{self.item}" if self.prefix else self.item
        regex = regex.replace("(?P<value>", "(")
        for group, text in match.groupdict().items():
            inside = _group(regex, group)
            plain = text.lower() if group == "data" else text
            if not re.fullmatch(inside, plain, re.IGNORECASE):
                return None
            spelled = re.escape(plain)
            if group == "data":  # MXNet writes Validation-, the metric is validation:
                spelled = next((w for w in inside.split("|") if w.lower() == plain), spelled)
            regex = regex.replace(f"(?P<{group}>{inside})", spelled)
        return regex

    def knows(self, metric: str) -> bool:
        """Whether a metric of this name can stand in such lines."""
        return self.regex_for(metric) is not None

    def metric_in(self, text: LogText, metric: str) -> Metric | None:
        """The metric with its regex, for this text; None if the text cannot hold it."""
        regex = self.regex_for(metric)
        return None if regex is None else Metric.compile(metric, regex, f"table, {self.name}")

    def names_in(self, line: str) -> Iterator[str]:
        """The names of the metrics that a line holds in this form."""
        start = re.search(self.prefix, line) if self.prefix else re.match("", line)
        if start is None:
            return
        for match in re.compile(self.item).finditer(line, start.end()):
            words = {k: v for k, v in match.groupdict().items() if k != "value"}
            if "data" in words:
                words["data"] = words["data"].lower()
            yield self.metric.format(**words)


@dataclass(frozen=True)
class TableForm:
    """A table printed row by row: a cell belongs to the name it stands under, and may be blank.

    Attributes:
        header: regex of the line that names the columns, its first group.
        row: regex of the start of a row.
    """

    name: str
    header: str
    row: str
    samples: tuple[Sample, ...]
    caution: str = ""

    def knows(self, metric: str) -> bool:
        """Whether a metric of this name can stand in such a table."""
        return not re.search(r"\s", metric)

    def metric_in(self, text: LogText, metric: str) -> Metric | None:
        """The metric with its regex, for this text; None if no header in it names it."""
        at = self._columns(text).get(metric)
        if at is None:
            return None
        regex = rf"^(?={self.row}).{{{at}}}({NUMBER})(?= |$)"
        return Metric.compile(metric, regex, f"table, {self.name}")

    def names_in(self, line: str) -> Iterator[str]:
        """The names of the columns, if the line is the header."""
        match = re.search(self.header, line)
        yield from () if match is None else match[1].split()[1:]

    def _columns(self, text: LogText) -> dict[str, int]:
        match = re.search(self.header.encode(), text.data, re.MULTILINE)
        if match is None:
            return {}
        words = re.finditer(r"\S+", match[1].decode("utf-8", "replace"))
        return {word[0]: word.start() for word in words}


def _group(regex: str, name: str) -> str:
    """The inside of a named group; no group of the table nests."""
    found = re.search(rf"\(\?P<{name}>([^)]*)\)", regex)
    return found[1] if found else r"\S+?"
