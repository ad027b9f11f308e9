"""Figures of a replayed history: how savings and losses spread over studies, and over months."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import count, money, percent, plural, seconds
from esim.results.history import Breakdown
from esim.results.replay import Summary
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 20
_CORNERS = 500  # of a drawn line: more are not seen, and make the page large
_SHOWN_LOSS = 0.99  # quantile of the losses where the axis ends


class SavingsInfo(NamedTuple):
    """What is drawn: a histogram of the steps saved over studies."""

    edges: Float64  # [B + 1], shares from 0 to 1
    kept: NDArray[np.int64]  # [B], studies whose best trial is kept, or of which it is not known
    lost: NDArray[np.int64]  # [B], studies whose best trial is lost
    median: float | None


def savings_info(studies: Sequence[Summary]) -> SavingsInfo:
    """Count the studies by the share of their steps that is saved."""
    known = [one for one in studies if one.steps_saved_fraction is not None]
    saved = np.array([one.steps_saved_fraction for one in known], dtype=np.float64)
    lost = np.array([one.best_trial_stopped is True for one in known], dtype=np.bool_)
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    return SavingsInfo(
        edges=edges,
        kept=np.histogram(saved[~lost], bins=edges)[0].astype(np.int64),
        lost=np.histogram(saved[lost], bins=edges)[0].astype(np.int64),
        median=float(np.median(saved)) if len(saved) else None,
    )


def draw_savings(info: SavingsInfo, axes: Axes) -> Axes:
    """Draw the histogram, those with a lost best on top, with a line at the median."""
    from matplotlib.ticker import MaxNLocator

    width = np.diff(info.edges)
    axes.bar(info.edges[:-1], info.kept, width, align="edge", color=style.BLUE,
             edgecolor=style.PAPER, lw=0.8, label="the best trial is kept")  # fmt: skip
    axes.bar(info.edges[:-1], info.lost, width, bottom=info.kept, align="edge",
             color=style.VERMILLION, edgecolor=style.PAPER, lw=0.8,
             label="the best trial is lost")  # fmt: skip
    if info.median is not None:
        axes.axvline(info.median, color=style.INK, lw=1.0, ls="--", label="median")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.0, 1.08 * float((info.kept + info.lost).max())))
    style.label_shares(axes.xaxis)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("steps saved")
    axes.set_ylabel("studies")
    return axes


def savings_plot(studies: Sequence[Summary]) -> Plot | None:
    """The plot of the steps saved over studies; None if nothing is known."""
    info = savings_info(studies)
    n, lost = int((info.kept + info.lost).sum()), int(info.lost.sum())
    if not n or info.median is None:
        return None
    return Plot(
        name="savings",
        title="how savings spread over the studies",
        caption=f"Half of the {plural(n, 'study')} save {percent(info.median)} of their steps or "
        "more (dashed).",
        description=f"A histogram of the share of steps saved in each of {plural(n, 'study')}; "
        f"{lost:,} of them lose the best trial.",
        height=2.9,
        info=info,
        draw=draw_savings,
    )


class LossesInfo(NamedTuple):
    """What is drawn: how many studies lose more than so much."""

    losses: Float64  # [n], normalized degradations above 0, ascending
    end: float  # where the axis ends
    beyond: int  # studies beyond it
    studies: int  # of which the degradation is known


def losses_info(studies: Sequence[Summary]) -> LossesInfo:
    """The losses of the studies that lose anything."""
    known = [s.degradation_normalized for s in studies if s.degradation_normalized is not None]
    losses = np.sort(np.array([x for x in known if x > 0], dtype=np.float64))
    bounded = losses[np.isfinite(losses)]  # a trial that is lost to an infinite value has no bound
    end = float(np.quantile(bounded, _SHOWN_LOSS)) if len(bounded) else 1.0
    return LossesInfo(losses, end, int((losses > end).sum()), len(known))


def draw_losses(info: LossesInfo, axes: Axes) -> Axes:
    """Draw the number of studies that lose more than x as a falling line."""
    from matplotlib.ticker import MaxNLocator

    n = len(info.losses)
    at = np.unique(np.linspace(0, n - 1, min(n, _CORNERS)).astype(np.int64))
    shown = np.minimum(info.losses, 1.1 * info.end)  # what is beyond ends beyond the axis
    x = np.concatenate(([0.0], shown[at], shown[-1:]))
    y = np.concatenate(([n], n - 1 - at, [0]))
    axes.fill_between(x, y, step="post", color=style.VERMILLION, alpha=0.25, lw=0)
    axes.step(x, y, where="post", color=style.VERMILLION, lw=1.4)
    axes.set_xlim(0, 1.02 * info.end)
    axes.set_ylim(0, 1.05 * n)
    style.label_shares(axes.xaxis)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("normalized degradation")
    axes.set_ylabel("studies that lose more")
    return axes


def losses_plot(studies: Sequence[Summary]) -> Plot | None:
    """The plot of what studies lose; None if fewer than two are known to lose anything."""
    info = losses_info(studies)
    n = len(info.losses)
    if n < 2:
        return None
    beyond = f" {plural(info.beyond, 'study')} beyond the right end." if info.beyond else ""
    half = float(np.median(info.losses))
    return Plot(
        name="losses",
        title="how much is lost where the best is lost",
        caption=f"{n:,} of {plural(info.studies, 'study')} end with a worse best value; half of "
        f"these lose more than {percent(half)} of the way from the best to the median trial."
        f"{beyond}",
        description=f"A line that falls from {n:,} studies that lose anything to those that lose "
        f"most; its middle is at {percent(half)}.",
        height=2.9,
        info=info,
        draw=draw_losses,
    )


class PartsInfo(NamedTuple):
    """What is drawn: of each month or group, what was recorded and what still ran."""

    names: tuple[str, ...]  # [n]
    recorded: Float64  # [n], in `unit`
    run: Float64  # [n]
    lost: tuple[int, ...]  # [n], studies that lose their best
    unit: str  # of the amounts


def parts_info(parts: Breakdown) -> PartsInfo:
    """The money of each part, else its training time, else its steps: what all of them know."""
    rows = [one for one in parts.parts if one.name is not None]
    amounts = (
        ("cost_recorded", "cost", 1.0),
        ("seconds_recorded", "seconds_run", 3600.0),
        ("steps_recorded", "steps_run", 1.0),
    )
    recorded, run, scale = next(
        (one for one in amounts if all(row.totals[one[0]] is not None for row in rows)),
        amounts[-1],
    )
    currency = rows[0].totals["currency"] if rows else None
    unit = {"cost": currency or "money", "seconds_run": "hours of training"}.get(run, "steps")
    return PartsInfo(
        names=tuple(str(one.name) for one in rows),
        recorded=np.array([one.totals[recorded] or 0 for one in rows], dtype=np.float64) / scale,
        run=np.array([one.totals[run] or 0 for one in rows], dtype=np.float64) / scale,
        lost=tuple(one.totals["best_trials_stopped"] for one in rows),
        unit=unit,
    )


def draw_parts(info: PartsInfo, axes: Axes) -> Axes:
    """Draw a column for each part, filled as far as it ran under the rule."""
    x = np.arange(len(info.names))
    axes.bar(x, info.recorded, 0.8, color=style.PALE, label="saved")
    axes.bar(x, info.run, 0.8, color=style.BLUE, label="ran under the rule")
    every = -(-len(x) // 12)  # more labels would run into each other
    longest = max(12, 48 // len(x))
    labels = [style.literal_text(name, longest) for name in info.names]
    axes.set_xticks(x[::every], labels[::every], rotation=30 if len(x) > 5 else 0,
                    ha="right" if len(x) > 5 else "center")  # fmt: skip
    axes.set_xlim(-0.6, len(x) - 0.4)
    axes.set_ylabel(style.literal_text(info.unit))
    if info.recorded.max() >= 10:
        axes.yaxis.set_major_formatter(style.whole_numbers())
    return axes


def parts_plot(parts: Breakdown) -> Plot | None:
    """The plot of what each month or group saves; None of fewer than two."""
    info = parts_info(parts)
    if len(info.names) < 2:
        return None

    def show(amount: float) -> str:
        if info.unit == "steps":
            return count(amount)
        hours = info.unit == "hours of training"
        return seconds(3600 * amount) if hours else money(amount, info.unit)

    told = "; ".join(
        f"{name}: {show(run)} of {show(recorded)} ran, the best lost in {lost:,}"
        for name, recorded, run, lost in zip(
            info.names[:24], info.recorded, info.run, info.lost, strict=False
        )
    )
    return Plot(
        name=f"by-{parts.what}",
        title=f"what is saved, by {parts.what}",
        caption="Months are those in which studies began (UTC)." if parts.what == "month" else "",
        description=f"A column for each {parts.what}, filled as far as it ran. {told}.",
        height=2.9,
        info=info,
        draw=draw_parts,
    )
