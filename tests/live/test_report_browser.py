"""The HTML page in a real browser, headless Chromium.

    pip install playwright && apt-get install -y chromium
    python -m pytest tests/live/test_report_browser.py

`ESIM_CHROMIUM` names the browser where it is not on the PATH. With `ESIM_SCREENSHOTS=FOLDER` the
pages are photographed there, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from esim.report.formats.html import html
from tests.paths import ROOT
from tests.report.pages import evil_study, page_of, plain_study, result_folder

CHROMIUM = os.environ.get("ESIM_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDTHS = (390, 768, 1400)

# Elements that reach beyond the window, but for what stands in a region that scrolls by itself.
OUTSIDE = """() => [...document.body.querySelectorAll('*')].filter(e => {
    const box = e.getBoundingClientRect();
    const outside = box.right > innerWidth + 1 || box.left < -1;
    return !e.closest('.scroll, .skip') && box.width && outside;
}).map(e => e.outerHTML.slice(0, 120))"""
# Words of a figure that its picture cuts off.
CUT = """() => [...document.querySelectorAll('figure svg text')].filter(e => {
    const box = e.getBoundingClientRect(), all = e.closest('svg').getBoundingClientRect();
    return box.right > all.right + 2 || box.left < all.left - 2 || box.bottom > all.bottom + 2
        || box.top < all.top - 2;
}).map(e => e.textContent)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The committed reports, and one whose every name is a trap, and one of many studies."""
    found = {path.parent.name: path for path in sorted(ROOT.glob("reports/*/report.html"))}
    folder = tmp_path_factory.mktemp("pages")
    studies = [plain_study(f"job-{i}", seed=i) for i in range(3)]
    for name, of, how in (
        ("evil", [evil_study()], {"readings": True}),
        ("several", studies, {}),
    ):
        found[name] = folder / f"{name}.html"
        page = page_of(result_folder(folder / name, *of, **how))
        found[name].write_text(html(page), encoding="utf-8")
    return found


def opened(browser: Browser, path: Path, width: int, scheme: Any) -> tuple[Page, list[str]]:
    """The page, and whatever it asked for or complained of."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, said = context.new_page(), []
    page.on("console", lambda m: said.append(f"console: {m.type}: {m.text}"))
    page.on("pageerror", lambda e: said.append(f"error: {e}"))
    page.on("dialog", lambda d: said.append(f"dialog: {d.message}"))
    page.on("request", lambda r: said.append(f"request: {r.url}"))
    page.goto(path.as_uri())
    return page, [s for s in said if s != f"request: {path.as_uri()}"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_quiet_alone_and_inside_its_window(
    browser: Browser, pages: dict[str, Path], width: int, scheme: str
) -> None:
    assert len(pages) >= 5
    for name, path in pages.items():
        page, said = opened(browser, path, width, scheme)
        assert [s for s in said if not s.startswith("request: data:")] == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(OUTSIDE) == [], name
        assert page.evaluate(CUT) == [], name
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark == "rgb(255, 255, 255)") == (scheme == "light"), name
        shots = os.environ.get("ESIM_SCREENSHOTS")
        if shots:
            page.screenshot(path=Path(shots) / f"{name}-{width}-{scheme}.png", full_page=True)
        page.context.close()


def test_every_figure_has_a_name_and_keys_reach_everything(
    browser: Browser, pages: dict[str, Path]
) -> None:
    for name, path in pages.items():
        page, _ = opened(browser, path, 1400, "light")
        figures = page.locator("figure svg")
        named = page.get_by_role("img")
        assert figures.count() == named.count() > 0, name
        for i in range(named.count()):
            assert named.nth(i).evaluate("e => e.querySelector('title').textContent").strip()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", name
        page.keyboard.press("Enter")
        assert page.url.endswith("#answer"), name
        seen = set()
        for _ in range(600):  # each heading that sorts is one
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.getAttribute('aria-label') || ''"))
        labels = page.locator("[role=region]").evaluate_all(
            "all => all.map(e => e.getAttribute('aria-label'))"
        )
        assert set(labels) <= seen, name
        page.context.close()


def test_a_heading_sorts_by_key_and_click(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["evil"], 1400, "light")
    table = page.locator("#trials table")
    head = table.locator("thead th", has_text="final value, recorded")
    at = head.evaluate("e => e.cellIndex")
    shown = f"all => all.map(r => r.cells[{at}].dataset.v ?? '')"
    before = table.locator("tbody tr").evaluate_all(shown)
    head.locator("button").focus()
    page.keyboard.press("Enter")
    up = table.locator("tbody tr").evaluate_all(shown)
    assert head.get_attribute("aria-sort") == "ascending"
    assert up == sorted(before, key=float) and up != before
    head.locator("button").click()
    assert table.locator("tbody tr").evaluate_all(shown) == up[::-1]
    page.context.close()


def test_a_figure_tells_the_values_under_the_pointer(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page, said = opened(browser, pages["evil"], 1400, "light")
    svg = page.locator("svg[data-x]").first
    svg.scroll_into_view_if_needed()
    told = svg.locator("xpath=..").locator("output")
    assert told.text_content() == ""
    box, x = svg.bounding_box(), svg.evaluate("e => JSON.parse(e.dataset.x)")
    y = svg.evaluate("e => JSON.parse(e.dataset.y)")
    assert box is not None
    middle = [(axis["from"] + axis["to"]) / 2 for axis in (x, y)]
    page.mouse.move(box["x"] + middle[0] * box["width"], box["y"] + middle[1] * box["height"])
    assert x["label"] in (told.text_content() or "")
    page.mouse.move(1, 1)
    assert told.text_content() == ""
    assert not [s for s in said if not s.startswith("request: data:")]
    page.context.close()


def test_without_the_script_it_reads(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["evil"].as_uri())
    assert page.locator("th button").count() == 0
    assert page.locator("#answer").is_visible() and page.locator("#trials td").first.is_visible()
    context.close()


def test_the_answer_is_seen_without_scrolling(browser: Browser, pages: dict[str, Path]) -> None:
    for name, path in pages.items():
        page, _ = opened(browser, path, 1400, "light")
        box = page.locator("#answer").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900, name
        page.context.close()


def test_it_prints_light_and_without_the_contents(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["xgboost_digits"], 1400, "dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    data = page.pdf(format="A4", print_background=True)
    assert data.startswith(b"%PDF")
    shots = os.environ.get("ESIM_SCREENSHOTS")
    if shots:
        (Path(shots) / "print.pdf").write_bytes(data)
    page.context.close()
