"""The readings of SageMaker's documentation, each against the naive twin and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import config

import esim
from esim.rules import READINGS
from esim.simulator.plan.build import prepare
from esim.study import Status
from tests.references import naive
from tests.references.generate import FromSeed, build, make_settings, make_study
from tests.simulator.test_kernel import assert_agrees, kernel_run

SEEDS = 15 if config.DISABLE_JIT else 40
DONE, CUT, FAILED, RUNNING = Status.COMPLETED, Status.STOPPED, Status.FAILED, Status.RUNNING
B3 = next(reading for reading in READINGS if reading.code == "B3")


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.code)
def test_every_reading_on_every_status_and_value(reading: Any) -> None:
    # The preset rounds averages to 13 digits, so that ties on paper are ties; the twin does not.
    preset = esim.rule("sagemaker").with_columns(**reading.columns)
    rule = preset.with_columns(adding="in order")
    seen, odd = set(), 0
    for seed in range(SEEDS):
        pick = FromSeed(np.random.default_rng((seed, 3)))
        study = make_study(pick, times=pick.one((None, "schedule")), max_trials=12)
        options = make_settings(pick, study)
        assert_agrees(study, rule, options)
        runs = [kernel_run(prepare(study, one), options) for one in (preset, rule)]
        assert runs[0].rows_kept.tolist() == runs[1].rows_kept.tolist()
        seen |= set(study.status.tolist())
        odd += not np.isfinite(study.values).all()
    assert seen == {status.value for status in Status}
    assert odd > SEEDS // 10


def test_a_result_tells_what_its_readings_did() -> None:
    for seed in range(SEEDS):
        pick = FromSeed(np.random.default_rng((seed, 4)))
        study = make_study(pick, times="schedule", max_trials=12)
        result = esim.replay(study, clock="recorded", readings=True)
        for row in result.readings:
            rule = esim.rule("sagemaker").with_columns(**row.parameters)
            expected = naive.replay(study, rule, clock=row.clock.mode)
            assert row.summary.trials_stopped == sum(expected.stopped)


def test_a_failed_trial_is_no_peer_where_running_ones_are() -> None:
    """One after another: b would stop at its first report, 5 > 1, if a counted, which failed."""
    study = build([[1, 2]] * 3, [[1, 1], [5, 5], [6, 6]], status=[FAILED, DONE, DONE])
    rule = esim.rule("sagemaker").with_columns(**B3.columns)
    result = esim.replay(study, rule, clock="order")
    assert result.columns.reports_kept.tolist() == [2, 2, 1]  # c stops: 6 > 5
    assert [w.text for w in result.warnings if w.code == "failed_trials"] == [
        "1 trial failed: it does not count as the best, and no trial is compared with it from then "
        "on, unless the rule stops it first; look at why"
    ]
    counted = rule.with_columns(failed_peers=True)
    assert esim.replay(study, counted, clock="order").columns.reports_kept.tolist() == [2, 1, 1]


def test_a_trial_is_a_peer_until_it_fails_where_running_ones_are() -> None:
    """a, with the value 9, fails at 25 s. b starts at 2 s, c at 20 s; they report at 10, 20, 30 s.

    b at 12 s: a alone at step 1, 5 < 9: on. At 22 s: a alone at step 2, 5 < 9: on. At 32 s: a has
    failed and c has one report: no peer at step 3. c at 30 s: a has failed, b at step 1: 5, 6 > 5:
    it stops; with a the median of 9 and 5 were 7, 6 < 7, and it went on.
    """
    seconds = [10.0, 20.0, 30.0]
    study = build(
        [[1, 2], [1, 2, 3], [1, 2, 3]],
        [[9, 9], [5, 5, 5], [6, 6, 6]],
        status=[FAILED, DONE, DONE],
        elapsed=[seconds[:2], seconds, seconds],
        start=[0, 2, 20],
        end=[25, 33, 51],
    )
    rule = esim.rule("sagemaker").with_columns(**B3.columns)
    result = esim.replay(study, rule, clock="recorded")
    assert result.columns.reports_kept.tolist() == [2, 3, 1]
    told = result.decisions
    assert told.peers[told.trial == "t1"].tolist() == [1, 1, 0]
    assert told.peers[told.trial == "t2"].tolist() == [1]
    counted = esim.replay(study, rule.with_columns(failed_peers=True), clock="recorded")
    assert counted.columns.reports_kept.tolist() == [2, 3, 3]


def test_a_mean_forgets_the_failed_to_the_last_bit() -> None:
    """Taking 1e30, the value of the failed trial, off the sum would leave 0 of 0.1 and 0.2."""
    study = build(
        [[1], [1], [1], [1, 2]],
        [[0.1], [0.2], [1e30], [0.5, 0.5]],
        status=[DONE, DONE, FAILED, DONE],
        elapsed=[[1.0], [1.0], [1.0], [1.0, 2.0]],
        start=[0, 0, 0, 10],
        end=[3, 3, 3, 12],
    )
    rule = esim.rule("sagemaker").with_columns(pool="reached", method="mean")
    told = esim.replay(study, rule, clock="recorded").decisions
    assert told.threshold[told.trial == "t3"].tolist() == [(0.1 + 0.2) / 2]
