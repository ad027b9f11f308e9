"""The report of a forecast, from a document of schema esim.estimate/1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import esim
from esim.report.figures.figure_lists import estimate_plots
from esim.report.figures.forecast import (
    course_info,
    draw_course,
    draw_forecast,
    draw_trade,
    forecast_info,
    trade_info,
)
from esim.report.formats.html import html
from esim.report.notebook import estimate_html
from esim.results.estimate import EstimateDocument
from tests.report.pages import EVIL, local, page_of, parsed

SAMPLE = Path(__file__).parent / "estimate_sample.json"


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return found


def written(document: dict[str, Any], folder: Path) -> Path:
    (folder / "estimate.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_the_answer_is_the_advice_and_its_numbers(tmp_path: Path, document: dict[str, Any]) -> None:
    page = page_of(written(document, tmp_path))
    # Before there was a next step, one sentence held all.
    assert page.answer == (document["advice"]["sentence"],)
    document["advice"] |= {"sentence": "Yes.", "reasons": ["A.", "B."], "next_step": "Next: go."}
    page = page_of(written(document, tmp_path))
    assert page.answer == ("Yes.", "A.", "B.", "Next: go.")
    assert [d.text for d in page.doubts] == [w["text"] for w in document["warnings"]]
    tables = {table.name: table for table in page.tables()}
    assert [row[0] for row in tables["by-workers"].rows] == [1, 2, 4, 8, 16, 32]
    assert len(tables["backtest"].rows) == len(document["backtest"]["rows"])


def test_it_is_valid_whatever_the_names(tmp_path: Path, document: dict[str, Any]) -> None:
    document["studies"][0]["study"], document["objective"] = EVIL[0], EVIL[1]
    document["warnings"].append({"code": "x", "text": EVIL[0]})
    root = parsed(html(page_of(written(document, tmp_path))))
    assert not [e for e in root.iter() if local(e) == "img"]
    assert EVIL[0] in "".join(root.itertext())
    assert len([e for e in root.iter() if local(e) == "svg"]) == 5
    box = estimate_html(EstimateDocument.from_dict(document))
    shown = parsed(f"<!DOCTYPE html><title>x</title>{box}")
    assert document["advice"]["sentence"] in "".join(shown.itertext())
    assert not [e for e in shown.iter() if local(e) in ("script", "img")]


def test_what_is_unknown_is_told(tmp_path: Path, document: dict[str, Any]) -> None:
    document["quantities"] = dict.fromkeys(document["quantities"])
    document |= {"probability_best_kept": None, "probability_best_kept_interval": None}
    document |= {"backtest": None, "same_cost": None}
    document["scatter"]["degradation_normalized"] = [None] * 60
    for row in document["by_trials"]:
        row["steps_saved_fraction"] = {"median": 0.5, "low": None, "high": None}
    for row in document["by_workers"]:
        row["steps_saved_fraction"] = None
    page = page_of(written(document, tmp_path))
    text = html(page)
    assert "--backtest" in text and "--same-cost" in text
    assert set(estimate_plots(EstimateDocument.from_dict(document))) == {"by-trials"}


def without_advice(document: dict[str, Any]) -> None:
    del document["advice"]


def without_version(document: dict[str, Any]) -> None:
    del document["esim"]


def with_words_for_a_number(document: dict[str, Any]) -> None:
    document["confidence"] = "high"


def with_null_for_a_list(document: dict[str, Any]) -> None:
    document["leave_one_out"] = None


@pytest.mark.parametrize(
    "spoil", [without_advice, without_version, with_words_for_a_number, with_null_for_a_list]
)
def test_a_document_that_does_not_follow_its_schema_is_refused(
    tmp_path: Path, document: dict[str, Any], spoil: Callable[[dict[str, Any]], None]
) -> None:
    spoil(document)
    with pytest.raises(esim.EsimError, match="does not follow its schema"):
        page_of(written(document, tmp_path))


def test_what_is_drawn(document: dict[str, Any]) -> None:
    found = EstimateDocument.from_dict(document)
    forecast = forecast_info(found, "steps_saved_fraction")
    assert forecast is not None
    per_cents = document["quantities"]["steps_saved_fraction"]["quantiles"]
    assert (forecast.edges[0], forecast.edges[-1]) == (min(per_cents), max(per_cents))
    assert forecast.chances.sum() == pytest.approx(1)
    assert forecast.median == document["quantities"]["steps_saved_fraction"]["median"]
    trade = trade_info(found)
    assert trade is not None
    kept = [x for x in document["scatter"]["best_kept"] if x is not None]
    assert np.nansum(trade.kept) == sum(kept)
    course = course_info(found, "trials")
    assert course is not None
    assert course.x.tolist() == [row["trials"] for row in document["by_trials"]]
    assert course.asked == course.x.tolist().index(50)
    assert course.within == sum(not row["extrapolated"] for row in document["by_trials"])
    axes = Figure().subplots()
    assert draw_forecast(forecast, axes, label="x", colour="#0072b2") is axes
    assert draw_trade(trade, Figure().subplots()).get_xlabel() == "steps saved"
    assert draw_course(course, Figure().subplots(), label="trials").get_xlabel() == "trials"
