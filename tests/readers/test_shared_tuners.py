"""Real experiments of other people, against what a person reads in them with sqlite3 and grep.

Set ESIM_SHARED_DATA to the folder that holds them; they are not part of this repository.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esim
from esim.readers.inputs import read_inputs

SHARED = os.environ.get("ESIM_SHARED_DATA", "")
pytestmark = pytest.mark.skipif(not SHARED, reason="ESIM_SHARED_DATA is not set")


@dataclass(frozen=True)
class Experiment:
    """What is in a folder.

    Attributes:
        options: all that has to be said.
        counts: studies, trials, reports, censored trials.
        one: a study and a trial: its first and last step, its first and last value.
        notes: codes of notes that must be there.
    """

    options: dict[str, Any]
    counts: tuple[int, int, int, int]
    one: tuple[str, str, int, int, float, float]
    notes: tuple[str, ...] = ()


LOSS = {"direction": "minimize"}
FIRST_FOLD = "eeg_graph_win4_fold1_20251021-070241"
QBERT = "IMPALA_QbertNoFrameskip-v4_2_env=QbertNoFrameskip-v4_2018-08-20_22-26-08rowqFR"
EXPERIMENTS = {
    "optuna_sqlite_arcanum": Experiment(
        {},
        # PRUNED 33 + 39, FAIL 1, RUNNING 1
        (2, 102, 6066, 74),
        ("amp_tune", "1", 1, 200, 0.1101550310850143, 0.001493007293902337),
        ("final_value_differs", "zone_assumed"),
    ),
    "mlflow_eeg_gat/tracking/optuna.db": Experiment(
        {},
        (5, 100, 100, 0),
        (FIRST_FOLD, "3", 0, 0, -0.9330618083366548, -0.9330618083366548),
        ("one_point_curves",),
    ),
    "mlflow_eeg_gat/tracking/mlruns": Experiment(
        LOSS,
        (5, 100, 100, 0),
        (
            f"eeg-gwtgat-vs-classical/{FIRST_FOLD}",
            "trial-3",
            0,
            0,
            -0.9330618083366549,
            -0.9330618083366549,
        ),
        ("one_point_curves", "parents_no_trials"),
    ),
    # 24 runs, 16 of them deleted; of the others one has no loss, and is the only FINISHED one.
    "mlflow_sqlite_diffuser": Experiment(
        {**LOSS, "objective": "loss"},
        (3, 8, 467, 7),
        (
            "hopper-medium-v2",
            "diffusion/20240903_162200_defaults_H32_T20",
            0,
            14400,
            0.7874291539192199,
            0.04742500931024551,
        ),
        ("runs_deleted",),
    ),
    "raytune_rl_experiments": Experiment(
        {"objective": "episode_reward_mean", "direction": "maximize"},
        (4, 7, 1194, 0),
        ("atari-impala/results", QBERT, 1, 267, np.nan, 10900.25),
        ("start_from_first_report", "missing_values"),
    ),
    "raytune_deepcave": Experiment(
        LOSS, (3, 87, 87, 0), ("run_1", "b92c8_00001", 1, 1, 1.1, 1.1), ("one_point_curves",)
    ),
    "bohb_deepcave/BOHB": Experiment(
        {},
        (4, 3005, 4207, 2821),
        ("run_2", "0,0,3", 1, 3, 0.205078125, 0.166015625),
        ("trials_waited",),
    ),
    "bohb_deepcave/DeepCAVE": Experiment(
        {"objective": "accuracy"},
        (3, 3000, 6927, 856),
        ("mnist_pytorch/run_1", "17", 1, 3, 0.9462000131607056, 0.9763000011444092),
        ("step_unit", "trials_without_reports"),
    ),
    "sacred_music": Experiment(
        {**LOSS, "objective": "validLoss"},
        (1, 100, 16124, 0),
        ("models", "84", 0, 149, 60.51344058388158, 9.877703214946546),
        ("experiments_joined", "missing_values", "trials_without_reports"),
    ),
    "deepobs_baselines": Experiment(
        {**LOSS, "objective": "test_losses"},
        (3, 135, 13635, 0),
        (
            "quadratic_deep/MomentumOptimizer",
            "lr__1.e-01/random_seed__42",
            0,
            100,
            353.44676426478793,
            np.nan,
        ),
        ("infinite_values", "missing_values"),
    ),
}


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_what_is_in_it(name: str) -> None:
    expected = EXPERIMENTS[name]
    reading = read_inputs(Path(SHARED) / name, **expected.options)
    studies = {study.name: study for study in reading.studies}
    actual = (
        len(studies),
        sum(study.n_trials for study in studies.values()),
        sum(study.n_reports for study in studies.values()),
        sum(int(study.censored.sum()) for study in studies.values()),
    )
    assert actual == expected.counts
    study_name, trial, first, last, begin, end = expected.one
    study = studies[study_name]
    i = study.trials.index(trial)
    low, high = study.offsets[i], study.offsets[i + 1] - 1
    assert (study.steps[low], study.steps[high]) == (first, last)
    # sqlite3's shell prints 16 digits
    np.testing.assert_allclose([study.values[low], study.values[high]], [begin, end], rtol=1e-15)
    codes = {note.code for one in reading.studies for note in one.notes}
    codes |= {note.code for one in reading.inputs for note in one.notes}
    assert set(expected.notes) <= codes


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_it_is_replayed(name: str) -> None:
    """Counts that must hold whatever the values; null where the format has no times."""
    for study in read_inputs(Path(SHARED) / name, **EXPERIMENTS[name].options).studies:
        result = esim.replay(study)
        summary = result.summary
        assert 0 <= summary.steps_run <= summary.steps_recorded
        assert summary.trials == study.n_trials
        assert (result.summary.seconds_run is None) == (study.elapsed is None)
        assert result.summary.cost is None
        if "one_point_curves" in [note.code for note in study.notes]:
            assert result.summary.trials_stopped == 0
