"""Finds lines in a buffer, and reads CloudWatch's times in front of them, many lines at once.

Row r of a text is its line r + 1. Only rows that are needed are converted to strings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from esim.readers.encodings.times import parse_time
from esim.readers.text.prefixes import TIME
from esim.study import Float64, Int64

# The time that the export puts in front of a line; times that the job itself prints are not meant.
_TIME = f"({TIME})".encode()
_STAMP = re.compile(_TIME + rb"(?: |$)")
_ANY_STAMP = re.compile(rb"^" + _TIME, re.MULTILINE)
_STAMP_BEFORE = re.compile(_TIME + rb"(?: |$|(?=[\r\n]))")  # in front of a line that is not read
# The usual form, which S3 exports and the console write: the least and greatest byte at each place.
_LEAST, _GREATEST = (
    np.frombuffer(stamp, dtype=np.uint8)
    for stamp in (b"0000-00-00T00:00:00.000Z ", b"9999-99-99T99:99:99.999Z ")
)
_WIDTH = len(_LEAST)
_SAMPLE = 4096  # bytes of a text in which the rarest byte of a literal is determined
# A byte is rare if at most one of so many bytes is equal to it. Then looking at each occurrence
# costs less than the fast search saves.
_RARE = 2000
_CHUNK = 1 << 17  # bytes compared at a time, so that they and the result fit into the cache


def line_ends(data: bytes) -> Int64:
    """int64 [L]: where each line of a text ends; the last one ends where the text does."""
    return np.append(places_of(data, b"\n"), len(data))


def places_of(data: bytes, byte: bytes) -> Int64:
    """int64: where a byte occurs in a text, in rising order."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    found = [
        np.flatnonzero(buffer[at : at + _CHUNK] == ord(byte)) + at
        for at in range(0, len(data), _CHUNK)
    ]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def positions_of(data: bytes, literal: bytes) -> Iterator[int]:
    """Where a literal occurs in a text, in rising order.

    Python finds a single byte ten times as fast as a longer text, with `memchr`. So it looks for
    the literal's rarest byte if that is rare in the text.

    Args:
        data: the text.
        literal: what to look for.
    """
    sample = np.frombuffer(data, dtype=np.uint8)[:: len(data) // _SAMPLE + 1]
    counts = np.bincount(sample, minlength=256)
    rarest = min(literal, key=counts.__getitem__)
    if counts[rarest] <= len(sample) // _RARE:
        yield from _places_by_byte(data, literal, literal.index(rarest))
        return
    find, at = data.find, data.find(literal)
    while at >= 0:
        yield at
        at = find(literal, at + 1)


def _places_by_byte(data: bytes, literal: bytes, before: int) -> Iterator[int]:
    byte = literal[before]
    at = data.find(byte, before)
    while at >= 0:
        if data.startswith(literal, at - before):
            yield at - before
        at = data.find(byte, at + 1)


def rows_with(data: bytes, ends: Int64, needles: Sequence[bytes]) -> Int64:
    """int64 [P]: the rows of a text that hold one of the needles, in rising order.

    Args:
        data: the text.
        ends: int64 [L], where its lines end.
        needles: what to look for; without any, all rows are given.
    """
    held = np.full(len(ends), not needles)
    for needle in needles:
        places = np.fromiter(positions_of(data, needle), dtype=np.int64)
        held[np.searchsorted(ends, places)] = True
    return np.flatnonzero(held)


def starts_of(ends: Int64, rows: Int64) -> Int64:
    """int64 [P]: where some rows of a text begin.

    Args:
        ends: int64 [L], where all of its lines end.
        rows: int64 [P].
    """
    return np.where(rows > 0, ends[rows - 1] + 1, 0)


def blocks(starts: Int64, size: int) -> Iterator[slice]:
    """Split rows into blocks, each within about `size` bytes of the text.

    Args:
        starts: int64 [P], where the rows begin.
        size: bytes.

    Yields:
        A slice of the P rows for each block.
    """
    cuts = np.flatnonzero(np.diff(starts // size)) + 1
    for first, stop in pairwise([0, *cuts.tolist(), len(starts)]):
        yield slice(first, stop)


def decoded(data: bytes, starts: Int64, stops: Int64) -> list[str]:
    """The text from each start to the end of its line, without a carriage return at the end. [P]

    Args:
        data: the text.
        starts, stops: int64 [P], where each piece begins and where its line ends.
    """
    places = zip(starts.tolist(), (stops + 1).tolist(), strict=True)
    joined = b"".join([data[start:stop] for start, stop in places])
    if b"\r" in joined:
        joined = joined.replace(b"\r\n", b"\n").removesuffix(b"\r")
    return joined.decode("utf-8", "replace").split("\n")[: len(starts)]


class Stamps:
    """The times in front of P lines. A line without a time continues the event before it.

    Args:
        data: the text.
        starts, stops: int64 [P], where each line begins and ends.
        apart: float64 [P], seconds since 1970 UTC, if the export has the times apart from the text.

    Attributes:
        widths: int64 [P], how many bytes of each line the time takes; 0 where it has none.
    """

    def __init__(
        self, data: bytes, starts: Int64, stops: Int64, apart: Float64 | None = None
    ) -> None:
        self._apart = apart
        if apart is not None:
            self.widths: Int64 = np.zeros(len(starts), dtype=np.int64)
            return
        usual, self._texts = _usual_stamps(data, starts)
        self.widths = np.where(usual, _WIDTH, 0)
        self._others: dict[int, bytes | None] = {}  # the times of lines without one of usual form
        for i in np.flatnonzero(~usual).tolist():
            start = int(starts[i])
            match = _STAMP.match(data, start, int(stops[i]))
            if match is None:
                before = int(starts[i - 1]) if i else 0
                self._others[i] = _last_stamp(data, before, start) or self._stamp(i - 1)
            else:
                self._others[i] = match[1]
                self.widths[i] = match.end() - start

    def _stamp(self, i: int) -> bytes | None:
        if i < 0:
            return None
        return self._others[i] if i in self._others else bytes(self._texts[i])

    def seconds(self, chosen: Int64, where: str) -> Float64:
        """float64 [E]: the times of some lines in seconds since 1970 UTC, NaN where there is none.

        Args:
            chosen: int64 [E], positions among the P lines.
            where: the file, for errors.

        Raises:
            EsimError: what stands in front of a line is not a time.
        """
        if self._apart is not None:
            return self._apart[chosen]
        if not self._others:
            try:
                plain = self._texts[chosen].astype("S23").astype("datetime64[ms]")
            except ValueError:  # a date that does not exist, such as February 30
                pass
            else:
                return plain.astype(np.int64) / 1e3
        stamps = [self._stamp(i) for i in chosen.tolist()]
        known = {s: math.nan if s is None else parse_time(s.decode(), where) for s in set(stamps)}
        return np.array([known[stamp] for stamp in stamps], dtype=np.float64)


def _usual_stamps(data: bytes, starts: Int64) -> tuple[np.ndarray, np.ndarray]:
    """bool [P]: which lines begin with a time of the usual form; S24 [P]: their first bytes."""
    last = len(data) - _WIDTH
    if last < 0:
        return np.zeros(len(starts), dtype=np.bool_), np.zeros(len(starts), dtype="S24")
    # A view with a text that begins at every byte of the buffer; only the chosen ones are copied.
    windows = np.ndarray((last + 1,), dtype=f"S{_WIDTH}", buffer=data, strides=(1,))
    texts = windows[np.minimum(starts, last)]
    places = texts.view(np.uint8).reshape(-1, _WIDTH)
    usual = ((places >= _LEAST) & (places <= _GREATEST)).all(axis=1) & (starts <= last)
    return usual, texts.astype(f"S{_WIDTH - 1}")


def _last_stamp(data: bytes, first: int, stop: int) -> bytes | None:
    """The time in front of the last line that has one, between two positions of the text."""
    at = stop
    while True:
        at = data.rfind(b"\n2", first, at)  # the years 2000 to 2999
        begin = at + 1 if at >= 0 else first
        if at < 0 and first != 0:
            return None
        match = _STAMP_BEFORE.match(data, begin)
        if match is not None:
            return match[1]
        if at < 0:
            return None


def time_span(data: bytes, times: Float64 | None) -> tuple[float, float] | None:
    """The earliest and the latest time of the lines of a text; None if none has one.

    Args:
        data: the text.
        times: float64 [L], seconds since 1970 UTC, if the export has the times apart from the text.

    Raises:
        EsimError: what stands in front of a line is not a time.
    """
    if times is None:
        ends = line_ends(data)
        starts = starts_of(ends, np.arange(len(ends)))
        usual, _ = _usual_stamps(data, starts)
        if not usual.any() and _ANY_STAMP.search(data[:_CHUNK]) is None:
            return None
        rows = np.flatnonzero(usual) if usual.any() else np.arange(len(ends))
        stamps = Stamps(data, starts[rows], ends[rows])
        times = stamps.seconds(np.flatnonzero(stamps.widths), "")
    known = times[~np.isnan(times)]
    return (float(known.min()), float(known.max())) if len(known) else None
