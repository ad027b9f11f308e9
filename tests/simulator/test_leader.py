"""Curves against the leader's at checkpoints on the way, and gates by shares of it: by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import esim
from esim.analyses.explain.explain import explain
from esim.study.batch import Batch
from tests.references.curves import curves

# Five reports: the places are 0, 1/4, 1/2, 3/4 and 1, once a trial has come to step 5.
A, B = [1.0, 1, 1, 1, 1], [2.0, 2, 2, 2, 2]
BARE: dict[str, Any] = {
    "progress_from": 0.0, "checkpoints": 0.25, "smooth": 1, "consecutive": 2, "protect": 1,
    "protect_share": 0.0, "protect_leaders": 0,
}  # fmt: skip


def kept(values: list[list[float]], direction: str = "minimize", **columns: Any) -> list[int]:
    """The reports that trials make one after another under the stability-gated rule."""
    study = esim.Study.from_arrays(values, direction)  # type: ignore[arg-type]
    rule = esim.rule("ax-stability", **{**BARE, **columns})
    return esim.replay(study, rule, "order").columns.reports_kept.tolist()


def test_checkpoints_in_a_row() -> None:
    # b has a curve from its second report on, and is then behind a at 0 and at 1/4: two in a row.
    # c is behind at 0, leads at 1/4, is behind at 1/2 and 3/4.
    trials = [A, B, [3.0, 0, 3, 3, 3]]
    assert kept(trials) == [5, 2, 4]
    assert kept([[-v for v in t] for t in trials], "maximize") == [5, 2, 4]
    assert kept(trials, consecutive=1) == [5, 2, 3]
    assert kept(trials, consecutive=3) == [5, 3, 5]  # c's third is at its last report


def test_leaders_are_protected_for_some_checkpoints() -> None:
    # c led at 1/4, so that it is one of the best at 1/2 too: at its end 3/4 and 1 are its first two
    # checkpoints in a row, and nothing is left to save.
    trials = [A, [3.0, 0, 3, 3, 3]]
    assert kept(trials) == [5, 4]
    assert kept(trials, protect_leaders=1) == [5, 4]
    assert kept(trials, protect_leaders=2) == [5, 5]


def test_the_best_are_protected() -> None:
    # Of a, b and c, c is the third. Half of three is two trials; of two, one.
    trials = [A, B, [3.0] * 5]
    assert kept(trials, protect=2) == [5, 5, 2]
    assert kept(trials, protect=3) == [5, 5, 5]
    assert kept(trials, protect=0, protect_share=0.5) == [5, 2, 2]


def test_a_gap_must_be_wide_enough() -> None:
    assert kept([A, B], slack_amount=0.999) == [5, 2]
    assert kept([A, B], slack_amount=1.0) == [5, 5]


def test_what_is_not_stable_goes_on() -> None:
    # Of two checkpoints each: c's means are 4 and its variances 1, those of a and b 0 and the
    # median 0. b, of variance 0, is stable at 1/4 and 1/2.
    trials = [A, B, [3.0, 5, 3, 5, 3]]
    assert kept(trials, smooth=2) == [5, 3, 5]
    assert kept(trials, smooth=2, most_variance=1.0) == [5, 3, 3]
    assert kept(trials, smooth=2, most_variance=0.999) == [5, 3, 5]


def test_curves_are_straight_between_reports() -> None:
    # c reports at steps 1, 3 and 5: 3, 1 and 3, so that it shows 2 at 1/4, where a shows 1.
    study = esim.Study.from_arrays([A, [3.0, np.nan, 1, np.nan, 3]], "minimize")
    rule = esim.rule("ax-stability", **BARE)
    # At its second report, at 1/2, c ties with the leader. At 1 it is behind at 3/4 and at 1.
    assert esim.replay(study, rule, "order").columns.reports_kept.tolist() == [5, 3]
    decisions = esim.replay(study, rule, "order").decisions
    assert decisions[decisions.trial == study.trials[1]].stop.tolist() == [False, False, True]


def test_trials_count_once_so_many_are_deep_enough() -> None:
    assert kept([A, B], min_peers=2) == [5, 2]
    assert kept([A, B], min_peers=3) == [5, 5]


def test_gates_by_shares_of_the_way() -> None:
    # Worse from the first report on, but 1/2 of the way is step 3. The first trial is at the end of
    # the way at each of its reports, and so is whoever goes farther than all before it.
    study = esim.Study.from_arrays([[1.0, 1, 1, 1, 1], [2.0, 2, 2, 2, 2]], "minimize")
    columns: dict[str, Any] = {"pool": "reached", "include_self": True, "quantile": 0.0}
    for low, high, expected in ((0.5, 1.0, 3), (0.0, 0.5, 1), (0.51, 0.74, 5), (0.51, 0.75, 4)):
        rule = esim.rule("sagemaker", progress_from=low, progress_to=high, **columns)
        assert esim.replay(study, rule, "order").columns.reports_kept.tolist() == [5, expected]
    short = esim.Study.from_arrays([[1.0, 1, np.nan, np.nan], [2.0, 2, 2, 2]], "minimize")
    rule = esim.rule("sagemaker", progress_to=0.99, short="carry", **columns)
    # At step 1 it is at the start of a's two steps; from step 2 on it is the farthest itself.
    assert esim.replay(short, rule, "order").columns.reports_kept.tolist() == [2, 1]
    rule = esim.rule("sagemaker", progress_from=0.1, progress_to=0.99, short="carry", **columns)
    assert esim.replay(short, rule, "order").columns.reports_kept.tolist() == [2, 4]


def test_studies_of_a_batch_are_each_by_themselves() -> None:
    from esim.assumptions import Clock, Costs
    from esim.simulator.plan.build import prepare, prepare_batch
    from esim.simulator.run import run_once

    studies = [curves("missing", "minimize", n, 12, n) for n in (7, 1, 9)]
    for name in ("ax-stability", "ax-top3"):
        rule = esim.rule(name, consecutive=1)
        for clock in (Clock("order"), Clock("simulated", 3)):
            together = run_once(prepare_batch(Batch.of(studies), rule), clock, Costs()).rows_kept
            apart = [run_once(prepare(s, rule), clock, Costs()).rows_kept for s in studies]
            np.testing.assert_array_equal(together, np.concatenate(apart))
            assert (together < np.concatenate([np.diff(s.offsets) for s in studies])).any()


@pytest.mark.parametrize(
    ("preset", "columns", "said"),
    [
        ("ax-stability", {"include_self": False}, "include_self=true"),
        ("ax-stability", {"axis": "seconds"}, "axis=step"),
        ("ax-stability", {"own": "best"}, "whole curves are compared"),
        ("ax-stability", {"nan": "worst"}, "missing or finite"),
        ("ax-stability", {"checkpoints": 0.0}, "from 0.001 to 1"),
        ("sagemaker", {"progress_from": 0.2}, "include_self=true"),
        ("ax-top3", {"progress_from": 0.95}, "at most progress_to"),
        ("sagemaker", {"protect_leaders": 2}, "against=leader"),
        ("sagemaker", {"smooth": 3}, "against=leader"),
    ],
)
def test_what_means_nothing_is_refused(preset: str, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(esim.EsimError, match="cannot be") as raised:
        esim.rule(preset, **columns)
    assert said in str(raised.value)


def test_an_explanation_says_how_many_checkpoints() -> None:
    study = esim.Study.from_arrays([A, [3.0, 0, 3, 3, 3]], "minimize", names=["a", "c"])
    found = explain(study, "c", esim.rule("ax-stability", **BARE))
    said = [(row.verdict, row.reason) for row in found.rows]
    assert said == [
        ("go on", ""),
        ("go on", ""),
        ("go on", "behind at 1 of 2 checkpoints in a row"),
        ("stop", ""),
        ("stop", "after the stop"),
    ]
    assert found.account.startswith(
        "Stopped at step 4: its moving average was stable and worse than the leader's at 2 "
        "checkpoints in a row."
    )
    spared = explain(study, "c", esim.rule("ax-stability", **{**BARE, "consecutive": 4}))
    assert spared.account.startswith(
        "Not stopped: at none of its judged reports had it been stable and worse than the leader "
        "for 4 checkpoints in a row."
    )
    columns: dict[str, Any] = {"pool": "reached", "include_self": True, "quantile": 0.0}
    gated = explain(study, "c", esim.rule("sagemaker", progress_from=0.5, **columns))
    assert gated.rows[0].reason == "not between 50 % and 100 % of the way"
