"""Figures of results: each is computed as an info tuple, then drawn from it on an Axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from esim.report.figures.amounts import amounts_plot
from esim.report.figures.compared import comparison_plots
from esim.report.figures.curves import curves_plot
from esim.report.figures.explained import explain_figure
from esim.report.figures.finals import finals_plot
from esim.report.figures.forecast import estimate_plots
from esim.report.figures.front import front_plot
from esim.report.figures.rows import readings_plot, studies_plot
from esim.report.figures.schedule import schedule_plots
from esim.report.figures.stops import stops_plot
from esim.report.figures.style import Plot, figure_of, save
from esim.report.figures.threshold import threshold_plot
from esim.report.figures.wrong import wrong_plots
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayResult

__all__ = [
    "Plot",
    "amounts_plot",
    "comparison_plots",
    "estimate_plots",
    "explain_figure",
    "figure_of",
    "replay_plots",
    "save",
    "studies_plot",
]


def replay_plots(
    result: ReplayResult, reports: RecordedReports | None, decisions: Mapping[str, Any]
) -> dict[str, Plot]:
    """Name -> figure before it is drawn, of all that there is something to draw for.

    Args:
        result: what the replay of a study gave.
        reports: the study's reports; None where they were not kept.
        decisions: the columns of the replay's trace; empty where they were not kept.
    """
    return {plot.name: plot for plot in _plots(result, reports, decisions) if plot is not None}


def _plots(
    result: ReplayResult, reports: RecordedReports | None, decisions: Mapping[str, Any]
) -> Iterator[Plot | None]:
    yield amounts_plot(result)
    yield finals_plot(result)
    yield readings_plot(result)
    yield front_plot(result)
    if reports is not None:
        yield curves_plot(result, reports)
        if decisions:
            yield threshold_plot(result, reports, decisions)
    yield stops_plot(result)
    if reports is not None and decisions:
        yield from wrong_plots(result, reports, decisions)
    yield from schedule_plots(result)
