"""DeepOBS: launch order and starts from the times in the files' names."""

from __future__ import annotations

import json
import math
import tarfile
from pathlib import Path

import pytest

from esim.errors import EsimError
from esim.readers.inputs import read_study
from esim.study import Study

# A run's learning rate, and the time in the name of its file; by name, 0.1 comes first.
RUNS = {
    "1e-01": "2019-02-13-14-36-12",
    "1e-02": "2019-02-13-14-35-01",
    "1e-03": "2019-02-13-14-35-45",
}
OPTIMIZER = {
    "1.1": ("optimizer", "hyperparams"),
    "1.2": ("optimizer_name", "optimizer_hyperparams"),
}


def write(root: Path, rate: str, time: str, version: str = "1.1") -> Path:
    """A run of two epochs, as a version of DeepOBS writes it."""
    name, inside = OPTIMIZER[version]
    folder = root / "mnist_mlp" / "SGD" / f"num_epochs__2__batch_size__128__lr__{rate}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"random_seed__42__{time}.json"
    record = {"test_losses": [3, 2, float(rate)], "testproblem": "mnist_mlp", "num_epochs": 2}
    path.write_text(json.dumps({**record, name: "SGD", inside: {"lr": float(rate)}}))
    return path


def read(root: Path) -> Study:
    return read_study(root, direction="minimize")


def text_of(study: Study, code: str) -> str:
    return next((note.text for note in study.notes if note.code == code), "")


def test_starts_are_the_times_in_the_names(tmp_path: Path) -> None:
    for rate, time in RUNS.items():
        write(tmp_path, rate, time)
    study = read(tmp_path)
    assert study.name == "mnist_mlp/SGD"
    assert study.config["lr"] == (0.01, 0.001, 0.1)
    # 2019-02-13 was day 17940 since 1970; 14:35:01 is its second 52501.
    assert study.start.tolist() == [17940 * 86400 + 52501 + later for later in (0, 44, 71)]
    assert all(math.isnan(end) for end in study.end) and study.elapsed is None
    assert "in the files' names" in text_of(study, "zone_assumed")
    assert not text_of(study, "starts_unknown")


def test_times_that_may_be_ends_order_the_runs_and_are_no_starts(tmp_path: Path) -> None:
    for rate, time in RUNS.items():
        write(tmp_path, rate, time, "1.2")
    study = read(tmp_path)
    assert study.config["lr"] == (0.01, 0.001, 0.1)
    assert all(math.isnan(start) for start in study.start)
    said = "launch order is that of the times in the files' names"
    assert said in text_of(study, "starts_unknown")


def test_a_name_without_a_time_leaves_the_order_of_names(tmp_path: Path) -> None:
    for rate, time in {**RUNS, "1e-02": "2019-02-31-14-35-01"}.items():
        write(tmp_path, rate, time)
    study = read(tmp_path)
    assert study.config["lr"] == (0.1, 0.01, 0.001)
    assert "order of first appearance" in text_of(study, "starts_unknown")


def test_a_run_found_twice_names_both(tmp_path: Path) -> None:
    path = write(tmp_path / "out", "1e-01", RUNS["1e-01"])
    name = str(path.relative_to(tmp_path / "out"))
    with tarfile.open(tmp_path / "out.tar", "w") as archive:
        archive.add(path, name)
    with pytest.raises(EsimError, match=r"run num_epochs__2.*json is found twice") as caught:
        read(tmp_path)
    said = {caught.value.where, str(caught.value.why).removesuffix(" holds it, too")}
    assert said == {str(path), f"{tmp_path / 'out.tar'}, {name}"}
