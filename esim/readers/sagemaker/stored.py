"""Holds the logs that `esim fetch` stored against the hashes in its `fetch.json`.

A bit that flipped on a disk is a wrong number that nobody sees; a log that somebody edited is no
longer the job's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings.aws_json import documents as read_json
from esim.readers.source import File
from esim.storage.fetched import MANIFEST, SCHEMA, FetchedStream, is_manifest, manifest_of
from esim.study import Note


@dataclass(frozen=True)
class Stored:
    """What `fetch.json` files name.

    Attributes:
        logs: the logs that are there, what was stored, and where that is recorded.
        documents: the JSON files that are there, and their hashes.
        lost: the paths of logs that are not there.
    """

    logs: tuple[tuple[File, FetchedStream, File], ...]
    documents: tuple[tuple[File, str], ...]
    lost: tuple[str, ...]

    def notes(self) -> list[Note]:
        """Notes on logs that are not there, and on JSON files that have been read and changed.

        A person may have changed these, to correct a regex.
        """
        changed = [
            str(file) for file, sha256 in self.documents if file.sha256 not in (None, sha256)
        ]
        told = (
            ("streams_lost", self.lost, "log", "missing of those that esim fetch stored"),
            ("documents_changed", changed, "JSON file", "changed since esim fetch stored them"),
        )
        return [
            Note(code, f"{plural(len(paths), what)} {text}: {some(paths)}", len(paths))
            for code, paths, what, text in told
            if paths
        ]

    def require_unchanged(self) -> None:
        """Refuse logs that have been read and changed.

        Raises:
            EsimError: one has.
        """
        for file, stream, manifest in self.logs:
            if file.sha256 is not None:
                _require_unchanged(file, stream, manifest)


@contextmanager
def as_stored(files: Sequence[File]) -> Iterator[Stored]:
    """Refuses logs that are read inside and are not what a `fetch.json` says was stored.

    They are compared at the end, as readers hash what they read, and also after an error, which may
    come of the change. A log that was decompressed since is compared too.

    Args:
        files: the files of the input.

    Raises:
        EsimError: a `fetch.json` is broken, or a log has changed.
    """
    by_path = {str(file.path): file for file in files}
    logs: list[tuple[File, FetchedStream, File]] = []
    documents: list[tuple[File, str]] = []
    lost: list[str] = []
    for at in files:
        if at.base != MANIFEST or SCHEMA.encode() not in at.head:
            continue
        for manifest in (manifest_of(v, str(at)) for v in read_json(at) if is_manifest(v)):
            for name, sha256 in manifest.documents.items():
                if file := by_path.get(str(at.path.parent / name)):
                    documents.append((file, sha256))
            for stream in (s for job in manifest.jobs for s in job.streams if s.file is not None):
                path = str(at.path.parent / str(stream.file))
                log = by_path.get(path, by_path.get(path.removesuffix(".zst")))
                if log is None:
                    lost.append(path)
                else:
                    logs.append((log, stream, at))
    stored = Stored(tuple(logs), tuple(documents), tuple(lost))
    try:
        yield stored
    finally:
        stored.require_unchanged()


def _require_unchanged(file: File, stream: FetchedStream, manifest: File) -> None:
    expected, actual = stream.file_sha256, file.sha256
    if expected is None or not file.name.endswith(str(stream.file)):
        expected = stream.sha256
        if expected is None:
            return
        # It was decompressed since, or an earlier version stored it.
        actual = hashlib.sha256(file.read()).hexdigest()
    if actual != expected:
        raise EsimError(
            "not what esim fetch stored",
            where=str(file),
            why=f"its sha256 is {actual}; {manifest} holds {expected}",
            fix="remove the file and run the same esim fetch again; if you changed it yourself, "
            f"put null for its sha256 and file_sha256 in {manifest}",
        )
