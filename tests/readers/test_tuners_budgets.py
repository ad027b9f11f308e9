"""Tuners that keep a value a budget, and those that keep no curve at all: inputs in their shape.

Each library writes such files for real in tests/live/test_searches.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import esim
from esim.readers.inputs import read_inputs
from esim.study import Status, Study

DONE, STOPPED, FAILED, RUNNING = (
    Status.COMPLETED,
    Status.STOPPED,
    Status.FAILED,
    Status.RUNNING,
)


def put(path: Path, content: Any) -> Path:
    """Write text, or JSON as `json.dumps` writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(*paths: Path, **options: Any) -> Study:
    (study,) = read_inputs(*paths, **options).studies
    return study


def curves(study: Study) -> dict[str, list[tuple[int, float]]]:
    """Trial -> its steps and values."""
    found = {}
    for i, trial in enumerate(study.trials):
        rows = slice(study.offsets[i], study.offsets[i + 1])
        pairs = zip(study.steps[rows].tolist(), study.values[rows].tolist(), strict=True)
        found[trial] = list(pairs)
    return found


def codes(study: Study) -> set[str]:
    return {note.code for note in study.notes}


def refused(*paths: Path, **options: Any) -> esim.EsimError:
    with pytest.raises(esim.EsimError) as raised:
        read_inputs(*paths, **options)
    return raised.value


# --- KerasTuner ---


def keras_trial(
    folder: Path,
    name: str,
    values: Mapping[str, Any],
    losses: Sequence[tuple[int, list[float]]],
    status: str = "COMPLETED",
) -> None:
    """A trial whose objective is val_loss; its accuracy is 1 - loss, at the same steps."""

    def history(direction: str, rows: Sequence[tuple[int, list[float]]]) -> dict[str, Any]:
        observations = [{"value": value, "step": step} for step, value in rows]
        return {"direction": direction, "observations": observations}

    accuracies = [(step, [1 - one for one in value]) for step, value in losses]
    metrics = {"val_loss": history("min", losses), "val_accuracy": history("max", accuracies)}
    content = {
        "trial_id": name,
        "hyperparameters": {"space": [], "values": values},
        "metrics": {"metrics": metrics if losses else {}},
        "score": min((sum(value) / len(value) for _, value in losses), default=None),
        "best_step": 0,
        "status": status,
        "message": None,
    }
    put(folder / f"trial_{name}" / "trial.json", content)


def keras_oracle(folder: Path, order: Sequence[str], starts: Mapping[str, str]) -> None:
    display = {"search_start": None, "trial_start": starts, "trial_number": {}}
    content = {
        "ongoing_trials": {},
        "hyperparameters": {"space": [], "values": {}},
        "start_order": list(order),
        "display": display,
    }
    put(folder / "oracle.json", content)


def round_of(bracket: int, at: int, first: int, last: int, parent: str = "") -> dict[str, Any]:
    values = {
        "units": 8,
        "tuner/epochs": last,
        "tuner/initial_epoch": first,
        "tuner/bracket": bracket,
        "tuner/round": at,
    }
    return {**values, "tuner/trial_id": parent} if parent else values


def test_keras_hyperband_rounds_are_the_curve_of_a_configuration(tmp_path: Path) -> None:
    """0001 goes on as 0003 and 0004; 0000 is not promoted; 0002 fails; 0005 is of bracket 0."""
    folder = tmp_path / "hb"
    keras_trial(folder, "0000", round_of(2, 0, 0, 2), [(1, [0.9])])
    keras_trial(folder, "0001", round_of(2, 0, 0, 2), [(0, [0.8])])
    keras_trial(folder, "0002", round_of(2, 0, 0, 2), [], "FAILED")
    keras_trial(folder, "0003", round_of(2, 1, 2, 4, "0001"), [(1, [0.7])])
    keras_trial(folder, "0004", round_of(2, 2, 4, 8, "0003"), [(3, [0.75])])
    keras_trial(folder, "0005", round_of(0, 0, 0, 8), [(7, [0.5])])
    keras_trial(folder, "0006", round_of(0, 0, 0, 8), [], "RUNNING")
    order = [f"000{i}" for i in range(7)]
    keras_oracle(folder, order, {key: f"2026-11-20T12:0{key[-1]}:00.000001" for key in order})
    study = read(folder)
    assert (study.name, study.objective, study.direction) == ("hb", "val_loss", "minimize")
    assert curves(study) == {
        "0000": [(2, 0.9)],
        "0001": [(2, 0.8), (4, 0.7), (8, 0.75)],
        "0002": [],
        "0005": [(8, 0.5)],
        "0006": [],
    }
    assert study.status.tolist() == [STOPPED, DONE, FAILED, DONE, RUNNING]
    assert np.diff(study.start).tolist() == [60.0, 60.0, 180.0, 60.0]
    assert study.config == {"units": (8,) * 5}  # without those of the tuner
    assert {"best_of_round", "zone_assumed", "objective_chosen"} <= codes(study)
    other = read(folder, objective="val_accuracy", direction="maximize")
    assert curves(other)["0000"] == [(2, pytest.approx(0.1))]


def test_keras_observations_at_several_steps_are_a_curve(tmp_path: Path) -> None:
    """A value is the mean of the executions, here of (3, 1) and (2, 0)."""
    keras_trial(tmp_path, "10", {"lr": 0.1}, [(0, [3.0, 1.0]), (1, [2.0, 0.0])])
    keras_trial(tmp_path, "9", {"lr": 0.2}, [(0, [4.0]), (1, [5.0])])
    study = read(tmp_path)
    assert curves(study) == {"9": [(0, 4.0), (1, 5.0)], "10": [(0, 2.0), (1, 1.0)]}
    assert study.done_at_zero == 1  # epochs count from 0
    assert any("launch order is that of" in note.text for note in study.notes)


def test_keras_objective_is_asked_for_where_scores_do_not_tell(tmp_path: Path) -> None:
    """Loss and accuracy are both 0.5 at best, so either may be the objective."""
    keras_trial(tmp_path, "0", {}, [(0, [0.5]), (1, [0.5])])
    error = refused(tmp_path)
    assert error.what == "several metrics could be the objective"
    assert error.why == "val_loss, val_accuracy"


def test_keras_search_without_curves_says_what_to_record(tmp_path: Path) -> None:
    keras_trial(tmp_path, "0", {"lr": 0.1}, [(3, [0.5])])
    keras_oracle(tmp_path, ["0"], {})
    error = refused(tmp_path)
    assert error.what == "no curves"
    assert error.why == "KerasTuner keeps one value a trial, that of its best epoch"
    assert error.fix is not None
    assert "TensorBoard('curves')" in error.fix
    assert "CSVLogger(f'curves/trial_{trial.trial_id}.csv')" in error.fix
    assert refused(tmp_path, format="keras-tuner").what == "no curves"


def test_curves_beside_a_search_without_any_are_read(tmp_path: Path) -> None:
    keras_trial(tmp_path / "project", "0", {"lr": 0.1}, [(3, [0.5])])
    keras_oracle(tmp_path / "project", ["0"], {})
    put(tmp_path / "curves" / "trial_0.csv", "epoch,loss,val_loss\n0,3,2\n1,2,1.5\n")
    put(tmp_path / "curves" / "trial_1.csv", "epoch,loss,val_loss\n0,4,3\n1,3,2.5\n")
    reading = read_inputs(tmp_path, objective="val_loss", direction="minimize")
    assert reading.inputs[0].format == "keras"
    expected = {"trial_0": [(0, 2.0), (1, 1.5)], "trial_1": [(0, 3.0), (1, 2.5)]}
    assert curves(reading.studies[0]) == expected


def test_a_trial_json_of_another_tool_is_not_keras_tuner(tmp_path: Path) -> None:
    put(tmp_path / "trial_1" / "trial.json", {"trial_id": 1, "params": {"lr": 0.1}, "value": 2.0})
    put(tmp_path / "oracle.json", {"price": 1.0})
    assert "KerasTuner" not in str(refused(tmp_path))


def test_a_keras_trial_that_is_broken_is_named(tmp_path: Path) -> None:
    path = put(
        tmp_path / "p" / "trial_0" / "trial.json", '{"trial_id": "0", "hyperparameters": {}}'
    )
    error = refused(tmp_path)
    assert (error.what, error.where) == ("not a trial of KerasTuner", str(path))


# --- SMAC3 ---

# Configuration, budget, cost: 1 is promoted to 9, 2 is not, 3 crashes.
SMAC_ROWS = [(1, 3.0, 0.5), (2, 3.0, 0.75), (3, 3.0, 1e9), (1, 9.0, 0.25)]
SMAC_CONFIGS = {"1": {"x": 0.1}, "2": {"x": 0.2}, "3": {"x": 0.3}}


def smac_entry(version: str, key: int, budget: float | None, cost: Any, at: int) -> Any:
    """An entry as some version of SMAC writes it, 60 s after the one before and 10 s long."""
    begin, end = 1795176000.0 + 60 * at, 1795176010.0 + 60 * at
    crashed = key == 3
    word = {"__enum__": "StatusType.CRASHED" if crashed else "StatusType.SUCCESS"}
    code = 2 if crashed else 1
    info: dict[str, float] = {} if crashed else {"test": 2.0}
    match version:
        case "2.4":
            names = ("config_id", "instance", "seed", "budget", "cost", "time", "cpu_time")
            row = (key, None, 5, budget, cost, 10.0, 9.0)
            rest = {"status": code, "starttime": begin, "endtime": end, "additional_info": info}
            return {**dict(zip(names, row, strict=True)), **rest}
        case "2.0":
            return [key, None, 5, budget, cost, 10.0, code, begin, end, info]
        case "1.4":
            return [[key, None, 5, budget or 0.0], [cost, 10.0, word, begin, end, info]]
        case _:
            return [[key, None, 5], [cost, 10.0, word, info]]


def smac_history(folder: Path, entries: Sequence[Any], objectives: Any = "cost") -> Path:
    put(folder / "scenario.json", {"name": "s", "objectives": objectives})
    put(folder / "configspace.json", {"hyperparameters": []})
    return put(folder / "runhistory.json", {"data": list(entries), "configs": SMAC_CONFIGS})


@pytest.mark.parametrize("version", ["2.4", "2.0", "1.4"])
def test_smac_budgets_are_the_curve_of_a_configuration(version: str, tmp_path: Path) -> None:
    entries = [smac_entry(version, *row, at) for at, row in enumerate(SMAC_ROWS)]
    smac_history(tmp_path, entries)
    study = read(tmp_path)
    assert (study.objective, study.direction) == ("cost", "minimize")
    assert curves(study) == {"1": [(3, 0.5), (9, 0.25)], "2": [(3, 0.75)], "3": []}
    assert study.status.tolist() == [DONE, STOPPED, FAILED]
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [10.0, 20.0, 10.0]
    assert study.start.tolist() == [1795176000.0, 1795176060.0, 1795176120.0]
    assert study.config["x"] == (0.1, 0.2, 0.3)
    assert "trials_waited" in codes(study)  # 1 waited two minutes for its second budget
    assert curves(read(tmp_path, objective="test", direction="minimize"))["2"] == [(3, 2.0)]


@pytest.mark.parametrize("version", ["2.4", "2.0", "1.4", "0.12"])
def test_smac_without_budgets_has_no_curves(version: str, tmp_path: Path) -> None:
    path = smac_history(tmp_path, [smac_entry(version, 1, None, 0.5, 0)])
    error = refused(tmp_path)
    assert (error.what, error.where) == ("no curves", str(path))
    assert error.why is not None
    assert "none has a budget" in error.why
    assert error.fix is not None
    assert error.fix.startswith("next time use MultiFidelityFacade")


def test_smac_objectives_and_seeds(tmp_path: Path) -> None:
    rows = [smac_entry("2.0", 1, 3.0, [0.5, 7.0], 0), smac_entry("2.0", 1, 9.0, [0.25, 8.0], 1)]
    again = [[key, "i1", 6, *rest] for key, _, _, *rest in rows]
    smac_history(tmp_path, [*rows, *again], ["error", "size"])
    assert refused(tmp_path).why is not None
    assert refused(tmp_path).why.startswith("error, size")  # type: ignore[union-attr]
    study = read(tmp_path, objective="size")  # SMAC minimizes all objectives
    expected = [(3, 7.0), (9, 8.0)]
    assert curves(study) == {"1, seed 5": expected, "1, instance i1, seed 6": expected}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ([[1, 2]], "not an entry of SMAC's history"),
        (
            [smac_entry("2.0", 1, 3.0, 0.5, 0), smac_entry("2.0", 2, None, 0.5, 1)],
            "some entries have a budget and some have none",
        ),
    ],
)
def test_smac_history_that_cannot_be_used(data: list[Any], what: str, tmp_path: Path) -> None:
    smac_history(tmp_path, data)
    assert refused(tmp_path).what == what


def test_smac_word_that_is_new_is_noted(tmp_path: Path) -> None:
    entries = [smac_entry("2.0", 1, 3.0, 0.5, 0), smac_entry("2.0", 2, 9.0, 0.5, 1)]
    entries[1][6] = 77
    smac_history(tmp_path, entries)
    study = read(tmp_path)
    assert curves(study) == {"1": [(3, 0.5)], "2": []}
    assert "status_unknown" in codes(study)


# --- DEHB ---


def dehb_history(path: Path, info: bool = True) -> Path:
    columns: dict[str, Any] = {
        "config_id": [15, 16, 15, 17],
        "config": [[0.25, 0.5], [0.125, 0.0], [0.25, 0.5], [1.0, 1.0]],
        "fitness": [0.5, 0.75, 0.25, 0.125],
        "cost": [2.0, 2.0, 6.0, 6.0],
        "fidelity": [1.0, 1.0, 3.0, 3.0],
    }
    if info:
        columns["info"] = [{"test": 1.0}] * 4
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="gzip")
    return path


@pytest.mark.parametrize("name", ["history.parquet.gzip", "overtime_history.parquet.gzip"])
def test_dehb_fidelities_are_the_curve_of_a_configuration(name: str, tmp_path: Path) -> None:
    dehb_history(tmp_path / name)
    study = read(tmp_path)
    assert (study.objective, study.direction) == ("fitness", "minimize")
    assert curves(study) == {"15": [(1, 0.5), (3, 0.25)], "16": [(1, 0.75)], "17": [(3, 0.125)]}
    assert study.status.tolist() == [DONE, STOPPED, DONE]
    assert study.config["config[1]"] == (0.5, 0.0, 1.0)
    assert "config_vectors" in codes(study)
    assert curves(read(tmp_path, objective="test", direction="maximize"))["17"] == [(3, 1.0)]
    assert study.elapsed is None


def test_dehb_without_info_and_without_a_history(tmp_path: Path) -> None:
    dehb_history(tmp_path / "a" / "history.parquet.gzip", info=False)
    assert curves(read(tmp_path / "a"))["16"] == [(1, 0.75)]
    put(tmp_path / "b" / "dehb_state.json", {"DE_params": {}, "HB_params": {}})
    error = refused(tmp_path / "b")
    assert error.what == "no curves"
    assert error.fix is not None
    assert "pyarrow" in error.fix


# --- AutoGluon ---


def test_autogluon_leaderboard_has_no_curves(tmp_path: Path) -> None:
    header = "model,score_val,eval_metric,pred_time_val,fit_time,stack_level,can_infer,fit_order"
    path = put(tmp_path / "leaderboard.csv", f"{header}\nLightGBM,-0.3,log_loss,0.1,2.0,1,True,1\n")
    for given in (path, tmp_path):
        error = refused(given)
        assert (error.what, error.where) == ("no curves", str(path))
        assert error.fix is not None
        assert "learning_curves=True" in error.fix
    put(tmp_path / "curves.csv", "trial,step,loss\na,1,2\na,2,1\nb,1,3\nb,2,2\n")
    study = read(tmp_path, direction="minimize")  # the leaderboard stands back
    assert study.trials == ("a", "b")


def test_autogluon_learning_curves(tmp_path: Path) -> None:
    for model, last in (("LightGBM", -0.25), ("LightGBM_BAG_L1/S1F1", -0.5)):
        content = [["train", "val"], ["log_loss"], [[[-1.0, -0.125], [-1.5, last]]]]
        put(tmp_path / "AutogluonModels" / "ag-1" / "models" / model / "curves.json", content)
    study = read(tmp_path, objective="val/log_loss", direction="maximize")
    assert study.name == "AutogluonModels/ag-1"
    assert curves(study) == {
        "LightGBM": [(1, -1.5), (2, -0.25)],
        "LightGBM_BAG_L1/S1F1": [(1, -1.5), (2, -0.5)],
    }
    assert "scores_turned" in codes(study)


# --- Optuna's storages of several processes ---


def journal(path: Path, starts: Sequence[str], direction: int = 1, name: str = "s") -> Path:
    """A journal with a trial for each start, reporting its number + 1 and then half of it."""
    lines: list[dict[str, Any]] = [
        {"op_code": 0, "worker_id": "w", "study_name": name, "directions": [direction]}
    ]
    for number, start in enumerate(starts):
        lines.append({"op_code": 4, "worker_id": "w", "study_id": 0, "datetime_start": start})
        about = {"worker_id": "w", "trial_id": number}
        for step, value in ((0, number + 1.0), (1, (number + 1) / 2)):
            lines.append({"op_code": 7, **about, "step": step, "intermediate_value": value})
        values = {"state": 1, "values": [(number + 1) / 2], "datetime_complete": start}
        lines.append({"op_code": 6, **about, **values})
    return put(path, "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def at(second: int) -> str:
    return f"2026-11-20T12:00:{second:02d}.000001"


def test_optuna_workers_that_keep_a_journal_each_are_one_study(tmp_path: Path) -> None:
    journal(tmp_path / "worker0.log", [at(0), at(20)])
    journal(tmp_path / "worker1.log", [at(10), at(5)])
    study = read(tmp_path)
    assert study.name == "s"
    expected = {
        "worker0.log/0": [(0, 1.0), (1, 0.5)],
        "worker1.log/1": [(0, 2.0), (1, 1.0)],
        "worker1.log/0": [(0, 1.0), (1, 0.5)],
        "worker0.log/1": [(0, 2.0), (1, 1.0)],
    }
    assert list(curves(study).items()) == list(expected.items())  # in the order of their starts
    (note,) = (note for note in study.notes if note.code == "storages_joined")
    assert note.text.startswith("2 storages hold a study 's'")
    assert "worker0.log, worker1.log" in note.text


def test_optuna_journals_of_several_folders_are_studies_of_their_own(tmp_path: Path) -> None:
    paths = [journal(tmp_path / fold / "journal.log", [at(i)]) for i, fold in enumerate(("a", "b"))]
    reading = read_inputs(tmp_path)
    assert [study.name for study in reading.studies] == ["a/s", "b/s"]
    assert "studies_by_folder" in codes(reading.studies[0])
    assert read(tmp_path, studies=["b/s"]).name == "b/s"
    assert read(*paths).trials == ("a/0", "b/0")  # the files themselves: one study


def test_optuna_earlier_copy_of_a_journal_is_left_out(tmp_path: Path) -> None:
    journal(tmp_path / "journal.log", [at(0), at(1), at(2)])
    journal(tmp_path / "journal_old.log", [at(0), at(1)])
    study = read(tmp_path)
    assert study.trials == ("0", "1", "2")
    assert "storage_copies" in codes(study)
    journal(tmp_path / "journal_old.log", [at(0), at(30)])  # went on by itself
    error = refused(tmp_path)
    assert error.what == "study 's' is found twice"
    assert error.where is not None
    assert "journal.log" in error.where
    assert "journal_old.log" in error.where


def test_optuna_lock_that_links_to_its_journal_is_no_second_journal(tmp_path: Path) -> None:
    journal(tmp_path / "journal.log", [at(0), at(1)])
    (tmp_path / "journal.log.lock").symlink_to("journal.log")
    study = read(tmp_path)
    assert study.trials == ("0", "1")
    assert not {"storages_joined", "storage_copies"} & codes(study)


def test_optuna_workers_of_another_direction_are_no_part_of_the_study(tmp_path: Path) -> None:
    journal(tmp_path / "a.log", [at(0)])
    journal(tmp_path / "b.log", [at(1)], direction=2)
    error = refused(tmp_path)
    assert error.what == "study 's' of two storages is not the same"
    assert error.why == "objective minimize, objective maximize"


def test_optuna_later_piece_of_a_journal_is_refused(tmp_path: Path) -> None:
    lines = journal(tmp_path / "journal.log", [at(0), at(1)]).read_text().splitlines()
    path = put(tmp_path / "journal.log", "\n".join(lines[5:]) + "\n")
    error = refused(tmp_path)
    assert (error.what, error.where) == ("no study 0", f"{path}:1")


# --- Katib ---

KATIB = """trial_name,id,time,metric_name,value
random-example-8xk2p9aa,1,2026-11-20 12:00:20.500000,accuracy,0.5
random-example-8xk2p9aa,2,2026-11-20 12:00:10.500000,accuracy,0.25
random-example-8xk2p9aa,3,2026-11-20 12:00:20.500000,loss,2
random-example-b7c1d2ef,4,0001-01-01 00:00:00.000000,accuracy,0.75
random-example-b7c1d2ef,5,0001-01-01 00:00:00.000000,accuracy,0.125
random-example-zzzzzzzz,6,0001-01-01 00:00:00.000000,accuracy,unavailable
"""


def katib_trial(name: str, condition: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Trial",
        "metadata": {"name": name, "labels": {"katib.kubeflow.org/experiment": "random-example"}},
        "spec": {
            "objective": {"type": "maximize", "objectiveMetricName": "accuracy"},
            "parameterAssignments": [{"name": "lr", "value": "0.01"}],
        },
        "status": {
            "startTime": "2026-11-20T12:00:00Z",
            "completionTime": "2026-11-20T12:01:00Z",
            "conditions": [
                {"type": "Created", "status": "True"},
                {"type": condition, "status": "True"},
            ],
            "observation": {"metrics": [{"name": "accuracy", "latest": "0.5", "max": "0.5"}]},
        },
    }


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_katib_logs_are_numbered_in_the_order_of_their_times(ending: str, tmp_path: Path) -> None:
    """The second trial's lines had no times, so that the year 1 stands for them."""
    put(tmp_path / f"logs.{ending}", KATIB.replace(",", "\t") if ending == "tsv" else KATIB)
    reading = read_inputs(tmp_path, objective="accuracy", direction="maximize")
    (study,) = reading.studies
    assert study.name == "random-example"
    assert curves(study) == {
        "random-example-8xk2p9aa": [(1, 0.25), (2, 0.5)],
        "random-example-b7c1d2ef": [(1, 0.75), (2, 0.125)],
        "random-example-zzzzzzzz": [],
    }
    counted = {note.code: note.count for note in reading.inputs[0].notes}
    assert counted["objective_unavailable"] == 1


def test_katib_database_in_a_file(tmp_path: Path) -> None:
    header, *rows = (line.split(",") for line in KATIB.splitlines())
    with closing(sqlite3.connect(tmp_path / "katib.db")) as database:
        database.execute(f"CREATE TABLE observation_logs ({', '.join(header)})")
        database.executemany("INSERT INTO observation_logs VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
    study = read(tmp_path, objective="loss", direction="minimize")
    assert curves(study)["random-example-8xk2p9aa"] == [(1, 2.0)]


def test_katib_trials_add_what_the_logs_lack(tmp_path: Path) -> None:
    put(tmp_path / "logs.csv", KATIB)
    items = [
        katib_trial("random-example-8xk2p9aa", "Succeeded"),
        katib_trial("random-example-b7c1d2ef", "EarlyStopped"),
    ]
    put(tmp_path / "trials.json", {"apiVersion": "v1", "items": items, "kind": "List"})
    study = read(tmp_path)
    assert (study.objective, study.direction) == ("accuracy", "maximize")
    assert study.status.tolist()[:2] == [DONE, STOPPED]
    assert study.start.tolist()[:2] == [1795176000.0] * 2
    assert study.config["lr"][:2] == ("0.01", "0.01")


def test_katib_objects_alone_have_no_curves(tmp_path: Path) -> None:
    one = put(tmp_path / "a" / "trial.json", katib_trial("random-example-8xk2p9aa", "Succeeded"))
    put(tmp_path / "b" / "trial.yaml", "apiVersion: kubeflow.org/v1beta1\nkind: Trial\n")
    error = refused(tmp_path / "a")
    assert (error.what, error.where) == ("no curves", str(one))
    assert error.fix is not None
    assert "SELECT * FROM observation_logs" in error.fix
    assert refused(tmp_path / "b").what == "no curves"


# --- Determined ---


def determined_trial(folder: Path, key: int, losses: Sequence[float]) -> None:
    """A trial as the command line prints it: a training and a validation at every 100 batches."""

    def workload(value: float, step: int) -> dict[str, Any]:
        return {
            "endTime": f"2026-11-20T12:00:{10 * step:02d}.000000Z",
            "metrics": {"avgMetrics": {"loss": value, "nested": {"f1": "NaN"}}, "batchMetrics": []},
            "numInputs": 0,
            "totalBatches": 100 * step,
        }

    workloads = []
    for step, loss in enumerate(losses, start=1):
        workloads.append({"checkpoint": None, "training": workload(2 * loss, step)})
        workloads.append({"training": None, "validation": workload(loss, step)})
    trial = {
        "experimentId": 7,
        "hparams": {"lr": 0.1, "net": {"width": key}},
        "id": key,
        "startTime": "2026-11-20T12:00:00.000000Z",
        "endTime": "2026-11-20T12:01:00.000000Z",
        "state": "STATE_COMPLETED",
    }
    text = json.dumps({"trial": trial, "workloads": workloads}, indent=2)
    put(folder / f"trial{key}.json", text)


def determined_experiment(path: Path) -> Path:
    searcher = {"name": "adaptive_asha", "metric": "loss", "smaller_is_better": True}
    about = {"id": 7, "name": "mnist", "config": {"searcher": searcher}}
    return put(path, json.dumps([{"config": None, "experiment": about}], indent=2))


def test_determined_workloads_are_the_curve_of_a_trial(tmp_path: Path) -> None:
    """Determined calls a trial completed that its searcher ended, here 12 after 200 batches."""
    determined_trial(tmp_path, 11, [4.0, 3.0, 2.0])
    determined_trial(tmp_path, 12, [6.0, 5.0])
    determined_experiment(tmp_path / "experiment.json")
    study = read(tmp_path)
    assert (study.name, study.objective) == ("experiment 7", "validation/loss")
    assert study.direction == "minimize"
    assert curves(study) == {
        "11": [(100, 4.0), (200, 3.0), (300, 2.0)],
        "12": [(100, 6.0), (200, 5.0)],
    }
    assert study.status.tolist() == [DONE, STOPPED]
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [10.0, 20.0, 30.0, 10.0, 20.0]
    assert study.config["net/width"] == (11, 12)
    assert "stopped_by_length" in codes(study)
    training = read(tmp_path, objective="training/loss", direction="minimize")
    assert curves(training)["12"] == [(100, 12.0), (200, 10.0)]


def test_determined_experiment_alone_has_no_curves(tmp_path: Path) -> None:
    determined_experiment(tmp_path / "experiment.json")
    error = refused(tmp_path)
    assert error.what == "no curves"
    assert error.fix == "export each trial with det trial describe ID --json"
