"""Reads logs without a description of their tuning job, such as notebook output.

A file is a job, or several jobs if it says that it creates several. The user must name what the
description would say: the objective, its direction, and the regex if the table of algorithms has
none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from esim.errors import EsimError
from esim.readers.assembly import some
from esim.readers.options import Options, settle_direction, settle_objective
from esim.readers.source import File, Source
from esim.readers.text.algorithms import forms_of, metrics_in
from esim.readers.text.exports import is_log, streams
from esim.readers.text.find import Matches, find
from esim.readers.text.log_text import LogText
from esim.readers.text.scan import nearest_lines
from esim.readers.text.steps import AlignedCurve, StepForm, align, choose_form
from esim.study import Direction, Note

_BILLED = re.compile(rb"^Billable seconds: (\d+)\s*$", re.MULTILINE)
# Texts in the first bytes of a file that show the output of a training job on SageMaker.
_SIGNS = (
    b"#quality_metric",
    b"#011",
    b"Starting - ",
    b"Creating training-job with name",
    b"/opt/ml/",
    b"sagemaker",
    b"SM_HPS",
    b"algo-1",
)


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
    """

    objective: str
    direction: Direction
    jobs: tuple[str, ...]
    matches: Matches
    curves: tuple[AlignedCurve, ...]
    form: StepForm | None
    notes: tuple[Note, ...]
    billed: tuple[float | None, ...]


def looks_like_log(file: File) -> bool:
    """Whether the first bytes look like the output of a training job."""
    if is_log(file):
        return True
    head = file.head
    if b"\0" in head[:1000] or head.lstrip().startswith(b'{"'):
        return False
    if any(sign in head for sign in _SIGNS):
        return True
    return bool(metrics_in([LogText(file.name, head)]))  # plain output of a framework in the table


def read_bare(source: Source, options: Options) -> BareStudy:
    """Read the curves in logs that no description goes with.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: the logs hold several metrics and no objective is given (the error lists them),
            no direction is given, or no line matches the regex.
    """
    jobs = _jobs(source)
    texts = [text for job in jobs.values() for text in job]
    given = {metric.name: metric for metric in options.metrics}
    objective = options.objective
    if objective is None or not (objective in given or forms_of(objective)):
        candidates = list(dict.fromkeys([*given, *metrics_in(texts)]))
        objective = settle_objective(options, candidates, source.label)
    notes: list[Note] = []
    matches = find(list(jobs.values()), objective, given.get(objective))
    if not matches:
        names = metrics_in(texts)
        tried = "" if matches.regex is None else f"{matches.regex.pattern}; "
        raise EsimError(
            f"no line of the logs holds metric {objective!r}",
            where=source.label,
            why=f"{tried}nearest lines: {nearest_lines(matches.jobs)}",
            fix=f"the logs hold {', '.join(names)}"
            if names
            else f"--metric '{objective}=REGEX' with the value as the first group",
        )
    direction = settle_direction(options, source.label)
    step_form = choose_form(matches.jobs)
    silent = [
        name
        for name, job in zip(jobs, matches.jobs, strict=True)
        if not any(t.messages for t in job)
    ]
    if silent:
        text = f"{len(silent)} job(s) print no value of {objective!r}: {some(silent)}"
        notes.append(Note("jobs_without_metric", text, len(silent)))
    billed = tuple(map(_billed_seconds, jobs.values()))
    counted = sum(seconds is not None for seconds in billed)
    if counted:
        text = (
            f"the billed seconds of {counted} job(s) are those that the SageMaker SDK printed at "
            "the end, of all machines of a job together"
        )
        notes.append(Note("billed_from_log", text, counted))
    return BareStudy(
        objective=objective,
        direction=direction,
        jobs=tuple(jobs),
        matches=matches,
        curves=tuple(align(job, step_form) for job in matches.jobs),
        form=step_form,
        notes=tuple(notes),
        billed=billed,
    )


def _billed_seconds(texts: Sequence[LogText]) -> float | None:
    """The seconds that the SageMaker SDK says were billed, at the end of a job's output."""
    found = [match for text in texts for match in _BILLED.findall(text.data)]
    return float(found[-1]) if found else None


def _jobs(source: Source) -> dict[str, list[LogText]]:
    """The texts of each job, by its name: the one in the log itself, else the file's."""
    jobs: dict[str, list[LogText]] = {}
    for file in source.files:
        if not looks_like_log(file):
            continue
        for name, text in streams(file):
            job = _job_of_stream(name) if name else _stem(file, source.files)
            jobs.setdefault(job, []).append(text)
    if not jobs:
        raise EsimError("no log of a training job", where=source.label)
    return jobs


def _job_of_stream(name: str) -> str:
    head, slash, _ = name.partition("/")
    return head if slash else name


def _stem(file: File, files: Sequence[File]) -> str:
    """The file's name without its ending; with its folder if several files have this name."""
    path = PurePosixPath(file.plain_name)
    alike = sum(PurePosixPath(f.plain_name).stem == path.stem for f in files)
    return path.stem if alike == 1 else path.with_suffix("").as_posix()
