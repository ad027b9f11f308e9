"""Finds a metric in the logs of jobs, by a given regex or by those of the table of algorithms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from esim.readers.options import Metric
from esim.readers.source import File
from esim.readers.text.algorithms import forms_of
from esim.readers.text.exports import texts
from esim.readers.text.forms import TAB, LineForm, TableForm
from esim.readers.text.given import scan_given
from esim.readers.text.index_forms import prepare
from esim.readers.text.log_text import Emissions, LogText
from esim.readers.text.printers import printer_of_file
from esim.readers.text.scan import scan


@dataclass(frozen=True)
class Matches:
    """What was found of one metric.

    Attributes:
        jobs: for each job, the emissions of each of its texts.
        metric: the metric with the regex that was used last; None if no regex is known.
        form: the form of the table that the regex is from; None if the regex was given.
        respelled: whether the given regex matches only if its ``#011`` may be a tab or spaces.
    """

    jobs: list[list[Emissions]]
    metric: Metric | None
    form: LineForm | TableForm | None
    respelled: bool = False

    def __bool__(self) -> bool:
        return any(text.messages for job in self.jobs for text in job)


def find(jobs: Sequence[Sequence[File | LogText]], metric: str, given: Metric | None) -> Matches:
    """Find a metric in the logs of each job.

    Args:
        jobs: for each job, its log files or the texts of its streams.
        metric: the metric's name.
        given: the metric with its regex; None takes the first form of the table that some line
            matches.

    Raises:
        EsimError: a log cannot be read, or a regex takes too long.
    """
    if given is not None:
        found = _by_regex(jobs, given)
        if not found:  # a job's regex may name what its lines begin with, to take one rank alone
            found = _by_regex(jobs, given, whole=True) or found
        tabs = _with_any_tab(given)
        if found or tabs is None:
            return found
        pasted = _by_regex(jobs, tabs)
        return replace(pasted, respelled=True) if pasted else found
    found = Matches([[] for _ in jobs], None, None)
    forms = forms_of(metric)
    for form in forms:
        found = _by_form(jobs, metric, form, near=False)
        if found:
            return found
    # For the error, look for similar lines; only once, because this searches every line.
    return _by_form(jobs, metric, forms[-1], near=True) if forms else found


def _by_regex(
    jobs: Sequence[Sequence[File | LogText]], metric: Metric, whole: bool = False
) -> Matches:
    """What a regex finds in the lines, or in what they were with the prefixes before them."""
    found = []
    for job in jobs:
        texts_of = (
            replace(text, data=text.whole) if whole else text
            for text in _texts(job)
            if text.whole or not whole
        )
        found.append([prepare(text, scan_given(text, metric)) for text in texts_of])
    return Matches(found, metric, None)


def _with_any_tab(metric: Metric) -> Metric | None:
    """The metric with a regex for logs that were pasted; None if its regex names no tab."""
    pattern = metric.regex.pattern
    if "#011" not in pattern and r"\t" not in pattern:
        return None
    pattern = pattern.replace("#011", TAB).replace(r"\t", TAB)
    try:
        return replace(metric, regex=re.compile(pattern, metric.regex.flags))
    except re.error:  # a tab inside of a class of characters
        return None


def _by_form(
    jobs: Sequence[Sequence[File | LogText]], metric: str, form: LineForm | TableForm, near: bool
) -> Matches:
    found: list[list[Emissions]] = []
    used: Metric | None = None
    for job in jobs:
        found.append([])
        for text in _texts(job):
            own = form.metric_in(text, metric)
            if own is not None:
                found[-1].append(prepare(text, scan(text, own, near)))
            used = own or used
    return Matches(found, used, form)


def _texts(parts: Iterable[File | LogText]) -> Iterator[LogText]:
    """The texts of a job, read one at a time to keep a large export from filling the memory."""
    for part in parts:
        if isinstance(part, LogText):
            yield part
        else:
            of_file, _ = printer_of_file(part)
            for text in texts(part):
                yield replace(text, printer=text.printer.within(of_file))
