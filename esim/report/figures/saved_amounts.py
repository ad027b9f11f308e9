"""Figure of what a replay saved: of each amount, the share that still ran under the rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import count, money, percent, seconds
from esim.results.replay import ReplayResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Amount(NamedTuple):
    """One amount that the trials used up: steps, a time, or money."""

    label: str
    run: str  # what ran under the rule, with its unit
    recorded: str  # what was recorded, with its unit
    share: float  # run / recorded


def amounts_info(result: ReplayResult) -> tuple[Amount, ...]:
    """The amounts of a replay that are known, in the order in which they are drawn."""
    s = result.summary
    price = partial(money, currency=s.currency)
    rows: tuple[tuple[str, Callable[..., str], Any, Any, float | None], ...] = (
        ("steps", count, s.steps_run, s.steps_recorded, s.steps_saved_fraction),
        ("training time", seconds, s.seconds_run, s.seconds_recorded, s.seconds_saved_fraction),
        (
            "billed time",
            seconds,
            s.billed_seconds_run,
            s.billed_seconds_recorded,
            s.billed_saved_fraction,
        ),
        ("cost", price, s.cost, s.cost_recorded, s.cost_saved_fraction),
        ("makespan", seconds, s.makespan_s, s.makespan_recorded_s, s.makespan_saved_fraction),
    )
    return tuple(
        Amount(label, show(run), show(recorded), 1.0 - share)
        for label, show, run, recorded, share in rows
        if share is not None
    )


def draw_amounts(info: tuple[Amount, ...], axes: Axes) -> Axes:
    """Draw a bar for each amount, filled as far as the amount ran."""
    ys = np.arange(len(info))
    shares = np.array([amount.share for amount in info])
    axes.barh(ys, np.ones(len(ys)), height=0.55, color=style.PALE, label="saved")
    axes.barh(ys, shares, height=0.55, color=style.BLUE, label="ran under the rule")
    for y, amount in enumerate(info):
        inside = amount.share > 0.6
        axes.text(
            amount.share - 0.015 if inside else amount.share + 0.015,
            y,
            f"{percent(1 - amount.share)} saved",
            ha="right" if inside else "left",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            color=style.PAPER if inside else style.INK,
        )
    labels = [f"{a.label}\n{a.run} of {a.recorded}" for a in info]
    axes.set_yticks(ys, [style.literal_text(label) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(max(len(ys), 1) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    style.label_shares(axes.xaxis)
    axes.set_xlabel("of what was recorded")
    return axes


def amounts_plot(result: ReplayResult) -> Plot:
    """The plot of how much of each amount is saved."""
    info = amounts_info(result)
    told = "; ".join(f"{a.label}: {a.run} of {a.recorded} ran" for a in info)
    return Plot(
        name="saved",
        title="what would have been saved",
        caption=style.rule_words(result) + ".",
        description=f"A bar for each amount, filled as far as it ran under the rule. {told}.",
        height=1.1 + 0.42 * max(len(info), 1),
        info=info,
        draw=draw_amounts,
    )
