"""Figures of when each trial ran: one without the rule, one with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import clock_words, percent, seconds
from esim.results.replay import ReplayResult
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Schedule(NamedTuple):
    """One schedule of N trials, in units of ScheduleInfo since the first start."""

    began: Float64  # [N]
    ended: Float64  # [N]
    makespan: float


class ScheduleInfo(NamedTuple):
    """What is drawn: N trials in launch order."""

    recorded: Schedule
    run: Schedule  # under the rule
    stopped: NDArray[np.bool_]  # [N], whether the trial does not run to its end
    fate: str  # what became of it then
    unit: str  # of time: "minutes"
    end: float  # the latest end in either schedule, in units
    makespan_words: str


def schedule_info(result: ReplayResult) -> ScheduleInfo | None:
    """Both schedules of a replay; None if its clock has no times.

    A trial whose end is not known is drawn to its last report.
    """
    columns = result.columns
    known = np.isfinite(columns.start_recorded_s) & np.isfinite(columns.start_s)
    if not known.any():
        return None
    zero = float(np.min(columns.start_recorded_s[known]))
    last = np.nan_to_num(columns.seconds_recorded)
    times = []
    for start, end in (
        (columns.start_recorded_s, columns.end_recorded_s),
        (columns.start_s, columns.end_s),
    ):
        ended = np.where(np.isfinite(end), end, start + last)
        times.append((start - zero, ended - zero))
    span = max(float(np.nanmax(ended)) for _, ended in times)
    unit = style.unit_of(span)
    scale = unit.seconds
    recorded, run = (
        Schedule(began / scale, ended / scale, float(np.nanmax(ended)) / scale)
        for began, ended in times
    )
    s = result.summary
    return ScheduleInfo(
        recorded=recorded,
        run=run,
        stopped=columns.ended_early,
        fate=style.fate_words(result),
        unit=unit.plural,
        end=span / scale or 1.0,
        makespan_words=f"Makespan {seconds(s.makespan_s)} instead of "
        f"{seconds(s.makespan_recorded_s)}, {percent(s.makespan_saved_fraction)} saved.",
    )


def draw_schedule(info: ScheduleInfo, axes: Axes, *, with_rule: bool) -> Axes:
    """Draw a bar for each trial, in launch order from the top, and a line at the makespan."""
    from matplotlib.collections import PolyCollection
    from matplotlib.ticker import MaxNLocator

    schedule = info.run if with_rule else info.recorded
    n = len(schedule.began)
    gap = 0.1 if n <= 60 else 0.0
    groups = (
        (~info.stopped, style.BLUE, "ran to its end"),
        (info.stopped, style.VERMILLION if with_rule else style.FAINT, ""),
    )
    for which, colour, label in groups:
        at = np.flatnonzero(which & np.isfinite(schedule.began))
        if at.size == 0:
            continue
        text = label or (
            f"{info.fate} by the rule"
            if with_rule
            else f"its end as recorded; {info.fate} under the rule"
        )
        top, bottom = at + 0.5 + gap, at + 1.5 - gap
        left, right = schedule.began[at], schedule.ended[at]
        corners = np.stack(
            [np.stack([x, y], axis=1) for x, y in ((left, top), (right, top))]
            + [np.stack([x, y], axis=1) for x, y in ((right, bottom), (left, bottom))],
            axis=1,
        )
        # The outline keeps trials visible that took no time.
        axes.add_collection(
            PolyCollection(
                list(corners),
                facecolors=colour,
                edgecolors=colour,
                linewidths=0.3,
                label=text,
                rasterized=n > style.MANY,
            )
        )
    axes.axvline(schedule.makespan, color=style.INK, lw=1.0, ls="--", label="makespan")
    axes.set_xlim(0, 1.03 * info.end)
    axes.set_ylim(n + 0.5, 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.set_xlabel(info.unit)
    axes.set_ylabel("trial, in launch order")
    return axes


def schedule_plots(result: ReplayResult) -> tuple[Plot, ...]:
    """The plots of both schedules, on the same scale; none if the clock has no times."""
    info = schedule_info(result)
    if info is None:
        return ()
    clock = clock_words(result.clock)
    many = f"{len(info.stopped):,} trials in launch order, {clock}"
    return (
        Plot(
            name="schedule-recorded",
            title="schedule without the rule",
            caption=f"{clock[0].upper()}{clock[1:]}.",
            description=f"A bar for each of {many}, from its start to its end; all have ended "
            f"after {seconds(result.summary.makespan_recorded_s)}.",
            height=3.3,
            info=info,
            draw=partial(draw_schedule, with_rule=False),
        ),
        Plot(
            name="schedule-rule",
            title="schedule with the rule",
            caption=info.makespan_words,
            description="The same under the rule; all have ended after "
            f"{seconds(result.summary.makespan_s)}.",
            height=3.3,
            info=info,
            draw=partial(draw_schedule, with_rule=True),
        ),
    )
