"""Compute saved against quality lost, and the Pareto front between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.plots import style
from esim.plots.style import Plot, View
from esim.report.words import percent, signed
from esim.results import ReplayResult
from esim.rules import LITERAL
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL = 7.5  # points
_INCHES = (3.6, 2.7)  # of the axes, roughly: labels must not cover each other


class Point(NamedTuple):
    """One way to decide."""

    label: str
    saved: float  # share
    degradation: float  # positive = worse
    strong: bool
    baseline: bool


class FrontInfo(NamedTuple):
    """What is drawn."""

    points: tuple[Point, ...]
    front: tuple[int, ...]  # positions of those that no other beats in both, least saved first
    other_front: tuple[int, ...]  # the same among the baselines to be beaten; may be empty
    other_label: str
    strong_label: str
    ylabel: str
    yshare: bool  # the degradation is a share
    view: View


def pareto(saved: Float64, degradation: Float64) -> tuple[int, ...]:
    """Positions that no other beats in one and equals in the other, least saved first.

    Of equal ones the first. More saved and less degradation is better.
    """
    order = sorted(range(len(saved)), key=lambda i: (-saved[i], degradation[i], i))
    front: list[int] = []
    least = np.inf
    for i in order:
        if degradation[i] < least:
            front.append(i)
            least = degradation[i]
    return tuple(reversed(front))


def limits(degradations: Float64) -> View:
    """Limits of the degradation's axis, zero inside them."""
    finite = np.append(degradations[np.isfinite(degradations)], 0.0)
    low, high = np.quantile(finite, [0.0, 0.85])
    found = style.view(finite, float(low), float(high))
    return found._replace(low=found.low - 0.08 * (found.high - found.low))  # room for labels


def front_info(result: ReplayResult) -> FrontInfo:
    """The readings of the rule's source whose two numbers are known."""
    points = tuple(
        Point(
            label="literal" if row.code == LITERAL.code else f"{row.code} {row.reading}",
            saved=row.summary.steps_saved_fraction,
            degradation=row.summary.degradation_on_record,
            strong=row.code == LITERAL.code,
            baseline=False,
        )
        for row in result.readings
        if row.summary.steps_saved_fraction is not None
        and row.summary.degradation_on_record is not None
        and np.isfinite(row.summary.degradation_on_record)
    )
    saved = np.array([p.saved for p in points])
    degradation = np.array([p.degradation for p in points])
    return FrontInfo(
        points=points,
        front=pareto(saved, degradation),
        other_front=(),
        other_label="",
        strong_label="the literal reading",
        ylabel="degradation of the best value\n(up is worse)",
        yshare=False,
        view=limits(degradation),
    )


def draw_front(info: FrontInfo, axes: Axes) -> Axes:
    """A dot each, those on the front joined by a line; down and to the right is better."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, PercentFormatter

    def line(which: tuple[int, ...], colour: str, dash: object, label: str) -> None:
        chosen = [info.points[i] for i in which]
        axes.plot([p.saved for p in chosen], [p.degradation for p in chosen], color=colour, lw=1.1,
                  ls=dash, label=label, zorder=1)  # fmt: skip

    axes.axhline(0, color=style.FAINT, lw=0.7, zorder=0)
    if info.other_front:
        line(info.other_front, style.GREEN, (0, (2, 1.5)), info.other_label)
    line(info.front, style.BLUE, "-", "Pareto front")
    on = set(info.front)
    for i, p in enumerate(info.points):
        colour = style.GREEN if p.baseline else style.BLUE if i in on else style.GREY
        marker = "X" if p.strong else "D" if p.baseline else "o"
        label = info.strong_label if p.strong else "baseline" if p.baseline else (
            "on the front" if i in on else "beaten")  # fmt: skip
        axes.plot(
            p.saved,
            np.clip(p.degradation, info.view.low, info.view.high),
            marker,
            color=style.VERMILLION if p.strong else colour,
            ms=9 if p.strong else 6,
            mec=style.PAPER,
            mew=0.5,
            ls="none",
            label=label,
            clip_on=False,
            zorder=4 if p.strong else 3,
        )
    axes.set_xlim(-0.02, 1.02)
    style.set_view(axes, info.view)
    for i, (dx, dy, side) in _places(info).items():
        p = info.points[i]
        axes.annotate(
            style.words(p.label, 26),
            (p.saved, float(np.clip(p.degradation, info.view.low, info.view.high))),
            (dx, dy),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=_LABEL,
            fontweight="bold" if p.strong else "normal",
            zorder=5,
        )
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    levels = {p.degradation for p in info.points}
    axes.yaxis.set_major_locator(
        FixedLocator(list(levels)) if len(levels) == 1 else MaxNLocator(nbins=5)
    )
    if info.yshare:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_xlabel("saved (right is better)")
    axes.set_ylabel(info.ylabel)
    return axes


def _places(info: FrontInfo) -> dict[int, tuple[float, float, str]]:
    """Point -> offset in points and alignment of its label, where there is room for one.

    The strong ones first, then those on the front, then the others.
    """
    height = info.view.high - info.view.low or 1.0
    x = np.array([p.saved for p in info.points]) * _INCHES[0] * 72
    clipped = np.clip([p.degradation for p in info.points], info.view.low, info.view.high)
    y = (clipped - info.view.low) / height * _INCHES[1] * 72
    taken = [(a - 4, b - 4, a + 4, b + 4) for a, b in zip(x, y, strict=True)]
    on = set(info.front)
    order = sorted(
        range(len(info.points)),
        key=lambda i: (not info.points[i].strong, i not in on, not info.points[i].baseline),
    )
    found: dict[int, tuple[float, float, str]] = {}
    for i in order:
        width = 0.62 * _LABEL * min(len(info.points[i].label), 26)
        tries = [(7, 0, "left"), (-7, 0, "right"), (0, 9, "center"), (0, -9, "center"),
                 (6, 9, "left"), (-6, 9, "right"), (6, -9, "left"), (-6, -9, "right")]  # fmt: skip
        for dx, dy, side in tries:
            left = x[i] + dx - {"left": 0.0, "right": width, "center": width / 2}[side]
            box = (left, y[i] + dy - 5, left + width, y[i] + dy + 5)
            inside = box[0] >= 0 and box[2] <= 72 * _INCHES[0] and box[1] >= -4
            others = (b for j, b in enumerate(taken) if j != i)
            if inside and box[3] <= 72 * _INCHES[1] + 8 and not any(_cross(box, b) for b in others):
                found[i] = (dx, dy, side)
                taken.append(box)
                break
    return found


def _cross(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def front_plot(result: ReplayResult) -> Plot | None:
    """The readings' front; None with fewer than two of them."""
    info = front_info(result)
    if len(info.points) < 2:
        return None
    best = [info.points[i] for i in info.front]
    told = ", ".join(f"{p.label} ({percent(p.saved)} saved, {signed(p.degradation)})" for p in best)
    return Plot(
        name="front",
        title="saved against degradation",
        caption=f"Each reading of the documentation; {style.rule_words(result).lower()}.",
        description=f"{len(info.points)} readings by the steps they save and what they cost. On "
        f"the Pareto front: {told}.",
        height=3.6,
        info=info,
        draw=draw_front,
    )
