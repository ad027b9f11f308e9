"""Reads logs without a description of their tuning job, such as notebook output.

Which printers make one job is decided from the names of paths, log streams and containers, and from
the borders of jobs in a text. The user must name what the description would say: the objective, its
direction, and the regex if the table of algorithms has none.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from esim.errors import EsimError, plural
from esim.readers.asides import is_aside
from esim.readers.assembly import some
from esim.readers.encodings.times import parse_time
from esim.readers.options import (
    Options,
    settle_direction,
    settle_objective,
    unread_metrics,
)
from esim.readers.source import File, Source
from esim.readers.text.algorithms import forms_of, metrics_in
from esim.readers.text.borders import BILLED, lines_with
from esim.readers.text.exports import is_json, texts
from esim.readers.text.find import Matches, find
from esim.readers.text.index_forms import StepForm, choose_form, indexes
from esim.readers.text.log_text import EXAMPLES, Emissions, LogText
from esim.readers.text.looks import LOOK_AT, as_seen, logs_among, start_of
from esim.readers.text.plain import CELL
from esim.readers.text.printers import ENDINGS, printer_of_file
from esim.readers.text.rows import time_span
from esim.readers.text.steps import AlignedCurve, align
from esim.readers.text.suggest import (
    NUMBER_GROUP,
    Candidate,
    candidates,
    nearest_lines,
    try_next,
    with_number_group,
)
from esim.readers.text.trainings import trainings_apart
from esim.study import Direction, Note

_BILLED = re.compile(BILLED + rb" (\d{1,18})\s*$", re.MULTILINE)
# 2024-03-01 11:00:00,123 of Python's logging and the SDK; [03/22/2020 20:43:21 of SageMaker.
_OWN_TIME = re.compile(
    rb"^[^\n]{0,40}?(?<!\d)(?:(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)|(?P<us>\d\d/\d\d/\d{4}))[ T]"
    rb"(?P<clock>\d\d:\d\d:\d\d)",
    re.MULTILINE,
)
_FILES_LOOKED_AT = 20


@dataclass(frozen=True)
class BareStudy:
    """What is read from log files alone, for N jobs in the order of the files.

    Attributes:
        objective, direction: the metric that is replayed, and its direction.
        jobs: the names of the jobs. [N]
        matches: where the metric was found.
        curves: the curve of each job. [N]
        form: how lines name their step; None if steps are numbered.
        notes: what was noted about the logs.
        billed: the seconds of each job that a notebook says were billed; None where none does. [N]
        spans: the times of the first and the last line of each job; None where they have none. [N]
        printed_at: the first time that the program of each job printed itself, for the order of the
            jobs; None where it printed none. [N]
    """

    objective: str
    direction: Direction
    jobs: tuple[str, ...]
    matches: Matches
    curves: tuple[AlignedCurve, ...]
    form: StepForm | None
    notes: tuple[Note, ...]
    billed: tuple[float | None, ...]
    spans: tuple[tuple[float, float] | None, ...]
    printed_at: tuple[float | None, ...]


def next_try(source: Source) -> str:
    """A command that may read plain text that no known program has printed; "" if there is none.

    Args:
        source: the input, of which the first bytes of each file are looked at.
    """
    heads = []
    for file in [f for f in source.files if not is_aside(f.base)][:_FILES_LOOKED_AT]:
        head = start_of(file)
        if head is not None and not is_json(head):
            heads.append(as_seen(file, head))
    likely = candidates(heads)
    return try_next(likely, source.label) if likely else ""


def read_bare(source: Source, options: Options) -> BareStudy:
    """Read the curves in logs that no description goes with.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: the logs hold several metrics and no objective is given (the error lists them),
            no direction is given, or no line matches the regex.
    """
    jobs = _jobs(source, options)
    every = [text for job in jobs.values() for text in job]
    given = {metric.name: metric for metric in options.metrics}
    objective = options.objective or (next(iter(given)) if len(given) == 1 else None)
    if objective is None or not (objective in given or forms_of(objective)):
        names = list(dict.fromkeys([*given, *metrics_in(every)]))
        if not names:
            raise EsimError(
                "the objective is unknown",
                where=source.label,
                why="no line is of a program that esim knows",
                fix=try_next(candidates(every, objective), source.label),
            )
        objective = settle_objective(options, names, source.label)
    matches = find(list(jobs.values()), objective, given.get(objective))
    if not matches:
        raise no_value(matches, objective, every, source.label)
    direction = settle_direction(options, source.label)
    form = choose_form(matches.jobs)
    printed = _apart(jobs, matches, form)
    notes = [
        *_parted_note(jobs, printed),
        *unread_metrics(options, objective, given.get(objective)),
    ]
    silent = [job.name for job in printed if not job.emissions]
    if silent:
        text = f"{plural(len(silent), 'job', 'print')} no value of {objective!r}: {some(silent)}"
        notes.append(Note("jobs_without_metric", text, len(silent)))
    billed = tuple(_billed_seconds(job.texts) for job in printed)
    counted = sum(seconds is not None for seconds in billed)
    if counted:
        text = (
            f"the billed seconds of {plural(counted, 'job', 'are')} those that the SageMaker "
            "SDK printed at "
            "the end, of all machines of a job together"
        )
        notes.append(Note("billed_from_log", text, counted))
    return BareStudy(
        objective=objective,
        direction=direction,
        jobs=tuple(job.name for job in printed),
        matches=replace(matches, jobs=[job.emissions for job in printed]),
        curves=tuple(align(job.emissions, form) for job in printed),
        form=form,
        notes=tuple(notes),
        billed=billed,
        spans=tuple(_span(job) for job in printed),
        printed_at=tuple(_printed_at(job) for job in printed),
    )


def no_value(matches: Matches, objective: str, every: Sequence[LogText], label: str) -> EsimError:
    """The error that says why no line gives a value of the objective, and what to try next.

    Args:
        matches: what was found.
        objective: the metric.
        every: the texts that were searched.
        label: the input.
    """
    known = metrics_in(every)
    near = nearest_lines(matches.jobs, every, objective)
    metric = matches.metric
    if metric is None or matches.form is not None:
        likely = candidates(every, objective)
        holds = f"the logs hold {', '.join(known)}" if known else ""
        return EsimError(
            f"no line of the logs holds metric {objective!r} in a form that esim knows",
            where=label,
            why=f"nearest lines: {near}",
            fix=holds or try_next(likely, label),
        )
    direction = Candidate(objective, "").direction
    return no_number(matches, objective, objective, direction, label) or EsimError(
        f"no line of the logs holds metric {objective!r}",
        where=label,
        why=f"{metric.regex.pattern} matches none; nearest lines: {near}",
        fix=f"the logs hold {', '.join(known)}"
        if known
        else try_next(candidates(every, objective), label),
    )


def no_number(
    matches: Matches, objective: str, name: str, direction: Direction, where: str, label: str = ""
) -> EsimError | None:
    """The error that says that the group of the regex catches no number; None if it catches none.

    Args:
        matches: what was found.
        objective: the metric.
        name: what the metric can be called with another regex.
        direction: its direction, or a guess.
        where: what gives the regex.
        label: the input; "" if it is `where`.
    """
    found = [text for job in matches.jobs for text in job]
    caught = [group for text in found for group in text.caught]
    caught = caught or [""] * sum(text.empty for text in found)
    if not caught or matches.metric is None:
        return None
    examples = [example for text in found for example in text.examples]
    regex = matches.metric.regex
    better = with_number_group(regex, [example.split(": ", 1)[-1] for example in examples])
    return EsimError(
        f"the group of the regex of metric {objective!r} catches no number",
        where=where,
        why=f"{regex.pattern} catches {', '.join(map(repr, caught[:EXAMPLES]))}; lines: "
        + nearest_lines(matches.jobs, (), objective),
        fix=f"esim replay {shlex.quote(label or where)} --objective {shlex.quote(name)} "
        f"--direction {direction} --metric {shlex.quote(f'{name}={better}')}"
        if better
        else f"let the group take a number only: {NUMBER_GROUP}",
    )


def _billed_seconds(texts: Sequence[LogText]) -> float | None:
    """The seconds that the SageMaker SDK says were billed, at the end of a job's output."""
    places = [(text.data, at) for text in texts for at in lines_with(text.data, BILLED)]
    found = [match[1] for data, at in places if (match := _BILLED.match(data, at)) is not None]
    return float(found[-1]) if found else None


@dataclass(frozen=True)
class _Key:
    """What names a job, as far as names do.

    Attributes:
        base: its name, or that of the file.
        run: what tells it from other jobs in the same file; "" if nothing does.
    """

    base: str
    run: str


@dataclass(frozen=True)
class _Job:
    """A job: its name, its texts (none if it shares one with other jobs), and their emissions."""

    name: str
    texts: list[LogText]
    emissions: list[Emissions]


# What tells it apart in its file, its texts, their emissions.
_Part = tuple[str, list[LogText], list[Emissions]]


def _jobs(source: Source, options: Options) -> dict[_Key, list[LogText]]:
    """The texts of each job: a job that a name tells, else what a file or a part of it holds."""
    files = logs_among(source.files, options)
    homes: dict[str, set[str]] = {}
    for file in files:
        printer, home = printer_of_file(file)
        if printer.job is not None:
            homes.setdefault(printer.job, set()).add(home)
    short = _short_names(files)
    jobs: dict[_Key, list[LogText]] = {}
    for file in files:
        outer, home = printer_of_file(file)
        for text in texts(file):
            printer = text.printer.within(outer) if text.stream else text.printer.inside(outer)
            base = printer.job
            if base is None:
                base = short[file]
            elif base == outer.job and len(homes[base]) > 1:  # jobs of one name in several folders
                base = home + base
            key = _Key(base, printer.run)
            jobs.setdefault(key, []).append(replace(text, printer=printer))
    if not jobs:
        raise EsimError("no log of a training job", where=source.label)
    return jobs


def _apart(
    jobs: Mapping[_Key, Sequence[LogText]], matches: Matches, form: StepForm | None
) -> list[_Job]:
    """The jobs, those that share a text told apart, in the order in which they were read.

    What holds no value and has no name of its own, such as a preamble, is no job.
    """
    parts: dict[str, list[_Part]] = {}
    for (key, texts_of), emissions in zip(jobs.items(), matches.jobs, strict=True):
        several = trainings_apart(emissions, form)
        if several is None:
            parts.setdefault(key.base, []).append((key.run, list(texts_of), emissions))
        else:
            parts.setdefault(key.base, []).extend(("", [], [e]) for e in several)
    found = []
    said = {e.where for those in parts.values() for part in those for e in part[2] if e.messages}
    for base, those in ((base, _joined(those, form)) for base, those in parts.items()):
        reporting = [part for part in those if any(e.messages for e in part[2])]
        texts_of = [text for part in those for text in part[1]]
        nameless = all(text.printer.job is None and text.where in said for text in texts_of)
        if not reporting and nameless:
            continue
        if len(reporting) < 2:
            found.append(_Job(base, texts_of, [e for part in reporting for e in part[2]]))
            continue
        runs = [run for run, _, _ in reporting]
        own = all(runs) and len(set(runs)) == len(runs) and not any(map(_is_a_count, runs))
        for number, (run, texts_of, emissions) in enumerate(reporting, start=1):
            found.append(_Job(f"{base}-{run if own else number}", texts_of, emissions))
    return found


def _joined(those: list[_Part], form: StepForm | None) -> list[_Part]:
    """The parts of a notebook, cells that go on with a job joined to the one before them.

    Such a cell evaluates what another one has trained, with a single value, or trains it on, with
    the epochs behind those of the other.
    """
    counts = [sum(len(e.values) for e in part[2]) for part in those]
    if not all(part[0].startswith(CELL) for part in those) or max(counts) < 2:
        return those
    found: list[_Part] = []
    for part, count in zip(those, counts, strict=True):
        if found and (count == 1 or _goes_on(found[-1][2], part[2], form)):
            run, texts_of, emissions = found[-1]
            found[-1] = (run, [*texts_of, *part[1]], [*emissions, *part[2]])
        else:
            found.append(part)
    return found


def _goes_on(before: list[Emissions], behind: list[Emissions], form: StepForm | None) -> bool:
    """Whether the steps of some emissions are those behind others'."""
    if form is None or not before or not behind:
        return False
    ended, begun = indexes(before[-1], form), indexes(behind[0], form)
    return bool(len(ended) and len(begun) and begun[0] == ended[-1] + 1)


def _parted_note(jobs: Mapping[_Key, Sequence[LogText]], found: Sequence[_Job]) -> list[Note]:
    """The note on jobs that no name tells apart."""
    bases = {key.base for key in jobs}
    unnamed = [job.name for job in found if job.name not in bases]
    if not unnamed:
        return []
    text = (
        f"{plural(len(unnamed), 'job', 'were')} told apart by where they begin in a text, not "
        "by a name: " + some(unnamed)
    )
    return [Note("jobs_told_apart", text, len(unnamed))]


def _span(job: _Job) -> tuple[float, float] | None:
    """The times of the first and the last line of a job; None where lines have none.

    Of a job that shares its text with others only the lines with values are known.
    """
    spans = [time_span(text.data, text.times) for text in job.texts]
    if not job.texts:
        spans = [time_span(b"", text.times) for text in job.emissions]
    known = [span for span in spans if span is not None]
    return (min(a for a, _ in known), max(b for _, b in known)) if known else None


def _printed_at(job: _Job) -> float | None:
    """The first time that the lines of a job tell, as loggers write it; None if they tell none."""
    found = []
    for text in job.texts:
        match = _OWN_TIME.search(text.data[:LOOK_AT])
        if match is not None:
            year, month, day = (match["y"], match["m"], match["d"])
            if match["us"]:
                month, day, year = match["us"].split(b"/")
            stamp = b"-".join((year, month, day)).decode() + "T" + match["clock"].decode() + "Z"
            try:
                found.append(parse_time(stamp, text.where))
            except EsimError:  # such as a month 13
                continue
    return min(found, default=None)


def _short_names(files: Sequence[File]) -> dict[File, str]:
    """The name of each file without its ending; with folder and ending where several have it."""
    every = [_names(file) for file in files]
    counts = [Counter(column) for column in zip(*every, strict=True)]
    return {
        file: next((n for n, count in zip(names, counts, strict=True) if count[n] == 1), file.name)
        for file, names in zip(files, every, strict=True)
    }


def _is_a_count(run: str) -> bool:
    return run.startswith(CELL) or (run.isdigit() and len(run) < 6)


def _names(file: File) -> tuple[str, ...]:
    path = PurePosixPath(file.plain_name)
    plain = path.with_suffix("") if path.suffix in ENDINGS else path
    return plain.name, plain.as_posix(), path.as_posix()
