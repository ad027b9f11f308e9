"""The report of a comparison."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esim
from esim.report.formats.csv_and_json import csv_of
from esim.report.formats.html import html
from esim.report.formats.markdown import markdown
from esim.report.pages.document import read_page
from esim.results.comparison.comparison import Comparison
from esim.study import Status, Study
from tests.report.pages import EVIL, local, page_of, parsed

RULES = ["sagemaker", esim.rule("sagemaker", min_reports=3)]


def studies(names: list[str], n: int = 12) -> list[Study]:
    found = []
    for i, name in enumerate(names):
        rng = np.random.default_rng(i)
        curves = 2 / (1 + np.arange(8)) * rng.uniform(0.5, 1.5, (n, 1)) + rng.uniform(0, 1, (n, 1))
        trials = [EVIL[j] if j < len(EVIL) else str(j) for j in range(n)]
        found.append(Study.from_arrays(curves, "minimize", names=trials, name=name))
    return found


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return esim.compare(studies([EVIL[0], "plain"]), RULES, orders=5, choice=True)


@pytest.fixture
def written(comparison: Comparison, tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    path.write_text(comparison.to_json(), encoding="utf-8")
    return path


def test_the_page_says_what_the_document_says(comparison: Comparison, written: Path) -> None:
    page = page_of(written)
    assert page.answer == comparison.answer.sentences
    assert [d.text for d in page.doubts] == [w.text for w in comparison.warnings]
    tables = {table.name: table for table in page.tables()}
    assert len(tables) == len(list(page.tables()))
    rules = tables["rules"]
    assert [row[0] for row in rules.rows] == [e.key for e in comparison.rules]
    saved = comparison.rules[0].orders.steps_saved_fraction
    assert saved is not None
    assert rules.rows[0][1:6] == (saved.mean, saved.low, saved.high, saved.q05, saved.q95)
    strong = [rules.rows[i][0] for i in rules.strong]
    assert strong == [comparison.answer.best]
    assert len(tables["study_rules"].rows) == 2 * len(comparison.rules)
    assert dict(tables["methods"].rows) == dict(comparison.methods)
    assert csv_of(page).startswith("rule,saved,saved_low")


def test_it_is_valid_and_unharmed_by_names(written: Path) -> None:
    page = page_of(written)
    root = parsed(html(page))
    assert not [e for e in root.iter() if local(e) == "img"]
    assert EVIL[0] in "".join(root.itertext())
    figures = [e for e in root.iter() if local(e) == "svg"]
    assert len(figures) == 4
    assert "<script" not in markdown(page).replace("\\<script", "")


def test_one_study_alone(written: Path) -> None:
    page = page_of(written, studies=["plain"])
    rows = next(t for t in page.tables() if t.name == "study_rules").rows
    assert {row[0] for row in rows} == {"plain"}
    with pytest.raises(esim.EsimError, match="plainn"):
        read_page(written, ["plainn"])


def test_without_a_choice_it_says_how_to_have_one(tmp_path: Path) -> None:
    document = esim.compare(studies(["a"]), RULES, orders=3).to_dict()
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    text = html(page_of(path))
    assert "--choose" in text


def test_studies_left_out_and_gains_stand_beside_the_table(tmp_path: Path) -> None:
    """One of three studies cannot be ranked; in the others the best value often gets better."""
    known, other, cut = studies(["a", "b", "c"])
    status, censored = cut.status.copy(), cut.censored.copy()
    status[-1], censored[-1] = Status.STOPPED, True
    worse = [dataclasses.replace(s, values=s.values + 0.3 * s.steps) for s in (known, other)]
    cut = dataclasses.replace(cut, status=status, censored=censored)
    found = esim.compare([*worse, cut], ["sagemaker"], orders=3, choice=True)
    path = tmp_path / "r.json"
    path.write_text(found.to_json(), encoding="utf-8")
    tables = {table.name: table for table in page_of(path).tables()}
    left_out = "2 of 3 studies (1 left out: trials had been cut short when recorded)"
    assert left_out in tables["rules"].caption
    at = [column.key for column in tables["rules"].columns].index("change")
    changes = [row[at] for row in tables["rules"].rows]
    assert changes == [e.orders.degradation_normalized.mean for e in found.rules]
    assert min(changes) < 0.0
    assert "elsewhere" in tables


@np.errstate(all="raise", under="ignore")
def test_infinite_losses_make_a_page(tmp_path: Path) -> None:
    curves = np.tile(np.append(np.full(3, np.inf), [2.0, 1.0]), (8, 1)) + np.arange(8.0)[:, None]
    found = esim.compare(Study.from_arrays(curves, "minimize"), ["sagemaker"], orders=3, jobs=1)
    path = tmp_path / "r.json"
    path.write_text(found.to_json(), encoding="utf-8")
    page = page_of(path)
    rows = {row[0]: row for row in next(t for t in page.tables() if t.name == "rules").rows}
    assert rows["i-epoch[i=1]"][7] is None  # infinite: a document has no word for it
    parsed(html(page))
    markdown(page)


@pytest.mark.parametrize("change", ["answer", "rules", "settings"])
def test_a_document_that_lacks_something_is_refused(
    change: str, comparison: Comparison, tmp_path: Path
) -> None:
    document: dict[str, Any] = copy.deepcopy(comparison.to_dict())
    del document[change]
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(esim.EsimError, match="does not follow its schema"):
        read_page(path)


def test_a_notebook_shows_it(comparison: Comparison) -> None:
    shown = comparison._repr_html_()
    root = parsed(f"<!DOCTYPE html><title>x</title>{shown}")
    assert comparison.answer.sentences[0] in "".join(root.itertext())
    assert not [e for e in root.iter() if local(e) in ("script", "img")]
