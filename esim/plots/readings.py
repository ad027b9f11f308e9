"""What the readings of the rule's documentation give."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.plots import style
from esim.results import ReplayResult
from esim.rules import LITERAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class ReadingDot(NamedTuple):
    """One reading. None = unknown."""

    label: str
    saved: float | None  # share of the steps
    degradation: float | None  # on the recorded values, positive = worse
    lost: bool | None  # the best trial was stopped
    literal: bool


def readings_info(result: ReplayResult) -> tuple[ReadingDot, ...]:
    """A dot a reading, in their order; empty without readings."""
    return tuple(
        ReadingDot(
            label=row.question if row.code == LITERAL.code else f"{row.question}: {row.reading}",
            saved=row.summary.steps_saved_fraction,
            degradation=row.summary.degradation_on_record,
            lost=row.summary.best_trial_stopped,
            literal=row.code == LITERAL.code,
        )
        for row in result.readings
    )


def draw_readings_saved(info: tuple[ReadingDot, ...], axes: Axes) -> Axes:
    """The share of steps each reading saves."""
    from matplotlib.ticker import PercentFormatter

    _draw(info, axes, [dot.saved for dot in info])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("steps saved")
    return axes


def draw_readings_degradation(info: tuple[ReadingDot, ...], axes: Axes) -> Axes:
    """What each reading costs in the best final value."""
    from matplotlib.ticker import MaxNLocator

    costs = [dot.degradation for dot in info]
    _draw(info, axes, costs)
    axes.axvline(0, color=style.GREY, lw=0.7, zorder=1)
    known = np.array([c for c in costs if c is not None and np.isfinite(c)])
    low, high = min(0.0, known.min(initial=0.0)), max(0.0, known.max(initial=0.0))
    pad = 0.06 * (high - low) or 1.0
    axes.set_xlim(low - pad, high + pad)
    if low == high:
        axes.set_xticks([0.0])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.set_xlabel("degradation of the best final value\n(right is worse)")
    return axes


def _draw(info: tuple[ReadingDot, ...], axes: Axes, numbers: list[float | None]) -> None:
    """Dots in rows from the top, the literal reading's number as a line through all of them."""
    for place, (dot, x) in enumerate(zip(info, numbers, strict=True)):
        axes.axhline(place, color=style.PALE, lw=0.7, zorder=0)
        if x is None or not np.isfinite(x):
            continue
        marker, colour, label = {
            True: ("X", style.VERMILLION, "the best trial is stopped"),
            False: ("o", style.BLUE, "the best trial is kept"),
            None: ("s", style.GREY, "no best trial"),
        }[dot.lost]
        if dot.literal:
            axes.axvline(x, color=style.BLACK, lw=1.0, ls="--", zorder=1, label="literal reading")
        axes.plot(x, place, marker, color=colour, ms=6, mec="white", mew=0.5, ls="none",
                  label=label, clip_on=False, zorder=3)  # fmt: skip
    axes.set_yticks(range(len(info)), [style.words(dot.label, 64) for dot in info])
    for text, dot in zip(axes.get_yticklabels(), info, strict=True):
        text.set_fontweight("bold" if dot.literal else "normal")
    axes.tick_params(axis="y", length=0, pad=7)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(info) - 0.4, -0.6)


def readings_figure(result: ReplayResult) -> Figure | None:
    """Every reading at a glance; None without readings."""
    info = readings_info(result)
    if not info:
        return None
    with style.styled():
        figure = style.new_figure(
            1.8 + 0.19 * len(info), result.study, ": readings of the documentation"
        )
        left, right = figure.subplots(1, 2)
        draw_readings_saved(info, left)
        draw_readings_degradation(info, right)
        right.tick_params(labelleft=False)
        style.subtitle(left, style.rule_words(result), style.WIDTH / 2)
        style.legend(figure, left, right)
    return figure
