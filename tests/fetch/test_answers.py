"""Answers that are none, that have no end, and that name what is no name."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from esim.errors import BugError, EsimError
from esim.fetch import Account, answers, fetch_tuning_job, fetch_tuning_jobs
from esim.readers.inputs import read_study
from tests.faults.fetch_fuzz import Wire, run, small_account, wired
from tests.faults.kills import contents
from tests.fetch.aws import FakeAws, RefusedError

NAME = "xgboost-digits"
LISTS = "SageMaker.ListTrainingJobsForHyperParameterTuningJob"
EVENTS = "Logs_20140328.GetLogEvents"
STREAMS = "Logs_20140328.DescribeLogStreams"
JOB = "SageMaker.DescribeTrainingJob"
TUNING = "SageMaker.DescribeHyperParameterTuningJob"


@pytest.fixture(scope="module")
def of_module() -> Iterator[tuple[Wire, Account]]:
    wire = Wire(small_account())
    with wired(wire) as account:
        yield wire, account


@pytest.fixture
def wire(of_module: tuple[Wire, Account]) -> Wire:
    """Its account and faults are each test's own."""
    of_module[0].account, of_module[0].faults, of_module[0].sent = small_account(), {}, Counter()
    return of_module[0]


@pytest.fixture
def account(true: dict[str, bytes], of_module: tuple[Wire, Account], wire: Wire) -> Account:
    return of_module[1]


@pytest.fixture(scope="module")
def true(
    of_module: tuple[Wire, Account], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What a fetch writes that nobody disturbs."""
    wire, account = of_module
    wire.account, wire.faults = small_account(), {}
    folder = tmp_path_factory.mktemp("true") / "out"
    fetch_tuning_job(account, NAME, folder)
    return contents(folder)


def answer(wire: Wire, target: str, body: object) -> None:
    """Answer so to every request of an operation."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    wire.faults[target, b""] = lambda answer, sent: (200, data)


def change(wire: Wire, target: str, **members: Any) -> None:
    """Put other members into every answer of an operation."""

    def changed(answer: tuple[int, bytes], sent: int) -> tuple[int, bytes]:
        return answer[0], json.dumps(json.loads(answer[1]) | members).encode()

    wire.faults[target, b""] = changed


def first_stream(aws: FakeAws) -> str:
    return min(aws.streams)


@pytest.mark.parametrize("page", [b"{}", b"<html>Sign in</html>", b"[]"])
@pytest.mark.parametrize("target", [TUNING, LISTS, JOB, STREAMS, EVENTS])
def test_a_page_of_a_proxy_is_no_answer(
    account: Account,
    wire: Wire,
    true: dict[str, bytes],
    tmp_path: Path,
    target: str,
    page: bytes,
) -> None:
    answer(wire, target, page)
    with pytest.raises(EsimError) as error:
        fetch_tuning_job(account, NAME, tmp_path / "out")
    assert not isinstance(error.value, BugError)
    assert f"{target.rpartition('.')[2]} gives" in str(error.value)
    assert "proxy" in str(error.value)
    wire.faults.clear()
    fetch_tuning_job(account, NAME, tmp_path / "out")
    assert contents(tmp_path / "out") == true


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (TUNING, {"CreationTime": "yesterday"}, "DescribeHyperParameterTuningJob gives"),
    (TUNING, {"CreationTime": "2026-11-23 19:06"}, "of no time zone"),
    (TUNING, {"CreationTime": 1e300}, "DescribeHyperParameterTuningJob gives"),
    (TUNING, {"HyperParameterTuningJobStatus": None}, "HyperParameterTuningJobStatus is not there"),
    (TUNING, {"HyperParameterTuningJobConfig": []}, "DescribeHyperParameterTuningJob gives"),
    (TUNING, {"HyperParameterTuningJobName": "other"}, "it is about 'other'"),
    (LISTS, {"TrainingJobSummaries": [{}]}, "TrainingJobSummaries.0.TrainingJob"),
    (LISTS, {"TrainingJobSummaries": "none"}, "ListTrainingJobsForHyper"),
    (LISTS, {"TrainingJobSummaries": [None]}, "TrainingJobSummaries.0 is None, no structure"),
    (LISTS, {"NextToken": 5}, "NextToken is 5, no string"),
    (JOB, {"TrainingJobName": "other-001-0123abcd"}, "it is about 'other-001-0123abcd'"),
    (JOB, {"BillableTimeInSeconds": "60"}, "BillableTimeInSeconds is '60', no integer"),
    (JOB, {"HyperParameters": {"eta": 0.1}}, "HyperParameters.eta is 0.1, no string"),
    (JOB, {"EnableManagedSpotTraining": "yes"}, "no boolean"),
    (STREAMS, {"logStreams": [{"arn": "x"}]}, "logStreams.0.logStreamName is not there"),
    (STREAMS, {"logStreams": [{"logStreamName": "../../x"}]}, "it has '../../x'"),
    (EVENTS, {"events": [{"timestamp": 1, "message": None}]}, "events.0.message is not there"),
    (
        EVENTS,
        {"events": [{"timestamp": "1", "message": "a"}]},
        "events.0.timestamp is '1', no long",
    ),
    (EVENTS, {"events": [{"timestamp": True, "message": "a"}]}, "is True, no long"),
    (EVENTS, {"events": [{"timestamp": 10**17, "message": "a"}]}, "a time that no clock shows"),
    (EVENTS, {"events": [{"timestamp": 1, "message": 7}]}, "events.0.message is 7, no string"),
]


@pytest.mark.parametrize(("target", "members", "said"), WRONG, ids=[w[2] for w in WRONG])
def test_members_of_another_type_are_refused(
    account: Account,
    wire: Wire,
    true: dict[str, bytes],
    tmp_path: Path,
    target: str,
    members: dict[str, Any],
    said: str,
) -> None:
    change(wire, target, **members)
    with pytest.raises(EsimError) as error:
        fetch_tuning_job(account, NAME, tmp_path / "out")
    assert not isinstance(error.value, BugError)
    assert said in str(error.value)
    assert len(str(error.value)) < 1000
    wire.faults.clear()
    fetch_tuning_job(account, NAME, tmp_path / "out")
    assert contents(tmp_path / "out") == true


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "", "a/b", "a\x00", "x" * 64, "é", "a\nb"])
def test_hostile_names_of_jobs_lead_nowhere(
    account: Account, wire: Wire, tmp_path: Path, name: str
) -> None:
    change(wire, LISTS, TrainingJobSummaries=[{"TrainingJobName": name, "TrainingJobStatus": "X"}])
    with pytest.raises(EsimError, match="no name that AWS gives a job"):
        fetch_tuning_job(account, NAME, tmp_path / "in" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in" / "out").iterdir()] == [".fetch.jsonl"]


def test_what_aws_may_leave_out_is_not_missed(account: Account, wire: Wire, tmp_path: Path) -> None:
    left_out = ("ModelArtifacts", "StoppingCondition", "TrainingJobArn", "SecondaryStatus")
    change(wire, JOB, **dict.fromkeys(left_out))
    assert fetch_tuning_job(account, NAME, tmp_path / "out").jobs == 2


def test_text_that_utf8_cannot_hold_is_kept(account: Account, wire: Wire, tmp_path: Path) -> None:
    change(wire, JOB, FailureReason="half \ud800 a pair")
    fetch_tuning_job(account, NAME, tmp_path / "out")
    for path in (tmp_path / "out" / "training-jobs").iterdir():
        assert json.loads(path.read_text())["FailureReason"] == "half \ud800 a pair"


# --- without end -----------------------------------------------------------------------------


def tokens(wire: Wire, target: str, every: int, empty: bool) -> None:
    """Let an operation answer for ever, with so many tokens in turn."""
    at = {"NextToken": "NextToken", "nextForwardToken": "nextToken"}
    first: list[bytes] = []

    def endless(answer: tuple[int, bytes], sent: int) -> tuple[int, bytes]:
        first.append(answer[1])
        body = json.loads(first[0])
        for key, value in body.items():
            if isinstance(value, list) and empty:
                body[key] = []
        given = f"t{sent % every}"
        keys = (*at, *at.values())
        return 200, json.dumps(body | dict.fromkeys(keys, given)).encode()

    wire.faults[target, b""] = endless


@pytest.mark.parametrize("every", [1, 2, 10**9])
@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("target", [LISTS, STREAMS, EVENTS])
def test_answers_without_end_come_to_one(
    account: Account,
    wire: Wire,
    true: dict[str, bytes],
    tmp_path: Path,
    target: str,
    every: int,
    empty: bool,
) -> None:
    tokens(wire, target, every, empty)
    # The same token after an empty page is how a log stream ends.
    if target == EVENTS and every == 1 and empty:
        fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
        assert [note.code for note in fetched.notes] == ["streams_empty"]
    else:
        with pytest.raises(EsimError) as error:
            fetch_tuning_job(account, NAME, tmp_path / "out")
        assert not isinstance(error.value, BugError)
        operation = target.rpartition(".")[2]
        assert operation in str(error.value)
        said = ("have no end", "repeats the token", "asked for streams of")
        assert any(words in str(error.value) for words in said)
    wire.faults.clear()
    fetch_tuning_job(account, NAME, tmp_path / "out")
    assert contents(tmp_path / "out") == true


def test_empty_pages_in_the_middle_are_passed_over(
    account: Account, wire: Wire, true: dict[str, bytes], tmp_path: Path
) -> None:
    """A page may be empty without being the last, a few times in a row."""
    some = answers.MOST_IDLE - 1

    def gaps(answer: tuple[int, bytes], sent: int) -> tuple[int, bytes]:
        asked = seen[0]
        token = asked.get("nextToken", "")
        if token.startswith("gap"):
            number, _, back = token.removeprefix("gap").partition(" ")
            follows = f"gap{int(number) + 1} {back}" if int(number) < some else back
            body = {"events": [], "nextForwardToken": follows, "nextBackwardToken": "b"}
            return 200, json.dumps(body).encode()
        body = json.loads(answer[1])
        if body["events"] and body["nextForwardToken"].endswith("-0"):
            body["nextForwardToken"] = f"gap1 {body['nextForwardToken']}"
        return 200, json.dumps(body).encode()

    seen: list[dict[str, Any]] = []
    send = wire.send

    def sending(request: Any) -> Any:
        seen[:] = [json.loads(request.body)]
        return send(request)

    stream = first_stream(wire.account)
    wire.account.streams = {stream: wire.account.streams[stream]}
    expected = {name: data for name, data in true.items() if stream.partition("/")[2] in name}
    wire.faults[EVENTS, b""] = gaps
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wire, "send", sending)
        fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert fetched.events == 9
    there = contents(tmp_path / "out")
    assert {name: there[name] for name in there if "/algo" in name}.items() <= expected.items()


# --- what is asked again ---------------------------------------------------------------------


def test_an_empty_stream_of_a_job_that_ended_is_asked_again(
    account: Account, wire: Wire, true: dict[str, bytes], tmp_path: Path
) -> None:
    stream = first_stream(wire.account)
    events = wire.account.streams[stream]
    wire.account.streams[stream] = []
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert [(note.code, note.names) for note in fetched.notes] == [("streams_empty", (stream,))]
    empty = contents(tmp_path / "out")
    again = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert (again.jobs_fetched, again.notes) == (1, fetched.notes)
    assert contents(tmp_path / "out") == empty
    wire.account.streams[stream] = events
    fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
    assert (fetched.jobs_fetched, fetched.notes) == (1, ())
    assert contents(tmp_path / "out") == true


def test_a_complete_folder_stays_readable_while_an_empty_stream_is_asked_again(
    account: Account, wire: Wire, true: dict[str, bytes], tmp_path: Path
) -> None:
    stream = first_stream(wire.account)
    events = wire.account.streams[stream]
    wire.account.streams[stream] = []
    fetch_tuning_job(account, NAME, tmp_path / "out")
    reports = read_study(tmp_path / "out").n_reports
    change(wire, EVENTS, events=None)
    with pytest.raises(EsimError, match="not an answer"):
        fetch_tuning_job(account, NAME, tmp_path / "out")
    assert read_study(tmp_path / "out").n_reports == reports
    wire.faults.clear()
    wire.account.streams[stream] = events
    fetch_tuning_job(account, NAME, tmp_path / "out")
    assert contents(tmp_path / "out") == true


def test_a_description_that_was_stored_stays_when_the_job_is_deleted(
    account: Account, wire: Wire, true: dict[str, bytes], tmp_path: Path
) -> None:
    stream = first_stream(wire.account)
    wire.account.streams[stream], events = [], wire.account.streams[stream]
    fetch_tuning_job(account, NAME, tmp_path / "out")
    wire.account.streams[stream] = events
    wire.account.training_jobs.clear()  # the lists and the logs are kept for longer
    assert fetch_tuning_job(account, NAME, tmp_path / "out").notes == ()
    assert contents(tmp_path / "out") == true


def test_jobs_that_are_counted_and_not_listed_are_noted(
    account: Account, wire: Wire, tmp_path: Path
) -> None:
    wire.account.tuning_jobs[NAME]["TrainingJobStatusCounters"] = {"Completed": 2, "Stopped": 3}
    for _ in range(2):
        fetched = fetch_tuning_job(account, NAME, tmp_path / "out")
        assert [(note.code, note.count) for note in fetched.notes] == [("jobs_unlisted", 3)]


def test_a_damaged_journal_or_list_is_fetched_again_or_refused(
    account: Account, wire: Wire, true: dict[str, bytes], tmp_path: Path
) -> None:
    def before(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "GetLogEvents" and parameters["logStreamName"] == last:
            raise RefusedError("ExpiredTokenException")

    last = max(wire.account.streams)
    wire.account.before = before
    with pytest.raises(EsimError, match="expired"):
        fetch_tuning_job(account, NAME, tmp_path / "out")
    wire.account.before = lambda *_: None
    journal = tmp_path / "out" / ".fetch.jsonl"
    lines = journal.read_text().splitlines()
    odd = ["[]", "3", "{}", '{"job": 1, "stream": []}', '{"TrainingJobName": null}', "[" * 99_999]
    odd += [line.replace('"size": ', '"size": "a') for line in lines]
    journal.write_text("\n".join([*lines, *odd]))
    fetch_tuning_job(account, NAME, tmp_path / "out")
    assert contents(tmp_path / "out") == true
    listed = tmp_path / "out" / "list-training-jobs-for-hyper-parameter-tuning-job.json"
    shutil.rmtree(tmp_path / "out" / "logs")
    for text in ("{", "[]", '{"TrainingJobSummaries": [1]}'):
        listed.write_text(text)
        del wire.account.summaries[NAME][1:]
        with pytest.raises(EsimError, match="not what esim fetch wrote") as error:
            fetch_tuning_job(account, NAME, tmp_path / "out")
        assert str(listed) in str(error.value)


# --- a full disk -----------------------------------------------------------------------------


@contextmanager
def full_from(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def full_at(sync: int) -> Any:
    """The disk is full when a file is flushed to it, from the n-th on."""
    left = [sync]

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return patch.object(os, "fsync", fsync)


@pytest.mark.parametrize(
    "full",
    # The files have 248 to 4,219 bytes; all seven are flushed.
    [
        *(partial(full_from, size) for size in (0, 1, 200, 400, 900, 1500, 2500, 3300)),
        *(partial(full_at, sync) for sync in range(7)),
    ],
    ids=lambda full: f"{full.func.__name__}-{full.args[0]}",
)
def test_after_a_full_disk_the_next_run_goes_on(
    account: Account, true: dict[str, bytes], tmp_path: Path, full: Any
) -> None:
    out = tmp_path / "out"
    with full(), pytest.raises(EsimError) as error:
        fetch_tuning_job(account, NAME, out)
    assert not isinstance(error.value, BugError)
    assert str(error.value).startswith(f"{out}: cannot be written")
    assert re.search("File too large|No space left", str(error.value))
    assert "run the same command again" in str(error.value)
    assert "describe-hyper-parameter-tuning-job.json" not in contents(out)
    fetch_tuning_job(account, NAME, out)
    assert contents(out) == true


# --- any answer ------------------------------------------------------------------------------


def test_a_name_that_is_listed_twice_is_fetched_once(
    account: Account, wire: Wire, true: dict[str, bytes], tmp_path: Path
) -> None:
    summaries = wire.account.summaries[NAME]
    wire.account.summaries[NAME] = [summaries[0], summaries[0], *summaries, summaries[1]]
    fetch_tuning_job(account, NAME, tmp_path / "out")
    assert contents(tmp_path / "out") == true
    fetched, gone = fetch_tuning_jobs(account, tmp_path / "all")
    assert ([one.jobs for one in fetched], gone) == ([2], [])


def test_no_answer_ends_in_a_traceback() -> None:
    """A few changes; `python -m tests.faults.fetch_fuzz` makes any number."""
    found = run(60, seed=16).totals()
    assert found["BUG"] == 0
    assert found["error"] > 30
    assert found["same"] > 3
