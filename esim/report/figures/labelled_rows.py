"""Figures with a labelled row for each reading, study or rule, and a dot at the share it saves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import percent, signed
from esim.results.replay import ReplayResult
from esim.rules import LITERAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?")
_ROW = 0.34  # inches that a row is high
_COLUMNS = (42, 112)  # points from the axes to the right end of what is saved, and of the notes


class Row(NamedTuple):
    """One row. A value that is None is unknown."""

    label: str
    saved: float | None  # share
    low: float | None  # the lower end of the line drawn for the range of `saved`
    high: float | None  # its upper end
    note: str  # the text at the right border
    lost: bool | None  # whether the best trial is stopped; None also if that varies
    strong: bool  # whether the other rows are compared with this one
    baseline: bool = False  # whether the row is a baseline and not a rule
    inner: tuple[float, float] | None = None  # ends of the bar drawn for the middle half


class RowsInfo(NamedTuple):
    """What is drawn."""

    rows: tuple[Row, ...]  # from the top
    axis: str  # the label of the axis
    note: str  # the heading of the notes at the right border
    strong: str  # the legend of the line at the strong row's dot; "" draws no line
    legend: bool  # whether marks and colours tell rows that lose the best trial from the others


def readings_info(result: ReplayResult) -> RowsInfo:
    """A row for each reading of the rule's source, in their order; none without readings."""
    rows = []
    for row in result.readings:
        s, literal = row.summary, row.code == LITERAL.code
        rows.append(
            Row(
                label=row.question if literal else f"{row.question}: {row.reading}",
                saved=s.steps_saved_fraction,
                low=None,
                high=None,
                note=signed(s.degradation_on_record),
                lost=s.best_trial_stopped,
                strong=literal,
            )
        )
    return RowsInfo(tuple(rows), "steps saved", "degradation", "literal reading", legend=True)


def studies_info(results: Sequence[ReplayResult]) -> RowsInfo:
    """A row for each study, the one that saves most first."""
    known = sorted(results, key=lambda r: -(r.summary.steps_saved_fraction or 0.0))
    rows = []
    for result in known:
        s = result.summary
        low, high = result.ranges().get("steps_saved_fraction", (None, None))
        rows.append(
            Row(
                label=result.study,
                saved=s.steps_saved_fraction,
                low=low,
                high=high,
                note=percent(s.degradation_normalized),
                lost=s.best_trial_stopped,
                strong=False,
            )
        )
    ranged = any(row.low is not None for row in rows)
    axis = "steps saved\n(line: the range over readings)" if ranged else "steps saved"
    return RowsInfo(tuple(rows), axis, "degradation", "", legend=True)


_MARKS = {
    True: ("X", style.VERMILLION, "the best trial is stopped"),
    False: ("o", style.BLUE, "the best trial is kept"),
    None: ("s", style.GREY, "not known"),
}


def draw_rows(info: RowsInfo, axes: Axes) -> Axes:
    """Draw each row as a dot on a line from 0 to 100 %, its label above and its notes beside it."""
    for y, row in enumerate(info.rows):
        marker, colour, label = _MARKS[row.lost]
        if not info.legend:
            marker, colour, label = ("o", style.BLUE, "rule")
        if row.baseline:
            marker, colour, label = ("D", style.GREEN, "baseline")
        axes.hlines(y, 0, 1, color=style.PALE, lw=0.8, zorder=0)
        if row.low is not None and row.high is not None:
            axes.hlines(y, row.low, row.high, color=colour, lw=1.6, alpha=0.6, zorder=2)
        if row.inner is not None:
            axes.hlines(y, *row.inner, color=colour, lw=4.5, alpha=0.45, zorder=2)
        weight = "bold" if row.strong else "normal"
        axes.text(
            0,
            y - 0.2,
            style.literal_text(row.label, 46),
            va="bottom",
            fontsize=8,
            fontweight=weight,
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.4},
            zorder=1.5,  # it interrupts the line of the strong row
        )
        if row.saved is None or not np.isfinite(row.saved):
            continue
        if row.strong and info.strong:
            axes.axvline(row.saved, color=style.GREY, lw=0.8, ls="--", zorder=1, label=info.strong)
        axes.plot(row.saved, y, marker, color=colour, ms=6.5, mec=style.PAPER, mew=0.5,
                  ls="none", label=label, clip_on=False, zorder=3,
                  gid=style.told(f"{row.label}: {percent(row.saved)}"))  # fmt: skip
    for y, (row, note) in enumerate(zip(info.rows, _notes(info.rows), strict=True)):
        _at_right(axes, y, percent(row.saved), note, style.INK)
    _at_right(axes, -0.85, "saved", info.note, style.GREY)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(info.rows) - 0.4, -0.9)
    axes.set_xlim(0, 1)
    style.label_shares(axes.xaxis)
    axes.set_xlabel(info.axis)
    return axes


def _notes(rows: Sequence[Row]) -> list[str]:
    """The notes, numbers with blanks as wide as what they lack to the longest fraction."""
    found = [_NUMBER.fullmatch(row.note) for row in rows]
    longest = max((len(match[1] or "") for match in found if match), default=0)
    notes = []
    for row, match in zip(rows, found, strict=True):
        note, fraction = style.literal_text(row.note), (match[1] or "") if match else ""
        if match and longest:
            note += "" if fraction else "\N{PUNCTUATION SPACE}"
            note += "\N{FIGURE SPACE}" * (longest - max(len(fraction), 1))
        notes.append(note)
    return notes


def _at_right(axes: Axes, y: float, saved: str, note: str, colour: str) -> None:
    """Write two texts to the right of the axes, each in a column of its own."""
    for text, points in zip((saved, note), _COLUMNS, strict=True):
        axes.annotate(text, (1, y), (points, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", va="center", fontsize=8,
                      color=colour)  # fmt: skip


def rows_height(info: RowsInfo) -> float:
    """The height in inches of a figure with these rows."""
    return 1.3 + _ROW * len(info.rows)


def readings_plot(result: ReplayResult) -> Plot | None:
    """The plot with a row for each reading; None without readings."""
    info = readings_info(result)
    if not info.rows:
        return None
    shares = [row.saved for row in info.rows if row.saved is not None]
    kept = sum(row.lost is False for row in info.rows)
    span = f" from {percent(min(shares))} to {percent(max(shares))}" if shares else ""
    return Plot(
        name="readings",
        title="readings of the documentation",
        caption=style.rule_words(result) + ".",
        description=f"A dot for each of {len(info.rows)} readings of the documentation: the steps "
        f"saved run{span}, and {kept} keep the best trial.",
        height=rows_height(info),
        info=info,
        draw=draw_rows,
    )


def studies_plot(results: Sequence[ReplayResult]) -> Plot:
    """The plot with a row for each study."""
    info = studies_info(results)
    lost = sum(row.lost is True for row in info.rows)
    return Plot(
        name="studies",
        title="steps saved in each study",
        caption="",
        description=f"A dot for each of {len(info.rows)} studies at the share of steps saved; the "
        f"best trial is stopped in {lost}.",
        height=rows_height(info),
        info=info,
        draw=draw_rows,
    )
