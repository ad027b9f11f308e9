"""The tiny study as each library wrote it (tests/formats), and by hand where none writes files.

tests/live/trainers.py made the recordings; tests/live/test_trainers.py makes them again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.errors import EsimError
from esim.readers.inputs import read_inputs
from esim.study import Status, Study
from tests.live.tiny import BEGAN, METRIC, TRIALS
from tests.paths import FORMATS
from tests.readers.test_tiny import assert_same_study

IDS = tuple(TRIALS)
VALUES = [values for values, _, _ in TRIALS.values()]
RATES = tuple(rate for _, rate, _ in TRIALS.values())

# Recording -> format, the metric's name in it, its first step, whether it has the learning rates,
# whether it has times.
RECORDINGS: dict[str, tuple[str, str, int, bool, bool]] = {
    "tensorboard": ("tensorboard", METRIC, 1, True, True),
    "tensorboardx": ("tensorboard", "validation_loss", 1, True, True),
    "tensorflow": ("tensorboard", "validation/epoch_loss", 1, True, True),
    "wandb": ("wandb", METRIC, 1, True, True),
    "lightning": ("lightning", METRIC, 0, True, False),
    "keras": ("keras", METRIC, 1, False, False),
    "huggingface": ("huggingface", f"eval_{METRIC}", 1, True, False),
    "chainer": ("chainer", METRIC, 1, False, True),
    "ultralytics": ("ultralytics", METRIC, 1, True, True),
}


def check_recording(folder: Path, name: str) -> Study:
    """That a folder, as a library writes it, holds the tiny study."""
    fmt, metric, first, has_rates, has_times = RECORDINGS[name]
    reading = read_inputs(folder, objective=metric, direction="minimize")
    assert [one.format for one in reading.inputs] == [fmt]
    (study,) = reading.studies
    trials = tuple(f"run-{i}" for i in range(6)) if name == "huggingface" else IDS
    check_study(study, trials, metric, first)
    if has_rates:
        assert tuple(study.config["learning_rate"]) == RATES
    assert (study.elapsed is not None) == has_times
    return study


def check_study(study: Study, trials: tuple[str, ...], metric: str, first: int = 1) -> None:
    assert (study.objective, study.direction) == (metric, "minimize")
    assert study.trials == trials
    np.testing.assert_array_equal(study.offsets, np.arange(0, 31, 5))
    np.testing.assert_array_equal(study.steps, np.tile(np.arange(first, first + 5), 6))
    np.testing.assert_array_equal(study.values.reshape(6, 5), VALUES)
    assert not study.censored.any()


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_a_recording_is_the_tiny_study(name: str) -> None:
    check_recording(FORMATS / name, name)


def test_tensorboard_keeps_the_times_and_the_session() -> None:
    study = check_recording(FORMATS / "tensorboard", "tensorboard")
    assert study.elapsed is not None
    np.testing.assert_array_equal(study.elapsed, np.tile([10, 20, 30, 40, 50], 6))
    starts = BEGAN + np.array([0, 0, 52, 52, 104, 104])
    np.testing.assert_array_equal(study.start, starts)
    np.testing.assert_array_equal(study.end, starts + 52)
    assert set(study.status.tolist()) == {Status.COMPLETED}
    # As data/tiny/table in every column: so it is stopped where tests/test_tiny.py says.
    stopped = esim.replay(study, clock="recorded").columns.steps_run.tolist()
    assert stopped == [5, 5, 5, 5, 5, 1]


def test_keras_lays_training_and_validation_into_a_run() -> None:
    folder = FORMATS / "tensorflow"
    study = esim.read_study(folder, objective="train/epoch_loss", direction="minimize")
    np.testing.assert_array_equal(study.values.reshape(6, 5), np.array(VALUES) / 2)
    assert tuple(study.config["learning_rate"]) == RATES
    one = esim.read_study(folder / IDS[0], objective="validation/epoch_loss", direction="minimize")
    assert (one.trials, one.values.tolist()) == ((IDS[0],), VALUES[0])


def test_add_hparams_lays_a_session_into_a_run() -> None:
    """Its final values are no curve of theirs."""
    folder = FORMATS / "tensorboardx" / IDS[0]
    one = esim.read_study(folder, direction="minimize")
    assert (one.trials, one.values.tolist()) == ((IDS[0],), VALUES[0])


def test_wandb_runs_have_ends() -> None:
    study = check_recording(FORMATS / "wandb", "wandb")
    assert study.name == "tiny"
    assert set(study.status.tolist()) == {Status.COMPLETED}
    assert study.has_schedule


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_a_recording_is_replayed(name: str) -> None:
    """By the literal rule in launch order, as tests/test_tiny.py works it out."""
    study = check_recording(FORMATS / name, name)
    result = esim.replay(study, clock="order")
    assert result.columns.steps_run.tolist() == [5, 1, 5, 5, 2, 1]  # also where steps are from 0
    summary = result.summary
    assert (summary.seconds_run is None) == (study.elapsed is None)
    assert summary.cost is None


def test_dvclive_keeps_parameters_above_its_tables(tmp_path: Path) -> None:
    for trial, rate in (("a", 0.5), ("b", 0.25)):
        plots = tmp_path / trial / "dvclive/plots/metrics"
        (plots / "val").mkdir(parents=True)
        (plots / "val/loss.tsv").write_text("step\tloss\n0\t1.5\n1\t0.75\n")
        (tmp_path / trial / "dvclive/params.yaml").write_text(f"learning_rate: {rate}\n")
    (tmp_path / "params.yaml").write_text("learning_rate: 9.0\n")  # of neither
    study = esim.read_study(tmp_path, direction="minimize")
    assert study.config == {"learning_rate": (0.5, 0.25)}


# --- formats that no library writes here: laid out as their sources say -----------------------


def rows(header: str, values: list[float], line: str) -> str:
    return header + "".join(
        line.format(step=step, value=value, seconds=10 * step)
        for step, value in enumerate(values, start=1)
    )


def algoperf(folder: Path) -> None:
    for number, (values, rate, _) in enumerate(TRIALS.values()):
        trial = folder / "ours" / f"study_{number // 3}" / "wmt_jax" / f"trial_{number % 3 + 1}"
        trial.mkdir(parents=True)
        header = "accumulated_submission_time,global_step,score,validation/bleu,validation/loss\n"
        text = rows(header, values, "{seconds}.5,{step}7,1,0.5,{value}\n")
        (trial / "eval_measurements.csv").write_text(text)
        (trial / "hparams.json").write_text(json.dumps({"learning_rate": rate}))
        (trial / "events.out.tfevents.1.host").write_bytes(b"left alone")


def history_csv(folder: Path) -> None:
    for trial, (values, _, _) in TRIALS.items():
        line = "{step}0,,0.25,{seconds}.5\n{step},{value},,{seconds}\n"
        text = rows("_step,validation:loss,train/loss,_runtime\n", values, line)
        # A row of training behind each epoch, at steps of its own.
        (folder / f"{trial}.csv").write_text(text)


def history_jsonl(folder: Path) -> None:
    for trial, (values, rate, _) in TRIALS.items():
        (folder / trial).mkdir()
        lines = [
            json.dumps({"_step": step, "_runtime": 10 * step, "validation:loss": value})
            for step, value in enumerate(values, start=1)
        ]
        (folder / trial / "wandb-history.jsonl").write_text("\n".join(lines) + "\n")
        config = {"learning_rate": {"desc": None, "value": rate}, "wandb_version": 1}
        (folder / trial / "config.yaml").write_text(json.dumps(config))


def history_parquet(folder: Path) -> None:
    """A history artifact in two parts a run."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for trial, (values, _, _) in TRIALS.items():
        (folder / trial).mkdir()
        table = pa.table(
            {
                "_step": [1, 2, 2, 3, 4, 5],
                "_runtime": [10.0, 20, 20, 30, 40, 50],
                "validation:loss": [*values[:2], None, *values[2:]],
            }
        )
        pq.write_table(table.slice(0, 4), folder / trial / "0000.parquet")
        pq.write_table(table.slice(4), folder / trial / "0001.parquet")


def chart(folder: Path) -> None:
    columns = [f"{trial} - validation:loss" for trial in TRIALS]
    header = ["Step", *(f"{c}{end}" for c in columns for end in ("", "__MIN", "__MAX"))]
    lines = [",".join(f'"{name}"' for name in header)]
    for step in range(1, 6):
        cells = [str(step), *(str(values[step - 1]) for values in VALUES for _ in range(3))]
        lines.append(",".join(f'"{cell}"' for cell in cells))
    lines.append(",".join(['"6"', *['""'] * 18]))
    (folder / "wandb_export.csv").write_text("\n".join(lines))


def taskset(folder: Path) -> None:
    trials = [
        {"hp": {"learning_rate": rate}, "train": {"loss": [1]}, "valid": {"loss": values}}
        for values, rate, _ in TRIALS.values()
    ]
    (folder / "task.json").write_text(json.dumps(trials))


def own(folder: Path) -> None:
    study = esim.read_study(FORMATS / "tensorboard", objective=METRIC, direction="minimize")
    study.to_parquet(folder / "study")


NUMBERED = tuple(str(i) for i in range(6))
OF_STUDIES = tuple(f"study_{i // 3}/trial_{i % 3 + 1}" for i in range(6))
BY_HAND: list[tuple[Any, str, dict[str, str], tuple[str, ...], int]] = [
    (algoperf, "algoperf", {"objective": "validation/loss"}, OF_STUDIES, 1),
    (history_csv, "wandb-history", {"objective": METRIC}, IDS, 1),
    (history_jsonl, "wandb-history", {}, IDS, 1),
    (history_parquet, "wandb-history", {}, IDS, 1),
    (chart, "wandb-chart", {}, IDS, 1),
    (taskset, "taskset", {}, NUMBERED, 0),
    (own, "esim", {}, IDS, 1),
]


@pytest.mark.parametrize(
    ("write", "fmt", "options", "trials", "first"),
    BY_HAND,
    ids=[row[0].__name__ for row in BY_HAND],
)
def test_a_layout_is_the_tiny_study(
    tmp_path: Path,
    write: Any,
    fmt: str,
    options: dict[str, str],
    trials: tuple[str, ...],
    first: int,
) -> None:
    write(tmp_path)
    reading = read_inputs(tmp_path, **options, direction="minimize")
    assert [one.format for one in reading.inputs] == [fmt]
    (study,) = reading.studies
    check_study(study, trials, study.objective, first)
    if write in (algoperf, history_jsonl, taskset, own):
        assert tuple(study.config["learning_rate"]) == RATES
    assert (study.elapsed is None) == (write in (chart, taskset))


def test_what_esim_converts_reads_back_without_loss(tmp_path: Path) -> None:
    """Several studies, by `esim convert`: every column, note and status."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        taskset(tmp_path / name)
        (tmp_path / name / "task.json").rename(tmp_path / f"{name}.json")
    logs = [str(tmp_path / f"{name}.json") for name in ("a", "b")]
    out = tmp_path / "out"
    ran = CliRunner().invoke(app, ["convert", *logs, str(out)])
    assert ran.exit_code == 0, ran.output
    before = esim.read_studies(*logs)
    reading = read_inputs(out)
    assert [one.format for one in reading.inputs] == ["history"]
    assert [study.name for study in reading.studies] == ["a", "b"]
    for actual, expected in zip(reading.studies, before, strict=True):
        assert_same_study(actual, expected, notes=True)
    (one,) = read_inputs(out, studies=["b"]).studies
    assert one.name == "b"
    with pytest.raises(EsimError, match=r"no metric 'loss'\n.*: valid/loss"):
        read_inputs(out, objective="loss")


def test_folders_of_stored_studies_read_back_without_loss(tmp_path: Path) -> None:
    """Several of Study.to_parquet in one folder."""
    (tmp_path / "logs").mkdir()
    taskset(tmp_path / "logs")
    before = []
    for name in ("a", "b"):
        study = replace(esim.read_study(tmp_path / "logs"), name=name)
        study.to_parquet(tmp_path / "stored" / name)
        before.append(study)
    reading = read_inputs(tmp_path / "stored")
    assert [one.format for one in reading.inputs] == ["esim"]
    for actual, expected in zip(reading.studies, before, strict=True):
        assert_same_study(actual, expected, notes=True)
    (one,) = read_inputs(tmp_path / "stored", studies=["b"]).studies
    assert one.name == "b"
    with pytest.raises(EsimError, match=r"no metric 'loss'\n.*one of: valid/loss"):
        read_inputs(tmp_path / "stored", objective="loss")
