"""What results do in Python by the door: write themselves, and draw their figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from esim.errors import EsimError, near_names
from esim.report import files
from esim.report.figures import figure_lists
from esim.report.figures.plot import Plot, legend, subtitle
from esim.report.figures.style import WIDTH, styled
from esim.report.pages.document import check_ending, page_of, write_page
from esim.results.certificate import Certificate
from esim.results.closed_loop import ClosedLoop
from esim.results.comparison.comparison import Comparison
from esim.results.difference import Difference
from esim.results.estimate import EstimateDocument
from esim.results.explanation import Explanation
from esim.results.forecast import Estimate
from esim.results.identification import Identification
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayDocument, ReplayResult
from esim.results.saved import SavedResult
from esim.results.watched import Watched
from esim.storage.typed import parse
from esim.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HERE = Path("a result in memory")  # in the place of the file that a document was read from


def save_result(result: Any, folder: Path) -> None:
    """Write the folder that --out of the command writes.

    Raises:
        EsimError: the folder holds other things, it cannot be written, or a replay was read from a
            file, which keeps no study.
    """
    found = _document(result)
    if isinstance(found, ReplayDocument):
        files.write_results(folder, _studies(found), found)
    elif isinstance(found, Comparison):
        files.write_comparison(folder, found)
    elif isinstance(found, EstimateDocument):
        files.write_estimate(folder, found)
    elif isinstance(found, ClosedLoop):
        files.write_closed_loop(folder, found)
    elif isinstance(found, (Certificate, Watched)):
        files.write_certificate(folder, found)
    elif isinstance(found, Difference):
        files.write_difference(folder, found)
    elif isinstance(found, Explanation):
        files.write_explanation(folder, found)
    elif isinstance(found, Identification):
        files.write_identification(folder, found, ())
    else:
        raise EsimError(f"there is no folder of a {type(result).__name__}", fix="to_json")


def report_result(result: Any, path: Path) -> None:
    """Write the page about a result.

    Raises:
        EsimError: the path has another ending, there is no page of such a result, or it cannot be
            written.
    """
    check_ending(path)
    found = _document(result)
    tables = {}
    if isinstance(found, ReplayDocument) and all(one.recorded for one in found.studies):
        tables = dict(files.tables_of(_studies(found), found))
    source = SavedResult(parse(found.to_json(), strict=True), str(_HERE), _HERE, tables)
    write_page(page_of(source), [source], path)


def plots_of(result: Any) -> dict[str, Plot]:
    """The plots of a result by name; those with nothing to show are left out."""
    if isinstance(result, ReplayResult):
        study = result.recorded
        reports = None if study is None else RecordedReports.of(study)
        return figure_lists.replay_plots(result, reports, result.trace())
    found = _document(result)
    if isinstance(found, Comparison):
        return figure_lists.comparison_plots(found)
    if isinstance(found, EstimateDocument):
        return figure_lists.estimate_plots(found)
    if isinstance(found, ClosedLoop):
        return figure_lists.closed_loop_plots(found)
    return figure_lists.certificate_plots(found)


def draw_plot(result: Any, name: str, axes: Axes | None) -> Axes:
    """Draw a figure of a result; without axes a new figure of pyplot, which notebooks show.

    Raises:
        EsimError: there is no such figure of it.
    """
    plots = plots_of(result)
    if name not in plots:
        raise EsimError(
            f"this result has no figure {name!r}",
            why="there is nothing to show in it, or no result has one",
            fix=f"one of: {near_names(name, plots)}",
        )
    plot = plots[name]
    with styled():
        if axes is not None:
            return plot.draw(plot.info, axes)
        import matplotlib.pyplot as plt

        figure, new = plt.subplots(figsize=(WIDTH, plot.height), layout="constrained")
        plot.draw(plot.info, new)
        subtitle(new, plot.caption or plot.title)
        legend(figure, new)
        return new


def _document(result: Any) -> Any:
    if isinstance(result, ReplayResult):
        return ReplayDocument((result,))
    return result.document() if isinstance(result, Estimate) else result


def _studies(document: ReplayDocument) -> list[Study]:
    studies = [one.recorded for one in document.studies if one.recorded is not None]
    if len(studies) < len(document.studies):
        raise EsimError(
            "the study of this replay is not at hand",
            why="it was read from a document, which does not hold it",
            fix="esim.replay, whose result keeps it",
        )
    return studies
