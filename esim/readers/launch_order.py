"""The launch order of runs whose record does not tell when they started.

It is that of the times in their names, else of their first reports, else of their files' own times,
else of their names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from esim.readers.natural import natural

# Date and time as programs put them into names: 20240131_235959, 2024-01-31-23-59-59,
# 2024-01-31T23:59, Jan31_23-59-59 (TensorBoard's default, without a year), 1706745599 (epoch s).
_DATED = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])"
    r"[-_.T @]{0,3}([01]\d|2[0-3])[-_.:h]?([0-5]\d)(?:[-_.:m]?([0-5]\d)(?:[.,]\d+)?)?(?!\d)"
)
_MONTH = re.compile(
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(\d\d)_(\d\d)-(\d\d)-(\d\d)(?!\d)"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = re.compile(r"(?<!\d)(1[4-9]\d{8})(?:\d{3})?(?!\d)")


def time_in_name(name: str) -> float | None:
    """The time that a name holds, in seconds of some clock; None if it holds none.

    A time without a year is one of the year 2000. Such times are good for an order only: their zone
    is not known.

    Example:
        >>> time_in_name("run_20240131_120000") - time_in_name("run_20240131_115900")
        60.0
        >>> time_in_name("run_7") is None
        True
    """
    every = list(_DATED.finditer(name))
    if every:
        found = every[-1]  # the folder above may hold the time of all runs
        numbers = [int(part or 0) for part in found.groups()]
    else:
        short = _MONTH.search(name)
        if short:
            rest = [int(part) for part in short.groups()[1:]]
            numbers = [2000, _MONTHS.index(short[1]) + 1, *rest]
        else:
            epoch = _EPOCH.search(name)
            return float(epoch[1]) if epoch else None
    try:
        year, month, day, hour, minute, second = numbers
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def launch_order(
    names: Sequence[str],
    paths: Sequence[str],
    files: Sequence[Path],
    first_reports: Sequence[float],
) -> tuple[list[int], str]:
    """The launch order of N runs, and what shows it.

    Args:
        names: the runs' names. [N]
        paths: the paths below the input that tell the runs apart. [N]
        files: a file of each run. [N]
        first_reports: seconds since 1970 UTC of each run's first report, NaN if unknown. [N]

    Returns:
        The positions of the runs in launch order; what shows it, for a note that begins with
        "launch order is that of".
    """
    named = [time_in_name(path) for path in paths]
    by_name = sorted(range(len(names)), key=lambda i: natural(names[i]))
    if len(names) < 2:
        return by_name, "their names"

    def by(times: Sequence[float]) -> list[int]:
        return sorted(by_name, key=lambda i: times[i])

    if all(time is not None for time in named) and len(set(named)) > 1:
        return by([time for time in named if time is not None]), "the times in their names"
    if not any(map(math.isnan, first_reports)) and len(set(first_reports)) > 1:
        return by(first_reports), "their first reports"
    # A copy, a checkout or an archive writes all files within moments, in any order: only times
    # that lie seconds apart can be those of the runs.
    try:
        written = [path.stat().st_mtime for path in files]
    except OSError:
        return by_name, "their names"
    apart = sorted(written)
    if all(after - before >= 2.0 for before, after in pairwise(apart)):
        return by(written), "the times at which their files were last written"
    return by_name, "their names"
