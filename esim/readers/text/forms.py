"""The records of the table of algorithms: a form says how an algorithm prints its metrics.

A form gives the regex for each of these metrics. The table is in `esim.readers.text.algorithms`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from esim.readers.options import Metric
from esim.readers.text.log_text import LogText
from esim.readers.text.prefixes import TIME

# No repeat gives back what it has taken, and none is unbounded where it can begin at many places of
# a line: the time that a form takes grows with the length of a line, not with its square.
_EXPONENT = r"(?:[eE][-+]?[0-9]++)?+"
NUMBER = (
    rf"[-+]?(?:[0-9]++(?:\.[0-9]*+)?+{_EXPONENT}|\.[0-9]++{_EXPONENT}"
    r"|[nN]a[nN]|[iI]nf(?:inity)?+)"
)
VALUE = f"(?P<value>{NUMBER})"
TAB = r"(?:#011|\t| ++)"  # text that was pasted has spaces for tabs
WORD = r"[^:=\s]{1,99}"


@dataclass(frozen=True)
class Sample:
    """A line that an algorithm prints, and what a person reads in it; the tests read it too.

    Attributes:
        algorithm: the algorithm, as the documentation calls it.
        source: how the line was obtained: recorded with a version, or written after a format.
        line: the line.
        metric: the name of one of its metrics.
        step: the index of the step in the line; None if it has none.
        value: the metric's value in the line.
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
    """How an algorithm prints its metrics, each with its name in the line.

    Attributes:
        name: the algorithm or framework.
        prefix: regex of what stands before the metrics of such a line.
        item: regex of one metric, with the groups `value`, `name` and perhaps `data`.
        metric: the metric's name in SageMaker, made of {name} and {data}.
        samples: examples of such lines.
        caution: what a person who tunes on such a metric must know; "" if nothing.
        needs: a text that every such line holds; "" if there is none.
        without: a text that no such line holds; "" if there is none.
        general: whether lines of other kinds look like this too. Such a form does not show that a
            file is a log.
    """

    name: str
    prefix: str
    item: str
    metric: str
    samples: tuple[Sample, ...]
    caution: str = ""
    needs: str = ""
    without: str = ""
    general: bool = False

    def regex_for(self, metric: str) -> str | None:
        """The regex of one metric behind the prefix; its first group is the value.

        Args:
            metric: the metric's name in SageMaker.

        Returns:
            None if such lines cannot hold a metric of this name.
        """
        named = re.sub(
            r"\\\{(\w+)\\\}", lambda m: rf"(?P<{m[1]}>.{{1,200}}?)", re.escape(self.metric)
        )
        match = re.fullmatch(named, metric)
        if match is None:
            return None
        regex = self.item.replace("(?P<value>", "(")
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
        """Whether such lines can hold a metric of this name."""
        return self.regex_for(metric) is not None

    def metric_in(self, text: LogText, metric: str) -> Metric | None:
        """A metric with its regex; None if such lines cannot hold it.

        Args:
            text: the text that is searched; it makes no difference for lines of this form.
            metric: the metric's name in SageMaker.
        """
        regex = self.regex_for(metric)
        if regex is None:
            return None
        found = Metric.compile(metric, regex, f"table, {self.name}")
        behind = re.compile(self.prefix) if self.prefix else None
        return replace(found, behind=behind, needs=self.needs, without=self.without)

    def names_in(self, line: str) -> Iterator[str]:
        """The names of the metrics in a line of this form; none if it is not of this form."""
        if self.needs not in line or (self.without and self.without in line):
            return
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
    """A table that is printed row by row; a cell is under the name of its column and may be blank.

    Attributes:
        name: the framework.
        header: regex of the line that names the columns; its first group is that part of the line.
        row: regex of the start of a row.
        samples, caution, general: as in `LineForm`.
    """

    name: str
    header: str
    row: str
    samples: tuple[Sample, ...]
    caution: str = ""
    general: bool = False

    def knows(self, metric: str) -> bool:
        """Whether such a table can have a column of this name."""
        return not re.search(r"\s", metric)

    def metric_in(self, text: LogText, metric: str) -> Metric | None:
        """A metric with its regex; None if no header in the text names it.

        Args:
            text: the text that is searched; its header says where the column is.
            metric: the metric's name.
        """
        at = self._columns(text).get(metric)
        if at is None:
            return None
        regex = rf"^(?={self.row}).{{{at}}}({NUMBER})(?= |$)"
        return Metric.compile(metric, regex, f"table, {self.name}")

    def names_in(self, line: str) -> Iterator[str]:
        """The names of the columns, if the line is the header."""
        match = re.match(self.header, line)
        yield from () if match is None else match[1].split()[1:]

    def _columns(self, text: LogText) -> dict[str, int]:
        header = rf"^(?:{TIME} )?{self.header}"
        match = re.search(header.encode(), text.data, re.MULTILINE)
        if match is None:
            return {}
        words = re.finditer(r"\S+", match[1].decode("utf-8", "replace"))
        return {word[0]: word.start() for word in words}


def _group(regex: str, name: str) -> str:
    """The regex inside a named group. In the table no group holds another group."""
    found = re.search(rf"\(\?P<{name}>([^)]*)\)", regex)
    return found[1] if found else r"\S+?"
