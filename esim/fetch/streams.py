"""Log streams to files that the reader takes fastest: a line an event, behind its time.

The form is that of CloudWatch's own export to S3, ``2026-11-23T16:11:03.000Z message``, and of it
the reader gives the same lines and the same times as of get-log-events JSON, six times faster. It
is compressed with zstd: a tenth of the size for a sixth more reading time (gzip: two fifths).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from esim.fetch.account import Account
from esim.fetch.documents import PART
from esim.fetch.faults import GoneError
from esim.fetch.permissions import LOG_GROUP

SUFFIX = ".log.zst"
PAGE_EVENTS = 10_000  # the most that a page may hold, or 1 MB

_LEVEL = 3
_BLOCK = 1 << 20
_EPOCH = datetime(1970, 1, 1)

Event = Mapping[str, Any]  # timestamp (ms), message


@dataclass(frozen=True)
class FetchedStream:
    """A log stream that has been downloaded.

    Attributes:
        name: CloudWatch's, ``<job>/algo-1-<epoch>``.
        file: below the folder; None if the stream is empty.
        events: how many it has.
        size: of the file, in bytes.
        sha256: of the text before compression.
    """

    name: str
    file: str | None
    events: int
    size: int
    sha256: str | None


def download(
    account: Account,
    name: str,
    folder: Path,
    file: str,
    raise_if_stopped: Callable[[], None],
    there: FetchedStream | None = None,
) -> FetchedStream:
    """Download a stream, a page in memory at a time; the file is there whole or not at all.

    Args:
        file: where, below the folder.
        raise_if_stopped: raises if the download is to end.
        there: what was downloaded before, of a job that ran; it stays, and is returned, if AWS
            has fewer events by now: retention takes them.

    Raises:
        EsimError: AWS refuses.
        OSError: the disk does.
    """
    import pyarrow as pa

    codec = pa.Codec("zstd", compression_level=_LEVEL)
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    digest = hashlib.sha256()
    events = 0
    pending = bytearray()
    with part.open("wb") as stream:
        for page in _pages(account, name, raise_if_stopped):
            text = _lines(page, first=events == 0)
            events += len(page)
            digest.update(text)
            pending += text
            while len(pending) >= _BLOCK:  # of one size, whatever the size of AWS's pages
                stream.write(codec.compress(bytes(pending[:_BLOCK]), asbytes=True))
                del pending[:_BLOCK]
        if pending:
            stream.write(codec.compress(bytes(pending), asbytes=True))
        stream.flush()
        os.fsync(stream.fileno())
    if there is not None and events < there.events:
        part.unlink()
        return there
    if not events:
        part.unlink()
        return FetchedStream(name, None, 0, 0, None)
    part.replace(path)
    return FetchedStream(name, file, events, path.stat().st_size, digest.hexdigest())


def _pages(
    account: Account, name: str, raise_if_stopped: Callable[[], None]
) -> Iterator[list[Event]]:
    """The events of a stream, a page at a time. An empty page is not the end: a token twice is."""
    token: str | None = None
    while True:
        raise_if_stopped()
        try:
            page = account.call(
                "get_log_events",
                f"log stream {name!r} in {account.region}",
                logGroupName=LOG_GROUP,
                logStreamName=name,
                startFromHead=True,
                limit=PAGE_EVENTS,
                **({} if token is None else {"nextToken": token}),
            )
        except GoneError:  # its retention has ended since the streams were listed
            return
        yield page.get("events", [])
        before, token = token, page.get("nextForwardToken")
        if token is None or token == before:
            return


def _lines(events: Iterable[Event], first: bool) -> bytes:
    """Each line of an event's message behind the event's time."""
    lines: list[str] = []
    for event in events:
        at = _EPOCH + timedelta(milliseconds=event["timestamp"])
        stamp = f"{at.isoformat(timespec='milliseconds')}Z"
        message = event["message"].rstrip("\r\n")
        if first and ("/algo-" in message or "message" in message.lower()):
            # Such a first line could be taken for the beginning of another kind of export.
            lines.append(f"{stamp} ")
        first = False
        lines += [f"{stamp} {line}" for line in message.split("\n")]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
