"""The record: what it takes, what it refuses, and how it says so."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from esim import EsimError, Study
from esim.study import Status
from esim.study.batch import Batch


def small(**columns: Any) -> Study:
    return Study.from_arrays([[3.0, 2.0, 1.0], [4.0, 3.0, 2.0]], "minimize", **columns)


def test_a_matrix_with_gaps() -> None:
    study = Study.from_arrays(
        [[1, np.nan, 3], [np.nan, np.nan, np.nan], [4, 5, np.nan]], "maximize"
    )
    assert study.offsets.tolist() == [0, 2, 2, 4]
    assert study.steps.tolist() == [1, 3, 1, 2]
    assert study.values.tolist() == [1, 3, 4, 5]
    assert study.trials == ("0", "1", "2")
    assert (study.n_trials, study.n_reports) == (3, 4)
    assert not study.has_schedule


def test_curves_of_any_lengths_with_steps_and_times_of_their_own() -> None:
    study = Study.from_arrays(
        [[1.0, 2.0], [3.0, np.nan, 5.0]],
        "MINIMIZE",
        steps=[[10, 20], [5, 6, 7]],
        elapsed=[[0.5, 1.0], [2.0, np.nan, 4.0]],
        start=[0, 1],
        end=[2, 6],
        names=["a", "b"],
    )
    assert study.steps.tolist() == [10, 20, 5, 7]
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [0.5, 1.0, 2.0, 4.0]
    assert study.has_schedule
    assert study.direction == "minimize"


def test_one_row_of_steps_serves_all() -> None:
    assert small(steps=[0, 5, 9]).steps.tolist() == [0, 5, 9, 0, 5, 9]


def test_the_matrix_given_is_copied() -> None:
    values = np.ones((2, 3))
    study = Study.from_arrays(values, "minimize")
    values[:] = 7
    assert (study.values == 1).all()


def test_statuses_and_censoring() -> None:
    study = small(status=["Completed", "pruned"])
    assert study.status.tolist() == [Status.COMPLETED, Status.STOPPED]
    assert study.censored.tolist() == [False, True]
    assert small(status=[Status.FAILED, Status.RUNNING]).censored.all()


def test_a_running_trial_has_no_end_and_leaves_the_schedule_whole() -> None:
    times = {"elapsed": [1, 2, 3], "start": [0, 0]}
    assert not small(**times, end=[3, np.nan]).has_schedule
    assert small(**times, end=[3, np.nan], status=["completed", "running"]).has_schedule


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"steps": [1, 1, 2]}, "increase strictly"),
        ({"steps": [-1, 1, 2]}, "negative"),
        ({"steps": [1, 2]}, "steps"),
        ({"elapsed": [1, 3, 2]}, "never decrease"),
        ({"elapsed": [1, 2, np.nan]}, "finite"),
        ({"elapsed": [-1, 2, 3]}, "negative"),
        ({"start": [5, 0], "end": [4, 1]}, "before it starts"),
        ({"start": [5]}, "start"),
        ({"names": ["a", "a"]}, "stands twice"),
        ({"names": ["a"]}, "offsets"),
        ({"status": ["done", "done"]}, "unknown status"),
        ({"instance_count": [0, 1]}, "at least 1"),
        ({"instance_type": ["m"]}, "instance_type"),
        ({"config": {"lr": [1]}}, "lr"),
    ],
)
def test_disorder_is_refused(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(EsimError, match=said):
        small(**columns)


@pytest.mark.parametrize("direction", ["up", "", "mini", None])
def test_unknown_direction(direction: Any) -> None:
    with pytest.raises(EsimError, match="unknown direction"):
        Study.from_arrays([[1.0]], direction)


@pytest.mark.parametrize("values", [np.ones(3), np.ones((1, 2, 3)), [[[1.0]]]])
def test_values_of_another_shape(values: Any) -> None:
    with pytest.raises(EsimError, match=r"values"):
        Study.from_arrays(values, "minimize")


def test_validate_knows_dtypes_shapes_and_order() -> None:
    study = small()
    for change, said in (
        ({"values": study.values.astype(np.float32)}, "column values must be float64"),
        ({"values": study.values[:-1]}, r"column values must be float64 \[6\]"),
        ({"values": np.ones(12)[::2]}, "contiguous"),
        ({"offsets": np.array([0, 4, 3])}, "offsets"),
        ({"offsets": np.array([1, 3, 6])}, "offsets"),
        ({"status": np.array([1, 9], dtype=np.int8)}, "Status"),
    ):
        with pytest.raises(EsimError, match=said):
            dataclasses.replace(study, **change).validate()


def test_near_names_for_a_wrong_trial() -> None:
    study = small(names=["job-001", "job-002"])
    assert study.trial_index("job-002") == 1
    with pytest.raises(EsimError, match="job-001"):
        study.trial_index("job-01")


def test_an_error_says_what_where_why_and_what_would_work() -> None:
    error = EsimError("no step", where="a.csv:3", why="the cell is empty", fix="a number")
    assert str(error) == "a.csv:3: no step\n  why: the cell is empty\n  fix: a number"
    assert isinstance(error, ValueError)


def test_steps_whose_sum_would_not_be_exact() -> None:
    """Sums are float64, exact below 2**53: two trials may come to step 2**52 - 1, not to 2**52."""
    assert small(steps=[1, 2, 2**52 - 1]).steps.max() == 2**52 - 1
    with pytest.raises(EsimError, match=f"step {2**52} is too large") as error:
        small(steps=[1, 2, 2**52], name="job")
    assert error.value.where == "study 'job', trial '0'"
    assert "9,007,199,254,740,992 (2**53)" in str(error.value.why)


def test_steps_whose_sum_is_exact_in_each_study_of_a_batch() -> None:
    studies = [small(steps=[1, 2, 2**52 - 1], name=str(i)) for i in range(5)]
    batch = Batch.of(studies)
    batch.validate_numbers()  # 10 trials come to that step in all, 2 in each study
    with pytest.raises(EsimError, match=r"study 'x'.*too large"):
        Batch.of(
            [*studies, dataclasses.replace(studies[0], name="x", steps=studies[0].steps * 2)]
        ).validate_numbers()


def test_a_trial_by_its_beginning() -> None:
    found = Study.from_arrays([[1.0], [2.0], [3.0]], "max", names=["a-1", "a-12", "b"])
    assert found.direction == "maximize" and found.sign == -1
    assert [found.trial_index(name) for name in ("a-1", "a-12", "b", "a-12"[:4])] == [0, 1, 2, 1]
    with pytest.raises(
        EsimError, match=r"2 trials in study 'study' begin with 'a-'(.|\n)*a-1, a-12"
    ):
        found.trial_index("a-")
    with pytest.raises(EsimError, match="no trial ''"):
        found.trial_index("")


def test_a_direction_stands_in_one_word() -> None:
    with pytest.raises(EsimError, match="direction must be minimize or maximize"):
        dataclasses.replace(small(), direction="max").validate()  # type: ignore[arg-type]
