"""How records show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from esim.report.answer import answer, subtitle
from esim.report.certified import assumptions, certificate_answer, watch_answer
from esim.report.figures.figure_lists import (
    certificate_plots,
    comparison_plots,
    estimate_plots,
)
from esim.report.figures.forecast import next_words
from esim.report.figures.plot import Plot
from esim.report.figures.saved_amounts import amounts_plot
from esim.report.pages.estimate import forecast_answer
from esim.report.pages.page import Column, Table
from esim.report.words import (
    better_words,
    clean,
    clock_words,
    comparison_name,
    count,
    plural,
    visible,
)
from esim.results.watched import Watched

if TYPE_CHECKING:
    from esim.results.certificate import Certificate
    from esim.results.comparison.comparison import Comparison
    from esim.results.estimate import EstimateDocument
    from esim.results.replay import ReplayResult
    from esim.study import Study

_SHOWN = 10


def box(
    title: str, lines: Sequence[str], table: Table | None = None, plots: Sequence[Plot] = ()
) -> str:
    """A title, sentences, a table and figures as HTML that is safe and needs no style sheet."""
    from markupsafe import Markup

    from esim.report.formats.svg import notebook_svg
    from esim.report.formats.templates import environment

    template = environment(autoescape=True).get_template("box.html.j2")
    return template.render(
        title=title,
        lines=[visible(line) for line in lines],
        table=table,
        figures=[Markup(notebook_svg(plot)) for plot in plots],  # escaped there
    )


def study_html(study: Study) -> str:
    """A study: what it is of, and its first trials."""
    columns = (
        Column("trial", "trial"),
        Column("reports", "reports", "count"),
        Column("last_step", "last step", "count"),
        Column("last_value", f"last {clean(study.objective, 30)}", "number"),
    )
    rows = []
    for i in range(min(study.n_trials, _SHOWN)):
        first, last = int(study.offsets[i]), int(study.offsets[i + 1])
        empty = first == last
        rows.append(
            (
                study.trials[i],
                last - first,
                None if empty else int(study.steps[last - 1]),
                None if empty else float(study.values[last - 1]),
            )
        )
    more = study.n_trials - len(rows)
    lines = [
        f"{clean(study.objective)}, {better_words(study.direction)}; "
        f"{plural(study.n_trials, 'trial')}, {count(study.n_reports)} reports"
        + ("" if study.elapsed is None else ", with times"),
        *(note.text for note in study.notes[:5]),
    ]
    caption = "In launch order" + (f"; {more:,} more" if more > 0 else "")
    return box(clean(study.name), lines, Table("trials", caption, columns, rows))


def comparison_html(comparison: Comparison) -> str:
    """A comparison: the answer, the reasons to doubt it, saved against lost."""
    title = f"{clean(comparison_name(comparison))}: rules compared"
    doubts = [f"To doubt: {warning.text}." for warning in comparison.warnings[:4]]
    plots = [plot for name, plot in comparison_plots(comparison).items() if name == "front"]
    return box(title, [*comparison.answer.sentences, *doubts], plots=plots)


def estimate_html(document: EstimateDocument) -> str:
    """A forecast, from its document: the advice, the reasons to doubt it, what is likely saved."""
    title = f"The next job: {next_words(document)}, rule {document.rule.name}"
    doubts = [f"To doubt: {warning.text}." for warning in document.warnings[:4]]
    plots = [p for name, p in estimate_plots(document).items() if name == "forecast-saved"]
    return box(title, [*forecast_answer(document), *doubts], plots=plots)


def certificate_html(document: Certificate | Watched) -> str:
    """A certificate, or a watch over one: what is assumed, the answer, its figure."""
    told = document.certificate if isinstance(document, Watched) else document
    said = watch_answer(document) if isinstance(document, Watched) else certificate_answer(document)
    title = f"{clean(told.certified, 60)}: certified" if told.certified else "No rule certified"
    plots = list(certificate_plots(document).values())
    return box(title, [*assumptions(told), *said], plots=plots)


def replay_html(result: ReplayResult) -> str:
    """A replay: the answer, the reasons to doubt it, and what was saved."""
    title = f"{clean(result.study)}: rule {result.rule.name}, {clock_words(result.clock)}"
    doubts = [f"To doubt: {warning.text}." for warning in result.warnings[:4]]
    return box(title, [subtitle(result), *answer([result]), *doubts], plots=[amounts_plot(result)])
