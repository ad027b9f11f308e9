"""What a step of 0 means: told by the user or the format, by strides or times, or assumed."""

from __future__ import annotations

import numpy as np
import pytest

import esim
from esim.errors import EsimError
from esim.simulator.replay import replay
from esim.study import Study
from esim.study.first_step import ASSUMED, SETTLED, settle_first_step

OFFSETS = np.array([0, 3, 5])


def settled(steps: list[int], elapsed: list[float] | None = None, **told: str) -> tuple[int, str]:
    """What is done at step 0, and the code of the note; trials of 3 and 2 reports."""
    times = None if elapsed is None else np.array(elapsed)
    done, note = settle_first_step(np.array(steps), OFFSETS, times, **told)  # type: ignore[arg-type]
    return done, "" if note is None else note.code


def test_an_index_that_never_is_0_is_the_amount() -> None:
    assert settled([1, 2, 3, 1, 2]) == (0, "")
    assert settled([1, 2, 3, 1, 2], declared="done") == (0, "")


def test_who_tells_is_believed() -> None:
    assert settled([0, 1, 2, 0, 1], declared="done") == (1, "")
    assert settled([0, 1, 2, 0, 1], declared="before") == (0, "")
    assert settled([0, 1, 2, 0, 1], declared="done", asked="before") == (0, SETTLED)
    assert settled([1, 2, 3, 1, 2], asked="done") == (1, SETTLED)  # 0 is missing from these logs


def test_wide_strides_start_before_training() -> None:
    assert settled([0, 100, 200, 0, 100]) == (0, SETTLED)
    assert settled([0, 100, 101, 0, 100]) == (1, ASSUMED)  # some successive steps are 1 apart
    # XGBoost with verbose_eval=10 prints [0], [10], ... after the rounds 1, 11, ...
    assert settled([0, 10, 20, 0, 10], declared="done") == (1, "")


def test_no_time_passes_before_training() -> None:
    # a step takes 10 s: at step 0 none have passed, 4 (an evaluation), or 10 (a step)
    assert settled([0, 1, 2, 0, 1], [0, 10, 20, 0, 10]) == (0, SETTLED)
    assert settled([0, 1, 2, 0, 1], [4, 14, 24, 4, 14]) == (0, SETTLED)
    assert settled([0, 1, 2, 0, 1], [10, 20, 30, 10, 20]) == (1, ASSUMED)
    assert settled([0, 1, 2, 0, 1], [0, 0, 0, 0, 0]) == (1, ASSUMED)  # times that tell nothing


def test_a_single_report_is_the_first_step_done() -> None:
    assert settle_first_step(np.array([0]), np.array([0, 1]), None)[0] == 1


def test_another_word_is_refused() -> None:
    with pytest.raises(EsimError, match="first_step cannot be 'first'"):
        Study.from_arrays([[1.0]], "minimize", first_step="first")


CURVES = [[3.0, 2.0, 2.0, 1.0], [4.0, 4.0, 4.0, 4.0], [2.0, 2.5, 3.0, 3.0]]


def from_zero(**told: str) -> Study:
    return Study.from_arrays(CURVES, "minimize", steps=range(4), **told)  # type: ignore[arg-type]


def test_amounts_count_the_resource_and_stops_the_index() -> None:
    """The literal rule, one after another.

    t0 has no peers: 4 steps. t1: 4 > 3 at its first report. t2: 2 against (3 + 4) / 2, 2.5 against
    t0's average (3 + 2) / 2 = 2.5, a tie, 3 against (3 + 2 + 2) / 3: stopped at its third.
    4 + 1 + 3 = 8 of 12 steps. Were nothing done at index 0: 3 + 0 + 2 = 5 of 9.
    """
    result = replay(from_zero())
    assert result.columns.steps_run.tolist() == [4, 1, 3]
    assert result.columns.stop_step.tolist() == [-1, 0, 2]
    assert (result.summary.steps_recorded, result.summary.steps_run) == (12, 8)
    (caveat,) = (c.text for c in result.warnings if c.code == ASSUMED)
    assert "33.3 % of the steps" in caveat  # 1 - 8 / 12
    assert "it would be 44.4 %" in caveat  # 1 - 5 / 9

    before = replay(from_zero(first_step="before"))
    assert (before.summary.steps_recorded, before.summary.steps_run) == (9, 5)
    assert before.columns.stop_step.tolist() == [-1, 0, 2]
    assert not [c for c in before.warnings if c.code == ASSUMED]


def test_warm_ups_rungs_and_intervals_count_the_resource() -> None:
    # With a warm-up of 2 nothing is judged below 2 units done: at the index 1, and not before.
    for study in (from_zero(first_step="done"), Study.from_arrays(CURVES, "minimize")):
        kept = replay(study, esim.rule("sagemaker", warmup_steps=2)).columns.reports_kept
        assert kept.tolist() == [4, 2, 3]  # t1: 4 > 2.5 at its second report
        rungs = replay(study, esim.rule("ray-asha", first_rung=2)).columns.reports_kept
        assert rungs.tolist() == [4, 2, 4]  # at the rung of 2: t1's 4 against t0's 2; t2: 2.5 first


def test_a_stored_study_keeps_what_is_done_at_zero(tmp_path: object) -> None:
    for number, study in enumerate((from_zero(), from_zero(first_step="before"))):
        study.to_parquet(f"{tmp_path}/{number}")
        read = Study.from_parquet(f"{tmp_path}/{number}")
        assert (read.done_at_zero, read.notes) == (study.done_at_zero, study.notes)
