"""Downloads tuning jobs with their training jobs and logs, a folder for each."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from esim.errors import EsimError, bugs, near_names, plural
from esim.fetch.account import WORKERS, Account
from esim.fetch.answers import CONTINUE, unusable
from esim.fetch.documents import document, iso, write_whole
from esim.fetch.faults import GoneError
from esim.fetch.folder import JOBS, FetchNote, Folder
from esim.fetch.permissions import LOG_GROUP, OPERATIONS
from esim.fetch.streams import SUFFIX, download
from esim.storage.fetched import ENDED, STATUS, FetchedJob, FetchedStream
from esim.storage.folders import unique_slugs

SUMMARY = "esim.fetched/1"  # the schema of `FetchSummary`
PAGE = 100  # jobs on a page, the most that AWS allows
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_ANSWERS = "AWS's answers"
NEAR_PAGES = 10  # pages of the account's tuning jobs that are searched for near names

# Called with the tuning job's name, how many training jobs are done, and how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Fetched:
    """The result of fetching one tuning job.

    Attributes:
        tuning_job: its name.
        folder: its folder.
        status: its HyperParameterTuningJobStatus.
        jobs: how many training jobs are in the folder.
        jobs_fetched: how many of them were fetched now; the others were there already.
        streams, events: how many log streams and log events are in the folder.
        size: the size of all log files in bytes.
        notes: what AWS no longer has, and what was not finished yet.
    """

    tuning_job: str
    folder: str
    status: str
    jobs: int
    jobs_fetched: int
    streams: int
    events: int
    size: int
    notes: tuple[FetchNote, ...]


@dataclass(frozen=True)
class FetchSummary:
    """What was fetched: the document of `esim fetch sagemaker --json`.

    Attributes:
        esim: the version that wrote it.
        region: the region of the account.
        tuning_jobs: the tuning jobs that were fetched.
        deleted: the names of those that were deleted meanwhile.
    """

    esim: str
    region: str
    tuning_jobs: tuple[Fetched, ...]
    deleted: tuple[str, ...]


def fetch_tuning_job(
    account: Account, name: str, out: Path, progress: Progress | None = None
) -> Fetched:
    """Fetch a tuning job into a folder, or what is missing there.

    Training jobs that had ended when they were fetched are not fetched again.

    Args:
        account: the account and region.
        name: the tuning job's name.
        out: the folder: a new or empty one, or one of an earlier fetch of this tuning job.
        progress: called after each training job.

    Raises:
        EsimError: there is no such tuning job (the error lists near names), AWS refuses, or the
            folder holds something else or cannot be written.
    """
    with bugs(_ANSWERS):
        try:
            return _fetch(account, name, out, progress)
        except GoneError as error:
            near = _near(account, name)
            here = f"{account.region} has {near}" if near else f"none is known in {account.region}"
            fix = f"{here}; --region names another"
            raise GoneError(error.what, why=error.why, fix=fix) from None


def fetch_tuning_jobs(
    account: Account, out: Path, since: datetime | None = None, progress: Progress | None = None
) -> tuple[list[Fetched], list[str]]:
    """Fetch every tuning job of the account and region, each into a folder of its name.

    Args:
        account: the account and region.
        out: the folder in which the folders are created.
        since: fetch only tuning jobs created at this time or later; None fetches all.
        progress: called after each training job.

    Returns:
        The result for each tuning job, the oldest first, and the names of those that were deleted
        meanwhile.

    Raises:
        EsimError: as `fetch_tuning_job`.
    """
    fetched: list[Fetched] = []
    gone: list[str] = []
    with bugs(_ANSWERS):
        for name in list(_names(account, since)):
            try:
                fetched.append(_fetch(account, name, out / name, progress))
            except GoneError:
                gone.append(name)
    return fetched, gone


def _names(account: Account, since: datetime | None = None) -> Iterator[str]:
    """The names of the account's tuning jobs, the oldest first."""
    summaries = account.items(
        "list_hyper_parameter_tuning_jobs",
        f"list of tuning jobs in {account.region}",
        MaxResults=PAGE,
        SortBy="CreationTime",
        SortOrder="Ascending",
        **({} if since is None else {"CreationTimeAfter": since}),
    )
    for summary in summaries:
        yield _named(summary["HyperParameterTuningJobName"])


def _named(name: str) -> str:
    """The name of a job as AWS allows it, which can be that of a file or folder too.

    Raises:
        EsimError: it is another, which may lead out of the folder.
    """
    if not _NAME.fullmatch(name):
        why = "at most 63 letters, digits and hyphens"
        raise EsimError(f"{name!r} is no name that AWS gives a job", why=why)
    return name


def _near(account: Account, name: str) -> str:
    """The tuning jobs with names most like a wrong one, as text; "" if they may not be listed."""
    try:
        known = list(islice(_names(account), NEAR_PAGES * PAGE))
    except EsimError:
        return ""
    return near_names(name, known)


def _fetch(account: Account, name: str, out: Path, progress: Progress | None) -> Fetched:
    what = f"tuning job {name!r} in {account.region}"
    described = account.call(
        "describe_hyper_parameter_tuning_job", what, HyperParameterTuningJobName=name
    )
    status = described[STATUS]
    identity = {
        "HyperParameterTuningJobArn": described["HyperParameterTuningJobArn"],
        "CreationTime": iso(described["CreationTime"]),
    }
    try:
        folder = Folder(out, identity)
        complete = folder.complete
    except OSError as error:
        raise EsimError("cannot be read", where=str(out), why=str(error)) from error
    counted = sum(described.get("TrainingJobStatusCounters", {}).values())
    if complete:
        return _fetched(name, folder, 0, counted)
    summaries = list(
        account.items(
            "list_training_jobs_for_hyper_parameter_tuning_job",
            what,
            HyperParameterTuningJobName=name,
            MaxResults=PAGE,
            SortBy="CreationTime",
            SortOrder="Ascending",  # jobs that start meanwhile come last
        )
    )
    try:
        folder.begin()
        summaries += folder.vanished({s["TrainingJobName"] for s in summaries})
        names = [_named(summary["TrainingJobName"]) for summary in summaries]
        write_whole(out / JOBS, document({"TrainingJobSummaries": summaries}))
        missing = [s for s, n in zip(summaries, names, strict=True) if not folder.has_job(n)]

        def tell(done: int) -> None:
            if progress is not None:
                progress(name, len(names) - len(missing) + done, len(names))

        _fetch_jobs(account, folder, missing, tell)
        jobs = [folder.jobs[n] for n in names]
        text = document(described, "HyperParameterTuningJobName", "HyperParameterTuningJobConfig")
        folder.finish(text, status, jobs, _notes(jobs, status, counted))
    except OSError as error:
        raise EsimError(
            "cannot be written", where=str(out), why=str(error), fix=f"when it can, {CONTINUE}"
        ) from error
    finally:
        folder.close()
    return _fetched(name, folder, len(missing), counted)


def _fetch_jobs(
    account: Account,
    folder: Folder,
    summaries: Sequence[dict[str, Any]],
    tell: Callable[[int], None],
) -> None:
    """Fetch training jobs, WORKERS at a time; after an error the others end at their next page."""
    stopped = threading.Event()

    def raise_if_stopped() -> None:
        if stopped.is_set():
            raise EsimError("stopped")  # never shown, as another error or Ctrl-C came first

    pool = ThreadPoolExecutor(WORKERS)
    try:
        tell(0)
        under_way = [
            pool.submit(_fetch_job, account, folder, s, raise_if_stopped) for s in summaries
        ]
        for done, future in enumerate(as_completed(under_way), start=1):
            future.result()
            tell(done)
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def _fetch_job(
    account: Account, folder: Folder, summary: dict[str, Any], raise_if_stopped: Callable[[], None]
) -> None:
    """Fetch a training job: its description and its log streams."""
    name = summary["TrainingJobName"]
    what = f"training job {name!r} in {account.region}"
    raise_if_stopped()
    try:
        described = account.call("describe_training_job", what, TrainingJobName=name)
    except GoneError:  # it was deleted, but its logs may still be there
        described = None
    before = folder.described(name) if described is None else None
    status = before.status if before else (described or summary)["TrainingJobStatus"]
    job = FetchedJob(name, status, bool(before or described), ())
    known = folder.streams_of(name)
    # Listed after the description was read: if that says that the job has ended, they are complete.
    names = sorted({*known, *_stream_names(account, name)})
    files = unique_slugs([stream.removeprefix(f"{name}/") for stream in names])
    streams: list[FetchedStream] = []
    for stream, slug in zip(names, files, strict=True):
        one = known.get(stream)
        if one is None or not (job.ended and folder.is_whole(name, one)):
            file = f"logs/{name}/{slug}{SUFFIX}"
            one = download(account, stream, folder.path, file, raise_if_stopped, one)
            if job.ended:
                folder.keep_stream(name, one)
        streams.append(one)
    if described is not None:
        write_whole(folder.description_of(name), document(described, "TrainingJobName"))
    folder.keep(replace(job, streams=tuple(streams)))


def _stream_names(account: Account, job: str) -> list[str]:
    """The names of a training job's log streams."""
    what = f"log streams of {job} in {account.region}"
    prefix = f"{job}/"
    try:
        found = account.items(
            "describe_log_streams", what, logGroupName=LOG_GROUP, logStreamNamePrefix=prefix
        )
        names = [stream["logStreamName"] for stream in found]
    except GoneError:  # there is no log group
        return []
    if strange := [name for name in names if not name.startswith(prefix)]:
        why = f"asked for streams of {job}, it has {strange[0]!r:.80}"
        raise unusable(OPERATIONS["describe_log_streams"], why)
    return names


def _notes(jobs: Sequence[FetchedJob], status: str, counted: int) -> list[FetchNote]:
    """Notes on what AWS no longer has, and on what was not finished yet.

    Args:
        jobs: the training jobs that are known.
        status: the tuning job's status.
        counted: how many training jobs its description counts.
    """
    running = [job.name for job in jobs if not job.ended]
    deleted = [job.name for job in jobs if not job.described]
    silent = [job.name for job in jobs if job.ended and not job.streams]
    empty = [s.name for job in jobs if job.ended for s in job.streams if not s.events]
    told = [
        (
            "jobs_running",
            running,
            "training job",
            "had not ended: fetch again later",
        ),
        (
            "jobs_deleted",
            deleted,
            "training job",
            "deleted: known from the list alone, without regexes and times",
        ),
        (
            "logs_missing",
            silent,
            "training job",
            f"without a stream in {LOG_GROUP}: expired by its retention, or never begun",
        ),
        ("streams_empty", empty, "log stream", "without an event"),
    ]
    notes = [
        FetchNote(
            code, f"{plural(len(names), what)} {text}: {_some(names)}", len(names), tuple(names)
        )
        for code, names, what, text in told
        if names
    ]
    if counted > len(jobs):
        text = f"the description counts {counted} training jobs, and AWS lists {len(jobs)}"
        notes.insert(0, FetchNote("jobs_unlisted", text, counted - len(jobs), ()))
    if status not in ENDED:
        text = f"the tuning job had not ended ({status}): fetch again later"
        notes.insert(0, FetchNote("tuning_job_running", text, 1, ()))
    return notes


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _fetched(name: str, folder: Folder, jobs_fetched: int, counted: int) -> Fetched:
    jobs = list(folder.jobs.values())
    streams = [stream for job in jobs for stream in job.streams]
    return Fetched(
        tuning_job=name,
        folder=str(folder.path),
        status=folder.status or "",
        jobs=len(jobs),
        jobs_fetched=jobs_fetched,
        streams=len(streams),
        events=sum(stream.events for stream in streams),
        size=sum(stream.size for stream in streams),
        notes=tuple(_notes(jobs, folder.status or "", counted)),
    )
