"""Reads SageMaker tuning jobs from exported descriptions (JSON) and the training jobs' logs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.assembly import ReportColumns, TrialRecords, assemble, some
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import (
    Metric,
    Options,
    settle_direction,
    settle_objective,
    unread_metrics,
)
from esim.readers.sagemaker.analytics import (
    CloudWatchCurve,
    TableKind,
    chosen_curve,
    curve_notes,
    curves_in,
    kind_of,
    no_curves,
    with_tables,
)
from esim.readers.sagemaker.notes import final_notes, job_notes, line_notes
from esim.readers.sagemaker.owners import curves_of, has_parts, logs_of, owners_of
from esim.readers.sagemaker.records import (
    TrainingJob,
    TuningJob,
    is_description,
    is_record,
    read_records,
)
from esim.readers.sagemaker.stored import Stored, as_stored
from esim.readers.sagemaker.trial_records import billed_seconds, trial_records
from esim.readers.source import File, Source
from esim.readers.text.bare import BareStudy, next_try, no_number, read_bare
from esim.readers.text.find import Matches, find
from esim.readers.text.index_forms import choose_form
from esim.readers.text.log_text import LogText
from esim.readers.text.looks import is_page, logs_among
from esim.readers.text.steps import AlignedCurve, align
from esim.readers.text.suggest import nearest_lines
from esim.study import Note, Study

FORMAT = Format(
    name="sagemaker",
    summary="Amazon SageMaker: the jobs' logs in any shape they are exported in, with the JSON "
    "of describe-hyper-parameter-tuning-job and list-training-jobs, or alone",
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    by_contents=True,
    any_text=True,
    files="logs of training jobs, JSON of their tuning job",
)

_OF_STUDIES = ("streams_unknown", "streams_lost", "documents_changed")  # notes about the input
OBJECTIVE_METRIC = "ObjectiveMetric"  # tuning adds this entry to a job's metric definitions


def detect(source: Source) -> Detection:
    """Whether a JSON file describes a tuning job, or a file is the output of a training job."""
    descriptions = [file.name for file in source.files if is_description(file)]
    if descriptions:
        return Detection(True, f"{some(descriptions)} describes a tuning job")
    jobs = [file.name for file in source.files if is_record(file)]
    if jobs:
        return Detection(
            False,
            f"{some(jobs)} describes training jobs, but the JSON of "
            "describe-hyper-parameter-tuning-job is missing",
        )
    kinds = {file.name: kind for file in source.files if (kind := kind_of(file))}
    bare = logs_among(file for file in source.files if file.name not in kinds)
    if not bare and kinds:
        name, kind = next(iter(kinds.items()))
        return Detection(True, f"{name} is {kind.value}, undescribed", complete=False)
    if bare:
        saw = f"{some([file.name for file in bare])} is the output of a training job"
        return Detection(True, saw, complete=False, doubtful=all(map(is_page, bare)))
    return Detection(
        False, "no JSON of describe-hyper-parameter-tuning-job", try_next=next_try(source)
    )


def joins(source: Source, other: Source) -> bool:
    """Whether an input that no format recognises holds records or logs of the jobs of this one."""
    return has_parts(source.files, other.files)


def read(source: Source, options: Options) -> Found:
    """Read a study for each tuning job that is described, or one study of logs alone.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: no tuning job is described, the objective has no regex or no line matches it, the
            JSON is broken, or a log cannot be read or is not what was stored.
    """
    with as_stored(source.files) as stored:
        return _read(source, options, stored)


def _read(source: Source, options: Options, stored: Stored) -> Found:
    records = read_records([file for file in source.files if is_record(file)])
    tables = [file for file in source.files if kind_of(file)]
    texts = [file for file in source.files if file not in tables]
    if not records.files and logs_among(texts, options):
        return _read_bare(source, options)
    if not records.tuning_jobs:
        for file in tables:  # raises an error that says why such a table alone is not enough
            if kind_of(file) is TableKind.TUNING:
                raise no_curves(str(file))
            curves_in(file, options.accept_time_aligned)
        raise EsimError(
            "no tuning job is described",
            where=source.label,
            why=detect(source).saw,
            fix="add the output of aws sagemaker describe-hyper-parameter-tuning-job",
        )
    records = with_tables(records, tables)
    owners, strangers = owners_of(records)
    logs = logs_of(texts, records, options)
    measured = curves_of([f for f in tables if f not in records.files], records, options, logs)
    notes = stored.notes()
    if strangers:
        text = (
            f"{plural(len(strangers), 'training job', 'belong')} to no tuning job here: "
            f"{some(strangers)}"
        )
        notes.append(Note("jobs_of_no_tuning_job", text, len(strangers)))
    if logs.unknown:
        text = (
            f"{plural(len(logs.unknown), 'log stream', 'are')} of no known job: "
            f"{some(logs.unknown)}"
        )
        notes.append(Note("streams_unknown", text, len(logs.unknown)))
    studies = tuple(
        _study(tuning, owners[tuning.name], logs.by_job, measured, options, notes)
        for tuning in records.tuning_jobs.values()
    )
    if source.skipped:
        text = (
            f"{plural(len(source.skipped), 'hidden or left-over file')} skipped: "
            f"{some(source.skipped)}"
        )
        notes.append(Note("files_skipped", text, len(source.skipped)))
    if logs.other:
        text = (
            f"{plural(len(logs.other), 'file', 'are')} neither records nor logs: {some(logs.other)}"
        )
        notes.append(Note("files_not_read", text, len(logs.other)))
    places = tuple(tuning.path for tuning in records.tuning_jobs.values())
    return Found(studies, tuple(notes), places=places)


def _study(
    tuning: TuningJob,
    jobs: Sequence[TrainingJob],
    logs: Mapping[str, list[File | LogText]],
    measured: Mapping[str, list[CloudWatchCurve]],
    options: Options,
    input_notes: Sequence[Note],
) -> Study:
    """The study of one tuning job.

    Args:
        tuning: the tuning job.
        jobs: its training jobs.
        logs: the logs of each job.
        measured: the curves of each job that CloudWatch measured; they are read for jobs whose logs
            do not hold the metric.
        options: what the user asked for.
        input_notes: the notes about the input.
    """
    if not jobs:
        raise EsimError(
            f"no training job of tuning job {tuning.name!r}",
            where=tuning.path,
            fix="add the output of aws sagemaker list-training-jobs-for-hyper-parameter-tuning-job",
        )
    regexes = dict(tuning.regexes)
    for job in jobs:
        regexes = {**job.regexes, **regexes}
    series = {job.name: measured[job.name] for job in jobs if job.name in measured}
    told = [curve.metric for of_job in series.values() for curve in of_job]
    objective, given = _metric(tuning, regexes, options, told)
    recorded = tuning.direction if objective == tuning.objective else None
    direction = settle_direction(options, tuning.path, recorded)
    jobs = sorted(jobs, key=_launch)
    matches = find([logs.get(job.name, []) for job in jobs], objective, given)
    found = matches.jobs
    names = {objective, OBJECTIVE_METRIC} if objective == tuning.objective else {objective}
    instead = [
        None
        if any(text.messages for text in texts)
        else chosen_curve(series.get(job.name, ()), names)
        for job, texts in zip(jobs, found, strict=True)
    ]
    only_finals = options.finals and not any(job.name in logs for job in jobs)
    if not matches and not any(instead) and not only_finals:
        raise _nothing(tuning, objective, jobs, logs, matches)
    form = choose_form(found)
    curves = [
        align(texts, form) if measured_curve is None else measured_curve.curve
        for texts, measured_curve in zip(found, instead, strict=True)
    ]
    if only_finals and not any(instead):
        curves = [_final_alone(job) for job in jobs]
    notes = [
        *(note for note in input_notes if note.code in _OF_STUDIES),
        *job_notes(tuning, jobs, {**{name: [] for name in series}, **logs}),
        *(line_notes(objective, matches, curves, form) if matches else ()),
        *unread_metrics(options, objective, given),
        *curve_notes([curve for curve in instead if curve]),
    ]
    if only_finals and not any(instead):
        text = (
            "there are no curves: each job's final value stands for all of its reports, at step 1"
        )
        notes.append(Note("finals_only", text, len(jobs)))
    if objective == tuning.objective:
        notes += final_notes(jobs, curves)
    return assemble(
        _reports(jobs, curves, notes),
        trial_records(tuning, jobs),
        name=tuning.name,
        objective=objective,
        direction=direction,
        where=tuning.path,
        notes=notes,
        listed_order=True,
        declared=None if form is None else form.first_step,
        asked=options.first_step,
    )


def _final_alone(job: TrainingJob) -> AlignedCurve:
    """The final value of a job at step 1 and at its end; no report where it has none."""
    if job.final is None:
        return AlignedCurve(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), math.nan)
    at = math.nan if job.end is None else job.end
    value = job.final[1]
    return AlignedCurve(np.ones(1, dtype=np.int64), np.array([value]), np.array([at]), value)


def _metric(
    tuning: TuningJob,
    regexes: Mapping[str, str],
    options: Options,
    measured: Sequence[str | None] = (),
) -> tuple[str, Metric | None]:
    """The objective and its regex: the recorded one, else the user's; None if there is neither."""
    given = {metric.name: metric for metric in options.metrics}
    names = [name for name in regexes if name != OBJECTIVE_METRIC]
    told = [name for name in measured if name and name != OBJECTIVE_METRIC]
    candidates = list(dict.fromkeys([tuning.objective, *names, *given, *told]))
    objective = settle_objective(options, candidates, tuning.path, tuning.objective)
    recorded = regexes.get(objective)
    if objective == tuning.objective:
        recorded = regexes.get(OBJECTIVE_METRIC, recorded)
    if recorded is not None:
        return objective, Metric.compile(objective, recorded, tuning.path)
    return objective, given.get(objective)


def _nothing(
    tuning: TuningJob,
    objective: str,
    jobs: Sequence[TrainingJob],
    logs: Mapping[str, list[File | LogText]],
    matches: Matches,
) -> EsimError:
    """The error that says why no log gives a value of the objective."""
    if not any(job.name in logs for job in jobs):
        return EsimError(
            "no log of its training jobs",
            where=tuning.path,
            why=f"looked for paths like {jobs[0].name}/algo-1-....log",
            fix="export the log group: aws logs filter-log-events --log-group-name "
            f"/aws/sagemaker/TrainingJobs --log-stream-name-prefix {jobs[0].name}",
        )
    if matches.metric is None or matches.form is not None:
        return EsimError(
            f"the regex of metric {objective!r} is unknown",
            where=tuning.path,
            why="the description has no such entry in AlgorithmSpecification.MetricDefinitions, "
            "and no line is of a form that the table of algorithms knows",
            fix=f"--metric '{objective}=REGEX' with the value as the first group",
        )
    folder = PurePath(tuning.path).parent.as_posix()
    anew = f"{objective}_2"  # the recorded regex stays that of its name
    error = no_number(matches, objective, anew, tuning.direction, tuning.path, folder)
    return error or EsimError(
        f"the regex of metric {objective!r} matches no line of any log",
        where=tuning.path,
        why=f"{matches.metric.shown}; nearest lines: " + nearest_lines(matches.jobs, (), objective),
        fix="correct the regex in MetricDefinitions; to read these logs all the same, name the "
        f"metric anew: --objective NAME --metric 'NAME=REGEX' --direction {tuning.direction}",
    )


def _launch(job: TrainingJob) -> tuple[float, int, list[tuple[int, str]]]:
    """The key that sorts jobs by launch order: by start, then by number, then by name."""
    at = job.start if job.start is not None else job.created
    return (
        math.inf if at is None else at,
        job.number if job.number is not None else 0,
        natural(job.name),
    )


def _read_bare(source: Source, options: Options) -> Found:
    """Read the study of logs that no description goes with."""
    bare = read_bare(source, options)
    jobs = [TrainingJob(name) for name in bare.jobs]
    notes = [
        *bare.notes,
        *line_notes(bare.objective, bare.matches, bare.curves, bare.form),
    ]
    known, listed = _known_of(bare, notes)
    study = assemble(
        _reports(jobs, bare.curves, notes),
        known,
        name=source.default_name,
        objective=bare.objective,
        direction=bare.direction,
        where=source.label,
        notes=notes,
        listed_order=listed,
        declared=None if bare.form is None else bare.form.first_step,
        asked=options.first_step,
    )
    logs = logs_among(source.files, options)
    unread = [file.name for file in source.files if file not in logs]
    text = f"{plural(len(unread), 'file', 'are')} no logs of training jobs: {some(unread)}"
    return Found((study,), (Note("files_not_read", text, len(unread)),) if unread else ())


def _known_of(bare: BareStudy, notes: list[Note]) -> tuple[TrialRecords | None, bool]:
    """What logs alone tell of the jobs with reports, and whether they are in launch order.

    Notes on where that is from are added to `notes`.
    """
    billed = billed_seconds(bare.billed)
    reporting = [i for i, curve in enumerate(bare.curves) if len(curve.steps)]
    spans = [span for i in reporting if (span := bare.spans[i]) is not None]
    printed = [at for i in reporting if (at := bare.printed_at[i]) is not None]
    firsts = [float(np.nanmin(bare.curves[i].times)) for i in reporting if spans]
    # Of lines with values alone, the first does not tell when a job started.
    whole = sum(begin < first for (begin, _), first in zip(spans, firsts, strict=False))
    timed = len(spans) == len(reporting) and 2 * whole > len(spans)
    if len(spans) == len(reporting) and not timed:
        printed = [begin for begin, _ in spans]
    listed = not timed and len(printed) == len(reporting) > 1 and len(set(printed)) > 1
    if listed:
        reporting = [reporting[i] for i in np.argsort(printed, kind="stable").tolist()]
        text = "launch order is that of the first times in the jobs' logs"
        notes.append(Note("order_from_printed_times", text, len(printed)))
    if billed is None and not timed and not listed:
        return None, False
    known = TrialRecords.unknown([bare.jobs[i] for i in reporting])
    if timed:
        known = replace(
            known,
            start=np.array([first for first, _ in spans]),
            end=np.array([last for _, last in spans]),
        )
        text = "jobs start with the first line of their log and end with the last"
        notes.append(Note("times_from_log", text, len(spans)))
    return known if billed is None else replace(known, billed=billed[reporting]), listed


def _reports(
    jobs: Sequence[TrainingJob], curves: Sequence[AlignedCurve], notes: list[Note]
) -> ReportColumns:
    times = np.concatenate([curve.times for curve in curves])
    stamped = not np.isnan(times).all()
    if not stamped:
        notes.append(Note("log_times_missing", "the log lines carry no time of their own"))
    return ReportColumns(
        trials=[job.name for job in jobs],
        codes=np.repeat(np.arange(len(jobs)), [len(curve.steps) for curve in curves]),
        steps=np.concatenate([curve.steps for curve in curves]),
        values=np.concatenate([curve.values for curve in curves]),
        timestamps=times if stamped else None,
    )
