"""Figure of the compute saved against the quality lost, and the Pareto front of the two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import percent, signed
from esim.results.replay import ReplayResult
from esim.rules import LITERAL
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Corners = tuple[tuple[float, float], ...]  # (saved, loss) of each point on a front
Box = tuple[float, float, float, float]  # left, bottom, right, top, in points
_TICK = 9.0  # points between two ticks, at least
_LABEL, _LONGEST = 7.5, 30  # size of a label in points, and the most characters of one
_INCHES = (3.3, 2.1)  # about the size of the axes: from it follows where labels would overlap
# Where a label may stand: its distance from the point in points, and its alignment. The first place
# with room is taken.
_OFFSETS = (
    (8, 0, "left"), (-8, 0, "right"), (0, 10, "center"), (0, -10, "center"),
    (6, 10, "left"), (-6, 10, "right"), (6, -10, "left"), (-6, -10, "right"),
)  # fmt: skip
_TICKS = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1_000, 10_000)


class Point(NamedTuple):
    """One rule, reading or baseline. An interval that is None is not drawn."""

    label: str
    kind: Literal["rule", "i-epoch", "baseline", "bound"]
    saved: float  # share
    loss: float  # positive is worse
    named: bool  # whether it is labelled before others: it is strong or on the front
    strong: bool  # whether the others are compared with it
    saved_interval: tuple[float, float] | None = None
    loss_interval: tuple[float, float] | None = None


class FrontInfo(NamedTuple):
    """What is drawn. The corners of a front are in order, the one that saves least first."""

    points: tuple[Point, ...]
    front: Corners  # of the rules or readings
    i_epoch: Corners  # of the baseline that stops every trial at report i
    accepted: float | None  # the largest loss accepted; with it, losses are normalized
    amount: str  # the amount that is saved, in words
    loss_words: str
    rule_words: str
    strong_words: str


def pareto(saved: Float64, loss: Float64) -> tuple[int, ...]:
    """The Pareto front: no other point is at least as good in both numbers and better in one.

    Args:
        saved: shares saved; more is better. [N]
        loss: what is lost; less is better. [N]

    Returns:
        Positions from 0 to N - 1, the one that saves least first. Of several points that are equal
        in both numbers, only the first is on the front.
    """
    order = sorted(range(len(saved)), key=lambda i: (-saved[i], loss[i], i))
    front: list[int] = []
    least = np.inf
    for i in order:
        if loss[i] < least:
            front.append(i)
            least = loss[i]
    return tuple(reversed(front))


def readings_front(result: ReplayResult) -> FrontInfo:
    """The readings of the rule's source for which both saving and degradation are known."""
    rows = [
        (row, row.summary.steps_saved_fraction, row.summary.degradation_on_record)
        for row in result.readings
    ]
    known = [
        (row, s, d) for row, s, d in rows if s is not None and d is not None and np.isfinite(d)
    ]
    on = pareto(np.array([s for _, s, _ in known]), np.array([d for _, _, d in known]))
    points = tuple(
        Point(
            label="literal" if row.code == LITERAL.code else f"{row.code} {row.reading}",
            kind="rule",
            saved=saved,
            loss=loss,
            named=i in on or row.code == LITERAL.code,
            strong=row.code == LITERAL.code,
        )
        for i, (row, saved, loss) in enumerate(known)
    )
    return FrontInfo(
        points=points,
        front=tuple((points[i].saved, points[i].loss) for i in on),
        i_epoch=(),
        accepted=None,
        amount="steps",
        loss_words="degradation of the best value\n(up is worse)",
        rule_words="other readings",
        strong_words="the literal reading",
    )


def draw_front(info: FrontInfo, axes: Axes) -> Axes:
    """Draw points, more saved to the right and more lost upwards: the lower right is best."""
    _scale(info, axes)
    for corners, colour, dashes, label in (
        (info.i_epoch, style.GREEN, (0, (2, 2)), "i-epoch's front"),
        (info.front, style.BLUE, "-", "Pareto front"),
    ):
        if corners:
            x, y = np.array(corners).T
            axes.step(x, y, where="pre", color=colour, ls=dashes, lw=1.1, label=label, zorder=1)
    kinds = {
        "rule": ("o", style.BLUE, info.rule_words),
        "i-epoch": ("s", style.GREEN, "i-epoch: every trial stops at report i"),
        "baseline": ("D", style.GREEN, "other baseline"),
        "bound": ("*", style.GREY, "bound: looks ahead"),
    }
    bottom, top = axes.get_ylim()
    for p in info.points:
        marker, colour, label = kinds[p.kind]
        y = float(np.clip(p.loss, bottom, top))
        if p.named and p.saved_interval is not None:
            axes.plot(p.saved_interval, [y] * 2, color=style.FAINT, lw=0.8, zorder=0)
        if p.named and p.loss_interval is not None:
            axes.plot([p.saved] * 2, p.loss_interval, color=style.FAINT, lw=0.8, zorder=0)
        axes.plot(
            p.saved,
            p.loss,
            marker,
            color=colour,
            ms=9 if p.strong or marker == "*" else 5.5,
            mec=style.INK if p.strong else style.PAPER,
            mew=1.6 if p.strong else 0.5,
            ls="none",
            label=info.strong_words if p.strong else label,
            clip_on=False,
            zorder=4 if p.strong else 3,
            gid=style.told(f"{p.label}: {percent(p.saved)} saved, {_lost_words(info, p)}"),
        )
    if info.accepted is not None:
        axes.axhline(info.accepted, color=style.VERMILLION, lw=0.9, ls=":", label="accepted loss")
    for i, (dx, dy, side) in _label_offsets(info, axes).items():
        p = info.points[i]
        axes.annotate(
            style.literal_text(p.label, _LONGEST),
            (p.saved, float(np.clip(p.loss, bottom, top))),
            (dx, dy),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=_LABEL,
            fontweight="bold" if p.strong else "normal",
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6},
            zorder=2.5,  # it interrupts a line that it cannot avoid; below the points
        )
    style.label_shares(axes.xaxis)
    axes.set_xlabel(f"{info.amount} saved")
    axes.set_ylabel(info.loss_words)
    return axes


def _lost_words(info: FrontInfo, point: Point) -> str:
    return signed(point.loss) if info.accepted is None else f"{percent(point.loss)} lost"


def _scale(info: FrontInfo, axes: Axes) -> None:
    """Set limits and ticks. With an accepted loss, the axis is logarithmic for larger losses."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    axes.set_xlim(-0.03, 1.03)
    axes.axhline(0, color=style.FAINT, lw=0.7, zorder=0)
    losses = np.array([p.loss for p in info.points if np.isfinite(p.loss)])
    if info.accepted is not None:
        linear = max(info.accepted, 0.01)
        top = 1.5 * max([*losses, info.accepted])
        axes.set_yscale("symlog", linthresh=linear)
        axes.set_ylim(min([*losses, 0.0]) - 0.25 * linear, top)
        axes.yaxis.set_major_locator(FixedLocator(_apart([t for t in _TICKS if t <= top], axes)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:,.10g} %"))
        return
    finite = np.append(losses, 0.0)
    low, high = (float(x) for x in np.quantile(finite, [0.0, 0.85]))
    found = style.limits_around(finite, low, high)
    style.set_limits(axes, found._replace(low=found.low - 0.08 * (found.high - found.low)))
    levels = sorted({*losses.tolist()})
    axes.yaxis.set_major_locator(FixedLocator(levels) if len(levels) < 2 else MaxNLocator(nbins=5))


def _apart(ticks: Sequence[float], axes: Axes) -> list[float]:
    """Those ticks of the loss, from 0 up, whose labels do not overlap."""
    height = (
        72 * _INCHES[1] * (axes.transScale + axes.transLimits).transform([(0, t) for t in ticks])
    )
    kept: list[int] = []
    for i, y in enumerate(height[:, 1].tolist()):
        if not kept or y - height[kept[-1], 1] >= _TICK:
            kept.append(i)
    return [ticks[i] for i in kept]


def _label_offsets(info: FrontInfo, axes: Axes) -> dict[int, tuple[float, float, str]]:
    """Where labels stand: position of a point -> offset in points, and alignment.

    Labels are given room in this order: the strong point, named points, baselines, others. A point
    for whose label no room is left has none; only of the strong and named ones a label may stand on
    a front's line, which it interrupts.
    """
    bottom, top = axes.get_ylim()
    at = [(p.saved, float(np.clip(p.loss, bottom, top))) for p in info.points]
    if not at:
        return {}
    size = np.array(_INCHES) * 72
    xy = (axes.transScale + axes.transLimits).transform(np.array(at)) * size
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in xy]
    lines = [box for corners in (info.front, info.i_epoch) for box in _steps(corners, axes)]
    order = sorted(
        range(len(info.points)),
        key=lambda i: (
            not info.points[i].strong,
            not info.points[i].named,
            info.points[i].kind == "rule",
        ),
    )
    found: dict[int, tuple[float, float, str]] = {}
    for i in order:
        x, y = xy[i]
        width = 0.62 * _LABEL * min(len(info.points[i].label), _LONGEST)
        rooms = []
        for dx, dy, side in _OFFSETS:
            left = x + dx - {"left": 0.0, "right": width, "center": width / 2}[side]
            box = (left, y + dy - 5, left + width, y + dy + 5)
            inside = box[0] >= 0 and box[2] <= size[0] and box[1] >= -2 and box[3] <= size[1] + 6
            others = (b for j, b in enumerate(taken) if j != i)
            if inside and not any(_cross(box, b) for b in others):
                rooms.append(((dx, dy, side), box, any(_cross(box, b) for b in lines)))
        free = [room for room in rooms if not room[2]]
        if not free and (info.points[i].strong or info.points[i].named):
            free = rooms
        if free:
            found[i], box, _ = free[0]
            taken.append(box)
    return found


def _steps(corners: Corners, axes: Axes) -> Iterator[Box]:
    """The lines of a front, each as a narrow rectangle in points."""
    if len(corners) < 2:
        return
    bottom, top = axes.get_ylim()
    at = np.array([(x, float(np.clip(y, bottom, top))) for x, y in corners])
    xy = (axes.transScale + axes.transLimits).transform(at) * np.array(_INCHES) * 72
    for (x0, y0), (x1, y1) in pairwise(xy.tolist()):
        yield x0, min(y0, y1) - 1, x0 + 1, max(y0, y1) + 1  # up at its left end
        yield min(x0, x1), y1 - 1, max(x0, x1), y1 + 1


def _cross(a: Box, b: Box) -> bool:
    """Whether two rectangles overlap."""
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


def front_plot(result: ReplayResult) -> Plot | None:
    """The plot of the readings and their front; None where none loses more than another."""
    info = readings_front(result)
    if len({point.loss for point in info.points}) < 2:
        return None
    told = ", ".join(
        f"{p.label} ({percent(p.saved)} saved, {signed(p.loss)})"
        for p in info.points
        if (p.saved, p.loss) in info.front
    )
    return Plot(
        name="front",
        title="saved against degradation",
        caption="Each reading of the documentation; lower right is better.",
        description=f"{len(info.points)} readings by the steps they save and what they cost. On "
        f"the Pareto front: {told}.",
        height=3.6,
        info=info,
        draw=draw_front,
    )
