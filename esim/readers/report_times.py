"""Turns the times of reports into seconds since their trial's start, which never decrease."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esim.errors import EsimError
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
) -> Float64 | None:
    """float64: seconds since its trial's start for each row that is kept; None if some are unknown.

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
                f"{missing} of {len(times)} report(s) have no time; the study is read without "
                "report times",
                missing,
            )
        )
        return None
    if not np.isfinite(times).all():
        at = int(np.flatnonzero(~np.isfinite(times))[0])
        raise EsimError("a report time is infinite", where=f"{where}, trial {ids[rows[at]]!r}")
    elapsed = _since_start(times, rows, offsets, start, said) if since_1970 else np.array(times)
    at = int(np.argmin(elapsed))
    if elapsed[at] < -CLOCK_SKEW_S:
        raise EsimError(
            f"a report stands {-elapsed[at]:.6g} s before its trial's start",
            where=f"{where}, trial {ids[rows[at]]!r}",
            why="are both times in the same zone?",
        )
    _mend_times(elapsed, rows, offsets, said)
    return elapsed


def _mend_times(elapsed: Float64, rows: Int64, offsets: Int64, said: list[Note]) -> None:
    """Raise, in place, times before a trial's start to 0 s and falling times to the largest before.

    The arguments are those of `elapsed_seconds`.
    """
    early = elapsed < 0
    if early.any():
        said.append(
            Note(
                "elapsed_before_start",
                f"{int(early.sum())} report(s) stand up to {-elapsed.min():.3g} s before their "
                "trial's start; taken as 0 s",
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
                f"elapsed time falls {int(falls.sum())} time(s) inside a trial; raised to the "
                "largest so far",
                int(falls.sum()),
            )
        )


def _since_start(
    times: Float64, rows: Int64, offsets: Int64, start: Float64, said: list[Note]
) -> Float64:
    """float64: timestamps as seconds since the trial's start, or since its first report.

    A note on trials whose start is unknown is added to `said`; the arguments are those of
    `elapsed_seconds`.
    """
    reporting = np.flatnonzero(np.diff(offsets) > 0)
    zero = np.array(start)
    unknown = reporting[np.isnan(zero[reporting])]
    if unknown.size:
        first = np.minimum.reduceat(times, offsets[reporting])
        zero[reporting] = np.where(np.isnan(zero[reporting]), first, zero[reporting])
        said.append(
            Note(
                "elapsed_from_first_report",
                f"{unknown.size} trial(s) have no start; their time runs from their first report",
                int(unknown.size),
            )
        )
    return np.asarray((microseconds(times) - microseconds(zero[rows])) / 1e6, dtype=np.float64)
