"""The plot: one figure as data and how to draw it; and from it a figure, and files of that."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from esim.report.figures.style import (
    FONT,
    GREY,
    INK,
    LEGEND_POINTS,
    WIDTH,
    literal_text,
    styled,
    told_text,
)
from esim.storage.folders import whole_file

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE_POINTS = 10.5
_HANDLE = 0.55  # inches beside a label in a legend
_CHARACTERS_PER_INCH = 15  # of the small font


class Plot(NamedTuple):
    """A figure before it is drawn.

    Attributes:
        name: short, of letters and hyphens; it becomes part of file names.
        title: what is drawn, in a few words.
        caption: what a reader must know to understand the figure, in sentences; may be empty.
        description: what the figure shows, in words, for readers who cannot see it.
        height: the height of the figure in inches.
        info: what is drawn, as plain data.
        draw: the function that draws `info` on an Axes and returns the Axes.
    """

    name: str
    title: str
    caption: str
    description: str
    height: float
    info: Any
    draw: Callable[[Any, Axes], Axes]


def figure_of(
    plot: Plot, name: str | None = None, width: float = WIDTH, *, told: bool = False
) -> Figure:
    """Draw a plot.

    Args:
        plot: what to draw.
        name: what the figure is about, for example a study's name from a log. With it, the figure
            also gets a title and its caption, so that it can stand alone; without it, neither.
        width: of the figure, in inches.
        told: whether its marks keep the names that `style.told` gives them.
    """
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
        if not told:
            for artist in axes.get_children():
                if told_text(artist.get_gid()) is not None:
                    artist.set_gid(None)
    return figure


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure; height and width in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.04)  # type: ignore[union-attr, call-arg]
    return figure


def set_title(figure: Figure, name: str, what: str, width: float = WIDTH) -> None:
    """Write a bold title above the whole figure.

    Args:
        figure: gets the title.
        name: the beginning of the title, from a log; it is shortened if the line gets too long.
        what: the rest of the title, which says what is drawn; it is never shortened.
        width: of the figure, in inches.
    """
    room = width - 0.3 - _inches(what, _TITLE_POINTS, "bold")
    title = _fit(literal_text(name, 90), room, _TITLE_POINTS, "bold") + what
    figure.suptitle(title, x=0.01, ha="left", fontsize=_TITLE_POINTS, fontweight="bold", color=INK)


def _fit(shown: str, inches: float, points: float = LEGEND_POINTS, weight: str = "normal") -> str:
    """Shorten a line that `literal_text` made, in its middle, until it is so many inches wide."""
    longest = len(shown)
    text = shown
    while _inches(text, points, weight) > inches and longest > 8:
        longest -= 3
        text = literal_text(shown.replace(r"\$", "$"), longest)
    return text


@lru_cache(maxsize=10_000)
def _inches(text: str, points: float, weight: str = "normal") -> float:
    """The width in inches of a line of text as it is drawn."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=FONT, weight=weight)
    corners = TextPath((0, 0), text, size=points, prop=font).vertices
    return float(corners[:, 0].max()) / 72 if len(corners) else 0.0


def subtitle(axes: Axes, text: str, width: float = WIDTH) -> None:
    """Write sentences above the axes, in lines that fit a figure `width` inches wide."""
    lines = textwrap.wrap(text, max(20, int((width - 0.9) * _CHARACTERS_PER_INCH)))
    axes.set_title(literal_text("\n".join(lines), 10_000), loc="left", color=GREY)


def legend(figure: Figure, *every: Axes, columns: int = 3, width: float = WIDTH) -> None:
    """Draw one legend under the figure, in which each label of its axes stands once.

    Args:
        figure: gets the legend; it gets none if nothing in its axes has a label.
        every: the axes whose labels are collected.
        columns: the most columns that the legend may have.
        width: of the figure, in inches.
    """
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
    """How many columns fit, at most `most`. A legend fills one column after the other."""
    widths = [_inches(label, LEGEND_POINTS) + _HANDLE for label in labels]
    for n in range(min(most, len(labels)), 1, -1):
        high, more = divmod(len(labels), n)
        rows = [high + (i < more) for i in range(n)]
        starts = [sum(rows[:i]) for i in range(n)]
        if sum(max(widths[a : a + r]) for a, r in zip(starts, rows, strict=True)) <= width - 0.2:
            return n
    return 1


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as `path`.svg and `path`.png.

    Each file is written whole or not at all, and is the same bytes for the same figure.

    Raises:
        OSError: a file cannot be written.
    """
    target = Path(path)
    with styled():
        _lay_out(figure)  # once, so that both files agree
        for end in ("svg", "png"):
            # An SVG would hold the time of writing, and differ each time.
            metadata = {"Date": None} if end == "svg" else None
            with whole_file(target.parent / f"{target.name}.{end}") as out:
                figure.savefig(out, format=end, metadata=metadata)


def save_svg(figure: Figure, out: IO[Any], metadata: dict[str, Any]) -> None:
    """Write a new figure as SVG on no ground, laid out by the widths of letters in SVG.

    Args:
        figure: drawn with `styled`, within which this is called too.
        out: where it is written.
        metadata: as `Figure.savefig` takes it.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    dpi = figure.dpi
    FigureCanvasSVG(figure)  # what the layout asks for the widths
    _lay_out(figure)
    figure.dpi = dpi  # the layout was in points
    figure.savefig(out, format="svg", transparent=True, metadata=metadata)


def _lay_out(figure: Figure) -> None:
    """Compute a figure's layout and fix it: `savefig` would draw everything once more for that."""
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    figure.set_layout_engine(None)  # not "none", for which too everything is drawn once more
