"""Real runs of trainers, against what stands in their files.

Set ESIM_SHARED_DATA to the folder that holds them; they are not part of this repository. The
numbers were taken off the files with awk, and off the bytes of the event files, not with esim.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from esim import read_studies, read_study
from esim.readers.inputs import read_inputs
from esim.study import Study

SHARED = Path(os.environ.get("ESIM_SHARED_DATA", ""))
pytestmark = pytest.mark.skipif(
    not os.environ.get("ESIM_SHARED_DATA"), reason="ESIM_SHARED_DATA is not set"
)

# Folder, options, format, studies, trials, reports.
FOLDERS = [
    ("taskset", {}, "taskset", 4, 4000, 204000),
    # 875: a trial whose only file is hparams.json; 25 more such are a study of their own, left out.
    ("algoperf_v05", {}, "algoperf", 35, 875, 43443),
    (
        "lightning_oligogym",
        {"objective": "val_loss", "direction": "minimize"},
        "lightning",
        1,
        166,
        6500,
    ),
    ("wandb_panel_export", {"direction": "minimize"}, "wandb-chart", 1, 8, 1184),
    ("mlflow_eeg_gat/tracking/tb", {"direction": "minimize"}, "tensorboard", 1, 5, 100),
]


@pytest.mark.parametrize(
    ("folder", "options", "fmt", "studies", "trials", "reports"), FOLDERS, ids=lambda x: str(x)[:20]
)
def test_folders(
    folder: str, options: dict[str, str], fmt: str, studies: int, trials: int, reports: int
) -> None:
    reading = read_inputs(SHARED / folder, **options)  # type: ignore[arg-type]
    assert [one.format for one in reading.inputs] == [fmt]
    assert len(reading.studies) == studies
    assert sum(study.n_trials for study in reading.studies) == trials
    assert sum(study.n_reports for study in reading.studies) == reports
    assert not any(study.censored.any() for study in reading.studies)


def curve(study: Study, trial: str) -> tuple[list[int], list[float]]:
    part = slice(*study.offsets[study.trial_index(trial) :][:2])
    return study.steps[part].tolist(), study.values[part].tolist()


def test_taskset() -> None:
    study = read_study(
        SHARED / "taskset" / "FixedTextRNNClassification_imdb_patch128_LSTM128_avg_bs64.json"
    )
    steps, values = curve(study, "0")
    assert steps == list(range(51))
    assert (values[0], values[-1]) == (0.6941490292549133, 0.5299394488334656)
    assert curve(study, "999")[1][-1] == 0.1962274804711342
    assert int(np.isnan(study.values).sum()) == 3872


def test_algoperf() -> None:
    studies = {study.name: study for study in read_studies(SHARED / "algoperf_v05")}
    study = studies["cyclic_lr/criteo1tb_pytorch"]
    steps, values = curve(study, "study_0/trial_1")
    assert steps == list(range(1, 55))
    assert (values[0], values[-1]) == (0.2839418335453025, 0.12366186276201016)
    assert study.elapsed is not None
    assert (study.elapsed[0], study.elapsed[53]) == (5.801058292388916, 6364.656501293182)
    assert (study.objective, study.direction) == ("validation/loss", "minimize")


def test_algoperf_events_say_the_same() -> None:
    folder = SHARED / "algoperf_v05" / "lawa_queue" / "study_0" / "ogbg_pytorch"
    options = {"objective": "validation/loss", "direction": "minimize"}
    events = read_study(folder, **options, format="tensorboard")  # type: ignore[arg-type]
    table = read_study(folder, **options, step="global_step")  # type: ignore[arg-type]
    steps, values = curve(events, "trial_1")
    assert (len(steps), values[0], values[-1]) == (24, 0.2536914348602295, 0.04245908558368683)
    assert curve(table, "trial_1")[1][0] == 0.2536914471136398
    for trial in table.trials:
        assert curve(events, trial)[0] == curve(table, trial)[0]
        np.testing.assert_allclose(curve(events, trial)[1], curve(table, trial)[1], rtol=1e-6)


def test_lightning() -> None:
    study = read_study(SHARED / "lightning_oligogym", objective="val_loss", direction="minimize")
    steps, values = curve(study, "version_4")
    assert steps == list(range(52))
    assert (values[0], values[-1]) == (4.035857200622559, 0.7163434624671936)


def test_wandb_chart() -> None:
    study = read_study(SHARED / "wandb_panel_export", direction="minimize")
    steps, values = curve(study, "gpt2")
    assert (steps[0], steps[-1]) == (0, 385)
    assert (values[0], values[-1]) == (10.95404052734375, 3.2849113941192627)


def test_tensorboard() -> None:
    study = read_study(SHARED / "mlflow_eeg_gat" / "tracking" / "tb", direction="minimize")
    steps, values = curve(study, "eeg_graph_win4_fold1_20251021-070241")
    assert steps == list(range(20))
    assert (values[0], values[-1]) == (-0.837334930896759, -0.9615188837051392)
    assert "files_of_one_step" in {note.code for note in study.notes}
