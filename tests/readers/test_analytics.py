"""Metrics and schedules that come as tables: 4 jobs x 5 epochs, the study that their logs give."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from esim.errors import EsimError
from esim.readers.inputs import read_study
from esim.study import Study
from tests.readers.test_tiny import assert_same_study

ZERO = 1795460800  # 2026-11-23T19:06:40Z
JOBS = [f"shape-{i:03d}-0000000{i}" for i in range(1, 5)]
EPOCHS = range(1, 6)


class Event(NamedTuple):
    job: str
    ms: int
    message: str

    @property
    def stream(self) -> str:
        return f"{self.job}/algo-1-{ZERO}"

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.ms // 1000, UTC).replace(
            microsecond=self.ms % 1000 * 1000
        )


def start(i: int) -> int:
    return ZERO + 20 * i


def events() -> list[Event]:
    """Job i starts at 20 i s, says "go", and prints i + 1 / epoch at 3 epoch + 0.125 s."""
    found = []
    for i, job in enumerate(JOBS):
        found.append(Event(job, 1000 * start(i), 'reading "train", then\nvalidation'))
        for k in EPOCHS:
            message = f"epoch={k} loss={i + 1 / k!r}"
            found.append(Event(job, 1000 * start(i) + 3000 * k + 125, message))
    return found


def expected(timed: bool = True) -> Study:
    epochs = np.array(EPOCHS)
    return Study.from_arrays(
        [i + 1 / epochs for i in range(4)],
        "minimize",
        elapsed=3.0 * epochs + 0.125 if timed else None,
        steps=EPOCHS,
        start=[start(i) for i in range(4)],
        end=[start(i) + 17 for i in range(4)],
        status=["completed", "completed", "stopped", "completed"],
        names=JOBS,
        name="shape",
        objective="loss",
        instance_type=["ml.m5.large"] * 4,
        config={"rate": [f"0.{i}" for i in range(4)]},
    )


def describe(folder: Path, listed: bool = True, regex: bool = True) -> None:
    tuning: dict[str, Any] = {
        "HyperParameterTuningJobName": "shape",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}] if regex else []
            },
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }
    (folder / "tuning.json").write_text(json.dumps(tuning))
    jobs = [
        {
            "TrainingJobName": job,
            "TrainingJobStatus": "Stopped" if i == 2 else "Completed",
            "TrainingStartTime": start(i),
            "TrainingEndTime": start(i) + 17,
            "TunedHyperParameters": {"rate": f"0.{i}"},
        }
        for i, job in enumerate(JOBS)
    ]
    if listed:
        (folder / "jobs.json").write_text(json.dumps({"TrainingJobSummaries": jobs}))


def by_job() -> Iterator[tuple[str, list[Event]]]:
    for job in JOBS:
        yield job, [event for event in events() if event.job == job]


def page(those: list[Event], named: bool = False) -> dict[str, Any]:
    def one(event: Event) -> dict[str, Any]:
        known = {"timestamp": event.ms, "message": event.message, "ingestionTime": event.ms + 900}
        identity = {"logStreamName": event.stream, "eventId": f"{event.job} {event.ms}"}
        return {**identity, **known} if named else known

    return {"events": [one(event) for event in those], "nextForwardToken": "f/1"}


def stream_file(folder: Path, job: str, ending: str) -> Path:
    path = folder / "logs" / job / f"algo-1-{ZERO}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def get_log_events(folder: Path) -> None:
    for job, those in by_job():
        stream_file(folder, job, ".json").write_text(json.dumps(page(those), indent=4))


def csv_text(rows: list[list[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def batch_queries(metric: str = "loss", axis: str = "IterationNumber") -> list[dict[str, str]]:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/"
    return [
        {
            "MetricName": metric,
            "ResourceArn": arn + job,
            "MetricStat": "Last",
            "Period": axis if axis == "IterationNumber" else "OneMinute",
            "XAxisType": axis,
        }
        for job in JOBS
    ]


def batch_results() -> list[dict[str, Any]]:
    return [
        {
            "Status": "Complete",
            "XAxisValues": list(EPOCHS)[::-1],
            "MetricValues": [i + 1 / k for k in EPOCHS][::-1],
        }
        for i in range(4)
    ]


def notes(study: Study) -> dict[str, int]:
    return {note.code: note.count for note in study.notes}


@pytest.mark.parametrize("key", ["MetricQueryResults", "MetricResults"])
def test_batch_get_metrics(tmp_path: Path, key: str) -> None:
    describe(tmp_path, regex=False)
    document = {"MetricQueries": batch_queries(), key: batch_results()}
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    actual = read_study(tmp_path)
    assert_same_study(actual, expected(timed=False))
    assert notes(actual) == {"curves_from_metrics": 4, "log_times_missing": 1}


def test_an_answer_of_batch_get_metrics_named_by_its_file(tmp_path: Path) -> None:
    describe(tmp_path)
    for job, result in zip(JOBS, batch_results(), strict=True):
        (tmp_path / f"{job}.json").write_text(json.dumps({"MetricQueryResults": [result]}))
    assert_same_study(read_study(tmp_path), expected(timed=False))


def test_the_log_counts_where_both_are_there(tmp_path: Path) -> None:
    describe(tmp_path)
    get_log_events(tmp_path)
    results = [{**result, "MetricValues": [9.0] * 5} for result in batch_results()]
    document = {"MetricQueries": batch_queries(), "MetricQueryResults": results}
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    assert_same_study(read_study(tmp_path), expected())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"Status": "Truncated"}, "ended as 'Truncated'"),
        ({"Status": "ValidationError", "Message": "no such job"}, "why: no such job"),
        ({"MetricValues": [1.0]}, "not numbers in pairs"),
        ({"XAxisValues": [1, 2, 3, 4, 5.5]}, "not an integer"),
    ],
)
def test_answers_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    describe(tmp_path)
    results = [*batch_results()[:3], {**batch_results()[3], **change}]
    document = {"MetricQueries": batch_queries(), "MetricQueryResults": results}
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    with pytest.raises(EsimError) as caught:
        read_study(tmp_path)
    assert what in str(caught.value)
    assert "metrics.json, result 4" in str(caught.value)


def test_answers_without_their_queries(tmp_path: Path) -> None:
    describe(tmp_path)
    (tmp_path / "m.json").write_text(json.dumps({"MetricQueryResults": batch_results()}))
    with pytest.raises(EsimError, match="4 results of BatchGetMetrics and no query"):
        read_study(tmp_path)


def test_batches_by_time_are_refused_unless_accepted(tmp_path: Path) -> None:
    describe(tmp_path, regex=False)
    results = [
        {**result, "XAxisValues": [start(i) + 60 * k for k in EPOCHS][::-1]}
        for i, result in enumerate(batch_results())
    ]
    document = {"MetricQueries": batch_queries(axis="Timestamp"), "MetricQueryResults": results}
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    with pytest.raises(EsimError, match="points in time, not epochs"):
        read_study(tmp_path)
    actual = read_study(tmp_path, accept_time_aligned=True)
    np.testing.assert_array_equal(actual.values, expected().values)
    assert notes(actual)["time_aligned"] == 4


def tuning_table(index: bool) -> str:
    header = [
        *([""] if index else []),
        *("rate", "TrainingJobName", "TrainingJobStatus", "FinalObjectiveValue"),
        *("TrainingStartTime", "TrainingEndTime", "TrainingElapsedTimeSeconds"),
    ]
    rows = []
    for i, job in reversed(list(enumerate(JOBS))):
        times = [datetime.fromtimestamp(start(i) + s, UTC).isoformat(sep=" ") for s in (0, 17)]
        status = "Stopped" if i == 2 else "Completed"
        rows.append([*([i] if index else []), f"0.{i}", job, status, i + 0.2, *times, 17.0])
    return csv_text([header, *rows])


@pytest.mark.parametrize("index", [False, True])
def test_a_tuning_table_completes_a_study(tmp_path: Path, index: bool) -> None:
    describe(tmp_path, listed=False)
    get_log_events(tmp_path)
    (tmp_path / "analytics.csv").write_text(tuning_table(index))
    actual = read_study(tmp_path)
    assert_same_study(actual, expected())
    assert notes(actual) == {"step_from_line": 1}


def test_what_the_json_says_counts_before_the_table(tmp_path: Path) -> None:
    describe(tmp_path)
    get_log_events(tmp_path)
    table = tuning_table(index=True).replace("Stopped", "Completed").replace("0.3,", "0.30,")
    (tmp_path / "analytics.csv").write_text(table)
    assert_same_study(read_study(tmp_path), expected())


def test_a_tuning_table_alone_has_no_curves(tmp_path: Path) -> None:
    (tmp_path / "analytics.csv").write_text(tuning_table(index=True))
    with pytest.raises(EsimError, match="table alone has no curves") as caught:
        read_study(tmp_path)
    assert "fix: add the jobs' logs" in str(caught.value)


def test_a_tuning_table_with_a_broken_row(tmp_path: Path) -> None:
    describe(tmp_path, listed=False)
    (tmp_path / "a.csv").write_text(tuning_table(index=False).replace(",0.2,", ",x,"))
    with pytest.raises(EsimError, match=r"a\.csv:5, FinalObjectiveValue: 'x' is not a number"):
        read_study(tmp_path)


def training_tables(folder: Path) -> None:
    for i, job in enumerate(JOBS):
        rows = [[k - 1, 60.0 * (k - 1), "loss", i + 1 / k] for k in EPOCHS]
        header = ["", "timestamp", "metric_name", "value"]
        (folder / f"{job}.csv").write_text(csv_text([header, *rows]))


def test_training_tables_are_refused_unless_accepted(tmp_path: Path) -> None:
    describe(tmp_path, regex=False)
    training_tables(tmp_path)
    with pytest.raises(EsimError, match="points in time, not epochs") as caught:
        read_study(tmp_path)
    assert "60 s" in str(caught.value)
    assert "accept_time_aligned takes the n-th point" in str(caught.value)
    actual = read_study(tmp_path, accept_time_aligned=True)
    assert_same_study(actual, expected(timed=False))
    assert notes(actual)["time_aligned"] == 4


def test_a_training_table_alone_says_why(tmp_path: Path) -> None:
    training_tables(tmp_path)
    with pytest.raises(EsimError, match="points in time, not epochs"):
        read_study(tmp_path)
