"""Tuners' files that are broken, strange or malicious: an error with its place, or nothing."""

from __future__ import annotations

import io
import json
import os
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esim.errors import BugError, EsimError
from esim.readers.encodings.cells import is_number
from esim.readers.inputs import read_inputs, read_study
from esim.study import Status

CHOSEN: dict[str, Any] = {"objective": "loss", "direction": "minimize"}
GIANT = "9" * 400
# The tables of Optuna 1.0 to 2.3: intermediate values in trial_values, no types.
OLD_OPTUNA = """
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name TEXT, direction TEXT);
CREATE TABLE version_info (version_info_id INTEGER PRIMARY KEY, schema_version INTEGER,
    library_version TEXT);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, study_id INTEGER, state TEXT, value FLOAT,
    datetime_start DATETIME, datetime_complete DATETIME);
CREATE TABLE trial_params (param_id INTEGER PRIMARY KEY, trial_id INTEGER, param_name TEXT,
    param_value FLOAT, distribution_json TEXT);
CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER, step INTEGER,
    value FLOAT);
"""


def old_optuna(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(OLD_OPTUNA)
    for statement in (
        "INSERT INTO studies VALUES (1, 'old', 'MAXIMIZE')",
        "INSERT INTO trials VALUES (7, 1, 'COMPLETE', 0.5, '2019-01-01 00:00:00', NULL)",
        "INSERT INTO trials VALUES (9, 1, 'PRUNED', NULL, '2019-01-01 00:01:00', NULL)",
        "INSERT INTO trial_values VALUES (1, 7, 1, 0.25), (2, 7, 2, 0.5), (3, 9, 1, NULL)",
        *statements,
    ):
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_optuna_of_an_old_schema(tmp_path: Path) -> None:
    """Without numbers, directions of their own, types: NULL is NaN."""
    study = read_study(old_optuna(tmp_path / "x.db"))
    assert (study.name, study.direction) == ("old", "maximize")
    assert study.trials == ("0", "1")
    np.testing.assert_array_equal(study.values, [0.25, 0.5, np.nan])
    assert study.status.tolist() == [Status.COMPLETED, Status.STOPPED]


def test_sql_in_names_is_text(tmp_path: Path) -> None:
    name = "x'; DROP TABLE trials; --"
    quoted = name.replace("'", "''")
    path = old_optuna(
        tmp_path / "x.db",
        f"UPDATE studies SET study_name = '{quoted}'",
        "INSERT INTO trial_params VALUES (1, 7, 'a\"; DROP TABLE studies; --', 1.0, "
        '\'{"name": "FloatDistribution", "attributes": {}}\')',
    )
    study = read_study(path, studies=[name])
    assert study.name == name
    assert list(study.config) == ['a"; DROP TABLE studies; --']
    assert read_study(path).n_trials == 2


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"UPDATE trial_values SET step = '{GIANT}'", "inf is not a whole number"),
        ("UPDATE trial_values SET step = 1.5", "not a whole number"),
        ("UPDATE trial_values SET step = -1", "negative"),
        ("UPDATE trial_values SET value = 'much'", "not a number"),
        ("UPDATE trial_values SET value = x'00ff'", "not a number"),
        ("UPDATE trials SET datetime_start = 'soon'", "not a time"),
        ("DROP TABLE trial_values", "no format matches"),
        ("DELETE FROM trial_values", "trial.report"),
        (
            "UPDATE trials SET datetime_complete = '2018-01-01 00:00:00'",
            "must not end before it starts",
        ),
        ("UPDATE studies SET direction = 'NOT_SET'", "direction is unknown"),
    ],
)
def test_cells_that_do_not_fit(tmp_path: Path, statement: str, said: str) -> None:
    path = old_optuna(tmp_path / "x.db", statement)
    with pytest.raises(EsimError, match=said) as raised:
        read_study(path)
    assert str(path) in str(raised.value)


def test_a_view_is_no_table(tmp_path: Path) -> None:
    """A view could compute forever."""
    path = old_optuna(tmp_path / "x.db", "DROP TABLE version_info")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE VIEW version_info AS {endless}")
    connection.close()
    with pytest.raises(EsimError, match="no format matches"):
        read_study(path)


def test_a_damaged_database(tmp_path: Path) -> None:
    path = old_optuna(tmp_path / "x.db")
    path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 9000)
    with pytest.raises(EsimError, match="cannot be read"):
        read_study(path)


@contextmanager
def open_writer(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A writer that has committed to its log, and not to the database, and is still there."""
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute(f"PRAGMA journal_mode = {mode}")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    try:
        yield writer
    finally:
        writer.close()


def test_what_stands_in_a_wal_counts_and_is_left_alone(tmp_path: Path) -> None:
    path = old_optuna(tmp_path / "x.db")
    with open_writer(path, "WAL") as writer:
        writer.execute("INSERT INTO trial_values VALUES (4, 9, 2, 0.75)")
        before = listing(tmp_path)
        assert before["x.db-wal"]
        assert b"x.db" not in path.read_bytes()
        study = read_study(tmp_path)
        assert listing(tmp_path) == before
    np.testing.assert_array_equal(study.values, [0.25, 0.5, np.nan, 0.75])


def test_a_wal_database_at_rest_gets_no_files_beside_it(tmp_path: Path) -> None:
    path = old_optuna(tmp_path / "x.db")
    with open_writer(path, "WAL"):
        pass
    assert os.listdir(tmp_path) == ["x.db"]
    mode = path.read_bytes()[18:20]
    assert mode == b"\2\2"
    assert read_study(path).n_trials == 2
    assert os.listdir(tmp_path) == ["x.db"]


def test_an_unfinished_transaction_is_not_read(tmp_path: Path) -> None:
    """A writer died: the journal beside the database takes its half-made change back."""
    path = old_optuna(tmp_path / "x.db")
    with open_writer(path, "DELETE") as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        writer.execute("UPDATE trial_values SET value = 99")
        for i in range(2000):  # more than the cache holds: the change reaches the file
            writer.execute("INSERT INTO trial_values VALUES (?, 7, ?, 99)", (100 + i, 10 + i))
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("x.db", "x.db-journal"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
        writer.execute("ROLLBACK")
    before = listing(copy)
    study = read_study(copy)
    np.testing.assert_array_equal(study.values, [0.25, 0.5, np.nan])
    assert listing(copy) == before


class Bomb:
    """What would happen if somebody unpickled it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


def ray(folder: Path, *lines: str, name: str = "t_1") -> Path:
    trial = folder / name
    trial.mkdir(parents=True, exist_ok=True)
    (trial / "params.json").write_text("{}")
    (trial / "result.json").write_text("".join(line + "\n" for line in lines))
    return trial


def result(step: Any = 1, loss: Any = 0.5, **more: Any) -> str:
    return json.dumps({"loss": loss, "training_iteration": step, **more})


def test_pickles_stay_closed(tmp_path: Path) -> None:
    logs, crater = tmp_path / "logs", tmp_path / "crater"
    bomb = pickle.dumps(Bomb(crater))
    trial = ray(logs, result(1), result(2))
    for path in (trial / "params.pkl", logs / "tuner.pkl", logs / "tuner.dill"):
        path.write_bytes(bomb)
    (logs / "basic-variant-state-2025-01-01_00-00-00.json").write_bytes(bomb)
    pickled = {"_type": "CLOUDPICKLE_FALLBACK", "value": bomb.hex()}
    first = {"trial_id": "t", "status": "TERMINATED", "storage": pickled, "config": pickled}
    state = {"trial_data": [[json.dumps(first), json.dumps(pickled)], bomb.hex()]}
    (logs / "experiment_state-2025-01-01_00-00-00.json").write_text(json.dumps(state))
    assert read_study(logs, **CHOSEN).n_reports == 2
    assert not crater.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{broken}", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        (f'{{"loss": {GIANT}, "training_iteration": 1}}', "beyond 1e308"),
        (f'{{"loss": {"9" * 5000}, "training_iteration": 1}}', "not JSON"),
        (f'{{"loss": 1, "training_iteration": {GIANT}}}', "beyond 1e308"),
        ('{"loss": 1, "training_iteration": 1e300}', "1e.300 is too large"),
        ('{"loss": 1, "training_iteration": "one"}', "not a number"),
        ('{"loss": 1}', "no training_iteration"),
        ('{"loss": "low", "training_iteration": 1}', "not a number"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    trial = ray(tmp_path, result(1), line, result(3))
    with pytest.raises(EsimError, match=said) as raised:
        read_study(tmp_path, **CHOSEN)
    assert f"{trial / 'result.json'}:2" in str(raised.value)


def test_a_line_cut_off_at_the_end_is_left_out_and_counted(tmp_path: Path) -> None:
    trial = ray(tmp_path, result(1), result(2))
    with (trial / "result.json").open("a") as stream:
        stream.write('{"loss": 0.1, "training_it')
    study = read_study(tmp_path, **CHOSEN)
    assert study.n_reports == 2
    assert [note.count for note in study.notes if note.code == "lines_cut_off"] == [1]


def test_a_restored_trial_keeps_the_last_of_each_step(tmp_path: Path) -> None:
    """It reports 1, 2, 3, is restored from 1, and reports 2, 3, 4 again."""
    values = [(1, 9), (2, 8), (3, 7), (2, 6), (3, 5), (4, 4)]
    ray(tmp_path, *(result(step, float(loss)) for step, loss in values))
    study = read_study(tmp_path, **CHOSEN)
    np.testing.assert_array_equal(study.values, [9, 6, 5, 4])
    counted = {note.code: note.count for note in study.notes}
    assert (counted["duplicate_steps"], counted["steps_unsorted"]) == (2, 1)


def test_values_that_are_none(tmp_path: Path) -> None:
    """null and NaN are rows without a value, a result without the metric is no row."""
    lines = ['{"loss": NaN, "training_iteration": 1}', result(2, None), result(3, 0.5)]
    lines += ['{"training_iteration": 4}', '{"loss": -Infinity, "training_iteration": 5}']
    ray(tmp_path, *lines)
    study = read_study(tmp_path, **CHOSEN)
    np.testing.assert_array_equal(study.steps, [1, 2, 3, 5])
    np.testing.assert_array_equal(study.values, [np.nan, np.nan, 0.5, -np.inf])


def syne_tune(folder: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(folder / "results.csv.zip", "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return folder


SYNE = "loss,epoch,st_worker_time,st_worker_timestamp,st_decision,st_status,trial_id,config_lr\n"


def test_syne_tune_decisions(tmp_path: Path) -> None:
    """0 goes all the way, and is stopped there; 1 is stopped; 2 is paused; 3 is still going."""
    rows = [(0, 3, "STOP"), (1, 2, "STOP"), (2, 1, "PAUSE"), (3, 2, "CONTINUE")]
    text = SYNE
    for trial, last, decision in rows:
        for epoch in range(1, last + 1):
            word = decision if epoch == last else "CONTINUE"
            line = f"0.5,{epoch},{epoch}.5,{100 * trial + epoch}.5,{word},InProgress"
            text += f"{line},{trial},1e-3\n"
    syne_tune(tmp_path, {"../../results.csv": text})
    metadata = {"metric_names": ["loss"], "metric_mode": "max"}
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    study = read_study(tmp_path)
    assert (study.objective, study.direction) == ("loss", "maximize")
    stopped = Status.STOPPED
    assert study.status.tolist() == [Status.COMPLETED, stopped, stopped, Status.UNKNOWN]
    np.testing.assert_array_equal(study.start, [0, 100, 200, 300])
    np.testing.assert_array_equal(study.elapsed, [1.5, 2.5, 3.5, 1.5, 2.5, 1.5, 1.5, 2.5])
    assert study.config["lr"] == (0.001,) * 4
    assert not (tmp_path.parent / "results.csv").exists()
    assert sorted(os.listdir(tmp_path)) == ["metadata.json", "results.csv.zip"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"a.csv": SYNE, "b.csv": SYNE}, "not one member"),
        ({"a.txt": "x"}, "not one member"),
        ({"a.csv": "loss,epoch\n1,2\n"}, "no column trial_id"),
        ({"a.csv": SYNE + "1,1\n"}, "2 cells where the header has 8"),
        ({"a.csv": SYNE + "x,1,1,1,STOP,Stopped,0,1\n"}, "not a number"),
        ({"a.csv": SYNE + "1,1.5,1,1,STOP,Stopped,0,1\n"}, "not a whole number"),
    ],
)
def test_bad_syne_tune_results(tmp_path: Path, members: dict[str, str], said: str) -> None:
    syne_tune(tmp_path, members)
    with pytest.raises(EsimError, match=said):
        read_study(tmp_path, **CHOSEN)


def test_archives_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "results.csv.zip").write_bytes(b"PK\3\4 and nothing more")
    with pytest.raises(EsimError, match="zip file cannot be read"):
        read_study(tmp_path, **CHOSEN)


def deepobs_record(lr: float, losses: str, epochs: int = 2) -> str:
    return (
        f'{{"test_losses": [{losses}], "minibatch_train_losses": [1, 2, 3, 4], "num_epochs": '
        f'{epochs}, "learning_rate": {lr}, "optimizer": "SGD", "testproblem": "p", '
        '"hyperparams": {"momentum": 0.9}}'
    )


def test_deepobs_in_a_tar_file_with_tricks(tmp_path: Path) -> None:
    """Members that climb out, links and devices: text, or passed over."""
    logs, outside = tmp_path / "logs", tmp_path / "outside.json"
    logs.mkdir()
    with tarfile.open(logs / "p.tar.gz", "w:gz") as archive:
        for i, (folder, text) in enumerate(
            [
                ("p/SGD/num_epochs__2__lr__1.e-01", deepobs_record(0.1, "3, 2, 1")),
                ("../../p/SGD/num_epochs__2__lr__1.e+00", deepobs_record(1.0, "3, NaN, Infinity")),
                ("/p/SGD/num_epochs__2__lr__1.e+01", deepobs_record(10.0, "3")),
            ]
        ):
            member = tarfile.TarInfo(f"{folder}/random_seed__42__2019-02-13-00-00-0{i}.json")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("p/SGD/x/random_seed__1__2019-02-13-00-00-00.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    study = read_study(logs, objective="test_losses", direction="minimize")
    assert study.name == "p/SGD"
    assert study.trials == ("lr__1.e-01", "lr__1.e+00", "lr__1.e+01")
    np.testing.assert_array_equal(study.values, [3, 2, 1, 3, np.nan, np.inf, 3])
    np.testing.assert_array_equal(study.steps, [0, 1, 2, 0, 1, 2, 0])
    assert study.status.tolist() == [Status.COMPLETED, Status.COMPLETED, Status.STOPPED]
    assert study.config["momentum"] == (0.9,) * 3
    assert not outside.exists()
    assert sorted(os.listdir(tmp_path)) == ["logs"]


def hpbandster(folder: Path, *rows: Any) -> Path:
    (folder / "results.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def evaluation(number: int, budget: float, at: float, loss: float | None) -> list[Any]:
    outcome = None if loss is None else {"loss": loss, "info": {}}
    times = {"submitted": at, "started": at, "finished": at + 2}
    return [[0, 0, number], budget, times, outcome, None if loss is not None else "it broke"]


def test_hpbandster_rungs_of_fractional_budgets(tmp_path: Path) -> None:
    """Budgets 8/3, 16/3, 8 are steps 1, 2, 3. 0 goes all the way, waiting 10 s; 1 is not promoted;
    2 breaks."""
    hpbandster(
        tmp_path,
        evaluation(0, 8 / 3, 0, 0.5),
        evaluation(1, 8 / 3, 2, 0.6),
        evaluation(2, 8 / 3, 4, None),
        evaluation(0, 16 / 3, 12, 0.4),
        evaluation(0, 8.0, 14, 0.3),
    )
    study = read_study(tmp_path)
    assert study.trials[:2] == ("0,0,0", "0,0,1")
    np.testing.assert_array_equal(study.steps, [1, 2, 3, 1])
    np.testing.assert_array_equal(study.elapsed, [2, 4, 6, 2])
    np.testing.assert_array_equal(study.end, [6, 4, 6])
    assert study.status.tolist() == [Status.COMPLETED, Status.STOPPED, Status.FAILED]
    counted = {note.code: note.count for note in study.notes}
    assert (counted["step_unit"], counted["trials_waited"]) == (1, 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([[0, 0, 0], 1.0], "not a result"),
        (evaluation(0, float("inf"), 0, 0.5), "not a step"),
        (evaluation(0, -1.0, 0, 0.5), "not a step"),
        ([[0, 0, 0], "big", {"started": 0, "finished": 1}, {"loss": 1}, None], "not a number"),
    ],
)
def test_bad_hpbandster_results(tmp_path: Path, row: list[Any], said: str) -> None:
    hpbandster(tmp_path, row)
    with pytest.raises(EsimError, match=said):
        read_study(tmp_path)


def test_budgets_without_a_common_unit(tmp_path: Path) -> None:
    budgets = [1.0, 2.0**0.5, 3.0**0.5 * 1.00001]
    hpbandster(tmp_path, *(evaluation(0, budget, 0, 0.5) for budget in budgets))
    with pytest.raises(EsimError, match="whole steps"):
        read_study(tmp_path)


def mlflow(folder: Path, metric: str, text: str) -> Path:
    run = folder / "mlruns" / "1" / "abc"
    (run / "metrics" / metric).parent.mkdir(parents=True)
    (run / "metrics" / metric).write_text(text)
    meta = "run_id: abc\nstatus: 3\nstart_time: 1000\nend_time: 9000\nlifecycle_stage: active\n"
    (run / "meta.yaml").write_text(meta + "run_name: 'it''s: one'\n")
    return run


def test_mlflow_lines_of_every_age(tmp_path: Path) -> None:
    """2 fields of old, 3, and 5 with a data set: MLflow's own reader takes these for step 0."""
    mlflow(tmp_path, "loss", "2000 0.5 4\n3000 0.25 6 data digest\n4000 nan 7\n1500 1e400 0\n")
    study = read_study(tmp_path, direction="minimize")
    assert study.trials == ("it's: one",)
    np.testing.assert_array_equal(study.steps, [0, 4, 6, 7])
    np.testing.assert_array_equal(study.values, [np.inf, 0.5, 0.25, np.nan])
    np.testing.assert_array_equal(study.elapsed, [0.5, 1, 2, 3])


def test_mlflow_without_steps(tmp_path: Path) -> None:
    mlflow(tmp_path, "loss", "2000 0.5\n3000 0.25\n4000 0.125\n")
    study = read_study(tmp_path, direction="minimize")
    np.testing.assert_array_equal(study.steps, [1, 2, 3])
    assert "step_by_emission" in [note.code for note in study.notes]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2000 0.5 4\nnot a line of a metric at all\n", "not a line of a metric"),
        ("2000 0.5 4\n3000 low 5\n", "not a number"),
        ("2000 0.5 4\n3000 0.5 5.5\n", "not a whole number"),
        (f"2000 0.5 4\n3000 0.5 {GIANT}\n", "too large"),
        ("2000 0.5 4\nnow 0.5 5\n", "not a number"),
    ],
)
def test_bad_mlflow_lines_are_named(tmp_path: Path, text: str, said: str) -> None:
    run = mlflow(tmp_path, "loss", text)
    with pytest.raises(EsimError, match=said) as raised:
        read_study(tmp_path, direction="minimize")
    assert f"{run / 'metrics' / 'loss'}:2" in str(raised.value)


JOURNAL = (
    '{"op_code":0,"worker_id":"w","study_name":"s","directions":[1]}',
    '{"op_code":4,"worker_id":"w","study_id":0,"datetime_start":"2026-01-01T00:00:00"}',
    '{"op_code":7,"worker_id":"w","trial_id":0,"step":1,"intermediate_value":0.5}',
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"op_code":4,"study_id":5,"datetime_start":null}', "no study 5"),
        ('{"op_code":7,"trial_id":0,"step":1}', "not an operation"),
        ('{"op_code":7,"trial_id":0,"step":1.5,"intermediate_value":1}', "not a whole number"),
        ('{"op_code":6,"trial_id":0,"state":77,"values":null}', "not an operation"),
        ("[]", "not an operation"),
    ],
)
def test_bad_journal_operations_are_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "journal.log"
    path.write_text("\n".join([*JOURNAL, line, ""]))
    with pytest.raises(EsimError, match=said) as raised:
        read_study(path)
    assert f"{path}:4" in str(raised.value)


def test_journal_ignores_what_optuna_ignores(tmp_path: Path) -> None:
    """A second study of the same name, reports of a finished trial, a deleted study, a cut line."""
    path = tmp_path / "journal.log"
    lines = [
        *JOURNAL,
        JOURNAL[0],
        '{"op_code":0,"worker_id":"w","study_name":"gone","directions":[2]}',
        '{"op_code":4,"worker_id":"w","study_id":1,"datetime_start":"2026-01-01T00:00:00"}',
        '{"op_code":7,"worker_id":"w","trial_id":1,"step":1,"intermediate_value":5}',
        '{"op_code":1,"worker_id":"w","study_id":1}',
        '{"op_code":6,"trial_id":0,"state":1,"values":[0.5],'
        '"datetime_complete":"2026-01-01T00:00:10"}',
        '{"op_code":7,"worker_id":"w","trial_id":0,"step":2,"intermediate_value":9}',
        '{"op_code":7,"worker_id":"w","trial_',
    ]
    path.write_text("\n".join(lines))
    study = read_study(path)
    assert study.name == "s"
    np.testing.assert_array_equal(study.values, [0.5])
    assert study.status.tolist() == [Status.COMPLETED]
    assert {"lines_cut_off", "one_point_curves"} <= {note.code for note in study.notes}


def test_sacred_lists_that_do_not_fit(tmp_path: Path) -> None:
    run = tmp_path / "1"
    run.mkdir()
    (run / "run.json").write_text('{"heartbeat": null, "status": "COMPLETED"}')
    (run / "config.json").write_text('{"lr": {"py/object": "numpy.float64", "value": 0.5}}')
    record: dict[str, Any] = {"steps": [0, 1], "values": [1.0], "timestamps": ["2026-01-01"] * 2}
    (run / "metrics.json").write_text(json.dumps({"loss": record}))
    with pytest.raises(EsimError, match="differ in length"):
        read_study(tmp_path, direction="minimize")
    record["values"] = [1.0, {"py/object": "numpy.float64", "value": 0.25}]
    (run / "metrics.json").write_text(json.dumps({"loss": record}))
    study = read_study(tmp_path, direction="minimize")
    np.testing.assert_array_equal(study.values, [1, 0.25])
    assert study.config["lr"] == (0.5,)


def test_two_formats_in_one_folder_are_named(tmp_path: Path) -> None:
    ray(tmp_path / "ray", result(1))
    mlflow(tmp_path, "loss", "2000 0.5 4\n")
    with pytest.raises(EsimError, match="mixed formats: ray-tune and mlflow") as raised:
        read_study(tmp_path, **CHOSEN)
    assert 'format="ray-tune"' in str(raised.value)
    (study,) = read_inputs(tmp_path, **CHOSEN, format="mlflow").studies
    assert study.n_reports == 1


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("redis://host/0", "not read"),
        ("sqlite://", "without a path"),
        ("sqlite:///nowhere/x.db", "cannot be read"),
    ],
)
def test_addresses_that_are_not_read(address: str, said: str) -> None:
    with pytest.raises(EsimError, match=said):
        read_study(address)


def test_sqlite_urls_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old_optuna(tmp_path / "x.db")
    monkeypatch.chdir(tmp_path)
    for given in (f"sqlite:///{path}", "sqlite:///x.db", f"file://{path}"):
        assert read_study(given).name == "old"
    with pytest.raises(EsimError, match="twice"):
        read_inputs("x.db", "sqlite:///x.db")
    with pytest.raises(EsimError, match="aws s3 sync"):
        read_inputs("x.db", "s3://bucket/logs")


def test_a_password_is_never_shown() -> None:
    with pytest.raises(EsimError) as raised:
        read_study("redis://user:secret@host:1/0")
    assert "secret" not in str(raised.value)
    assert "user@host:1" in str(raised.value)


def test_a_study_that_is_not_there(tmp_path: Path) -> None:
    path = old_optuna(tmp_path / "x.db")
    with pytest.raises(EsimError, match="no study 'olt'") as raised:
        read_study(path, studies=["olt"])
    assert "one of: old" in str(raised.value)


def event(**other: Any) -> dict[str, Any]:
    return {"timestamp": 1_764_270_000_000, "message": "epoch 1: loss=0.5", **other}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([event(logStreamName={"a": 1})], "logStreamName is no text"),
        ([event(logStreamName=5)], "logStreamName is no text"),
        ([event(logStreamName="a"), 7], "not a log event"),
        ([event(eventId=[1])], "eventId is no text"),
        ([event(timestamp=10**400)], "is not a time"),
    ],
)
def test_log_events_of_another_shape(tmp_path: Path, events: list[Any], said: str) -> None:
    (tmp_path / "events.json").write_text(json.dumps({"events": events}))
    with pytest.raises(EsimError) as caught:
        read_study(tmp_path, objective="loss", direction="minimize", metrics=[r"loss=loss=(\S+)"])
    assert not isinstance(caught.value, BugError)
    assert said in str(caught.value)


@pytest.mark.parametrize("digits", [500, 5000])
def test_numbers_of_many_digits(tmp_path: Path, digits: int) -> None:
    (tmp_path / "t.csv").write_text(f"trial,step,loss\na,1,0.5\na,{'9' * digits},0.25\n")
    with pytest.raises(EsimError, match=r"t\.csv:3") as caught:
        read_study(tmp_path, **CHOSEN)
    assert not isinstance(caught.value, BugError)


def test_hours_of_many_digits(tmp_path: Path) -> None:
    rows = "".join(f"a,{s},0.5,{'9' * 5000}:00:00\n" for s in (1, 2, 3))
    (tmp_path / "t.csv").write_text("trial,epoch,loss,time\n" + rows)
    study = read_study(tmp_path, objective="loss", direction="minimize")
    assert study.elapsed is None


def test_a_million_digits_are_looked_at_once() -> None:
    assert is_number("9" * 1_000_000)
    assert not is_number("9" * 1_000_000 + ":")  # in the square of it, hours


def test_steps_of_many_digits_beside_restarts(tmp_path: Path) -> None:
    for name, step in (("20240101_000000", "9" * 400), ("20240102_000000", "1")):
        path = tmp_path / "a" / f"{name}.log.json"
        path.parent.mkdir(exist_ok=True)
        rows = (f'{{"mode": "train", "epoch": {s}, "loss": 0.5}}\n' for s in (step, "2"))
        path.write_text('{"env_info": "x"}\n' + "".join(rows))
    with pytest.raises(EsimError) as caught:
        read_study(tmp_path, objective="loss", direction="minimize")
    assert not isinstance(caught.value, BugError)


def test_what_a_reader_does_not_foresee_is_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the input and the place in the code, and its cause has the trace."""

    def read(source: Any, options: Any) -> Any:
        return {}["nothing"]

    (tmp_path / "t.csv").write_text("trial,step,loss\na,1,0.5\n")
    monkeypatch.setattr("esim.readers.tables.plain.read", read)
    with pytest.raises(BugError, match="KeyError: 'nothing'") as caught:
        read_study(tmp_path, **CHOSEN)
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)
