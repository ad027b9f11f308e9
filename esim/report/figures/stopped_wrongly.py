"""Trials stopped wrongly, which would have ended better than the best one kept, as figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.figures.style import ValueLimits
from esim.report.figures.trial_curves import TrialCurve, curve, rest_of
from esim.report.words import clean, number, ordinal
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayResult
from esim.study import Direction, Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 4  # trials stopped wrongly that get a figure


class WronglyStopped(NamedTuple):
    """The trials stopped wrongly, W of them.

    Censored trials are left out, because it is not known how they would have ended; but the best
    trial counts even if it is censored.
    """

    trials: tuple[int, ...]  # [W], positions in launch order; the best trial first
    ranks: tuple[int, ...]  # [W], ranks of their recorded final values among all trials, 1 = best
    better_half: int  # stopped trials that would have ended in the better half of the study
    stopped: int  # all stopped trials whose recorded end is known


class WrongInfo(NamedTuple):
    """What is drawn for one trial stopped wrongly, with D decisions up to its stop."""

    objective: str
    direction: Direction
    label: str
    ran: TrialCurve  # up to the stop
    rest: TrialCurve  # as recorded after it, see rest_of
    threshold_steps: Float64  # [D]
    threshold: Float64  # [D]
    best: TrialCurve | None  # of the best trial kept; None if there is none
    best_label: str
    limits: ValueLimits


def stopped_wrongly(result: ReplayResult) -> WronglyStopped:
    """Find the trials stopped wrongly, by the recorded final values."""
    s, columns = result.summary, result.columns
    sign = 1.0 if result.direction == "minimize" else -1.0
    finals = sign * columns.final_value_recorded
    winner = None if s.best_recorded is None else s.best_recorded.trial
    known = ~np.isnan(finals) & (~columns.censored | np.array([t == winner for t in columns.trial]))
    stopped = known & columns.stopped
    better: list[int] = []
    if s.best is not None:
        candidates = np.flatnonzero(stopped & (finals < sign * s.best.value))
        better = candidates[np.argsort(finals[candidates], kind="stable")].tolist()
    middle = np.median(finals[known]) if known.any() else np.nan
    return WronglyStopped(
        trials=tuple(better),
        ranks=tuple(1 + int((finals[known] < finals[i]).sum()) for i in better),
        better_half=int((stopped & (finals < middle)).sum()),
        stopped=int(stopped.sum()),
    )


def wrong_infos(
    result: ReplayResult, reports: RecordedReports, decisions: Mapping[str, Any]
) -> tuple[WrongInfo, ...]:
    """What is drawn for the best of the trials stopped wrongly, at most four.

    Args:
        result: the replay of a study.
        reports: the study's reports.
        decisions: the columns `trial`, `step` and `threshold` of the replay's trace, an entry
            for each decision.
    """
    wrong, columns = stopped_wrongly(result), result.columns
    infos = []
    for i, rank in list(zip(wrong.trials, wrong.ranks, strict=True))[:_MOST]:
        final = number(float(columns.final_value_recorded[i]))
        label = f"{clean(columns.trial[i], 28)}, {final}: {ordinal(rank)} best"
        infos.append(stopped_info(result, reports, decisions, i, label))
    return tuple(infos)


def stopped_info(
    result: ReplayResult,
    reports: RecordedReports,
    decisions: Mapping[str, Any],
    at: int,
    label: str,
) -> WrongInfo:
    """What is drawn for one stopped trial.

    Args:
        result, reports, decisions: as for `wrong_infos`.
        at: its position in launch order.
        label: what it is called in the legend.
    """
    columns, best = result.columns, result.summary.best
    kept = None if best is None else curve(reports, list(columns.trial).index(best.trial))
    held = np.asarray(decisions["trial"], dtype=object)
    rows = np.flatnonzero(held == columns.trial[at])
    whole, ran = curve(reports, at), curve(reports, at, int(columns.reports_kept[at]))
    shown = np.concatenate([whole.values, *([] if kept is None else [kept.values])])
    finite = shown[np.isfinite(shown)]
    return WrongInfo(
        objective=result.objective,
        direction=result.direction,
        label=label,
        ran=ran,
        rest=rest_of(whole, ran),
        threshold_steps=np.asarray(decisions["step"], dtype=np.float64)[rows],
        threshold=np.asarray(decisions["threshold"], dtype=np.float64)[rows],
        best=kept,
        best_label="" if best is None else f"best kept: {clean(best.trial, 28)}",
        limits=style.limits_around(
            shown, *(np.quantile(finite, [0.1, 0.9]) if finite.size else (np.nan, np.nan))
        ),
    )


def draw_wrong(info: WrongInfo, axes: Axes) -> Axes:
    """Draw the trial up to its stop and as recorded after it, its threshold, and the best kept."""
    if info.best is not None:
        axes.plot(
            *info.best, color=style.BLUE, lw=1.3, label=style.literal_text(info.best_label, 60)
        )
    axes.plot(info.threshold_steps, info.threshold, color=style.INK, lw=1.2, ls=(0, (4, 2)),
              marker="_", ms=6, label="threshold it was held against")  # fmt: skip
    axes.plot(*info.rest, color=style.VERMILLION, lw=1.5, ls=(0, (1, 1.3)),
              label="as recorded, had it gone on")  # fmt: skip
    axes.plot(*info.ran, color=style.VERMILLION, lw=2.2, label=style.literal_text(info.label, 70))
    if len(info.ran.steps):
        end = float(np.clip(info.ran.values[-1], info.limits.low, info.limits.high))
        axes.plot(info.ran.steps[-1], end, "X", color=style.VERMILLION, ms=8, mec=style.PAPER,
                  ls="none", label="stop", zorder=5, clip_on=False)  # fmt: skip
    style.set_limits(axes, info.limits)
    axes.set_ylabel(style.objective_label(info.objective, info.direction, 26))
    axes.set_xlabel("step")
    style.whole_steps(axes)
    _widen_early_steps(info, axes)
    return axes


def _widen_early_steps(info: WrongInfo, axes: Axes) -> None:
    """If the stop is early, make the axis logarithmic for steps well after it.

    On an even axis, what happens before an early stop would be too narrow to be seen.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    if not (len(info.ran.steps) and len(info.rest.steps)):
        return
    stop, last = int(info.ran.steps[-1]), int(info.rest.steps[-1])
    even = max(2 * stop, 5)
    if last < 4 * even:
        return
    axes.set_xscale("symlog", linthresh=even, linscale=1.5)
    ticks = [0, even // 2, even]
    while ticks[-1] * 2 <= last:
        ticks.append(ticks[-1] * 2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(style.whole_numbers())
    axes.set_xlim(-0.04 * even, 1.05 * last)
    axes.axvline(even, color=style.FAINT, lw=0.9, ls=(0, (2, 2)), zorder=0)
    axes.set_xlabel(f"step (even up to {even:,}; beyond, each mark doubles)")


def wrong_plots(
    result: ReplayResult, reports: RecordedReports, decisions: Mapping[str, Any]
) -> tuple[Plot, ...]:
    """A plot for each of the best trials stopped wrongly, at most four."""
    return tuple(
        Plot(
            name=f"wrong-{n}",
            title="stopped wrongly",
            caption=f"{info.label} of the study, had it gone on.",
            description=f"The curve of {info.label}: solid up to its stop at step "
            f"{info.ran.steps[-1] if len(info.ran.steps) else 0}, dotted behind it, over the "
            f"threshold and the {info.best_label}.",
            height=3.2,
            info=info,
            draw=draw_wrong,
        )
        for n, info in enumerate(wrong_infos(result, reports, decisions), 1)
    )
