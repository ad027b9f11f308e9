"""Turns the times of reports into seconds since their trial's start, which never decrease."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esim.errors import EsimError, agree, plural
from esim.readers.encodings.times import microseconds
from esim.study import Float64, Int64, Note

# The clocks of two machines differ a little: a report at most this many seconds before its trial's
# start is taken to be at 0 s.
CLOCK_SKEW_S = 60.0


def elapsed_seconds(
    times: Float64 | None,
    since_1970: bool,
    rows: Int64,
    offsets: Int64,
    start: Float64,
    ids: Sequence[str],
    where: str,
    said: list[Note],
) -> tuple[Float64, Int64] | None:
    """The time of each row that is kept; None if some are unknown.

    Notes on what was corrected are added to `said`.

    Args:
        times: float64, the time of each row that is kept, ordered by trial and step, NaN where
            unknown; None if no times are recorded.
        since_1970: whether times are seconds since 1970 UTC, not since the trial's start.
        rows: int64, the trial of each of those rows.
        offsets: int64 [N + 1], trial -> its part of those rows.
        start: float64 [N], seconds since 1970 UTC, NaN where unknown.
        ids: the trials. [N]
        where: the input, for errors.
        said: the notes.

    Returns:
        float64, seconds since the trial's start, or since its first report if its start is unknown;
        int64, the trials of which it is unknown.

    Raises:
        EsimError: a time is infinite, or lies more than CLOCK_SKEW_S before its trial's start.
    """
    if times is None:
        return None
    missing = int(np.isnan(times).sum())
    if missing:
        said.append(
            Note(
                "elapsed_missing",
                f"{missing} of {plural(len(times), 'report')} {agree(missing, 'have')} no "
                "time; the study is read without "
                "report times",
                missing,
            )
        )
        return None
    if not np.isfinite(times).all():
        at = int(np.flatnonzero(~np.isfinite(times))[0])
        raise EsimError("a report time is infinite", where=f"{where}, trial {ids[rows[at]]!r}")
    elapsed, from_first = np.array(times), np.empty(0, dtype=np.int64)
    if since_1970:
        elapsed, from_first = _since_start(times, rows, offsets, start)
    at = int(np.argmin(elapsed))
    if elapsed[at] < -CLOCK_SKEW_S:
        raise EsimError(
            f"a report stands {-elapsed[at]:.6g} s before its trial's start",
            where=f"{where}, trial {ids[rows[at]]!r}",
            why="are both times in the same zone?",
        )
    _mend_times(elapsed, rows, offsets, said)
    return elapsed, from_first


def with_first_step_time(
    elapsed: Float64, from_first: Int64, resource: Int64, offsets: Int64, said: list[Note]
) -> Float64 | None:
    """Seconds since the trials' starts where some are known since the first report only.

    What is done at its first report took as long as a step takes between its other reports (the
    median), or, if it has none, in the study's other trials. A note says so. If no trial takes any
    time up to its first report, their times too are taken to count from there.

    Args:
        elapsed: float64 [R], seconds since the trial's start or its first report.
        from_first: int64, the trials of which it is the first report, as `elapsed_seconds` tells.
        resource: int64 [R], units of training done at each report.
        offsets: int64 [N + 1], trial -> its reports.
        said: the notes.

    Returns:
        float64 [R]; None if no trial has two reports, so that it is unknown how long a step takes.
    """
    reporting = np.flatnonzero(np.diff(offsets) > 0)
    if not len(from_first) and elapsed.any() and not elapsed[offsets[reporting]].any():
        from_first = reporting
    behind = from_first[resource[offsets[from_first]] > 0]  # of the others nothing is to be added
    if not len(behind):
        return elapsed
    paces = {}
    for trial in behind.tolist():
        part = slice(offsets[trial], offsets[trial + 1])
        steps = np.diff(resource[part])
        if len(steps):
            paces[trial] = float(np.median(np.diff(elapsed[part]) / steps))
    if not any(paces.values()):
        text = "the trials have no start, and no two reports tell how long a step takes: the study "
        said.append(Note("elapsed_unknown", text + "is read without report times", len(behind)))
        return None
    usual = float(np.median(list(paces.values())))
    found = elapsed.copy()
    for trial in behind.tolist():
        part = slice(offsets[trial], offsets[trial + 1])
        found[part] += paces.get(trial, usual) * resource[offsets[trial]]
    said.append(
        Note(
            "elapsed_from_first_report",
            f"the times of {plural(len(behind), 'trial')} count from the first report; what "
            "is done at "
            "it is taken to have lasted as long as their other steps",
            len(behind),
        )
    )
    return found


def _mend_times(elapsed: Float64, rows: Int64, offsets: Int64, said: list[Note]) -> None:
    """Raise, in place, times before a trial's start to 0 s and falling times to the largest before.

    The arguments are those of `elapsed_seconds`.
    """
    early = elapsed < 0
    if early.any():
        said.append(
            Note(
                "elapsed_before_start",
                f"{plural(int(early.sum()), 'report', 'stand')} up to {-elapsed.min():.3g} s "
                "before the trial's start; taken as 0 s",
                int(early.sum()),
            )
        )
        elapsed[early] = 0.0
    falls = (np.diff(elapsed) < 0) & (np.diff(rows) == 0)
    if falls.any():
        for row in np.unique(rows[1:][falls]):
            part = slice(offsets[row], offsets[row + 1])
            np.maximum.accumulate(elapsed[part], out=elapsed[part])
        said.append(
            Note(
                "elapsed_raised",
                f"elapsed time falls {plural(int(falls.sum()), 'time')} inside a trial; "
                "raised to the "
                "largest so far",
                int(falls.sum()),
            )
        )


def _since_start(
    times: Float64, rows: Int64, offsets: Int64, start: Float64
) -> tuple[Float64, Int64]:
    """Timestamps as seconds, and the trials whose start is unknown.

    Arguments and result are those of `elapsed_seconds`.
    """
    reporting = np.flatnonzero(np.diff(offsets) > 0)
    zero = np.array(start)
    unknown = reporting[np.isnan(zero[reporting])]
    if unknown.size:
        first = np.minimum.reduceat(times, offsets[reporting])
        zero[reporting] = np.where(np.isnan(zero[reporting]), first, zero[reporting])
    return (microseconds(times) - microseconds(zero[rows])) / 1e6, unknown
