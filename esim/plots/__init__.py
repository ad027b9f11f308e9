"""Figures of results: each is computed as an info tuple, then drawn from it on an Axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from esim.plots.amounts import amounts_plot
from esim.plots.compared import comparison_plots
from esim.plots.curves import curves_plot
from esim.plots.explained import explain_figure
from esim.plots.finals import finals_plot
from esim.plots.forecast import estimate_plots
from esim.plots.front import front_plot
from esim.plots.rows import readings_plot, studies_plot
from esim.plots.schedule import schedule_plots
from esim.plots.stops import stops_plot
from esim.plots.style import Plot, figure_of, save
from esim.plots.threshold import threshold_plot
from esim.plots.wrong import wrong_plots
from esim.results import ReplayResult, Reports

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
    result: ReplayResult, reports: Reports | None, decisions: Mapping[str, Any]
) -> dict[str, Plot]:
    """Name -> figure before it is drawn, of all that there is something to draw for.

    Args:
        result: what the replay of a study gave.
        reports: the study's reports; None where they were not kept.
        decisions: the columns of the replay's trace; empty where they were not kept.
    """
    return {plot.name: plot for plot in _plots(result, reports, decisions) if plot is not None}


def _plots(
    result: ReplayResult, reports: Reports | None, decisions: Mapping[str, Any]
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
