"""Fetching from moto's server over HTTP: ``pip install 'moto[server]'``, then name this file.

moto has all that fetch calls but list-training-jobs-for-hyper-parameter-tuning-job, which is added
here; and it takes no metric definitions and times of training jobs, so the studies agree in
everything but their times and machines.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse
from moto.server import ThreadedMotoServer

import esim
from esim.errors import EsimError
from esim.fetch import Account, fetch_tuning_job, fetch_tuning_jobs
from tests.fetch.aws import GROUP, complete, environment, load, stamped

EXPORT = Path(__file__).parents[2] / "data" / "xgboost_digits" / "sagemaker"
NAME, JOBS = "xgboost-digits", 6


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def listed(self: Any) -> ActionResult:
        name = self._get_param("HyperParameterTuningJobName")
        backend = self.sagemaker_backend
        backend.describe_hyper_parameter_tuning_job(name)
        jobs = [job for job in backend.training_jobs.values() if f"{name}-" in job.arn]
        summaries = [
            {
                "TrainingJobName": job.training_job_name,
                "TrainingJobArn": job.arn,
                "CreationTime": job.creation_time,
                "TrainingJobStatus": job.training_job_status,
                "TunedHyperParameters": job.hyper_parameters,
            }
            for job in jobs
        ]
        at = int(self._get_param("NextToken") or 0)
        more = {"NextToken": str(at + 4)} if at + 4 < len(summaries) else {}
        return ActionResult({"TrainingJobSummaries": summaries[at : at + 4], **more})

    operation = "list_training_jobs_for_hyper_parameter_tuning_job"
    monkeypatch.setattr(SageMakerResponse, operation, listed, raising=False)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urllib.request.urlopen(f"{address}/moto-api/reset", data=b"").close()
    for key, value in environment(address).items():
        monkeypatch.setenv(key, value)
    yield
    server.stop()


def put_study() -> None:
    """The first jobs of the export, in a minute: moto starts each now, and takes no old events."""
    sagemaker, logs = boto3.client("sagemaker"), boto3.client("logs")
    described = complete(load(EXPORT / "describe-hyper-parameter-tuning-job.json"))
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=NAME,
        HyperParameterTuningJobConfig=described["HyperParameterTuningJobConfig"],
        TrainingJobDefinition=described["TrainingJobDefinition"],
    )
    logs.create_log_group(logGroupName=GROUP)
    shift = None
    for path in sorted((EXPORT / "training-jobs").iterdir())[:JOBS]:
        job = complete(json.loads(path.read_text()))
        sagemaker.create_training_job(
            TrainingJobName=path.stem,
            HyperParameters=job["HyperParameters"],
            AlgorithmSpecification={"TrainingImage": "xgboost", "TrainingInputMode": "File"},
            RoleArn=described["TrainingJobDefinition"]["RoleArn"],
            OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
            ResourceConfig=job["ResourceConfig"] | {"InstanceType": "ml.m5.large"},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        for file in sorted((EXPORT / "logs" / path.stem).iterdir()):
            events = [stamped(line) for line in file.read_text().splitlines()]
            if shift is None:
                shift = int(time.time() * 1000) + 60_000 - events[0][0]
            put(logs, f"{path.stem}/{file.stem}", [(t + shift, text) for t, text in events])


def put(logs: Any, stream: str, events: list[tuple[int, str]]) -> None:
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    for at in range(0, len(events), 5000):
        logs.put_log_events(
            logGroupName=GROUP,
            logStreamName=stream,
            logEvents=[{"timestamp": t, "message": m} for t, m in events[at : at + 5000]],
        )


def test_fetch_then_replay_is_the_study(moto: None, tmp_path: Path) -> None:
    put_study()
    fetched = fetch_tuning_job(Account(), NAME, tmp_path / "out")
    assert (fetched.jobs, fetched.streams, fetched.events) == (JOBS, JOBS, JOBS * 84)
    actual = esim.read_study(tmp_path / "out")
    whole = esim.read_study(EXPORT)
    expected = whole.values[: int(whole.offsets[JOBS])]
    assert actual.trials == whole.trials[:JOBS]
    assert actual.values.tolist() == expected.tolist()
    assert (actual.objective, actual.direction) == (whole.objective, whole.direction)
    assert esim.replay(actual, clock="order").summary.trials == JOBS
    again, _ = fetch_tuning_jobs(Account(), tmp_path / "all")
    assert [one.events for one in again] == [JOBS * 84]
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    for path in files:
        other = tmp_path / "all" / NAME / path.relative_to(tmp_path / "out")
        assert path.read_bytes() == other.read_bytes()


def test_a_stream_of_many_pages(moto: None, tmp_path: Path) -> None:
    put_study()
    now = int(time.time() * 1000) - 60_000
    job = sorted((EXPORT / "training-jobs").iterdir())[0].stem
    put(boto3.client("logs"), f"{job}/algo-2-1", [(now + i, f"line {i}") for i in range(25_000)])
    fetched = fetch_tuning_job(Account(), NAME, tmp_path / "out")
    assert fetched.events == JOBS * 84 + 25_000


def test_what_is_not_there(moto: None, tmp_path: Path) -> None:
    put_study()
    with pytest.raises(EsimError, match=r"no tuning job 'xgboost-digit'[\s\S]*xgboost-digits"):
        fetch_tuning_job(Account(), "xgboost-digit", tmp_path / "none")
    boto3.client("logs").delete_log_group(logGroupName=GROUP)
    fetched = fetch_tuning_job(Account(), NAME, tmp_path / "out")
    assert [(note.code, note.count) for note in fetched.notes] == [("logs_missing", JOBS)]
