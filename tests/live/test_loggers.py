"""Trackers log the tiny study offline, and libraries write it as a table a run: it reads back.

    python -m pip install catboost comet_ml clearml dvclive fastai mmengine 'neptune<2' \
        stable-baselines3 tensorboard tensorboardX xgboost
    python -m pytest tests/live/test_loggers.py

ESIM_PYTHON names the interpreter that has the libraries, if it is not the one that runs the tests;
ESIM_COMET_PYTHON, ESIM_NEPTUNE_PYTHON and so on that of a single one. Detectron2 is on no index:
where it is not installed, the records of its JSONWriter are written in its place.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from esim.readers.inputs import read_inputs
from tests.live.loggers import WRITERS
from tests.live.tiny import METRIC
from tests.paths import ROOT
from tests.readers.test_trainers import IDS, RATES, check_study


@dataclass(frozen=True)
class Expected:
    """What a library keeps of the tiny study: the metric's name, its first step and so on."""

    format: str
    metric: str
    first: int = 1
    has_rates: bool = False
    has_times: bool = False


EXPECTED = {
    "comet": Expected("comet", "validate_loss", has_rates=True, has_times=True),
    "neptune": Expected("neptune", "validation/loss", has_rates=True, has_times=True),
    "clearml": Expected("clearml", "loss/validation", has_rates=True, has_times=True),
    "catboost": Expected("catboost", "test/Tiny", first=0, has_times=True),
    "dvclive": Expected("dvclive", "validation/loss", first=0, has_rates=True, has_times=True),
    "xgboost": Expected("table", "validation/tiny"),
    "detectron2": Expected("detectron2", METRIC, first=0),
    "mmengine": Expected("mmengine", "validation/error"),
    "tensorboard": Expected("tensorboard-page", "loss", has_times=True),
    "fastai": Expected("table", "tiny", first=0),
    "stable_baselines": Expected("stable-baselines", "eval/mean_reward", has_times=True),
}


def test_every_library_is_expected() -> None:
    assert set(EXPECTED) == set(WRITERS)


@pytest.mark.parametrize("name", list(WRITERS))
def test_what_a_library_writes_is_the_tiny_study(tmp_path: Path, name: str) -> None:
    python = os.environ.get("ESIM_PYTHON", sys.executable)
    python = os.environ.get(f"ESIM_{name.upper()}_PYTHON", python)
    command = [python, "-m", "tests.live.loggers", name, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr[-2000:]
    expected = EXPECTED[name]
    reading = read_inputs(tmp_path, objective=expected.metric, direction="minimize")
    assert [one.format for one in reading.inputs] == [expected.format]
    (study,) = reading.studies
    check_study(study, IDS, expected.metric, expected.first)
    assert (study.elapsed is not None) == expected.has_times
    if expected.has_rates:
        assert tuple(study.config["learning_rate"]) == RATES
