"""Small real searches, and what each tuner itself says that it saw.

    python -m tests.live.searches NAME FOLDER

writes the tuner's records into the folder and prints, as the last line, JSON of trial -> its
reports ``[step, value]`` in the tuner's own words. tests/live/test_searches.py compares.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

Seen = dict[str, list[list[float]]]


def _keras() -> Any:
    """Data, and a function that builds a model, for two searches of KerasTuner."""
    import keras
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")

    def build(hp: Any) -> Any:
        layers = [
            keras.layers.Input((4,)),
            keras.layers.Dense(hp.Int("units", 2, 32)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
        model = keras.Sequential(layers)
        rate = hp.Float("lr", 1e-3, 1.0, sampling="log")
        model.compile(keras.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
        return model

    return keras, x, y, build


def keras_hyperband(folder: Path) -> Seen:
    """Two brackets: a trial is a chain of rounds, by its first round's id."""
    import keras_tuner as kt

    _, x, y, build = _keras()
    tuner = kt.Hyperband(
        build, kt.Objective("val_loss", "min"), max_epochs=4, factor=2, directory=folder, seed=1
    )
    tuner.search(x, y, validation_split=0.25, verbose=0)
    first: dict[str, str] = {}
    seen: Seen = {}
    for key in tuner.oracle.end_order:
        trial = tuner.oracle.trials[key]
        own = trial.hyperparameters.values
        first[key] = first.get(own.get("tuner/trial_id", ""), key)
        seen.setdefault(first[key], []).append([own["tuner/epochs"], trial.score])
    return seen


def keras_random(folder: Path) -> Seen:
    """A search as most people run it, with nothing that records curves."""
    import keras_tuner as kt

    _, x, y, build = _keras()
    tuner = kt.RandomSearch(build, "val_accuracy", max_trials=2, directory=folder)
    tuner.search(x, y, epochs=2, validation_split=0.25, verbose=0)
    return {}


def keras_advice(folder: Path) -> Seen:
    """What the error on `keras_random` recommends: a CSV file a trial."""
    import keras_tuner as kt

    keras, x, y, build = _keras()
    (folder / "curves").mkdir()
    seen: Seen = {}

    class Tuner(kt.RandomSearch):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            log = keras.callbacks.CSVLogger(f"{folder}/curves/trial_{trial.trial_id}.csv")
            kwargs["callbacks"] = [*kwargs.get("callbacks", ()), log]
            histories = super().run_trial(trial, *args, **kwargs)
            values = histories[0].history["val_accuracy"]
            seen[f"trial_{trial.trial_id}"] = [list(pair) for pair in enumerate(values)]
            return histories

    tuner = Tuner(build, "val_accuracy", max_trials=3, directory=folder / "project")
    tuner.search(x, y, epochs=4, validation_split=0.25, verbose=0)
    return seen


def smac_hyperband(folder: Path) -> Seen:
    """Budgets 1, 3 and 9; a configuration that fails has no value."""
    from ConfigSpace import ConfigurationSpace
    from smac import MultiFidelityFacade, Scenario
    from smac.intensifier import Hyperband

    def train(config: Any, seed: int = 0, budget: float = 1) -> float:
        if config["x"] > 0.9:
            raise RuntimeError("fails")
        return float((config["x"] - 0.3) ** 2 + 1 / budget)

    scenario = Scenario(
        ConfigurationSpace({"x": (0.0, 1.0)}, seed=0),
        deterministic=True,
        n_trials=30,
        crash_cost=100.0,
        min_budget=1,
        max_budget=9,
        output_directory=folder,
    )
    facade = MultiFidelityFacade(
        scenario, train, intensifier=Hyperband(scenario, incumbent_selection="highest_budget")
    )
    facade.optimize()
    facade.optimizer.save()
    seen: Seen = {}
    for key, value in facade.runhistory.items():
        reports = seen.setdefault(str(key.config_id), [])
        reports += [[key.budget, value.cost]] if value.status == 1 else []
    return seen


def smac_plain(folder: Path) -> Seen:
    """A search without budgets."""
    from ConfigSpace import ConfigurationSpace
    from smac import HyperparameterOptimizationFacade, Scenario

    scenario = Scenario(
        ConfigurationSpace({"x": (0.0, 1.0)}, seed=0), n_trials=6, output_directory=folder
    )
    facade = HyperparameterOptimizationFacade(scenario, lambda config, seed=0: config["x"])
    facade.optimize()
    facade.optimizer.save()
    return {}


def dehb_run(folder: Path) -> Seen:
    """Fidelities 1, 3 and 9."""
    from ConfigSpace import ConfigurationSpace
    from dehb import DEHB

    def train(config: Any, fidelity: float, **_: Any) -> dict[str, float]:
        return {"fitness": (config["x"] - 0.3) ** 2 + 1 / fidelity, "cost": float(fidelity)}

    space = ConfigurationSpace({"x": (0.0, 1.0)}, seed=0)
    tuner = DEHB(
        f=train, cs=space, min_fidelity=1, max_fidelity=9, n_workers=1, output_path=folder, seed=1
    )
    tuner.run(fevals=30)
    tuner.save()
    seen: Seen = {}
    for key, _, fitness, _, fidelity, _ in tuner.history:
        seen.setdefault(str(key), []).append([fidelity, fitness])
    return seen


def autogluon_fit(folder: Path) -> Seen:
    """Two LightGBM models, as scores on the validation set."""
    import numpy as np
    import pandas as pd
    from autogluon.tabular import TabularPredictor

    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    table["y"] = (table.a + 0.5 * table.b > 0).astype(int)
    predictor = TabularPredictor("y", path=str(folder), eval_metric="log_loss", verbosity=0)
    models = [{"num_boost_round": 20}, {"num_boost_round": 20, "learning_rate": 0.2}]
    predictor.fit(table, hyperparameters={"GBM": models}, learning_curves=True)
    _, found = predictor.learning_curves()
    return {
        model: [list(pair) for pair in enumerate(curves[0][sets.index("val")], start=1)]
        for model, (sets, _, curves) in found.items()
    }


def _optuna_worker(path: str, trials: int) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(5):
            trial.report(x + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned()
        return float(x)

    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(path)),
        study_name="shared",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )
    study.optimize(objective, n_trials=trials)


def _optuna_seen(path: str, prefix: str = "") -> Seen:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(path))
    trials = optuna.load_study(storage=storage, study_name="shared").trials
    return {f"{prefix}{t.number}": sorted(map(list, t.intermediate_values.items())) for t in trials}


def _optuna_together(paths: list[str]) -> None:
    import multiprocessing

    workers = [multiprocessing.Process(target=_optuna_worker, args=(path, 6)) for path in paths]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def optuna_one_journal(folder: Path) -> Seen:
    """Four processes that write one journal."""
    path = str(folder / "journal.log")
    _optuna_together([path] * 4)
    return _optuna_seen(path)


def optuna_own_journals(folder: Path) -> Seen:
    """Three processes of which each keeps a journal of its own."""
    names = [f"worker{i}.log" for i in range(3)]
    _optuna_together([str(folder / name) for name in names])
    found = [_optuna_seen(str(folder / name), f"{name}/") for name in names]
    return {trial: reports for one in found for trial, reports in one.items()}


SEARCHES: dict[str, Callable[[Path], Seen]] = {
    function.__name__: function
    for function in (
        keras_hyperband,
        keras_random,
        keras_advice,
        smac_hyperband,
        smac_plain,
        dehb_run,
        autogluon_fit,
        optuna_one_journal,
        optuna_own_journals,
    )
}


if __name__ == "__main__":
    print("\n" + json.dumps(SEARCHES[sys.argv[1]](Path(sys.argv[2]).resolve())))
