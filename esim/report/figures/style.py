"""What all figures share: colours, sizes, text from logs, limits of axes, files."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.words import clean, clock_words, seconds
from esim.storage.folders import whole_file
from esim.study import Direction

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from esim.results.replay import ReplayResult

# Okabe and Ito's colours: told apart without colour vision, and as greys in print. Each stands for
# one thing in every figure, and for nothing else, so that a page can give it another shade in the
# dark: blue ran or was kept, vermillion was stopped or lost, green is a baseline.
INK, BLUE, SKY, VERMILLION = "#1b1b1b", "#0072b2", "#56b4e9", "#d55e00"
GREEN = "#009e73"
GREY, FAINT, PALE = "#767676", "#b4b4b4", "#e2e2e2"
PAPER = "#ffffff"
WIDTH = 7.2  # inches: the text width of a printed page
NARROW = 4.4  # a column of a page, or a telephone
MANY = 1000  # more marks than this become pixels inside the SVG
_FONT = "DejaVu Sans"  # comes with matplotlib, so that a figure is the same everywhere
_TITLE, _LEGEND = 10.5, 8.0  # points
_HANDLE = 0.55  # inches beside a label in a legend
_TEXT_PER_INCH = 15  # characters of the small font
_STYLE: dict[str, Any] = {
    "font.family": [_FONT],
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.labelsize": 9.0,
    "axes.titlesize": 8.5,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": _LEGEND,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.titlelocation": "left",
    "axes.formatter.offset_threshold": 7,
    "axes.formatter.limits": (-4, 6),
    "lines.solid_capstyle": "butt",
    "savefig.dpi": 160,
    "figure.dpi": 160,
    # Letters as shapes, ids from a fixed salt: the same bytes on every machine.
    "svg.fonttype": "path",
    "svg.hashsalt": "esim",
}


class Plot(NamedTuple):
    """A figure before it is drawn.

    Attributes:
        name: short, of letters and hyphens: part of file names.
        title: what is drawn, in a few words.
        caption: what to know beside it, in sentences; may be empty.
        description: what a person sees in it, for one who does not.
        height: inches.
        info: what is drawn, as plain data.
        draw: (info, axes) -> axes.
    """

    name: str
    title: str
    caption: str
    description: str
    height: float
    info: Any
    draw: Callable[[Any, Axes], Axes]


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib's defaults and this style, whatever the user's own settings; undone behind it."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def figure_of(plot: Plot, name: str | None = None, width: float = WIDTH) -> Figure:
    """The figure; with a title if it is to stand by itself under a name from a log."""
    with styled():
        if name is None:
            figure = new_figure(plot.height, width)
        else:
            figure = new_figure(plot.height + 0.45, width)
            set_title(figure, name, f": {plot.title}", width)
        axes = figure.subplots()
        plot.draw(plot.info, axes)
        if name is not None:
            subtitle(axes, plot.caption, width)
        legend(figure, axes, width=width)
    return figure


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.04)  # type: ignore[union-attr, call-arg]
    return figure


def set_title(figure: Figure, name: str, what: str, width: float = WIDTH) -> None:
    """A title of a name from a log and what is drawn."""
    title = (
        _fit(words(name, 90), width - 0.3 - _inches(what, _TITLE, "bold"), _TITLE, "bold") + what
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=_TITLE, fontweight="bold", color=INK)


def _fit(shown: str, inches: float, points: float = _LEGEND, weight: str = "normal") -> str:
    """A line of `words`, its middle left out as far as it takes to fit."""
    longest = len(shown)
    text = shown
    while _inches(text, points, weight) > inches and longest > 8:
        longest -= 3
        text = words(shown.replace(r"\$", "$"), longest)
    return text


def _inches(text: str, points: float, weight: str = "normal") -> float:
    """How wide a line of text is drawn."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=_FONT, weight=weight)
    corners = TextPath((0, 0), text, size=points, prop=font).vertices
    return float(corners[:, 0].max()) / 72 if len(corners) else 0.0


def subtitle(axes: Axes, text: str, width: float = WIDTH) -> None:
    """Plain sentences above an axes as wide as `width` inches."""
    lines = textwrap.wrap(text, max(20, int((width - 0.9) * _TEXT_PER_INCH)))
    axes.set_title(words("\n".join(lines), 10_000), loc="left", color=GREY)


def rule_words(result: ReplayResult) -> str:
    """Which rule by which clock."""
    return f"Rule {result.rule.name}, {clock_words(result.clock)}"


class Unit(NamedTuple):
    """A unit of time."""

    seconds: float
    short: str
    plural: str


_UNITS = ((4 * 86400, Unit(86400, "d", "days")), (2 * 3600, Unit(3600, "h", "hours")),
          (5 * 60, Unit(60, "min", "minutes")), (0, Unit(1, "s", "seconds")))  # fmt: skip


def unit_of(longest: float) -> Unit:
    """The unit in which a duration is read best."""
    return next((unit for least, unit in _UNITS if longest >= least), _UNITS[-1][1])


def together(run: float | None, recorded: float | None) -> tuple[str, str]:
    """Two durations in one unit, named by the second."""
    if run is None or recorded is None:
        return seconds(run), seconds(recorded)
    unit = unit_of(max(run, recorded))
    return f"{run / unit.seconds:,.1f}", f"{recorded / unit.seconds:,.1f} {unit.short}"


def trials(n: int) -> str:
    """A number of trials."""
    return f"{n:,} trial" if n == 1 else f"{n:,} trials"


def legend(figure: Figure, *every: Axes, columns: int = 3, width: float = WIDTH) -> None:
    """One legend under the figure for what stands in its axes, each label once."""
    found: dict[str, Artist] = {}
    for axes in every:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(_fit(label, width - _HANDLE - 0.3), handle)
    if found:
        figure.legend(
            list(found.values()),
            list(found),
            loc="outside lower left",
            **{"ncols": _columns(list(found), columns, width)},
        )


def _columns(labels: list[str], most: int, width: float) -> int:
    """Columns that fit under the figure, filled one after the other as a legend does."""
    widths = [_inches(label, _LEGEND) + _HANDLE for label in labels]
    for n in range(min(most, len(labels)), 1, -1):
        high, more = divmod(len(labels), n)
        rows = [high + (i < more) for i in range(n)]
        starts = [sum(rows[:i]) for i in range(n)]
        if sum(max(widths[a : a + r]) for a, r in zip(starts, rows, strict=True)) <= width - 0.2:
            return n
    return 1


def words(text: str, longest: int = 60) -> str:
    """Text from a log, drawn as it is: no mathematics, no control characters, not endless."""
    lines = [clean(line, longest) for line in text.split("\n")]
    # An escaped dollar is one; a bare pair begins a formula.
    return drawable("\n".join(lines)).replace("$", r"\$")


def drawable(text: str) -> str:
    """Text of which the figures' font has every letter; another sign for those it lacks."""
    known = _glyphs()
    return "".join(c if c == "\n" or ord(c) in known else "\N{REPLACEMENT CHARACTER}" for c in text)


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(_FONT)).get_charmap())


def objective_label(objective: str, direction: Direction, longest: int = 40) -> str:
    """The value axis's label."""
    better = "lower" if direction == "minimize" else "higher"
    return f"{words(objective, longest)}\n({better} is better)"


class View(NamedTuple):
    """Limits of a value axis."""

    low: float
    high: float
    clipped: bool  # whether values lie outside


def view(values: NDArray[np.float64], low: float, high: float) -> View:
    """Limits that show every finite value, unless some lie far outside the typical low to high.

    Far: by more than 1.5 times the distance between the two.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return View(0.0, 1.0, clipped=values.size > 0)
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = float(finite.min()), float(finite.max())
    low, high = min(low, high), max(low, high)
    reach = 1.5 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = max(float(finite.min()), low - reach)
    top = min(float(finite.max()), high + reach)
    clipped = bool((values < bottom).any() or (values > top).any())
    pad = 0.04 * (top - bottom) or 0.05 * abs(top) or 0.5
    return View(bottom - pad, top + pad, clipped)


def set_view(axes: Axes, limits: View) -> None:
    """Apply limits to the value axis."""
    axes.set_ylim(limits.low, limits.high)


def whole_steps(axes: Axes) -> None:
    """Ticks of the step axis at whole numbers, written out."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as `path`.svg and `path`.png, each whole or not at all."""
    target = Path(path)
    with styled():
        # Laid out once for both.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for end in ("svg", "png"):
            # A date would make every file differ.
            metadata = {"Date": None} if end == "svg" else None
            with whole_file(target.parent / f"{target.name}.{end}") as out:
                figure.savefig(out, format=end, metadata=metadata)
