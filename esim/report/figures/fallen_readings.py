"""Figure of the candidates against the jobs: when each reading, or each rule, fell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.results.identification import Identification

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 0.2  # inches that a row is high
_MOST = 60  # rows that are drawn


class FallRow(NamedTuple):
    """A reading, or a rule, and how long it stood."""

    label: str
    until: int  # the job with which the last candidate of it fell, or the last job of all
    left: bool
    settled: bool  # whether it is the only one left of its question
    first: bool  # whether it is the first of its question


class FallInfo(NamedTuple):
    """What is drawn."""

    rows: tuple[FallRow, ...]  # from the top
    jobs: int
    more: int  # rows that are not drawn


def fall_info(found: Identification) -> FallInfo:
    """A row for each reading of each question; for each rule where they are no readings."""
    jobs = len(found.jobs)
    rows = []
    for question in found.questions:
        for i, answer in enumerate(question.answers):
            label = f"{answer.code}  {question.question}: {answer.reading}"
            settled = question.settled == answer.code
            rows.append(FallRow(label, answer.fell or jobs, bool(answer.left), settled, i == 0))
    if not rows:
        rows = [FallRow(n.name, n.fell or jobs, n.left, False, False) for n in found.named]
    return FallInfo(tuple(rows[:_MOST]), jobs, len(rows[_MOST:]))


def draw_falls(info: FallInfo, axes: Axes) -> Axes:
    """Draw each row as a line from the first job to the one with which it fell."""
    from matplotlib.ticker import MaxNLocator

    for y, row in enumerate(info.rows):
        colour = style.BLUE if row.left else style.VERMILLION
        label = "left" if row.left else "fallen"
        axes.hlines(y, 0, row.until, color=colour, lw=2.4, label=label)
        if not row.left:
            axes.plot(row.until, y, "X", color=colour, ms=5, mec=style.PAPER, mew=0.4, ls="none")
        if row.first and y:
            axes.axhline(y - 0.5, color=style.PALE, lw=0.7)
    axes.set_yticks(range(len(info.rows)))
    labels = axes.set_yticklabels([style.literal_text(row.label, 62) for row in info.rows])
    for text, row in zip(labels, info.rows, strict=True):
        text.set_fontweight("bold" if row.settled else "normal")
        text.set_color(style.INK if row.left else style.GREY)
    axes.set_ylim(len(info.rows) - 0.4, -0.6)
    axes.set_xlim(0, max(1, info.jobs))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.set_xlabel("jobs, in the\norder of their ends")
    axes.tick_params(axis="y", length=0, labelsize=7)
    return axes


def fall_plot(found: Identification) -> Plot | None:
    """The plot of when each reading fell; None where there is none."""
    info = fall_info(found)
    if not info.rows:
        return None
    left = sum(row.left for row in info.rows)
    what = "readings" if found.questions else "rules"
    more = f" {info.more} more are not drawn." if info.more else ""
    return Plot(
        name="falls",
        title=f"when each of the {what} fell",
        caption="",
        description=f"A line for each of {len(info.rows)} {what}, to the job with which the last "
        f"rule of it fell: {left} are left after {info.jobs} jobs; bold is settled.{more}",
        height=1.1 + _ROW * len(info.rows),
        info=info,
        draw=draw_falls,
    )
