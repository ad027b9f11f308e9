"""Figures of results: each is computed as an info tuple, then drawn from it on an Axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esim.plots.curves import curves_figure
from esim.plots.estimates import estimate_figures
from esim.plots.explained import explain_figure
from esim.plots.readings import readings_figure
from esim.plots.saved import saved_figure
from esim.plots.schedule import schedule_figure
from esim.plots.stops import stops_figure
from esim.plots.style import save
from esim.results import ReplayResult
from esim.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["estimate_figures", "explain_figure", "figures", "save"]


def figures(study: Study, result: ReplayResult) -> dict[str, Figure]:
    """Name -> figure, of all that there is something to draw for.

    Args:
        study: the study that was replayed.
        result: what its replay gave.
    """
    found = {"saved": saved_figure(result)}
    if study.n_reports:
        found["curves"] = curves_figure(study, result)
    if result.summary.trials_stopped:
        found["stops"] = stops_figure(result)
    for name, figure in (
        ("schedule", schedule_figure(result)),
        ("readings", readings_figure(result)),
    ):
        if figure is not None:
            found[name] = figure
    return found
