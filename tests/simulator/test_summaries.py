"""What was saved and what it cost: by hand, and against the twin's plain sums."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from numba import config

from esim import Status, Study, replay
from esim.assumptions import Costs
from esim.errors import EsimError
from esim.report.answer import verdict
from esim.results.records import to_json
from esim.results.replay import BestTrial, ReplayDocument, Summary
from tests.references import naive
from tests.references.generate import build, runs
from tests.references.golden import FORWARD, INF, NAN, curves, of, scheduled
from tests.references.naive_accounting import Times, account
from tests.simulator.test_accounting import assert_summary, terms_of
from tests.simulator.test_kernel import clock_of, costs_of, same, told_at_last
from tests.simulator.test_properties import result_of

SEEDED = 150 if config.DISABLE_JIT else 600

# t0: 0.5 .. 4.75, t1: 10.75 .. 15.5, reports 1, 2, 3, 4 s after the start: 0.75 s of upload each
# or less. One after another 3 > 2 stops t1 at its first report.
PAID = scheduled([0.5, 10.75], [4.75, 15.5], [2] * 4, [3] * 4)


def summary_of(study: Study, clock: str = "order", workers: int = 1, **costs: Any) -> Summary:
    return replay(study, "sagemaker", clock, workers, costs=Costs(**costs)).summary


# ------------------------------------------------------------------------- seconds and money


def test_training_seconds_are_those_of_the_last_report() -> None:
    actual = summary_of(PAID)
    assert (actual.seconds_recorded, actual.seconds_run) == (8.0, 5.0)  # 4 + 4, 4 + 1
    assert actual.seconds_saved_fraction == 0.375
    assert (actual.steps_recorded, actual.steps_run) == (8, 5)


# Recorded: trunc(4.75) - trunc(0.5) + trunc(15.5) - trunc(10.75) = 4 + 5 = 9.
BILLED = {
    "its own upload": ({}, 9.0, 6.0),  # t1 ends at 10.75 + 1 + 0.75 = 12.5: 12 - 10 = 2
    "no upload": ({"upload_s": 0.0}, 9.0, 5.0),  # 11.75: 1
    "latency": ({"stop_latency_s": 1.25}, 9.0, 7.0),  # 13.75: 3
    "latency and upload": ({"stop_latency_s": 1.25, "upload_s": 2.25}, 9.0, 9.0),  # 15.25: 5
    "never beyond the record": ({"stop_latency_s": 120.0}, 9.0, 9.0),
    "startup": ({"startup_s": 3.0}, 15.0, 12.0),  # 3 more for each job
}


@pytest.mark.parametrize("case", BILLED)
@pytest.mark.parametrize("clock", ["order", "recorded", "simulated"])
def test_billed_seconds_are_whole(case: str, clock: str) -> None:
    costs, recorded, run = BILLED[case]
    actual = summary_of(PAID, clock, **costs)
    assert (actual.billed_seconds_recorded, actual.billed_seconds_run) == (recorded, run)
    assert actual.billed_saved_fraction == pytest.approx(1 - run / recorded)


def test_billed_seconds_without_recorded_times_are_as_logged() -> None:
    # 2.5 and 2.5; t1 stops at its first report, after 1.25 s, and no upload is known
    study = curves([2, 2], [3, 3], elapsed=[[1.25, 2.5], [1.25, 2.5]])
    actual = summary_of(study)
    assert (actual.billed_seconds_recorded, actual.billed_seconds_run) == (5.0, 3.75)


def test_money_is_price_times_instances() -> None:
    # 3.60 an hour = 0.001 a second. Recorded 4 * 1 + 5 * 10 = 54 s, run 4 * 1 + 2 * 10 = 24 s.
    study = dataclasses.replace(PAID, instance_count=np.array([1, 10], dtype=np.int64))
    actual = summary_of(study, price=3.6, currency="EUR")
    assert actual.cost_recorded == pytest.approx(0.054)
    assert actual.cost == pytest.approx(0.024)
    assert actual.cost_saved_fraction == pytest.approx(30 / 54)
    assert actual.currency == "EUR"
    free = summary_of(study)
    assert (free.cost_recorded, free.cost, free.currency) == (None, None, None)
    gratis = summary_of(study, price=0.0)
    assert (gratis.cost_recorded, gratis.cost, gratis.cost_saved_fraction) == (0.0, 0.0, None)


def test_without_report_times_seconds_are_unknown() -> None:
    study = curves([2] * 4, [3] * 4, start=[0, 0], end=[9, 9])
    actual = summary_of(study, price=1.0)
    for key in ("seconds", "billed_seconds"):
        assert getattr(actual, key + "_recorded") is getattr(actual, key + "_run") is None
    assert actual.cost is actual.cost_recorded is actual.cost_saved_fraction is None
    assert actual.makespan_s is actual.makespan_recorded_s is None
    with pytest.raises(EsimError, match="recorded clock"):
        summary_of(study, "recorded")
    # a step is a second on the schedule: 4 + 4 on one slot; t1 stops after its first
    steps = summary_of(study, "simulated")
    assert (steps.makespan_recorded_s, steps.makespan_s) == (8.0, 5.0)


# ---------------------------------------------------------------------------------- makespan

MAKESPANS = {
    # 4.25 + 4.75; t1 takes 1 + 0.75
    "order": ({"clock": "order", "slot_gap_s": 0.0}, 9.0, 6.0),
    "order, startup": ({"clock": "order", "startup_s": 3.0, "slot_gap_s": 0.0}, 15.0, 12.0),
    # t1's job started 6 s after that of t0 had ended
    "order, as it was": ({"clock": "order"}, 15.0, 12.0),
    # from 0.5 to 15.5; t1 ends at 12.5. No start-up: starts and ends are as recorded.
    "recorded": ({"clock": "recorded", "startup_s": 3.0}, 15.0, 12.0),
    "recorded, latency": ({"clock": "recorded", "stop_latency_s": 1.0}, 15.0, 13.0),
    "one slot": ({"clock": "simulated", "slot_gap_s": 0.0}, 9.0, 6.0),
    # t1's slot is taken at 7.25, it reports at 11.25 and ends at 12
    "one slot, startup": ({"clock": "simulated", "startup_s": 3.0, "slot_gap_s": 0.0}, 15.0, 12.0),
    # t1's slot is taken at 4.25 + 6, it reports at 11.25 and ends at 12
    "one slot, as it was": ({"clock": "simulated"}, 15.0, 12.0),
    "one slot, a gap": ({"clock": "simulated", "slot_gap_s": 0.5}, 9.5, 6.5),
    # t0 ends at 4.25, after t1's last report
    "two slots": ({"clock": "simulated", "workers": 2}, 4.75, 4.75),
}


@pytest.mark.parametrize("case", MAKESPANS)
def test_makespan(case: str) -> None:
    options, recorded, run = MAKESPANS[case]
    actual = summary_of(PAID, **options)
    assert (actual.makespan_recorded_s, actual.makespan_s) == (recorded, run)
    assert actual.makespan_saved_fraction == pytest.approx(1 - run / recorded)


def test_a_stop_pulls_later_trials_forward() -> None:
    # Worked out in references/golden.py: t1's slot frees at 2, so t3 runs from 2 to 6,
    # not from 6 to 10.
    actual = summary_of(FORWARD, "simulated", 2)
    assert (actual.makespan_recorded_s, actual.makespan_s) == (10.0, 6.0)


def test_a_running_trial_is_known_up_to_its_last_report() -> None:
    # t1, from 1, is stopped at its third report, at 4. Its job would end at 104: later than its
    # log, which ends at 6, so it makes all of its 5 recorded reports. Nothing is known of what it
    # saves then, and nothing is made up.
    status = [Status.COMPLETED, Status.RUNNING]
    study = scheduled([0, 1], [4, NAN], [2] * 4, [3] * 5, status=status)
    actual = summary_of(study, "recorded", stop_latency_s=100.0)
    assert (actual.steps_run, actual.makespan_recorded_s, actual.makespan_s) == (9, 6.0, 6.0)
    assert (actual.billed_seconds_recorded, actual.billed_seconds_run) == (9.0, 9.0)
    at_once = summary_of(study, "recorded")
    assert (at_once.makespan_recorded_s, at_once.makespan_s) == (6.0, 4.0)
    assert at_once.billed_seconds_run == 7.0


# -------------------------------------------------------------------------- censored and best


def test_bounds_for_censored_trials() -> None:
    # Judged from the second report on. t1 = 1 runs through its 4 recorded steps of 10, t2 = 3 is
    # stopped at 2 of its 6 (T = 1.5). Steps: recorded 20, run 10 + 4 + 2 = 16.
    # Worst: t1 goes on to 10, unstopped:              4 saved of 26.
    # Best: t1 is stopped at 4 of 10, t2 at 2 of 10:   14 saved of 30.
    cut = [Status.COMPLETED, Status.STOPPED, Status.STOPPED]
    study = curves([2] * 10, [1] * 4, [3] * 6, status=cut)
    actual = replay(study, of(min_reports=2)).summary
    assert (actual.steps_recorded, actual.steps_run) == (20, 16)
    assert actual.trials_censored == 2
    assert actual.steps_saved_fraction_bounds == pytest.approx((4 / 26, 14 / 30))
    # t1 or t2 might have become anything: only the record can be compared
    assert (actual.degradation, actual.degradation_normalized) == (None, None)
    assert actual.degradation_on_record == 0.0
    # A failed trial would not have gone on.
    failed = dataclasses.replace(study, status=np.array([1, 3, 3], dtype=np.int8))
    known = replay(failed, of(min_reports=2)).summary
    assert known.steps_saved_fraction_bounds is None
    assert known.degradation == 0.0


def test_best_trials() -> None:
    # t1 = 5 > 2 is stopped at 1; it would have become the best, 1. t2: 1.5 < T all along.
    # Degradation 1.5 - 1; the recorded finals 2, 1, 1.5 have median 1.5: scale 0.5.
    study = curves([2, 2, 2], [5, 4, 1], [1.5, 1.5, 1.5])
    actual = replay(study).summary
    assert actual.best_recorded == BestTrial("t1", 1.0)
    assert actual.best == BestTrial("t2", 1.5)
    assert (actual.degradation, actual.degradation_normalized) == (0.5, 1.0)
    assert (actual.best_rank, actual.best_trial_stopped) == (2, True)
    # Best instead of last: t0 = 0.5 at its first report.
    early = curves([0.5, 2, 2], [5, 4, 1], [1.5, 1.5, 1.5])
    best = replay(early, final="best").summary
    assert best.best_recorded == BestTrial("t0", 0.5)
    assert (best.degradation, best.best_rank, best.best_trial_stopped) == (0.0, 1, False)


def test_the_best_value_is_kept_in_another_trial() -> None:
    # t1 = 3 > 2 is stopped at 1; it would have ended at 1, as t2 does, which goes on: 2 against
    # (2 + 3) / 2, 1 against 2 (t1 has no step 2). The best value, 1, is kept.
    study = curves([2, 2], [3, 1], [2, 1])
    result = replay(study)
    actual = result.summary
    assert result.columns.stopped.tolist() == [False, True, False]
    assert (actual.best_recorded, actual.best) == (BestTrial("t1", 1.0), BestTrial("t2", 1.0))
    assert (actual.degradation, actual.best_rank, actual.best_trial_stopped) == (0.0, 1, False)
    assert verdict(result).endswith(
        "kept the best value, though not in the trial that had it first."
    )
    # In another order of the same trials t2 has it first.
    (other,) = [replay(curves([2, 2], [2, 1], [3, 1])).summary]
    assert (other.degradation, other.best_rank, other.best_trial_stopped) == (0.0, 1, False)


def test_stopping_may_improve_the_final_value() -> None:
    # t1 = 3 > 2 is stopped at 1 with 3; it would have ended at 9. Alone with t0 at 4: -1.
    study = curves([1, 4], [3, 9])
    actual = replay(study, of(peer="value")).summary
    assert (actual.degradation, actual.best_rank) == (-1.0, 1)
    assert actual.degradation_normalized == pytest.approx(-1 / 2.5)  # |6.5 - 4|


def test_a_failed_trial_is_never_the_best_unless_stopped_before() -> None:
    failed = [Status.COMPLETED, Status.FAILED]
    assert replay(curves([2, 2], [1, 1], status=failed)).summary.best_trial_stopped is False
    stopped = replay(curves([2, 2], [3, 1], status=failed), final="best").summary
    assert stopped.best == BestTrial("t0", 2.0)
    assert stopped.trials_stopped == 1


def test_an_infinite_value_beats_none() -> None:
    # t0 has no value; t1 is as bad as can be, and the best there is.
    actual = replay(curves([NAN], [INF])).summary
    assert actual.best_recorded == actual.best == BestTrial("t1", INF)
    assert (actual.degradation, actual.best_rank) == (0.0, 1)


def test_all_failed() -> None:
    actual = replay(curves([1.0], [2.0], status=[Status.FAILED] * 2)).summary
    assert actual.best is actual.best_recorded is actual.degradation is actual.best_rank is None


# ----------------------------------------------------------------------- against plain sums


@pytest.mark.parametrize("final", ["last", "best"])
def test_summaries_agree_with_the_twin(final: str) -> None:
    stops = known = 0
    for run in runs(seed=41, n=SEEDED):
        study, clock, costs = run.study, clock_of(run.settings), costs_of(run.settings)
        under = naive.replay(study, run.rule, **run.settings)
        baseline = naive.replay(study, run.rule, **run.settings, acting=False)
        times = Times(under.start, under.end, baseline.start, baseline.end)
        expected = account(
            study, range(study.n_trials), under.kept, under.stopped,
            terms_of(study, clock, costs, final), times, under.trained,
        )  # fmt: skip
        actual = result_of(run, final).summary
        del expected["best_kept"], expected["loss_on_record"]
        at_last = len(told_at_last(study, under))
        assert_summary(actual, expected, at_last, terms_of(study, clock, costs, final))
        stops += actual.trials_stopped
        known += actual.degradation is not None
    assert min(stops, known) > SEEDED // 5


def test_columns_agree_with_the_twin() -> None:
    for run in runs(seed=42, n=SEEDED):
        study = run.study
        expected = naive.replay(study, run.rule, **run.settings)
        actual = result_of(run).columns
        assert actual.reports_kept.tolist() == expected.kept
        for i in range(study.n_trials):
            kept, first = expected.kept[i], int(study.offsets[i])
            index = int(study.steps[first + kept - 1]) if kept else 0
            assert actual.steps_run[i] == (index + study.done_at_zero if kept else 0)
            assert actual.stop_step[i] == (index if expected.stopped[i] else -1)
            values = [v for v in study.values[first : first + kept].tolist() if not math.isnan(v)]
            assert same(float(actual.final_value[i]), values[-1] if values else None)
            if study.elapsed is not None:
                last = float(study.elapsed[first + kept - 1]) if kept else 0.0
                trained = expected.trained[i]
                assert actual.seconds_run[i] == (last if trained is None else trained)


def test_decisions_agree_with_the_twin() -> None:
    for run in runs(seed=43, n=SEEDED // 3):
        if "order" in run.settings or "startup_s" in run.settings:
            continue
        options = run.settings
        clock, costs = options["clock"], costs_of(options)
        actual = replay(run.study, run.rule, clock, costs=costs).decisions
        expected = naive.replay(run.study, run.rule, **options).decisions
        stops = {(run.study.trials[d.trial], d.step) for d in expected if d.stop}
        told = actual[actual["stop"]]
        assert set(zip(told["trial"], told["step"], strict=True)) == stops


# ------------------------------------------------------------------------ the result document


def strict(text: str) -> Any:
    """Parsed as strict JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in the document")

    return json.loads(text, parse_constant=refuse)


def test_the_document_is_strict_json() -> None:
    study = curves([INF, INF], [-INF, 1.0, NAN], [NAN], [2.0, INF, 1.0])
    for rule in (of(), of(include_self=True, pool="reached", strict=False)):
        result = replay(study, rule)
        found = strict(result.to_json())
        assert found["schema"] == "esim.replay/1"
        (entry,) = found["studies"]
        assert set(entry["summary"]) == {f.name for f in dataclasses.fields(Summary)}
        assert entry["summary"]["seconds_run"] is None
        assert entry["summary"]["cost"] is entry["summary"]["makespan_s"] is None
        assert [row["trial"] for row in entry["trials"]] == ["t0", "t1", "t2", "t3"]
        assert entry["trials"][2]["final_value"] is None
        assert entry["trials"][2]["stop_step"] is entry["trials"][2]["peers"] is None
    assert strict(to_json({"a": [np.float64(np.nan), {"b": np.inf}], 1: np.int64(3)})) == {
        "a": [None, {"b": None}],
        "1": 3,
    }


def test_generated_documents_are_strict_json() -> None:
    for run in runs(seed=44, n=SEEDED // 6):
        strict(result_of(run).to_json())


def test_totals_add_up() -> None:
    timed, untimed = replay(PAID, clock="order"), replay(curves([2] * 4, [3] * 4))
    both = ReplayDocument((timed, timed)).to_dict()["totals"]
    assert (both["studies"], both["trials"], both["trials_stopped"]) == (2, 4, 2)
    assert (both["steps_recorded"], both["steps_run"]) == (16, 10)
    assert both["steps_saved_fraction"] == 0.375
    assert (both["billed_seconds_recorded"], both["billed_seconds_run"]) == (18.0, 12.0)
    assert both["billed_saved_fraction"] == pytest.approx(1 / 3)
    assert both["cost"] is None
    # Shares are of the sums, not means of shares: (0 + 3 steps) of (8 + 12).
    unsaved = replay(curves([2] * 6, [1] * 6))
    assert ReplayDocument((timed, unsaved)).to_dict()["totals"][
        "steps_saved_fraction"
    ] == pytest.approx(3 / 20)
    # One unknown part makes the sum unknown.
    mixed = ReplayDocument((timed, untimed)).to_dict()["totals"]
    assert mixed["steps_run"] == 10
    assert mixed["seconds_run"] is mixed["seconds_saved_fraction"] is None
    assert ReplayDocument(()).to_dict()["totals"]["steps_run"] is None


def test_totals_count_lost_winners() -> None:
    lost, kept = replay(curves([2, 2], [3, 1])), replay(curves([2, 2], [3, 3]))
    assert ReplayDocument((lost, kept, lost)).to_dict()["totals"]["best_trials_stopped"] == 2


def test_rows_without_values_are_resource() -> None:
    # t1 is stopped at its first row; the two behind it have no value but took steps.
    study = build([[1, 2], [1, 2, 3]], [[2, 2], [3, NAN, NAN]])
    actual = replay(study)
    assert (actual.summary.steps_recorded, actual.summary.steps_run) == (5, 3)
    assert actual.columns.stopped.tolist() == [False, True]
    assert actual.summary.degradation == 0.0
