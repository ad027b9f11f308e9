"""The same question has the same answer wherever it stands: on a page, in its sentences, tables,
tiles and figures' texts, and on the terminal.
"""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import esim
from esim.assumptions import Costs
from esim.report.answer import wrong_sentence
from esim.report.formats.markdown import markdown
from esim.report.pages.document import read_page
from esim.report.terminal.comparison import show_comparison
from esim.report.terminal.replay import show_replays
from esim.report.words import percent, share_words
from esim.results.replay import ReplayDocument, ReplayResult
from esim.rules import PRESETS
from esim.study import Status, Study
from tests.paths import DATA
from tests.references.generate import build
from tests.report.pages import plain_study

SHARE, NUMBER = r"(-?[\d.]+ %)", r"([-+]?[\d.]+(?:e[-+]?\d+)?)"
TIME, MONEY = r"([\d,.]+ (?:s|min|h))", r"([\d,.]+ USD)"


def amounts(label: str, key: str, kind: str) -> dict[str, list[str]]:
    """Where an amount stands: a row of the page's table, of the terminal's, and of a figure."""
    return {
        f"{key} recorded": [
            rf"\| {label} \| {kind} \| .*? \|",
            rf"^ +{label} +{kind} ",
            rf"[.;] {label}: \S+(?: \S+)? of {kind} ran",
        ],
        f"{key} run": [
            rf"\| {label} \| .*? \| {kind} \|",
            rf"^ +{label} +\S+(?: \S+)? +{kind} ",
            rf"[.;] {label}: {kind} of",
        ],
        f"{key} saved": [rf"\| {label} \| .*? \| .*? \| {SHARE} \|", rf"^ +{label} .*? {SHARE}"],
    }


# What each number answers -> the places where it may stand, each with the number as a group.
REPLAY: dict[str, list[str]] = {
    **amounts("steps", "steps", r"([\d,]+)"),
    **amounts("training time", "seconds", TIME),
    **amounts("billed time", "billed", TIME),
    **amounts("makespan", "makespan", TIME),
    **amounts("cost", "cost", MONEY),
    "trials stopped": [
        r"Of the (\d+) trials? stopped",
        r" of (\d+) stops fall",
        r"of them stopped +\d+ +(\d+)",
        r"\| the literal rule \| as it stands \| .*? \| .*? \| (\d+) \|",
    ],
    "best value recorded": [
        rf"instead of {NUMBER}[,.] ",
        rf"\| best trial \| {NUMBER}:",
        rf"^ +best trial +{NUMBER} ",
        rf"best without the rule: {NUMBER}[, ]",
    ],
    "best value under the rule": [
        rf"(?:best trial:|ended with) {NUMBER} instead of",
        rf"best under the rule (?:\| | +){NUMBER}[: ]",
        rf"best with the rule: {NUMBER}[, ]",
    ],
    "degradation": [
        rf"\(degradation {NUMBER}(?: on record)?\)",
        rf"^\| degradation \| (?:unknown; )?{NUMBER}[, ]",
        rf"^ +degradation +(?:unknown \()?{NUMBER}[, ]",
        rf"Degradation {NUMBER}\.\W",
        rf"\| the literal rule \| as it stands \|(?: .*? \|){{3}} {NUMBER} \|",
    ],
    "readings that keep the best": [r"and (\d+) of the \d+ keep", r"; (\d+) of \d+ keep"],
}
REPLAY["steps saved"] += [
    rf"have saved {SHARE} of the steps",
    rf"steps saved: \*\*{SHARE}",
    rf"\| the literal rule \| as it stands \| {SHARE} ",
    rf"the literal rule +as it stands +{SHARE} ",
]
REPLAY["seconds saved"] += [
    rf"and {SHARE} of the training time",
    rf"training time saved: \*\*{SHARE}",
    rf"\| the literal rule \| as it stands \| .*? \| {SHARE} ",
]
REPLAY["billed saved"] += [rf"\| billed time saved \| {SHARE} "]
REPLAY["billed run"] += [rf"\| billed time \| {TIME} of "]
REPLAY["billed recorded"] = [p for p in REPLAY["billed recorded"] if not p.startswith(r"\|")] + [
    rf"\| billed time \| {TIME} \| ",
    rf"\| billed time \| .*? of {TIME} \|",
]
REPLAY["cost run"] += [rf"\| cost \| {MONEY} of "]
REPLAY["cost saved"] += [rf"\| saved \| .*? USD, {SHARE} "]
REPLAY["makespan run"] += [rf"Makespan {TIME} instead", rf"same under the rule; .* after {TIME}\."]
REPLAY["makespan recorded"] += [rf"instead of {TIME}, ", rf"start to its end; .* after {TIME}\."]
REPLAY["makespan saved"] += [rf"instead of .*?, {SHARE} saved\."]


def console() -> Console:
    return Console(file=io.StringIO(), width=200, no_color=True)


def text_of(result: ReplayResult, folder: Path) -> str:
    """The page as Markdown, and below it what the terminal shows."""
    path = folder / "result.json"
    path.write_text(ReplayDocument((result,)).to_json())
    terminal = console()
    show_replays([result], terminal)
    assert isinstance(terminal.file, io.StringIO)
    return markdown(read_page(path)[0]) + "\n" + terminal.file.getvalue()


def found(text: str, places: dict[str, list[str]]) -> dict[str, list[str]]:
    """What stands at the places of each number, as it is written; 0 has no sign."""
    every = {}
    for name, patterns in places.items():
        matches = [m for pattern in patterns for m in re.findall(pattern, text, re.MULTILINE)]
        every[name] = matches
    return every


def assert_one(text: str, places: dict[str, list[str]]) -> dict[str, list[str]]:
    told = found(text, places)
    for name, values in told.items():
        assert len(set(values)) <= 1, f"{name}: {values}"
    return told


@pytest.fixture(scope="module")
def shipped() -> Study:
    return esim.read_study(DATA / "xgboost_digits" / "sagemaker")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_tells_each_number_once(name: str, shipped: Study, tmp_path: Path) -> None:
    costs = Costs(price=23.0)
    result = esim.replay(shipped, name, costs=costs, readings=name == "sagemaker")
    told = assert_one(text_of(result, tmp_path), REPLAY)
    stopped = result.summary.trials_stopped
    assert told["trials stopped"][0] == str(stopped)
    for key in ("steps", "seconds", "billed", "makespan", "cost"):
        for what in ("recorded", "run", "saved"):
            assert len(told[f"{key} {what}"]) >= 2, (key, what)
    assert len(told["best value recorded"]) >= 2
    if name == "sagemaker":  # the patterns find what they look for
        assert min(map(len, told.values())) >= 2, told


def cut(study: Study) -> Study:
    """The study with the trials that the rule stops cut short when they were recorded."""
    stops = esim.replay(study, clock="order").columns.stopped
    status = study.status.copy()
    status[stops] = Status.STOPPED
    return dataclasses.replace(study, status=status, censored=study.censored | stops)


def test_stops_of_trials_that_had_been_cut_short(tmp_path: Path) -> None:
    study = plain_study()
    result = esim.replay(study, clock="order")
    stopped = result.summary.trials_stopped
    assert stopped > 5
    assert wrong_sentence(result).startswith(f"Of the {stopped} trials stopped, ")
    all_cut = esim.replay(cut(study), clock="order")
    assert all_cut.summary.trials_stopped == stopped
    # Of the best trial it is known how it would have ended, as it is what the rest is held against.
    known = int(bool(all_cut.summary.best_trial_stopped))
    said = wrong_sentence(all_cut)
    assert said.startswith(f"Of the {stopped} trials stopped it is known of {known or 'none'} how")
    assert_one(text_of(all_cut, tmp_path), REPLAY)


def test_a_comparison_tells_each_number_once(tmp_path: Path) -> None:
    studies = [plain_study("a", 3, 12), plain_study("b", 4, 12)]
    comparison = esim.compare(studies, ["sagemaker", "azure-median", "ray-asha"], orders=7)
    path = tmp_path / "compare.json"
    path.write_text(comparison.to_json())
    terminal = console()
    show_comparison(comparison, terminal, every=True)
    assert isinstance(terminal.file, io.StringIO)
    # Behind this heading stand other numbers: by workers, and by study.
    page = markdown(read_page(path)[0]).split("## How much the launch order")[0]
    shown = terminal.file.getvalue().split("By workers")[0]
    places = {}
    for entry in (entry for entry in comparison.rules if "[" not in entry.key):
        key = re.escape(entry.key)
        row = rf"^\| {key} \| [-\d.]+ % \|"
        line = rf"^ +{key} +[-\d.]+ % +\S* *"
        places |= {
            f"{key} saved": [rf"^\| {key} \| {SHARE} \|", rf"^ +{key} +{SHARE} "],
            f"{key} loss": [
                rf"{row}(?: .*? \|){{5}} {SHARE} \|",
                rf"{line}[\d.]+ to [\d.]+ % +\d+ % +{SHARE} ",
            ],
            f"{key} kept": [
                rf"{row}(?: .*? \|){{4}} {SHARE} \|",
                rf"{line}[\d.]+ to [\d.]+ % +{SHARE} ",
            ],
            f"{key} lowest": [
                rf"{row}(?: .*? \|){{2}} {SHARE} \|",
                rf"{line}([\d.]+) to ",
            ],
        }
    best = comparison.answer.best
    assert best is not None
    pick = rf"\*\*{re.escape(best)}\*\* \([\d.]+ % of the steps, best value kept in {SHARE}"
    places[f"{re.escape(best)} kept"] += [pick]
    places[f"{re.escape(best)} loss"] += [rf"- lost: \*\*{SHARE}"]
    told = found(page + "\n" + shown, places)
    for name, values in told.items():
        assert len(values) >= 2, (name, values)
        written = {value.removesuffix(" %") for value in values}
        assert len(written) == 1, (name, values)


def test_what_is_unknown_is_no_zero_among_studies(tmp_path: Path) -> None:
    """A study whose only step is 0 has no share saved, and one without values has no best."""
    nothing = build([[0]] * 3, [[float("nan")]] * 3)
    results = (esim.replay(plain_study()), esim.replay(nothing))
    path = tmp_path / "result.json"
    path.write_text(ReplayDocument(results).to_json())
    tiles = {tile.label: tile for tile in read_page(path)[0].tiles}
    saved = percent(results[0].summary.steps_saved_fraction)
    assert tiles["steps saved, median study"].value == saved
    assert tiles["steps saved, median study"].note == f"{saved} to {saved} over studies"
    fate = int(bool(results[0].summary.best_trial_stopped))
    assert tiles["best trial stopped in"].value == f"{fate} of 1"
    assert tiles["best trial stopped in"].note == "studies of which it is known"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"), (0.004, "under 1 %"), (0.006, "1 %"), (0.764, "76 %"), (0.994, "99 %"),
        (0.997, "over 99 %"), (1.0, "100 %"), (None, "–"), (float("nan"), "–"),
    ],
)  # fmt: skip
def test_a_share_in_whole_per_cent_is_never_rounded_to_nothing_or_all(
    share: float | None, said: str
) -> None:
    assert share_words(share) == said
