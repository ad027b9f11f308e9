"""Assigns training jobs to their tuning jobs, and files to their training jobs.

The job of a log file is recognised from its path: ``<job>/algo-1-<epoch>.log``, an S3 export task's
``<job>-algo-1-<epoch>/000000.gz``, or ``<job>.log``. In some exports the events name their stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from esim.readers.options import Options
from esim.readers.sagemaker.analytics import CloudWatchCurve, curves_in
from esim.readers.sagemaker.records import Records, TrainingJob, is_record, read_records
from esim.readers.source import File
from esim.readers.text.exports import is_export, texts
from esim.readers.text.log_text import LogText
from esim.readers.text.looks import is_document, is_text, looks_like_log
from esim.readers.text.printers import printer_of_file

WRITE_TEST = "aws-logs-write-test"  # a file that an export task leaves beside the logs

_STREAM = re.compile(r"(.*?)[-/]?(algo-(\d+)(?:-\w+)?)$")
_STREAM_OF_JOB = re.compile(r"([^/]+)/.*")


@dataclass
class JobLogs:
    """The logs of an input.

    Attributes:
        by_job: the logs of each training job that a record names.
        unknown: the names of log streams of other jobs.
        other: the names of files that are no logs.
    """

    by_job: dict[str, list[File | LogText]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


def owners_of(records: Records) -> tuple[dict[str, list[TrainingJob]], list[str]]:
    """The training jobs of each tuning job, and the names of those that belong to none.

    Args:
        records: what the JSON files say.
    """
    owners: dict[str, list[TrainingJob]] = {name: [] for name in records.tuning_jobs}
    left: list[TrainingJob] = []
    for job in records.training_jobs.values():
        named = [name for name in owners if job.name.startswith(name + "-")]
        if job.tuning in owners:
            owners[job.tuning].append(job)
        elif named and job.tuning is None:
            owners[max(named, key=len)].append(job)
        else:
            left.append(job)
    if len(owners) == 1 and not any(owners.values()) and all(job.tuning is None for job in left):
        # The jobs were renamed; as there is only one tuning job they must be its own.
        return dict.fromkeys(owners, left), []
    return owners, [job.name for job in left]


def logs_of(files: Iterable[File], records: Records, options: Options) -> JobLogs:
    """The logs among some files.

    Args:
        files: the files.
        records: what the JSON files say.
        options: what the user asked for.

    Raises:
        EsimError: a log cannot be read.
    """
    logs = JobLogs()
    for file in files:
        if file in records.files or PurePosixPath(file.plain_name).name == WRITE_TEST:
            continue
        job, stream = _job_of(file, records.training_jobs)
        if job is not None and is_document(file):
            logs.other.append(file.name)
        elif job is not None and not is_export(file):
            logs.by_job.setdefault(job, []).append(file)
        elif not looks_like_log(file, options):
            (logs.unknown if stream else logs.other).append(file.name)
        else:
            _assign(file, job, stream, records, logs)
    return logs


def _assign(file: File, job: str | None, stream: bool, records: Records, logs: JobLogs) -> None:
    """Assign the texts of a file to the jobs that they name, else to that of the file's path."""
    outer, _ = printer_of_file(file)
    for text in texts(file):
        own = text.printer.job
        printer = text.printer.within(outer) if text.stream else text.printer.inside(outer)
        # Where the path names the job, another name inside the lines is a worker of it.
        name = text.stream or (own if job is None or own in records.training_jobs else None)
        inside = _job_of_name(name, records.training_jobs) if name else None
        if inside is None and printer.job in records.training_jobs:
            inside = printer.job
        owner = job if not name else inside
        if owner is not None:
            logs.by_job.setdefault(owner, []).append(replace(text, printer=printer))
        elif name or stream:
            logs.unknown.append(f"{file.name} {name}" if name else file.name)
        else:
            logs.other.append(file.name)


def has_parts(files: Iterable[File], others: Iterable[File]) -> bool:
    """Whether some files hold records or logs of the jobs that other files describe.

    Args:
        files: the files of an input. If they describe jobs and are no logs, any text may be one.
        others: files of another input, which no format recognises.

    Raises:
        EsimError: the JSON is broken.
    """
    records = read_records([file for file in files if is_record(file)])
    if not records.tuning_jobs:
        return False
    no_logs = records.files.issuperset(files)
    return any(
        is_record(file)
        or _job_of(file, records.training_jobs)[0] is not None
        or (no_logs and is_text(file))
        for file in others
    )


def curves_of(
    files: Iterable[File], records: Records, options: Options, logs: JobLogs
) -> dict[str, list[CloudWatchCurve]]:
    """The curves that CloudWatch measured, by training job.

    Args:
        files: files that hold such curves.
        records: what the JSON files say.
        options: what the user asked for.
        logs: the names of files of unknown jobs are added to `unknown` here.

    Raises:
        EsimError: as `curves_in`.
    """
    found: dict[str, list[CloudWatchCurve]] = {}
    for file in files:
        of_path, _ = _job_of(file, records.training_jobs)
        for curve in curves_in(file, options.accept_time_aligned):
            job = curve.job or of_path
            if job in records.training_jobs:
                found.setdefault(job, []).append(curve)
            else:
                logs.unknown.append(f"{file.name} {job}" if job else file.name)
    return found


def _job_of(file: File, jobs: Mapping[str, TrainingJob]) -> tuple[str | None, bool]:
    """The job that a file's path names, and whether the path is that of a log stream."""
    stream = False
    # A file that the user gave has its whole path looked at, a file in a folder its path below it.
    path = file.path if file.path == file.root else PurePosixPath(file.name)
    for part in reversed(path.parts):
        stem = part
        while stem:
            job = _job_of_name(stem, jobs)
            if job is not None:
                return job, True
            stream = stream or _STREAM.fullmatch(stem) is not None
            stem = stem.rpartition(".")[0]
    held = [name for name in jobs if name in file.base and _stands_alone(name, file.base)]
    return (held[0], True) if len(held) == 1 else (None, stream)


def _stands_alone(name: str, text: str) -> bool:
    """Whether a name stands in a text with no letter or digit beside it."""
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text) is not None


def _job_of_name(name: str, jobs: Mapping[str, TrainingJob]) -> str | None:
    """The job that the name of a stream, or a part of a path, belongs to; None if it is unknown."""
    if name in jobs:
        return name
    match = _STREAM.fullmatch(name) or _STREAM_OF_JOB.fullmatch(name)
    return match[1] if match and match[1] in jobs else None
