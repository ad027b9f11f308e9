"""Figure of the rule at work: a stopped trial such as most, and what it was held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from esim.report.figures.plot import Plot
from esim.report.figures.stopped_wrongly import draw_wrong, stopped_info, stopped_wrongly
from esim.report.words import clean
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayResult


def typical_stop(result: ReplayResult, decisions: Mapping[str, Any]) -> int | None:
    """The position in launch order of the stopped trial that is drawn; None if none stops.

    Of the trials not stopped wrongly that had a threshold at three reports or more, the one whose
    stop is nearest to the median stop; where there are none such, of all that are stopped.
    """
    columns = result.columns
    stopped: list[int] = np.flatnonzero(columns.stopped).tolist()
    if not stopped:
        return None
    known = np.asarray(decisions["trial"], dtype=object)[np.isfinite(decisions["threshold"])]
    names, counts = np.unique(known.astype(str), return_counts=True)
    judged = dict(zip(names.tolist(), counts.tolist(), strict=True))
    wrong = set(stopped_wrongly(result).trials)
    clear = [i for i in stopped if i not in wrong and judged.get(columns.trial[i], 0) >= 3]
    among = clear or stopped
    steps = columns.stop_step[among]
    return among[int(np.argmin(np.abs(steps - np.median(steps))))]


def typical_stop_plot(
    result: ReplayResult, reports: RecordedReports, decisions: Mapping[str, Any]
) -> Plot | None:
    """The plot of a stopped trial such as most; None if nothing is stopped."""
    at = typical_stop(result, decisions)
    if at is None:
        return None
    trial, stop = clean(result.columns.trial[at], 28), int(result.columns.stop_step[at])
    info = stopped_info(result, reports, decisions, at, f"{trial}, which is stopped")
    return Plot(
        name="typical-stop",
        title="the rule at work",
        caption=f"One of the stopped trials of this job, {trial}: it ends at step {stop:,}, where "
        "it is worse than its threshold.",
        description=f"The curve of {trial}: solid up to its stop at step {stop:,}, dotted behind "
        f"it, over the threshold that it was held against and the {info.best_label}.",
        height=3.2,
        info=info,
        draw=draw_wrong,
    )
