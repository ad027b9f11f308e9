"""Objects of other libraries in place of paths.

The objects here are stand-ins that have a library's type name and interface, and the contents of
its recording in tests/formats; what is read from them is what is read from the files. The objects
of the libraries themselves are read in tests/live/test_objects.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

import esim
from esim.readers.inputs import read_inputs
from esim.study import Status, Study
from tests.live.tiny import BEGAN, METRIC, TRIALS
from tests.paths import FORMATS
from tests.readers.test_tiny import assert_same_study

RAY: dict[str, Any] = {"objective": METRIC, "direction": "minimize"}
MLFLOW: dict[str, Any] = {"objective": METRIC.replace(":", "/"), "direction": "minimize"}


def of(kind: str, **attributes: Any) -> Any:
    """An object with these attributes, of a class of that module and name."""
    module, _, called = kind.rpartition(".")
    made = type(called, (), {"__module__": module})()
    vars(made).update(attributes)
    return made


def codes(study: Study) -> list[str]:
    return [note.code for note in study.notes]


# Optuna


class State(Enum):
    RUNNING, COMPLETE, PRUNED, FAIL, WAITING = range(5)


class Direction(Enum):
    NOT_SET, MINIMIZE, MAXIMIZE = range(3)


class FloatDistribution:
    def to_internal_repr(self, value: float) -> float:
        return float(value)


class IntDistribution(FloatDistribution):
    pass


class CategoricalDistribution:
    choices = ("a", "b")

    def to_internal_repr(self, value: str) -> float:
        return float(self.choices.index(value))


def optuna_trial(number: int, state: State = State.COMPLETE, **known: Any) -> SimpleNamespace:
    unknown = {"datetime_start": None, "datetime_complete": None, "values": None}
    empty: dict[str, Any] = {"params": {}, "distributions": {}, "intermediate_values": {}}
    return SimpleNamespace(**{"number": number, "state": state, **unknown, **empty, **known})


def optuna_study(trials: list[Any], *directions: Direction, names: Any = None) -> Any:
    return of(
        "optuna.study.study.Study",
        study_name="tiny",
        directions=list(directions),
        metric_names=names,
        get_trials=lambda deepcopy: trials,
    )


def tiny_optuna() -> Any:
    return optuna_study(
        [
            optuna_trial(
                number,
                values=[values[-1]],
                datetime_start=datetime.fromtimestamp(BEGAN + second),  # local, as in Optuna
                datetime_complete=datetime.fromtimestamp(BEGAN + second + 52),
                params={"learning_rate": rate},
                distributions={"learning_rate": FloatDistribution()},
                intermediate_values=dict(enumerate(values, start=1)),
            )
            for number, (values, rate, second) in enumerate(TRIALS.values())
        ],
        Direction.MINIMIZE,
        names=[METRIC],
    )


def test_an_optuna_study_is_read_as_its_journal() -> None:
    (expected,) = read_inputs(FORMATS / "optuna_journal", studies=["tiny"]).studies
    assert_same_study(esim.read_study(tiny_optuna()), expected, notes=True)


def test_optuna_trials_of_every_state() -> None:
    """Trial 0 reported NaN and inf; trial 2 its steps out of order, and returned another value."""
    study = esim.read_study(
        optuna_study(
            [
                optuna_trial(
                    0,
                    State.PRUNED,
                    params={"kind": "b", "depth": 3, "rate": 1},
                    distributions={
                        "kind": CategoricalDistribution(),
                        "depth": IntDistribution(),
                        "rate": FloatDistribution(),
                    },
                    intermediate_values={0: 1.0, 3: math.nan, 7: math.inf},
                ),
                optuna_trial(1, State.FAIL, intermediate_values={0: -math.inf}),
                optuna_trial(2, values=[9.0], intermediate_values={1: 2.5, 0: 3.5}),
                optuna_trial(3, State.RUNNING, intermediate_values={0: 0.5}),
                optuna_trial(4, State.WAITING),
            ],
            Direction.MAXIMIZE,
        )
    )
    assert (study.name, study.objective, study.direction) == ("tiny", "objective", "maximize")
    assert study.status.tolist() == [
        *(Status.STOPPED, Status.FAILED, Status.COMPLETED, Status.RUNNING, Status.RUNNING)
    ]
    np.testing.assert_array_equal(study.offsets, [0, 3, 4, 6, 7, 7])
    np.testing.assert_array_equal(study.steps, [0, 3, 7, 0, 0, 1, 0])
    np.testing.assert_array_equal(study.values, [1, np.nan, np.inf, -np.inf, 3.5, 2.5, 0.5])
    first = {key: column[0] for key, column in study.config.items()}
    assert [*map(repr, first.items())] == ["('kind', 'b')", "('depth', 3)", "('rate', 1.0)"]
    counted = {note.code: note.count for note in study.notes}
    assert counted["final_value_differs"] == 1
    assert "steps_unsorted" not in counted  # Optuna maps steps to values


def test_an_optuna_study_of_several_objectives_has_no_curves() -> None:
    two = optuna_study([optuna_trial(0, values=[1.0, 2.0])], *[Direction.MINIMIZE] * 2)
    with pytest.raises(esim.EsimError, match="2 objectives"):
        esim.read_study(two)


# Ray Tune


def ray_analysis(folder: Path, **more: Any) -> Any:
    """What Ray holds of an experiment's folder."""
    (state,) = folder.glob("experiment_state-*.json")
    trials, frames = [], {}
    for parts in json.loads(state.read_text())["trial_data"]:
        told = {key: value for part in parts for key, value in json.loads(part).items()}
        path = folder / Path(told["relative_logdir"]).name
        own = path if path.is_dir() else next(folder.glob(f"*{told['trial_id']}*"))
        times = ("start_time", "last_result_time", "error_filename")
        about = SimpleNamespace(**{name: told.get(name) for name in times})
        rows = [json.loads(row) for row in (own / "result.json").read_text().splitlines()]
        frames[told["trial_id"]] = pd.json_normalize(rows, sep="/")
        known = {name: told[name] for name in ("trial_id", "status", "config")}
        criterion = told["stopping_criterion"]
        trials.append(
            SimpleNamespace(
                **known, stopping_criterion=criterion, run_metadata=about, path=str(own)
            )
        )
    return of(
        "ray.tune.analysis.experiment_analysis.ExperimentAnalysis",
        **{
            "experiment_path": str(folder),
            "trials": trials,
            "trial_dataframes": frames,
            "default_metric": None,
            "default_mode": None,
            **more,
        },
    )


class Grid:
    def __iter__(self) -> Iterator[Any]:
        frames = self._experiment_analysis.trial_dataframes  # type: ignore[attr-defined]
        return (SimpleNamespace(metrics_dataframe=frame) for frame in frames.values())


def ray_grid(analysis: Any) -> Any:
    kind = type("ResultGrid", (Grid,), {"__module__": "ray.tune.result_grid"})
    made = kind()
    vars(made).update(_experiment_analysis=analysis, experiment_path=analysis.experiment_path)
    return made


def write_ray(folder: Path) -> Path:
    """An experiment of four trials, of reports at steps 1 to 3.

    The first fails before its first result; the second reports NaN at step 2, and `sometimes` at
    step 2 only; the third fails at step 2; the fourth has failed, was tried again, and ended well.
    """
    trial_data = []
    for i, status in enumerate(["ERROR", "TERMINATED", "ERROR", "TERMINATED"]):
        trial = f"abc_0000{i}"
        own = folder / f"train_{trial}_lr=0.1"
        own.mkdir(parents=True)
        config = {"lr": 0.1 * i, "model": {"depth": i}}
        (own / "params.json").write_text(json.dumps(config))
        if i != 1:
            (own / "error.txt").write_text("RuntimeError")
        rows = []
        for step in range(1, [0, 3, 1, 3][i] + 1):
            value = math.nan if (i, step) == (1, 2) else 1.0 / (i + step)
            row = {"loss": value, "training_iteration": step, "trial_id": trial, "note": "x"}
            row |= {"time_total_s": 10.0 * step, "timestamp": BEGAN + 10 * step, "date": None}
            rows.append(row | ({"sometimes": 5} if step == 2 else {}))
        (own / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
        told = {"trial_id": trial, "status": status, "config": config, "stopping_criterion": {}}
        told["relative_logdir"] = own.name
        about = {"start_time": BEGAN + 0.5, "last_result_time": BEGAN + 30.5}
        about["error_filename"] = None if i == 1 else "error.txt"
        trial_data.append([json.dumps(told), json.dumps(about)])
    state = json.dumps({"trial_data": trial_data, "runner_data": {"_metric": "loss"}})
    (folder / "experiment_state-2026-11-20_12-00-00.json").write_text(state)
    return folder


@pytest.mark.parametrize("name", ["tiny", "cut"])
def test_rays_results_are_read_as_its_files(name: str) -> None:
    (expected,) = read_inputs(FORMATS / "ray_tune", studies=[name], **RAY).studies
    analysis = ray_analysis(FORMATS / "ray_tune" / name)
    assert_same_study(esim.read_study(analysis, **RAY), expected, notes=True)
    assert_same_study(esim.read_study(ray_grid(analysis), **RAY), expected, notes=True)


@pytest.mark.parametrize("metric", ["loss", "sometimes"])
def test_ray_trials_that_fail_or_report_unevenly(metric: str, tmp_path: Path) -> None:
    folder = write_ray(tmp_path / "exp")
    asked: dict[str, Any] = {"objective": metric, "direction": "minimize"}
    expected = esim.read_study(folder, **asked)
    analysis = ray_analysis(folder, default_metric="loss", default_mode="min")
    assert_same_study(esim.read_study(analysis, **asked), expected, notes=True)
    assert sorted(expected.trials) == [f"abc_0000{i}" for i in range(4)]
    status = dict(zip(expected.trials, expected.status.tolist(), strict=True))
    assert [status[f"abc_0000{i}"] for i in range(4)] == [
        *(Status.FAILED, Status.COMPLETED, Status.FAILED, Status.COMPLETED)
    ]
    assert expected.n_reports == {"loss": 7, "sometimes": 2}[metric]


def test_the_objective_and_direction_of_a_tuning_are_rays() -> None:
    told = {"default_metric": METRIC, "default_mode": "min"}
    study = esim.read_study(ray_analysis(FORMATS / "ray_tune" / "tiny", **told))
    assert (study.objective, study.direction) == (METRIC, "minimize")
    assert "objective_chosen" in codes(study)


def test_rays_frames_alone_do_not_tell_a_nan_from_no_report(tmp_path: Path) -> None:
    """Without its file each result counts, where a trial has reported the metric at all."""
    analysis = ray_analysis(write_ray(tmp_path / "exp"))
    for trial in analysis.trials:
        trial.path = str(tmp_path / "gone")
    loss = esim.read_study(analysis, objective="loss", direction="minimize")
    assert [n.count for n in loss.notes if n.code == "nan_or_absent"] == [1]
    np.testing.assert_array_equal(loss.values[:3], [1 / 2, np.nan, 1 / 4])
    rare = esim.read_study(analysis, objective="sometimes", direction="minimize")
    assert [n.count for n in rare.notes if n.code == "nan_or_absent"] == [2 + 2]
    assert rare.n_reports == 3 + 3  # of the second and the fourth


def test_hyperparameters_of_ray_become_what_its_files_hold() -> None:
    analysis = ray_analysis(FORMATS / "ray_tune" / "cut")
    for trial in analysis.trials:
        trial.config = {"z": np.int64(3), "f": len, "a": {"t": (1, 2), "r": np.float32(0.5)}}
    study = esim.read_study(analysis, **RAY)
    assert {key: column[0] for key, column in study.config.items()} == {
        **{"a/r": 0.5, "a/t": "[1, 2]", "f": "<built-in function len>", "z": 3}
    }
    assert list(study.config) == ["a/r", "a/t", "f", "z"]


# MLflow


class MlflowException(Exception):  # noqa: N818 - MLflow's name
    pass


class Page(list[Any]):
    token: str | None = None


class Store:
    """MLflow's client on the runs of the tiny study, two of them on a page."""

    tracking_uri = "http://me:secret@host/mlflow"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def search_experiments(self, max_results: int, page_token: str | None) -> Page:
        names = {"1": "tiny", "2": "sweeps"}
        return Page(SimpleNamespace(experiment_id=key, name=name) for key, name in names.items())

    def search_runs(
        self, experiment_ids: list[str], order_by: Any, max_results: int, page_token: str | None
    ) -> Page:
        (number,) = experiment_ids
        self.asked.append(number)
        first = int(page_token or 0)
        runs = [self._run(number, at, name) for at, name in enumerate(TRIALS)]
        if number == "2":
            runs.append(self._run(number, 6, "first sweep"))
        page = Page(runs[first : first + 2])
        page.token = str(first + 2) if first + 2 < len(runs) else None
        return page

    def _run(self, number: str, at: int, name: str) -> Any:
        parent = number == "2" and name in TRIALS
        _, rate, second = TRIALS.get(name, ([], 0, 0))
        start = (BEGAN + second) * 1000
        info = {"run_id": f"{number}-{at}", "run_name": name, "status": "FINISHED"}
        tags = {"mlflow.parentRunId": "2-6"} if parent else {}
        metrics = {MLFLOW["objective"]: 0.0, "train loss": 0.0} if name in TRIALS else {}
        return SimpleNamespace(
            info=SimpleNamespace(**info, start_time=start, end_time=start + 52000),
            data=SimpleNamespace(params={"learning_rate": str(rate)}, tags=tags, metrics=metrics),
        )

    def get_metric_history(self, run_id: str, key: str) -> list[Any]:
        values, _, second = list(TRIALS.values())[int(run_id.partition("-")[2])]
        at = (BEGAN + second) * 1000
        history = [
            SimpleNamespace(timestamp=at + 10000 * step, value=float(value), step=step)
            for step, value in enumerate(values, start=1)
        ]
        return history[::-1]  # a store may tell them in any order


def mlflow_client() -> Any:
    return type("MlflowClient", (Store,), {"__module__": "mlflow.tracking.client"})()


def test_an_mlflow_client_is_read_as_its_store() -> None:
    client = mlflow_client()
    names = ["tiny", "sweeps/first sweep"]
    expected = read_inputs(FORMATS / "mlflow", studies=names, **MLFLOW).studies
    reading = read_inputs(client, **MLFLOW)
    assert [study.name for study in reading.studies] == names
    for study in reading.studies:
        (its,) = [one for one in expected if one.name == study.name]
        assert_same_study(study, its, notes=True)
    assert reading.inputs[0].path == "<mlflow.MlflowClient 'http://me@host/mlflow'>"


def test_of_an_mlflow_client_only_the_experiments_asked_for_are_read() -> None:
    client = mlflow_client()
    study = esim.read_study(client, studies=["sweeps/first sweep"], **MLFLOW)
    assert (study.n_trials, set(client.asked)) == (6, {"2"})
    with pytest.raises(esim.EsimError, match="no study 'tyni'\n  fix: one of: tiny, sweeps/"):
        esim.read_study(mlflow_client(), studies=["tyni"], **MLFLOW)


def test_what_mlflow_refuses_is_told_without_the_password() -> None:
    client = mlflow_client()

    def refuse(**page: Any) -> None:
        raise MlflowException(f"no route to {client.tracking_uri}")

    client.search_experiments = refuse
    with pytest.raises(esim.EsimError, match="no route to http://me@host/mlflow"):
        esim.read_study(client, **MLFLOW)


# Syne Tune


def test_a_syne_tune_experiment_is_read_as_its_folder() -> None:
    (folder,) = (FORMATS / "syne_tune").iterdir()
    with ZipFile(folder / "results.csv.zip") as packed, packed.open(packed.namelist()[0]) as rows:
        frame = pyarrow.csv.read_csv(rows).to_pandas()
    result = of(
        "syne_tune.experiments.experiment_result.ExperimentResult",
        name=folder.name,
        results=frame,
        metadata=json.loads((folder / "metadata.json").read_text()),
    )
    assert_same_study(esim.read_study(result), esim.read_study(folder), notes=True)
    result.results["epoch"] = result.results["epoch"].astype(str).replace("3", "x")
    with pytest.raises(esim.EsimError, match=r"<syne_tune.*>, row 3: 'x' is not a number"):
        esim.read_study(result)
    result.results = None
    with pytest.raises(esim.EsimError, match="no results"):
        esim.read_study(result)


# Tables

COLUMNS: dict[str, list[Any]] = {
    **{"trial": ["01", "01", "b"], "step": [1, 2, 1], "loss": [3.0, math.nan, 4.0]}
}
FRAME = pd.DataFrame(COLUMNS)


class Interchange:
    def __dataframe__(self, *args: Any, **options: Any) -> Any:
        return pa.table(COLUMNS).__dataframe__(*args, **options)


class Stream:
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def views(table: pa.Table) -> pa.Table:
    """The table with its texts laid out as Polars does."""
    return table.set_column(0, "trial", table["trial"].cast(pa.string_view()))


def category_views(table: pa.Table) -> pa.Table:
    ids = pa.array(["b", "01"], pa.string_view())
    codes = pa.DictionaryArray.from_arrays(pa.array([1, 1, 0], pa.uint32()), ids)
    return table.set_column(0, "trial", pa.chunked_array([codes]))


TABLES: dict[str, Any] = {
    "pandas": FRAME,
    "a subclass of it": type("GeoDataFrame", (pd.DataFrame,), {})(COLUMNS),
    "a named index": FRAME.set_index("trial"),
    "named levels": FRAME.set_index(["trial", "step"]),
    "an index that is a column too": FRAME.set_index("trial", drop=False),
    "rows taken out": pd.concat([FRAME, FRAME])[3:],
    "categories": FRAME.astype({"trial": "category"}),
    "missing values of pandas": FRAME.convert_dtypes(),
    "arrow": pa.table(COLUMNS),
    "another library": Stream(pa.table(COLUMNS)),
    "views": Stream(views(pa.table(COLUMNS))),
    "views of categories": Stream(category_views(pa.table(COLUMNS))),
    "interchange": Interchange(),
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_a_table_of_any_library_is_read(kind: str) -> None:
    study = esim.read_study(TABLES[kind], direction="minimize")
    assert (study.name, study.objective, study.trials) == ("study", "loss", ("01", "b"))
    np.testing.assert_array_equal(study.offsets, [0, 2, 3])
    np.testing.assert_array_equal(study.steps, [1, 2, 1])
    np.testing.assert_array_equal(study.values, [3, np.nan, 4])


def test_a_frame_is_read_as_its_parquet_file(tmp_path: Path) -> None:
    moments = pd.to_datetime([BEGAN + 1, BEGAN + 2, BEGAN + 5], unit="s", utc=True)
    frame = FRAME.assign(timestamp=moments, study=["s", "s", "t"], mixed=[1, "x", None])
    frame.drop(columns="mixed").to_parquet(tmp_path / "t.parquet")
    options: dict[str, Any] = {"objective": "loss", "direction": "maximize"}
    expected = esim.read_studies(tmp_path / "t.parquet", **options)
    found = esim.read_studies(frame, **options)
    assert len(found) == len(expected) == 2
    for actual, its in zip(found, expected, strict=True):
        assert_same_study(actual, its, notes=True)


def test_columns_have_the_names_people_give_them() -> None:
    """As in files; here the run is a level of the index, and the times are lapses of time."""
    frame = FRAME.rename(columns={"trial": "run_id", "step": "epoch", "loss": "val_loss"})
    frame = frame.fillna({"val_loss": 0.25})  # without a value it would be a row of other metrics
    frame["runtime"] = pd.to_timedelta([10, 20, 10], unit="s")
    study = esim.read_study(frame.set_index(["run_id", "epoch"]), direction="minimize")
    assert (study.objective, study.trials) == ("val_loss", ("01", "b"))
    np.testing.assert_array_equal(study.steps, [1, 2, 1])
    assert study.elapsed is not None
    np.testing.assert_array_equal(study.elapsed, [10, 20, 10])


def test_columns_and_rows_are_named_by_the_user() -> None:
    frame = pd.DataFrame(
        {
            "who": ["a", "a", "a", "b", "b"],
            "n": [1, 1, 2, 1, 1],
            "metric": ["loss", "acc", "loss", "loss", "acc"],
            "number": [3.0, 0.5, 2.0, 4.0, 0.75],
            "at": pd.to_datetime(["2026-01-01 00:00:10"] * 2 + ["2026-01-01 00:00:20"] * 3),
        }
    )
    asked: dict[str, Any] = {"trial": "who", "step": "n", "time": "at", "value": "number"}
    study = esim.read_study(frame, **asked, where=["metric=loss"], direction="minimize")
    assert study.trials == ("a", "b")
    np.testing.assert_array_equal(study.values, [3, 2, 4])
    assert study.elapsed is not None
    with pytest.raises(
        esim.EsimError, match=r"no column 'wo'\n  why: trial names it\n  fix: .*who"
    ):
        esim.read_study(frame, trial="wo", direction="minimize")


def test_an_index_that_is_no_numbering_is_a_column() -> None:
    whole = FRAME.fillna({"loss": 0.25})
    frame = whole.set_index("trial").rename_axis(None)
    study = esim.read_study(frame, trial="index", direction="minimize")
    assert study.trials == ("01", "b")
    with pytest.raises(esim.EsimError, match=r"fix: trial='index'"):
        esim.read_study(frame, direction="minimize")
    frame = whole.set_index(["trial", "step"]).rename_axis([None, None])
    levels: dict[str, Any] = {"trial": "level_0", "step": "level_1", "objective": "loss"}
    assert_same_study(
        esim.read_study(frame, **levels, direction="minimize"),
        esim.read_study(whole, direction="minimize"),
    )


def test_decimals_and_dates_of_databases() -> None:
    table = pa.table(
        {
            "trial": pa.array([7, 7, 8], pa.int32()),
            "step": pa.array([1, 2, 1], pa.decimal128(4, 0)),
            "loss": pa.array(["0.5", "0.25", None]).cast(pa.decimal128(5, 2)),
            "timestamp": pa.array([20000, 20001, 20000], pa.date32()),
        }
    )
    study = esim.read_study(Stream(table), direction="minimize")
    assert study.trials == ("7", "8")
    np.testing.assert_array_equal(study.steps, [1, 2, 1])
    np.testing.assert_array_equal(study.values, [0.5, 0.25, np.nan])
    assert study.elapsed is not None
    assert study.elapsed[1] - study.elapsed[0] == 86400


def test_cells_that_do_not_fit_are_named_by_their_row() -> None:
    frame = FRAME.assign(loss=["1.5", "n/a", "x"])
    with pytest.raises(esim.EsimError, match=r"^<pandas.DataFrame>, row 2: 'n/a' is not a number"):
        esim.read_study(frame, direction="minimize")
    frame = FRAME.assign(loss=[1.5, "2.5", None])  # of mixed types, as in a CSV file
    study = esim.read_study(frame, direction="minimize")
    np.testing.assert_array_equal(study.values, [1.5, 2.5, np.nan])


@pytest.mark.parametrize(
    "frame",
    [
        pd.concat([FRAME, -FRAME[["loss"]]], axis=1),
        FRAME.set_index(pd.Index(["p", "q", "r"], name="trial")),
        pa.Table.from_arrays([[1], [2]], names=["step", "step"]),
    ],
)
def test_two_columns_of_one_name_are_refused(frame: Any) -> None:
    with pytest.raises(esim.EsimError, match="two columns are named"):
        esim.read_study(frame, direction="minimize")


# What is given, and what the result document says of it


def test_the_result_document_tells_object_and_hash() -> None:
    first, again = read_inputs(tiny_optuna()).inputs[0], read_inputs(tiny_optuna()).inputs[0]
    assert (first.path, first.format) == ("<optuna.study.Study 'tiny'>", "optuna")
    assert (first.studies, len(first.sha256)) == (("tiny",), 64)
    assert first == again
    hashes = {
        read_inputs(frame, direction="minimize").inputs[0].sha256
        for frame in (FRAME, pa.table(COLUMNS), FRAME.assign(loss=[3.0, 1.0, 4.0]))
    }
    assert len(hashes) == 2  # of the values, not of the library


def test_several_objects_are_read_together() -> None:
    other = tiny_optuna()
    other.study_name = "other"
    assert [s.name for s in esim.read_studies(tiny_optuna(), other)] == ["tiny", "other"]
    assert esim.read_study(tiny_optuna(), other, studies=["other"]).name == "other"
    assert read_inputs(tiny_optuna(), name="mine").inputs[0].studies == ("mine",)
    with pytest.raises(esim.EsimError, match="study 'tiny' is found twice"):
        esim.read_studies(tiny_optuna(), tiny_optuna())
    with pytest.raises(esim.EsimError, match=r"^optuna.Study, pandas.DataFrame: 2 studies where"):
        esim.read_study(other, FRAME, direction="minimize")


def test_a_format_is_for_files() -> None:
    assert esim.read_study(tiny_optuna(), format="optuna").name == "tiny"
    with pytest.raises(esim.EsimError, match="it is read as optuna, not as table"):
        esim.read_study(tiny_optuna(), format="table")


def test_options_that_an_object_does_not_take_are_refused() -> None:
    with pytest.raises(esim.EsimError, match='trial="x" is not for logs of the format optuna'):
        esim.read_study(tiny_optuna(), trial="x")
    with pytest.raises(esim.EsimError, match=r'where=\["a=b"\] is not for logs of the format'):
        esim.read_study(ray_analysis(FORMATS / "ray_tune" / "tiny"), where=["a=b"], **RAY)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["a.csv", "b.csv"], r"type list: give the items one by one"),
        (COLUMNS, r"type dict: make a table of it"),
        (of("polars.lazyframe.frame.LazyFrame"), r"type polars.LazyFrame: collect\(\) it first"),
        (esim.Study.from_arrays([[1.0]], direction="minimize"), "needs no reading"),
        (of("vizier.client.Study", study_name="x"), r"type vizier.Study\n  taken: paths"),
        (FRAME["loss"], "<pandas.Series> is no table"),
        (pd.DataFrame, "type type"),
        (None, r"type NoneType\n  taken: paths \(str or os.PathLike\), tables .*, optuna.study"),
        (of("optuna.study.Study", study_name="x"), "it has no directions, get_trials"),
    ],
)
def test_other_objects_are_refused_with_what_is_taken(given: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        esim.read_study(given, direction="minimize")


def test_paths_and_objects_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="paths and objects"):
        esim.read_studies(tiny_optuna(), tmp_path)
