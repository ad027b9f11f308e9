"""When the studies of a history ran, and which of them began in a span of time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from esim.errors import EsimError
from esim.storage.history.index import EARLIEST, LATEST, Entry
from esim.storage.history.layout import History
from esim.study import Float64, Note

_YEAR_OR_MONTH = re.compile(r"(\d{4})(?:-(\d{1,2}))?")


def study_dates(start: Float64, end: Float64) -> tuple[float, float]:
    """The first start and the last end of some trials, in seconds since 1970 UTC.

    Args:
        start, end: of each trial, as in `esim.study.Study`. [N] each

    Returns:
        NaN for what is unknown; two where the times are not those of a wall clock, that is, before
        1990 or after 2100, because they count from the start of the study or any other zero.

    Example:
        >>> import numpy as np
        >>> study_dates(np.array([1.7e9, np.nan]), np.array([np.nan, 1.7e9 + 60]))
        (1700000000.0, 1700000060.0)
        >>> study_dates(np.array([0.0, 60.0]), np.array([60.0, 120.0]))
        (nan, nan)
    """
    first = float(np.fmin.reduce(start, initial=np.nan))
    last = float(np.fmax.reduce(end, initial=np.nan))
    known = [time for time in (first, last) if time == time]
    if all(EARLIEST <= time < LATEST for time in known):
        return first, last
    return np.nan, np.nan


def moment(text: str) -> float:
    """A date as seconds since 1970 UTC.

    Args:
        text: a year, a month, a day, or a day and a time: 2024, 2024-05, 2024-05-17,
            2024-05-17T12:00 or 2024-05-17T12:00+02:00. A year or a month is its first moment, and
            a time without a zone is UTC.

    Raises:
        EsimError: it is no date.

    Example:
        >>> moment("2024-05") == moment("2024-05-01T02:00+02:00")
        True
    """
    try:
        if short := _YEAR_OR_MONTH.fullmatch(text):
            time = datetime(int(short[1]), int(short[2] or 1), 1, tzinfo=UTC)
        else:
            time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        fix = "a year, a month, a day or a time: 2024, 2024-05, 2024-05-17, 2024-05-17T12:00"
        raise EsimError(f"not a date: {text!r}", fix=fix) from None


def month(time: float) -> str:
    """The month of a time in seconds since 1970, by UTC.

    >>> month(1.7e9)
    '2023-11'
    """
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m")


def with_dates(history: History, *, strict: bool = True) -> History:
    """The history with the dates of all its studies.

    Args:
        history: its index lacks them if it was written before it had any; they are then read from
            the tables of trials.
        strict: whether a damaged table is refused; else its studies keep none.

    Raises:
        EsimError: such a table is damaged.
    """
    found: dict[str, tuple[float, float]] = {}
    for chunk in history.chunks():
        if any(entry.first_start is None for entry in chunk.entries):
            try:
                found |= {e.study: study_dates(*times) for e, times in chunk.times()}
            except EsimError:
                if strict:
                    raise
    if not found:
        return history
    return replace(history, entries=tuple(_dated(history, found)))


def _dated(history: History, found: dict[str, tuple[float, float]]) -> Iterator[Entry]:
    for entry in history.entries:
        first, last = found.get(entry.study, (None, None))
        if entry.first_start is None and first is not None:
            entry = replace(entry, first_start=first, last_end=last)
        yield entry


def began_between(history: History, since: str | None, before: str | None) -> History:
    """The studies of a history that began in a span of time; notes say how many others there are.

    A study begins with its first trial. Studies without a date are left out.

    Args:
        history: the history.
        since: the first moment, as for `moment`; None is any.
        before: the moment behind the last one; None is any.

    Raises:
        EsimError: a date is none, or no study began in the span.
    """
    low = -np.inf if since is None else moment(since)
    high = np.inf if before is None else moment(before)
    span = " and ".join(
        [f"in {since} or later"] * (since is not None) + [f"before {before}"] * (before is not None)
    )
    dated = with_dates(history)
    studies = [entry for entry in dated.entries if not entry.is_empty]
    times = {e.study: np.nan if e.first_start is None else e.first_start for e in studies}
    kept = tuple(entry for entry in studies if low <= times[entry.study] < high)
    known = [time for time in times.values() if time == time]
    undated = len(times) - len(known)
    if not kept:
        whys = [f"they began from {month(min(known))} to {month(max(known))}"] * bool(known)
        whys += [f"{undated} of {len(times)} have no date"] * bool(undated)
        raise EsimError(
            f"no study began {span}",
            where=str(history.location),
            why="; ".join(whys),
            fix="name another span, or leave it out",
        )
    notes = [
        Note("studies_by_date", f"{len(kept)} of {len(times)} studies began {span}", len(kept))
    ]
    if undated:
        text = f"{undated} of {len(times)} studies have no date and are left out"
        notes.append(Note("studies_undated", text, undated))
    return replace(dated, entries=kept, notes=(*history.notes, *notes))
