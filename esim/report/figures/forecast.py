"""Figures of an estimate: how likely each saving and loss of the next job is, and what changes it.

They are drawn from what its document keeps, schema esim.estimate/1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import percent, plural, share_words
from esim.results.estimate import EstimateDocument
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which = Literal["trials", "workers"]  # what a job has so many of
_BINS = 25  # of a histogram


# Quantity of the document -> the name, title and label of its figure, and its colour.
_FORECASTS = (
    ("steps_saved_fraction", "saved", "steps saved by the next job", "steps saved", style.BLUE),
    (
        "degradation_normalized",
        "lost",
        "what the next job loses",
        "loss: way from the best to the median trial\n(right is worse)",
        style.VERMILLION,
    ),
)


class ForecastInfo(NamedTuple):
    """What is drawn of a predictive distribution: its percentiles, counted in B bins."""

    edges: Float64  # [B + 1], borders of the bins
    chances: Float64  # [B], share of the percentiles in each bin
    median: float
    low: float | None  # lower end of the interval; None if there is no interval
    high: float | None  # its upper end


class TradeInfo(NamedTuple):
    """What is drawn of R replays, each of a job that is made of past trials."""

    saved: Float64  # [R], share of the steps saved
    lost: Float64  # [R], normalized degradation
    kept: Float64  # [R], whether the best trial is kept: 1 or 0, NaN if unknown


class CourseInfo(NamedTuple):
    """The share of steps saved over K numbers of trials or workers. NaN is unknown."""

    x: Float64  # [K], numbers of trials or workers
    median: Float64  # [K]
    low: Float64  # [K], lower end of the interval
    high: Float64  # [K], its upper end
    asked: int | None  # position of the number that the next job has
    within: int  # so many, from the first, lie within the history; the others are extrapolated


def _floats(values: Sequence[float | None]) -> Float64:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def forecast_info(document: EstimateDocument, name: str) -> ForecastInfo | None:
    """The distribution of a quantity of the document, by its name; None if it is unknown."""
    quantity = document.quantities.get(name)
    if quantity is None or quantity.median is None:
        return None
    percentiles = _floats(quantity.quantiles)
    percentiles = percentiles[np.isfinite(percentiles)]
    if not len(percentiles):
        return None
    first, last = float(percentiles.min()), float(percentiles.max())
    if first == last:
        first, last = first - 0.05, last + 0.05
    counts, edges = np.histogram(percentiles, bins=_BINS, range=(first, last))
    return ForecastInfo(
        edges, counts / len(percentiles), quantity.median, quantity.low, quantity.high
    )


def trade_info(document: EstimateDocument) -> TradeInfo | None:
    """Saving and degradation of each replay; None if no replay has both."""
    scatter = document.scatter
    saved, lost = _floats(scatter.steps_saved_fraction), _floats(scatter.degradation_normalized)
    kept = _floats(scatter.best_kept)
    known = np.isfinite(saved) & np.isfinite(lost)
    return TradeInfo(saved[known], lost[known], kept[known]) if known.any() else None


def course_info(document: EstimateDocument, which: Which) -> CourseInfo | None:
    """The share saved over `which`; None with fewer than two known ones."""
    headlines = document.by_trials if which == "trials" else document.by_workers
    rows = [(row, row.steps_saved_fraction) for row in headlines]
    known = [(row, saved) for row, saved in rows if saved is not None]
    if len(known) < 2:
        return None
    x: list[int] = [getattr(row, which) for row, _ in known]
    mine: int = getattr(document.next, which)
    return CourseInfo(
        x=_floats(x),
        median=_floats([saved.median for _, saved in known]),
        low=_floats([saved.low for _, saved in known]),
        high=_floats([saved.high for _, saved in known]),
        asked=x.index(mine) if mine in x else None,
        within=sum(not row.extrapolated for row, _ in known),
    )


def draw_forecast(info: ForecastInfo, axes: Axes, *, label: str, colour: str) -> Axes:
    """Draw a histogram with a line at the median, and the interval as a bar below it."""
    from matplotlib.ticker import MaxNLocator

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
    style.label_shares(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], min_n_ticks=1))
    style.label_shares(axes.xaxis)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel(label)
    axes.set_ylabel("chance")
    return axes


def draw_trade(info: TradeInfo, axes: Axes) -> Axes:
    """Draw a dot for each replay, more saved to the right and more lost upwards."""
    from matplotlib.ticker import MaxNLocator

    for which, marker, colour, label in (
        (info.kept == 1, "o", style.BLUE, "the best trial is kept"),
        (info.kept == 0, "X", style.VERMILLION, "the best trial is stopped"),
        (np.isnan(info.kept), "s", style.GREY, "not known"),
    ):
        if which.any():
            axes.plot(info.saved[which], info.lost[which], marker, color=colour, ms=5,
                      mec=style.PAPER, mew=0.4, ls="none", label=label, clip_on=False)  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        style.label_shares(axis)
        axis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel("steps saved")
    axes.set_ylabel("loss: way from the best\nto the median trial")
    return axes


def draw_course(info: CourseInfo, axes: Axes, *, label: str) -> Axes:
    """Draw the median and its interval over the number of trials or workers."""
    position = np.arange(len(info.x))
    axes.fill_between(position, info.low, info.high, color=style.SKY, alpha=0.35, lw=0,
                      label="interval")  # fmt: skip
    axes.plot(position, info.median, "-", color=style.BLUE, lw=1.6, label="median")
    axes.plot(position[: info.within], info.median[: info.within], "o", color=style.BLUE, ms=5)
    if info.within < len(position):
        axes.plot(position[info.within :], info.median[info.within :], "o", color=style.BLUE, ms=5,
                  mfc=style.PAPER, label="beyond the history")  # fmt: skip
    if info.asked is not None:
        axes.axvline(info.asked, color=style.GREY, lw=1.0, ls=":", label="the next job")
    axes.set_xticks(position, [f"{x:,.0f}" for x in info.x])
    style.label_shares(axes.yaxis)
    axes.set_ylim(min(0.0, float(np.nan_to_num(info.low).min())), 1)
    axes.set_xlabel(label)
    axes.set_ylabel("steps saved")
    return axes


def next_words(document: EstimateDocument) -> str:
    """The job that is forecast, in words: its trials and workers."""
    job = document.next
    return f"{plural(job.trials, 'trial')} on {plural(job.workers, 'worker')}"


def forecast_plots(document: EstimateDocument) -> Iterator[Plot]:
    """The plots of what the next job saves and loses, of those that are known."""
    sure = _confidence_words(document)
    for key, name, title, label, colour in _FORECASTS:
        info = forecast_info(document, key)
        if info is not None and np.count_nonzero(info.chances) > 1:
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


def single_values(document: EstimateDocument) -> Iterator[str]:
    """A sentence for each distribution that is a single value, of which no figure is drawn."""
    for key, _, title, *_ in _FORECASTS:
        info = forecast_info(document, key)
        if info is not None and np.count_nonzero(info.chances) == 1:
            yield f"{title[0].upper()}{title[1:]}: {percent(info.median)} in nearly every forecast."


def trade_plot(document: EstimateDocument) -> Plot | None:
    """The plot of saving against loss; None if no replay has both."""
    info = trade_info(document)
    if info is None:
        return None
    kept = info.kept[np.isfinite(info.kept)]
    return Plot(
        name="trade",
        title="saving against loss",
        caption="Each dot is a replay of a job of past trials; lower right is better.",
        description=f"{len(info.saved):,} dots, from {percent(float(info.saved.min()))} to "
        f"{percent(float(info.saved.max()))} saved; "
        f"{share_words(float(kept.mean()) if kept.size else None)} of them keep the best.",
        height=3.3,
        info=info,
        draw=draw_trade,
    )


def course_plots(document: EstimateDocument) -> Iterator[Plot]:
    """The plots of the share saved over the number of trials and of workers, where known."""
    labels: dict[Which, str] = {"trials": "trials of the next job", "workers": "workers"}
    for which, label in labels.items():
        info = course_info(document, which)
        if info is not None:
            yield Plot(
                name=f"by-{which}",
                title=f"steps saved, by {which}",
                caption=f"Median and {_confidence_words(document)} interval.",
                description=f"From {info.x[0]:,.0f} to {info.x[-1]:,.0f} {which} the median "
                f"saved goes from {percent(float(info.median[0]))} to "
                f"{percent(float(info.median[-1]))}.",
                height=2.9,
                info=info,
                draw=partial(draw_course, label=label),
            )


def _confidence_words(document: EstimateDocument) -> str:
    return f"{100 * document.confidence:g} %"
