"""What was saved: how much of each amount the rule left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.style import Plot
from esim.report.words import count, money, percent
from esim.results.replay import ReplayResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Amount(NamedTuple):
    """One thing that was spent."""

    label: str
    run: str
    recorded: str
    share: float  # run / recorded


def amounts_info(result: ReplayResult) -> tuple[Amount, ...]:
    """The amounts that are known."""
    s = result.summary
    together, whole = style.together, (count(s.steps_run), count(s.steps_recorded))
    spent = money(s.cost, None), money(s.cost_recorded, s.currency)
    rows = (
        ("steps", whole, s.steps_saved_fraction),
        ("training time", together(s.seconds_run, s.seconds_recorded), s.seconds_saved_fraction),
        (
            "billed time",
            together(s.billed_seconds_run, s.billed_seconds_recorded),
            s.billed_saved_fraction,
        ),
        ("cost", spent, s.cost_saved_fraction),
        ("makespan", together(s.makespan_s, s.makespan_recorded_s), s.makespan_saved_fraction),
    )
    return tuple(
        Amount(label, *words, 1.0 - share) for label, words, share in rows if share is not None
    )


def draw_amounts(info: tuple[Amount, ...], axes: Axes) -> Axes:
    """For each amount, what ran out of what was recorded."""
    from matplotlib.ticker import PercentFormatter

    places = np.arange(len(info))
    shares = np.array([amount.share for amount in info])
    axes.barh(places, np.ones(len(places)), height=0.55, color=style.PALE, label="saved")
    axes.barh(places, shares, height=0.55, color=style.BLUE, label="ran under the rule")
    for place, amount in enumerate(info):
        inside = amount.share > 0.6
        axes.text(
            amount.share - 0.015 if inside else amount.share + 0.015,
            place,
            f"{percent(1 - amount.share)} saved",
            ha="right" if inside else "left",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            color=style.PAPER if inside else style.INK,
        )
    labels = [f"{a.label}\n{a.run} of {a.recorded}" for a in info]
    axes.set_yticks(places, [style.words(label) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(max(len(places), 1) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("of what was recorded")
    return axes


def amounts_plot(result: ReplayResult) -> Plot:
    """How much of each amount is saved."""
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
