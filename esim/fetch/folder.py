"""`Folder`, the folder of a tuning job, which knows what was fetched into it and is complete.

| file | contents |
|---|---|
| describe-hyper-parameter-tuning-job.json | written last, as readers refuse a folder without it |
| list-training-jobs-for-hyper-parameter-tuning-job.json | all pages as one |
| training-jobs/<job>.json | describe-training-job |
| logs/<job>/algo-1-<epoch>.log.zst | one file for each log stream |
| fetch.json | what was fetched, the hash of each file, and what AWS no longer had |
| .fetch.jsonl | the journal of an unfinished fetch |

Every file is written under another name and renamed, so that it is there completely or not at all.
The journal says which files were written after their job had ended; those are not fetched again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from esim.errors import EsimError
from esim.fetch.documents import PART, encoded, write_whole
from esim.storage.fetched import (
    ENDED,
    MANIFEST,
    SCHEMA,
    STATUS,
    FetchedJob,
    FetchedStream,
    job_of,
    manifest_of,
    not_written,
    stream_of,
)

DESCRIPTION = "describe-hyper-parameter-tuning-job.json"
JOBS = "list-training-jobs-for-hyper-parameter-tuning-job.json"
JOURNAL = ".fetch.jsonl"


@dataclass(frozen=True)
class FetchNote:
    """A note on something that AWS no longer had, or that was not finished yet.

    Attributes:
        code: a fixed word that names the kind of note.
        text: the note as a sentence.
        count: how many jobs or streams it is about.
        names: these jobs or streams.
    """

    code: str
    text: str
    count: int
    names: tuple[str, ...]


class Folder:
    """The folder of a tuning job. `keep` and `keep_stream` may be called by several threads.

    Attributes:
        path: the folder.
        identity: what tells the tuning job apart from others of the same name.
        jobs: the training jobs that have been fetched, by name.
        status: the tuning job's status when a fetch was last completed; None if none was.
    """

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        """Look at what is in the folder; nothing is written.

        Args:
            path: the folder; it need not exist.
            identity: the ARN and creation time of the tuning job, as several may have one name.

        Raises:
            EsimError: the folder is of another tuning job, or holds other files.
        """
        self.path, self.identity = path, dict(identity)
        self.jobs: dict[str, FetchedJob] = {}
        self._whole: dict[str, dict[str, FetchedStream]] = {}  # streams of jobs that had ended
        self.status: str | None = None
        self._journal: IO[str] | None = None
        self._lock = threading.Lock()
        if not path.exists():
            return
        if not path.is_dir():
            raise EsimError("a file stands there", where=str(path), fix="--out NEW_FOLDER")
        manifest, journal = path / MANIFEST, path / JOURNAL
        if manifest.exists():
            self._read_manifest(manifest)
        if journal.exists():
            self._read_journal(journal)
        elif not manifest.exists() and any(path.iterdir()):
            raise EsimError(
                "the folder holds other things", where=str(path), fix="--out NEW_FOLDER"
            )

    @property
    def complete(self) -> bool:
        """Whether everything has been fetched and will not change any more."""
        whole = (self.path / name for name in (DESCRIPTION, JOBS, MANIFEST))
        return (
            self.status in ENDED
            and not (self.path / JOURNAL).exists()
            and all(file.exists() for file in whole)
            and all(self.has_job(job) for job in self.jobs)
        )

    def has_job(self, name: str) -> bool:
        """Whether a training job had ended when it was fetched, and all its files are there."""
        job = self.jobs.get(name)
        if job is None or not job.ended:
            return False
        known = not job.described or self.description_of(name).exists()
        return known and all(self._has_file(stream) for stream in job.streams)

    def described(self, name: str) -> FetchedJob | None:
        """A training job that had ended when its description was stored, which is still there."""
        job = self.jobs.get(name)
        stored = job is not None and job.described and self.description_of(name).exists()
        return job if job is not None and stored and job.ended else None

    def streams_of(self, name: str) -> dict[str, FetchedStream]:
        """Those log streams of a training job whose files are there, by name."""
        job = self.jobs.get(name)
        known = {stream.name: stream for stream in job.streams} if job else {}
        known |= self._whole.get(name, {})
        return {stream: known[stream] for stream in known if self._has_file(known[stream])}

    def is_whole(self, job: str, stream: FetchedStream) -> bool:
        """Whether a log stream was written after its job had ended, so that it is complete."""
        return stream == self._whole.get(job, {}).get(stream.name)

    def vanished(self, listed: Collection[str]) -> list[dict[str, Any]]:
        """The summaries of training jobs that are in the folder and that AWS no longer lists.

        Args:
            listed: the names of the training jobs that AWS lists.

        Raises:
            EsimError: the list of an earlier fetch is damaged.
        """
        lost = set(self.jobs) - set(listed)
        if not lost or not (self.path / JOBS).exists():
            return []
        listed_before = _json_of(self.path / JOBS)
        try:
            summaries = listed_before["TrainingJobSummaries"]
            known = {s["TrainingJobName"]: {"TrainingJobStatus": "", **s} for s in summaries}
            return [summary for name, summary in known.items() if name in lost]
        except (KeyError, TypeError, ValueError) as error:
            raise not_written(str(self.path / JOBS), f"{type(error).__name__}: {error}") from None

    def description_of(self, job: str) -> Path:
        """The file of a training job's description."""
        return self.path / "training-jobs" / f"{job}.json"

    def begin(self) -> None:
        """Begin to write; until `finish` readers refuse a folder that was not complete before.

        What was complete is only added to, such as the events of a stream that was empty.

        Raises:
            EsimError: another process writes into the folder.
            OSError: the folder cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._journal = (self.path / JOURNAL).open("a", encoding="utf-8", newline="\n")
        if not _locked(self._journal):
            self.close()
            raise EsimError("another esim fetch is writing here", where=str(self.path))
        self._journal.write("\n")  # ends a line that an interrupted fetch may have left
        self._note(self.identity)
        if self.status not in ENDED:
            (self.path / DESCRIPTION).unlink(missing_ok=True)

    def keep_stream(self, job: str, stream: FetchedStream) -> None:
        """Record in the journal that a log stream of a training job that has ended is complete."""
        self._note({"job": job, "stream": asdict(stream)})
        self._whole.setdefault(job, {})[stream.name] = stream

    def keep(self, job: FetchedJob) -> None:
        """Record in the journal that a training job has been fetched."""
        self._note(job.entry())
        self._hold(job)

    def finish(
        self, description: str, status: str, jobs: Sequence[FetchedJob], notes: Sequence[FetchNote]
    ) -> None:
        """Write what makes the folder complete; the description is written last.

        Args:
            description: the description of the tuning job, as JSON text.
            status: its HyperParameterTuningJobStatus.
            jobs: its training jobs.
            notes: notes on what AWS no longer had.

        Raises:
            OSError: the folder cannot be written.
        """
        for part in (*self.path.glob(f"*{PART}"), *self.path.glob(f"*/**/*{PART}")):
            part.unlink()
        stored = [self.path / JOBS, *(self.description_of(job.name) for job in jobs)]
        hashes = {
            file.relative_to(self.path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in stored
            if file.exists()
        }
        hashes[DESCRIPTION] = hashlib.sha256(encoded(description)).hexdigest()
        manifest = {
            "schema": SCHEMA,
            **self.identity,
            STATUS: status,
            "TrainingJobs": [job.entry() for job in jobs],
            "documents": hashes,
            "notes": [asdict(note) for note in notes],
        }
        write_whole(self.path / MANIFEST, json.dumps(manifest, indent=2) + "\n")
        self.close()
        (self.path / JOURNAL).unlink()
        write_whole(self.path / DESCRIPTION, description)
        self.status, self.jobs = status, {job.name: job for job in jobs}

    def close(self) -> None:
        """Close the journal, if it is open."""
        if self._journal is not None:
            with suppress(OSError):  # of what could not be written, which was an error before
                self._journal.close()
            self._journal = None

    def _note(self, entry: Mapping[str, Any]) -> None:
        if self._journal is None:
            raise RuntimeError("begin() comes first")
        with self._lock:
            self._journal.write(json.dumps(entry) + "\n")
            self._journal.flush()

    def _read_manifest(self, path: Path) -> None:
        value = _json_of(path)
        manifest = manifest_of(value, str(path))
        self._require_same_job(value)
        self.status = manifest.status
        for job in manifest.jobs:
            self._hold(job)

    def _read_journal(self, path: Path) -> None:
        """Read what an unfinished fetch recorded.

        What a line that was cut off or damaged says is fetched again.
        """
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if not isinstance(entry, dict):
                continue
            if self.identity.keys() <= entry.keys():
                self._require_same_job(entry)
                continue
            with suppress(EsimError):
                if "stream" in entry:
                    stream = stream_of(entry["stream"], str(path))
                    self._whole.setdefault(str(entry.get("job")), {})[stream.name] = stream
                else:
                    self._hold(job_of(entry, str(path)))

    def _hold(self, job: FetchedJob) -> None:
        self.jobs[job.name] = job
        if job.ended:
            self._whole[job.name] = {stream.name: stream for stream in job.streams}

    def _has_file(self, stream: FetchedStream) -> bool:
        """Whether the file of a log stream is there and has its size.

        An empty stream has none, so that it is asked for again: its emptiness may have been that of
        an answer.
        """
        if stream.file is None:
            return False
        try:
            return (self.path / stream.file).stat().st_size == stream.size
        except (OSError, ValueError):  # the latter: no name of a file
            return False

    def _require_same_job(self, found: Mapping[str, Any]) -> None:
        other = {key: found.get(key) for key in self.identity}
        if other != self.identity:
            raise EsimError(
                "the folder holds another tuning job",
                where=str(self.path),
                why=f"{_words(other)}; asked for {_words(self.identity)}",
                fix="--out NEW_FOLDER",
            )


def _json_of(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise not_written(str(path), f"{type(error).__name__}: {error}") from None


def _words(identity: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in identity.values())


def _locked(stream: IO[str]) -> bool:
    """Lock a file; False if another process has locked it. Always True without such locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
