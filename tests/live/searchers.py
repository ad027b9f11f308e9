"""More writers of the tiny study: tuners whose records hold a value a budget, or none a step.

`tests.live.tuners` offers them with the others. KerasTuner wants Keras with any backend and six;
DEHB 0.1.2 wants NumPy 1 and so pyarrow<23, without which it saves no history and only warns.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.tiny import BEGAN, METRIC, TRIALS, moment

os.environ.setdefault("KERAS_BACKEND", "torch")


def keras_tuner(folder: Path) -> None:
    """A tuner of one's own, which reports to the oracle at each epoch, as KerasTuner's do not."""
    import keras_tuner as kt
    from keras_tuner.engine import base_tuner, oracle

    class Listed(oracle.Oracle):
        def populate_space(self, trial_id: str) -> dict[str, Any]:
            at = int(trial_id)
            if at >= len(TRIALS):
                return {"status": "STOPPED"}
            rate = list(TRIALS.values())[at][1]
            return {"status": "RUNNING", "values": {"learning_rate": rate}}

    class Own(base_tuner.BaseTuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            values = list(TRIALS.values())[int(trial.trial_id)][0]
            for step, value in enumerate(values[:-1], start=1):
                metrics = {METRIC: value, "half": value / 2}
                self.oracle.update_trial(trial.trial_id, metrics, step=step)
            trial.best_step = 5
            self.oracle.update_trial(trial.trial_id, {METRIC: values[-1], "half": 0.0}, step=5)
            return {METRIC: values[-1], "half": 0.0}

        def on_trial_end(self, trial: Any) -> None:
            trial.metrics = self.oracle.get_trial(trial.trial_id).metrics
            self.oracle.end_trial(trial)
            self.save()

        def save_model(self, trial_id: str, model: Any, step: int = 0) -> None: ...

        def load_model(self, trial: Any) -> None: ...

    objective = kt.Objective(METRIC, "min")
    Own(Listed(objective, max_trials=6), directory=str(folder), project_name="tiny").search()


def smac(folder: Path) -> None:
    """SMAC's own run history: budgets 1 to 5, each continuing the one before."""
    from ConfigSpace import Configuration, ConfigurationSpace
    from smac import Scenario
    from smac.runhistory import RunHistory

    os.chdir(folder)  # the scenario names its folder, here relative to this one
    space = ConfigurationSpace({"learning_rate": (1e-4, 1.0)})
    scenario = Scenario(
        space, name="tiny", output_directory=Path(), min_budget=1, max_budget=5, seed=0
    )
    scenario.save()
    history = RunHistory()
    for values, rate, second in TRIALS.values():
        config = Configuration(space, {"learning_rate": rate})
        for budget, value in enumerate(values, start=1):
            at = BEGAN + second + 10.0 * (budget - 1)
            history.add(
                config,
                cost=value,
                time=10.0,
                seed=0,
                budget=float(budget),
                starttime=at,
                endtime=at + 10,
                additional_info={"half": value / 2},
            )
    history.save(scenario.output_directory / "runhistory.json")


def dehb(folder: Path) -> None:
    """DEHB's own saving, of fidelities 1 to 5; it keeps rates as a vector in [0, 1]."""
    from ConfigSpace import ConfigurationSpace
    from dehb import DEHB

    tuner = DEHB(
        f=lambda config, fidelity: {"fitness": 0.0, "cost": 0.0},
        cs=ConfigurationSpace({"learning_rate": (0.0, 1.0)}),
        min_fidelity=1,
        max_fidelity=5,
        n_workers=1,
        output_path=str(folder),
    )
    for number, (values, rate, _) in enumerate(TRIALS.values()):
        for fidelity, value in enumerate(values, start=1):
            row = (number, [rate], float(value), 10.0, float(fidelity), {"half": value / 2})
            tuner.history.append(row)
    tuner.save()


def autogluon(folder: Path) -> None:
    """AutoGluon's own saving of learning curves, a model a trial."""
    from autogluon.tabular.models import LGBModel

    for name, (values, _, _) in TRIALS.items():
        LGBModel(path=str(folder / "models"), name=name).save_learning_curves(
            metrics=["loss"],
            curves={
                "train": {"loss": [value / 2 for value in values]},
                "val": {"loss": [float(value) for value in values]},
            },
        )


def determined(folder: Path) -> None:
    """Determined's command line, on what a master would answer: tables, and an experiment."""
    import argparse
    import contextlib
    from unittest import mock

    from determined import cli
    from determined.cli import experiment
    from determined.common import api
    from determined.common.api import bindings

    def written(second: float) -> str:
        return moment(second).isoformat() + "Z"

    def workload(value: float, batches: int, second: float) -> Any:
        return bindings.v1MetricsWorkload(
            metrics=bindings.v1Metrics(avgMetrics={"loss": float(value)}),
            numInputs=0,
            totalBatches=batches,
            endTime=written(second),
        )

    def trial(at: int) -> Any:
        _, rate, second = list(TRIALS.values())[at]
        return bindings.trialv1Trial(
            experimentId=7,
            hparams={"learning_rate": rate},
            id=at,
            restarts=0,
            startTime=written(second),
            endTime=written(second + 52),
            state=bindings.trialv1State.COMPLETED,
            totalBatchesProcessed=5,
        )

    def workloads(session: Any, **asked: Any) -> Any:
        values, _, second = list(TRIALS.values())[asked["trialId"]]
        made = []
        for step, value in enumerate(values, start=1):
            for kind, number in (("training", value / 2), ("validation", value)):
                told = {kind: workload(number, step, second + 10 * step)}
                made.append(bindings.v1WorkloadContainer(**told))
        page = bindings.v1Pagination()
        return bindings.v1GetTrialWorkloadsResponse(pagination=page, workloads=made)

    about = bindings.v1Experiment(
        archived=False,
        config={"searcher": {"metric": "loss", "smaller_is_better": True, "name": "random"}},
        hyperparameters={},
        id=7,
        jobId="",
        name="tiny",
        numTrials=6,
        originalConfig="",
        projectId=1,
        projectOwnerId=1,
        searcherType="random",
        startTime=written(0),
        state=bindings.experimentv1State.COMPLETED,
        username="me",
    )
    answers = {
        "get_GetExperiment": lambda *_, **__: bindings.v1GetExperimentResponse(experiment=about),
        "get_GetExperimentTrials": lambda *_, **__: bindings.v1GetExperimentTrialsResponse(
            pagination=bindings.v1Pagination(), trials=[trial(at) for at in range(6)]
        ),
        "get_GetTrialWorkloads": workloads,
    }
    given = argparse.Namespace(experiment_ids="7", metrics=True, csv=True, outdir=folder)
    with contextlib.ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch.object(bindings, name, answer))
        stack.enter_context(mock.patch.object(cli, "setup_session"))
        stack.enter_context(mock.patch.object(api, "read_paginated", lambda get: [get(0)]))
        experiment.describe(argparse.Namespace(**vars(given), json=False))
        out = stack.enter_context((folder / "experiment.json").open("w"))
        with contextlib.redirect_stdout(out):
            experiment.describe(argparse.Namespace(**vars(given), json=True))


WRITERS: tuple[Callable[[Path], None], ...] = (keras_tuner, smac, dehb, autogluon, determined)
