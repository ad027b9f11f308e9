"""What the next job may bring: how likely each saving and loss, and what changes them.

Drawn from the result document, schema esim.estimate/1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.style import Plot
from esim.report.words import percent, plural, share_words
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Document = Mapping[str, Any]
_BINS = 25


class ForecastInfo(NamedTuple):
    """A predictive distribution: its per cents, in bins."""

    edges: Float64  # [B + 1]
    chances: Float64  # [B], shares of the distribution between its first and last per cent
    median: float
    low: float | None
    high: float | None


class TradeInfo(NamedTuple):
    """Replays of jobs of past trials: each a dot. [R] each."""

    saved: Float64
    lost: Float64  # normalized degradation
    kept: Float64  # 1, 0; NaN = unknown


class CourseInfo(NamedTuple):
    """The saved share against the number of trials or workers. [K] each; NaN = unknown."""

    x: Float64
    median: Float64
    low: Float64
    high: Float64
    asked: int | None  # which of them was asked for
    within: int  # so many lie within the history; the rest beyond it


def _floats(values: Sequence[Any]) -> Float64:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def forecast_info(document: Document, name: str) -> ForecastInfo | None:
    """The distribution of a quantity; None if it is unknown."""
    quantity = document["quantities"].get(name)
    if quantity is None or quantity["median"] is None:
        return None
    per_cents = _floats(quantity["quantiles"])
    per_cents = per_cents[np.isfinite(per_cents)]
    if not len(per_cents):
        return None
    first, last = float(per_cents.min()), float(per_cents.max())
    if first == last:
        first, last = first - 0.05, last + 0.05
    counts, edges = np.histogram(per_cents, bins=_BINS, range=(first, last))
    low, high = quantity["low"], quantity["high"]
    return ForecastInfo(edges, counts / len(per_cents), quantity["median"], low, high)


def trade_info(document: Document) -> TradeInfo | None:
    """Saving against degradation, replay by replay; None without degradation."""
    scatter = document["scatter"]
    saved, lost, kept = (
        _floats(scatter[key])
        for key in ("steps_saved_fraction", "degradation_normalized", "best_kept")
    )
    known = np.isfinite(saved) & np.isfinite(lost)
    return TradeInfo(saved[known], lost[known], kept[known]) if known.any() else None


def course_info(document: Document, which: str) -> CourseInfo | None:
    """The saved share over "trials" or "workers"; None if fewer than two are known."""
    rows = [row for row in document[f"by_{which}"] if row["steps_saved_fraction"] is not None]
    if len(rows) < 2:
        return None
    x = [row[which] for row in rows]
    mine = document["next"][which]
    median, low, high = (
        _floats([row["steps_saved_fraction"][part] for row in rows])
        for part in ("median", "low", "high")
    )
    return CourseInfo(
        x=_floats(x),
        median=median,
        low=low,
        high=high,
        asked=x.index(mine) if mine in x else None,
        within=sum(not row["extrapolated"] for row in rows),
    )


def draw_forecast(info: ForecastInfo, axes: Axes, *, label: str, colour: str) -> Axes:
    """A histogram, the interval under it."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.bar(
        info.edges[:-1], info.chances, width=np.diff(info.edges), align="edge", color=colour,
        edgecolor=style.PAPER, lw=0.6,
    )  # fmt: skip
    top = float(info.chances.max())
    if info.low is not None and info.high is not None:
        axes.plot([info.low, info.high], [-0.05 * top] * 2, color=style.INK, lw=2.2,
                  label="interval", clip_on=False)  # fmt: skip
    axes.axvline(info.median, color=style.INK, lw=1.0, ls="--", label="median")
    axes.set_ylim(-0.1 * top, 1.08 * top)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel(label)
    axes.set_ylabel("chance")
    return axes


def draw_trade(info: TradeInfo, axes: Axes) -> Axes:
    """Dots: saved share to the right, normalized degradation up, as in every such figure."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for which, marker, colour, label in (
        (info.kept == 1, "o", style.BLUE, "the best trial is kept"),
        (info.kept == 0, "X", style.VERMILLION, "the best trial is stopped"),
        (np.isnan(info.kept), "s", style.GREY, "not known"),
    ):
        if which.any():
            axes.plot(info.saved[which], info.lost[which], marker, color=colour, ms=5,
                      mec=style.PAPER, mew=0.4, ls="none", label=label, clip_on=False)  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        axis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel("steps saved")
    axes.set_ylabel("loss: way from the best\nto the median trial")
    return axes


def draw_course(info: CourseInfo, axes: Axes, *, label: str) -> Axes:
    """Median and interval over trials or workers."""
    from matplotlib.ticker import PercentFormatter

    place = np.arange(len(info.x))
    axes.fill_between(place, info.low, info.high, color=style.SKY, alpha=0.35, lw=0,
                      label="interval")  # fmt: skip
    axes.plot(place, info.median, "-", color=style.BLUE, lw=1.6, label="median")
    axes.plot(place[: info.within], info.median[: info.within], "o", color=style.BLUE, ms=5)
    if info.within < len(place):
        axes.plot(place[info.within :], info.median[info.within :], "o", color=style.BLUE, ms=5,
                  mfc=style.PAPER, label="beyond the history")  # fmt: skip
    if info.asked is not None:
        axes.axvline(info.asked, color=style.GREY, lw=1.0, ls=":", label="the next job")
    axes.set_xticks(place, [f"{x:,.0f}" for x in info.x])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_ylim(min(0.0, float(np.nan_to_num(info.low).min())), 1)
    axes.set_xlabel(label)
    axes.set_ylabel("steps saved")
    return axes


def estimate_plots(document: Document) -> dict[str, Plot]:
    """Name -> figure before it is drawn, of all that there is something to draw for."""
    return {plot.name: plot for plot in _plots(document)}


def next_words(document: Document) -> str:
    """The job that is forecast."""
    job = document["next"]
    return f"{plural(job['trials'], 'trial')} on {plural(job['workers'], 'worker')}"


def _plots(document: Document) -> Iterator[Plot]:
    sure = f"{100 * document['confidence']:g} %"
    for key, name, title, label, colour in (
        ("steps_saved_fraction", "saved", "steps saved by the next job", "steps saved", style.BLUE),
        (
            "degradation_normalized",
            "lost",
            "what the next job loses",
            "loss: way from the best to the median trial\n(right is worse)",
            style.VERMILLION,
        ),
    ):
        info = forecast_info(document, key)
        if info is not None:
            yield Plot(
                name=f"forecast-{name}",
                title=title,
                caption=f"{next_words(document)}; the bar below is the {sure} interval.",
                description=f"A histogram of the predictive distribution: median "
                f"{percent(info.median)}, {sure} interval {percent(info.low)} to "
                f"{percent(info.high)}.",
                height=2.8,
                info=info,
                draw=partial(draw_forecast, label=label, colour=colour),
            )
    dots = trade_info(document)
    if dots is not None:
        kept = dots.kept[np.isfinite(dots.kept)]
        yield Plot(
            name="trade",
            title="saving against loss",
            caption="Each dot is a replay of a job of past trials; lower right is better.",
            description=f"{len(dots.saved):,} dots, from {percent(float(dots.saved.min()))} to "
            f"{percent(float(dots.saved.max()))} saved; "
            f"{share_words(float(kept.mean()) if kept.size else None)} of them keep the best.",
            height=3.3,
            info=dots,
            draw=draw_trade,
        )
    for which, label in (("trials", "trials of the next job"), ("workers", "workers")):
        course = course_info(document, which)
        if course is not None:
            yield Plot(
                name=f"by-{which}",
                title=f"steps saved, by {which}",
                caption=f"Median and {sure} interval.",
                description=f"From {course.x[0]:,.0f} to {course.x[-1]:,.0f} {which} the median "
                f"saved goes from {percent(float(course.median[0]))} to "
                f"{percent(float(course.median[-1]))}.",
                height=2.9,
                info=course,
                draw=partial(draw_course, label=label),
            )
