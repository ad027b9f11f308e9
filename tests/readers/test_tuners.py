"""The tiny study as each tuner and tracker wrote it (tests/formats): the same study.

tests/live/tuners.py made the recordings; tests/live/test_tuners.py makes them again.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esim
from esim.readers.inputs import read_inputs
from esim.study import Status, Study
from tests.live.tiny import BEGAN, METRIC, TRIALS
from tests.paths import FORMATS

IDS = tuple(TRIALS)
NUMBERS = tuple(str(i) for i in range(6))
VALUES = np.array([values for values, _, _ in TRIALS.values()])
RATES = tuple(rate for _, rate, _ in TRIALS.values())
STARTS = BEGAN + np.array([second for _, _, second in TRIALS.values()], dtype=float)
MLFLOW_METRIC = METRIC.replace(":", "/")


@dataclass(frozen=True)
class Kept:
    """What a format keeps of the tiny study.

    Attributes:
        options: what has to be said to read it.
        trials: the ids; None if the library makes them up.
        metric: the objective's name in it.
        first: the first step.
        elapsed: whether each report's time is kept.
        times: whether times are those of data/tiny, or the clock's when it was written.
        end: seconds from a trial's start to its end.
        status: of all trials.
        rates: the learning rates as it keeps them, and under which name.
        study: the study's name; None if it is made up.
    """

    format: str
    options: dict[str, Any]
    trials: tuple[str, ...] | None
    metric: str = METRIC
    first: int = 1
    elapsed: bool = True
    times: bool = True
    end: float = 52.0
    status: Status = Status.COMPLETED
    rates: tuple[str, tuple[Any, ...]] | None = ("learning_rate", RATES)
    study: str | None = "tiny"


CHOSEN: dict[str, Any] = {"objective": METRIC, "direction": "minimize"}
MLFLOW = Kept(
    "mlflow",
    {"objective": MLFLOW_METRIC, "direction": "minimize", "studies": ["tiny"]},
    IDS,
    MLFLOW_METRIC,
    rates=("learning_rate", tuple(map(str, RATES))),
)
OPTUNA = Kept("optuna", {"studies": ["tiny"]}, NUMBERS, elapsed=False)
RECORDINGS: dict[str, Kept] = {
    "optuna": OPTUNA,
    "optuna_journal": OPTUNA,
    "ray_tune": Kept(
        "ray-tune",
        {**CHOSEN, "studies": ["tiny"]},
        None,
        times=False,
        rates=("job/learning_rate", RATES),
    ),
    "syne_tune": Kept("syne-tune", {}, NUMBERS, times=False, status=Status.UNKNOWN, study=None),
    "mlflow": MLFLOW,
    "mlflow_sqlite": MLFLOW,
    "sacred": Kept("sacred", CHOSEN, IDS, study=None),
    "hpbandster": Kept(
        "hpbandster", {}, tuple(f"0,0,{i}" for i in range(6)), "loss", end=50.0, study=None
    ),
    "nni": Kept("nni", {}, None, "default", first=0, times=False, rates=("at", (0, 1, 2, 3, 4, 5))),
    "keras_tuner": Kept("keras-tuner", {}, NUMBERS, elapsed=False, times=False),
    "smac": Kept("smac", {}, tuple("123456"), "cost", end=50.0, study=None),
    "dehb": Kept(
        "dehb",
        {},
        NUMBERS,
        "fitness",
        elapsed=False,
        times=False,
        rates=("config[0]", RATES),
        study=None,
    ),
    "autogluon": Kept(
        "autogluon",
        {"objective": "val/loss", "direction": "minimize"},
        IDS,
        "val/loss",
        elapsed=False,
        times=False,
        status=Status.UNKNOWN,
        rates=None,
        study=None,
    ),
    "determined": Kept("determined", {}, NUMBERS, "validation/loss", study="experiment 7"),
}


def check_recording(folder: Path | str, name: str, kept: Kept | None = None) -> Study:
    """That a folder or address, as a library writes it, holds the tiny study."""
    kept = kept or RECORDINGS[name]
    reading = read_inputs(folder, **kept.options)
    assert [one.format for one in reading.inputs] == [kept.format]
    assert all(len(one.sha256) == 64 for one in reading.inputs)
    (study,) = reading.studies
    assert kept.study in (None, study.name)
    assert (study.objective, study.direction) == (kept.metric, "minimize")
    assert kept.trials is None or study.trials == kept.trials
    np.testing.assert_array_equal(study.offsets, np.arange(0, 31, 5))
    np.testing.assert_array_equal(study.steps, np.tile(np.arange(kept.first, kept.first + 5), 6))
    np.testing.assert_array_equal(study.values.reshape(6, 5), VALUES)
    assert study.status.tolist() == [kept.status] * 6
    assert not study.censored.any()
    if kept.rates is not None:
        key, values = kept.rates
        assert tuple(study.config[key]) == values
    assert (study.elapsed is not None) == kept.elapsed
    if kept.times:
        np.testing.assert_array_equal(study.start, STARTS)
        np.testing.assert_array_equal(study.end, STARTS + kept.end)
    if kept.times and study.elapsed is not None:
        np.testing.assert_array_equal(study.elapsed, np.tile([10, 20, 30, 40, 50], 6))
    return study


def check_server(address: str, name: str) -> None:
    """That a database or server holds the tiny study; nothing names the password."""
    kept = OPTUNA if name.startswith("optuna") else MLFLOW
    check_recording(address, name, kept)
    odd = read_inputs(address, **{**kept.options, "studies": []})
    assert "secret" not in odd.inputs[0].path
    assert len(odd.studies) > 1


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_a_recording_is_the_tiny_study(name: str) -> None:
    check_recording(FORMATS / name, name)


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_a_recording_is_replayed(name: str) -> None:
    """By the literal rule in launch order, as tests/test_tiny.py works it out."""
    study = check_recording(FORMATS / name, name)
    result = esim.replay(study, clock="order")
    assert result.columns.steps_run.tolist() == [5, 1, 5, 5, 2, 1]  # also where steps are from 0
    assert (result.summary.seconds_run is None) == (study.elapsed is None)
    assert result.summary.cost is None


@pytest.mark.parametrize("name", ["optuna", "mlflow_sqlite", "nni"])
def test_databases_are_read_plain_or_compressed(name: str, tmp_path: Path) -> None:
    (packed,) = (FORMATS / name).rglob("*.gz")
    below = packed.relative_to(FORMATS / name)
    (tmp_path / below).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / below).with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    check_recording(tmp_path, name)


def odd_study(name: str) -> Study:
    (study,) = read_inputs(FORMATS / name, studies=['odd\'s "study"']).studies
    return study


@pytest.mark.parametrize("name", ["optuna", "optuna_journal"])
def test_optuna_states_and_values_that_are_none(name: str) -> None:
    """Trials: pruned after 1, NaN, inf; failed after -inf; returned 9 but reported 3.5, 2.5;
    running; enqueued."""
    study = odd_study(name)
    assert study.direction == "maximize"
    assert study.objective == "objective"
    stopped, failed, whole = Status.STOPPED, Status.FAILED, Status.COMPLETED
    assert study.status.tolist() == [stopped, failed, whole, Status.RUNNING, Status.RUNNING]
    assert study.censored.tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(study.offsets, [0, 3, 4, 6, 7, 7])
    np.testing.assert_array_equal(study.steps, [0, 3, 7, 0, 0, 1, 0])
    np.testing.assert_array_equal(study.values, [1, np.nan, np.inf, -np.inf, 3.5, 2.5, 0.5])
    assert study.config["kind"][0] == "b"
    assert study.config["depth"][0] == 3
    assert type(study.config["rate"][1]) is int
    counted = {note.code: note.count for note in study.notes}
    assert counted["final_value_differs"] == 1
    assert (counted["infinite_values"], counted["missing_values"]) == (2, 1)
    assert "steps_unsorted" not in counted  # Optuna maps steps to values


@pytest.mark.parametrize("name", ["optuna", "optuna_journal"])
def test_optuna_study_of_several_objectives_has_no_curves(name: str) -> None:
    with pytest.raises(esim.EsimError, match="2 objectives"):
        read_inputs(FORMATS / name, studies=["two"])
    (one,) = read_inputs(FORMATS / name).inputs
    assert "studies_without_objective" in [note.code for note in one.notes]


@pytest.mark.parametrize("name", ["mlflow", "mlflow_sqlite"])
def test_mlflow_children_of_a_parent_are_a_study(name: str) -> None:
    kept = {**MLFLOW.options, "studies": ["sweeps/first sweep"]}
    (study,) = read_inputs(FORMATS / name, **kept).studies
    assert sorted(study.trials) == sorted(IDS)
    assert study.n_reports == 30


@pytest.mark.parametrize("name", ["mlflow", "mlflow_sqlite"])
def test_mlflow_statuses_and_values_that_are_none(name: str) -> None:
    options = {**MLFLOW.options, "studies": ["odd"]}
    reading = read_inputs(FORMATS / name, **options)
    (study,) = reading.studies
    assert study.trials == ("run 0", "run 1", "run 2")
    assert study.status.tolist() == [Status.STOPPED, Status.FAILED, Status.RUNNING]
    np.testing.assert_array_equal(study.steps, [2, 3, 5, 6] * 3)
    np.testing.assert_array_equal(study.values, [1.5, np.nan, np.inf, -np.inf] * 3)
    np.testing.assert_array_equal(study.end, [BEGAN + 9, BEGAN + 10, np.nan])
    counted = {note.code: note.count for note in reading.inputs[0].notes}
    assert (counted["runs_deleted"], counted["parents_no_trials"]) == (1, 1)


@pytest.mark.parametrize("name", ["mlflow", "mlflow_sqlite"])
def test_mlflow_values_logged_without_steps_are_counted(name: str) -> None:
    options = {"objective": "no step", "direction": "minimize"}
    (study,) = read_inputs(FORMATS / name, **options, studies=["odd"]).studies
    np.testing.assert_array_equal(study.steps, [1, 2] * 3)
    assert [n.count for n in study.notes if n.code == "step_by_emission"] == [3]
    (only,) = read_inputs(FORMATS / name, **options).studies  # the others have no such metric
    assert only.name == "odd"


def test_ray_trials_that_a_scheduler_stopped() -> None:
    """Ray calls both TERMINATED; the first one ended at 3 of 5."""
    (study,) = read_inputs(FORMATS / "ray_tune", **CHOSEN, studies=["cut"]).studies
    assert study.status.tolist() == [Status.STOPPED, Status.COMPLETED]
    np.testing.assert_array_equal(study.values, [8, 6, 4, 9, 7, 6, 5, 4])
    assert [note.count for note in study.notes if note.code == "stopped_by_length"] == [1]


def test_ray_nested_metrics_and_other_steps() -> None:
    options: dict[str, Any] = {"objective": "nested/half", "direction": "minimize"}
    (study,) = read_inputs(FORMATS / "ray_tune", **options, studies=["tiny"]).studies
    np.testing.assert_array_equal(study.values.reshape(6, 5), VALUES / 2)
    (study,) = read_inputs(
        FORMATS / "ray_tune", **options, studies=["tiny"], step="iterations_since_restore"
    ).studies
    np.testing.assert_array_equal(study.steps[:5], [1, 2, 3, 4, 5])
    assert "steps are iterations_since_restore" in [note.text for note in study.notes]
    with pytest.raises(esim.EsimError, match="training_iteration"):
        read_inputs(FORMATS / "ray_tune", **options, step="training_iterations")


def test_ray_progress_csv_holds_the_same(tmp_path: Path) -> None:
    """The 2018 way: no state, and where result.json is lost, the CSV."""
    import json

    for i, (values, rate, second) in enumerate(TRIALS.values()):
        folder = tmp_path / f"train_{i}_2018-08-20_22-26-08abc"
        folder.mkdir()
        (folder / "params.json").write_text(json.dumps({"model": {"lr": rate}}))
        lines = [f"{METRIC},training_iteration,timestamp,time_total_s,done"]
        for step, value in enumerate(values, start=1):
            at = BEGAN + second + 10 * step
            lines.append(f"{value},{step},{at},{10.0 * step},{step == 5}")
        (folder / "progress.csv").write_text("\n".join(lines) + "\n")
    kept = Kept(
        "ray-tune",
        CHOSEN,
        tuple(f"train_{i}_2018-08-20_22-26-08abc" for i in range(6)),
        end=50.0,
        status=Status.UNKNOWN,
        rates=("model/lr", RATES),
        study=None,
    )
    check_recording(tmp_path, "ray_tune", kept)


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_reading_changes_nothing_in_the_folder(name: str, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "logs"
    shutil.copytree(FORMATS / name, copy)
    for packed in copy.rglob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    read_inputs(copy, **RECORDINGS[name].options)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
