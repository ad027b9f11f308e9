"""Figure of what the rule cost: final values, and the best one with and without the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.figures.style import ValueLimits
from esim.report.words import clean, number, plural, signed
from esim.results.replay import BestTrial, ReplayResult
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST_FINALS = 10  # at least so many final values are drawn, if there are as many
_LOG_RANKS = 20  # with more trials the axis of ranks is logarithmic: the best ones stay apart


class FinalsInfo(NamedTuple):
    """What is drawn: the T best of the trials with a final value, best first.

    T is at least the better half of them.
    """

    objective: str
    direction: Direction
    finals: Float64  # [T], final values as recorded
    stopped: NDArray[np.bool_]  # [T], whether the trial does not run to its end
    labels: tuple[str, str]  # of those that do not, and of the others
    best_recorded: float | None  # best final value without the rule
    best: float | None  # best final value under the rule
    best_recorded_words: str
    best_words: str
    limits: ValueLimits
    trials: int  # how many have a final value


def finals_info(result: ReplayResult) -> FinalsInfo:
    """The final values of a replay, best first."""
    s, columns = result.summary, result.columns
    finals = columns.final_value_recorded
    known = np.flatnonzero(~np.isnan(finals))
    sign = 1.0 if result.direction == "minimize" else -1.0
    known = known[np.argsort(sign * finals[known], kind="stable")]
    trials = len(known)
    known = known[: max((trials + 1) // 2, _FEWEST_FINALS, 2 * (s.best_rank or 0))]
    best, winner = s.best, s.best_recorded
    marks = [b.value for b in (best, winner) if b is not None and np.isfinite(b.value)]
    finite = finals[known][np.isfinite(finals[known])]
    typical = [*marks, *(np.quantile(finite, [0.25, 0.75]) if finite.size else [])]
    fate = "lost" if s.best_trial_stopped else "kept"
    rank = "" if s.best_rank is None else f", rank {s.best_rank}"
    return FinalsInfo(
        objective=result.objective,
        direction=result.direction,
        finals=finals[known],
        stopped=columns.ended_early[known],
        labels=(
            ("trial stopped, cut or not started, as recorded", "trial that runs to its end")
            if result.until
            else ("stopped trial, as recorded", "trial not stopped")
        ),
        best_recorded=None if winner is None else winner.value,
        best=None if best is None else best.value,
        best_recorded_words=_words("best without the rule", winner, f", {fate}"),
        best_words=_words("best with the rule", best, rank),
        limits=style.limits_around(
            np.append(finals[known], marks),
            min(typical, default=np.nan),
            max(typical, default=np.nan),
        ),
        trials=trials,
    )


def _words(what: str, best: BestTrial | None, more: str) -> str:
    return "" if best is None else f"{what}: {number(best.value)}{more}"


def draw_finals(info: FinalsInfo, axes: Axes) -> Axes:
    """Draw the recorded final values by rank, and lines at the best with and without the rule."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ranks = np.arange(1, len(info.finals) + 1)
    # Values outside the limits are drawn at the border.
    shown = np.clip(info.finals, info.limits.low, info.limits.high)
    many = len(ranks) > style.MANY
    for which, marker, colour, label in (
        (info.stopped, "x", style.VERMILLION, info.labels[0]),
        (~info.stopped, "o", style.BLUE, info.labels[1]),
    ):
        if which.any():
            axes.plot(
                ranks[which],
                shown[which],
                ls="none",
                marker=marker,
                ms=3.5,
                mew=0.8,
                mfc="none" if marker == "x" else colour,
                color=colour,
                label=label,
                rasterized=many,
                clip_on=False,
            )
    for value, label, colour, dash in (
        (info.best_recorded, info.best_recorded_words, style.INK, (0, (4, 2))),
        (info.best, info.best_words, style.BLUE, (0, (1, 1))),
    ):
        if value is not None and np.isfinite(value):
            axes.axhline(value, color=colour, lw=1.2, ls=dash, label=style.literal_text(label, 80))
    if len(ranks) > _LOG_RANKS:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(style.whole_numbers())
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda x, _: ""))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, max(1, len(ranks)) + 0.5)
    style.set_limits(axes, info.limits)
    axes.set_xlabel("rank of the trial without the rule")
    axes.set_ylabel(f"final {style.objective_label(info.objective, info.direction, 20)}")
    return axes


def finals_plot(result: ReplayResult) -> Plot:
    """The plot of which of the best trials the rule stopped."""
    info = finals_info(result)
    caption = plural(info.trials, "trial")
    if len(info.finals) < info.trials:
        caption = f"The best {len(info.finals):,} of {caption}, by their recorded final value"
    if info.limits.clipped:
        caption += "; marks at the border lie beyond"
    told = "; ".join(
        f"{told} ({clean(best.trial, 30)})"
        for told, best in (
            (info.best_recorded_words, result.summary.best_recorded),
            (info.best_words, result.summary.best),
        )
        if best is not None
    )
    cost = signed(result.summary.degradation_on_record)
    return Plot(
        name="finals",
        title="which of the best trials are stopped",
        caption=caption + ".",
        description=f"Recorded final values in order of rank, {int(info.stopped.sum()):,} of "
        f"{len(info.finals):,} crossed out as stopped. {told}. Degradation {cost}.",
        height=3.3,
        info=info,
        draw=draw_finals,
    )
