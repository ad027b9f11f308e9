"""Figure of all curves of a study, and of where the rule stopped them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.figures.style import ValueLimits
from esim.report.words import clean, number, plural
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import BestTrial, ReplayResult
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 150  # more curves than this are drawn as bands
_GRID = 200  # the most steps at which bands are computed
_FEWEST = 5  # a band is drawn only where at least so many trials have reports
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles that are the edges of the bands


class TrialCurve(NamedTuple):
    """RecordedReports that hold a value, R of one trial."""

    steps: NDArray[np.int64]  # [R]
    values: Float64  # [R]


class Highlight(NamedTuple):
    """A trial that is drawn on top of the others."""

    label: str
    ran: TrialCurve
    rest: TrialCurve  # see rest_of


class CurvesInfo(NamedTuple):
    """What is drawn: curves of up to MOST_LINES trials, bands over more. G steps of the grid."""

    objective: str
    direction: Direction
    kept: tuple[TrialCurve, ...]  # trials not stopped; empty if bands are drawn
    stopped: tuple[TrialCurve, ...]  # stopped trials, up to the stop; empty if bands are drawn
    grid: Float64  # [G], steps; empty if curves are drawn
    bands: Float64  # [5, G], quantiles of the recorded values; NaN where too few trials report
    stops: TrialCurve  # step and value of every stop
    best_recorded: Highlight | None  # None if it is the same trial as `best`
    best: Highlight | None
    limits: ValueLimits
    outside: int  # trials with values outside the limits
    trials: int


def curves_info(result: ReplayResult, reports: RecordedReports) -> CurvesInfo:
    """The curves of a study, each up to where the replay stopped it."""
    columns, summary = result.columns, result.summary
    n = len(columns.trial)
    positions = {trial: i for i, trial in enumerate(columns.trial)}
    whole = [curve(reports, i) for i in range(n)]
    kept = [curve(reports, i, int(k)) for i, k in enumerate(columns.reports_kept)]
    early = columns.ended_early
    stopped = [i for i in range(n) if early[i] and len(kept[i].steps)]
    lines = n <= MOST_LINES
    grid, bands = (np.empty(0), np.empty((len(LEVELS), 0))) if lines else bands_of(whole)
    best, winner = summary.best, summary.best_recorded
    limits = curve_limits(
        result.direction, whole, [b.value for b in (best, winner) if b is not None]
    )
    shown = kept if lines else whole
    beyond = [((c.values < limits.low) | (c.values > limits.high)).any() for c in shown]
    same = best is not None and winner is not None and best.trial == winner.trial

    def highlight(of: BestTrial | None, what: str) -> Highlight | None:
        if of is None:
            return None
        i = positions[of.trial]
        label = f"{what}: {clean(of.trial, 28)}, {number(of.value)}"
        return Highlight(label, kept[i], rest_of(whole[i], kept[i]))

    return CurvesInfo(
        objective=result.objective,
        direction=result.direction,
        kept=tuple(kept[i] for i in range(n) if not early[i]) if lines else (),
        stopped=tuple(kept[i] for i in stopped) if lines else (),
        grid=grid,
        bands=bands,
        stops=TrialCurve(
            np.array([kept[i].steps[-1] for i in stopped], dtype=np.int64),
            np.array([kept[i].values[-1] for i in stopped], dtype=np.float64),
        ),
        best_recorded=None if same else highlight(winner, "best without the rule"),
        best=highlight(best, "best with and without" if same else "best with the rule"),
        limits=limits,
        outside=int(np.sum(beyond)),
        trials=n,
    )


def curve(reports: RecordedReports, trial: int, rows: int | None = None) -> TrialCurve:
    """Those of a trial's reports that hold a value.

    Args:
        reports: the reports of the study.
        trial: the trial's position in launch order.
        rows: so many of the trial's first reports are looked at; None means all of them.
    """
    first, last = int(reports.offsets[trial]), int(reports.offsets[trial + 1])
    part = slice(first, last if rows is None else first + rows)
    present = ~np.isnan(reports.values[part])
    return TrialCurve(reports.steps[part][present], reports.values[part][present])


def rest_of(whole: TrialCurve, ran: TrialCurve) -> TrialCurve:
    """The part of a curve that the rule saved; empty if it saved nothing.

    It begins at the last report that ran, so that the two parts join when they are drawn.
    """
    n = len(ran.steps)
    first = len(whole.steps) if n == len(whole.steps) else max(n - 1, 0)
    return TrialCurve(whole.steps[first:], whole.values[first:])


def bands_of(whole: Sequence[TrialCurve]) -> tuple[Float64, Float64]:
    """Quantiles of the trials' values at each step of a grid.

    A trial counts at a step if it has a report at this step or earlier and at this step or later;
    its value is that of its last report up to there.

    Returns:
        The grid, steps as float64 [G], and the quantiles of LEVELS, float64 [5, G]; NaN where fewer
        than five trials count.
    """
    reported = [c for c in whole if len(c.steps)]
    if not reported:
        return np.empty(0), np.empty((len(LEVELS), 0))
    every = np.unique(np.concatenate([c.steps for c in reported]))
    grid = every.astype(np.float64)
    if len(every) > _GRID:
        grid = np.linspace(every[0], every[-1], _GRID)
    there = np.full((len(reported), len(grid)), np.nan)
    for row, curve in zip(there, reported, strict=True):
        at = np.searchsorted(curve.steps, grid, side="right") - 1
        reached = (at >= 0) & (grid <= curve.steps[-1])
        row[reached] = curve.values[at[reached]]
    # A quantile is one of the values, not interpolated, because values may be infinite.
    there.sort(axis=0)  # puts NaN last
    n = (~np.isnan(there)).sum(axis=0)
    bands = np.full((len(LEVELS), len(grid)), np.nan)
    enough = np.flatnonzero(n >= _FEWEST)
    for band, level in zip(bands, LEVELS, strict=True):
        band[enough] = there[np.round((n[enough] - 1) * level).astype(np.int64), enough]
    return grid, bands


def curve_limits(
    direction: Direction, whole: Sequence[TrialCurve], important: Sequence[float]
) -> ValueLimits:
    """Limits of the value axis for the curves of a study.

    They leave out values that are far from the others, as those of the first reports and of
    diverging trials often are.

    Args:
        direction: which end of the scale is better.
        whole: the curves of all trials.
        important: values that must be shown, such as the best one.
    """
    finite = [c.values[np.isfinite(c.values)] for c in whole]
    finite = [values for values in finite if values.size]
    if not finite:
        return style.limits_around(np.empty(0), np.nan, np.nan)
    marks = [value for value in important if np.isfinite(value)]
    if direction == "minimize":
        worse, better, of_trial, of_trials = max, min, 0.9, 0.75
    else:
        worse, better, of_trial, of_trials = min, max, 0.1, 0.25
    # A tenth of the values of each trial may be worse than its bad end, as first reports are, and
    # a quarter of the trials, which may diverge, may be worse than the bad end of the limits.
    bad = float(np.quantile([np.quantile(values, of_trial) for values in finite], of_trials))
    good = float(np.quantile([better(values) for values in finite], 0.5))
    every = np.concatenate([c.values for c in whole])
    return style.limits_around(every, worse(bad, good, *marks), better(bad, good, *marks))


def draw_curves(info: CurvesInfo, axes: Axes) -> Axes:
    """Draw each trial up to its stop, or bands over all trials; the best ones on top."""
    if info.bands.size:
        draw_bands(info.grid, info.bands, info.limits, axes)
    _draw_many(info.stopped, axes, style.FAINT, "stopped, up to the stop")
    _draw_many(info.kept, axes, style.SKY, "not stopped")
    many = len(info.stops.steps) > MOST_LINES
    if len(info.stops.steps):
        axes.plot(
            info.stops.steps,
            np.clip(info.stops.values, info.limits.low, info.limits.high),
            ls="none",
            marker="x",
            ms=3 if many else 4,
            mew=0.5 if many else 0.8,
            color=style.VERMILLION,
            alpha=0.6 if many else 0.9,
            clip_on=False,
            rasterized=len(info.stops.steps) > style.MANY,
            label="stop",
        )
    for shown, colour, width in (
        (info.best_recorded, style.INK, 1.4),
        (info.best, style.BLUE, 2.2),
    ):
        if shown is None:
            continue
        label = style.literal_text(shown.label, 100)
        axes.plot(*shown.ran, color=colour, lw=width, label=label, zorder=4, **_dot(shown.ran, 4))
        if len(shown.rest.steps):
            axes.plot(*shown.rest, color=colour, lw=width, ls=(0, (1, 1.3)), zorder=4)
    style.set_limits(axes, info.limits)
    axes.set_ylabel(style.objective_label(info.objective, info.direction, 34))
    axes.set_xlabel("step")
    style.whole_steps(axes)
    return axes


def _dot(curve: TrialCurve, size: float) -> dict[str, Any]:
    """The marker that makes a curve of a single report visible."""
    return {"marker": "o", "ms": size} if len(curve.steps) == 1 else {}


def _draw_many(curves: tuple[TrialCurve, ...], axes: Axes, colour: str, label: str) -> None:
    for i, curve in enumerate(curves):
        axes.plot(
            curve.steps,
            curve.values,
            color=colour,
            lw=0.7,
            label=label if i == 0 else None,
            **_dot(curve, 2),
        )


def draw_bands(grid: Float64, bands: Float64, limits: ValueLimits, axes: Axes) -> None:
    """Draw where most of the curves are: bands for 90 % and 50 % of the trials, and the median.

    Args:
        grid: steps. [G]
        bands: as `bands_of` returns them. [5, G]
        limits: of the value axis; infinite edges of the bands are drawn at its border.
        axes: what is drawn on.
    """
    far = np.clip(bands, limits.low, limits.high)
    for (low, high), colour, label in (
        ((0, 4), style.PALE, "90 % of the trials as recorded"),
        ((1, 3), style.FAINT, "middle half"),
    ):
        axes.fill_between(grid, far[low], far[high], color=colour, lw=0, label=label, step=None)
    axes.plot(grid, bands[2], color=style.GREY, lw=1.2, label="median")


def curves_plot(result: ReplayResult, reports: RecordedReports) -> Plot | None:
    """The plot of all curves of a study; None if no trial has a value."""
    info = curves_info(result, reports)
    if np.isnan(reports.values).all():
        return None
    stopped = f"{result.summary.trials_stopped:,} of {info.trials:,} trials stopped"
    cut = int(result.columns.cut.sum())
    if cut:
        stopped += f", {cut:,} cut as the job ends"
    caption = f"{style.rule_words(result)}. {stopped}."
    if info.outside:
        caption += f" Values of {plural(info.outside, 'trial')} lie outside the picture."
    how = "Bands of where the trials' curves go" if info.bands.size else "A curve for each trial"
    marks = "; ".join(h.label for h in (info.best_recorded, info.best) if h is not None)
    return Plot(
        name="curves",
        title="curves and stops",
        caption=caption,
        description=f"{how} over steps, with a cross at each stop. {stopped}. Drawn on top: "
        f"{marks or 'nothing'}.",
        height=3.9,
        info=info,
        draw=draw_curves,
    )
