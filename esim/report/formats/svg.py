"""A figure as an SVG element in a page, with a text alternative and ids of its own."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from esim.report.figures import style
from esim.report.figures.plot import Plot, figure_of, save_svg
from esim.report.words import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"
# Colour of a figure -> the variable of the page's style that holds its light or dark shade.
COLOURS = {
    style.INK: "ink",
    style.BLUE: "kept",
    style.SKY: "kept-soft",
    style.VERMILLION: "stop",
    style.GREEN: "base",
    style.GREY: "muted",
    style.FAINT: "faint",
    style.PALE: "pale",
    style.PAPER: "paper",
}
_COLOUR = re.compile("|".join(COLOURS), re.IGNORECASE)
_LONG = re.compile(r"-?\d+\.\d{3,}")
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def inline_svg(plot: Plot, name: str) -> str:
    """A plot as an <svg> element for a page of esim, in the colours of the page.

    It loads nothing and runs no script. Marks that are told apart by `style.told` say under the
    pointer what they are; where both axes are even, their limits stand in data-x and data-y.

    Args:
        plot: what to draw.
        name: the id of the element; all ids inside begin with it.
    """
    return _inline(plot, name, lambda value: _COLOUR.sub(_variable, value))


def notebook_svg(plot: Plot) -> str:
    """A plot as an <svg> element for a page that is not of esim, on white and in its own colours.

    A notebook may show a plot twice: both elements then have the same ids, which does no harm
    because each id has the same content in both.
    """
    svg = _inline(plot, f"esim-{plot.name}", lambda value: value)
    style_of = "background: #fff; width: 100%; max-width: 36rem; height: auto"
    return svg.replace("<svg ", f'<svg style="{style_of}" ', 1)


def _variable(match: re.Match[str]) -> str:
    return f"var(--{COLOURS[match[0].lower()]})"


def _inline(plot: Plot, name: str, coloured: Callable[[str], str]) -> str:
    import matplotlib

    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    out = io.StringIO()
    with style.styled(), matplotlib.rc_context({"svg.fonttype": "none"}):
        figure = figure_of(plot, width=style.NARROW, told=True)
        save_svg(figure, out, _NO_METADATA)
    root = ElementTree.fromstring(out.getvalue())
    for parent in root.iter():
        for child in [c for c in parent if c.tag == f"{{{_SVG}}}style"]:
            parent.remove(child)  # a style element would apply to the whole page
    for element in list(root.iter()):
        text = style.told_text(element.get("id"))
        if text is not None:
            del element.attrib["id"]
            title = ElementTree.Element(f"{{{_SVG}}}title")
            title.text = text
            element.insert(0, title)
        for key, value in element.attrib.items():
            element.set(key, _attribute(key, value, name, coloured))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("id", name)
    root.set("role", "img")
    for key, value in _even_axes(figure).items():
        root.set(key, value)
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for place, (tag, text) in enumerate((("title", plot.title), ("desc", plot.description))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(place, element)
    return ElementTree.tostring(root, encoding="unicode")


def _even_axes(figure: Figure) -> dict[str, str]:
    """Where the axes lie in a figure, as shares of it, and their limits; empty if one is not even.

    What stands at an even axis whose ticks are names has no number.
    """
    from matplotlib.ticker import FixedFormatter, NullFormatter, PercentFormatter

    if len(figure.axes) != 1:
        return {}
    axes = figure.axes[0]
    place = axes.get_position()
    found = {}
    for key, axis, scale, limits, ends in (
        ("data-x", axes.xaxis, axes.get_xscale(), axes.get_xlim(), (place.x0, place.x1)),
        ("data-y", axes.yaxis, axes.get_yscale(), axes.get_ylim(), (1 - place.y0, 1 - place.y1)),
    ):
        formatter = axis.get_major_formatter()
        named = isinstance(formatter, (FixedFormatter, NullFormatter))
        if scale != "linear" or named or not len(axis.get_ticklocs()):
            return {}
        label = axis.get_label_text().split("\n")[0].replace("\\$", "$")
        told = {
            "label": visible(label), "percent": isinstance(formatter, PercentFormatter),
            "from": round(float(ends[0]), 4), "to": round(float(ends[1]), 4),
            "low": float(f"{limits[0]:.6g}"), "high": float(f"{limits[1]:.6g}"),
        }  # fmt: skip
        found[key] = json.dumps(told)
    return found


def _attribute(key: str, value: str, name: str, coloured: Callable[[str], str]) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == _HREF:
        return f"#{name}-{value[1:]}" if value.startswith("#") else value
    if key in ("d", "transform", "x", "y", "viewBox", "width", "height"):
        return _LONG.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), value)
    value = value.replace("url(#", f"url(#{name}-")
    value = value.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    return coloured(value)
