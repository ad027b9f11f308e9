"""The objects of each library, after a real run: read as the files of the same run are.

    PYTHON -m pytest tests/live/test_objects.py -k "optuna or ray"

runs in an environment that has the library beside what esim needs; a library that it lacks fails
its test. For tables these are polars and duckdb.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esim
from esim.readers.inputs import read_inputs
from esim.study import Status, Study
from tests.live import tuners
from tests.live.tiny import METRIC
from tests.readers.test_tiny import assert_same_study

MLFLOW: dict[str, Any] = {"objective": METRIC.replace(":", "/"), "direction": "minimize"}


def assert_same(actual: Study, expected: Study, *, but: tuple[str, ...] = ()) -> None:
    """That two studies and their notes are the same, but for notes of some codes."""
    assert_same_study(actual, expected)
    notes = [[n for n in study.notes if n.code not in but] for study in (actual, expected)]
    assert notes[0] == notes[1]


@pytest.fixture(params=["UTC", "America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's zone, which Optuna converts its times to."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("kept", ["database", "journal", "memory"])
def test_optuna(kept: str, tmp_path: Path) -> None:
    """Only a database's file names no zone: from Optuna 5 on its times are UTC, as they are read.

    The study in memory is made twice, so that its clock differs where the times are not given.
    """
    import optuna
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage: Any = InMemoryStorage()
    if kept == "journal":
        tuners.optuna_journal(tmp_path)
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    else:
        tuners.optuna(tmp_path)
        if kept == "database":
            storage = f"sqlite:///{tmp_path}/optuna.db"
        else:
            tuners.optuna_study(storage)
    expected = read_inputs(tmp_path).studies
    assert len(expected) == 2
    for study in expected[: 1 if kept == "memory" else 2]:
        loaded = optuna.load_study(storage=storage, study_name=study.name)
        assert_same(esim.read_study(loaded), study, but=("zone_assumed",))
    two = optuna.load_study(storage=storage, study_name="two")
    with pytest.raises(esim.EsimError, match="2 objectives"):
        esim.read_study(two)


def test_ray_tune(tmp_path: Path) -> None:
    from ray import tune

    for grid, name in zip(tuners.ray_grids(tmp_path), ["tiny", "cut"], strict=True):
        options: dict[str, Any] = {"objective": METRIC, "direction": "minimize"}
        expected = esim.read_study(tmp_path / name, **options)
        analysis = tune.ExperimentAnalysis(str(tmp_path / name))
        shutil.rmtree(tmp_path / name)  # what Ray holds is enough
        for held in (grid, analysis, tune.ResultGrid(analysis)):
            assert_same(esim.read_study(held, **options), expected)


def ray_odd(folder: Path) -> Any:
    """Trials that fail at once, later, or once, and metrics that are NaN or reported sometimes."""
    from ray import tune

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 6):
            mark = Path(config["folder"]) / f"{config['fails']}-{step}"
            if config["fails"] == step and not (config["once"] and mark.exists()):
                mark.touch()
                raise RuntimeError(f"at step {step}")
            result = {"loss": math.nan if step == 4 else 1 / step, "note": "text"}
            tune.report(result | ({"rare": step} if step % 2 == 0 else {}))

    space = {"fails": tune.grid_search([0, 1, 3]), "once": tune.grid_search([True, False])}
    return tune.Tuner(
        train,
        param_space={**space, "folder": str(folder), "z": {"t": (1, 2), "f": len}, "a": 1},
        tune_config=tune.TuneConfig(max_concurrent_trials=1, metric="loss", mode="min"),
        run_config=tune.RunConfig(
            name="odd",
            storage_path=str(folder / "ray"),
            failure_config=tune.FailureConfig(max_failures=1),
        ),
    ).fit()


def test_ray_tune_failures_and_missing_values(tmp_path: Path) -> None:
    grid = ray_odd(tmp_path)
    folder = tmp_path / "ray" / "odd"
    for metric in ("loss", "rare"):
        expected = esim.read_study(folder, objective=metric, direction="minimize")
        found = esim.read_study(grid, objective=metric, direction="minimize")
        assert_same(found, expected)
    # Of the trials that fail at step 1 or 3, those that may try again complete.
    failed = [result.error is not None for result in grid]
    status = dict(zip(found.trials, found.status.tolist(), strict=True))
    ids = [trial.trial_id for trial in grid._experiment_analysis.trials]
    assert [status[trial] == Status.FAILED for trial in ids] == failed
    assert sorted(failed) == [False] * 4 + [True] * 2
    whole = esim.read_study(folder, objective="loss", direction="minimize")
    shutil.rmtree(folder)
    alone = esim.read_study(grid)
    assert (alone.objective, alone.direction) == ("loss", "minimize")
    assert_same(alone, whole, but=("nan_or_absent", "objective_chosen"))
    assert "nan_or_absent" in [note.code for note in alone.notes]


@pytest.mark.parametrize("name", ["mlflow", "mlflow_sqlite"])
def test_mlflow(name: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    getattr(tuners, name)(tmp_path)
    files = (tmp_path / "mlruns").as_uri()
    client = MlflowClient(files if name == "mlflow" else f"sqlite:///{tmp_path}/mlflow.db")
    for more in ({}, {"objective": "no step"}, {"studies": ["sweeps/first sweep"]}):
        options = {**MLFLOW, **more}
        expected = read_inputs(tmp_path, **options).studies
        found = read_inputs(client, **options).studies
        assert [study.name for study in found] == [study.name for study in expected]
        for actual, its in zip(found, expected, strict=True):
            assert_same(actual, its)


def test_syne_tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before pandas 3 a number that it read from CSV may differ in its last bit."""
    monkeypatch.chdir(tmp_path)  # its workers write a file where they are started
    tuners.syne_tune(tmp_path)
    from syne_tune.experiments import load_experiment

    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for load_tuner in (False, True):
        held = load_experiment(folder.name, load_tuner=load_tuner, local_path=str(tmp_path))
        assert_same(esim.read_study(held), esim.read_study(folder))


def test_tables() -> None:
    import duckdb
    import polars as pl

    columns = {"trial": ["01", "01", "b"], "step": [1, 2, 1], "loss": [3.0, math.nan, 4.0]}
    frame = pl.DataFrame(columns)
    for held in (
        frame,
        frame.with_columns(pl.col("trial").cast(pl.Categorical)),
        frame.with_columns(
            pl.col("trial").cast(pl.Enum(["b", "01"])), pl.col("step").cast(pl.UInt8)
        ),
        pl.concat([frame.head(1), frame.tail(2)], rechunk=False),
        frame.to_pandas(),
        frame.to_arrow(),
        duckdb.sql("SELECT * FROM frame"),
    ):
        study = esim.read_study(held, direction="minimize")
        assert study.trials == ("01", "b")
        np.testing.assert_array_equal(study.steps, [1, 2, 1])
        np.testing.assert_array_equal(study.values, [3, np.nan, 4])
    with pytest.raises(TypeError, match="collect"):
        esim.read_study(frame.lazy(), direction="minimize")
    with pytest.raises(TypeError, match="no table"):
        esim.read_study(frame["loss"], direction="minimize")
