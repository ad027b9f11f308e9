"""Figure of the rule's threshold as the study went on, over bands of all curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.figures.style import ValueLimits
from esim.report.figures.trial_curves import bands_of, curve, curve_limits, draw_bands
from esim.report.words import number
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayResult
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_STEPS = 200  # with more steps than this, neighbouring ones are taken together


class ThresholdInfo(NamedTuple):
    """What is drawn: bands at the G steps of a grid, thresholds at S steps with decisions."""

    objective: str
    direction: Direction
    grid: Float64  # [G], steps
    bands: Float64  # [5, G], quantiles of the recorded values
    steps: Float64  # [S]
    low: Float64  # [S], the lowest of the thresholds at that step
    middle: Float64  # [S], their median
    high: Float64  # [S], the highest of them
    limits: ValueLimits
    judged: int  # decisions for which there was a threshold


def threshold_info(
    result: ReplayResult, reports: RecordedReports, decisions: Mapping[str, Any]
) -> ThresholdInfo:
    """The thresholds of all decisions, by step.

    Args:
        result: the replay of a study.
        reports: the study's reports.
        decisions: the columns `step` and `threshold` of the replay's trace, an entry for each
            decision.
    """
    thresholds = np.asarray(decisions["threshold"], dtype=np.float64)
    known = np.isfinite(thresholds)
    at, thresholds = np.asarray(decisions["step"])[known], thresholds[known]
    every = np.unique(at)
    together = -(-len(every) // _MOST_STEPS) or 1
    steps = every[::together]
    group = np.searchsorted(every, at) // together
    order = np.argsort(group, kind="stable")
    parts = np.split(thresholds[order], np.searchsorted(group[order], np.arange(1, len(steps))))
    whole = [curve(reports, i) for i in range(len(reports.offsets) - 1)]
    grid, bands = bands_of(whole)
    if not len(steps):
        parts = []
    marks = [b.value for b in (result.summary.best, result.summary.best_recorded) if b is not None]
    return ThresholdInfo(
        objective=result.objective,
        direction=result.direction,
        grid=grid,
        bands=bands,
        steps=steps.astype(np.float64),
        low=np.array([part.min() for part in parts]),
        middle=np.array([np.median(part) for part in parts]),
        high=np.array([part.max() for part in parts]),
        limits=curve_limits(result.direction, whole, marks),
        judged=len(thresholds),
    )


def draw_threshold(info: ThresholdInfo, axes: Axes) -> Axes:
    """Draw the curves of all trials as bands, and on them the threshold with its range."""
    if info.bands.size:
        draw_bands(info.grid, info.bands, info.limits, axes)
    low, high = (np.clip(x, info.limits.low, info.limits.high) for x in (info.low, info.high))
    axes.fill_between(
        info.steps, low, high, color=style.VERMILLION, alpha=0.3, lw=0,
        label="range of the threshold over the study",
    )  # fmt: skip
    axes.plot(info.steps, info.middle, color=style.VERMILLION, lw=1.8,
              label="threshold, median over the trials judged")  # fmt: skip
    style.set_limits(axes, info.limits)
    axes.set_ylabel(style.objective_label(info.objective, info.direction, 34))
    axes.set_xlabel("step")
    style.whole_steps(axes)
    return axes


def threshold_plot(
    result: ReplayResult, reports: RecordedReports, decisions: Mapping[str, Any]
) -> Plot | None:
    """The plot of the thresholds; None if decisions at fewer than two steps had one."""
    info = threshold_info(result, reports, decisions)
    if len(info.steps) < 2:
        return None
    first, last = info.steps[0], info.steps[-1]
    middle = number(info.middle[0]), number(info.middle[-1])
    return Plot(
        name="threshold",
        title="the running threshold against the field",
        caption=f"{style.rule_words(result)}. {info.judged:,} decisions were held against a "
        "threshold.",
        description="Bands of the recorded values over steps, and on them the threshold: its "
        f"median goes from {middle[0]} at step {first:,.0f} to {middle[1]} at step {last:,.0f}.",
        height=3.7,
        info=info,
        draw=draw_threshold,
    )
