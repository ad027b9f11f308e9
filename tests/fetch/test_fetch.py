"""Fetching tuning jobs from an account on loopback, over real HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from esim.errors import EsimError
from esim.fetch import Account, fetch_tuning_job, fetch_tuning_jobs
from esim.fetch.permissions import OPERATIONS, policy
from esim.readers.inputs import read_inputs, read_study
from tests.blocks import marked
from tests.cli.test_cli import run, run_main
from tests.fetch.aws import SECRETS, WANDB_KEY, FakeAws, RefusedError, environment, served
from tests.paths import ROOT
from tests.readers.test_tiny import assert_same_study
from tests.results.following import assert_follows

EXPORT = ROOT / "data" / "xgboost_digits" / "sagemaker"
NAME = "xgboost-digits"
JOBS = 12
DESCRIPTION = "describe-hyper-parameter-tuning-job.json"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeAws]:
    account = FakeAws()
    with served(account) as address, pytest.MonkeyPatch.context() as patch:
        for key, value in environment(address).items():
            patch.setenv(key, value)
        yield account


@pytest.fixture(scope="module")
def account(server: FakeAws) -> Account:
    return Account()  # once: botocore takes a second to read SageMaker's model


@pytest.fixture
def aws(server: FakeAws) -> FakeAws:
    """Its state is each test's own."""
    vars(server).update(vars(FakeAws()))
    server.add_export(EXPORT, JOBS)
    return server


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The same jobs as the AWS CLI would have exported them."""
    folder = tmp_path / "exported"
    shutil.copytree(EXPORT, folder)
    listed = folder / "list-training-jobs-for-hyper-parameter-tuning-job.json"
    summaries = json.loads(listed.read_text())["TrainingJobSummaries"]
    kept = sorted(summaries, key=lambda s: s["CreationTime"])[:JOBS]
    listed.write_text(json.dumps({"TrainingJobSummaries": kept}))
    names = {summary["TrainingJobName"] for summary in kept}
    for path in [*(folder / "logs").iterdir(), *(folder / "training-jobs").iterdir()]:
        if path.name.removesuffix(".json") not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def text_of(path: Path) -> str:
    with pa.CompressedInputStream(pa.OSFile(str(path), "r"), "zstd") as stream:
        return bytes(stream.read()).decode()


def first_job(aws: FakeAws, number: int = 0) -> str:
    return str(aws.summaries[NAME][number]["TrainingJobName"])


def refuse(aws: FakeAws, operation: str, error: RefusedError, times: int | None = None) -> None:
    """Make an operation fail, always or so many times."""
    left = [times]

    def before(called: str, parameters: Mapping[str, Any]) -> None:
        if called == operation and left[0] != 0:
            left[0] = None if left[0] is None else left[0] - 1
            raise error

    aws.before = before


# --- what is fetched -------------------------------------------------------------------------


def test_a_fetched_tuning_job_is_the_exported_one(
    account: Account, aws: FakeAws, exported: Path, tmp_path: Path
) -> None:
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    # 12 jobs with one stream of 84 lines each: 80 rounds and 4 lines around them.
    assert (fetched.jobs, fetched.jobs_fetched, fetched.streams) == (JOBS, JOBS, JOBS)
    assert fetched.events == JOBS * 84
    assert fetched.notes == ()
    reading = read_inputs(tmp_path / "out")
    expected = read_study(exported)  # AWS promises no order of hyperparameters: here by name
    expected = replace(expected, config=dict(sorted(expected.config.items())))
    assert_same_study(reading.studies[0], expected, notes=True)
    assert reading.inputs[0].notes == ()


def test_all_pages_are_read_up_to_the_token_that_comes_twice(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    fetch_tuning_job(account, NAME, tmp_path / "out")
    # 12 jobs in pages of 5: 3. 84 events in pages of 60, an empty one between: events, nothing,
    # events to the end, and nothing again with the same token: 4 for each stream.
    assert Counter(aws.calls) == {
        "DescribeHyperParameterTuningJob": 1,
        "ListTrainingJobsForHyperParameterTuningJob": 3,
        "DescribeTrainingJob": JOBS,
        "DescribeLogStreams": JOBS,
        "GetLogEvents": 4 * JOBS,
    }


def test_fetching_twice_gives_the_same_bytes_and_the_same_input_hash(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    fetch_tuning_job(account, NAME, tmp_path / "one")
    aws.page, aws.page_events = 3, 7  # AWS cuts its pages as it likes
    fetch_tuning_job(account, NAME, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    hashes = {read_inputs(tmp_path / name).inputs[0].sha256 for name in ("one", "two")}
    assert len(hashes) == 1


def test_a_second_run_asks_once_and_changes_nothing(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    fetch_tuning_job(account, NAME, tmp_path / "out")
    before = contents(tmp_path / "out")
    aws.calls.clear()
    again = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert aws.calls == ["DescribeHyperParameterTuningJob"]
    assert (again.jobs, again.jobs_fetched, again.events) == (JOBS, 0, JOBS * 84)
    assert contents(tmp_path / "out") == before


def test_times_are_lossless_and_no_secret_is_kept(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    aws.tuning_jobs[NAME]["CreationTime"] = "2025-10-26T02:30:00.123+01:00"  # twice in Berlin
    fetch_tuning_job(account, NAME, tmp_path / "out")
    described = json.loads((tmp_path / "out" / DESCRIPTION).read_text())
    assert described["CreationTime"] == "2025-10-26T01:30:00.123000Z"
    assert described["TrainingJobDefinition"]["Environment"] == {
        "WANDB_API_KEY": "(left out by esim fetch)"
    }
    for name, data in contents(tmp_path / "out").items():
        if name.endswith(".zst"):
            data = text_of(tmp_path / "out" / name).encode()
        for secret in (*SECRETS.values(), WANDB_KEY, "RequestId"):
            assert secret.encode() not in data, name


def test_all_streams_of_a_job_are_kept_whatever_they_hold(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    job = first_job(aws)
    # A second host, a restart in a warm pool, a name with signs; a first line that looks like
    # `aws logs tail`, one that looks like the header of a console CSV, lines within an event.
    t = 1795460900000
    aws.streams |= {
        f"{job}/algo-2-1795460803": [(t, "s3/algo-1-x copied"), (t + 1, "[0]#011loss:1")],
        f"{job}/algo-1-1795460999": [(t, "a,message,timestamp"), (t + 1, "b\n[1] c\r\n")],
        f"{job}/algo-1/äx 1": [(0, "of 1970"), (t + 1, "\n")],
    }
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert (fetched.streams, fetched.events) == (JOBS + 3, JOBS * 84 + 6)
    logs = tmp_path / "out" / "logs" / job
    assert text_of(logs / "algo-1-1795460999.log.zst").splitlines() == [
        "2026-11-23T19:08:20.000Z ",
        "2026-11-23T19:08:20.000Z a,message,timestamp",
        "2026-11-23T19:08:20.001Z b",
        "2026-11-23T19:08:20.001Z [1] c",
    ]
    assert text_of(logs / "algo-2-1795460803.log.zst").splitlines() == [
        "2026-11-23T19:08:20.000Z ",
        "2026-11-23T19:08:20.000Z s3/algo-1-x copied",
        "2026-11-23T19:08:20.001Z [0]#011loss:1",
    ]
    assert text_of(logs / "algo-1-x-1.log.zst") == (
        "1970-01-01T00:00:00.000Z of 1970\n2026-11-23T19:08:20.001Z \n"
    )
    study = read_study(tmp_path / "out")
    assert study.n_reports == JOBS * 80


def test_the_text_reads_as_the_pages_of_get_log_events_do(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    job = first_job(aws)
    stream = next(name for name in aws.streams if name.startswith(job))
    events = aws.streams[stream]
    events[3] = (events[3][0], f"{events[3][1]}\n{events[4][1]}\r\n")  # two lines in one event
    events[:1] = [(events[0][0], "s3/algo-1-x copied"), events[0]]
    del events[5]
    fetch_tuning_job(account, NAME, tmp_path / "out")
    pages = tmp_path / "pages"
    shutil.copytree(tmp_path / "out", pages)
    (pages / "fetch.json").unlink()
    shutil.rmtree(pages / "logs" / job)
    (pages / "logs" / job).mkdir()
    answer = {"events": [{"timestamp": t, "message": m, "ingestionTime": t} for t, m in events]}
    (pages / "logs" / job / "algo-1-1795460803.json").write_text(json.dumps(answer))
    assert_same_study(read_study(tmp_path / "out"), read_study(pages), notes=True)


# --- what goes wrong -------------------------------------------------------------------------


def test_throttling_is_waited_for(aws: FakeAws, tmp_path: Path) -> None:
    refuse(aws, "GetLogEvents", RefusedError("ThrottlingException", "Rate exceeded"), times=2)
    assert fetch_tuning_job(Account(), NAME, tmp_path / "out").events == JOBS * 84


def test_throttling_without_end_keeps_what_is_there(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    last = first_job(aws, JOBS - 1)

    def before(called: str, parameters: Mapping[str, Any]) -> None:
        if called == "GetLogEvents" and parameters["logStreamName"].startswith(last):
            raise RefusedError("ThrottlingException", "Rate exceeded")

    aws.before = before
    with pytest.raises(EsimError, match=r"keeps throttling logs:GetLogEvents") as error:
        fetch_tuning_job(Account(), NAME, tmp_path / "out")
    assert "it continues" in str(error.value)
    # Nothing half-written counts: no reader takes the folder.
    with pytest.raises(EsimError, match=r"describe-hyper-parameter-tuning-job"):
        read_study(tmp_path / "out")
    aws.before = lambda *_: None
    aws.calls.clear()
    fetched = fetch_tuning_job(Account(), NAME, tmp_path / "out")
    assert fetched.jobs == JOBS
    assert fetched.jobs_fetched == aws.calls.count("DescribeTrainingJob") < JOBS
    fetch_tuning_job(Account(), NAME, tmp_path / "at-once")
    assert contents(tmp_path / "out") == contents(tmp_path / "at-once")


DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/dev/me is not authorized to perform: "
    "sagemaker:DescribeTrainingJob on resource: arn:aws:sagemaker:eu-west-1:123456789012:"
    "training-job/x because no identity-based policy allows it"
)
TOKEN = SECRETS["AWS_SESSION_TOKEN"]
REFUSALS = [
    ("ExpiredTokenException", "The security token is expired", ["expired", "sign in again"]),
    (
        "AccessDeniedException",
        DENIED,
        ["sagemaker:DescribeTrainingJob", "training-job/x", "--policy"],
    ),
    (
        "AccessDeniedException",
        "no",
        ["sagemaker:DescribeTrainingJob on arn:aws:sagemaker:*:*:training-job/*"],
    ),
    ("UnrecognizedClientException", "The token is invalid", ["does not accept the credentials"]),
    ("SignatureDoesNotMatch", f"x-amz-security-token:{TOKEN}", ["does not accept"]),
    ("RequestExpired", "", ["set this machine's clock"]),
    ("ValidationException", f"strange {TOKEN}", ["ValidationException: strange (not shown)"]),
    ("InternalFailure", "oh", ["InternalFailure: oh; attempts: 1", "later, run the same command"]),
]


@pytest.mark.parametrize(("code", "message", "said"), REFUSALS, ids=lambda v: str(v)[:30])
def test_a_refusal_says_what_to_do_and_no_secret(
    aws: FakeAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    message: str,
    said: list[str],
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    status = 500 if code == "InternalFailure" else 400
    refuse(aws, "DescribeTrainingJob", RefusedError(code, message, status))
    with pytest.raises(EsimError) as error:
        fetch_tuning_job(Account(), NAME, tmp_path / "out")
    for part in said:
        assert part in str(error.value)
    assert not any(secret in str(error.value) for secret in SECRETS.values())
    assert not (tmp_path / "out" / DESCRIPTION).exists()


def test_a_job_deleted_meanwhile_is_noted_and_the_rest_goes_on(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    gone = first_job(aws, 3)
    del aws.training_jobs[gone]
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert [(note.code, note.names) for note in fetched.notes] == [("jobs_deleted", (gone,))]
    manifest = json.loads((tmp_path / "out" / "fetch.json").read_text())
    assert [note["code"] for note in manifest["notes"]] == ["jobs_deleted"]
    assert fetched.events == JOBS * 84  # its logs were there still
    assert read_study(tmp_path / "out").n_trials == JOBS
    aws.calls.clear()
    fetch_tuning_job(account, NAME, tmp_path / "out")
    assert aws.calls == ["DescribeHyperParameterTuningJob"]


def test_logs_that_are_empty_or_expired_are_noted(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    streams = sorted(aws.streams)
    aws.streams[streams[0]] = []  # retention takes the events first
    del aws.streams[streams[1]]  # then the stream
    listed = streams[2]

    def before(called: str, parameters: Mapping[str, Any]) -> None:
        if called == "GetLogEvents" and parameters["logStreamName"] == listed:
            aws.streams.pop(listed, None)  # between the list and the download

    aws.before = before
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert {note.code: note.names for note in fetched.notes} == {
        "logs_missing": (streams[1].partition("/")[0],),
        "streams_empty": (streams[0], listed),
    }
    assert fetched.events == (JOBS - 3) * 84
    assert read_study(tmp_path / "out").n_reports == (JOBS - 3) * 80


def test_without_the_log_group_the_descriptions_are_kept(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    aws.has_log_group = False
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert [(note.code, note.count) for note in fetched.notes] == [("logs_missing", JOBS)]
    with pytest.raises(EsimError, match="no log of its training jobs"):
        read_study(tmp_path / "out")


def test_an_unknown_tuning_job_offers_near_names(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    with pytest.raises(EsimError) as error:
        fetch_tuning_job(account, "xgboost-digit", tmp_path / "out")
    assert "AWS has no tuning job 'xgboost-digit' in eu-west-1" in str(error.value)
    assert "eu-west-1 has xgboost-digits; --region names another" in str(error.value)
    refuse(aws, "ListHyperParameterTuningJobs", RefusedError("AccessDeniedException"))
    with pytest.raises(EsimError, match="none is known in eu-west-1"):
        fetch_tuning_job(account, "xgboost-digit", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_settings_that_cannot_work(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for name in SECRETS:
            patch.delenv(name)
        with pytest.raises(EsimError, match="no AWS credentials"):
            fetch_tuning_job(Account(), NAME, Path("never"))
    with monkeypatch.context() as patch:
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(EsimError, match="credentials are incomplete"):
            fetch_tuning_job(Account(), NAME, Path("never"))
    with monkeypatch.context() as patch:
        patch.delenv("AWS_DEFAULT_REGION")
        with pytest.raises(EsimError, match=r"no AWS region[\s\S]*--region"):
            Account()
    with pytest.raises(EsimError, match="no AWS profile 'work'"):
        Account(profile="work")
    with pytest.raises(EsimError, match="not the name of a region"):
        Account(region="not a region")
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(EsimError, match="AWS cannot be reached"):
            fetch_tuning_job(Account(), NAME, Path("never"))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "boto3", None)
        with pytest.raises(EsimError, match=r"pip install boto3"):
            Account()


def test_foreign_folders_are_left_alone(account: Account, aws: FakeAws, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("mine")
    with pytest.raises(EsimError, match="the folder holds other things"):
        fetch_tuning_job(account, NAME, other)
    assert contents(other) == {"precious.txt": b"mine"}
    fetch_tuning_job(account, NAME, tmp_path / "out")
    aws.tuning_jobs[NAME]["CreationTime"] = "2026-11-24T00:00:00Z"  # deleted, and made again
    with pytest.raises(EsimError, match="the folder holds another tuning job"):
        fetch_tuning_job(account, NAME, tmp_path / "out")
    (tmp_path / "out" / "fetch.json").write_text("{")
    with pytest.raises(EsimError, match=r"fetch\.json: not what esim fetch wrote"):
        fetch_tuning_job(account, NAME, tmp_path / "out")
    with pytest.raises(EsimError, match="a file stands there"):
        fetch_tuning_job(account, NAME, other / "precious.txt")


def test_a_lost_or_cut_off_file_is_fetched_again(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    fetch_tuning_job(account, NAME, tmp_path / "out")
    before = contents(tmp_path / "out")
    logs = sorted((tmp_path / "out").rglob("*.log.zst"))
    logs[0].unlink()
    logs[1].write_bytes(logs[1].read_bytes()[:-5])
    (tmp_path / "out" / "training-jobs" / f"{first_job(aws, 5)}.json").unlink()
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert fetched.jobs_fetched == 3
    assert contents(tmp_path / "out") == before


# --- what is still running, and what is cut off ----------------------------------------------


def test_jobs_that_were_running_are_fetched_again(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    job = first_job(aws, JOBS - 1)
    stream = next(name for name in aws.streams if name.startswith(job))
    whole, summary = aws.streams[stream], aws.summaries[NAME][-1]
    ended = dict(summary)
    del summary["TrainingEndTime"], summary["FinalHyperParameterTuningJobObjectiveMetric"]
    for record in (summary, aws.training_jobs[job]):
        record["TrainingJobStatus"] = "InProgress"
    aws.tuning_jobs[NAME]["HyperParameterTuningJobStatus"] = "InProgress"
    aws.streams[stream] = whole[:40]
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert [note.code for note in fetched.notes] == ["tuning_job_running", "jobs_running"]
    assert read_study(tmp_path / "out").n_reports == (JOBS - 1) * 80 + 40 - 3

    aws.streams[stream] = whole
    aws.summaries[NAME][-1] = ended
    aws.training_jobs[job]["TrainingJobStatus"] = "Completed"
    aws.tuning_jobs[NAME]["HyperParameterTuningJobStatus"] = "Completed"
    aws.calls.clear()
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert (fetched.jobs, fetched.jobs_fetched, fetched.notes) == (JOBS, 1, ())
    assert aws.calls.count("DescribeTrainingJob") == 1
    fetch_tuning_job(account, NAME, tmp_path / "at-once")
    assert contents(tmp_path / "out") == contents(tmp_path / "at-once")


def test_what_aws_loses_after_a_first_fetch_stays(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    """A job was running; by the next time retention and a deletion have been at work."""
    job, other = first_job(aws, 0), first_job(aws, 1)
    aws.tuning_jobs[NAME]["HyperParameterTuningJobStatus"] = "InProgress"
    aws.training_jobs[job]["TrainingJobStatus"] = "InProgress"
    fetch_tuning_job(account, NAME, tmp_path / "out")
    logs = {k: v for k, v in contents(tmp_path / "out").items() if k.startswith("logs")}
    aws.tuning_jobs[NAME]["HyperParameterTuningJobStatus"] = "Completed"
    aws.training_jobs[job]["TrainingJobStatus"] = "Completed"
    stream = next(name for name in aws.streams if name.startswith(job))
    aws.streams[stream] = aws.streams[stream][50:]
    aws.summaries[NAME] = [s for s in aws.summaries[NAME] if s["TrainingJobName"] != other]
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert (fetched.jobs, fetched.jobs_fetched, fetched.notes) == (JOBS, 1, ())
    assert {k: v for k, v in contents(tmp_path / "out").items() if k.startswith("logs")} == logs
    assert read_study(tmp_path / "out").n_reports == JOBS * 80


@pytest.mark.parametrize("after", [3, 11, 30])
def test_a_killed_fetch_continues_to_the_same_bytes(
    account: Account, aws: FakeAws, tmp_path: Path, after: int
) -> None:
    fetch_tuning_job(account, NAME, tmp_path / "at-once")
    aws.calls.clear()
    aws.delay_s = 0.03
    main = [sys.executable, "-c", "from esim.cli import main; main()"]
    process = subprocess.Popen(
        [*main, "fetch", "sagemaker", NAME, "--out", str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while aws.calls.count("GetLogEvents") < after and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(EsimError):
        read_study(tmp_path / "out")
    aws.delay_s = 0.0
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert fetched.jobs == JOBS
    assert contents(tmp_path / "out") == contents(tmp_path / "at-once")


def test_a_journal_cut_off_in_the_middle_of_a_line_costs_one_job(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    refuse(aws, "DescribeTrainingJob", RefusedError("ExpiredTokenException"))
    with pytest.raises(EsimError, match="expired"):
        fetch_tuning_job(account, NAME, tmp_path / "out")
    journal = tmp_path / "out" / ".fetch.jsonl"
    journal.write_text(journal.read_text() + '{"TrainingJobName": "xgboost-dig')
    aws.before = lambda *_: None
    fetch_tuning_job(account, NAME, tmp_path / "out")
    fetch_tuning_job(account, NAME, tmp_path / "at-once")
    assert contents(tmp_path / "out") == contents(tmp_path / "at-once")


def test_two_fetches_do_not_write_into_one_folder(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    errors: list[EsimError] = []

    def before(called: str, parameters: Mapping[str, Any]) -> None:
        if called == "DescribeTrainingJob" and not errors:
            errors.append(EsimError("busy"))
            with pytest.raises(EsimError, match="another esim fetch is writing here") as error:
                fetch_tuning_job(account, NAME, tmp_path / "out")
            errors[0] = error.value

    aws.before = before
    assert fetch_tuning_job(account, NAME, tmp_path / "out").jobs == JOBS
    assert "another esim fetch" in str(errors[0])


# --- the account -----------------------------------------------------------------------------


def add_copy(aws: FakeAws, name: str, created: str) -> None:
    """Another tuning job, of one training job."""
    described = json.loads(json.dumps(aws.tuning_jobs[NAME]).replace(NAME, name))
    summary = json.loads(json.dumps(aws.summaries[NAME][0]).replace(NAME, name))
    job = summary["TrainingJobName"]
    one = json.dumps(aws.training_jobs[first_job(aws)]).replace(NAME, name)
    stream = next(s for s in aws.streams if s.startswith(first_job(aws)))
    aws.tuning_jobs[name] = described | {"CreationTime": created}
    aws.summaries[name], aws.training_jobs[job] = [summary], json.loads(one)
    aws.streams[stream.replace(NAME, name)] = aws.streams[stream]


def test_every_tuning_job_since_a_date(account: Account, aws: FakeAws, tmp_path: Path) -> None:
    add_copy(aws, "older", "2026-01-31T23:59:59Z")
    for i in range(6):  # a second page
        add_copy(aws, f"later-{i}", f"2026-12-0{i + 1}T00:00:00Z")
    since = datetime(2026, 2, 1, tzinfo=UTC)

    def before(called: str, parameters: Mapping[str, Any]) -> None:
        if parameters.get("HyperParameterTuningJobName") == "later-3":
            aws.tuning_jobs.pop("later-3", None)  # between the list and its turn

    aws.before = before
    fetched, gone = fetch_tuning_jobs(account, tmp_path / "all", since)
    names = [NAME, *(f"later-{i}" for i in (0, 1, 2, 4, 5))]
    assert [one.tuning_job for one in fetched] == names
    assert gone == ["later-3"]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == sorted(names)
    # Six folders, or one folder of six.
    reading = read_inputs(tmp_path / "all")
    assert sorted(study.name for study in reading.studies) == sorted(names)
    assert reading.inputs[0].notes == ()


def test_only_read_only_operations_are_called_and_the_policy_names_them(
    account: Account, aws: FakeAws, tmp_path: Path
) -> None:
    fetch_tuning_jobs(account, tmp_path / "all")
    with pytest.raises(EsimError):
        fetch_tuning_job(account, "unknown", tmp_path / "out")
    known = {operation.name for operation in OPERATIONS.values()}
    assert set(aws.calls) == known
    assert all(name.startswith(("Describe", "List", "Get")) for name in known)
    allowed = [action for part in json.loads(policy())["Statement"] for action in part["Action"]]
    assert sorted(allowed) == sorted(operation.action for operation in OPERATIONS.values())
    assert not any("*" in action for action in allowed)


# --- the command -----------------------------------------------------------------------------


def test_the_command_fetches_what_replay_reads(aws: FakeAws, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    first = run("fetch", "sagemaker", NAME, "--out", out)
    lines = first.stdout.splitlines()
    assert lines[0] == "xgboost-digits  Completed, 12 training jobs: 12 fetched"
    assert lines[1].startswith("  12 log streams, 1,008 events, 0.0 MB in ")
    assert first.stderr == ""  # progress is for terminals
    document = json.loads(run("fetch", "sagemaker", NAME, "--out", out, "--json").stdout)
    assert document["schema"] == "esim.fetched/1"
    assert_follows(document)
    assert document["region"] == "eu-west-1"
    assert document["tuning_jobs"][0]["jobs_fetched"] == 0
    replayed = json.loads(run("replay", out, "--json").stdout)
    assert replayed["studies"][0]["summary"]["trials"] == JOBS
    none = run("fetch", "sagemaker", "--all", "--since", "2027-01-01", "--out", f"{out}-all")
    assert none.stdout == "no tuning job in eu-west-1 since 2027-01-01\n"


def test_the_docs_show_what_is_printed(
    aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vars(aws).update(vars(FakeAws()) | {"page": 100, "page_events": 10_000})
    aws.add_export(EXPORT, 120)
    monkeypatch.chdir(tmp_path)
    (block,) = marked("fetched").values()
    assert run(*block.body.split()[1:]).stdout == block.shown


def test_exit_codes(
    aws: FakeAws,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["fetch", "sagemaker", "unknown", "--out", str(tmp_path / "out")]
    code, out, err = run_main(capsys, monkeypatch, *words)
    assert (code, out) == (1, "")
    assert err.startswith("esim: AWS has no tuning job 'unknown' in eu-west-1")
    for wrong in (
        [],
        [NAME, "--all"],
        [NAME, "--since", "2026-01-31"],
        ["--all", "--since", "yesterday"],
    ):
        run("fetch", "sagemaker", *wrong, code=2)
