"""How many of n trials stop at one place, by hand, under every rule that compares with peers.

The n-th trial comes to a place where n - 1 others have been. It takes each rank among the n in
turn, and the table says at how many of the ranks it stops. All values differ, and each of the
others made one report only, so that all of them completed.
"""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

import esim
from esim.analyses.explain.explain import explain
from esim.cli import app
from esim.rules import PRESETS, preset

N = (1, 2, 3, 4, 5, 10, 15, 20)

# Worse than the median of the n - 1 others: the n // 2 worst, none where there is nobody else.
MEDIAN_OF_OTHERS = (0, 1, 1, 2, 2, 5, 7, 10)

#: Preset -> what opens its gates, and how many of N stop.
WHO_STOPS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "sagemaker": ({}, MEDIAN_OF_OTHERS),
    "vizier-median": ({}, MEDIAN_OF_OTHERS),
    # The mean of the others: of evenly spaced values it is their median.
    "katib-medianstop": ({"min_peers": 1, "min_reports": 1}, MEDIAN_OF_OTHERS),
    # The worse of the two in the middle is for an even number of others: the same ranks.
    "nni-medianstop": ({}, MEDIAN_OF_OTHERS),
    "optuna-median": ({"min_completed": 0}, MEDIAN_OF_OTHERS),
    "ray-median": ({"min_peers": 1, "warmup_steps": 1, "axis": "step"}, MEDIAN_OF_OTHERS),
    # Itself counts too: worse than the median of n, the n // 2 worst again.
    "azure-median": ({}, MEDIAN_OF_OTHERS),
    "ax-percentile": (
        {"min_completed": 0, "min_peers": 1, "warmup_steps": 1},
        MEDIAN_OF_OTHERS,
    ),
    "ax-depth": ({"min_peers": 1, "warmup_steps": 1}, MEDIAN_OF_OTHERS),
    # The same, but the best 3 go on. n = 4: of ranks 3 and 4 only the last.
    "ax-top3": (
        {"min_peers": 1, "progress_from": 0.0, "progress_to": 1.0},
        (0, 0, 0, 1, 2, 5, 7, 10),
    ),
    # All but the best, which are worse by more than this slack.
    "azure-bandit": ({"slack_factor": 0.01}, (0, 1, 2, 3, 4, 9, 14, 19)),
    # "The lowest 20 % of all jobs at the interval": n // 5.
    "azure-truncation": ({}, (0, 0, 0, 0, 1, 2, 3, 4)),
    # Worse than the 25 % percentile of m = n - 1 others, which lies at (m - 1) / 4 from the best,
    # so that floor((m - 1) / 4) + 1 of the others are better than whoever stops first:
    # n = 10: 9 others, at 2.0, 3 of them better; ranks 4 to 10 stop.
    "optuna-percentile": ({"min_completed": 0}, (0, 1, 2, 2, 3, 7, 11, 14)),
    "ray-asha": ({"first_rung": 1}, (0, 1, 2, 2, 3, 7, 11, 14)),
    # The best n // 4 go on, but at least one.
    "optuna-sha": ({"first_rung": 1}, (0, 1, 2, 3, 4, 8, 12, 15)),
    # More than a third are better. n = 10: 4 are 0.4, so ranks 5 to 10.
    "synetune-asha": ({"first_rung": 1}, (0, 1, 1, 2, 3, 6, 9, 13)),
    # More than half are better. n = 10: 6 are 0.6, so ranks 7 to 10.
    "synetune-median": ({"min_peers": 1}, (0, 0, 1, 1, 2, 4, 7, 9)),
    # The best n // 3 + 1 go on.
    "wandb-hyperband": ({"first_rung": 1}, (0, 1, 1, 2, 3, 6, 9, 13)),
}


def stops(rule: esim.Rule, n: int, direction: str) -> int:
    """At how many of the n ranks the last of n trials stops."""
    first, apart = (1000.0, 200.0) if direction == "minimize" else (5000.0, -200.0)
    values = [first + apart * rank for rank in range(n)]
    found = 0
    for rank, own in enumerate(values):
        curves = [[value] for other, value in enumerate(values) if other != rank]
        study = esim.Study.from_arrays([*curves, [own, own]], direction)
        found += bool(esim.replay(study, rule, clock="order").columns.stopped[-1])
    return found


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", WHO_STOPS)
def test_who_stops(name: str, direction: str) -> None:
    gates, expected = WHO_STOPS[name]
    rule = esim.rule(name, **gates)
    assert tuple(stops(rule, n, direction) for n in N) == expected


def test_every_rule_that_compares_with_peers_is_in_the_table() -> None:
    # Under Hyperband's brackets it hangs on the trial's number who is compared with whom.
    compares = {name for name, row in PRESETS.items() if row.against == "peers"}
    assert compares == {*WHO_STOPS, "optuna-hyperband"}


#: What the printed text of a rule says of its quantile, as the table above has it.
SAID = {
    "azure-truncation": "of n runs at the interval the lowest n // 5 stop",
    "optuna-sha": "not among the best n // 4",
    "optuna-percentile": "the best quarter goes on",
    "ray-asha": "the best quarter of those recorded at the rung before it",
    "synetune-asha": "more than a third of those at the rung, itself counted, are better",
    "synetune-median": "more than half of all that reported exactly the step, itself counted",
    "wandb-hyperband": "the best n // 3 + 1 go on",
    "katib-medianstop": "the MEAN of the means",
    "nni-medianstop": "of an even number of peers the worse middle one",
    "azure-median": "of all runs, itself included",
}


@pytest.mark.parametrize("name", SAID)
def test_the_printed_text_says_who_stops(name: str) -> None:
    shown = CliRunner().invoke(app, ["rules", name], env={"COLUMNS": "1000"}).output
    assert SAID[name] in shown


def test_truncation_rounded_up() -> None:
    # The other way to round 20 % of n: 0.4 of 2 is one run. A single run always goes on.
    rule = esim.rule("azure-truncation", method="reduction", quantile=0.5, reduction=1.25)
    assert tuple(stops(rule, n, "minimize") for n in N) == (0, 1, 1, 1, 1, 2, 3, 4)
    assert "--set method=reduction --set quantile=0.5 --set reduction=1.25" in " ".join(
        preset("azure-truncation").differs
    )


def test_a_share_that_no_float_holds_is_counted_exactly() -> None:
    # 0.55 * 100 is 55.00000000000001 as a float; 55 of 100 go on, 45 stop.
    assert stops(esim.rule("azure-truncation", quantile=0.55), 100, "minimize") == 45


def test_the_slack_turns_around_below_zero() -> None:
    # Documented: stop if Y + 0.1 Y < best. For the best run, at -1: -1.1 < -1, so it stops.
    study = esim.Study.from_arrays([[-1.0, -1.0]], "maximize")
    assert esim.replay(study, "azure-bandit").columns.stopped.tolist() == [True]
    assert any("below 0" in defect for defect in preset("azure-bandit").defects)


def test_an_explanation_names_the_limit() -> None:
    study = esim.Study.from_arrays([[1.0], [2.0], [3.0], [4.0], [5.0, 5.0]], "minimize")
    said = explain(study, "4", "azure-truncation").account
    assert "higher (worse, minimizing) than 4, the limit of the best 80 % of the values" in said
