"""Which figures each kind of result has, in their order. A new figure is one line here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from esim.report.figures.best_so_far import best_so_far_plots
from esim.report.figures.certificate_figures import sequence_plot, wealth_plot
from esim.report.figures.comparison_figures import (
    comparison_front_plot,
    orders_plot,
    workers_plots,
)
from esim.report.figures.difference_figures import changes_plot
from esim.report.figures.fallen_readings import fall_plot
from esim.report.figures.final_values import finals_plot
from esim.report.figures.forecast import course_plots, forecast_plots, trade_plot
from esim.report.figures.history_figures import losses_plot, parts_plot, savings_plot
from esim.report.figures.labelled_rows import readings_plot
from esim.report.figures.pareto_front import front_plot
from esim.report.figures.plot import Plot
from esim.report.figures.running_threshold import threshold_plot
from esim.report.figures.saved_amounts import amounts_plot
from esim.report.figures.schedule import schedule_plots
from esim.report.figures.stop_histogram import stops_plot
from esim.report.figures.stopped_wrongly import wrong_plots
from esim.report.figures.trial_curves import curves_plot
from esim.results.certificate import Certificate
from esim.results.closed_loop import ClosedLoop
from esim.results.comparison.comparison import Comparison
from esim.results.difference import Difference
from esim.results.estimate import EstimateDocument
from esim.results.history import Breakdown
from esim.results.identification import Identification
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayResult, Summary
from esim.results.watched import Watched


def replay_plots(
    result: ReplayResult, reports: RecordedReports | None, decisions: Mapping[str, Any]
) -> dict[str, Plot]:
    """The plots of one replayed study, by name; those with nothing to show are left out.

    Args:
        result: the replay of the study.
        reports: the study's reports; None if they were not kept.
        decisions: the columns of the replay's trace; empty if they were not kept.
    """
    return _by_name(_of_replay(result, reports, decisions))


def comparison_plots(comparison: Comparison) -> dict[str, Plot]:
    """The plots of a comparison of rules, by name; those with nothing to show are left out."""
    return _by_name(_of_comparison(comparison))


def estimate_plots(document: EstimateDocument) -> dict[str, Plot]:
    """The plots of an estimate, by name; those with nothing to show are left out.

    Args:
        document: what the estimate found.
    """
    return _by_name(_of_estimate(document))


def certificate_plots(document: Certificate | Watched) -> dict[str, Plot]:
    """The plots of a certificate, or of a watch over one, by name."""
    if isinstance(document, Watched):
        return _by_name([wealth_plot(document)])
    return _by_name([sequence_plot(document)])


def history_plots(studies: Sequence[Summary], parts: Sequence[Breakdown]) -> dict[str, Plot]:
    """The plots of a replayed history, by name; those with nothing to show are left out.

    Args:
        studies: what the rule would have done to each study.
        parts: the totals by month, by group.
    """
    return _by_name([savings_plot(studies), losses_plot(studies), *map(parts_plot, parts)])


def difference_plots(found: Difference) -> dict[str, Plot]:
    """The plots of two replays against each other, by name."""
    return _by_name([changes_plot(found)])


def closed_loop_plots(found: ClosedLoop) -> dict[str, Plot]:
    """The plots of a closed loop, by name."""
    return _by_name(best_so_far_plots(found))


def identification_plots(found: Identification) -> dict[str, Plot]:
    """The plots of an identification, by name; those with nothing to show are left out."""
    return _by_name([fall_plot(found)])


def _of_replay(
    result: ReplayResult, reports: RecordedReports | None, decisions: Mapping[str, Any]
) -> Iterator[Plot | None]:
    yield amounts_plot(result)
    yield finals_plot(result)
    yield readings_plot(result)
    yield front_plot(result)
    if reports is not None:
        yield curves_plot(result, reports)
    if reports is not None and decisions:
        yield threshold_plot(result, reports, decisions)
    yield stops_plot(result)
    if reports is not None and decisions:
        yield from wrong_plots(result, reports, decisions)
    yield from schedule_plots(result)


def _of_comparison(comparison: Comparison) -> Iterator[Plot | None]:
    yield comparison_front_plot(comparison)
    yield orders_plot(comparison)
    yield from workers_plots(comparison)


def _of_estimate(document: EstimateDocument) -> Iterator[Plot | None]:
    yield from forecast_plots(document)
    yield trade_plot(document)
    yield from course_plots(document)


def _by_name(plots: Iterable[Plot | None]) -> dict[str, Plot]:
    return {plot.name: plot for plot in plots if plot is not None}
