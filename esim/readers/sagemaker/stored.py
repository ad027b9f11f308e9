"""Holds the logs that `esim fetch` stored against the hashes in its `fetch.json`.

A bit that flipped on a disk is a wrong number that nobody sees; a log that somebody edited is no
longer the job's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from esim.errors import EsimError
from esim.readers.assembly import some
from esim.readers.encodings.aws_json import documents
from esim.readers.source import File
from esim.storage.fetched import MANIFEST, SCHEMA, FetchedStream, is_manifest, manifest_of
from esim.study import Note


@contextmanager
def as_stored(files: Sequence[File]) -> Iterator[list[Note]]:
    """Refuses files that are read inside and are not what a `fetch.json` says was stored.

    They are compared at the end, as readers hash what they read, and also after an error, which may
    come of the change. A log that was decompressed since is compared too.

    Args:
        files: the files of the input.

    Yields:
        The note on logs that are named and are not there, if any.

    Raises:
        EsimError: a `fetch.json` is broken, or a log has changed.
    """
    by_path = {str(file.path): file for file in files}
    stored: list[tuple[File, FetchedStream, File]] = []
    lost: list[str] = []
    for manifest in files:
        if manifest.base == MANIFEST and SCHEMA.encode() in manifest.head:
            for stream in _streams(manifest):
                path = str(manifest.path.parent / str(stream.file))
                file = by_path.get(path, by_path.get(path.removesuffix(".zst")))
                if file is None:
                    lost.append(path)
                else:
                    stored.append((file, stream, manifest))
    text = f"{len(lost)} log(s) that esim fetch stored are not there: {some(lost)}"
    try:
        yield [Note("streams_lost", text, len(lost))] if lost else []
    finally:
        for file, stream, manifest in stored:
            if file.sha256 is not None:
                _require_unchanged(file, stream, manifest)


def _streams(manifest: File) -> list[FetchedStream]:
    """The streams with a file that a manifest names; none if it is another JSON file."""
    return [
        stream
        for value in documents(manifest)
        if is_manifest(value)
        for job in manifest_of(value, str(manifest)).jobs
        for stream in job.streams
        if stream.file is not None
    ]


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
