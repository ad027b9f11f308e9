"""The folder of --out: the result document, its tables and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esim.errors import EsimError
from esim.report.chosen import shown_in_full
from esim.report.words import comparison_name, inert, plural
from esim.results.comparison.comparison import COMPARED
from esim.results.explanation import EXPLANATION
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import DECISIONS, REPORTS, RESULT, TRIALS, ReplayDocument
from esim.results.rule_set import RULES, RuleSet
from esim.results.watched import Watched
from esim.rules.candidates import Candidate
from esim.storage.folders import unique_slugs, whole_file
from esim.storage.result_folder import result_folder
from esim.study import Study

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from esim.results.certificate import Certificate
    from esim.results.closed_loop import ClosedLoop
    from esim.results.comparison.comparison import Comparison
    from esim.results.difference import Difference
    from esim.results.estimate import EstimateDocument
    from esim.results.explanation import Explanation
    from esim.results.identification import Identification

FIGURES = "figures"
REPORT = "report"  # `esim report` writes report.html and its like beside the result
DECISION = "decision"  # and decision.html of several results, in the folder where it runs
ENDINGS = ("html", "md", "pdf", "csv", "json")


def write_results(
    folder: Path,
    studies: Sequence[Study],
    document: ReplayDocument,
) -> None:
    """Write result.json, its three tables and figures/, whole or not at all.

    The figures are those of the studies that a report shows in full.

    Raises:
        EsimError: the folder holds other things, or cannot be written.
    """
    from esim.report.figures.figure_lists import replay_plots
    from esim.report.figures.plot import figure_of, save

    with result_folder(folder) as partial:
        (partial / RESULT).write_text(document.to_json(), encoding="utf-8")
        results = document.studies
        traces = [result.trace() for result in results]
        for name, table in tables_of(studies, document, traces):
            _write_table(table, partial / name)
        (partial / FIGURES).mkdir()
        slugs = unique_slugs([study.name for study in studies])
        drawn = {result.study for result in shown_in_full(results)}
        for study, result, trace, slug in zip(studies, results, traces, slugs, strict=True):
            if study.name not in drawn:
                continue
            for name, plot in replay_plots(result, RecordedReports.of(study), trace).items():
                figure = figure_of(plot, study.name)
                save(figure, partial / FIGURES / f"{slug}-{name}")


def tables_of(
    studies: Sequence[Study],
    document: ReplayDocument,
    traces: Sequence[Mapping[str, Any]] | None = None,
) -> Iterator[tuple[str, pa.Table]]:
    """The tables beside a replay's document, by the names of their files.

    Args:
        studies: those that were replayed.
        document: the results of these.
        traces: of the results, where they are known.
    """
    import pyarrow as pa

    from esim.results.tables import trials_table

    results = document.studies
    names = [result.study for result in results]
    sizes = [result.summary.trials for result in results]
    known = [result.trace() for result in results] if traces is None else traces
    yield TRIALS, trials_table(names, sizes, [result.columns for result in results])
    decided = (_with_study(name, trace) for name, trace in zip(names, known, strict=True))
    yield DECISIONS, pa.concat_tables(decided)
    yield REPORTS, pa.concat_tables(_reports(study) for study in studies)


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write result.json, the tables as Parquet and CSV, and figures/, whole or not at all.

    Raises:
        EsimError: the folder holds other things, or cannot be written.
    """
    import pyarrow as pa

    from esim.report.figures.figure_lists import comparison_plots
    from esim.report.figures.plot import figure_of, save

    with result_folder(folder) as partial:
        (partial / RESULT).write_text(comparison.to_json(), encoding="utf-8")
        frames = (comparison.table, comparison.by_study, comparison.by_workers)
        for name, frame in zip(COMPARED, frames, strict=True):
            table = pa.Table.from_pandas(frame, preserve_index=False)
            _write_table(table, partial / f"{name}.parquet")
            _inert(frame).to_csv(partial / f"{name}.csv", index=False)
        (partial / FIGURES).mkdir()
        for name, plot in comparison_plots(comparison).items():
            save(figure_of(plot, comparison_name(comparison)), partial / FIGURES / name)


def write_explanation(folder: Path, explanation: Explanation) -> None:
    """Write result.json and its figure, whole or not at all. Raises EsimError."""
    from esim.report.figures.explained_trial import explain_figure
    from esim.report.figures.plot import save

    with result_folder(folder) as partial:
        (partial / RESULT).write_text(explanation.to_json(), encoding="utf-8")
        save(explain_figure(explanation), partial / EXPLANATION)


def write_estimate(folder: Path, document: EstimateDocument) -> None:
    """Write result.json and figures/, whole or not at all. Raises EsimError."""
    from esim.report.figures.figure_lists import estimate_plots
    from esim.report.figures.plot import figure_of, save

    past = document.studies
    name = past[0].study if len(past) == 1 else "the next study"
    with result_folder(folder) as partial:
        (partial / RESULT).write_text(document.to_json(), encoding="utf-8")
        (partial / FIGURES).mkdir()
        for what, plot in estimate_plots(document).items():
            save(figure_of(plot, name), partial / FIGURES / what)


def write_closed_loop(folder: Path, found: ClosedLoop) -> None:
    """Write result.json and figures/, whole or not at all. Raises EsimError."""
    from esim.report.figures.figure_lists import closed_loop_plots
    from esim.report.figures.plot import figure_of, save

    with result_folder(folder) as partial:
        (partial / RESULT).write_text(found.to_json(), encoding="utf-8")
        (partial / FIGURES).mkdir()
        for what, plot in closed_loop_plots(found).items():
            save(figure_of(plot, found.study), partial / FIGURES / what)


def write_certificate(folder: Path, document: Certificate | Watched) -> None:
    """Write result.json and figures/, whole or not at all. Raises EsimError."""
    from esim.report.figures.figure_lists import certificate_plots
    from esim.report.figures.plot import figure_of, save

    with result_folder(folder) as partial:
        (partial / RESULT).write_text(document.to_json(), encoding="utf-8")
        (partial / FIGURES).mkdir()
        for what, plot in certificate_plots(document).items():
            save(figure_of(plot, plural(len(document.studies), "study")), partial / FIGURES / what)


def write_difference(folder: Path, document: Difference) -> None:
    """Write result.json and figures/, whole or not at all. Raises EsimError."""
    from esim.report.figures.figure_lists import difference_plots
    from esim.report.figures.plot import figure_of, save

    with result_folder(folder) as partial:
        (partial / RESULT).write_text(document.to_json(), encoding="utf-8")
        (partial / FIGURES).mkdir()
        for what, plot in difference_plots(document).items():
            save(figure_of(plot, "two replays"), partial / FIGURES / what)


def write_identification(place: Path, found: Identification, left: Sequence[Candidate]) -> None:
    """Write the rules that are left into a file, or with the result and figures into a folder.

    Args:
        place: the file, if it ends in .json; else the folder, written whole or not at all.
        found: what was found.
        left: the rules left; with none of them, a folder gets no file of rules.

    Raises:
        EsimError: it cannot be written, or no rule is left to be written into a file.
    """
    from esim.report.figures.figure_lists import identification_plots
    from esim.report.figures.plot import figure_of, save

    rules = RuleSet.of(left, found.verdict).to_json() if left else None
    if place.suffix == ".json":
        if rules is None:
            raise EsimError("no rule is left to write", where=str(place), why=found.verdict)
        try:
            with whole_file(place) as out:
                out.write(rules.encode())
        except OSError as error:
            raise EsimError("cannot be written", where=str(place), why=str(error)) from error
        return
    studies = found.studies
    name = studies[0].study if len(studies) == 1 else f"{len(studies)} tuning jobs"
    with result_folder(place) as partial:
        (partial / RESULT).write_text(found.to_json(), encoding="utf-8")
        if rules is not None:
            (partial / RULES).write_text(rules, encoding="utf-8")
        (partial / FIGURES).mkdir()
        for what, plot in identification_plots(found).items():
            save(figure_of(plot, name), partial / FIGURES / what)


def _write_table(table: pa.Table, path: Path) -> None:
    from esim.storage.sealed import write_table

    with path.open("wb") as out:
        write_table(table, out, compression="zstd")


def _inert(frame: pd.DataFrame) -> pd.DataFrame:
    """No cell of which a spreadsheet would make a formula."""
    return frame.map(lambda cell: inert(cell) if isinstance(cell, str) else cell)


def _with_study(study: str, columns: Mapping[str, Any]) -> pa.Table:
    """A table of columns of one study: arrays, lists of texts, or columns of Arrow's."""
    import pyarrow as pa

    length = len(next(iter(columns.values())))
    whole = {"study": [study] * length, **columns}
    return pa.table(list(map(_column, whole.values())), names=list(whole))


def _column(values: Any) -> Any:
    """A column of Arrow's from what a result holds."""
    from esim.storage import arrow

    if isinstance(values, list):
        return arrow.strings(values)
    if not isinstance(values, np.ndarray):
        return values
    return arrow.booleans(values) if values.dtype == np.bool_ else arrow.array(values)


def _reports(study: Study) -> pa.Table:
    """Every report as it was read, in launch order."""
    import pyarrow as pa

    from esim.storage import arrow

    which = np.repeat(np.arange(study.n_trials), study.lengths)
    elapsed = np.full(study.n_reports, np.nan) if study.elapsed is None else study.elapsed
    return _with_study(
        study.name,
        {
            "trial": arrow.dictionary(which, study.trials).cast(pa.string()),
            "step": study.steps,
            "value": study.values,
            "elapsed_s": arrow.nan_as_null(elapsed),
        },
    )
