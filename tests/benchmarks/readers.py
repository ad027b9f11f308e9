"""Reading 1,000 trials of 200 steps beside the library's own way of loading them.

    python -m tests.benchmarks.readers optuna|ray|mlflow [--trials 1000] [--steps 200]

Needs the library beside esim. Writes the trials to a temporary folder in the library's own layout,
lets the library load them and esim read them in turn, three times each on warm files, and compares
every step and value. Prints a row of a Markdown table: medians, their ratio, what was compared.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sqlite3
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from esim import Study, read_study

METRIC = "loss"
Curves = dict[str, tuple[list[int], list[float]]]  # trial -> steps, values


def values(trials: int, steps: int) -> Any:
    """float64 [trials, steps], full precision, with NaN and infinities here and there."""
    rng = np.random.default_rng(0)
    made = np.exp(-np.arange(steps) / 50) + rng.normal(scale=0.1, size=(trials, steps))
    made[rng.random(made.shape) < 0.001] = np.nan
    made[rng.random(made.shape) < 0.0005] = np.inf
    return made


def write_optuna(folder: Path, table: Any) -> None:
    """Optuna makes the schema and one trial; the rest are rows like its own (report() takes a
    transaction each)."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / "optuna.db"
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name="s", direction="minimize")
    first = study.ask()
    for number in range(5):
        first.suggest_float(f"x{number}", 0, 1)
    first.report(1.0, 0)
    study.tell(first, 1.0)
    with sqlite3.connect(path) as connection:
        distributions = dict(
            connection.execute("SELECT param_name, distribution_json FROM trial_params")
        )
        for name in ("trial_params", "trial_values", "trial_intermediate_values", "trials"):
            connection.execute(f"DELETE FROM {name}")
        began, ended = "2026-01-01 00:00:00.000000", "2026-01-01 01:00:00.000000"
        trials = range(1, len(table) + 1)
        connection.executemany(
            "INSERT INTO trials VALUES (?, ?, 1, 'COMPLETE', ?, ?)",
            ((trial, trial - 1, began, ended) for trial in trials),
        )
        connection.executemany(
            "INSERT INTO trial_values (trial_id, objective, value, value_type) "
            "VALUES (?, 0, 1.0, 'FINITE')",
            ((trial,) for trial in trials),
        )
        connection.executemany(
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
            "VALUES (?, ?, 0.5, ?)",
            ((trial, *pair) for trial in trials for pair in distributions.items()),
        )
        connection.executemany(
            "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, "
            "intermediate_value_type) VALUES (?, ?, ?, ?)",
            (
                (trial, step, None, "NAN" if np.isnan(value) else "INF_POS")
                if not np.isfinite(value)
                else (trial, step, value, "FINITE")
                for trial, row in zip(trials, table.tolist(), strict=True)
                for step, value in enumerate(row)
            ),
        )


def load_optuna(folder: Path) -> Curves:
    """The trials with their intermediate values, as `trials_dataframe` gets them too."""
    import optuna

    study = optuna.load_study(storage=f"sqlite:///{folder}/optuna.db", study_name="s")
    return {
        str(trial.number): (
            list(trial.intermediate_values),
            list(trial.intermediate_values.values()),
        )
        for trial in study.get_trials(deepcopy=False)
    }


def write_ray(folder: Path, table: Any) -> None:
    """As Ray 2.x's JSON and CSV callbacks write them; its analysis needs the state, too."""
    experiment = folder / "experiment"
    entries = []
    for number, row in enumerate(table.tolist()):
        trial = f"abcde_{number:05d}"
        name = f"train_{trial}_{number}_lr=0.5_2026-01-01_00-00-00"
        config = {f"x{i}": 0.5 for i in range(5)}
        home = experiment / name
        home.mkdir(parents=True)
        (home / "params.json").write_text(json.dumps(config))
        lines, cells = [], ["loss,accuracy,timestamp,training_iteration,trial_id,time_total_s"]
        for step, value in enumerate(row, start=1):
            at, seconds = 1767225600 + step, step * 1.0
            lines.append(
                json.dumps(
                    {
                        **{METRIC: value, "accuracy": 0.5, "timestamp": at, "done": False},
                        **{"checkpoint_dir_name": None, "training_iteration": step},
                        **{"trial_id": trial, "date": "2026-01-01_00-00-00", "pid": 1},
                        **{"time_this_iter_s": 1.0, "time_total_s": seconds, "hostname": "host"},
                        **{"node_ip": "127.0.0.1", "config": config},
                        **{"time_since_restore": seconds, "iterations_since_restore": step},
                    }
                )
            )
            cells.append(f"{value},0.5,{at},{step},{trial},{seconds}")
        (home / "result.json").write_text("\n".join(lines) + "\n")
        (home / "progress.csv").write_text("\n".join(cells) + "\n")
        entries.append((trial, name, config))
    _ray_state(experiment, entries)


def _ray_state(experiment: Path, entries: list[tuple[str, str, dict[str, Any]]]) -> None:
    from ray.train._internal.storage import StorageContext
    from ray.tune.experiment import Trial

    data = []
    for trial, name, config in entries:
        storage = StorageContext(
            storage_path=str(experiment.parent),
            experiment_dir_name=experiment.name,
            trial_dir_name=name,
        )
        made = Trial("train", config=config, trial_id=trial, storage=storage, stub=True)
        made.status = Trial.TERMINATED
        made.relative_logdir = name
        made.create_placement_group_factory()
        data.append(made.get_json_state())
    state = {"trial_data": data, "runner_data": {}, "stats": {"start_time": 0.0}}
    (experiment / "experiment_state-2026-01-01_00-00-00.json").write_text(json.dumps(state))


def load_ray(folder: Path) -> Curves:
    from ray import tune

    class Trainable(tune.Trainable):
        pass

    tune.register_trainable("train", Trainable)
    analysis = tune.ExperimentAnalysis(str(folder / "experiment"))
    return {
        trial.trial_id: (
            analysis.trial_dataframes[trial.trial_id]["training_iteration"].tolist(),
            analysis.trial_dataframes[trial.trial_id][METRIC].tolist(),
        )
        for trial in analysis.trials
    }


def write_mlflow(folder: Path, table: Any) -> None:
    """MLflow makes the experiment and the runs; the metrics' files are lines like its own."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient((folder / "mlruns").as_uri())
    experiment = client.create_experiment("e")
    home = folder / "mlruns" / experiment
    for number, row in enumerate(table.tolist()):
        run = client.create_run(experiment, start_time=1767225600000, run_name=f"run {number}")
        for name in range(5):
            client.log_param(run.info.run_id, f"x{name}", 0.5)
        for metric in (METRIC, "accuracy"):
            path = home / run.info.run_id / "metrics" / metric
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                "".join(f"{1767225600000 + s} {value} {s}\n" for s, value in enumerate(row))
            )
        client.set_terminated(run.info.run_id, end_time=1767229200000)


def load_mlflow(folder: Path) -> Curves:
    from mlflow.tracking import MlflowClient

    client = MlflowClient((folder / "mlruns").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'e'")
    found: Curves = {}
    for run in client.search_runs([experiment.experiment_id], max_results=50000):
        history = client.get_metric_history(run.info.run_id, METRIC)
        found[run.info.run_name] = ([one.step for one in history], [one.value for one in history])
    return found


LIBRARIES: dict[str, tuple[str, Callable[[Path, Any], None], Callable[[Path], Curves]]] = {
    "optuna": ("Optuna SQLite, study.get_trials", write_optuna, load_optuna),
    "ray": ("Ray Tune, ExperimentAnalysis", write_ray, load_ray),
    "mlflow": ("MLflow files, client.get_metric_history", write_mlflow, load_mlflow),
}


def compare(study: Study, curves: Curves) -> int:
    """How many reports are equal, NaN to NaN; raises if one is not."""
    assert set(study.trials) == set(curves)
    for i, trial in enumerate(study.trials):
        rows = slice(study.offsets[i], study.offsets[i + 1])
        steps, expected = curves[trial]
        assert study.steps[rows].tolist() == steps, trial
        np.testing.assert_array_equal(study.values[rows], np.array(expected, dtype=float))
    return study.n_reports


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = action()
    return time.perf_counter() - began, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=list(LIBRARIES))
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=200)
    chosen = parser.parse_args()
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    title, write, load = LIBRARIES[chosen.library]
    options: dict[str, Any] = {"objective": METRIC, "direction": "minimize"}
    options = {} if chosen.library == "optuna" else options
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, values(chosen.trials, chosen.steps))
        read_study(folder, **options)  # imports and caches are not what is compared
        theirs, ours = [], []
        for _ in range(3):
            seconds, curves = timed(lambda: load(folder))
            theirs.append(seconds)
            seconds, study = timed(lambda: read_study(folder, **options))
            ours.append(seconds)
        equal = compare(study, curves)
    library, esim = statistics.median(theirs), statistics.median(ours)
    print("| what | library | esim | library / esim | reports equal |")
    print("|---|---|---|---|---|")
    print(f"| {title} | {library:.2f} s | {esim:.2f} s | {library / esim:.1f} | {equal:,} |")


if __name__ == "__main__":
    main()
