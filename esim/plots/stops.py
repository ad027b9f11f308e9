"""When in training the stops happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.plots import style
from esim.report.words import percent
from esim.results import ReplayResult
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 20


class StopsInfo(NamedTuple):
    """Stopped trials by the share of their recorded length that they ran."""

    edges: Float64  # [B + 1], from 0 to 1
    counts: NDArray[np.int64]  # [B]
    median: float | None
    stopped: int
    trials: int


def stops_info(result: ReplayResult) -> StopsInfo:
    """The stops of a replay by their share of the length."""
    columns = result.columns
    long = columns.stopped & (columns.steps_recorded > 0)
    share = columns.stop_step[long] / columns.steps_recorded[long]
    counts, edges = np.histogram(share, bins=_BINS, range=(0.0, 1.0))
    return StopsInfo(
        edges=edges,
        counts=counts.astype(np.int64),
        median=float(np.median(share)) if share.size else None,
        stopped=result.summary.trials_stopped,
        trials=result.summary.trials,
    )


def draw_stops(info: StopsInfo, axes: Axes) -> Axes:
    """A histogram."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.bar(
        info.edges[:-1],
        info.counts,
        width=np.diff(info.edges),
        align="edge",
        color=style.VERMILLION,
        edgecolor="white",
        lw=0.8,
    )
    if info.median is not None:
        axes.axvline(info.median, color=style.BLACK, lw=1.0, ls="--", label="median")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.0, 1.08 * float(info.counts.max())))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("share of its recorded steps that a stopped trial ran")
    axes.set_ylabel("trials stopped")
    return axes


def stops_figure(result: ReplayResult) -> Figure:
    """When in training the stops happen."""
    info = stops_info(result)
    with style.styled():
        figure = style.new_figure(3.0, result.study, ": when trials are stopped")
        axes = figure.subplots()
        draw_stops(info, axes)
        text = f"{style.rule_words(result)}. {info.stopped:,} of {info.trials:,} trials stopped"
        if info.median is not None:
            by = f"by {percent(info.median)} of their steps" if info.median else "at step 0"
            text += f", half of them {by} (dashed)"
        style.subtitle(axes, text + ".")
    return figure
