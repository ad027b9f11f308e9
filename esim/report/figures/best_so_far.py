"""Figures of a closed loop: the best so far of both arms, over time and over training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import share_words
from esim.results.closed_loop import Band, ClosedLoop, SearcherForecast
from esim.study import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ARMS = {"without": ("without the rule", style.GREEN), "with": ("with the rule", style.BLUE)}


class BestInfo(NamedTuple):
    """What is drawn: a line and a band for each arm, [P] each. NaN is unknown."""

    at: Float64  # [P], places on the axis
    arms: dict[str, tuple[Float64, Float64, Float64]]  # arm -> low, median, high
    label: str  # of the axis
    objective: str  # the label of the values


def _floats(values: tuple[float | None, ...]) -> Float64:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def best_info(found: ClosedLoop, one: SearcherForecast, axis: str) -> BestInfo | None:
    """The bands of a searcher over an axis; None if it has none."""
    bands: dict[str, Band] = {band.arm: band for band in one.bands if band.axis == axis}
    if not bands:
        return None
    at = np.array(bands["without"].at)
    label = f"{'training seconds' if found.timed else 'steps'} of the trials that have ended"
    if axis == "seconds":
        unit = style.unit_of(float(at[-1]) if found.timed else 0.0)
        at = at / unit.seconds
        label = f"{unit.plural if found.timed else 'steps, as seconds,'} since the job's start"
    elif axis == "cost":
        label = f"{style.literal_text(found.costs.currency, 10)} spent on the trials that ended"
    return BestInfo(
        at=at,
        arms={
            arm: (_floats(band.low), _floats(band.median), _floats(band.high))
            for arm, band in bands.items()
        },
        label=label,
        objective=style.objective_label(found.objective, found.direction),  # type: ignore[arg-type]
    )


def draw_best(info: BestInfo, axes: Axes) -> Axes:
    """Draw both arms: the median as a line, and the band of the futures around it."""
    for arm, (low, median, high) in info.arms.items():
        label, colour = _ARMS[arm]
        axes.fill_between(info.at, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(info.at, median, color=colour, lw=1.5, label=label,
                  ls="--" if arm == "without" else "-")  # fmt: skip
    medians = np.concatenate([median for _, median, _ in info.arms.values()])
    every = np.concatenate([line for lines in info.arms.values() for line in lines])
    known = medians[np.isfinite(medians)]
    if len(known):
        limits = style.limits_around(every, float(known.min()), float(known.max()))
        if limits.low < limits.high:
            axes.set_ylim(limits.low, limits.high)
    axes.set_xlim(0, float(info.at[-1]))
    axes.set_xlabel(info.label)
    axes.set_ylabel(info.objective)
    return axes


def best_so_far_plots(found: ClosedLoop) -> Iterator[Plot]:
    """The plots of each searcher whose futures look like the log."""
    for one in found.searchers:
        if not one.record.covered:
            continue
        for axis, words in (("seconds", "time"), ("spent", "training"), ("cost", "money")):
            info = best_info(found, one, axis)
            if info is None:
                continue
            yield Plot(
                name=f"best-{one.searcher}-{words}",
                title=f"the best so far over {words}, search {one.searcher}",
                caption=f"Lines are medians, bands hold {share_words(found.confidence)} of "
                f"{found.futures} simulated jobs.",
                description=f"The best final value over {words} under the rule and without it, "
                f"as the {one.searcher} search would find it in {found.futures} futures.",
                height=2.9,
                info=info,
                draw=draw_best,
            )
