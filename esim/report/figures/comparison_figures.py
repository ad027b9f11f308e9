"""Figures of a comparison: saved against lost, spread over launch orders, numbers of workers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.labelled_rows import Row, RowsInfo, draw_rows, rows_height
from esim.report.figures.pareto_front import Corners, FrontInfo, Point, draw_front
from esim.report.figures.plot import Plot
from esim.report.words import MISSING, percent, plural, share_words
from esim.results.comparison.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AMOUNTS = {"seconds": "training time", "billed": "billed time"}
_MOST_ROWS = 40


def amount_of(comparison: Comparison) -> str:
    """The amount whose saved share ranks the rules of a comparison, in words."""
    saved = comparison.settings.saved
    return AMOUNTS.get(saved, saved)


def front_info(comparison: Comparison) -> FrontInfo:
    """The rules and baselines for which both what they save and what they lose are finite."""
    points: dict[str, Point] = {}
    for entry in comparison.rules:
        saved, loss = comparison.saved_of(entry), entry.orders.loss_normalized
        if saved is None or loss is None or not _finite(loss.mean):
            continue
        kind = "bound" if entry.look_ahead else entry.role
        best = entry.key == comparison.answer.best
        points[entry.key] = Point(
            label=entry.key,
            kind="i-epoch" if entry.name == "i-epoch" else kind,
            saved=saved.mean,
            loss=loss.mean,
            named=bool(entry.front) or entry.look_ahead or best,
            strong=best,
            saved_interval=(saved.low, saved.high),
            loss_interval=(loss.low, loss.high),
        )

    def corners(keys: tuple[str, ...]) -> Corners:
        return tuple((points[key].saved, points[key].loss) for key in keys if key in points)

    return FrontInfo(
        points=tuple(points.values()),
        front=corners(comparison.front.rules),
        i_epoch=corners(comparison.front.i_epoch),
        accepted=comparison.settings.max_degradation,
        amount=amount_of(comparison),
        loss_words="loss: way from the best\nto the median trial",
        rule_words="rule",
        strong_words="saves most within the accepted loss",
    )


def _finite(mean: float | None) -> bool:
    """An infinite mean is None in a document that was read back."""
    return mean is not None and bool(np.isfinite(mean))


def orders_info(comparison: Comparison) -> RowsInfo:
    """A row for each rule and baseline, best first; at most 40 of them."""
    rows = []
    for entry in comparison.rules[:_MOST_ROWS]:
        saved, kept = comparison.saved_of(entry), entry.orders.best_kept
        if saved is None:
            continue
        rows.append(
            Row(
                label=entry.key,
                saved=saved.mean,
                low=saved.q05,
                high=saved.q95,
                inner=(saved.q25, saved.q75),
                note=MISSING if kept is None else share_words(kept.share),
                lost=None,
                strong=entry.key == comparison.answer.best,
                baseline=entry.role == "baseline",
            )
        )
    return RowsInfo(
        rows=tuple(rows),
        axis=f"{amount_of(comparison)} saved",
        note="best kept in",
        strong="saves most within the accepted loss",
        legend=False,
    )


class WorkersLine(NamedTuple):
    """One rule over K numbers of workers. NaN is unknown."""

    label: str
    workers: tuple[int, ...]  # [K]
    saved: tuple[float, ...]  # [K], mean share saved
    kept: tuple[float, ...]  # [K], share of the launch orders that keep the best trial
    best: bool  # whether it is the rule that the comparison recommends


def workers_info(comparison: Comparison) -> tuple[WorkersLine, ...]:
    """A line for each rule; none unless several numbers of workers were replayed."""
    return tuple(
        WorkersLine(
            label=entry.key,
            workers=tuple(at.workers for at in entry.workers),
            saved=tuple(np.nan if a.saved is None else a.saved.mean for a in entry.workers),
            kept=tuple(np.nan if a.best_kept is None else a.best_kept.share for a in entry.workers),
            best=entry.key == comparison.answer.best,
        )
        for entry in comparison.rules
        if entry.role == "rule" and len(entry.workers) > 1
    )


def draw_workers(info: tuple[WorkersLine, ...], axes: Axes, *, what: str, label: str) -> Axes:
    """Draw a line for each rule over the number of workers.

    Args:
        info: the lines.
        axes: what is drawn on.
        what: the field of the lines that is drawn, "saved" or "kept".
        label: of the value axis.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    for line in info:
        colour, width = (style.BLUE, 2.2) if line.best else (style.FAINT, 0.9)
        values = line.saved if what == "saved" else line.kept
        axes.plot(line.workers, values, "o-", color=colour, lw=width, ms=3.5,
                  label=style.literal_text(line.label, 40) if line.best else "other rules",
                  zorder=3 if line.best else 1, clip_on=False)  # fmt: skip
    axes.set_xscale("log", base=2)
    ticks = sorted({w for line in info for w in line.workers})
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{w:,}" for w in ticks])
    axes.set_ylim(0, 1)
    style.label_shares(axes.yaxis)
    axes.set_xlabel("workers")
    axes.set_ylabel(label)
    return axes


def comparison_front_plot(comparison: Comparison) -> Plot | None:
    """The plot of saved against lost; None if no rule or baseline has both."""
    info = front_info(comparison)
    if not info.points:
        return None
    on = ", ".join(
        f"{p.label} ({percent(p.saved)} saved, {percent(p.loss)} lost)"
        for p in info.points
        if (p.saved, p.loss) in info.front
    )
    return Plot(
        name="front",
        title="saved against lost",
        caption="Lower right is better. Means over launch orders, with intervals.",
        description=f"{plural(len(info.points), 'contestant')} by the {amount_of(comparison)} they "
        f"save and what they lose. On the Pareto front: {on or 'none'}.",
        height=4.2,
        info=info,
        draw=draw_front,
    )


def orders_plot(comparison: Comparison) -> Plot | None:
    """The plot of how much savings vary over launch orders; None if no saving is known."""
    info = orders_info(comparison)
    if not info.rows:
        return None
    widest = max(info.rows, key=lambda row: (row.high or 0) - (row.low or 0))
    return Plot(
        name="orders",
        title="how much the launch order matters",
        caption=f"{comparison.settings.orders} random launch orders of each study: 90 % of "
        "them lie on the line, half of them on the bar; the dot is their mean.",
        description=f"A row for each of {plural(len(info.rows), 'contestant')}: the mean "
        f"{amount_of(comparison)} saved, and the range that 90 % of the launch orders fill; widest "
        f"for {widest.label}, from {percent(widest.low)} to {percent(widest.high)}.",
        height=rows_height(info),
        info=info,
        draw=draw_rows,
    )


def workers_plots(comparison: Comparison) -> Iterator[Plot]:
    """The plots over the number of workers, of savings and of kept best trials."""
    lines = workers_info(comparison)
    if not lines:
        return
    few, many = min(lines[0].workers), max(lines[0].workers)
    best = next((line for line in lines if line.best), lines[0])
    for what, label, values in (
        ("saved", f"{amount_of(comparison)} saved", best.saved),
        ("kept", "orders that keep the best", best.kept),
    ):
        yield Plot(
            name=f"workers-{what}",
            title=f"{label}, by workers",
            caption="",
            description=f"A line for each of {plural(len(lines), 'rule')} from {few} to {many} "
            f"workers; {best.label} goes from {share_words(values[0])} to "
            f"{share_words(values[-1])}.",
            height=3.0,
            info=lines,
            draw=partial(draw_workers, what=what, label=label),
        )
