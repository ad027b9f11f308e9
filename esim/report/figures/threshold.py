"""What the rule held the trials against: its running threshold over the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.curves import bands_of, curve, draw_bands, field_view
from esim.report.figures.style import Plot, View
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayResult
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLACES = 200  # more steps than this are taken together


class ThresholdInfo(NamedTuple):
    """What is drawn. G places of the field, S steps at which trials were judged."""

    objective: str
    direction: Direction
    grid: Float64  # [G]
    bands: Float64  # [5, G], quantiles of the recorded values
    steps: Float64  # [S]
    low: Float64  # [S], the lowest threshold at that step as the study went on
    middle: Float64  # [S], the median one
    high: Float64  # [S]
    view: View
    judged: int  # decisions with a threshold


def threshold_info(
    result: ReplayResult, reports: RecordedReports, decisions: Mapping[str, Any]
) -> ThresholdInfo:
    """The thresholds of all decisions, by step.

    Args:
        decisions: the columns `step` and `threshold` of the replay's trace.
    """
    thresholds = np.asarray(decisions["threshold"], dtype=np.float64)
    known = np.isfinite(thresholds)
    at, thresholds = np.asarray(decisions["step"])[known], thresholds[known]
    every = np.unique(at)
    together = -(-len(every) // _PLACES) or 1
    places = every[::together]
    group = np.searchsorted(every, at) // together
    order = np.argsort(group, kind="stable")
    parts = np.split(thresholds[order], np.searchsorted(group[order], np.arange(1, len(places))))
    whole = [curve(reports, i) for i in range(len(reports.offsets) - 1)]
    grid, bands = bands_of(whole)
    if not len(places):
        parts = []
    marks = [b.value for b in (result.summary.best, result.summary.best_recorded) if b is not None]
    return ThresholdInfo(
        objective=result.objective,
        direction=result.direction,
        grid=grid,
        bands=bands,
        steps=places.astype(np.float64),
        low=np.array([part.min() for part in parts]),
        middle=np.array([np.median(part) for part in parts]),
        high=np.array([part.max() for part in parts]),
        view=field_view(result.direction, whole, marks),
        judged=len(thresholds),
    )


def draw_threshold(info: ThresholdInfo, axes: Axes) -> Axes:
    """The field as bands, the thresholds as a line and the range it moved in."""
    if info.bands.size:
        draw_bands(info.grid, info.bands, info.view, axes)
    low, high = (np.clip(x, info.view.low, info.view.high) for x in (info.low, info.high))
    mark = "o" if len(info.steps) == 1 else None
    axes.fill_between(
        info.steps, low, high, color=style.VERMILLION, alpha=0.3, lw=0,
        label="range of the threshold over the study",
    )  # fmt: skip
    axes.plot(info.steps, info.middle, color=style.VERMILLION, lw=1.8, marker=mark, ms=4,
              label="threshold, median over the trials judged")  # fmt: skip
    style.set_view(axes, info.view)
    axes.set_ylabel(style.objective_label(info.objective, info.direction, 34))
    axes.set_xlabel("step")
    style.whole_steps(axes)
    return axes


def threshold_plot(
    result: ReplayResult, reports: RecordedReports, decisions: Mapping[str, Any]
) -> Plot | None:
    """The running threshold against the field; None if no trial was ever held against one."""
    info = threshold_info(result, reports, decisions)
    if not info.judged:
        return None
    first, last = info.steps[0], info.steps[-1]
    return Plot(
        name="threshold",
        title="the running threshold against the field",
        caption=f"{style.rule_words(result)}. {info.judged:,} decisions were held against a "
        "threshold.",
        description="Bands of the recorded values over steps, and on them the threshold: its "
        f"median goes from {info.middle[0]:.4g} at step {first:,.0f} to {info.middle[-1]:.4g} at "
        f"step {last:,.0f}.",
        height=3.7,
        info=info,
        draw=draw_threshold,
    )
