"""`esim.explain`: golden cases by hand, every reason, and agreement with the replay."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esim
from esim.analyses.explain.account import told_apart
from esim.analyses.explain.explain import Explanation, explain
from esim.analyses.explain.held_against import peers_of
from esim.assumptions import Costs
from esim.errors import EsimError
from esim.rules import PRESETS
from esim.simulator.plan.build import prepare
from esim.simulator.replay import replay
from esim.simulator.run import run_once
from esim.study import Status, Study
from tests.references import generate
from tests.references.curves import curves

CURVES = [[1.0, 0.8, 0.6], [1.2, 0.5, 0.5], [0.9, 1.0, 0.3]]
NAMES = ["a", "b", "c"]


def study(curves=CURVES, direction="minimize", **columns) -> Study:
    return Study.from_arrays(curves, direction, names=NAMES[: len(curves)], **columns)


def told(found: Explanation) -> list[tuple]:
    return [(r.step, r.value, r.threshold, r.peers, r.verdict, r.reason, r.ran) for r in found.rows]


def test_first_trial_has_no_peers():
    found = explain(study(), "a")
    expected = [(s, v, None, 0, "not judged", "no peers yet", True)
                for s, v in zip((1, 2, 3), CURVES[0], strict=True)]  # fmt: skip
    assert told(found) == expected
    assert found.account == (
        "Not stopped: none of its 3 reports was judged: no peers yet. It ended at 0.6, rank 3 of 3."
    )


def test_rows_behind_the_stop_show_what_was_saved():
    # b against a's running averages 1.0, (1.0 + 0.8) / 2 = 0.9, (1.0 + 0.8 + 0.6) / 3 = 0.8
    found = explain(study(), "b")
    (first, *rest), actual = told(found), [row.threshold for row in found.rows]
    assert first == (1, 1.2, 1.0, 1, "stop", "", True)
    assert [(r[0], r[1], r[4], r[5], r[6]) for r in rest] == [
        (2, 0.5, "go on", "after the stop", False),
        (3, 0.5, "go on", "after the stop", False),
    ]
    assert actual == pytest.approx([1.0, 0.9, 0.8])
    assert (found.stopped, found.decided_step, found.stop_step, found.last_step) == (True, 1, 1, 3)
    assert (found.final_value, found.final_value_recorded) == (1.2, 0.5)
    assert (found.rank, found.ranked, found.number, found.trials) == (2, 3, 2, 3)
    assert found.account == (
        "Stopped at step 1: its value 1.2 was higher (worse, minimizing) than 1, the running "
        "average of the only earlier trial. It had been recorded to step 3 and would have ended "
        "at 0.5, rank 2 of 3."
    )


def test_a_stopped_peer_counts_up_to_its_stop():
    # Step 1: the median of 1.0 and 1.2 is 1.1. From step 2 on b, stopped at 1, no longer counts.
    found = explain(study(), "c")
    assert [row.peers for row in found.rows] == [2, 1, 1]
    assert [row.threshold for row in found.rows] == pytest.approx([1.1, 0.9, 0.8])
    assert [row.verdict for row in found.rows] == ["go on", "stop", "go on"]
    assert (found.rows[0].peers_low, found.rows[0].peers_high) == (1.0, 1.2)
    assert found.account.endswith("would have ended at 0.3, the best of 3.")


def test_negated_values_with_the_other_direction_are_the_same_story():
    negated = explain(study(-np.array(CURVES), "maximize"), "c")
    plain = explain(study(), "c")
    assert [row.verdict for row in negated.rows] == [row.verdict for row in plain.rows]
    assert [row.threshold for row in negated.rows] == [-row.threshold for row in plain.rows]
    assert (negated.rows[0].peers_low, negated.rows[0].peers_high) == (-1.2, -1.0)
    assert "was lower (worse, maximizing) than" in negated.account


@pytest.mark.parametrize(
    ("columns", "step", "reason"),
    [
        ({"warmup_steps": 2}, 1, "warm-up (step 1 < 2)"),
        ({"min_reports": 3}, 2, "too few reports (2 < 3)"),
        ({"interval": 5, "warmup_steps": 1}, 2, "interval (judged once in 5 steps)"),
        ({"min_peers": 3}, 1, "too few peers (2 < 3)"),
        ({"min_completed": 3}, 1, "too few completed trials (< 3)"),
        ({"warmup_share": 0.5}, 1, "warm-up (before 50 % of a completed trial)"),
        ({"own": "average", "average_from": 2}, 1, "no running average before step 2"),
    ],
)
def test_reasons_not_to_judge(columns, step, reason):
    found = explain(study([[1.0, 1, 1]] * 3), "c", esim.rule("sagemaker", **columns))
    row = next(row for row in found.rows if row.step == step)
    assert (row.verdict, row.reason) == ("not judged", reason)
    has_threshold = row.threshold is not None
    assert has_threshold == ("min_peers" not in columns and "average_from" not in columns)


def test_waits_for_a_completed_trial():
    found = explain(study([[1.0, 1, 1]] * 3), "a", esim.rule("sagemaker", warmup_share=0.5))
    assert {row.reason for row in found.rows} == {"no peers yet"}


def test_delayed_stop():
    # Decided at step 1, with effect after step 2.
    found = explain(study(), "b", esim.rule("sagemaker", delay=1))
    assert (found.decided_step, found.stop_step) == (1, 2)
    assert [(row.ran, row.reason) for row in found.rows] == [
        (True, ""),
        (True, "a stop was already decided"),
        (False, "after the stop"),
    ]
    assert found.account.startswith("Stopped at step 2, decided at step 1: its value 1.2 was")


def test_stop_at_the_last_report_changes_nothing():
    found = explain(study([[1.0, 1.0], [1.0, 2.0]]), "b")
    assert not found.stopped
    assert (found.rows[1].verdict, found.rows[1].reason) == ("stop", "nothing was left to save")
    assert found.account == (
        "Not stopped: the rule called for a stop at step 2, its last report, where nothing was "
        "left to save (its value 2 was higher (worse, minimizing) than 1, the running average of "
        "the only earlier trial). It ended at 2, rank 2 of 2."
    )


def test_rows_without_a_value():
    found = explain(generate.build([[1, 2], [1, 2, 3]], [[1, 1], [1, math.nan, 1]]), "t1")
    row = found.rows[1]
    assert (row.step, row.value, row.verdict, row.reason) == (2, None, "not judged", "no value")
    assert (row.peers, row.threshold, row.ran) == (None, None, True)


def test_trial_without_a_report():
    found = explain(study([[], [1.0]]), "a")
    assert found.rows == ()
    assert (found.last_step, found.final_value, found.rank, found.stopped) == (
        None,
        None,
        None,
        False,
    )
    assert found.account == (
        "Not stopped: it has no report with a value, so there was nothing to judge."
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.STOPPED, "had already been cut short when it was recorded, at step 3 with 0.5"),
        (Status.FAILED, "failed when it was recorded, at step 3 with 0.5"),
        (Status.RUNNING, "was still running when it was recorded, at step 3 with 0.5"),
    ],
)
def test_cut_trials_have_no_rank(status, words):
    found = explain(study(status=["completed", status, "completed"]), "b")
    assert (found.censored, found.status, found.rank) == (True, status.word, None)
    assert found.account.endswith(f"It {words}: its true end is unknown.")


def test_ties_are_called_so():
    found = explain(study([[1.0, 1.0]] * 2), "b", esim.rule("sagemaker", strict=False))
    assert "its value 1 was no better than 1, the running average" in found.account


def test_document_is_strict_json():
    curves = [[math.inf, 1.0], [-math.inf, 1.0], [0.5, 0.5]]
    found = explain(study(curves), "c")
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["schema"] == "esim.explain/1"
    assert document["rule"]["parameters"]["quantile"] == 0.5
    assert document["clock"] == {"mode": "order", "workers": 1}
    # (inf + -inf) / 2 is no number: nothing to be worse than.
    assert document["rows"][0]["reason"] == "the threshold is not a number"
    assert document["rows"][0]["verdict"] == "go on"
    assert document["rows"][0]["threshold"] is None


def test_unknown_trial_is_refused_with_near_names():
    with pytest.raises(EsimError, match="no trial 'd'"):
        explain(study(), "d")


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((0.5, 0.25), ("0.5", "0.25")),
        ((1.00001, 1.00002), ("1.00001", "1.00002")),
        ((1.0, 1.0 + 2e-16), ("1.0", "1.0000000000000002")),
        ((2.0, 2.0), ("2", "2")),
    ],
)
def test_numbers_are_told_apart(pair, expected):
    assert told_apart(*pair) == expected


def agrees(run: generate.Run) -> None:
    """Every trial's explanation is what the replay did, and its peers give the threshold."""
    made, rule = run.study, run.rule
    clock, workers = run.settings["clock"], run.settings.get("workers", 1)
    costs = Costs(
        **{
            k: run.settings[k]
            for k in ("startup_s", "stop_latency_s", "upload_s")
            if k in run.settings
        }
    )
    result = esim.replay(made, rule, clock, workers, costs=costs)
    decisions: dict[str, list[SimpleNamespace]] = {}
    trace = result.trace()
    for told_of in zip(*trace.values(), strict=True):
        one = SimpleNamespace(**dict(zip(trace, told_of, strict=True)))
        decisions.setdefault(one.trial, []).append(one)
    columns, plan = result.columns, prepare(made, rule)
    for i, trial in enumerate(made.trials):
        found = explain(made, trial, rule, clock, workers, costs=costs)
        assert found.stopped == columns.stopped[i]
        assert sum(row.ran for row in found.rows) == columns.reports_kept[i]
        if found.stopped:
            assert found.stop_step == columns.stop_step[i]
            decided = next(row for row in found.rows if row.step == found.decided_step)
            assert decided.peers == columns.peers[i]
            assert decided.threshold == columns.threshold[i]
            assert decided.verdict == "stop"
        for expected in decisions.get(trial, []):
            row = next(row for row in found.rows if row.step == expected.step)
            assert (row.value, row.peers) == (expected.value, expected.peers)
            if row.reason != "a stop was already decided":  # there the replay judges no more
                assert (row.verdict == "stop") == expected.stop
                if row.verdict != "not judged":
                    actual = math.nan if row.threshold is None else row.threshold
                    assert np.array_equal(actual, expected.threshold, equal_nan=True)
        probed = run_once(plan, result.clock, costs, probe=i, traced=True)
        peers = peers_of(plan, result.clock, costs, probed, i)
        mine = plan.judgements(i)
        expected_threshold, expected_peers, _ = probed.trace[mine].T
        np.testing.assert_array_equal(peers.count, expected_peers)
        judged = ~np.isnan(expected_threshold)
        np.testing.assert_array_equal(peers.threshold[judged], expected_threshold[judged])
        between = (peers.low <= peers.threshold) & (peers.threshold <= peers.high)
        middle = 0.25 <= rule.quantile <= 0.75
        assert (between | np.isnan(peers.threshold) | (not middle)).all()


def test_agrees_with_the_replay():
    for run in generate.runs(20261123, 150):
        agrees(run)


@settings(deadline=None)
@given(st.data())
def test_agrees_with_the_replay_of_any_run(data):
    run = data.draw(generate.any_run())
    agrees(run)


@pytest.mark.parametrize("name", PRESETS)
def test_every_rule_can_be_explained(name: str) -> None:
    for kind in ("nan", "missing"):
        made_up = curves(kind, "maximize", 14, 12, 5)
        result = replay(made_up, name, workers=3)
        for i in (4, 9, 13):
            found = explain(made_up, made_up.trials[i], name, workers=3)
            assert found.stopped == bool(result.columns.stopped[i])
            assert found.account
            stop = [row for row in found.rows if row.verdict == "stop" and row.ran]
            assert not found.stopped or stop[0].step == found.decided_step
