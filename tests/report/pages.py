"""Result folders and pages that the tests of reports share, and a strict reader of HTML."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import html5lib
import numpy as np

import esim
from esim.assumptions import Costs
from esim.report.files import write_results
from esim.report.pages.document import read_page
from esim.report.pages.page import Page
from esim.results.replay import ReplayDocument
from esim.study import Study

EVIL = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "@SUM(A1:A9)",
    "+1+1|cmd",
    "-2+3",
    "\tx",
    "a,b;c\nd\re",
    "\x1b[31mred\x07\x00",
    "emoji \N{PILE OF POO}\N{ZERO WIDTH JOINER}\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "| **x** `y` [z](http://evil.example) #1 @user ![i](x)",
    "{{ 7*7 }}{% raw %}",
    "$a_1$ ]]> --> &amp; &#60;",
    "n" * 300,
)  # fmt: skip


def evil_study(n: int = 20) -> Study:
    """Every name a trap; trials stopped and kept, with times and a price."""
    rng = np.random.default_rng(5)
    names = [*EVIL, *(f"plain-{i}" for i in range(n - len(EVIL)))]
    curves = 2 / (1 + np.arange(12)) * rng.uniform(0.5, 1.5, (n, 1)) + rng.uniform(0, 1, (n, 1))
    start = np.arange(n) * 9.0
    return Study.from_arrays(
        curves, "minimize", names=names, name="<b>study</b> & \"co\"\n=1+1", objective="loss<i>|`$",
        elapsed=np.tile(np.arange(1, 13) * 2.0, (n, 1)), start=start, end=start + 25,
    )  # fmt: skip


def plain_study(name: str = "plain", seed: int = 3, n: int = 30) -> Study:
    rng = np.random.default_rng(seed)
    curves = 2 / (1 + np.arange(15)) * rng.uniform(0.5, 1.5, (n, 1)) + rng.uniform(0, 1, (n, 1))
    return Study.from_arrays(curves, "minimize", name=name)


def result_folder(folder: Path, *studies: Study, drawn: bool = False, **how: Any) -> Path:
    """What `esim replay --out` writes; its files of figures take long, and few tests need them."""
    results = [esim.replay(study, costs=Costs(price=3.6), **how) for study in studies]
    notes = [{"code": "n", "text": "note <b> @you", "count": 2, "evidence": []}]
    inputs = [{"path": "logs/<i>", "sha256": "0" * 64, "format": "table", "notes": notes}]
    command = "esim replay 'logs/<i>' --readings"
    with (
        nullcontext()
        if drawn
        else mock.patch("esim.report.figures.figure_lists.replay_plots", return_value={})
    ):
        write_results(folder, studies, ReplayDocument(tuple(results), tuple(inputs), command))
    return folder


def page_of(folder: Path, **how: Any) -> Page:
    return read_page(folder, **how)[0]


def parsed(text: str) -> ElementTree.Element:
    """The tree of an HTML page; whatever the HTML standard calls an error raises."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    root = parser.parse(text)
    assert isinstance(root, ElementTree.Element)
    return root


def local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def without_geometry(text: str) -> str:
    """A page with each figure as its words alone: where lines lie differs between machines."""
    inside = re.compile(r"(<title[^>]*>.*?</title><desc[^>]*>.*?</desc>).*?(?=</svg>)", re.DOTALL)
    return re.sub(r"<svg.*?</svg>", lambda m: "".join(inside.findall(m[0])), text, flags=re.DOTALL)
