"""The logs that trainers write: which rows count, at which step, and what is said about it."""

from __future__ import annotations

import json
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esim.errors import EsimError
from esim.readers.inputs import read_inputs, read_study
from esim.readers.natural import natural
from esim.readers.run_logs import run_names
from esim.readers.step_order import settled
from esim.readers.trackers.wandb.datastore import RunFile
from esim.study import Status, Study


def put(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def read(folder: Path, objective: str | None = "val_loss", **options: Any) -> Study:
    return read_study(folder, objective=objective, direction="minimize", **options)


def codes(study: Study) -> dict[str, int]:
    usual = {"uneven_curves", "one_point_curves", "objective_chosen", "step_column"}
    return {note.code: note.count for note in study.notes if note.code not in usual}


def said(study: Study, code: str) -> str:
    return next(note.text for note in study.notes if note.code == code)


# --- Lightning -------------------------------------------------------------------------------


def test_validation_rows_between_training_rows(tmp_path: Path) -> None:
    lines = ["epoch,step,train_loss,val_loss", "0,9,1.5,", "0,9,,5", "1,19,1.2,", "1,19,,4"]
    put(tmp_path / "version_0" / "metrics.csv", *lines)
    put(tmp_path / "version_10" / "metrics.csv", *lines)
    put(tmp_path / "version_9" / "metrics.csv", *lines)
    study = read(tmp_path)
    assert study.trials == ("version_0", "version_9", "version_10")
    assert study.steps.tolist() == [0, 1] * 3
    assert study.values.tolist() == [5, 4] * 3
    assert study.elapsed is None
    assert said(study, "step_column") == "steps are epoch"


def test_epochs_that_repeat_are_no_steps(tmp_path: Path) -> None:
    """Twice an epoch validated: then the global step counts, for all runs alike."""
    once = ["epoch,step,val_loss", "0,9,5", "1,19,4"]
    twice = ["epoch,step,val_loss", "0,4,6", "0,9,5", "1,14,4", "1,19,3"]
    put(tmp_path / "a" / "metrics.csv", *once)
    put(tmp_path / "b" / "metrics.csv", *twice)
    study = read(tmp_path)
    assert study.steps.tolist() == [9, 19, 4, 9, 14, 19]
    assert said(study, "step_column") == "steps are step: epoch repeats"
    assert read(tmp_path / "a", step="step").steps.tolist() == [9, 19]
    with pytest.raises(EsimError, match=r"no step column 'stp'.*\n.*step with one of: step"):
        read(tmp_path, step="stp")


def test_hyperparameters_beside_a_run(tmp_path: Path) -> None:
    put(tmp_path / "a" / "metrics.csv", "epoch,step,val_loss", "0,9,5")
    put(tmp_path / "a" / "hparams.yaml", "lr: 0.1", "net:", "  widths: [8, 4]", "  act: relu")
    put(tmp_path / "b" / "metrics.csv", "epoch,step,val_loss", "0,9,5")
    put(tmp_path / "b" / "hparams.yaml", "lr: 1.0e-3", "shape: !!python/tuple [1, 2]")
    config = read(tmp_path).config
    assert {key: list(column) for key, column in config.items()} == {
        "lr": [0.1, 0.001],
        "net/widths": ["[8, 4]", None],
        "net/act": ["relu", None],
        "shape": [None, "[1, 2]"],
    }


@pytest.mark.parametrize(
    "yaml",
    [
        "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]",
        "a: [",
        "{" * 5000,
        "lr: !!timestamp nonsense",
    ],
)
def test_hyperparameters_that_cannot_be_read_are_left_out(tmp_path: Path, yaml: str) -> None:
    put(tmp_path / "a" / "metrics.csv", "epoch,step,val_loss", "0,9,5")
    put(tmp_path / "a" / "hparams.yaml", yaml)
    study = read(tmp_path)
    assert study.config == {}
    assert codes(study) == {"config_unread": 1}


def test_a_tag_of_python_makes_no_object(tmp_path: Path) -> None:
    marker = tmp_path / "made"
    put(tmp_path / "a" / "metrics.csv", "epoch,step,val_loss", "0,9,5")
    put(tmp_path / "a" / "hparams.yaml", f"x: !!python/object/apply:os.mkdir ['{marker}']")
    study = read(tmp_path)
    assert list(study.config["x"]) == [json.dumps([str(marker)])]
    assert not marker.exists()


# --- Keras -----------------------------------------------------------------------------------


def test_keras_logs_by_their_names(tmp_path: Path) -> None:
    put(tmp_path / "logs" / "run2.csv", "epoch,loss,val_loss", "0,1,5", "1,1,NA", "2,1,nan")
    put(tmp_path / "logs" / "run10.csv", "epoch;loss;val_loss", "0;1;inf")
    study = read(tmp_path)
    assert study.trials == ("run2", "run10")
    np.testing.assert_array_equal(study.values, [5, math.nan, math.nan, math.inf])
    assert codes(study) == {"starts_unknown": 2, "missing_values": 2, "infinite_values": 1}


def test_a_log_that_was_appended_to(tmp_path: Path) -> None:
    """Epochs 0 to 3; taken up from 2 and ended there: 3 was of a model that is gone."""
    put(tmp_path / "a.csv", "epoch,val_loss", "0,9", "1,8", "2,7", "3,6", "2,70")
    study = read(tmp_path)
    assert (study.steps.tolist(), study.values.tolist()) == ([0, 1, 2], [9, 8, 70])
    assert codes(study) == {"restarts": 1}
    assert "2 reports of its earlier start are superseded" in said(study, "restarts")


@given(st.lists(st.integers(0, 8), max_size=12))
def test_what_a_restart_supersedes(steps: list[int]) -> None:
    """A row counts unless some later restart begins at or before its step."""
    restarts = [i for i in range(1, len(steps)) if steps[i] < steps[i - 1]]
    expected = [
        not any(i < at and steps[at] <= step for at in restarts) for i, step in enumerate(steps)
    ]
    assert settled(np.array(steps, dtype=np.int64)).tolist() == expected


def test_a_row_that_is_still_being_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("epoch,loss,val_loss\n0,1,5\n1,1,4\n2,1")
    reading = read_inputs(tmp_path, objective="val_loss", direction="minimize")
    assert reading.studies[0].values.tolist() == [5, 4]
    (note,) = (note for note in reading.studies[0].notes if note.code == "lines_cut_off")
    assert note.evidence == (f"{tmp_path / 'a.csv'}:4",)
    (tmp_path / "a.csv").write_text("epoch,loss,val_loss\n0,1,5\n1,1\n2,1,3\n")
    with pytest.raises(EsimError, match=r"a\.csv:3: 2 cells where the header has 3"):
        read(tmp_path)


def test_bad_cells_name_their_line(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "epoch,val_loss", "0,5", "1,low")
    with pytest.raises(EsimError, match=rf"{path.name}:3: 'low' is not a number"):
        read(tmp_path)
    put(tmp_path / "a.csv", "epoch,val_loss", "0,5", ",4")
    with pytest.raises(EsimError, match="a row without epoch"):
        read(tmp_path)


# --- Ultralytics, AlgoPerf -------------------------------------------------------------------


def test_ultralytics_pads_its_columns(tmp_path: Path) -> None:
    lines = ["      epoch,   train/box_loss,   metrics/mAP50(B)", "          0,    1.5,    0.25"]
    put(tmp_path / "train" / "results.csv", *lines)
    put(tmp_path / "train" / "args.yaml", "lr0: 0.01")
    put(tmp_path / "train" / "events.out.tfevents.1.host", "left alone")
    study = read(tmp_path, "metrics/mAP50(B)")
    assert (study.trials, study.values.tolist()) == (("train",), [0.25])
    assert list(study.config["lr0"]) == [0.01]


def test_algoperf_takes_the_workloads_target(tmp_path: Path) -> None:
    header = "accumulated_submission_time,global_step,score,validation/loss,validation/ssim"
    for study in ("study_0", "study_1"):
        trial = tmp_path / "x" / study / "fastmri_jax" / "trial_1"
        put(trial / "eval_measurements.csv", header, "10,1,1,5,0.5", "20,7,1,4,0.6")
    put(tmp_path / "x" / "study_0" / "fastmri_jax" / "trial_2" / "hparams.json", '{"lr": 1}')
    found = read_study(tmp_path)
    assert (found.name, found.objective, found.direction) == (
        "x/fastmri_jax",
        "validation/ssim",
        "maximize",
    )
    # The trial that left its hyperparameters only never came to an evaluation.
    assert found.trials == ("study_0/trial_1", "study_1/trial_1", "study_0/trial_2")
    assert found.steps.tolist() == [1, 2, 1, 2]
    assert found.elapsed is not None
    assert found.elapsed.tolist() == [10, 20, 10, 20]
    assert read_study(tmp_path, step="global_step").steps.tolist() == [1, 7, 1, 7]


# --- Hugging Face ----------------------------------------------------------------------------


def state(reached: int, planned: int, *rows: dict[str, Any], **more: Any) -> str:
    return json.dumps(
        {"global_step": reached, "max_steps": planned, "log_history": list(rows), **more}
    )


def test_the_newest_checkpoint_of_a_run(tmp_path: Path) -> None:
    first = {"step": 5, "epoch": 0.5, "eval_loss": 3.0}
    second = {"step": 10, "epoch": 1.0, "eval_loss": float("nan")}
    third = {"step": 10, "epoch": 1.0, "train_runtime": 12.0}
    for run, planned in (("run-0", 10), ("run-1", 20)):
        folder = tmp_path / run
        put(folder / "checkpoint-5" / "trainer_state.json", state(5, planned, first))
        newest = state(10, planned, first, second, third, trial_params={"lr": 0.1})
        put(folder / "checkpoint-10" / "trainer_state.json", newest)
        put(folder / "runs" / "x" / "events.out.tfevents.1.host", "left alone")
    study = read(tmp_path, "eval_loss")
    assert study.trials == ("run-0", "run-1")
    assert study.steps.tolist() == [5, 10] * 2
    np.testing.assert_array_equal(study.values, [3, math.nan] * 2)
    assert study.status.tolist() == [Status.COMPLETED, Status.STOPPED]
    assert study.censored.tolist() == [False, True]
    assert list(study.config["lr"]) == [0.1, 0.1]
    assert codes(study) == {"starts_unknown": 2, "missing_values": 2, "short_of_max_steps": 1}
    assert said(study, "step_column") == "steps are step: epoch is no whole number"


@pytest.mark.parametrize(("depth", "expected"), [(100, {}), (50_000, {"config_unread": 1})])
def test_hyperparameters_nested_deeply(
    tmp_path: Path, depth: int, expected: dict[str, int]
) -> None:
    deep = '{"a": ' * depth + "1" + "}" * depth
    put(tmp_path / "a" / "eval_measurements.csv", "global_step,loss", "1,5")
    put(tmp_path / "a" / "hparams.json", deep)
    study = read(tmp_path, "loss")
    assert codes(study) == expected
    assert list(study.config) == ([] if expected else ["/".join(["a"] * depth)])


def test_states_nested_too_deeply(tmp_path: Path) -> None:
    deep = '{"log_history": ' + "[" * 100_000 + "]" * 100_000 + "}"
    put(tmp_path / "checkpoint-1" / "trainer_state.json", deep)
    with pytest.raises(EsimError, match="nested too deeply"):
        read(tmp_path)


# --- W&B -------------------------------------------------------------------------------------


def test_a_chart_of_runs_of_one_name_and_of_averages(tmp_path: Path) -> None:
    name = "gpt - small - val_loss"
    header = ",".join(["Step", *[f"{name}{end}" for end in ("", "__MIN", "__MAX")] * 2])
    put(tmp_path / "chart.csv", header, "0,5,5,5,7,6,8", "1,4,4,4,,,")
    study = read(tmp_path)
    assert study.trials == ("gpt - small", "gpt - small #2")
    assert study.values.tolist() == [5, 4, 7]
    assert codes(study) == {
        "starts_unknown": 2,
        "trials_renamed": 1,
        "chart_averages": 1,
        "first_step_assumed": 1,
    }


def test_a_metric_in_two_charts(tmp_path: Path) -> None:
    for file in ("a.csv", "b.csv"):
        put(tmp_path / file, "Step,r - m,r - m__MIN,r - m__MAX", "0,5,5,5")
    with pytest.raises(EsimError, match="'m' of run 'r' is in two charts"):
        read(tmp_path, "m")


def run_file(*records: bytes) -> bytes:
    """Seven bytes, then blocks of 32,768 with pieces of records, as LevelDB lays out its log."""
    out = b":W&B\xe1\xbe\x00"
    for data in records:
        first = True
        while first or data:
            room = 32768 - len(out) % 32768
            if room < 7:
                out += b"\0" * room
                continue
            piece, data = data[: room - 7], data[room - 7 :]
            kind = (1 if first else 4) if not data else (2 if first else 3)
            checksum = zlib.crc32(bytes([kind]) + piece)
            out += struct.pack("<IHB", checksum, len(piece), kind) + piece
            first = False
    return out


def block(number: int, data: bytes) -> bytes:
    size, out = len(data), b""
    while size > 127:
        out, size = out + bytes([size % 128 + 128]), size // 128
    head = number * 8 + 2
    key = bytes([head]) if head < 128 else bytes([head % 128 + 128, head // 128])
    return key + out + bytes([size]) + data


def history(step: int, value: str) -> bytes:
    """Record 2, HistoryRecord: item 1 of nested_key 2 and value_json 16."""
    pairs = {"_step": str(step), "_runtime": str(step * 10), "val_loss": value}
    items = [block(1, block(2, k.encode()) + block(16, v.encode())) for k, v in pairs.items()]
    return block(2, b"".join(items))


def run_record(run_id: str, sweep: str = "") -> bytes:
    """Record 17, RunRecord: run_id 1, project 3, sweep_id 12."""
    return block(17, block(1, run_id.encode()) + block(3, b"p") + block(12, sweep.encode()))


END = block(18, b"\x10\x2a")  # Record 18, RunExitRecord: runtime 2 = 42


def test_run_files_by_sweep_and_resumed(tmp_path: Path) -> None:
    def save(name: str, *records: bytes) -> None:
        path = tmp_path / f"offline-run-{name}" / f"run-{name}.wandb"
        path.parent.mkdir()
        path.write_bytes(run_file(*records))

    save("1", run_record("a", "s1"), history(0, "5"), history(1, "NaN"), history(2, "-Infinity"))
    save("2", run_record("b", "s1"), history(0, "4"), END)
    save("3", run_record("c"), history(0, "4"), END)
    save("4", run_record("c"), history(1, "3"), END)
    reading = read_inputs(tmp_path, objective="val_loss", direction="minimize")
    sweep, project = reading.studies
    assert (sweep.name, sweep.trials) == ("s1", ("a", "b"))
    np.testing.assert_array_equal(sweep.values, [5, math.nan, -math.inf, 4])
    assert sweep.status.tolist() == [Status.RUNNING, Status.COMPLETED]
    assert codes(sweep)["runs_without_end"] == 1
    assert (project.name, project.trials, project.values.tolist()) == ("p", ("c",), [4, 3])


def test_records_over_several_blocks() -> None:
    long = block(2, block(1, block(2, b"x") + block(16, b"1" + b"0" * 100_000)))
    found = RunFile.parse(run_file(run_record("a"), long, history(3, "7"), END))
    assert [row.get("val_loss") for row in found.rows] == [None, "7"]
    assert (found.exit_code, found.runtime) == (0, 42)
    assert (found.cut_off, found.damaged, found.odd) == (False, False, 0)


@given(cut=st.integers(1, 50))
def test_a_run_file_that_is_cut_off(cut: int) -> None:
    whole = run_file(run_record("a"), history(0, "5"))
    last = run_file(run_record("a"), history(0, "5"), history(1, "4"))
    assert len(last) - len(whole) > 50
    found = RunFile.parse(last[:-cut])
    assert [row["val_loss"] for row in found.rows] == ["5"]
    assert (found.cut_off, found.damaged) == (True, False)


@given(at=st.integers(7, 120), bit=st.integers(0, 7))
def test_a_run_file_with_a_flipped_bit(at: int, bit: int) -> None:
    records = [run_record("a"), *(history(step, str(step)) for step in range(3))]
    data = bytearray(run_file(*records))
    data[at] ^= 1 << bit
    found = RunFile.parse(bytes(data))
    whole = [step for step in range(3) if len(run_file(*records[: step + 2])) <= at]
    assert [int(row["_step"]) for row in found.rows] == whole
    assert found.damaged or found.cut_off


@given(st.binary(max_size=200))
def test_run_files_of_anything(data: bytes) -> None:
    RunFile.parse(b":W&B\xe1\xbe\x00" + data)
    RunFile.parse(run_file(data))


# --- names -----------------------------------------------------------------------------------


def test_names_of_runs() -> None:
    assert run_names(["a/run1/version_0", "a/run2/version_0"], "x") == ["run1", "run2"]
    assert run_names(["a/b"], "x") == ["b"]
    assert run_names([""], "x") == ["x"]
    assert run_names(["", "sub"], "x") == ["x", "sub"]
    assert run_names(["a/1/z", "a/2/y"], "x") == ["1/z", "2/y"]
    assert sorted(["run10", "run9", "x", "run"], key=natural) == ["run", "run9", "run10", "x"]
