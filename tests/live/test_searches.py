"""Small searches run for real: esim reads what the tuner itself says, or says why it cannot.

    ESIM_PYTHON=/path/to/python pytest tests/live/test_searches.py -k smac

runs the tuners in another environment than esim's; one that it lacks fails its test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import esim
from esim.readers.inputs import read_inputs
from tests.paths import ROOT

OPTIONS: dict[str, dict[str, Any]] = {
    "autogluon_fit": {"objective": "val/log_loss", "direction": "maximize"},
    "keras_advice": {"objective": "val_accuracy", "direction": "maximize"},
}
FOLDERS = {"keras_advice": "curves"}


def search(name: str, folder: Path) -> dict[str, list[list[float]]]:
    python = os.environ.get("ESIM_PYTHON", sys.executable)
    command = [python, "-m", "tests.live.searches", name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, list[list[float]]] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.mark.parametrize(
    "name",
    [
        "keras_hyperband",
        "keras_advice",
        "smac_hyperband",
        "dehb_run",
        "autogluon_fit",
        "optuna_one_journal",
        "optuna_own_journals",
    ],
)
def test_a_search_is_read_as_the_tuner_saw_it(name: str, tmp_path: Path) -> None:
    expected = search(name, tmp_path)
    (study,) = read_inputs(tmp_path / FOLDERS.get(name, ""), **OPTIONS.get(name, {})).studies
    actual = {}
    for i, trial in enumerate(study.trials):
        rows = slice(study.offsets[i], study.offsets[i + 1])
        steps, values = study.steps[rows].tolist(), study.values[rows].tolist()
        actual[trial] = [[step, value] for step, value in zip(steps, values, strict=True)]
    assert actual == {trial: sorted(reports) for trial, reports in expected.items()}


@pytest.mark.parametrize("name", ["keras_random", "smac_plain"])
def test_a_search_without_curves_is_an_error_that_says_what_to_record(
    name: str, tmp_path: Path
) -> None:
    search(name, tmp_path)
    with pytest.raises(esim.EsimError, match="no curves") as refused:
        read_inputs(tmp_path)
    assert refused.value.fix is not None
    assert refused.value.fix.startswith("next time")
