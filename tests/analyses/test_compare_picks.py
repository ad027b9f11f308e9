"""The two rules that a comparison picks: who saves most, and who is safest at nearly that."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import esim
from esim.analyses.compare.picks import picks
from esim.analyses.compare.study_replays import LOSS
from esim.results.comparison.comparison import (
    AgainstBest,
    Comparison,
    Dist,
    Mean,
    RuleEntry,
    Share,
)
from tests.analyses.test_compare import RULES, walks
from tests.references.outcome_tables import settings_of


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return esim.compare(walks(1), RULES, orders=4)


def entry_of(like: RuleEntry, key: str, saved: float, kept: float, loss: float) -> RuleEntry:
    """A contestant with these means; a loss of more than 5 % is too much."""

    def dist(mean: float) -> Dist:
        return Dist(mean, *(mean,) * 9, studies=1)

    orders = dataclasses.replace(
        like.orders,
        steps_saved_fraction=dist(saved),
        loss_normalized=dist(loss),
        best_kept=Share(kept, None, None, round(100 * kept), 100),
    )
    verdict: Any = "saves less" if loss <= 0.05 else "loses too much"
    return dataclasses.replace(
        like,
        key=key,
        orders=orders,
        against_best=AgainstBest(verdict, Mean(0.0, None, None), None, None),
    )


@pytest.mark.parametrize(
    ("within", "safest"),
    [
        # bold saves 60 %; the floor is 60 - within.
        (0.03, "bold"),  # 57: nobody else is near
        (0.05, "wary"),  # 55: wary keeps the best in 90 %
        (0.1, "sure"),  # 50: sure keeps it in all, saves 51; its twin saves less
        (0.5, "sure"),  # 10: late keeps it in all too, but saves less
    ],
)
def test_the_safest_within_so_many_points(
    comparison: Comparison, within: float, safest: str
) -> None:
    like = comparison.rules[0]
    rules = [
        entry_of(like, *row)
        for row in (
            ("bold", 0.60, 0.66, 0.03),
            ("wary", 0.55, 0.90, 0.01),
            ("sure", 0.51, 1.00, 0.0),
            ("twin", 0.50, 1.00, 0.0),
            ("late", 0.20, 1.00, 0.0),
            ("none", 0.00, 1.00, 0.0),
            ("rash", 0.90, 0.95, 0.2),  # keeps the best more often than bold, but loses too much
        )
    ]
    settings = dataclasses.replace(settings_of(), safest_within=within)
    found = picks(rules, settings, LOSS)
    assert found is not None
    assert (found.saves_most.key, found.safest.key) == ("bold", safest)
    assert found.never_loses is not None and found.never_loses.key == "sure"


def test_of_equally_sure_ones_the_one_that_loses_less(comparison: Comparison) -> None:
    like = comparison.rules[0]
    rules = [
        entry_of(like, *row)
        for row in (("bold", 0.6, 0.9, 0.03), ("mild", 0.58, 0.9, 0.01), ("none", 0.0, 1.0, 0.0))
    ]
    found = picks(rules, settings_of(), LOSS)
    assert found is not None and found.safest.key == "mild"
    assert found.never_loses is None  # none saves nothing
    assert picks(rules[2:], settings_of(), LOSS) is None


def test_the_answer_says_both_with_both_numbers(comparison: Comparison) -> None:
    most, safest = comparison.saves_most, comparison.safest
    assert most is not None and safest is not None
    first, second = comparison.answer.sentences[:2]
    assert f"{most.key} saves most" in first
    for pick, entry in (
        (comparison.answer.saves_most, most),
        (comparison.answer.safest, safest),
    ):
        assert pick is not None
        assert entry.orders.steps_saved_fraction is not None
        assert entry.orders.best_kept is not None
        assert pick.saved == entry.orders.steps_saved_fraction.mean
        assert pick.best_kept == entry.orders.best_kept.share
        assert f"{100 * pick.saved:.1f} %" in (first if entry is most else second)
    same = most is safest and comparison.answer.safest.best_kept == 1.0
    assert (second == "It is the safest too.") == same
    assert comparison.answer.sentences[-1].startswith("Next: esim estimate LOGS --rule ")


def test_wider_than_all_it_saves_the_safest_still_saves() -> None:
    found = esim.compare(walks(1), RULES, orders=4, safest_within="100%")
    assert found.answer.safest is not None and found.answer.safest.saved > 0.0
    with pytest.raises(esim.EsimError, match="safest_within cannot be"):
        esim.compare(walks(1), RULES, orders=4, safest_within=10)
