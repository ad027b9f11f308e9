"""Writes the tiny study through the tuners and trackers people use, one function a library.

Runs without esim, so that a library may live in an environment of its own:

    python -m tests.live.tuners NAME FOLDER

tests/live/test_tuners.py does that and reads the folder; tests/formats/ holds what it wrote once.
Where a library takes times, they are those of data/tiny; else they are the clock's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live import searchers
from tests.live.tiny import BEGAN, METRIC, TRIALS, moment


def optuna_study(storage: Any) -> None:
    """The tiny study, and one with a trial of every kind: pruned, failed, running, waiting."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.trial import FrozenTrial, TrialState

    study = optuna.create_study(storage=storage, study_name="tiny", direction="minimize")
    study.set_metric_names([METRIC])
    for number, (values, rate, second) in enumerate(TRIALS.values()):
        study.add_trial(
            FrozenTrial(
                number=number,
                trial_id=-1,
                state=TrialState.COMPLETE,
                value=values[-1],
                datetime_start=moment(second),
                datetime_complete=moment(second + 52),
                params={"learning_rate": rate},
                distributions={"learning_rate": FloatDistribution(1e-4, 1.0, log=True)},
                user_attrs={},
                system_attrs={},
                intermediate_values=dict(enumerate(values, start=1)),
            )
        )
    odd = optuna.create_study(storage=storage, study_name='odd\'s "study"', direction="maximize")
    odd.enqueue_trial({"kind": "b", "depth": 3})
    first = odd.ask()
    first.suggest_categorical("kind", ["a", "b"])
    first.suggest_int("depth", 1, 5)
    for step, value in [(0, 1.0), (3, float("nan")), (7, float("inf"))]:
        first.report(value, step)
    odd.tell(first, state=TrialState.PRUNED)
    second = odd.ask(
        {"kind": CategoricalDistribution(["a", "b"]), "rate": IntDistribution(1, 8, log=True)}
    )
    second.report(float("-inf"), 0)
    odd.tell(second, state=TrialState.FAIL)
    third = odd.ask()
    third.report(2.5, 1)
    third.report(3.5, 0)
    odd.tell(third, 9.0)
    odd.ask().report(0.5, 0)
    odd.enqueue_trial({"kind": "a"})
    # Optuna keeps no intermediate values of several objectives.
    two = optuna.create_study(storage=storage, study_name="two", directions=["minimize"] * 2)
    two.tell(two.ask(), [1.0, 2.0])


def optuna(folder: Path) -> None:
    optuna_study(f"sqlite:///{folder}/optuna.db")


def optuna_url(folder: Path) -> None:
    """A database server, named by ESIM_DATABASE_URL."""
    optuna_study(os.environ["ESIM_DATABASE_URL"])


def optuna_journal(folder: Path) -> None:
    import optuna.storages.journal as journal
    from optuna.storages import JournalStorage

    optuna_study(JournalStorage(journal.JournalFileBackend(str(folder / "journal.log"))))


def ray_tune(folder: Path) -> None:
    ray_grids(folder)


def ray_grids(folder: Path) -> list[Any]:
    """The tiny study one trial after another, and two trials one of which a scheduler stops.

    Returns:
        What Ray returns of each.
    """
    from ray import tune
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    class StopsOne(FIFOScheduler):
        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            cut = trial.config["job"]["cut"] and result["training_iteration"] >= 3
            return str(TrialScheduler.STOP if cut else TrialScheduler.CONTINUE)

    def train(config: dict[str, Any]) -> None:
        import time

        for value in config["job"]["values"]:
            time.sleep(0.05)
            tune.report({METRIC: value, "nested": {"half": value / 2}})

    jobs = [
        {"values": values, "learning_rate": rate, "cut": False}
        for values, rate, _ in TRIALS.values()
    ]
    cut = [{**jobs[0], "cut": True}, jobs[1]]
    return [
        tune.Tuner(
            train,
            param_space={"job": tune.grid_search(grid)},
            tune_config=tune.TuneConfig(max_concurrent_trials=1, scheduler=StopsOne()),
            run_config=tune.RunConfig(name=name, storage_path=str(folder)),
        ).fit()
        for name, grid in [("tiny", jobs), ("cut", cut)]
    ]


def syne_tune(folder: Path) -> None:
    """Real workers of its Python backend, one after another."""
    os.environ["SYNETUNE_FOLDER"] = str(folder)
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend import PythonBackend
    from syne_tune.config_space import choice
    from syne_tune.optimizer.baselines import RandomSearch

    def train(at: int, learning_rate: float) -> None:
        from syne_tune import Reporter

        report = Reporter()
        # The worker is a process of its own, which knows nothing but its arguments.
        table = [(8, 6, 4, 3, 2), (9, 7, 6, 5, 4), (4, 5, 5, 5, 5)]
        table += [(7, 3, 2, 2, 1), (6, 6, 5, 4, 3), (9, 9, 8, 8, 7)]
        for epoch, value in enumerate(table[at], start=1):
            report(**{"validation:loss": float(value), "epoch": epoch})

    rates = [rate for _, rate, _ in TRIALS.values()]
    space = {"at": choice(list(range(6))), "learning_rate": choice(rates)}
    scheduler = RandomSearch(
        space,
        metrics=[METRIC],
        do_minimize=True,
        points_to_evaluate=[{"at": at, "learning_rate": rate} for at, rate in enumerate(rates)],
    )
    Tuner(
        trial_backend=PythonBackend(tune_function=train, config_space=space),
        scheduler=scheduler,
        stop_criterion=StoppingCriterion(max_num_trials_started=5),  # one more does start
        wait_trial_completion_when_stopping=True,
        n_workers=1,
        sleep_time=0.2,
        tuner_name="tiny",
    ).run()


def mlflow_store(uri: str) -> None:
    """The tiny study as an experiment, and as the children of a parent run in another one."""
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    plain = client.create_experiment("tiny")
    nested = client.create_experiment("sweeps")
    parent = client.create_run(nested, start_time=BEGAN * 1000, run_name="first sweep")
    for experiment, tags in [
        (plain, {}),
        (nested, {"mlflow.parentRunId": parent.info.run_id}),
    ]:
        for name, (values, rate, second) in TRIALS.items():
            start = (BEGAN + second) * 1000
            run = client.create_run(experiment, start_time=start, tags=tags, run_name=name)
            key = run.info.run_id
            client.log_param(key, "learning_rate", rate)
            metrics = []
            for step, value in enumerate(values, start=1):
                at = start + step * 10000
                metrics.append(Metric(METRIC.replace(":", "/"), value, at, step))
                metrics.append(Metric("train loss", value / 2, at, step))
            client.log_batch(key, metrics=metrics)
            client.set_terminated(key, status="FINISHED", end_time=start + 52000)
    # What runs that end badly leave, values that are none, and one without steps.
    odd = client.create_experiment("odd")
    for status, second in [("KILLED", 0), ("FAILED", 1), (None, 2)]:
        start = (BEGAN + second) * 1000
        run = client.create_run(odd, start_time=start, run_name=f"run {second}")
        key = run.info.run_id
        for step, value in [(2, 1.5), (3, float("nan")), (5, float("inf")), (6, float("-inf"))]:
            client.log_metric(key, METRIC.replace(":", "/"), value, start + step, step)
        client.log_metric(key, "no step", 1.0, start + 1)
        client.log_metric(key, "no step", 2.0, start + 2)
        if status is not None:
            client.set_terminated(key, status=status, end_time=start + 9000)
    thrown = client.create_run(odd, start_time=BEGAN * 1000, run_name="thrown away")
    client.log_metric(thrown.info.run_id, METRIC.replace(":", "/"), 0.0, BEGAN * 1000, 1)
    client.delete_run(thrown.info.run_id)


def mlflow(folder: Path) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    mlflow_store((folder / "mlruns").as_uri())


def mlflow_sqlite(folder: Path) -> None:
    mlflow_store(f"sqlite:///{folder}/mlflow.db")


def mlflow_url(folder: Path) -> None:
    """A server, named by ESIM_MLFLOW_URL."""
    mlflow_store(os.environ["ESIM_MLFLOW_URL"])


def sacred(folder: Path) -> None:
    """The observer as a run calls it, with the times of data/tiny."""
    from sacred.metrics_logger import MetricsLogger, linearize_metrics
    from sacred.observers import FileStorageObserver

    for name, (values, rate, second) in TRIALS.items():
        observer = FileStorageObserver(str(folder))
        observer.started_event(
            ex_info={"name": "tiny", "sources": [], "dependencies": [], "base_dir": "."},
            command="train",
            host_info={},
            start_time=moment(second),
            config={"learning_rate": rate, "seed": 1},
            meta_info={},
            _id=name,
        )
        logger = MetricsLogger()
        for step, value in enumerate(values, start=1):
            logger.log_scalar_metric(METRIC, value, step)
            logger.log_scalar_metric("train.loss", value / 2, step)
        entries = logger.get_last_metrics()
        for entry in entries:
            entry.timestamp = moment(second + 10 * entry.step)
        observer.log_metrics(linearize_metrics(entries), {})
        observer.completed_event(stop_time=moment(second + 52), result=values[-1])
        observer.join()


def hpbandster(folder: Path) -> None:
    """The result logger as the master calls it: budgets 1 to 5, each continuing the one before."""
    from hpbandster.core.dispatcher import Job
    from hpbandster.core.result import json_result_logger

    logger = json_result_logger(directory=str(folder), overwrite=False)
    for number, (values, rate, second) in enumerate(TRIALS.values()):
        key = (0, 0, number)
        logger.new_config(key, {"learning_rate": rate}, {"model_based_pick": False})
        for budget, value in enumerate(values, start=1):
            job = Job(key, config={"learning_rate": rate}, budget=float(budget))
            at = BEGAN + second + 10 * (budget - 1)
            job.timestamps = {"submitted": at, "started": at, "finished": at + 10}
            job.result = {"loss": value, "info": {"half": value / 2}}
            job.exception = None
            logger(job)


def nni(folder: Path) -> None:
    """A real local experiment on port 18080, one trial at a time."""
    from nni.experiment import Experiment

    script = folder / "trial.py"
    table = [values for values, _, _ in TRIALS.values()]
    script.write_text(
        "import nni\n"
        "config = nni.get_next_parameter()\n"
        f"values = {table!r}[config['at']]\n"
        "for value in values:\n"
        "    nni.report_intermediate_result({'default': value, 'half': value / 2})\n"
        "nni.report_final_result(values[-1])\n"
    )
    experiment = Experiment("local")
    experiment.config.experiment_name = "tiny"
    experiment.config.trial_command = f"{sys.executable} {script}"
    experiment.config.trial_code_directory = str(folder)
    experiment.config.experiment_working_directory = str(folder / "nni-experiments")
    experiment.config.search_space = {"at": {"_type": "choice", "_value": list(range(6))}}
    experiment.config.nni_manager_ip = "127.0.0.1"
    experiment.config.tuner.name = "GridSearch"
    experiment.config.tuner.class_args = {"optimize_mode": "minimize"}
    experiment.config.max_trial_number = 6
    experiment.config.trial_concurrency = 1
    experiment.run(port=18080)
    experiment.stop()


WRITERS: dict[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        optuna,
        optuna_url,
        optuna_journal,
        ray_tune,
        syne_tune,
        mlflow,
        mlflow_sqlite,
        mlflow_url,
        sacred,
        hpbandster,
        nni,
        *searchers.WRITERS,
    )
}


if __name__ == "__main__":
    WRITERS[sys.argv[1]](Path(sys.argv[2]).resolve())
