"""A closed loop as a section of a page to decide from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import esim
from esim.assumptions import Clock, Costs
from esim.report.formats.html import html
from esim.report.pages.document import page_of, read_decision
from esim.report.pages.page import Picture, Say, Table
from esim.results.closed_loop import (
    Band,
    ClosedLoop,
    LearnedLog,
    RecordedBest,
    RecordedBudget,
    ReplayAnswer,
    SearcherForecast,
    Spread,
    SurrogateQuality,
)
from esim.results.named_rule import RecordedRule
from esim.results.replay import Caveat
from esim.results.saved import read_result
from tests.report.pages import parsed, plain_study, result_folder

INPUTS = ({"path": "logs/<i>", "sha256": "0" * 64, "format": "table", "notes": []},)
HALF = Spread(0.5, 0.4, 0.6, 0.5, "share", 1.0)
LITTLE = Spread(0.0, -0.1, 0.2, 0.03, "normalized", 1.0)


def forecast(searcher: str, covered: bool) -> SearcherForecast:
    bands = tuple(
        Band(axis, arm, (1.0, 2.0), (3.0, 1.0), (4.0, 2.0), (5.0, 3.0))
        for axis in ("seconds", "spent")
        for arm in ("without", "with")
    )
    return SearcherForecast(
        searcher,
        RecordedBest(0.0 if covered else 0.9, 0.2, covered, (1, 2), (4.0, 2.0)),
        {"steps_saved_fraction": HALF, "degradation_normalized": LITTLE} if covered else {},
        0.7 if covered else None,
        1.0,
        bands if covered else (),
        1.0,
    )


def closed_loop() -> ClosedLoop:
    """Of two searches, the second of which does not do what the log's did."""
    return ClosedLoop(
        study="plain",
        objective="objective",
        direction="minimize",
        trials=30,
        rule=RecordedRule.of(esim.rule("sagemaker")),
        until=(),
        clock=Clock("simulated", 4),
        costs=Costs(price=3.6),
        final="last",
        told="last",
        budget=RecordedBudget("trials", 40),
        beyond=3.0,
        futures=20,
        seed=0,
        confidence=0.9,
        timed=False,
        surrogate=SurrogateQuality(
            30,
            0,
            ("lr",),
            (),
            {},
            0.8,
            0.43,
            0.4,
            None,
            0.9,
            0.9,
            0.25,
            0,
            (LearnedLog("plain", 30, 0.8, None),),
        ),
        replayed=ReplayAnswer(0.6, None, 0.0, 0.0),
        searchers=(forecast("random", True), forecast("gp", False)),
        caveats=(Caveat("few_futures", "of 20 futures the ends of intervals are rough"),),
        inputs=INPUTS,
    )


def written(folder: Path, found: ClosedLoop) -> list[Path]:
    """A replay of the same logs, and the closed loop."""
    path = folder / "loop.json"
    path.write_text(json.dumps(found.to_dict()), encoding="utf-8")
    return [path, result_folder(folder / "replay", plain_study())]


def test_it_is_a_section_of_the_decision(tmp_path: Path) -> None:
    paths = written(tmp_path, closed_loop())
    page = read_decision(paths, jobs_per_month=10)[0]
    section = next(one for one in page.sections if one.id == "closed-loop")
    assert section.title == "What the search would have done"
    own = page_of(read_result(paths[0]))
    said = [part.text for part in section.parts if isinstance(part, Say)]
    assert said == list(own.answer)
    assert "random: sagemaker saves 50.0 % of the steps (40.0 % to 60.0 %)" in said[0]
    assert "no answer" in said[1]
    captions = {part.name: part.caption for part in section.parts if isinstance(part, Table)}
    assert captions["closed-loop-numbers-random"].startswith("Search random: ")
    assert "closed-loop-quality" in captions and "closed-loop-numbers-gp" not in captions
    drawn = [part.name for part in section.parts if isinstance(part, Picture)]
    assert drawn == ["best-random-time", "best-random-training"]
    told = [(doubt.code, doubt.where) for doubt in page.doubts]
    assert ("few_futures", "closed loop") in told
    parsed(html(page))
    rows = next(table for table in page.tables() if table.name == "results").rows
    assert ("closed loop", "esim.closed-loop/1") in [row[:2] for row in rows]
    assert "They belong together" in page.sections[-2].parts[0].text  # type: ignore[union-attr]


def test_one_of_another_rule_and_study_is_named_first(tmp_path: Path) -> None:
    other = RecordedRule.of(esim.rule("sagemaker", min_reports=3))
    page = read_decision(written(tmp_path, replace(closed_loop(), rule=other, study="another")))[0]
    told = " ".join(doubt.text for doubt in page.doubts[:2])
    assert "the closed loop is of another rule: it differs in min_reports" in told
    assert "the closed loop is of 1 study and the replay of 1: another, plain not in both" in told
