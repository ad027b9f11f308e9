"""Reads metrics and schedules of SageMaker that come as tables instead of log text.

| file | recognised by | gives |
|---|---|---|
| HyperparameterTuningJobAnalytics CSV | TrainingJobName, FinalObjectiveValue | schedule, finals |
| TrainingJobAnalytics CSV | timestamp, metric_name, value | 60 s averages, no epochs |
| BatchGetMetrics JSON | MetricQueryResults | steps and values |

The shapes are those of the SageMaker Python SDK's analytics and of the sagemaker-metrics API.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeGuard

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings.aws_json import documents
from esim.readers.encodings.endings import ended_rows
from esim.readers.encodings.times import Moment, parse_moment
from esim.readers.encodings.utf8 import text_of
from esim.readers.limits import no_csv
from esim.readers.sagemaker.records import Records, TrainingJob
from esim.readers.source import File
from esim.readers.text.steps import AlignedCurve
from esim.study import Float64, Int64, Note

RESULTS = ("MetricQueryResults", "MetricResults")  # the API's key, and a frequent variant of it
_BATCH_MARKS = tuple(f'"{key}"'.encode() for key in (*RESULTS, "MetricQueries"))
_NOT_TUNED = frozenset(
    {
        "",  # the column of the index that pandas writes
        "Unnamed: 0",
        "TrainingJobName",
        "TrainingJobStatus",
        "TrainingJobDefinitionName",
        "TuningJobName",
        "FinalObjectiveValue",
        "TrainingStartTime",
        "TrainingEndTime",
        "TrainingElapsedTimeSeconds",
    }
)
# From this number on, XAxisValues are times and not iterations: as seconds it is the year 2001.
_FIRST_TIMESTAMP = 10**9


class TableKind(Enum):
    """The kinds of table; each value is the name in the SDK or the API."""

    TUNING = "HyperparameterTuningJobAnalytics"
    TRAINING = "TrainingJobAnalytics"
    BATCH = "BatchGetMetrics"


@dataclass(frozen=True)
class CloudWatchCurve:
    """One metric of one training job as CloudWatch measured it.

    Attributes:
        where: the file, for errors.
        job: the training job; None if only the file's path can name it.
        metric: the metric's name; None if the file does not say.
        curve: the values.
        time_aligned: whether step n is the n-th point in time instead of an epoch.
    """

    where: str
    job: str | None
    metric: str | None
    curve: AlignedCurve
    time_aligned: bool


def kind_of(file: File) -> TableKind | None:
    """The kind of table that a file's first bytes show; None if it is none."""
    head = file.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] in (b"{", b"["):
        return TableKind.BATCH if any(mark in head for mark in _BATCH_MARKS) else None
    first = head.split(b"\n", 1)[0][:10_000].decode("utf-8", "replace")
    names = {name.strip().strip('"') for name in first.split(",")}
    if {"TrainingJobName", "FinalObjectiveValue"} <= names:
        return TableKind.TUNING
    return TableKind.TRAINING if {"timestamp", "metric_name", "value"} <= names else None


def with_tables(records: Records, files: Iterable[File]) -> Records:
    """Complete the records by the schedule in HyperparameterTuningJobAnalytics tables.

    Where the JSON files and a table differ the JSON files count, because pandas may have changed
    the hyperparameters in the table.

    Args:
        records: what the JSON files say.
        files: the tables.

    Raises:
        EsimError: a row is broken, or holds a time or value that is none; the error names the line.
    """
    tables = [file for file in files if kind_of(file) is TableKind.TUNING]
    jobs: dict[str, TrainingJob] = {}
    for file in tables:
        jobs.update((job.name, job) for job in _tuning_jobs(file))
    for name, known in records.training_jobs.items():
        jobs[name] = jobs[name].joined(known) if name in jobs else known
    return Records(records.tuning_jobs, jobs, records.files | frozenset(tables))


def curves_in(file: File, accept_time_aligned: bool) -> list[CloudWatchCurve]:
    """The curves in a TrainingJobAnalytics or BatchGetMetrics file.

    Args:
        file: the file.
        accept_time_aligned: whether averages over time are accepted.

    Raises:
        EsimError: the file is broken, a query failed or was cut off, or the file holds averages
            over time and these are not accepted.
    """
    found = _batches(file) if kind_of(file) is TableKind.BATCH else _averages(file)
    aligned = [curve for curve in found if curve.time_aligned]
    if aligned and not accept_time_aligned:
        raise no_epochs(str(file))
    return found


def chosen_curve(curves: Sequence[CloudWatchCurve], names: Set[str]) -> CloudWatchCurve | None:
    """The curve of a metric among those of a job; None if there is none.

    Args:
        curves: the job's curves.
        names: all names of the metric. A curve without a name counts as this metric's.

    Raises:
        EsimError: two files give different curves.
    """
    of_metric = [c for c in curves if c.metric is None or c.metric in names]
    for other in of_metric[1:]:
        first = of_metric[0].curve
        same = np.array_equal(first.steps, other.curve.steps) and np.array_equal(
            first.values, other.curve.values, equal_nan=True
        )
        if not same:
            raise EsimError(
                f"two different curves of {other.metric or sorted(names)[0]!r} for one job",
                where=other.where,
                why=f"the other is in {of_metric[0].where}",
                fix="keep one of them",
            )
    return of_metric[0] if of_metric else None


def curve_notes(curves: Sequence[CloudWatchCurve]) -> list[Note]:
    """The notes on curves that CloudWatch measured, which are read where logs lack the metric.

    Args:
        curves: the curves that were read.
    """
    notes = []
    if curves:
        text = (
            f"{plural(len(curves), 'curve', 'are')} CloudWatch's, not the log's, as in "
            f"{curves[0].where}"
        )
        notes.append(Note("curves_from_metrics", text, len(curves)))
    aligned = [c.where for c in curves if c.time_aligned]
    if aligned:
        text = (
            f"{plural(len(aligned), 'curve', 'are')} averages over time: step n is the n-th "
            "point, not an "
            f"epoch: {some(aligned)}"
        )
        notes.append(Note("time_aligned", text, len(aligned)))
    return notes


def no_epochs(where: str) -> EsimError:
    """The error that says why averages over time are refused.

    Args:
        where: the file.
    """
    return EsimError(
        "points in time, not epochs",
        where=where,
        why="CloudWatch averages a metric over a period (60 s in TrainingJobAnalytics), so which "
        "epoch a point belongs to is not recoverable",
        fix="export the log text, or BatchGetMetrics with Period and XAxisType IterationNumber; "
        "--accept-time-aligned takes the n-th point as step n",
    )


def no_curves(where: str) -> EsimError:
    """The error that says why a HyperparameterTuningJobAnalytics table alone is not enough.

    Args:
        where: the file.
    """
    return EsimError(
        "a HyperparameterTuningJobAnalytics table alone has no curves",
        where=where,
        why="it holds each job's schedule and final value, and nothing of the epochs between",
        fix="add the jobs' logs and the output of aws sagemaker "
        "describe-hyper-parameter-tuning-job",
    )


def _rows(file: File) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file, each as its place (``path:line``) and its cells by column."""
    data = file.read()
    width = data.partition(b"\n")[0].count(b",") + 1
    text = text_of(ended_rows(file, data, width))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        names = [name.strip() for name in next(reader)]
        line = reader.line_num + 1
        for row in reader:
            where = f"{file}:{line}"
            line = reader.line_num + 1
            if not row:
                continue
            if len(row) != len(names):
                raise EsimError(f"{len(row)} cells where the header has {len(names)}", where=where)
            yield where, dict(zip(names, row, strict=True))
    except csv.Error as error:
        raise no_csv(error, f"{file}:{line}") from None


def _tuning_jobs(file: File) -> Iterator[TrainingJob]:
    for where, row in _rows(file):
        name = row["TrainingJobName"].strip()
        if not name:
            raise EsimError("a row without TrainingJobName", where=where)
        start, end = (
            _moment(row.get(key, ""), f"{where}, {key}")
            for key in ("TrainingStartTime", "TrainingEndTime")
        )
        final = _number(row["FinalObjectiveValue"], f"{where}, FinalObjectiveValue")
        yield TrainingJob(
            name=name,
            tuning=row.get("TuningJobName", "").strip() or None,
            status=row.get("TrainingJobStatus", "").strip() or None,
            start=None if start is None else start.seconds,
            end=None if end is None else end.seconds,
            final=None if math.isnan(final) else ("", final),
            tuned={k: v for k, v in row.items() if k not in _NOT_TUNED and v != ""},
            zone_known=all(moment is None or moment.zone_known for moment in (start, end)),
        )


def _averages(file: File) -> list[CloudWatchCurve]:
    """The curves of TrainingJobAnalytics.

    Its times count from each metric's first point, and when that was is unknown.
    """
    by_metric: dict[str, list[tuple[float, float]]] = {}
    for where, row in _rows(file):
        at = _number(row["timestamp"], f"{where}, timestamp")
        value = _number(row["value"], f"{where}, value")
        by_metric.setdefault(row["metric_name"], []).append((at, value))
    found = []
    for metric, pairs in by_metric.items():
        pairs.sort(key=lambda pair: pair[0])
        curve = _numbered([value for _, value in pairs], [math.nan] * len(pairs))
        found.append(CloudWatchCurve(str(file), None, metric, curve, time_aligned=True))
    return found


def _batches(file: File) -> list[CloudWatchCurve]:
    found: list[CloudWatchCurve] = []
    queries: list[Any] = []
    answered = False
    for document in documents(file):
        for part in document if isinstance(document, list) else [document]:
            if not isinstance(part, dict):
                raise EsimError("not an answer of BatchGetMetrics", where=str(file))
            queries = _list(part, "MetricQueries", file) or queries
            for key in RESULTS:
                results = _list(part, key, file)
                if results:
                    answered = True
                    found += _answers(queries, results, file)
                    queries = []
    if not answered:
        raise EsimError("queries of BatchGetMetrics without results", where=str(file))
    return found


def _answers(
    queries: Sequence[Any], results: Sequence[Any], file: File
) -> Iterator[CloudWatchCurve]:
    """The curves in an answer; its results are in the order of the queries and name nothing."""
    if not queries and len(results) > 1:
        raise EsimError(
            f"{len(results)} results of BatchGetMetrics and no query",
            where=str(file),
            why="an answer does not name its jobs and metrics; its queries do",
            fix='keep both: {"MetricQueries": [...], "MetricQueryResults": [...]}',
        )
    if queries and len(queries) != len(results):
        raise EsimError(
            f"{len(results)} results of BatchGetMetrics for {len(queries)} queries", where=str(file)
        )
    for i, result in enumerate(results):
        where = f"{file}, result {i + 1}"
        query = queries[i] if queries else {}
        if not isinstance(result, dict) or not isinstance(query, dict):
            raise EsimError("not an object", where=where)
        yield _answer(query, result, where)


def _answer(query: Mapping[str, Any], result: Mapping[str, Any], where: str) -> CloudWatchCurve:
    status = result.get("Status")
    if status != "Complete":
        raise EsimError(
            f"a query of BatchGetMetrics ended as {status!r}",
            where=where,
            why=str(result.get("Message") or "its points are not all there"),
            fix="ask again, for fewer metrics or points",
        )
    stat = query.get("MetricStat", "Last")
    if stat != "Last":
        raise EsimError(
            f"MetricStat {stat!r} is not what the job reported",
            where=where,
            fix='ask with "MetricStat": "Last"',
        )
    axis, values = result.get("XAxisValues"), result.get("MetricValues")
    if not _numbers(axis) or not _numbers(values) or len(axis) != len(values):
        raise EsimError("XAxisValues and MetricValues are not numbers in pairs", where=where)
    steps = np.array(axis, dtype=np.int64)
    if (steps != np.array(axis, dtype=np.float64)).any():
        raise EsimError("an XAxisValue is not an integer", where=where)
    dated = bool(len(steps)) and int(steps.max()) >= _FIRST_TIMESTAMP
    periods = {query.get("XAxisType", "IterationNumber"), query.get("Period", "IterationNumber")}
    arn = query.get("ResourceArn")
    job = arn.rsplit("/", 1)[-1] if isinstance(arn, str) else None
    metric = query.get("MetricName")
    if dated or periods != {"IterationNumber"}:
        order = np.argsort(steps, kind="stable")
        times = steps[order].astype(np.float64) if dated else np.full(len(steps), np.nan)
        curve = _numbered(np.array(values, dtype=np.float64)[order], times)
        return CloudWatchCurve(where, job, metric, curve, time_aligned=True)
    return CloudWatchCurve(
        where, job, metric, _by_step(steps, np.array(values, dtype=np.float64)), False
    )


def _by_step(steps: Int64, values: Float64) -> AlignedCurve:
    order = np.argsort(steps, kind="stable")
    last = float(values[order[-1]]) if len(order) else math.nan
    return AlignedCurve(steps[order], values[order], np.full(len(order), np.nan), last)


def _numbered(values: Sequence[float] | Float64, times: Sequence[float] | Float64) -> AlignedCurve:
    """The curve of points that are numbered: the n-th point is step n."""
    column = np.array(values, dtype=np.float64)
    return AlignedCurve(
        np.arange(1, len(column) + 1, dtype=np.int64),
        column,
        np.array(times, dtype=np.float64),
        float(column[-1]) if len(column) else math.nan,
    )


def _list(part: Mapping[str, Any], key: str, file: File) -> list[Any]:
    value = part.get(key, [])
    if not isinstance(value, list):
        raise EsimError(f"{key} is not a list", where=str(file), why=f"{value!r:.80}")
    return value


def _numbers(values: Any) -> TypeGuard[list[float]]:
    return isinstance(values, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )


def _moment(cell: str, where: str) -> Moment | None:
    return None if cell.strip() in ("", "NaT", "None") else parse_moment(cell, where)


def _number(cell: str, where: str) -> float:
    try:
        return float(cell) if cell.strip() not in ("", "None") else math.nan
    except ValueError:
        raise EsimError(f"{cell!r} is not a number", where=where) from None
