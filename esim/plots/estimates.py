"""What the next job may bring: how likely each saving and loss, and what changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.plots import style
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from esim.estimate.records import Estimate, Headline

_BINS = 30
_MOST = 1500  # dots


class SpreadInfo(NamedTuple):
    """A predictive distribution as a histogram. Shares of the draws."""

    edges: Float64  # [B + 1]
    shares: Float64  # [B]
    median: float
    low: float | None
    high: float | None
    beyond: float  # share of the draws outside of the edges


class ScatterInfo(NamedTuple):
    """Replays of past trials: each a dot. [R] each."""

    saved: Float64
    lost: Float64  # normalized degradation, 0 and up to the right
    kept: Float64  # 1, 0


class CourseInfo(NamedTuple):
    """The saved share against the number of trials or workers. [K] each; NaN = unknown."""

    x: Float64
    median: Float64
    low: Float64
    high: Float64
    asked: int | None  # which of them was asked for
    within: int  # so many lie within the history; the rest beyond it


def spread_info(found: Estimate, name: str) -> SpreadInfo | None:
    """The distribution of a quantity; None if it is unknown or not a number to draw."""
    quantity = found.quantities[name]
    if quantity is None:
        return None
    draws = quantity.draws[np.isfinite(quantity.draws)]
    if not len(draws):
        return None
    around = quantity.around(found.confidence)
    first, last = np.quantile(draws, [0.005, 0.995])
    if first == last:
        first, last = first - 0.5 * (abs(first) or 0.1), last + 0.5 * (abs(last) or 0.1)
    inside = (draws >= first) & (draws <= last)
    counts, edges = np.histogram(draws[inside], bins=_BINS, range=(first, last))
    return SpreadInfo(
        edges=edges,
        shares=counts / len(draws),
        median=around.median,
        low=around.low,
        high=around.high,
        beyond=float(1.0 - inside.mean()),
    )


def scatter_info(found: Estimate) -> ScatterInfo | None:
    """Saving against degradation, replay by replay; None without degradation."""
    known = np.isfinite(found.scatter).all(axis=0)
    saved, lost, kept = found.scatter[:, known][:, :_MOST]
    return ScatterInfo(saved, lost, kept) if known.any() else None


def course_info(found: Estimate, rows: tuple[Headline, ...], which: str) -> CourseInfo | None:
    """The saved share over "trials" or "workers"; None if fewer than two are known."""
    known = [row for row in rows if row.saved is not None]
    if len(known) < 2:
        return None

    def column(name: str) -> Float64:
        values = [getattr(row.saved, name) for row in known]
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)

    x = [int(getattr(row, which)) for row in known]
    mine = getattr(found.next, which)
    return CourseInfo(
        x=np.array(x, dtype=np.float64),
        median=column("median"),
        low=column("low"),
        high=column("high"),
        asked=x.index(mine) if mine in x else None,
        within=sum(not row.extrapolated for row in known),
    )


def draw_spread(info: SpreadInfo, axes: Axes, label: str, colour: str) -> Axes:
    """A histogram, the interval under it."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.bar(
        info.edges[:-1], info.shares, width=np.diff(info.edges), align="edge", color=colour,
        edgecolor="white", lw=0.4, alpha=0.85,
    )  # fmt: skip
    top = float(info.shares.max())
    if info.low is not None and info.high is not None:
        axes.plot([info.low, info.high], [-0.05 * top] * 2, color=style.BLACK, lw=2.2,
                  label="interval", clip_on=False)  # fmt: skip
    axes.axvline(info.median, color=style.BLACK, lw=1.0, ls="--", label="median")
    axes.set_ylim(-0.1 * top, 1.08 * top)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel(label)
    axes.set_ylabel("chance")
    return axes


def draw_scatter(info: ScatterInfo, axes: Axes) -> Axes:
    """Dots: saved share against normalized degradation."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for kept, marker, colour, label in (
        (1.0, "o", style.BLUE, "the best trial is kept"),
        (0.0, "X", style.VERMILLION, "the best trial is stopped"),
    ):
        mine = info.kept == kept
        axes.plot(info.lost[mine], info.saved[mine], marker, color=colour, ms=4, mec="white",
                  mew=0.3, ls="none", alpha=0.6, label=label,
                  rasterized=len(info.kept) > style.MANY)  # fmt: skip
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel("degradation, of the way from best to median\n(right is worse)")
    axes.set_ylabel("steps saved")
    return axes


def draw_course(info: CourseInfo, axes: Axes, label: str) -> Axes:
    """Median and interval over trials or workers."""
    from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

    place = np.arange(len(info.x))
    axes.fill_between(place, info.low, info.high, color=style.SKY, alpha=0.35, lw=0,
                      label="interval")  # fmt: skip
    axes.plot(place, info.median, "-", color=style.BLUE, lw=1.4, label="median")
    axes.plot(place[: info.within], info.median[: info.within], "o", color=style.BLUE, ms=4)
    axes.plot(place[info.within :], info.median[info.within :], "o", color=style.BLUE, ms=4,
              mfc="white", label="beyond the history")  # fmt: skip
    if info.asked is not None:
        axes.axvline(info.asked, color=style.GREY, lw=1.0, ls=":", label="the next job")
    axes.set_xticks(place)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda i, _: f"{info.x[int(i)]:,.0f}" if int(i) < len(info.x) else "")
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_ylim(min(0.0, float(np.nanmin(info.median))), 1)
    axes.set_xlabel(label)
    axes.set_ylabel("steps saved")
    return axes


def estimate_figures(found: Estimate) -> dict[str, Figure]:
    """Name -> figure, of all that there is something to draw for."""
    name = found.studies[0].study if len(found.studies) == 1 else "the next study"
    figures = {}
    spreads = [
        (spread_info(found, "steps_saved_fraction"), "steps saved", style.BLUE),
        (
            spread_info(found, "degradation_normalized"),
            "degradation, of the way from best to median\n(right is worse)",
            style.VERMILLION,
        ),
    ]
    if any(info is not None for info, _, _ in spreads):
        figures["forecast"] = _spreads_figure(found, name, spreads)
    dots = scatter_info(found)
    if dots is not None:
        figures["trade"] = _one(name, ": saving against degradation", found, dots)
    courses = [
        (course_info(found, found.by_trials, "trials"), "trials of the next job"),
        (course_info(found, found.by_workers, "workers"), "workers (parallel jobs)"),
    ]
    if any(info is not None for info, _ in courses):
        figures["sizes"] = _courses_figure(found, name, courses)
    return figures


def _words(found: Estimate) -> str:
    workers = f"{found.next.workers} worker" + "s" * (found.next.workers > 1)
    return f"Next job: {found.next.trials:,} trials on {workers}, rule {found.rule.name}"


def _spreads_figure(
    found: Estimate, name: str, spreads: list[tuple[SpreadInfo | None, str, str]]
) -> Figure:
    known = [(info, label, colour) for info, label, colour in spreads if info is not None]
    with style.styled():
        figure = style.new_figure(2.9, name, ": forecast of the next job")
        axes = figure.subplots(1, len(known), squeeze=False)[0]
        for (info, label, colour), each in zip(known, axes, strict=True):
            draw_spread(info, each, label, colour)
        sure = f"{_words(found)}; the bar is the {100 * found.confidence:g} % interval"
        style.subtitle(axes[0], sure, style.WIDTH / len(known))
        style.legend(figure, *axes)
    return figure


def _one(name: str, what: str, found: Estimate, dots: ScatterInfo) -> Figure:
    with style.styled():
        figure = style.new_figure(3.4, name, what)
        axes = figure.subplots()
        draw_scatter(dots, axes)
        style.subtitle(axes, f"{_words(found)}. Each dot is a replay of a job of past trials.")
        style.legend(figure, axes)
    return figure


def _courses_figure(
    found: Estimate, name: str, courses: list[tuple[CourseInfo | None, str]]
) -> Figure:
    known = [(info, label) for info, label in courses if info is not None]
    with style.styled():
        figure = style.new_figure(3.0, name, ": what the saving depends on")
        axes = figure.subplots(1, len(known), squeeze=False, sharey=True)[0]
        for (info, label), each in zip(known, axes, strict=True):
            draw_course(info, each, label)
        style.subtitle(axes[0], _words(found), style.WIDTH / len(known))
        style.legend(figure, *axes)
    return figure
