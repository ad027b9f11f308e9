"""The HTML page: valid, alone, told in words, and unharmed by any name."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import esim
from esim.report.formats.html import aligned, html
from esim.report.formats.markdown import markdown
from esim.report.formats.pdf import pdf
from esim.report.pages.page import Code, Column, Doubt, Page, Section, Tile
from esim.report.pages.provenance import rule_table
from tests.report.pages import (
    EVIL,
    evil_study,
    local,
    page_of,
    parsed,
    plain_study,
    result_folder,
)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ElementTree.Element]:
    folder = result_folder(tmp_path_factory.mktemp("evil") / "out", evil_study(), readings=True)
    text = html(page_of(folder))
    return text, parsed(text)


def test_it_is_valid_and_holds_every_section(evil: tuple[str, ElementTree.Element]) -> None:
    headings = ["".join(e.itertext()) for e in evil[1].iter("h2")]
    assert headings == [
        "The answer", "Why to doubt it", "What would have been saved",
        "What it would have cost in quality", "How far it depends on the reading",
        "Curves and stops", "Who was stopped wrongly", "Schedule", "Billed time and money",
        "Every trial", "Assumptions", "Where this comes from",
    ]  # fmt: skip
    assert len(list(evil[1].iter("h1"))) == 1


def test_it_asks_for_nothing_and_runs_its_own_script(
    evil: tuple[str, ElementTree.Element],
) -> None:
    text, root = evil
    for element in root.iter():
        assert local(element) not in (
            "link", "iframe", "object", "embed", "base", "img", "form", "foreignObject"
        )  # fmt: skip
        for name, value in element.attrib.items():
            key = str(name).rpartition("}")[2]
            assert not key.startswith("on"), name
            if key in ("href", "src", "srcset", "action", "data"):
                assert value.startswith(("#", "data:image/png;base64,")), value
            if key == "style":
                assert not re.search(r"url\((?!#)", value), value
    css = "".join("".join(e.itertext()) for e in root.iter("style"))
    assert "@import" not in css and "url(" not in css
    policy = [e.get("content") for e in root.iter("meta") if e.get("http-equiv")]
    own = files("esim.report.formats").joinpath("templates/page.js").read_text(encoding="utf-8")
    scripts = [e for e in root.iter() if local(e) == "script"]
    assert [(e.text, e.attrib) for e in scripts] == [(own, {})]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert policy == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'"
    ]
    assert not re.search(r"fetch|XMLHttp|import|eval|innerHTML|https?:|new Function", own)
    # an address in a name stays text
    assert "evil.example" in text


def test_every_figure_has_a_text_alternative(evil: tuple[str, ElementTree.Element]) -> None:
    root = evil[1]
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    figures = [e for e in root.iter() if local(e) == "svg"]
    assert len(figures) == len(list(root.iter("figure"))) >= 8
    by_id = {e.get("id"): e for e in root.iter()}
    for figure in figures:
        assert figure.get("role") == "img"
        title, description = (by_id[i] for i in (figure.get("aria-labelledby") or "").split())
        assert (local(title), local(description)) == ("title", "desc")
        assert len(title.text or "") > 4 and len(description.text or "") > 30
    for element in root.iter():
        for name in ("aria-labelledby", "href"):
            value = element.get(name) or ""
            if value and element.tag == "a":
                assert value[1:] in ids
        for key, value in element.attrib.items():
            for target in re.findall(r"url\(#([^)]*)\)", value):
                assert target in ids, key


def test_tables_have_captions_and_headings(evil: tuple[str, ElementTree.Element]) -> None:
    for table in evil[1].iter("table"):
        assert "".join(next(iter(table)).itertext()).strip()
        assert all(row[0].get("scope") == "row" for row in table.iter("tr") if row[0].tag == "th"
                   and row[0].get("scope") != "col")  # fmt: skip
    assert evil[1].get("lang") == "en"


def test_decimal_points_stand_below_each_other() -> None:
    """The longest fraction has 3 digits: 1.5 lacks 2, and 12 the point and 3."""
    column = Column("x", "x", "number")
    cells = aligned(column, [1.5, 12, -0.125, None, 1e-9])
    assert [(cell.text, cell.rest) for cell in cells] == [
        ("1.5", "00"), ("12", ".000"), ("-0.125", ""), ("\u2013", ""), ("1e-09", "")
    ]  # fmt: skip
    assert {cell.width for cell in cells} == {0}
    times = aligned(Column("t", "t", "seconds"), [5.0, 600.0])
    assert [(cell.text, cell.unit, cell.width) for cell in times] == [
        ("5.0", "s", 3), ("10.0", "min", 3)
    ]  # fmt: skip
    mixed = aligned(Column("a", "a", "amount"), ["1,463", "52.4 s", "no bound"])
    assert [(cell.text, cell.rest, cell.unit) for cell in mixed] == [
        ("1,463", ".0", ""), ("52.4", "", "s"), ("no bound", "", "")
    ]  # fmt: skip


def test_a_flag_is_not_broken_and_hides_no_markup() -> None:
    page = Page("t", "s", ("Try --stop-latency-s <b>x</b>, x--y.",), (), (), (), "")
    answer = next(e for e in parsed(html(page)).iter("p") if e.get("class") == "verdict")
    assert "".join(answer.itertext()) == "Try --stop-latency-s <b>x</b>, x--y."
    assert [(e.tag, e.text) for e in answer] == [("span", "--stop-latency-s")]


def test_a_command_is_copied_as_it_stands() -> None:
    """No flag of it is broken into two lines, and no space is one that a shell would not split."""
    code = Section("run", "Run", (Code("To run", ("esim x --max-runtime 5 s",)),))
    root = parsed(html(Page("t", "s", ("a.",), (), (), (code,), "")))
    shown = next(e for e in root.iter("code"))
    assert "".join(shown.itertext()).strip() == "esim x --max-runtime 5 s"
    assert [(e.tag, e.text) for e in shown] == [("span", "--max-runtime")]


@pytest.mark.parametrize(
    ("value", "letters"), [("71.1 %", 6), ("0.02 USD", 8), ("sagemaker", 9), ("not sure enough", 6)]
)
def test_a_tile_shrinks_what_would_not_fit(value: str, letters: int) -> None:
    page = Page("t", "s", ("a.",), (Tile("x", value),), (), (), "")
    shown = next(e for e in parsed(html(page)).iter("strong") if e.text)
    assert shown.get("style") == f"--letters:{letters}"


@pytest.mark.parametrize(("n", "at_once"), [(1, 1), (9, 9), (10, 7), (30, 7)])
def test_of_many_doubts_the_gravest_are_shown_at_once(n: int, at_once: int) -> None:
    doubts = tuple(Doubt(f"doubt {i}") for i in range(n))
    root = parsed(html(Page("t", "s", ("a.",), (), doubts, (), "")))
    section = next(e for e in root.iter("section") if e.get("id") == "doubts")
    assert ["".join(e.itertext()) for e in section.iter("li")] == [d.text for d in doubts]
    folded = [e for rest in section.iter("details") for e in rest.iter("li")]
    assert len(folded) == n - at_once
    summaries = ["".join(e.itertext()) for e in section.iter("summary")]
    assert summaries == ([f"{len(folded)} more, less grave"] if folded else [])


def test_the_table_of_a_rule_folds_what_is_ordinary() -> None:
    """Two columns make SageMaker's rule what it is; a third is changed, and stands out."""
    table = rule_table("rule", esim.rule("sagemaker", min_peers=5))
    (_, at_once), (rest, others) = table.groups
    assert [table.rows[i][0] for i in at_once] == ["adding", "tolerance", "min_peers"]
    assert [table.rows[i][0] for i in table.strong] == ["min_peers"]
    assert rest == f"{len(others)} more columns, as in the plain rule"
    assert len(at_once) + len(others) == len(table.rows) == len(esim.rule("sagemaker").parameters)
    plain = rule_table("rule", esim.Rule("mine"))
    page = Page("t", "s", ("a.",), (), (), (Section("rule", "Rule", (plain,)),), "rule")
    assert "The rule mine is the plain rule" in "".join(parsed(html(page)).itertext())
    assert "The rule mine is the plain rule" in markdown(page)
    assert pdf(page).startswith(b"%PDF")


def test_marks_say_what_they_are_and_axes_what_they_measure(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "out", plain_study(n=12), readings=True)
    root = parsed(html(page_of(folder)))
    figures = {e.get("id"): e for e in root.iter() if local(e) == "svg"}
    front = figures["figure-plain-front"]
    told = [e.text or "" for e in front.iter() if local(e) == "title"][1:]
    assert any(text.startswith("literal: ") and "% saved" in text for text in told)
    x = json.loads(front.get("data-x") or "")
    assert (x["label"], x["percent"]) == ("steps saved", True)
    assert x["low"] == -0.03 and x["high"] == 1.03 and 0 < x["from"] < x["to"] < 1
    y = json.loads(front.get("data-y") or "")
    assert 0 < y["to"] < y["from"] < 1  # from the top of the figure, so upside down


def test_names_stand_as_they_are(evil: tuple[str, ElementTree.Element]) -> None:
    words = "\n".join("".join(cell.itertext()) for cell in evil[1].iter("th"))
    assert "<script>alert(1)</script>" in words
    assert "\"><img src=x onerror=alert(1)>'" in words
    assert "{{ 7*7 }}" in words and "49" not in words
    assert "a,b;c\\x0ad\\x0de" in words
    assert "n" * 300 not in words  # cut
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\u200d]", "".join(evil[1].itertext()))
    title = next(evil[1].iter("title"))
    assert "<b>study</b>" in (title.text or "")


def test_colours_follow_the_page(evil: tuple[str, ElementTree.Element]) -> None:
    """A figure's colours are the page's own, which it changes in the dark."""
    for figure in (e for e in evil[1].iter() if local(e) == "svg"):
        found = ElementTree.tostring(figure, encoding="unicode")
        assert not re.search(r"#[0-9a-fA-F]{6}\b", found)
        assert "var(--" in found


def test_without_tables_it_says_so(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "out", plain_study())
    alone = tmp_path / "alone.json"
    alone.write_text((folder / "result.json").read_text(encoding="utf-8"), encoding="utf-8")
    text = " ".join(html(page_of(alone)).split())
    assert "The curves are not here: there is no reports.parquet." in text
    assert "only the reading asked for was replayed" in text
    assert "there is no schedule to draw" in text
    assert "no price" in text.lower() or "no times" in text
    (folder / "decisions.parquet").unlink()
    assert "there is no decisions.parquet" in " ".join(html(page_of(folder)).split())


def test_many_studies_are_a_table_and_the_costliest_in_full(tmp_path: Path) -> None:
    studies = [plain_study(f"job-{i}", seed=i, n=12) for i in range(9)]
    folder = result_folder(tmp_path / "out", *studies)
    page = page_of(folder)
    chapters = dict.fromkeys(s.chapter for s in page.sections if s.chapter)
    assert len(chapters) == 6
    table = next(page.tables())
    assert (table.name, len(table.rows)) == ("studies", 9)
    assert "the 6 of 9 studies whose best value suffers most" in page.sections[0].parts[-1].text
    root = parsed(html(page_of(folder, studies=["job-7", "job-3"])))
    assert len([e for e in root.iter("h2") if e.get("class") == "chapter"]) == 2
    assert "the 2 of 9 studies asked for" in "".join(root.itertext())
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    chosen = page_of(folder, studies=["job-7"])
    assert dict.fromkeys(s.chapter for s in chosen.sections if s.chapter) == {"job-7": None}
    with pytest.raises(esim.EsimError, match="job-77"):
        page_of(folder, studies=["job-77"])


def test_thousands_of_trials_stay_small(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "out", plain_study(n=3000))
    assert len(html(page_of(folder)).encode()) < 1_000_000


def test_a_notebook_shows_records_and_obeys_no_name() -> None:
    study = evil_study()
    for shown in (study._repr_html_(), esim.replay(study, readings=True)._repr_html_()):
        root = parsed(f"<!DOCTYPE html><title>x</title>{shown}")
        assert not [e for e in root.iter() if local(e) in ("script", "img", "i", "b")]
        assert "loss<i>" in "".join(root.itertext())
    assert EVIL[0] in "".join(
        parsed(f"<!DOCTYPE html><title>x</title>{study._repr_html_()}").itertext()
    )
    empty = esim.Study.from_arrays([[]], "minimize")
    assert "1 trial" in empty._repr_html_()


# ---------------------------------------------------------------------------------- colours

# Machado, Oliveira, Fernandes 2009, severity 1: what a colour looks like, in linear RGB.
SEEN = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def themes() -> dict[str, dict[str, str]]:
    css = files("esim.report.formats").joinpath("templates/page.css").read_text(encoding="utf-8")
    light, dark, printed = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    named = {"light": light, "dark": dark, "print": printed}
    return {k: dict(re.findall(r"--([\w-]+): (#\w{6})", v)) for k, v in named.items()}


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2: (lighter + 0.05) / (darker + 0.05)."""
    a, b = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (b + 0.05) / (a + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a linear sRGB colour, white D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(xyz @ np.clip(rgb, 0, 1), 1e-9, None) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_words_and_marks_stand_out(theme: str) -> None:
    colours = themes()[theme]
    for ground in ("paper", "card"):
        for words in ("ink", "muted", "kept", "stop-text"):
            assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
        for mark in ("kept", "stop", "base", "muted"):  # muted also marks a heading that sorts
            assert contrast(colours[mark], colours[ground]) >= 3, (mark, ground)


@pytest.mark.parametrize("eye", SEEN)
@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_colours_differ_to_every_eye(theme: str, eye: str) -> None:
    """A difference of 10 in L*a*b* is seen at a glance; marks differ in shape besides."""
    colours = themes()[theme]
    seen = {
        name: lab(np.array(SEEN[eye]) @ linear(colours[name])) for name in ("kept", "stop", "base")
    }
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)
