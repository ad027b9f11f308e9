"""Downloads log streams into compressed text files, which are the fastest to read.

A line of a file is a line of an event behind the event's time, as in CloudWatch's own export to S3:
``2026-11-23T16:11:03.000Z message``. The reader gives the same lines and times for it as for the
JSON of get-log-events, six times faster. Compression with zstd reduces the size to a tenth and adds
a sixth to the reading time (gzip adds two fifths).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from esim.fetch.account import Account
from esim.fetch.answers import Pages, unusable
from esim.fetch.documents import PART
from esim.fetch.faults import GoneError
from esim.fetch.permissions import LOG_GROUP, OPERATIONS
from esim.storage.fetched import FetchedStream

SUFFIX = ".log.zst"
PAGE_EVENTS = 10_000  # the most events that a page may hold; it also holds at most 1 MB

_LEVEL = 3
_BLOCK = 1 << 20
_EPOCH = datetime(1970, 1, 1)

Event = Mapping[str, Any]  # has "timestamp" (milliseconds since 1970 UTC) and "message"


def download(
    account: Account,
    name: str,
    folder: Path,
    file: str,
    raise_if_stopped: Callable[[], None],
    there: FetchedStream | None = None,
) -> FetchedStream:
    """Download a log stream; the file is there completely or not at all.

    One page of events is in memory at a time.

    Args:
        account: the account and region.
        name: the stream's name.
        folder: the tuning job's folder.
        file: the file to write, relative to the folder.
        raise_if_stopped: called before each page; it raises if the download is to end.
        there: what was downloaded before, while the job was running. It is kept and returned if AWS
            now has fewer events, because their retention has ended.

    Raises:
        EsimError: AWS refuses.
        OSError: the file cannot be written.
    """
    import pyarrow as pa

    codec = pa.Codec("zstd", compression_level=_LEVEL)
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    digest, of_file = hashlib.sha256(), hashlib.sha256()
    events = 0
    pending = bytearray()
    with part.open("wb") as stream:

        def write(block: bytes) -> None:
            packed = codec.compress(block, asbytes=True)
            of_file.update(packed)
            stream.write(packed)

        for page in _pages(account, name, raise_if_stopped):
            text = _lines(page, first=events == 0)
            events += len(page)
            digest.update(text)
            pending += text
            while len(pending) >= _BLOCK:  # blocks of equal size, independent of AWS's pages
                write(bytes(pending[:_BLOCK]))
                del pending[:_BLOCK]
        if pending:
            write(bytes(pending))
        stream.flush()
        os.fsync(stream.fileno())
    if there is not None and events < there.events:
        part.unlink()
        return there
    if not events:
        part.unlink()
        return FetchedStream(name, None, 0, 0, None)
    part.replace(path)
    size = path.stat().st_size
    return FetchedStream(name, file, events, size, digest.hexdigest(), of_file.hexdigest())


def _pages(
    account: Account, name: str, raise_if_stopped: Callable[[], None]
) -> Iterator[list[Event]]:
    """The events of a stream, page by page.

    A page may be empty without being the last; after the last page AWS repeats its token.
    """
    what = f"log stream {name!r} in {account.region}"
    pages = Pages(OPERATIONS["get_log_events"], what)
    token: str | None = None
    while True:
        raise_if_stopped()
        try:
            page = account.call(
                "get_log_events",
                what,
                logGroupName=LOG_GROUP,
                logStreamName=name,
                startFromHead=True,
                limit=PAGE_EVENTS,
                **({} if token is None else {"nextToken": token}),
            )
        except GoneError:  # the stream's retention has ended since the streams were listed
            return
        events, following = page["events"], page["nextForwardToken"]
        last = following == token
        if last and events:  # its events lie behind the token, so the next one cannot be the same
            why = f"{what}: a page with events repeats the token that was asked with"
            raise unusable(OPERATIONS["get_log_events"], why)
        pages.count(bool(events), None if last else following)
        yield events
        if last:
            return
        token = following


def _lines(events: Iterable[Event], first: bool) -> bytes:
    """The lines of the events' messages, each behind its event's time, as UTF-8 text.

    Args:
        events: a page of events.
        first: whether they are the first of the stream.

    Raises:
        EsimError: the time of an event is none.
    """
    lines: list[str] = []
    for event in events:
        try:
            at = _EPOCH + timedelta(milliseconds=event["timestamp"])
        except OverflowError:
            why = (
                f"an event at {event['timestamp']!r:.40} ms since 1970, a time that no clock shows"
            )
            raise unusable(OPERATIONS["get_log_events"], why) from None
        stamp = f"{at.isoformat(timespec='milliseconds')}Z"
        message = event["message"].rstrip("\r\n")
        if first and ("/algo-" in message or "message" in message.lower()):
            # The reader could take such a first line for that of another kind of export.
            lines.append(f"{stamp} ")
        first = False
        lines += [f"{stamp} {line}" for line in message.split("\n")]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
