"""Each library writes the tiny study anew, and it reads back the same; TensorBoard's own reader
finds the same numbers.

    python -m pip install '.[test]' torch tensorboard tensorboardX wandb lightning transformers \
        accelerate ultralytics
    python -m pytest tests/live/test_trainers.py

ESIM_PYTHON names the interpreter that has the libraries, if it is not the one that runs the tests;
ESIM_KERAS_PYTHON, ESIM_TENSORFLOW_PYTHON, ESIM_CHAINER_PYTHON and so on that of a single one
(Chainer needs numpy < 1.24, on which esim does not run).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import esim
from tests.live.trainers import WRITERS
from tests.paths import ROOT
from tests.readers.test_trainers import RECORDINGS, check_recording

REPOSITORY = ROOT


def test_every_library_is_recorded() -> None:
    assert set(RECORDINGS) == set(WRITERS)


def record(name: str, folder: Path) -> None:
    python = os.environ.get("ESIM_PYTHON", sys.executable)
    python = os.environ.get(f"ESIM_{name.upper()}_PYTHON", python)
    command = [python, "-m", "tests.live.trainers", name, str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_what_a_library_writes_reads_back(tmp_path: Path, name: str) -> None:
    record(name, tmp_path / name)
    check_recording(tmp_path / name, name)


@pytest.mark.parametrize("name", ["tensorboard", "tensorboardx"])
def test_event_accumulator_finds_the_same(tmp_path: Path, name: str) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record(name, tmp_path)
    metric = RECORDINGS[name][1]
    study = esim.read_study(tmp_path, objective=metric, direction="minimize")
    for i, trial in enumerate(study.trials):
        theirs = EventAccumulator(str(tmp_path / trial), size_guidance={"scalars": 0})
        theirs.Reload()
        points = theirs.Scalars(metric)
        part = slice(study.offsets[i], study.offsets[i + 1])
        assert study.steps[part].tolist() == [point.step for point in points]
        assert study.values[part].tolist() == [point.value for point in points]
        assert study.elapsed is not None
        expected = [round(point.wall_time - study.start[i], 6) for point in points]
        assert study.elapsed[part].round(6).tolist() == expected
