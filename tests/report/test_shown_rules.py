"""Which rules of a comparison are shown at once, and what is said of the others."""

from __future__ import annotations

import dataclasses

import pytest
from rich.console import Console

import esim
from esim.report.shown_rules import MOST, baseline_words, is_safest, others_words, shown_rules
from esim.report.terminal.comparison import show_comparison
from esim.results.comparison.comparison import Comparison
from tests.analyses.test_compare import walks

GRID = {"min_reports": [1, 2, 3, 4], "quantile": [0.25, 0.5, 0.75]}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """12 points of a grid, and SageMaker's rule until a job-level rule, which is asked for."""
    return esim.compare(walks(2), ["sagemaker"], grid=GRID, until="not-improving=3", orders=3)


def test_ten_are_shown_and_those_asked_for_and_picked(comparison: Comparison) -> None:
    few = shown_rules(comparison)
    rules = [e for e in comparison.rules if e.role == "rule"]
    asked = {e.key for e in rules if e.named}
    assert asked == {"not-improving=3", "sagemaker until not-improving=3"}
    picked = {comparison.answer.best, comparison.safest.key if comparison.safest else None}
    saving = [e for e in rules if comparison.saved_of(e).mean > 0.0]
    expected = {e.key for e in saving[:MOST]} | asked | (picked - {None})
    assert {e.key for e in few.shown} == expected
    every = [*few.shown, *few.others, *few.baselines]
    assert sorted(e.key for e in every) == sorted(e.key for e in comparison.rules)
    assert others_words(comparison, few).startswith(f"{len(few.others)} more rule")
    assert "none saves 0.0 %" in baseline_words(comparison, few)
    assert "oracle" in baseline_words(comparison, few)


def test_all_are_shown_where_all_are_asked_for(comparison: Comparison) -> None:
    every = shown_rules(comparison, every=True)
    assert every.shown == comparison.rules
    assert (others_words(comparison, every), baseline_words(comparison, every)) == ("", "")
    few, whole = Console(record=True, width=100), Console(record=True, width=100)
    show_comparison(comparison, few)
    show_comparison(comparison, whole, every=True)
    hidden = shown_rules(comparison).others
    text, full = few.export_text(), whole.export_text()
    assert f"Not shown: {len(hidden)} more rule" in text
    assert "Not shown" not in full
    assert "oracle" in full and hidden[0].key[:20] in full


def test_rules_named_without_a_grid_are_all_shown() -> None:
    names = [name for name in esim.rules.usual() if name.name != "ray-pbt"][:14]
    found = esim.compare(walks(2), names, orders=2)
    assert not shown_rules(found).others
    # By default SageMaker's is the one that is asked for.
    assert [e.key for e in esim.compare(walks(2), orders=2).rules if e.named] == ["sagemaker"]


def test_what_saves_most_is_called_safest_only_where_it_keeps_the_best(
    comparison: Comparison,
) -> None:
    most = comparison.answer.saves_most
    assert most is not None
    for kept in (0.04, 1.0):
        pick = dataclasses.replace(most, best_kept=kept)
        answer = dataclasses.replace(comparison.answer, saves_most=pick, safest=pick)
        told = dataclasses.replace(comparison, answer=answer)
        assert is_safest(told, pick.key) == (kept == 1.0)
        assert not is_safest(told, "none")
