"""SageMaker and CloudWatch Logs on loopback: what botocore's models say, with faults on demand.

Every answer is checked against the model of its operation, so a shape that AWS cannot send fails
the test that sends it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
from botocore.loaders import JSONFileLoader
from botocore.model import OperationModel
from botocore.validate import ParamValidator

GROUP = "/aws/sagemaker/TrainingJobs"
ACCOUNT, REGION = "123456789012", "eu-west-1"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAHUSHHUSHHUSHHUSH",
    "AWS_SECRET_ACCESS_KEY": "hush/secret/access/key/0123456789abcdefg",
    "AWS_SESSION_TOKEN": "hush-session-token-hush-session-token",
}
WANDB_KEY = "hush-key-of-an-experiment-tracker"

# Each session reads the models of its services anew, a megabyte of JSON: most of a test's time.
_load_file = cache(JSONFileLoader().load_file)
JSONFileLoader.load_file = lambda self, file_path: _load_file(file_path)  # type: ignore[method-assign]

_MODELS = {
    model.metadata["targetPrefix"]: model
    for model in map(botocore.session.get_session().get_service_model, ("sagemaker", "logs"))
}


class RefusedError(Exception):
    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class FakeAws:
    """An account. Tests change its dictionaries, and put faults before its operations.

    Attributes:
        tuning_jobs: name -> describe-hyper-parameter-tuning-job.
        summaries: tuning job -> the summaries of its training jobs.
        training_jobs: name -> describe-training-job.
        streams: name -> events, (ms since 1970, message).
        before: called with operation and parameters before each answer; may raise RefusedError.
        wire: gives status and body of the answer to a request; tests put other answers there.
        calls: the operations asked for, in order.
    """

    def __init__(self) -> None:
        self.tuning_jobs: dict[str, dict[str, Any]] = {}
        self.summaries: dict[str, list[dict[str, Any]]] = {}
        self.training_jobs: dict[str, dict[str, Any]] = {}
        self.streams: dict[str, list[tuple[int, str]]] = {}
        self.page = 5
        self.page_events = 60
        self.has_log_group = True
        self.delay_s = 0.0
        self.calls: list[str] = []
        self.before: Callable[[str, Mapping[str, Any]], None] = lambda operation, parameters: None
        self.wire: Callable[[FakeAws, str, bytes], tuple[int, bytes]] = reply

    def add_export(self, folder: Path, jobs: int) -> None:
        """The first jobs of an exported tuning job, as AWS had them."""
        described = load(folder / "describe-hyper-parameter-tuning-job.json")
        name = described["HyperParameterTuningJobName"]
        described["HyperParameterTuningJobArn"] = f"{ARN}hyper-parameter-tuning-job/{name}"
        described.setdefault("CreationTime", "2026-11-23T19:06:40.123Z")
        described.setdefault("HyperParameterTuningJobStatus", "Completed")
        described.setdefault("ObjectiveStatusCounters", {})
        best = described.get("BestTrainingJob", {})
        if best:
            best["TrainingJobArn"] = f"{ARN}training-job/{best['TrainingJobName']}"
        definition = described["TrainingJobDefinition"]
        definition["Environment"] = {"WANDB_API_KEY": WANDB_KEY}
        listed = load(folder / "list-training-jobs-for-hyper-parameter-tuning-job.json")
        summaries = sorted(listed["TrainingJobSummaries"], key=lambda s: s["CreationTime"])[:jobs]
        described["TrainingJobStatusCounters"] = {"Completed": len(summaries)}
        self.tuning_jobs[name], self.summaries[name] = described, summaries
        for summary in summaries:
            job = summary["TrainingJobName"]
            summary["TrainingJobArn"] = f"{ARN}training-job/{job}"
            one = load(folder / "training-jobs" / f"{job}.json")
            one |= {
                "TrainingJobArn": summary["TrainingJobArn"],
                "TuningJobArn": described["HyperParameterTuningJobArn"],
                "Environment": {"WANDB_API_KEY": WANDB_KEY},
            }
            self.training_jobs[job] = complete(one)
            for file in sorted((folder / "logs" / job).iterdir()):
                lines = file.read_text(encoding="utf-8").splitlines()
                self.streams[f"{job}/{file.stem}"] = [stamped(line) for line in lines]
        self.tuning_jobs[name] = complete(described)

    def answer(self, operation: OperationModel, asked: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(operation.name)
        if self.delay_s:
            time.sleep(self.delay_s)
        self.before(operation.name, asked)
        answered = getattr(self, operation.name)(asked)
        report = ParamValidator().validate(answered, operation.output_shape)
        assert not report.has_errors(), report.generate_report()
        return on_the_wire(answered, operation.output_shape)

    def DescribeHyperParameterTuningJob(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._tuning_job(asked)

    def ListTrainingJobsForHyperParameterTuningJob(  # noqa: N802
        self, asked: Mapping[str, Any]
    ) -> dict[str, Any]:
        name = self._tuning_job(asked)["HyperParameterTuningJobName"]
        assert (asked["SortBy"], asked["SortOrder"]) == ("CreationTime", "Ascending")
        return self._page(asked, "TrainingJobSummaries", self.summaries[name], "NextToken")

    def DescribeTrainingJob(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        try:
            return self.training_jobs[asked["TrainingJobName"]]
        except KeyError:
            # https://github.com/boto/boto3/issues/2808
            raise RefusedError("ValidationException", "Requested resource not found.") from None

    def ListHyperParameterTuningJobs(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        after = asked.get("CreationTimeAfter", 0)
        keys = (
            "HyperParameterTuningJobName",
            "HyperParameterTuningJobArn",
            "HyperParameterTuningJobStatus",
            "CreationTime",
            "TrainingJobStatusCounters",
            "ObjectiveStatusCounters",
        )
        found = [
            {key: job[key] for key in keys}
            | {
                "Strategy": job["HyperParameterTuningJobConfig"]["Strategy"],
                "ResourceLimits": job["HyperParameterTuningJobConfig"]["ResourceLimits"],
            }
            for job in self.tuning_jobs.values()
            if epoch(job["CreationTime"]) >= after
        ]
        return self._page(asked, "HyperParameterTuningJobSummaries", found, "NextToken")

    def DescribeLogStreams(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._log_group(asked)
        prefix = asked["logStreamNamePrefix"]
        found = [{"logStreamName": s} for s in sorted(self.streams) if s.startswith(prefix)]
        return self._page(asked, "logStreams", found, "nextToken")

    def GetLogEvents(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        """Pages behind tokens; every second one is empty, the last token comes twice."""
        self._log_group(asked)
        assert asked["startFromHead"] is True
        try:
            events = self.streams[asked["logStreamName"]]
        except KeyError:
            raise RefusedError(
                "ResourceNotFoundException", "The specified log stream does not exist."
            ) from None
        at, empty = 0, False
        if "nextToken" in asked:
            at, empty = (int(part) for part in asked["nextToken"].removeprefix("f/").split("-"))
        shown = [] if empty else events[at : at + self.page_events]
        after = at + len(shown)
        turn = 0 if after == len(events) else int(not empty)
        return {
            "events": [
                {"timestamp": t, "message": message, "ingestionTime": t + 1000 * len(self.calls)}
                for t, message in shown
            ],
            "nextForwardToken": f"f/{after}-{turn}",
            "nextBackwardToken": f"b/{at}",
        }

    def _tuning_job(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self.tuning_jobs[asked["HyperParameterTuningJobName"]]
        except KeyError:
            raise RefusedError("ResourceNotFound", "Amazon SageMaker can't find it") from None

    def _log_group(self, asked: Mapping[str, Any]) -> None:
        if not (self.has_log_group and asked["logGroupName"] == GROUP):
            raise RefusedError(
                "ResourceNotFoundException", "The specified log group does not exist."
            )

    def _page(
        self, asked: Mapping[str, Any], key: str, found: list[dict[str, Any]], token: str
    ) -> dict[str, Any]:
        at = int(asked.get(token, 0))
        more = {token: str(at + self.page)} if at + self.page < len(found) else {}
        return {key: found[at : at + self.page], **more}


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def complete(described: dict[str, Any]) -> dict[str, Any]:
    """A recorded description with what the API always sends and the recording left out."""
    described.setdefault("ModelArtifacts", {"S3ModelArtifacts": "s3://bucket/model.tar.gz"})
    described.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": 86400})
    for part in (described, described.get("TrainingJobDefinition", {})):
        part.get("AlgorithmSpecification", {}).setdefault("TrainingInputMode", "File")
        part.get("ResourceConfig", {}).setdefault("VolumeSizeInGB", 30)
    if "HyperParameterTuningJobName" in described:
        definition = described["TrainingJobDefinition"]
        definition.setdefault("RoleArn", f"arn:aws:iam::{ACCOUNT}:role/SageMaker")
        definition.setdefault("OutputDataConfig", {"S3OutputPath": "s3://bucket/out"})
        definition.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": 86400})
        del described["ModelArtifacts"], described["StoppingCondition"]
    return described


def epoch(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def stamped(line: str) -> tuple[int, str]:
    """A line of an export as an event."""
    stamp, _, message = line.partition(" ")
    since = datetime.fromisoformat(stamp) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1), message


def on_the_wire(value: Any, shape: Any) -> Any:
    """As JSON 1.1 has it: times are seconds since 1970."""
    if shape.type_name == "structure":
        return {key: on_the_wire(value[key], shape.members[key]) for key in value}
    if shape.type_name == "list":
        return [on_the_wire(item, shape.member) for item in value]
    if shape.type_name == "timestamp":
        return epoch(value)
    return value


def reply(account: FakeAws, target: str, asked: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to a request."""
    prefix, _, name = target.partition(".")
    status, body = 200, {}
    try:
        body = account.answer(_MODELS[prefix].operation_model(name), json.loads(asked))
    except RefusedError as error:
        status, body = error.status, {"__type": error.code, "message": error.message}
    except Exception as error:  # a fault of the test: seen by it as AWS's
        status, body = 400, {"__type": "TestFault", "message": repr(error)}
    return status, json.dumps(body).encode()


@contextmanager
def served(account: FakeAws) -> Iterator[str]:
    """The account behind a loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            status, data = account.wire(account, self.headers["X-Amz-Target"], asked)
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:  # the client was killed
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def environment(address: str) -> dict[str, str]:
    """What makes boto3 ask at this address, and nowhere else."""
    return SECRETS | {
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }
