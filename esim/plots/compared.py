"""Rules compared: saved against lost, spread over launch orders, numbers of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.comparison import Comparison, Dist, RuleEntry
from esim.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_AMOUNT = {"seconds": "training time", "billed": "billed time"}
_MOST_NAMES = 20
_MOST_ROWS = 40
_TICKS = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1_000, 10_000)


class FrontPoint(NamedTuple):
    """One contestant: means over launch orders, with their intervals."""

    label: str
    kind: str  # rule | baseline | i-epoch | bound
    saved: float
    loss: float
    saved_interval: tuple[float, float]
    loss_interval: tuple[float, float]
    number: int | None  # what it is named by: on the front, the best, or a bound


class FrontInfo(NamedTuple):
    """Saved against lost, and two fronts as corners of steps, least saved first."""

    amount: str
    points: tuple[FrontPoint, ...]
    front: tuple[tuple[float, float], ...]
    i_epoch: tuple[tuple[float, float], ...]
    accepted: float


def amount_of(comparison: Comparison) -> str:
    """What is saved, in words."""
    saved = comparison.settings.saved
    return _AMOUNT.get(saved, saved)


def _saved(comparison: Comparison, entry: RuleEntry) -> Dist | None:
    found: Dist | None = getattr(entry.orders, f"{comparison.settings.saved}_saved_fraction")
    return found


def front_info(comparison: Comparison) -> FrontInfo:
    """The contestants of which both saved and lost are known."""
    points: dict[str, FrontPoint] = {}
    for entry in comparison.rules:
        saved, loss = _saved(comparison, entry), entry.orders.degradation_normalized
        if saved is None or loss is None:
            continue
        kind = "bound" if entry.look_ahead else entry.role
        points[entry.key] = FrontPoint(
            label=entry.key,
            kind="i-epoch" if entry.name == "i-epoch" else kind,
            saved=saved.mean,
            loss=loss.mean,
            saved_interval=(saved.low, saved.high),
            loss_interval=(loss.low, loss.high),
            number=None,
        )

    named = [
        entry.key
        for entry in comparison.rules
        if entry.key in points
        and (entry.front or entry.look_ahead or entry.key == comparison.answer.best)
    ]
    named.sort(key=lambda key: (points[key].saved, points[key].loss))
    for at, key in enumerate(named[:_MOST_NAMES]):
        points[key] = points[key]._replace(number=at + 1)

    def corners(keys: tuple[str, ...]) -> tuple[tuple[float, float], ...]:
        return tuple((points[key].saved, points[key].loss) for key in keys)

    return FrontInfo(
        amount=amount_of(comparison),
        points=tuple(points.values()),
        front=corners(comparison.front.rules),
        i_epoch=corners(comparison.front.i_epoch),
        accepted=comparison.settings.max_degradation,
    )


_KINDS = {
    "rule": ("o", style.BLUE, "rule"),
    "i-epoch": ("s", style.GREY, "i-epoch: every trial stops at report i"),
    "baseline": ("D", style.BLACK, "other baseline"),
    "bound": ("*", style.VERMILLION, "bound: looks ahead"),
}


def draw_front(info: FrontInfo, axes: Axes) -> Axes:
    """Right is more saved, up is more lost; the best corner is at the lower right."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

    for corners, colour, dashes, label in (
        (info.i_epoch, style.GREY, (0, (2, 2)), "i-epoch's front"),
        (info.front, style.BLUE, "-", "Pareto front"),
    ):
        if corners:
            x, y = np.array(corners).T
            axes.step(x, y, where="pre", color=colour, ls=dashes, lw=1.1, label=label, zorder=1)
    for point in info.points:
        marker, colour, label = _KINDS[point.kind]
        if point.number is not None:
            axes.plot(point.saved_interval, [point.loss] * 2, color=style.FAINT, lw=0.8, zorder=0)
            axes.plot([point.saved] * 2, point.loss_interval, color=style.FAINT, lw=0.8, zorder=0)
            axes.annotate(
                str(point.number),
                (point.saved, point.loss),
                xytext=(5, 4 if point.number % 2 else -9),
                textcoords="offset points",
                fontsize=8,
                fontweight="bold",
            )
        axes.plot(point.saved, point.loss, marker, color=colour, ms=8 if marker == "*" else 5,
                  mec="white", mew=0.5, ls="none", label=label, zorder=3)  # fmt: skip
    axes.axhline(info.accepted, color=style.VERMILLION, lw=0.8, ls=":", label="accepted loss")
    losses = [p.loss for p in info.points if np.isfinite(p.loss)]
    top = max([*losses, info.accepted], default=1.0)
    linear = max(info.accepted, 0.01)
    axes.set_yscale("symlog", linthresh=linear)
    axes.set_ylim(min([*losses, 0.0]) - 0.1 * linear, top * 1.5)
    ticks = [t for t in _TICKS if t <= top * 1.5]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(-0.03, 1.03)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:,.4g} %"))
    axes.set_xlabel(f"{info.amount} saved")
    axes.set_ylabel("loss: way from the best\nto the median trial")
    return axes


def draw_names(info: FrontInfo, axes: Axes) -> Axes:
    """The names of the numbered points, from the least saved on."""
    rows = sorted((p.number, p) for p in info.points if p.number is not None)
    axes.axis("off")
    for at, (number, point) in enumerate(rows):
        axes.text(
            0.0,
            1.0 - (at + 0.5) / max(len(rows), 12),
            f"{number}  {style.words(point.label, 30)}",
            transform=axes.transAxes,
            fontsize=7.5,
            va="center",
            color=style.BLACK if point.kind == "rule" else style.GREY,
        )
    return axes


class SpreadRow(NamedTuple):
    """One contestant over launch orders. NaN = unknown."""

    label: str
    kind: str
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    mean: float
    kept: float  # share of orders that keep the best trial
    best: bool


def spread_info(comparison: Comparison) -> tuple[SpreadRow, ...]:
    """A row a contestant, best first; at most 40 of them."""
    rows = []
    for entry in comparison.rules[:_MOST_ROWS]:
        saved, kept = _saved(comparison, entry), entry.orders.best_kept
        if saved is None:
            continue
        rows.append(
            SpreadRow(
                label=entry.key,
                kind="bound" if entry.look_ahead else entry.role,
                q05=saved.q05,
                q25=saved.q25,
                median=saved.median,
                q75=saved.q75,
                q95=saved.q95,
                mean=saved.mean,
                kept=np.nan if kept is None else kept.share,
                best=entry.key == comparison.answer.best,
            )
        )
    return tuple(rows)


def draw_spread(info: tuple[SpreadRow, ...], axes: Axes, amount: str) -> Axes:
    """What is saved: 90 % and half of the launch orders, the median and the mean."""
    for place, row in enumerate(info):
        colour = style.BLUE if row.kind == "rule" else style.GREY
        axes.plot([row.q05, row.q95], [place] * 2, color=colour, lw=1.0, zorder=1,
                  label="90 % of launch orders")  # fmt: skip
        axes.plot([row.q25, row.q75], [place] * 2, color=colour, lw=4.0, alpha=0.5, zorder=2,
                  label="half of them")  # fmt: skip
        axes.plot(row.median, place, "|", color=style.BLACK, ms=8, mew=1.4, ls="none",
                  label="median", zorder=3)  # fmt: skip
    _rows(info, axes)
    axes.set_xlabel(f"{amount} saved")
    return axes


def draw_kept(info: tuple[SpreadRow, ...], axes: Axes) -> Axes:
    """In how many launch orders the best trial is kept."""
    for place, row in enumerate(info):
        if np.isfinite(row.kept):
            axes.barh(place, row.kept, height=0.6, color=style.SKY, zorder=1)
    _rows(info, axes)
    axes.set_xlabel("launch orders that keep\nthe best trial")
    return axes


def _rows(info: tuple[SpreadRow, ...], axes: Axes) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.set_yticks(range(len(info)), [style.words(row.label, 44) for row in info])
    for text, row in zip(axes.get_yticklabels(), info, strict=True):
        text.set_fontweight("bold" if row.best else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(info) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


class WorkersLine(NamedTuple):
    """One contestant over numbers of workers. NaN = unknown."""

    label: str
    kind: str
    workers: tuple[int, ...]
    saved: tuple[float, ...]
    kept: tuple[float, ...]
    best: bool


def workers_info(comparison: Comparison) -> tuple[WorkersLine, ...]:
    """A line a rule; empty unless several numbers of workers were replayed."""
    lines = []
    for entry in comparison.rules:
        if entry.role != "rule" or len(entry.workers) < 2:
            continue
        lines.append(
            WorkersLine(
                label=entry.key,
                kind=entry.role,
                workers=tuple(at.workers for at in entry.workers),
                saved=tuple(np.nan if a.saved is None else a.saved.mean for a in entry.workers),
                kept=tuple(
                    np.nan if a.best_kept is None else a.best_kept.share for a in entry.workers
                ),
                best=entry.key == comparison.answer.best,
            )
        )
    return tuple(lines)


def draw_workers(info: tuple[WorkersLine, ...], axes: Axes, what: str, amount: str) -> Axes:
    """`saved` or `kept` of every rule over the number of workers."""
    from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

    for line in info:
        colour, width = (style.BLUE, 2.2) if line.best else (style.FAINT, 0.9)
        label = "the best rule" if line.best else "other rules"
        values = line.saved if what == "saved" else line.kept
        axes.plot(line.workers, values, "o-", color=colour, lw=width, ms=3, label=label,
                  zorder=3 if line.best else 1)  # fmt: skip
    axes.set_xscale("log", base=2)
    ticks = sorted({w for line in info for w in line.workers})
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{w:,}" for w in ticks])
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("workers")
    axes.set_ylabel(f"{amount} saved" if what == "saved" else "orders that keep the best trial")
    return axes


def comparison_figures(comparison: Comparison) -> dict[str, Figure]:
    """Name -> figure, of all that there is something to draw for."""
    amount, found = amount_of(comparison), {}
    studies = comparison.studies
    name = studies[0].study if len(studies) == 1 else f"{len(studies)} studies"
    points = front_info(comparison)
    with style.styled():
        if points.points:
            figure = style.new_figure(4.6, name, ": saved against lost")
            axes, names = figure.subplots(1, 2, width_ratios=[3, 1])
            draw_front(points, axes)
            draw_names(points, names)
            style.subtitle(axes, "Lower right is better. Means over launch orders, with intervals.")
            style.legend(figure, axes)
            found["front"] = figure
        rows = spread_info(comparison)
        if rows:
            figure = style.new_figure(1.9 + 0.19 * len(rows), name, ": over launch orders")
            left, right = figure.subplots(1, 2, width_ratios=[3, 2])
            draw_spread(rows, left, amount)
            draw_kept(rows, right)
            right.tick_params(labelleft=False)
            style.legend(figure, left, right)
            found["orders"] = figure
        lines = workers_info(comparison)
        if lines:
            figure = style.new_figure(3.2, name, ": over workers")
            left, right = figure.subplots(1, 2)
            draw_workers(lines, left, "saved", amount)
            draw_workers(lines, right, "kept", amount)
            style.legend(figure, left, right)
            found["workers"] = figure
    return found
