"""Figure of one trial and of the threshold that each of its reports was compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.report.figures import plot, style
from esim.report.figures.style import ValueLimits
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from esim.results.explanation import Explanation, ReportRow


_LOG_PEERS = 50  # with more peers than this their number is drawn on a logarithmic axis


class ExplainedInfo(NamedTuple):
    """What is drawn: R reports of the trial that hold a value. NaN where there is nothing."""

    objective: str
    direction: Direction
    steps: Float64  # [R]
    values: Float64  # [R]
    own: Float64 | None  # [R], the trial's statistic; None if the rule compares the values
    own_words: str
    threshold: Float64  # [R]
    threshold_words: str
    low: Float64  # [R], lower quartile of the peers' statistics
    high: Float64  # [R], upper quartile
    peers: Float64  # [R], number of peers
    ran: int  # how many of the reports, from the first, were made under the rule
    stop: tuple[float, float] | None  # step and value of the last report that ran, if stopped
    decision: tuple[float, float] | None  # step and value where the stop was decided, if earlier
    limits: ValueLimits


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
        limits=style.limits_around(shown, *bounds),
    )


def _at(rows: list[ReportRow], step: int | None) -> tuple[float, float] | None:
    for row in rows:
        if step is not None and row.step == step and row.value is not None:
            return float(row.step), row.value
    return None


def draw_explained(info: ExplainedInfo, axes: Axes) -> Axes:
    """Draw the middle half of the peers, the threshold, the trial's curve, and the stop."""
    edges = _edges(info.steps)
    if edges.size:
        axes.stairs(info.high, edges, baseline=info.low, fill=True, color=style.PALE,
                    label="middle half of the peers")  # fmt: skip
        axes.stairs(info.threshold, edges, baseline=None, color=style.INK, lw=1.2,
                    label=info.threshold_words)  # fmt: skip
    _draw_trial(info, axes)
    for point, text, face in (
        (info.decision, "stop decided", style.PAPER),
        (info.stop, "stopped", style.VERMILLION),
    ):
        if point is not None:
            step, value = point
            height = float(np.clip(value, info.limits.low, info.limits.high))
            axes.axvline(step, color=style.VERMILLION, lw=0.7)
            axes.plot(step, height, "X", color=style.VERMILLION, mfc=face, ms=8, mew=1.0,
                      ls="none", label=f"{text} at step {step:,.0f}", zorder=5,
                      clip_on=False)  # fmt: skip
    style.set_limits(axes, info.limits)
    axes.set_ylabel(style.objective_label(info.objective, info.direction, 28))
    style.whole_steps(axes)
    return axes


def _draw_trial(info: ExplainedInfo, axes: Axes) -> None:
    """Draw the trial's statistic and values up to its stop, and the values recorded after it."""
    ran = slice(info.ran)
    if info.own is not None:
        axes.plot(info.steps[ran], info.own[ran], color=style.BLUE, lw=1.0, ls="--",
                  label=info.own_words)  # fmt: skip
    marker = "o" if len(info.steps) <= 60 else None
    axes.plot(info.steps[ran], info.values[ran], color=style.BLUE, lw=1.8, marker=marker, ms=2.5,
              label="the trial")  # fmt: skip
    if info.ran < len(info.steps):
        rest = slice(max(info.ran - 1, 0), None)
        axes.plot(info.steps[rest], info.values[rest], color=style.BLUE, lw=1.3, ls=(0, (1, 1.6)),
                  label="as recorded, had it gone on")  # fmt: skip


def draw_peers(info: ExplainedInfo, axes: Axes) -> Axes:
    """Draw the number of peers that each threshold was computed from."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    edges = _edges(info.steps)
    top = float(np.nanmax(info.peers, initial=1.0))
    if top > _LOG_PEERS:  # so that the few peers left late in training can be seen
        axes.set_yscale("log")
        axes.set_ylim(0.5, 1.5 * top)
        axes.yaxis.set_major_locator(LogLocator(10, numticks=3))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(style.whole_numbers())
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
    """Borders half way between neighbouring ones of R steps: [R + 1], or empty without steps."""
    if steps.size == 0:
        return steps
    if steps.size == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2
    first, last = steps[0] - (middle[0] - steps[0]), steps[-1] + (steps[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])


def explain_figure(explanation: Explanation) -> Figure:
    """The figure of `esim explain`: the trial's curve above the number of its peers."""
    info = explained_info(explanation)
    with style.styled():
        figure = plot.new_figure(4.6)
        plot.set_title(figure, f"Trial {explanation.trial}", f" under rule {explanation.rule.name}")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
        draw_explained(info, upper)
        draw_peers(info, lower)
        upper.tick_params(labelbottom=False)
        text = explanation.account
        if info.limits.clipped:
            text += " Some values lie outside the picture."
        plot.subtitle(upper, text)
        plot.legend(figure, upper)
    return figure
