"""The numbers in the reasons to doubt a replay, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import esim
from esim.analyses.check import check
from esim.assumptions import Costs
from esim.results.replay import ReplayResult
from esim.simulator import caveat_texts, caveats
from esim.study import Status, Study
from tests.references.generate import build

NAN = float("nan")


def told(result: ReplayResult, code: str) -> str | None:
    return next((w.text for w in result.warnings if w.code == code), None)


def few(curves: list[list[float]]) -> Study:
    return build([list(range(1, len(c) + 1)) for c in curves], curves)


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        ([[1.0]] * 3 + [[]] * 24, "3 of 27 trials report values: one launch order of so few"),
        ([[1.0]] * 19 + [[NAN, NAN]], "19 of 20 trials report values: one launch order of so few"),
        ([[1.0]] * 19, "19 trials: one launch order of so few"),
        ([[1.0]] * 20 + [[]], None),
    ],
)
def test_trials_that_report_nothing_are_no_history(
    curves: list[list[float]], said: str | None
) -> None:
    text = told(esim.replay(few(curves), clock="order"), "few_trials")
    assert text == (
        None
        if said is None
        else f"{said} says little about the next job; esim estimate tells how sure it is"
    )


def test_check_counts_the_jobs_that_report() -> None:
    curves = [[5.0 - k + i for k in range(4)] for i in range(3)]
    assert check(few(curves + [[]] * 24)).verdict == (
        "AUTO would act: its rule, read word for word, stops 2 of 3 jobs with reports"
    )
    assert check(few(curves[:1] + [[]] * 24)).verdict.startswith("a single job tells nothing")


def test_a_doubt_names_the_workers_of_the_record() -> None:
    """Two trials side by side, then a third: the second flag to try is --workers 2, not 1 slot."""
    seconds = [[10.0, 20.0]] * 3
    study = Study.from_arrays(
        [[3.0, 2.0], [4.0, 4.0], [5.0, 5.0]],
        "minimize",
        elapsed=seconds,
        start=[0.0, 0.0, 20.0],
        end=[20.0, 20.0, 40.0],
    )
    text = told(esim.replay(study), "starts_as_recorded")
    assert text is not None and "--workers 2 starts it sooner" in text


def test_what_may_be_billed_after_a_stop_ends_with_the_job() -> None:
    """t0 completes. t1 and t2 stop at their first report, after 40 and 100 s, as 5 > 1.

    t1 took 117 s and 8 s of upload, 125 in all: it ends at 48 s under the rule, so at most 77 s
    more. t2 took 1000 s, so the whole 120 s. Together 197 s, not 240.
    """
    seconds = [[10.0, 20.0, 30.0], [40.0, 80.0, 117.0], [100.0, 500.0, 1000.0]]
    study = Study.from_arrays(
        [[1.0] * 3, [5.0] * 3, [5.0] * 3],
        "minimize",
        seconds,
        start=[0, 100, 1000],
        end=[30, 225, 2000],
    )
    result = esim.replay(study, clock="order")
    assert result.columns.stop_step.tolist() == [-1, 1, 1]
    assert told(result, "stop_at_once") == (
        "a stop is taken to end its job at once; SageMaker may bill up to 120 s more for each, "
        "though none beyond its recorded end (here at most 197 s in all): --stop-latency-s N "
        "counts them"
    )
    # It is what the replay bills if stops do take 120 s.
    late = esim.replay(study, clock="order", costs=Costs(stop_latency_s=120.0))
    billed = [r.summary.billed_seconds_run for r in (result, late)]
    assert billed[0] is not None and billed[1] is not None
    assert billed[1] - billed[0] == 197.0


def test_how_long_a_job_that_was_cut_short_would_have_gone_on_is_not_known() -> None:
    study = build(
        [[1, 2]] * 3,
        [[1, 1], [5, 5], [5, 5]],
        status=[Status.COMPLETED, Status.STOPPED, Status.RUNNING],
        elapsed=[[10.0, 20.0]] * 3,
        start=[0, 100, 200],
        end=[20, 120, np.nan],
    )
    text = told(esim.replay(study, clock="order"), "stop_at_once")
    assert text is not None and "(here at most 240 s in all" in text


def test_every_caveat_has_a_text() -> None:
    codes = [code for code, _ in caveats._CHECKS]
    assert sorted(codes) == sorted(caveat_texts.TEXTS)
