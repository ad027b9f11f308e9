"""The reports of a certificate and of a watch: their numbers, their figures, hostile names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import esim
from esim.report.certified import certificate_answer, watch_answer
from esim.report.figures.certificate_figures import (
    draw_sequence,
    draw_wealth,
    sequence_info,
    wealth_info,
)
from esim.report.figures.figure_lists import certificate_plots
from esim.report.formats.html import html
from esim.report.formats.markdown import markdown
from esim.results.certificate import Certificate
from esim.results.watched import Watched
from tests.report.pages import EVIL, local, page_of, parsed
from tests.report.test_compare_page import studies

NAMES = [*EVIL, *(f"plain {i}" for i in range(12))]


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    rules = ["sagemaker", esim.rule("sagemaker", min_reports=3), "azure-bandit"]
    return esim.certify(studies(NAMES, n=8), rules, orders=4, risk=0.5, confidence=0.6)


@pytest.fixture(scope="module")
def watched(certificate: Certificate) -> Watched:
    new = [esim.Study.from_arrays(s.values.reshape(8, -1) + 9, "minimize", name=f"new {s.name}")
           for s in studies(NAMES[:5], n=8)]  # fmt: skip
    return esim.watch(certificate, new)


def test_the_page_says_what_the_document_says(certificate: Certificate, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(certificate.to_json(), encoding="utf-8")
    page = page_of(path)
    assert certificate.certified is not None
    assert page.answer == certificate_answer(certificate)
    assert [d.text for d in page.doubts] == [w.text for w in certificate.warnings]
    tables = {table.name: table for table in page.tables()}
    rows = tables["sequence"].rows
    assert [(row[0], row[3], row[4], row[6], row[7]) for row in rows] == [
        (one.key, one.saved_fraction, one.lost, one.p, one.verdict) for one in certificate.sequence
    ]
    assert [rows[i][0] for i in tables["sequence"].strong] == [certificate.certified]
    assert dict(tables["asked"].rows)["p-value"] == "hoeffding-bentkus"
    root = parsed(html(page))
    assert not [e for e in root.iter() if local(e) == "img"]
    assert len([e for e in root.iter() if local(e) == "svg"]) == 1
    markdown(page)
    with pytest.raises(esim.EsimError, match="shows no study in full"):
        page_of(path, studies=["plain 1"])


def test_the_page_of_a_watch(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "watch.json"
    path.write_text(watched.to_json(), encoding="utf-8")
    page = page_of(path)
    assert page.answer == watch_answer(watched)
    (table,) = (table for table in page.tables() if table.name == "studies")
    assert [row[0] for row in table.rows] == [f"new {name}" for name in EVIL[:5]]
    assert [row[3] for row in table.rows] == [one.wealth for one in watched.studies]
    root = parsed(html(page))
    assert not [e for e in root.iter() if local(e) == "img"]
    assert "<script" not in markdown(page).replace("\\<script", "")


def test_the_figures(certificate: Certificate, watched: Watched) -> None:
    info = sequence_info(certificate)
    assert info.certified is not None
    name, at = info.certified
    assert (name, info.verdicts[at]) == (certificate.certified, "certified")
    assert info.lost == tuple(one.lost for one in certificate.sequence)
    told = wealth_info(watched)
    assert told.enough == pytest.approx(1 / 0.4)
    assert told.wealth == tuple(one.wealth for one in watched.studies)
    assert set(certificate_plots(certificate)) == {"sequence"}
    assert set(certificate_plots(watched)) == {"wealth"}
    for where, draw in (
        (Figure().subplots(), lambda axes: draw_sequence(info, axes)),
        (Figure().subplots(), lambda axes: draw_wealth(told._replace(broken=2), axes)),
    ):
        assert draw(where) is where
        where.figure.draw_without_rendering()


def test_in_a_notebook(certificate: Certificate, watched: Watched) -> None:
    assert "Assumed: the next study" in certificate._repr_html_()
    assert "certified" in watched._repr_html_()


def test_a_weaker_promise_is_only_told_of_a_bolder_rule(certificate: Certificate) -> None:
    keys = [one.key for one in certificate.sequence]
    assert len(keys) > 1
    for certified, on_average, sentences in (
        (keys[0], keys[0], 1),
        (keys[1], keys[0], 1),
        (keys[0], keys[1], 2),
        (None, keys[0], 2),
        (None, None, 2),
        (keys[0], None, 1),
    ):
        told = dataclasses.replace(certificate, certified=certified, on_average=on_average)
        assert len(certificate_answer(told)) == sentences


def test_infinite_losses_and_nothing_saved() -> None:
    curves = np.tile(np.append(np.full(3, np.inf), [2.0, 1.0]), (8, 1)) + np.arange(8.0)[:, None]
    past = [esim.Study.from_arrays(curves + i, "minimize", name=str(i)) for i in range(3)]
    found = esim.certify(past, ["sagemaker"], orders=3, risk=0.5, confidence=0.5)
    assert all(0.0 <= one.lost <= 1.0 for one in found.sequence)
    none = esim.certify(past, ["none", esim.rule("sagemaker", min_reports=99)], orders=2)
    assert (none.sequence, none.certified) == ((), None)
    assert "none of them saves anything" in certificate_answer(none)[0]
    assert not certificate_plots(none)
