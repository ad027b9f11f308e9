"""Writes the tiny study through the libraries that people log with, one function a library.

Runs without esim, so that a library may live in an environment of its own:

    python -m tests.live.trainers NAME FOLDER

tests/live/test_trainers.py does that and reads the folder; tests/formats/ holds what it wrote once.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.tiny import BEGAN, METRIC, TRIALS


def tensorboard(folder: Path) -> None:
    """torch's SummaryWriter; reports every 10 s, a session of the hparams plugin around them."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from torch.utils.tensorboard import SummaryWriter

    for trial, (values, rate, second) in TRIALS.items():
        start = BEGAN + second
        writer = SummaryWriter(str(folder / trial))
        begun = hparams_pb({"learning_rate": rate}, trial_id=trial, start_time_secs=start)
        writer.file_writer.add_event(Event(summary=begun, wall_time=start))
        for step, value in enumerate(values, start=1):
            writer.add_scalar("train/loss", value / 2, step, walltime=start + 10 * step)
            writer.add_scalar(METRIC, value, step, walltime=start + 10 * step)
        session = SessionEndInfo(status=STATUS_SUCCESS, end_time_secs=start + 52)
        ended = Summary.Value(
            tag=metadata.SESSION_END_INFO_TAG,
            metadata=metadata.create_summary_metadata(HParamsPluginData(session_end_info=session)),
        )
        writer.file_writer.add_event(Event(summary=Summary(value=[ended]), wall_time=start + 52))
        writer.close()


def tensorboardx(folder: Path) -> None:
    """tensorboardX, with add_hparams: the session lies in a folder below the run's."""
    from tensorboardX import SummaryWriter

    for trial, (values, rate, second) in TRIALS.items():
        writer = SummaryWriter(str(folder / trial))
        for step, value in enumerate(values, start=1):
            writer.add_scalar(METRIC, value, step, walltime=BEGAN + second + 10 * step)
        writer.add_hparams({"learning_rate": rate}, {METRIC: values[-1]}, name="session")
        writer.close()


def tensorflow(folder: Path) -> None:
    """tf.summary and its hparams API; the curves in validation/, as Keras' callback has them."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp

    for trial, (values, rate, _) in TRIALS.items():
        with tf.summary.create_file_writer(str(folder / trial / "train")).as_default():
            hp.hparams({"learning_rate": rate})
            for step, value in enumerate(values, start=1):
                tf.summary.scalar("epoch_loss", value / 2, step)
        with tf.summary.create_file_writer(str(folder / trial / "validation")).as_default():
            for step, value in enumerate(values, start=1):
                tf.summary.scalar("epoch_loss", value, step)


def wandb(folder: Path) -> None:
    """wandb, offline."""
    import wandb as client

    for trial, (values, rate, _) in TRIALS.items():
        run = client.init(
            project="tiny",
            id=trial,
            mode="offline",
            dir=str(folder),
            config={"learning_rate": rate},
            settings=client.Settings(
                silent=True,
                console="off",
                host="host",
                x_disable_stats=True,
                x_disable_meta=True,
            ),
        )
        for step, value in enumerate(values, start=1):
            run.log({METRIC: value, "train": {"loss": value / 2}}, step=step)
        run.finish()
    _keep(folder, "*.wandb")


def lightning(folder: Path) -> None:
    """Lightning's CSVLogger in a Trainer: training logged every step, validation every epoch."""
    import logging
    import warnings

    import torch
    from lightning import LightningModule, Trainer
    from lightning.pytorch.loggers import CSVLogger

    warnings.simplefilter("ignore")
    logging.getLogger("lightning").setLevel(logging.ERROR)

    class Model(LightningModule):
        def __init__(self, values: list[float], learning_rate: float) -> None:
            super().__init__()
            self.save_hyperparameters("learning_rate")
            self.values, self.layer = values, torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, at: int) -> Any:
            loss = self.layer(batch[0]).mean()
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: Any, at: int) -> None:
            self.log(METRIC, torch.tensor(float(self.values[self.current_epoch])))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.0)

    data = torch.utils.data.TensorDataset(torch.zeros(4, 1))
    for trial, (values, rate, _) in TRIALS.items():
        trainer = Trainer(
            max_epochs=5,
            logger=CSVLogger(str(folder), name="", version=trial),
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accelerator="cpu",
        )
        loader = torch.utils.data.DataLoader(data, batch_size=2)
        trainer.fit(Model(values, rate), loader, loader)


def keras(folder: Path) -> None:
    """Keras' CSVLogger, its callbacks called as fit(initial_epoch=1) calls them."""
    import keras as library

    for trial, (values, _, _) in TRIALS.items():
        (folder / trial).mkdir(parents=True)
        logger = library.callbacks.CSVLogger(str(folder / trial / "log.csv"))
        logger.set_model(library.Sequential([library.layers.Dense(1)]))
        logger.on_train_begin()
        for epoch, value in enumerate(values, start=1):
            logger.on_epoch_end(epoch, {"loss": value / 2, METRIC: value})
        logger.on_train_end()


def huggingface(folder: Path) -> None:
    """A Trainer of transformers with a checkpoint an epoch."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: Any, labels: Any = None) -> Any:
            logits = self.layer(x)
            return {"loss": ((logits - labels) ** 2).mean(), "logits": logits}

    class Parameters(TrainerCallback):
        def __init__(self, rate: float) -> None:
            self.rate = rate

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            state.trial_params = {"learning_rate": self.rate}

    rows = [{"x": torch.ones(1), "labels": torch.ones(1)} for _ in range(4)]
    for number, (values, rate, _) in enumerate(TRIALS.values()):
        left = iter(values)
        trainer = Trainer(
            model=Model(),
            args=TrainingArguments(
                output_dir=str(folder / f"run-{number}"),
                num_train_epochs=5,
                per_device_train_batch_size=2,
                eval_strategy="epoch",
                save_strategy="epoch",
                save_total_limit=2,
                logging_steps=1,
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
            ),
            train_dataset=rows,
            eval_dataset=rows,
            compute_metrics=lambda _, left=left: {METRIC: next(left)},
            callbacks=[Parameters(rate)],
        )
        trainer.train()
    _keep(folder, "trainer_state.json")  # not the models and pickles


def chainer(folder: Path) -> None:
    """Chainer's LogReport in a Trainer, an epoch an iteration."""
    import chainer as library
    import numpy as np
    from chainer.training import StandardUpdater, Trainer, extensions

    for trial, (values, _, _) in TRIALS.items():
        model = library.links.Linear(1, 1)
        optimizer = library.optimizers.SGD(0.0).setup(model)
        data = library.iterators.SerialIterator(np.ones((2, 1), np.float32), 1)
        left = iter(values)

        class Updater(StandardUpdater):
            def update_core(self) -> None:
                self.get_iterator("main").next()
                library.report({"main/loss": 0.5})
                if self.is_new_epoch:
                    library.report({METRIC: next(left)})  # noqa: B023

        trainer = Trainer(Updater(data, optimizer), (5, "epoch"), out=str(folder / trial))
        trainer.extend(extensions.LogReport(trigger=(1, "epoch")))
        trainer.run()


def ultralytics(folder: Path) -> None:
    """The save_metrics of Ultralytics' trainer."""
    import time
    from types import SimpleNamespace

    import yaml
    from ultralytics.engine.trainer import BaseTrainer

    for trial, (values, rate, _) in TRIALS.items():
        (folder / trial).mkdir(parents=True)
        arguments = {"task": "detect", "epochs": 5, "learning_rate": rate}
        (folder / trial / "args.yaml").write_text(yaml.safe_dump(arguments, sort_keys=False))
        state = SimpleNamespace(csv=folder / trial / "results.csv")
        for epoch, value in enumerate(values):  # the trainer adds 1
            state.epoch, state.train_time_start = epoch, time.time() - 10 * (epoch + 1)
            metrics = {"train/box_loss": value / 2, "metrics/mAP50(B)": 0.5, METRIC: value}
            BaseTrainer.save_metrics(state, metrics)


def _keep(folder: Path, name: str) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_symlink() or (path.is_file() and not path.match(name)):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


WRITERS: dict[str, Callable[[Path], None]] = {
    writer.__name__: writer
    for writer in (
        tensorboard,
        tensorboardx,
        tensorflow,
        wandb,
        lightning,
        keras,
        huggingface,
        chainer,
        ultralytics,
    )
}

if __name__ == "__main__":
    socket.gethostname = lambda: "host"  # stands in the names of event files
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    WRITERS[sys.argv[1]](target)
    for path in target.rglob("events.out.tfevents.*"):  # TensorFlow asks the machine itself
        path.rename(path.with_name(".".join(path.name.split(".")[:4]) + ".host"))
