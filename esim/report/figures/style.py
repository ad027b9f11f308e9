"""What all figures share: colours, sizes, units of time, text from logs, and axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.report.words import acting_words, better_words, clean, clock_words, visible
from esim.study import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.ticker import FuncFormatter

    from esim.results.replay import ReplayResult

# The colours of Okabe and Ito, which can be told apart without colour vision and as greys in
# print. Each has one meaning in all figures: blue ran or was kept, vermillion was stopped or lost,
# green is a baseline. So a page can replace each by another shade on a dark screen.
INK, BLUE, SKY, VERMILLION = "#1b1b1b", "#0072b2", "#56b4e9", "#d55e00"
GREEN = "#009e73"
GREY, FAINT, PALE = "#767676", "#b4b4b4", "#e2e2e2"
PAPER = "#ffffff"
WIDTH = 7.2  # inches: the text width of a printed page
NARROW = 4.4  # inches: a column of a page, or the screen of a telephone
MANY = 1000  # more marks than this are stored as pixels inside the SVG, to keep the file small
FONT = "DejaVu Sans"  # matplotlib brings it, so a figure is the same on every machine
LEGEND_POINTS = 8.0
_STYLE: dict[str, Any] = {
    "font.family": [FONT],
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
    "legend.fontsize": LEGEND_POINTS,
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
    # Letters are drawn as shapes and ids are made from a fixed salt, so that the SVG is the same
    # bytes on every machine.
    "svg.fonttype": "path",
    "svg.hashsalt": "esim",
}


@contextmanager
def styled() -> Iterator[None]:
    """Within this context, figures have this style and none of the user's own settings."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


_TOLD = "told:"


def told(text: str) -> str:
    """The gid of a mark that says under the pointer what it is, on a page in HTML."""
    return f"{_TOLD}{visible(text)}"


def told_text(gid: str | None) -> str | None:
    """What a mark with this gid says; None: nothing."""
    return gid.removeprefix(_TOLD) if gid is not None and gid.startswith(_TOLD) else None


def rule_words(result: ReplayResult) -> str:
    """The rule and the clock of a replay, in words."""
    return f"Rule {acting_words(result)}, {clock_words(result.clock)}"


def fate_words(result: ReplayResult) -> str:
    """What became of the trials that do not run to their end."""
    return "stopped, cut or not started" if result.until else "stopped"


class TimeUnit(NamedTuple):
    """A unit of time."""

    seconds: float  # in one unit
    plural: str


_UNITS = ((4 * 86400, TimeUnit(86400, "days")), (2 * 3600, TimeUnit(3600, "hours")),
          (5 * 60, TimeUnit(60, "minutes")), (0, TimeUnit(1, "seconds")))  # fmt: skip


def unit_of(longest: float) -> TimeUnit:
    """The unit in which a duration, given in seconds, is easiest to read."""
    return next((unit for least, unit in _UNITS if longest >= least), _UNITS[-1][1])


def literal_text(text: str, longest: int = 60) -> str:
    """Text from a log so that matplotlib draws it literally.

    Args:
        text: any text; it may have several lines.
        longest: a line with more characters than this is shortened in its middle.

    Returns:
        The text with control characters made visible, and with dollars escaped: matplotlib would
        read what stands between two plain ones as a formula.
    """
    lines = [clean(line, longest) for line in text.split("\n")]
    return drawable("\n".join(lines)).replace("$", r"\$")


def drawable(text: str) -> str:
    """The text, with a replacement character for each letter that the figures' font lacks."""
    known = _glyphs()
    return "".join(c if c == "\n" or ord(c) in known else "\N{REPLACEMENT CHARACTER}" for c in text)


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(FONT)).get_charmap())


def objective_label(objective: str, direction: Direction, longest: int = 40) -> str:
    """The label of a value axis: the objective's name, and which end of the scale is better."""
    return f"{literal_text(objective, longest)}\n({better_words(direction)})"


class ValueLimits(NamedTuple):
    """The limits of a value axis."""

    low: float
    high: float
    clipped: bool  # whether some values lie outside the limits


def limits_around(values: NDArray[np.float64], low: float, high: float) -> ValueLimits:
    """Limits that show every finite value but those far outside the typical range.

    Args:
        values: all values, of any shape; NaN and infinite values are left out.
        low: one end of the typical range. If an end is not finite, the values themselves are the
            typical range.
        high: its other end. A value is far outside if it lies beyond an end by more than 1.5 times
            the length of the range.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return ValueLimits(0.0, 1.0, clipped=values.size > 0)
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = float(finite.min()), float(finite.max())
    low, high = min(low, high), max(low, high)
    reach = 1.5 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = max(float(finite.min()), low - reach)
    top = min(float(finite.max()), high + reach)
    clipped = bool((values < bottom).any() or (values > top).any())
    pad = 0.04 * (top - bottom) or 0.05 * abs(top) or 0.5
    return ValueLimits(bottom - pad, top + pad, clipped)


def set_limits(axes: Axes, limits: ValueLimits) -> None:
    """Apply limits to the value axis."""
    axes.set_ylim(limits.low, limits.high)


def whole_steps(axes: Axes) -> None:
    """Put ticks of the step axis at whole numbers, written out with commas."""
    from matplotlib.ticker import MaxNLocator

    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(whole_numbers())


def whole_numbers() -> FuncFormatter:
    """Ticks as whole numbers, written out with commas."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda x, _: f"{x:,.0f}")


def label_shares(axis: Axis) -> None:
    """Write the ticks of an axis of shares in per cent, each with the decimals that it has."""
    from matplotlib.ticker import PercentFormatter

    class Shares(PercentFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{100 * x:.6g} %"

    axis.set_major_formatter(Shares(1.0))
