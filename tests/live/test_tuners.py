"""Every tuner and tracker writes the tiny study for real, and esim reads it back.

    ESIM_PYTHON=/path/to/python pytest tests/live/test_tuners.py -k "ray_tune or nni"

runs the libraries in another environment than esim's; a library that it lacks fails its test.
ESIM_DATABASE_URL and ESIM_MLFLOW_URL name servers to use: an empty database, and an MLflow server
with an empty store.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from esim.readers.inputs import read_inputs
from tests.live.tuners import WRITERS
from tests.paths import ROOT
from tests.readers.test_tuners import RECORDINGS, check_recording, check_server

REPOSITORY = ROOT
SERVERS = {"optuna_url": "ESIM_DATABASE_URL", "mlflow_url": "ESIM_MLFLOW_URL"}


def write(name: str, folder: Path) -> None:
    python = os.environ.get("ESIM_PYTHON", sys.executable)
    done = subprocess.run(
        [python, "-m", "tests.live.tuners", name, str(folder)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_library_is_recorded() -> None:
    assert set(RECORDINGS) == set(WRITERS) - set(SERVERS)


@pytest.mark.parametrize("name", sorted(set(WRITERS) - set(SERVERS)))
def test_what_a_library_writes_is_the_tiny_study(name: str, tmp_path: Path) -> None:
    write(name, tmp_path)
    check_recording(tmp_path, name)


@pytest.mark.parametrize("name", list(SERVERS))
def test_what_stands_on_a_server_is_the_tiny_study(name: str, tmp_path: Path) -> None:
    write(name, tmp_path)
    check_server(os.environ[SERVERS[name]], name)


@pytest.mark.parametrize("name", ["mlflow", "mlflow_sqlite"])
def test_mlflow_reads_the_same(name: str, tmp_path: Path) -> None:
    """MLflow's client and what it wrote, value by value, with NaN and infinities."""
    from mlflow.tracking import MlflowClient

    write(name, tmp_path)
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    files = (tmp_path / "mlruns").as_uri()
    client = MlflowClient(files if name == "mlflow" else f"sqlite:///{tmp_path}/mlflow.db")
    options = {"objective": "validation/loss", "direction": "minimize"}
    for study in read_inputs(tmp_path, **options, studies=["tiny", "odd"]).studies:
        (experiment,) = client.search_experiments(filter_string=f"name = '{study.name}'")
        runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
        assert set(runs) == set(study.trials)
        for i, trial in enumerate(study.trials):
            rows = slice(study.offsets[i], study.offsets[i + 1])
            history = client.get_metric_history(runs[trial].info.run_id, study.objective)
            history.sort(key=lambda one: one.step)
            assert study.steps[rows].tolist() == [one.step for one in history]
            expected = np.array([one.value for one in history])
            # MLflow hands an infinity out of a database as the largest float.
            expected[np.abs(expected) == np.finfo(float).max] *= np.inf
            np.testing.assert_array_equal(study.values[rows], expected)


def test_optuna_reads_the_same(tmp_path: Path) -> None:
    """Optuna's own trials, with NaN and infinities, by every storage."""
    import optuna
    import optuna.storages.journal as journal

    write("optuna", tmp_path)
    write("optuna_journal", tmp_path)
    backend = journal.JournalFileBackend(str(tmp_path / "journal.log"))
    for path, storage in [
        (tmp_path / "optuna.db", f"sqlite:///{tmp_path}/optuna.db"),
        (tmp_path / "journal.log", optuna.storages.JournalStorage(backend)),
    ]:
        for study in read_inputs(path).studies:
            loaded = optuna.load_study(storage=storage, study_name=study.name)
            assert [str(trial.number) for trial in loaded.trials] == list(study.trials)
            for i, trial in enumerate(loaded.trials):
                rows = slice(study.offsets[i], study.offsets[i + 1])
                reports = sorted(trial.intermediate_values.items())
                assert study.steps[rows].tolist() == [step for step, _ in reports]
                expected = np.array([value for _, value in reports], dtype=float)
                np.testing.assert_array_equal(study.values[rows], expected)
                for name, value in trial.params.items():
                    assert study.config[name][i] == value
