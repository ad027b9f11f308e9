"""Writes the tiny study through trackers that log offline and libraries that write a table a run.

One function a library. Runs without esim, so that a library may live in an environment of its own:

    python -m tests.live.loggers NAME FOLDER

tests/live/test_loggers.py does that and reads the folder. Nothing of it is kept in tests/formats,
because most of these libraries also record what machine they run on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.tiny import METRIC, TRIALS


def comet(folder: Path) -> None:
    """Comet's OfflineExperiment: values logged in the context "validate"."""
    import comet_ml

    for trial, (values, rate, _) in TRIALS.items():
        run = comet_ml.OfflineExperiment(
            project_name="tiny", offline_directory=str(folder), display_summary_level=0
        )
        run.set_name(trial)
        run.log_parameter("learning_rate", rate)
        for step, value in enumerate(values, start=1):
            run.log_metric("loss", value / 2, step=step)
            with run.validate():
                run.log_metric("loss", value, step=step)
        run.end()


def neptune(folder: Path) -> None:
    """Neptune's client in offline mode: a series with steps, and one that Neptune counts."""
    os.environ["NEPTUNE_DATA_DIRECTORY"] = str(folder / ".neptune")
    import neptune as client

    for trial, (values, rate, _) in TRIALS.items():
        run = client.init_run(mode="offline", name=trial, git_ref=False, source_files=[])
        run["learning_rate"] = rate
        for step, value in enumerate(values, start=1):
            run["train/loss"].append(value / 2)
            run["validation/loss"].append(value, step=step)
        run.stop()


def clearml(folder: Path) -> None:
    """ClearML's offline mode, in which each task leaves a folder and a zip file of it."""
    os.environ["CLEARML_OFFLINE_MODE"] = "1"
    os.environ["CLEARML_CACHE_DIR"] = str(folder)
    # Where there is no network, it would wait minutes for a process of its own.
    (folder / "clearml.conf").write_text("sdk.development.report_use_subprocess: false\n")
    os.environ["CLEARML_CONFIG_FILE"] = str(folder / "clearml.conf")
    from clearml import Task

    Task.set_offline(True)
    for trial, (values, rate, _) in TRIALS.items():
        task = Task.init(
            "tiny",
            trial,
            auto_connect_frameworks=False,
            auto_resource_monitoring=False,
            auto_connect_streams=False,
        )
        task.connect({"learning_rate": rate})
        for step, value in enumerate(values, start=1):
            task.get_logger().report_scalar("loss", "train", value / 2, step)
            task.get_logger().report_scalar("loss", "validation", value, step)
        task.get_logger().report_single_value("final", values[-1])
        task.close()


def catboost(folder: Path) -> None:
    """CatBoost with an evaluation metric that gives the values of the study."""
    import catboost as library

    class Tiny:
        def __init__(self, values: list[float]) -> None:
            self.left = iter(values)

        def is_max_optimal(self) -> bool:
            return False

        def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
            return (next(self.left) if len(target) == 3 else 0.0), 1.0

        def get_final_error(self, error: float, weight: float) -> float:
            return error

    for trial, (values, _, _) in TRIALS.items():
        (folder / trial).mkdir()
        model = library.CatBoostRegressor(
            iterations=5,
            depth=1,
            eval_metric=Tiny([float(value) for value in values]),
            train_dir=str(folder / trial / "catboost_info"),
            thread_count=1,
            verbose=False,
        )
        model.fit([[1.0], [2.0]] * 2, [1.0, 2.0] * 2, eval_set=([[1.0]] * 3, [1.0] * 3))


def dvclive(folder: Path) -> None:
    """DVCLive: a file a metric."""
    from dvclive import Live

    for trial, (values, rate, _) in TRIALS.items():
        path = folder / trial / "dvclive"
        with Live(str(path), save_dvc_exp=False, report=None, dvcyaml=None) as live:
            live.log_param("learning_rate", rate)
            for value in values:
                live.log_metric("train/loss", value / 2)
                live.log_metric("validation/loss", float(value), timestamp=True)
                live.next_step()


def xgboost(folder: Path) -> None:
    """What xgboost.train puts into evals_result, as JSON."""
    import numpy as np
    import xgboost as library

    train = library.DMatrix(np.ones((4, 1)), label=np.ones(4))
    other = library.DMatrix(np.ones((3, 1)), label=np.ones(3))
    for trial, (values, _, _) in TRIALS.items():
        left = iter(values)

        def tiny(_: Any, data: Any) -> tuple[str, float]:
            return "tiny", float(next(left)) if data.num_row() == 3 else 0.0  # noqa: B023

        result: dict[str, Any] = {}
        library.train(
            {"nthread": 1},
            train,
            num_boost_round=5,
            evals=[(train, "train"), (other, "validation")],
            custom_metric=tiny,
            evals_result=result,
            verbose_eval=False,
        )
        (folder / f"{trial}.json").write_text(json.dumps(result))


def detectron2(folder: Path) -> None:
    """Detectron2's JSONWriter, or, where the library is not installed, the records it writes."""
    try:
        from detectron2.utils.events import EventStorage, JSONWriter
    except ImportError:
        for trial, (values, _, _) in TRIALS.items():
            (folder / trial).mkdir()
            rows = (
                {"iteration": at, "time": 0.25, "total_loss": value / 2, METRIC: float(value)}
                for at, value in enumerate(values)
            )
            text = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
            (folder / trial / "metrics.json").write_text(text)
        return
    for trial, (values, _, _) in TRIALS.items():
        (folder / trial).mkdir()
        writer = JSONWriter(str(folder / trial / "metrics.json"))
        with EventStorage() as storage:
            for value in values:
                storage.put_scalar("total_loss", value / 2)
                storage.put_scalar("time", 0.25)
                storage.put_scalar(METRIC, value, smoothing_hint=False)
                writer.write()
                storage.step()
        writer.close()


def mmengine(folder: Path) -> None:
    """MMEngine's Runner with its LoggerHook: an evaluation after each epoch of one batch."""
    import torch
    from mmengine.evaluator import BaseMetric, Evaluator
    from mmengine.model import BaseModel
    from mmengine.runner import Runner

    class Model(BaseModel):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, inputs: Any, mode: str = "tensor") -> Any:
            out = self.layer(inputs)
            return {"loss": out.mean()} if mode == "loss" else [out]

    class Tiny(BaseMetric):
        def __init__(self, values: list[float]) -> None:
            super().__init__(prefix="validation")
            self.left = iter(values)

        def process(self, data_batch: Any, data_samples: Any) -> None:
            self.results.append(0)

        def compute_metrics(self, results: list[Any]) -> dict[str, float]:
            # Of what has "loss" in its name MMEngine records the mean of the last ten.
            return {"error": float(next(self.left))}

    data = torch.utils.data.DataLoader([{"inputs": torch.ones(1)}])
    for trial, (values, _, _) in TRIALS.items():
        runner = Runner(
            model=Model(),
            work_dir=str(folder / trial),
            train_dataloader=data,
            val_dataloader=data,
            val_evaluator=Evaluator(Tiny(values)),
            train_cfg={"by_epoch": True, "max_epochs": 5, "val_interval": 1},
            val_cfg={},
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.0}},
            default_hooks={
                "logger": {"type": "LoggerHook", "interval": 1},
                "checkpoint": {"type": "CheckpointHook", "interval": -1},
            },
            experiment_name=trial,
            log_level="ERROR",
        )
        runner.train()


def tensorboard(folder: Path) -> None:
    """What TensorBoard's page gives for "download": asked of its server as the page does."""
    import tempfile
    from urllib.parse import urlencode
    from urllib.request import urlopen

    from tensorboard import program
    from tensorboardX import SummaryWriter

    with tempfile.TemporaryDirectory() as logs:
        for trial, (values, _, second) in TRIALS.items():
            writer = SummaryWriter(f"{logs}/{trial}")
            for step, value in enumerate(values, start=1):
                writer.add_scalar("loss", value, step, walltime=1.7e9 + second + 10 * step)
            writer.close()
        server = program.TensorBoard()
        server.configure(argv=[None, "--logdir", logs, "--port", "0", "--load_fast", "false"])
        url = server.launch()
        for trial in TRIALS:
            ask = urlencode({"run": trial, "tag": "loss", "format": "csv"})
            with urlopen(f"{url}data/plugin/scalars/scalars?{ask}") as answer:
                (folder / f"run-{trial}-tag-loss.csv").write_bytes(answer.read())


def fastai(folder: Path) -> None:
    """fastai's CSVLogger in a Learner, with a metric that gives the values of the study."""
    import torch
    from fastai.callback.progress import CSVLogger, ProgressCallback
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner

    rows = [(torch.ones(1), torch.ones(1))]
    for trial, (values, _, _) in TRIALS.items():
        left = iter(values)

        def tiny(out: Any, target: Any) -> Any:
            return torch.tensor(float(next(left)))  # noqa: B023

        (folder / trial).mkdir()
        learner = Learner(
            DataLoaders(DataLoader(rows, bs=1), DataLoader(rows, bs=1)),
            torch.nn.Linear(1, 1),
            loss_func=torch.nn.MSELoss(),
            metrics=[tiny],
            path=folder / trial,
            cbs=CSVLogger(),
        )
        learner.remove_cb(ProgressCallback)
        learner.fit(5, lr=0.0)


def stable_baselines(folder: Path) -> None:
    """The CSV and JSON outputs of Stable-Baselines3's logger."""
    from stable_baselines3.common.logger import configure

    for trial, (values, _, _) in TRIALS.items():
        logger = configure(str(folder / trial), ["csv", "json", "log"])
        for step, value in enumerate(values, start=1):
            logger.record("eval/mean_reward", float(value))
            logger.record("time/total_timesteps", step, exclude="tensorboard")
            logger.record("time/time_elapsed", 10 * step, exclude="tensorboard")
            logger.dump(step)
        logger.close()


WRITERS: dict[str, Callable[[Path], None]] = {
    writer.__name__: writer
    for writer in (
        comet,
        neptune,
        clearml,
        catboost,
        dvclive,
        xgboost,
        detectron2,
        mmengine,
        tensorboard,
        fastai,
        stable_baselines,
    )
}

if __name__ == "__main__":
    target = Path(sys.argv[2]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    os.chdir(target)  # some keep files of their own in the working directory
    WRITERS[sys.argv[1]](target)
