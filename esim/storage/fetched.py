"""What `esim fetch` stores in the folder of a tuning job: its manifest, `fetch.json`.

It names every log stream with the hash of its text, so that a reader sees what changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from esim.errors import EsimError

MANIFEST = "fetch.json"
SCHEMA = "esim.fetch/1"
STATUS = "HyperParameterTuningJobStatus"
ENDED = ("Completed", "Failed", "Stopped", "DeleteFailed")


@dataclass(frozen=True)
class FetchedStream:
    """A log stream that has been downloaded.

    Attributes:
        name: its name in CloudWatch, ``<job>/algo-1-<epoch>``.
        file: its file, relative to the folder; None if the stream is empty.
        events: how many events it has.
        size: the size of the file in bytes.
        sha256: the hash of the text before compression; None if the stream is empty.
        file_sha256: the hash of the file's bytes; None if the stream is empty, or an earlier
            version wrote it.
    """

    name: str
    file: str | None
    events: int
    size: int
    sha256: str | None
    file_sha256: str | None = None


@dataclass(frozen=True)
class FetchedJob:
    """A training job that has been fetched.

    Attributes:
        name: its name.
        status: its TrainingJobStatus when it was fetched.
        described: whether AWS still had its description.
        streams: its log streams, sorted by name.
    """

    name: str
    status: str
    described: bool
    streams: tuple[FetchedStream, ...]

    @property
    def ended(self) -> bool:
        """Whether it had ended or was deleted; if not it is fetched again the next time."""
        return self.status in ENDED or not self.described

    def entry(self) -> dict[str, Any]:
        """The job as JSON. The names are SageMaker's own: readers recognise the file as a record.

        `job_of` is its inverse.
        """
        return {
            "TrainingJobName": self.name,
            "TrainingJobStatus": self.status,
            "described": self.described,
            "streams": [asdict(stream) for stream in self.streams],
        }


@dataclass(frozen=True)
class Manifest:
    """The manifest of a folder.

    Attributes:
        status: the tuning job's status when a fetch was last completed.
        jobs: the training jobs.
        documents: the hash of each JSON file beside it, by name relative to the folder; none if an
            earlier version wrote it.
    """

    status: str
    jobs: tuple[FetchedJob, ...]
    documents: Mapping[str, str]


def is_manifest(value: Any) -> bool:
    """Whether a JSON value says that it is a manifest."""
    return isinstance(value, dict) and value.get("schema") == SCHEMA and "TrainingJobs" in value


def manifest_of(value: Any, where: str) -> Manifest:
    """The manifest that a JSON value is.

    Args:
        value: the value.
        where: the file, for errors.

    Raises:
        EsimError: it is none.
    """
    if not is_manifest(value):
        raise not_written(where, f"no {SCHEMA} with TrainingJobs")
    status = _need(value, STATUS, str, where)
    entries = _need(value, "TrainingJobs", list, where)
    documents = _need({"documents": {}, **value}, "documents", dict, where)
    hashes = {name: _need(documents, name, str, where) for name in documents}
    return Manifest(status, tuple(job_of(entry, where) for entry in entries), hashes)


def job_of(value: Any, where: str) -> FetchedJob:
    """The training job that a JSON value is. It raises EsimError if it is none.

    Args:
        value: the value.
        where: the file, for errors.
    """
    entry = _object(value, where)
    return FetchedJob(
        name=_need(entry, "TrainingJobName", str, where),
        status=_need(entry, "TrainingJobStatus", str, where),
        described=_need(entry, "described", bool, where),
        streams=tuple(stream_of(each, where) for each in _need(entry, "streams", list, where)),
    )


def stream_of(value: Any, where: str) -> FetchedStream:
    """The log stream that a JSON value is. It raises EsimError if it is none.

    Args:
        value: the value.
        where: the file, for errors.
    """
    entry = _object(value, where)
    return FetchedStream(
        name=_need(entry, "name", str, where),
        file=_need(entry, "file", str, where, or_null=True),
        events=_need(entry, "events", int, where),
        size=_need(entry, "size", int, where),
        sha256=_need(entry, "sha256", str, where, or_null=True),
        file_sha256=_need({"file_sha256": None, **entry}, "file_sha256", str, where, or_null=True),
    )


def not_written(where: str, why: str) -> EsimError:
    """The error that a file is not what `esim fetch` wrote.

    Args:
        where: the file.
        why: what is wrong in it.
    """
    return EsimError(
        "not what esim fetch wrote",
        where=where,
        why=why,
        fix="remove the folder and fetch again, with --out NEW_FOLDER to keep it",
    )


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise not_written(where, f"{value!r:.80} where an object belongs")
    return value


def _need(entry: Mapping[str, Any], key: str, kind: type, where: str, or_null: bool = False) -> Any:
    value = entry.get(key)
    if or_null and key in entry and value is None:
        return None
    # For Python, True is an integer.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise not_written(where, f"{key} is {value!r:.80}" if key in entry else f"no {key}")
    return value
