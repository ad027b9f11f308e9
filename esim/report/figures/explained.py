"""One trial over the threshold it was held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.style import View
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from esim.results.explanation import Explanation, ReportRow


_LOG_PEERS = 50


class ExplainedInfo(NamedTuple):
    """What is drawn. Arrays over the reports with a value, NaN where there is no such thing."""

    objective: str
    direction: Direction
    steps: Float64
    values: Float64
    own: Float64 | None  # None: the values themselves are compared
    own_words: str
    threshold: Float64
    threshold_words: str
    low: Float64
    high: Float64
    peers: Float64
    ran: int  # how many of them were made under the rule
    stop: tuple[float, float] | None  # step and value
    decision: tuple[float, float] | None  # the same, where it was decided earlier
    view: View


def explained_info(explanation: Explanation) -> ExplainedInfo:
    """An explanation as arrays to draw."""
    rows = [row for row in explanation.rows if row.value is not None]

    def column(name: str) -> Float64:
        found = [getattr(row, name) for row in rows]
        return np.array([np.nan if x is None else x for x in found], dtype=np.float64)

    values, own, threshold = column("value"), column("own"), column("threshold")
    rule = explanation.rule
    ran = sum(row.ran for row in rows)
    stop = _at(rows, explanation.stop_step)
    decision = _at(rows, explanation.decided_step)
    shown = np.concatenate([values, threshold, column("peers_low"), column("peers_high")])
    finite = values[np.isfinite(values)]
    levels = threshold[np.isfinite(threshold)]
    typical = np.array(
        [np.quantile(part, end) for part in (finite, levels) if part.size for end in (0.1, 0.9)]
    )
    if stop is not None and np.isfinite(stop[1]):
        typical = np.append(typical, stop[1])
    bounds = (typical.min(), typical.max()) if typical.size else (np.nan, np.nan)
    peer = {"average": "running averages", "value": "values", "best": "best values so far"}
    level = "median" if rule.quantile == 0.5 else f"{100 * rule.quantile:g} % quantile"
    return ExplainedInfo(
        objective=explanation.objective,
        direction=explanation.direction,
        steps=column("step"),
        values=values,
        own=None if rule.own == "current" else own,
        own_words={"best": "its best so far", "average": "its running average"}.get(rule.own, ""),
        threshold=threshold,
        threshold_words=f"{level} of the peers' {peer[rule.peer]}",
        low=column("peers_low"),
        high=column("peers_high"),
        peers=column("peers"),
        ran=ran,
        stop=stop,
        decision=None if decision == stop else decision,
        view=style.view(shown, *bounds),
    )


def _at(rows: list[ReportRow], step: int | None) -> tuple[float, float] | None:
    for row in rows:
        if step is not None and row.step == step and row.value is not None:
            return float(row.step), row.value
    return None


def draw_explained(info: ExplainedInfo, axes: Axes) -> Axes:
    """The trial's curve, the threshold, the middle half of the peers, and the stop."""
    edges = _edges(info.steps)
    if edges.size:
        axes.stairs(
            info.high,
            edges,
            baseline=info.low,
            fill=True,
            color=style.PALE,
            label="middle half of the peers",
        )
        axes.stairs(
            info.threshold,
            edges,
            baseline=None,
            color=style.INK,
            lw=1.2,
            label=info.threshold_words,
        )
    marker = "o" if len(info.steps) <= 60 else None
    if info.own is not None:
        axes.plot(
            info.steps[: info.ran],
            info.own[: info.ran],
            color=style.BLUE,
            lw=1.0,
            ls="--",
            label=info.own_words,
        )
    axes.plot(
        info.steps[: info.ran],
        info.values[: info.ran],
        color=style.BLUE,
        lw=1.8,
        marker=marker,
        ms=2.5,
        label="the trial",
    )
    if info.ran < len(info.steps):
        first = max(info.ran - 1, 0)
        axes.plot(
            info.steps[first:],
            info.values[first:],
            color=style.BLUE,
            lw=1.3,
            ls=(0, (1, 1.6)),
            label="as recorded, had it gone on",
        )
    for point, text, face in (
        (info.decision, "stop decided", style.PAPER),
        (info.stop, "stopped", style.VERMILLION),
    ):
        if point is None:
            continue
        height = float(np.clip(point[1], info.view.low, info.view.high))
        axes.axvline(point[0], color=style.VERMILLION, lw=0.7)
        axes.plot(
            point[0],
            height,
            "X",
            color=style.VERMILLION,
            mfc=face,
            ms=8,
            mew=1.0,
            ls="none",
            label=f"{text} at step {point[0]:,.0f}",
            zorder=5,
            clip_on=False,
        )
    style.set_view(axes, info.view)
    axes.set_ylabel(style.objective_label(info.objective, info.direction, 28))
    style.whole_steps(axes)
    return axes


def draw_peers(info: ExplainedInfo, axes: Axes) -> Axes:
    """How many trials the threshold is made of."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    edges = _edges(info.steps)
    top = float(np.nanmax(info.peers, initial=1.0))
    if top > _LOG_PEERS:  # the few that are left late in training must not vanish
        axes.set_yscale("log")
        axes.set_ylim(0.5, 1.5 * top)
        axes.yaxis.set_major_locator(LogLocator(10, numticks=3))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    else:
        axes.set_ylim(0, 1.1 * top)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    if edges.size:
        floor = axes.get_ylim()[0]
        height = np.where(info.peers > 0, info.peers, floor)
        axes.stairs(height, edges, baseline=floor, fill=True, color=style.FAINT)
    axes.set_ylabel("peers")
    axes.set_xlabel("step")
    style.whole_steps(axes)
    return axes


def _edges(steps: Float64) -> Float64:
    """Borders half way between neighbouring steps. [n + 1]; empty without steps"""
    if steps.size == 0:
        return steps
    if steps.size == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2
    first, last = steps[0] - (middle[0] - steps[0]), steps[-1] + (steps[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])


def explain_figure(explanation: Explanation) -> Figure:
    """The whole figure of `esim explain`."""
    info = explained_info(explanation)
    with style.styled():
        figure = style.new_figure(4.6)
        style.set_title(
            figure, f"Trial {explanation.trial}", f" under rule {explanation.rule.name}"
        )
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
        draw_explained(info, upper)
        draw_peers(info, lower)
        upper.tick_params(labelbottom=False)
        text = explanation.account
        if info.view.clipped:
            text += " Some values lie outside the picture."
        style.subtitle(upper, text)
        style.legend(figure, upper)
    return figure
