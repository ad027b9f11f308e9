"""The tiny study by hand: what the literal rule does to it, in each clock, step by step.

Values (minimize), steps 1 to 5, and running averages:
    001   8 6 4 3 2    8 7 6 5.25 4.6
    002   9 7 6 5 4    9 8 7.333 6.75 6.2
    003   4 5 5 5 5    4 4.5 4.667 4.75 4.8
    004   7 3 2 2 1    7 5 4 3.5 3
    005   6 6 5 4 3    6 6 5.667 5.25 4.8
    006   9 9 8 8 7    9 9 8.667 8.5 8.2
A report every 10 s; two at a time: 001 and 002 run from 0 to 52 s, 003 and 004 from 52 to 104 s,
005 and 006 from 104 to 156 s.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import esim
from esim.assumptions import Costs
from esim.errors import EsimError
from esim.study import Study
from tests.paths import DATA

TINY = DATA / "tiny"
WAYS = {
    "table": {"objective": "validation:loss", "direction": "minimize"},
    "sagemaker": {},
}


@pytest.fixture(params=list(WAYS))
def tiny(request: pytest.FixtureRequest) -> Study:
    return esim.read_study(TINY / request.param, **WAYS[request.param])


def test_every_format_holds_the_same_study() -> None:
    table, sagemaker = (esim.read_study(TINY / way, **kind) for way, kind in WAYS.items())
    for column in ("offsets", "steps", "values", "elapsed", "start", "end", "status", "censored"):
        np.testing.assert_array_equal(getattr(table, column), getattr(sagemaker, column))
    assert table.trials == sagemaker.trials
    assert table.objective == sagemaker.objective == "validation:loss"
    assert table.direction == sagemaker.direction == "minimize"
    assert table.instance_type == sagemaker.instance_type
    assert dict(table.config) == dict(sagemaker.config)


def test_launch_order(tiny: Study) -> None:
    """One after another.

    001 has no peers and runs on. 002: 9 > 8, the average of 001: stopped at 1.
    003: 4 against the median of 8 and 9; then only 001 has gone as far: 5 <= 7, 5 <= 6, 5 <= 5.25,
    and 5 > 4.6 at its last report, which saves nothing.
    004: 7 against 8 of (8, 9, 4); 3 against 5.75 = (7 + 4.5) / 2; 2 against 5.33, 5, 4.7: runs on.
    005: 6 against 7.5 of (8, 9, 4, 7); 6 > 5 of (7, 4.5, 5): stopped at 2.
    006: 9 > 7 of (8, 9, 4, 7, 6): stopped at 1.
    Steps: 5 + 1 + 5 + 5 + 2 + 1 = 19 of 30.
    """
    result = esim.replay(tiny, clock="order")
    assert result.columns.steps_run.tolist() == [5, 1, 5, 5, 2, 1]
    assert result.columns.threshold[[1, 4, 5]].tolist() == [8, 5, 7]
    assert result.columns.peers[[1, 4, 5]].tolist() == [1, 3, 5]
    summary = result.summary
    assert summary.steps_saved_fraction == pytest.approx(11 / 30)
    assert summary.seconds_run == 190
    assert summary.best is not None
    assert (summary.best.trial, summary.best.value) == ("tiny-004-00000004", 1)
    assert (summary.degradation, summary.best_rank) == (0, 1)
    # Each trial's job lasts 2 s beyond its last report, stopped or not: 6 x 52 and 190 + 6 x 2.
    assert summary.billed_seconds_recorded == 312
    assert summary.billed_seconds_run == 202
    decisions = result.decisions
    assert len(decisions) == 19
    last = decisions[(decisions.trial == "tiny-003-00000003") & (decisions.step == 5)].iloc[0]
    assert (last.threshold, last.peers, bool(last.stop)) == (pytest.approx(4.6), 1, True)


def test_recorded_clock(tiny: Study) -> None:
    """As they ran: a trial is a peer from its end on.

    001 and 002 have no peers: none had ended. At 52 s both are in: medians of their averages are
    8.5, 7.5, 6.667, 6, 5.4.
    003: 4, 5, 5, 5 pass, and 5 <= 5.4: runs on. 004: 7, 3, 2, 2, 1 pass.
    From 104 s on: 005: 6 against 7.5 of (8, 9, 4, 7); 6 <= 6 = (7 + 5) / 2 of (4.5, 5, 7, 8), a
    tie, goes on; 5 <= 5.333 = (6 + 4.667) / 2 of (4, 4.667, 6, 7.333); 4 <= 5 = (4.75 + 5.25) / 2
    of (3.5, 4.75, 5.25, 6.75); 3 <= 4.7: runs on. 006: 9 > 7.5: stopped at 1, at 114 s, and its
    job ends 2 s later.
    """
    result = esim.replay(tiny, clock="recorded")
    assert result.columns.steps_run.tolist() == [5, 5, 5, 5, 5, 1]
    assert result.columns.threshold[5] == 7.5
    assert result.columns.peers[5] == 4
    # 005 still ends last.
    assert (result.summary.makespan_recorded_s, result.summary.makespan_s) == (156, 156)
    assert result.columns.end_s[5] - result.columns.start_s[0] == 116


def test_simulated_clock_pulls_trials_forward(tiny: Study) -> None:
    """Three slots, 2 s after each last report: 001, 002, 003 start at 0 s and end at 52 s.

    004, 005, 006 start at 52 s; medians of (8, 9, 4), (7, 8, 4.5), (6, 7.333, 4.667), ... are
    8, 7, 6, 5.25, 4.8. 004 and 005 pass throughout; 006: 9 > 8, stopped at 62 s. Both end at 104 s.
    """
    result = esim.replay(tiny, workers=3)
    assert result.columns.steps_run.tolist() == [5, 5, 5, 5, 5, 1]
    assert result.columns.threshold[5] == 8
    assert result.summary.makespan_s == result.summary.makespan_recorded_s == 104
    # One slot: launch order; 202 s instead of 312 s.
    alone = esim.replay(tiny, clock="simulated")
    assert alone.columns.steps_run.tolist() == [5, 1, 5, 5, 2, 1]
    assert (alone.summary.makespan_recorded_s, alone.summary.makespan_s) == (312, 202)


def test_a_gap_between_the_jobs_of_a_slot(tiny: Study) -> None:
    """7 s from the end of a job to the next start in its slot, for which nobody pays.

    One after another: 5 gaps more, 312 + 35 and 202 + 35; decisions as without. One slot: the same.
    Two slots: 001 and 002 from 0 to 52 s, 003 and 004 from 59 to 111 s, 005 and 006 from 118 to
    170 s, with the same peers as in the record: 006 stops at its first report, at 128 s, and its
    job ends at 130 s.
    Three slots: 004, 005 and 006 start at 59 s; 006 stops at 69 s; 004 and 005 end at 111 s.
    By the record the starts are what they were: 7 s cannot be asked for.
    """
    costs = Costs(slot_gap_s=7, price=3.6)
    for clock in ("order", "simulated"):
        result = esim.replay(tiny, clock=clock, costs=costs)
        summary = result.summary
        assert result.columns.steps_run.tolist() == [5, 1, 5, 5, 2, 1]
        assert (summary.makespan_recorded_s, summary.makespan_s) == (347, 237)
        assert (summary.billed_seconds_recorded, summary.billed_seconds_run) == (312, 202)
        assert summary.cost == pytest.approx(0.202)
        assert summary.slot_gap_s == 7
    two = esim.replay(tiny, workers=2, costs=costs)
    assert two.columns.start_s.tolist() == [0, 0, 59, 59, 118, 118]
    assert two.columns.end_s.tolist() == [52, 52, 111, 111, 170, 130]
    assert two.columns.steps_run.tolist() == [5, 5, 5, 5, 5, 1]
    three = esim.replay(tiny, workers=3, costs=costs)
    assert three.columns.end_s.tolist() == [52, 52, 52, 111, 111, 71]
    assert three.columns.threshold[5] == 8
    assert three.summary.makespan_s == three.summary.makespan_recorded_s == 111
    with pytest.raises(EsimError, match="recorded clock takes no slot_gap_s"):
        esim.replay(tiny, clock="recorded", costs=costs)
    assert esim.replay(tiny, clock="recorded").summary.slot_gap_s is None


def test_the_gap_of_the_record(tiny: Study) -> None:
    """003 and 004 start 8 s after a slot is free, 005 and 006 13 s: the median is 10.5 s."""
    later = np.array([0, 0, 8, 8, 21, 21])
    slow = dataclasses.replace(tiny, start=tiny.start + later, end=tiny.end + later)
    found = esim.replay(slow, workers=2)
    assert found.summary.slot_gap_s == 10.5
    assert found.columns.start_s.tolist() == [0, 0, 62.5, 62.5, 125, 125]
    assert esim.replay(tiny, workers=2).summary.slot_gap_s == 0
    # With the end of 004 unknown, so is what followed in its slot.
    unknown = dataclasses.replace(slow, end=np.where(np.arange(6) == 3, np.nan, slow.end))
    assert esim.replay(unknown, workers=2).summary.slot_gap_s == 0


def test_stops_on_the_last_report_are_counted_apart(tiny: Study) -> None:
    """One after another 003 ends 5 > 4.6: SageMaker lists it as Stopped, and nothing is saved."""
    result = esim.replay(tiny, clock="order")
    assert result.columns.stopped.tolist() == [False, True, False, False, True, True]
    assert result.columns.stopped_at_last.tolist() == [False, False, True, False, False, False]
    assert (result.summary.trials_stopped, result.summary.trials_stopped_at_last) == (3, 1)
    assert esim.replay(tiny, clock="recorded").summary.trials_stopped_at_last == 0


def test_money_and_latency(tiny: Study) -> None:
    """A stop that takes 20 s: what is stopped trains on for so long, and reports.

    002: 9 > 8, told at 10 s, trains to 30 s: its reports at 20 and at 30 s are made, of averages 8
    and 7.333, and it ends at 32 s. 003: 4, 5, 5 against 8.5, 7.5, 6.667; then as before. 004 runs
    on. 005: 6 against 7.5; 6 against 6 = (7 + 5) / 2 of (7, 8, 4.5, 5), a tie; 5 against 5.333;
    4 against 4.75, 3 against 4.6: runs on. 006: 9 > 7, told at 10 s, ends as 002.
    Steps: 4 x 5 + 2 x 3 = 26 of 30. Billed: 4 x 52 + 2 x 32 = 272 s, 0.001 a second.
    """
    costs = Costs(price=3.6, currency="EUR", stop_latency_s=20)
    result = esim.replay(tiny, clock="order", costs=costs)
    summary = result.summary
    assert result.columns.steps_run.tolist() == [5, 3, 5, 5, 5, 3]
    assert result.columns.seconds_run.tolist() == [50, 30, 50, 50, 50, 30]
    assert result.columns.final_value.tolist() == [2, 6, 5, 1, 3, 8]
    assert (summary.trials_stopped, summary.steps_run, summary.seconds_run) == (2, 26, 260)
    assert summary.billed_seconds_run == 272
    assert summary.cost == pytest.approx(0.272)
    assert summary.cost_recorded == pytest.approx(0.312)
    assert summary.currency == "EUR"
    # 25 s: trained to 35 s, with the same reports. 272 + 2 x 5.
    later = esim.replay(tiny, clock="order", costs=Costs(stop_latency_s=25)).summary
    assert (later.steps_run, later.seconds_run, later.billed_seconds_run) == (26, 270, 282)
    # A latency longer than the rest of a trial: it ends by itself first, and was not stopped.
    patient = esim.replay(tiny, clock="order", costs=Costs(stop_latency_s=1000)).summary
    assert (patient.trials_stopped, patient.steps_saved_fraction) == (0, 0)
    assert patient.billed_seconds_run == patient.billed_seconds_recorded == 312
    assert patient.best_trial_stopped is False


def test_document_is_strict_json_of_the_schema(tiny: Study) -> None:
    entry = json.loads(esim.replay(tiny).to_json(), parse_constant=pytest.fail)
    assert entry["schema"] == "esim.replay/1"
    assert set(entry) == {"schema", "esim", "inputs", "studies", "totals"}
    study = entry["studies"][0]
    assert {"study", "objective", "direction", "rule", "clock", "summary", "trials"} <= set(study)
    assert set(study["rule"]) == {"name", "source", "parameters"}
    assert study["clock"] == {"mode": "recorded", "workers": 1}
    promised = (
        "trials trials_stopped trials_censored steps_recorded steps_run steps_saved_fraction "
        "seconds_recorded seconds_run seconds_saved_fraction billed_seconds_recorded "
        "billed_seconds_run makespan_recorded_s makespan_s cost_recorded cost currency "
        "best_recorded best degradation degradation_normalized best_rank best_trial_stopped"
    )
    assert set(promised.split()) <= set(study["summary"])
    of_a_trial = (
        "trial stopped stop_step steps_recorded steps_run seconds_recorded seconds_run "
        "final_value_recorded final_value threshold peers censored"
    )
    assert all(set(of_a_trial.split()) <= set(row) for row in study["trials"])
    assert study["summary"]["cost"] is None
