"""Figure of when in training the stops happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import percent, plural
from esim.results.replay import ReplayResult
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 20


class StopsInfo(NamedTuple):
    """What is drawn: a histogram over the share of its recorded steps that a stopped trial ran."""

    edges: Float64  # [B + 1], shares from 0 to 1, the borders of the bins
    counts: NDArray[np.int64]  # [B], stopped trials in each bin
    median: float | None  # share; None if no stopped trial has recorded steps
    stopped: int  # trials
    trials: int  # all of them


def stops_info(result: ReplayResult) -> StopsInfo:
    """Count the stops of a replay by the share of its steps that each stopped trial ran."""
    columns = result.columns
    long = columns.stopped & (columns.steps_recorded > 0)
    share = columns.steps_run[long] / columns.steps_recorded[long]
    counts, edges = np.histogram(share, bins=_BINS, range=(0.0, 1.0))
    return StopsInfo(
        edges=edges,
        counts=counts.astype(np.int64),
        median=float(np.median(share)) if share.size else None,
        stopped=result.summary.trials_stopped,
        trials=result.summary.trials,
    )


def draw_stops(info: StopsInfo, axes: Axes) -> Axes:
    """Draw the histogram, with a line at the median."""
    from matplotlib.ticker import MaxNLocator

    axes.bar(
        info.edges[:-1],
        info.counts,
        width=np.diff(info.edges),
        align="edge",
        color=style.VERMILLION,
        edgecolor=style.PAPER,
        lw=0.8,
    )
    if info.median is not None:
        axes.axvline(info.median, color=style.INK, lw=1.0, ls="--", label="median")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.0, 1.08 * float(info.counts.max())))
    style.label_shares(axes.xaxis)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("share of its recorded steps that a stopped trial ran")
    axes.set_ylabel("trials stopped")
    return axes


def stops_plot(result: ReplayResult) -> Plot | None:
    """The plot of when in training the stops happen; None if nothing is stopped, or all in one bin.

    Of one bin `one_moment` says when.
    """
    info = stops_info(result)
    if not info.stopped or np.count_nonzero(info.counts) == 1:
        return None
    told = f"{info.stopped:,} of {info.trials:,} trials stopped"
    if info.median is not None:
        by = f"by {percent(info.median)} of their steps" if info.median else "at step 0"
        told += f", half of them {by} (dashed)"
    early, late = info.counts[: _BINS // 4].sum(), info.counts[-_BINS // 4 :].sum()
    return Plot(
        name="stops",
        title="when trials are stopped",
        caption=f"{style.rule_words(result)}. {told}.",
        description=f"A histogram of the share of its recorded steps that each stopped trial ran: "
        f"{early:,} in the first quarter of training, {late:,} in the last.",
        height=2.7,
        info=info,
        draw=draw_stops,
    )


def one_moment(result: ReplayResult) -> str | None:
    """When all stops happen, in a sentence, if that is one bin of the histogram; else None."""
    info = stops_info(result)
    if np.count_nonzero(info.counts) != 1:
        return None
    at = int(np.flatnonzero(info.counts)[0])
    low, high = (f"{100 * edge:.0f}" for edge in info.edges[at : at + 2])
    if info.counts.sum() == 1:
        return f"The one stop comes after {low} to {high} % of the trial's recorded steps."
    return (
        f"All {plural(int(info.counts.sum()), 'stop')} come after {low} to {high} % of a trial's "
        "recorded steps."
    )
