"""Every request and its parameters, one after another, against botocore's Stubber."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.stub import Stubber

from esim.errors import EsimError
from esim.fetch import Account, fetch_tuning_job
from tests.fetch.aws import ARN, GROUP, environment

JOB, TUNING = "tune-001-0123abcd", "tune"
STREAM = f"{JOB}/algo-1-1600000000"
CREATED = datetime(2020, 9, 13, 12, 26, 40, 500000, tzinfo=UTC)


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Account, Stubber, Stubber]]:
    for key, value in environment("http://127.0.0.1:9").items():  # nobody listens there
        monkeypatch.setenv(key, value)
    account = Account()
    with (
        Stubber(account._clients["sagemaker"]) as sagemaker,
        Stubber(account._clients["logs"]) as logs,
    ):
        yield account, sagemaker, logs
        sagemaker.assert_no_pending_responses()
        logs.assert_no_pending_responses()


def described(sagemaker: Stubber) -> None:
    objective = {"Type": "Minimize", "MetricName": "loss"}
    sagemaker.add_response(
        "describe_hyper_parameter_tuning_job",
        {
            "HyperParameterTuningJobName": TUNING,
            "HyperParameterTuningJobArn": f"{ARN}hyper-parameter-tuning-job/{TUNING}",
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": objective,
                "ResourceLimits": {"MaxParallelTrainingJobs": 1},
            },
            "HyperParameterTuningJobStatus": "Completed",
            "CreationTime": CREATED,
            "TrainingJobStatusCounters": {},
            "ObjectiveStatusCounters": {},
        },
        {"HyperParameterTuningJobName": TUNING},
    )
    sagemaker.add_response(
        "list_training_jobs_for_hyper_parameter_tuning_job",
        {
            "TrainingJobSummaries": [
                {
                    "TrainingJobName": JOB,
                    "TrainingJobArn": f"{ARN}training-job/{JOB}",
                    "CreationTime": CREATED,
                    "TrainingJobStatus": "Completed",
                    "TunedHyperParameters": {"lr": "0.1"},
                }
            ]
        },
        {
            "HyperParameterTuningJobName": TUNING,
            "MaxResults": 100,
            "SortBy": "CreationTime",
            "SortOrder": "Ascending",
        },
    )
    sagemaker.add_response(
        "describe_training_job",
        {
            "TrainingJobName": JOB,
            "TrainingJobArn": f"{ARN}training-job/{JOB}",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/model.tar.gz"},
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {"VolumeSizeInGB": 30},
            "StoppingCondition": {},
            "CreationTime": CREATED,
        },
        {"TrainingJobName": JOB},
    )


def streams(logs: Stubber) -> None:
    asked: dict[str, Any] = {"logGroupName": GROUP, "logStreamNamePrefix": f"{JOB}/"}
    logs.add_response("describe_log_streams", {"logStreams": [], "nextToken": "more"}, asked)
    logs.add_response(
        "describe_log_streams",
        {"logStreams": [{"logStreamName": STREAM}]},
        asked | {"nextToken": "more"},
    )


def page(logs: Stubber, events: list[tuple[int, str]], token: str | None, news: str) -> None:
    logs.add_response(
        "get_log_events",
        {
            "events": [{"timestamp": t, "message": m, "ingestionTime": t} for t, m in events],
            "nextForwardToken": news,
            "nextBackwardToken": "b/0",
        },
        {"logGroupName": GROUP, "logStreamName": STREAM, "startFromHead": True, "limit": 10000}
        | ({} if token is None else {"nextToken": token}),
    )


def test_requests_in_order_until_the_token_comes_twice(
    stubs: tuple[Account, Stubber, Stubber], tmp_path: Path
) -> None:
    account, sagemaker, logs = stubs
    described(sagemaker)
    streams(logs)
    page(logs, [(1600000000001, "a"), (1600000000002, "b")], None, "f/1")
    page(logs, [], "f/1", "f/2")
    page(logs, [(1600000000003, "c")], "f/2", "f/3")
    page(logs, [], "f/3", "f/3")
    fetched = fetch_tuning_job(account, TUNING, tmp_path / "out")
    assert (fetched.jobs, fetched.streams, fetched.events, fetched.notes) == (1, 1, 3, ())
    file = tmp_path / "out" / "logs" / JOB / "algo-1-1600000000.log.zst"
    with pa.CompressedInputStream(pa.OSFile(str(file), "r"), "zstd") as text:
        assert bytes(text.read()).decode() == (
            "2020-09-13T12:26:40.001Z a\n2020-09-13T12:26:40.002Z b\n2020-09-13T12:26:40.003Z c\n"
        )


def test_credentials_that_expire_between_two_pages(
    stubs: tuple[Account, Stubber, Stubber], tmp_path: Path
) -> None:
    account, sagemaker, logs = stubs
    described(sagemaker)
    streams(logs)
    page(logs, [(1600000000001, "a")], None, "f/1")
    logs.add_client_error("get_log_events", "ExpiredTokenException", "it has expired", 400)
    with pytest.raises(EsimError, match="the AWS credentials have expired"):
        fetch_tuning_job(account, TUNING, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.log.zst"))
    assert not list((tmp_path / "out").glob("describe-*"))
