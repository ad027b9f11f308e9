"""What was saved, and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.plots import style
from esim.plots.style import View
from esim.report.words import clean, count, money, number, percent
from esim.results import BestTrial, ReplayResult
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEWEST_BARS = 3
_FEWEST_FINALS = 10
_LOG_RANKS = 20  # more trials than this: ranks on a logarithmic axis, the best ones apart


class Amount(NamedTuple):
    """One thing that was spent."""

    label: str
    run: str
    recorded: str
    share: float  # run / recorded


_Show = Callable[[float | None, float | None], tuple[str, str]]
_Row = tuple[str, _Show, float | None, float | None, float | None]


class SavedInfo(NamedTuple):
    """What is drawn. T of the trials with a final value, best first: at least the better half."""

    amounts: tuple[Amount, ...]
    objective: str
    direction: Direction
    finals: Float64  # [T], as recorded
    stopped: NDArray[np.bool_]  # [T]
    best_recorded: float | None
    best: float | None
    best_recorded_words: str
    best_words: str
    view: View
    trials: int  # with a final value


def saved_info(result: ReplayResult) -> SavedInfo:
    """The amounts that are known, and the final values."""
    s, columns = result.summary, result.columns
    rows: tuple[_Row, ...] = (
        ("steps", _counts, s.steps_recorded, s.steps_run, s.steps_saved_fraction),
        (
            "training time",
            style.together,
            s.seconds_recorded,
            s.seconds_run,
            s.seconds_saved_fraction,
        ),
        (
            "billed time",
            style.together,
            s.billed_seconds_recorded,
            s.billed_seconds_run,
            s.billed_saved_fraction,
        ),
        (
            "cost",
            lambda run, recorded: (money(run, None), money(recorded, s.currency)),
            s.cost_recorded,
            s.cost,
            s.cost_saved_fraction,
        ),
        (
            "makespan",
            style.together,
            s.makespan_recorded_s,
            s.makespan_s,
            s.makespan_saved_fraction,
        ),
    )
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
    fate = "stopped" if s.best_trial_stopped else "kept"
    rank = "" if s.best_rank is None else f", rank {s.best_rank}"
    return SavedInfo(
        amounts=tuple(
            Amount(label, *show(run, recorded), 1.0 - share)
            for label, show, recorded, run, share in rows
            if share is not None
        ),
        objective=result.objective,
        direction=result.direction,
        finals=finals[known],
        stopped=columns.stopped[known],
        best_recorded=None if winner is None else winner.value,
        best=None if best is None else best.value,
        best_recorded_words=_words("best without the rule", winner, f", {fate}"),
        best_words=_words("best with the rule", best, rank),
        view=style.view(
            np.append(finals[known], marks),
            min(typical, default=np.nan),
            max(typical, default=np.nan),
        ),
        trials=trials,
    )


def _words(what: str, best: BestTrial | None, more: str) -> str:
    return (
        "" if best is None else f"{what}: {number(best.value, 4)}{more} ({clean(best.trial, 30)})"
    )


def _counts(run: float | None, recorded: float | None) -> tuple[str, str]:
    return count(run), count(recorded)


def draw_amounts(info: SavedInfo, axes: Axes) -> Axes:
    """For each amount, what ran out of what was recorded."""
    from matplotlib.ticker import PercentFormatter

    places = np.arange(len(info.amounts))
    shares = np.array([amount.share for amount in info.amounts])
    axes.barh(places, np.ones(len(places)), height=0.55, color=style.PALE, label="saved")
    axes.barh(places, shares, height=0.55, color=style.BLUE, label="ran under the rule")
    for place, amount in enumerate(info.amounts):
        inside = amount.share > 0.8
        axes.text(
            amount.share - 0.015 if inside else amount.share + 0.015,
            place,
            f"{percent(1 - amount.share)} saved",
            ha="right" if inside else "left",
            va="center",
            fontsize=8,
            fontweight="bold",
            color="white" if inside else style.BLACK,
        )
    labels = [f"{a.label}\n{a.run} of {a.recorded}" for a in info.amounts]
    axes.set_yticks(places, [style.words(label) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(max(len(places), _FEWEST_BARS) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("of what was recorded")
    return axes


def draw_finals(info: SavedInfo, axes: Axes) -> Axes:
    """Every trial's recorded final value, best first, and the best with and without the rule."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ranks = np.arange(1, len(info.finals) + 1)
    shown = np.clip(info.finals, info.view.low, info.view.high)  # at the border: outside
    many = len(ranks) > style.MANY
    for which, marker, colour, label in (
        (info.stopped, "x", style.VERMILLION, "stopped trial, as recorded"),
        (~info.stopped, "o", style.BLUE, "trial not stopped"),
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
        (info.best_recorded, info.best_recorded_words, style.BLACK, (0, (4, 2))),
        (info.best, info.best_words, style.BLUE, (0, (1, 1))),
    ):
        if value is not None and np.isfinite(value):
            axes.axhline(value, color=colour, lw=1.2, ls=dash, label=style.words(label, 120))
    if len(ranks) > _LOG_RANKS:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda x, _: ""))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, max(1, len(ranks)) + 0.5)
    style.set_view(axes, info.view)
    axes.set_xlabel("rank of the trial without the rule")
    axes.set_ylabel(f"final {style.objective_label(info.objective, info.direction, 20)}")
    return axes


def saved_figure(result: ReplayResult) -> Figure:
    """The answer at a glance."""
    info = saved_info(result)
    with style.styled():
        figure = style.new_figure(3.6, result.study, ": what is saved and what is lost")
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
        draw_amounts(info, left)
        draw_finals(info, right)
        style.subtitle(left, style.rule_words(result), style.WIDTH / 2)
        shown, outside = (
            len(info.finals),
            "; marks at the border lie beyond" if info.view.clipped else "",
        )
        half = style.trials(info.trials)
        if shown < info.trials:
            half = f"The best {shown:,} of {half}"
        style.subtitle(right, half + outside, style.WIDTH / 2)
        style.legend(figure, left, right, columns=2)
    return figure
