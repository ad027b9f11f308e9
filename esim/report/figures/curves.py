"""All curves of a study, and where the rule cut them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.figures import style
from esim.report.figures.style import Plot, View
from esim.report.words import clean, number, plural
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import BestTrial, ReplayResult
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 150  # more curves than this are drawn as bands
_GRID = 200  # places at which bands are taken
_FEWEST = 5  # trials that a band needs
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


class Curve(NamedTuple):
    """One trial's reports with a value."""

    steps: NDArray[np.int64]
    values: Float64


class Highlight(NamedTuple):
    """A trial drawn by itself."""

    label: str
    ran: Curve
    rest: Curve  # what the rule saved, from the last report that ran; empty if nothing


class CurvesInfo(NamedTuple):
    """What is drawn: curves up to MOST_LINES trials, else bands."""

    objective: str
    direction: Direction
    kept: tuple[Curve, ...]
    stopped: tuple[Curve, ...]  # up to the stop
    grid: Float64  # [G]
    bands: Float64  # [5, G], quantiles of the recorded values; NaN where too few trials go
    stops: Curve  # step and value of every stop
    best_recorded: Highlight | None  # None if it is the same trial as `best`
    best: Highlight | None
    view: View
    outside: int  # trials with values outside the view
    trials: int


def curves_info(result: ReplayResult, reports: RecordedReports) -> CurvesInfo:
    """A study's curves as its replay cut them."""
    columns, summary = result.columns, result.summary
    n = len(columns.trial)
    places = {trial: i for i, trial in enumerate(columns.trial)}
    whole = [curve(reports, i) for i in range(n)]
    kept = [curve(reports, i, int(k)) for i, k in enumerate(columns.reports_kept)]
    stopped = [i for i in range(n) if columns.stopped[i] and len(kept[i].steps)]
    lines = n <= MOST_LINES
    grid, bands = (np.empty(0), np.empty((len(LEVELS), 0))) if lines else bands_of(whole)
    best, winner = summary.best, summary.best_recorded
    limits = field_view(result.direction, whole, [b.value for b in (best, winner) if b is not None])
    shown = kept if lines else whole
    beyond = [((c.values < limits.low) | (c.values > limits.high)).any() for c in shown]
    same = best is not None and winner is not None and best.trial == winner.trial

    def highlight(of: BestTrial | None, what: str) -> Highlight | None:
        if of is None:
            return None
        i = places[of.trial]
        label = f"{what}: {clean(of.trial, 28)}, {number(of.value, 4)}"
        return Highlight(label, kept[i], rest_of(whole[i], kept[i]))

    return CurvesInfo(
        objective=result.objective,
        direction=result.direction,
        kept=tuple(kept[i] for i in range(n) if not columns.stopped[i]) if lines else (),
        stopped=tuple(kept[i] for i in stopped) if lines else (),
        grid=grid,
        bands=bands,
        stops=Curve(
            np.array([kept[i].steps[-1] for i in stopped], dtype=np.int64),
            np.array([kept[i].values[-1] for i in stopped], dtype=np.float64),
        ),
        best_recorded=None if same else highlight(winner, "best without the rule"),
        best=highlight(best, "best with and without" if same else "best with the rule"),
        view=limits,
        outside=int(np.sum(beyond)),
        trials=n,
    )


def curve(reports: RecordedReports, trial: int, rows: int | None = None) -> Curve:
    """A trial's first rows (None: all of them) that hold a value."""
    first, last = int(reports.offsets[trial]), int(reports.offsets[trial + 1])
    part = slice(first, last if rows is None else first + rows)
    present = ~np.isnan(reports.values[part])
    return Curve(reports.steps[part][present], reports.values[part][present])


def rest_of(whole: Curve, ran: Curve) -> Curve:
    """What the rule saved, from the last report that ran; empty if nothing."""
    n = len(ran.steps)
    first = len(whole.steps) if n == len(whole.steps) else max(n - 1, 0)
    return Curve(whole.steps[first:], whole.values[first:])


def bands_of(whole: Sequence[Curve]) -> tuple[Float64, Float64]:
    """Quantiles over the trials that go as far, of their last value up to each place of a grid."""
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
    # Quantiles by counting: infinite values are the worst or best, and not interpolated.
    there.sort(axis=0)  # NaN last
    n = (~np.isnan(there)).sum(axis=0)
    bands = np.full((len(LEVELS), len(grid)), np.nan)
    enough = np.flatnonzero(n >= _FEWEST)
    for band, level in zip(bands, LEVELS, strict=True):
        band[enough] = there[np.round((n[enough] - 1) * level).astype(np.int64), enough]
    return grid, bands


def field_view(direction: Direction, whole: Sequence[Curve], important: Sequence[float]) -> View:
    """All values, unless the first reports or up to a quarter of the trials are far off."""
    finite = [c.values[np.isfinite(c.values)] for c in whole]
    finite = [values for values in finite if values.size]
    if not finite:
        return style.view(np.empty(0), np.nan, np.nan)
    marks = [value for value in important if np.isfinite(value)]
    if direction == "minimize":
        worse, better, of_trial, of_trials = max, min, 0.9, 0.75
    else:
        worse, better, of_trial, of_trials = min, max, 0.1, 0.25
    # In each trial the bad values of the first tenth of its reports; among trials the diverging.
    bad = float(np.quantile([np.quantile(values, of_trial) for values in finite], of_trials))
    good = float(np.quantile([better(values) for values in finite], 0.5))
    every = np.concatenate([c.values for c in whole])
    return style.view(every, worse(bad, good, *marks), better(bad, good, *marks))


def draw_curves(info: CurvesInfo, axes: Axes) -> Axes:
    """Every trial up to its stop, or bands of all of them; the best ones on top."""
    if info.bands.size:
        draw_bands(info.grid, info.bands, info.view, axes)
    _draw_many(info.stopped, axes, style.FAINT, "stopped, up to the stop")
    _draw_many(info.kept, axes, style.SKY, "not stopped")
    many = len(info.stops.steps) > MOST_LINES
    if len(info.stops.steps):
        axes.plot(
            info.stops.steps,
            np.clip(info.stops.values, info.view.low, info.view.high),
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
        label = style.words(shown.label, 100)
        axes.plot(*shown.ran, color=colour, lw=width, label=label, zorder=4, **_dot(shown.ran, 4))
        if len(shown.rest.steps):
            axes.plot(*shown.rest, color=colour, lw=width, ls=(0, (1, 1.3)), zorder=4)
    style.set_view(axes, info.view)
    axes.set_ylabel(style.objective_label(info.objective, info.direction, 34))
    axes.set_xlabel("step")
    style.whole_steps(axes)
    return axes


def _dot(curve: Curve, size: float) -> dict[str, Any]:
    """A curve of one report needs a mark to be seen."""
    return {"marker": "o", "ms": size} if len(curve.steps) == 1 else {}


def _draw_many(curves: tuple[Curve, ...], axes: Axes, colour: str, label: str) -> None:
    for i, curve in enumerate(curves):
        axes.plot(
            curve.steps,
            curve.values,
            color=colour,
            lw=0.7,
            label=label if i == 0 else None,
            **_dot(curve, 2),
        )


def draw_bands(grid: Float64, bands: Float64, limits: View, axes: Axes) -> None:
    """Where most of the curves go."""
    far = np.clip(bands, limits.low, limits.high)  # infinite edges reach the border
    for (low, high), colour, label in (
        ((0, 4), style.PALE, "90 % of the trials as recorded"),
        ((1, 3), style.FAINT, "middle half"),
    ):
        axes.fill_between(grid, far[low], far[high], color=colour, lw=0, label=label, step=None)
    axes.plot(grid, bands[2], color=style.GREY, lw=1.2, label="median")


def curves_plot(result: ReplayResult, reports: RecordedReports) -> Plot | None:
    """All curves of a study under a rule; None if no trial has a value."""
    info = curves_info(result, reports)
    if np.isnan(reports.values).all():
        return None
    stopped = f"{len(info.stops.steps):,} of {info.trials:,} trials stopped"
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
