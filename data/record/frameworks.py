"""Record what training frameworks print today: `python data/record/frameworks.py NAME...`.

Each recording is a few epochs on a made-up data set, run in a process of its own in an empty
folder, its output kept as it is in data/frameworks/NAME.log. `data/README.md` says with which
versions.

Those in `programs/` also tell, in data/frameworks/truth.json, the curves that their own callbacks,
histories and loggers saw. Their stdout and stderr are one pipe, as a container's log has them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from programs import Recording, boosting, keras_programs, loops, others, torch_programs
from programs.regexes import REGEXES

OUT = Path(__file__).resolve().parent.parent / "frameworks"
EPOCHS = 4


def _data(n: int = 96) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 + rng.normal(size=n) > 1).astype(np.int32)
    return x, y


def _xgboost(rounds: int, **more: Any) -> None:
    import xgboost as xgb

    x, y = _data(400)
    train, valid = xgb.DMatrix(x[:300], y[:300]), xgb.DMatrix(x[300:], y[300:])
    parameters = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "eta": 0.5}
    xgb.train(parameters, train, rounds, evals=[(train, "train"), (valid, "validation")], **more)


def _xgboost_sklearn() -> None:
    import xgboost as xgb

    x, y = _data(400)
    model = xgb.XGBClassifier(n_estimators=EPOCHS, eval_metric="logloss")
    model.fit(x[:300], y[:300], eval_set=[(x[:300], y[:300]), (x[300:], y[300:])])


def _lightgbm(rounds: int, stop_after: int = 0) -> None:
    import lightgbm as lgb

    x, y = _data(400)
    train = lgb.Dataset(x[:300], y[:300])
    valid = lgb.Dataset(x[300:], y[300:], reference=train)
    callbacks = [lgb.log_evaluation(1)]
    callbacks += [lgb.early_stopping(stop_after)] if stop_after else []
    parameters = {"objective": "binary", "metric": "binary_logloss", "learning_rate": 0.5}
    parameters["verbosity"] = -1
    sets, names = [train, valid], ["training", "valid_1"]
    lgb.train(parameters, train, rounds, valid_sets=sets, valid_names=names, callbacks=callbacks)


def _catboost() -> None:
    from catboost import CatBoostClassifier

    x, y = _data(400)
    model = CatBoostClassifier(iterations=EPOCHS, learning_rate=0.5, random_seed=0)
    model.fit(x[:300], y[:300], eval_set=(x[300:], y[300:]))


def _catboost_two_sets() -> None:
    from catboost import CatBoostClassifier

    x, y = _data(400)
    model = CatBoostClassifier(iterations=60, learning_rate=0.5, random_seed=0, eval_metric="AUC")
    sets = [(x[300:350], y[300:350]), (x[350:], y[350:])]
    model.fit(x[:300], y[:300], eval_set=sets, early_stopping_rounds=3)


def _keras(verbose: int) -> None:
    """Four epochs, and the closing model.evaluate that many scripts end with."""
    import tensorflow as tf

    x, y = _data()
    tf.keras.utils.set_random_seed(1)
    layers = [tf.keras.layers.Dense(8, "relu"), tf.keras.layers.Dense(1, "sigmoid")]
    model = tf.keras.Sequential(layers)
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=EPOCHS, validation_split=0.25, verbose=verbose)
    model.evaluate(x, y, verbose=verbose)


def _estimator() -> None:
    import tensorflow as tf
    from tensorflow.python.util import deprecation

    deprecation._PRINT_DEPRECATION_WARNINGS = False  # they hold paths of this machine
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
    x, y = _data()

    def rows(epochs: int | None) -> Any:
        return lambda: tf.data.Dataset.from_tensor_slices(({"x": x}, y)).repeat(epochs).batch(16)

    config = tf.estimator.RunConfig(tf_random_seed=1, save_checkpoints_steps=10)
    columns = [tf.feature_column.numeric_column("x", shape=(4,))]
    model = tf.estimator.LinearClassifier(columns, model_dir="model", config=config)
    train = tf.estimator.TrainSpec(rows(None), max_steps=10 * EPOCHS)
    tf.estimator.train_and_evaluate(model, train, tf.estimator.EvalSpec(rows(1), throttle_secs=0))


def _mxnet(callback: bool) -> None:
    np.bool = bool  # type: ignore[assignment,misc,attr-defined,unused-ignore]  # gone since numpy 1.24
    import mxnet as mx

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    mx.random.seed(0)
    x, y = _data()
    train = mx.io.NDArrayIter(x[:64], y[:64].astype(np.float32), 8)
    valid = mx.io.NDArrayIter(x[64:], y[64:].astype(np.float32), 8)
    dense = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2)
    module = mx.mod.Module(mx.sym.SoftmaxOutput(dense, name="softmax"), context=mx.cpu())
    more = {"eval_end_callback": mx.callback.LogValidationMetricsCallback()} if callback else {}
    speed = mx.callback.Speedometer(8, 4)
    module.fit(train, valid, "acc", num_epoch=EPOCHS, batch_end_callback=speed, **more)


def _chainer(every: int, bar: bool) -> None:
    """Also keeps the file `log` that LogReport writes."""
    import chainer
    from chainer.training import extensions

    np.random.seed(0)
    x, y = _data()
    model = chainer.links.Classifier(chainer.links.Linear(4, 2))
    optimizer = chainer.optimizers.SGD(0.1).setup(model)
    train = chainer.datasets.TupleDataset(x[:64], y[:64])
    valid = chainer.datasets.TupleDataset(x[64:], y[64:])
    iterator = chainer.iterators.SerialIterator(train, 16)
    updater = chainer.training.StandardUpdater(iterator, optimizer, device=-1)
    trainer = chainer.training.Trainer(updater, (EPOCHS, "epoch"), out=".")
    rest = chainer.iterators.SerialIterator(valid, 16, repeat=False, shuffle=False)
    trainer.extend(extensions.Evaluator(rest, model, device=-1), trigger=(every, "epoch"))
    trainer.extend(extensions.LogReport())
    columns = ["main/loss", "validation/main/loss", "validation/main/accuracy", "elapsed_time"]
    trainer.extend(extensions.PrintReport(["epoch", *columns]))
    if bar:
        trainer.extend(extensions.ProgressBar(update_interval=4))
    trainer.run()
    if not bar:
        (OUT / "chainer_logreport.json").write_text(Path("log").read_text())


def _hugging_face() -> None:
    import torch
    from transformers import Trainer, TrainingArguments

    torch.manual_seed(0)
    x, y = _data()

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = torch.nn.Linear(4, 2)

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            logits = self.dense(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows: Any = [{"x": torch.tensor(a), "labels": int(b)} for a, b in zip(x, y, strict=True)]
    arguments = TrainingArguments(
        "out",
        num_train_epochs=EPOCHS,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_strategy="no",
        report_to=[],
        learning_rate=0.05,
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(
        Model(),
        arguments,
        train_dataset=rows[:64],
        eval_dataset=rows[64:],
        compute_metrics=lambda p: {
            "accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())
        },
    )
    trainer.train()
    trainer.evaluate()


def _lightning() -> None:
    import lightning as pl
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    logging.getLogger("lightning").setLevel(logging.ERROR)
    x, y = _data()

    class Model(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.dense = torch.nn.Linear(4, 2)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = torch.nn.functional.cross_entropy(self.dense(batch[0]), batch[1])
            self.log("train_loss", loss, prog_bar=True)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            loss = torch.nn.functional.cross_entropy(self.dense(batch[0]), batch[1])
            self.log("val_loss", loss, prog_bar=True)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    rows = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y).long()), 48)
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[pl.pytorch.callbacks.TQDMProgressBar()],
    )
    trainer.fit(Model(), rows, rows)


RECORDINGS: dict[str, Callable[[], None]] = {
    "xgboost": lambda: _xgboost(EPOCHS),
    "xgboost_early_stopping": lambda: _xgboost(60, early_stopping_rounds=3),
    "xgboost_sklearn": _xgboost_sklearn,
    "lightgbm": lambda: _lightgbm(EPOCHS),
    "lightgbm_early_stopping": lambda: _lightgbm(60, stop_after=3),
    "lightgbm_early_stopping_not_met": lambda: _lightgbm(EPOCHS, stop_after=50),
    "catboost": _catboost,
    "catboost_two_sets": _catboost_two_sets,
    "keras3_verbose1": lambda: _keras(1),
    "keras3_verbose2": lambda: _keras(2),
    "keras2_verbose1": lambda: _keras(1),
    "keras2_verbose2": lambda: _keras(2),
    "estimator": _estimator,
    "mxnet": lambda: _mxnet(callback=False),
    "mxnet_callback": lambda: _mxnet(callback=True),
    "chainer": lambda: _chainer(every=1, bar=False),
    # Validated every second epoch, so cells are blank; a progress bar between the rows.
    "chainer_sparse": lambda: _chainer(every=2, bar=True),
    "hugging_face": _hugging_face,
    "lightning": _lightning,
}


PROGRAMS: dict[str, Recording] = {
    **boosting.RECORDINGS,
    **keras_programs.RECORDINGS,
    **loops.RECORDINGS,
    **others.RECORDINGS,
    **torch_programs.RECORDINGS,
}
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
THREADS = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}
TRUTH = "truth_of_this_process.json"


def record_program(name: str) -> None:
    """The log of one of `programs/`, and its entries in truth.json."""
    program = PROGRAMS[name]
    with tempfile.TemporaryDirectory() as folder:
        command = [*program.before, sys.executable, *program.launch]
        done = subprocess.run(
            [*command, str(Path(__file__).resolve()), "--here", name],
            cwd=folder,
            env={**os.environ, **QUIET, **THREADS, "TRUTH_IN": folder, **program.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = done.stdout
        if done.returncode:
            sys.exit(f"{name}: exit {done.returncode}\n{output.decode(errors='replace')[-3000:]}")
        curves = json.loads((Path(folder) / TRUTH).read_text())
    # Only folders of this machine are replaced.
    here = str(Path(__file__).resolve().parent)
    for path, instead in (
        (os.path.realpath(folder), "/tmp/run"),
        (sys.prefix, "/usr/local"),
        (sys.base_prefix, "/usr/local"),
        (here, "/app"),
    ):
        output = output.replace(path.encode(), instead.encode())
    text = output.decode("utf-8", "replace")
    for one in curves:
        regex = REGEXES.get(name, {}).get(one["objective"])
        one |= {"metrics": [f"{one['objective']}={regex}"]} if regex else {}
        check(name, text, one)
    (OUT / f"{name}.log").write_bytes(output)
    file = OUT / "truth.json"
    entries = json.loads(file.read_text()) if file.exists() else []
    entries = [e for e in entries if e["log"] != f"{name}.log"]
    made = {"log": f"{name}.log", "recorded_with": versions(program.packages)}
    entries = sorted([*entries, *({**made, **c} for c in curves)], key=lambda e: e["log"])
    lines = ",\n".join(json.dumps(e, ensure_ascii=False) for e in entries)
    file.write_text(f"[\n{lines}\n]\n")
    print(f"{name}: {len(output)} bytes, {len(curves)} curves")


def versions(packages: tuple[str, ...]) -> str:
    """`name version, ...` of those that are installed."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package).partition('+')[0]}")
        except PackageNotFoundError:
            continue
    if "lightning" in packages and any(f.startswith("lightning ") for f in found):
        found = [f for f in found if not f.startswith("pytorch-lightning ")]
    return ", ".join(found) or f"python {sys.version.split()[0]}"


def check(name: str, text: str, one: dict[str, Any]) -> None:
    """Say what makes a curve a poor test: a value that is not in the text, equal ones, no turn."""
    where, values, digits = f"{name} {one['objective']}", one["values"], one["decimals"]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    if digits is not None:
        missing = [v for v in values if f"{v:.{digits}f}" not in plain]
        if missing and not one.get("mean_is_not_printed"):
            print(f"{where}: {len(missing)} of {len(values)} not in the text: {missing[:3]}")
        values = [round(v, digits) for v in values]
    elif "significant" in one:
        missing = [v for v in values if f"{v:.{one['significant']}g}" not in plain]
        if missing:
            print(f"{where}: {len(missing)} of {len(values)} not in the text: {missing[:3]}")
    turns = np.sign(np.diff(values))
    if len(set(values)) < len(values) and not one.get("values_may_repeat"):
        print(f"{where}: equal values {values}")
    if len(set(turns) - {0}) < 2:
        print(f"{where}: no turn in {values}")
    if one["steps"] is not None and len(one["steps"]) != len(values):
        print(f"{where}: {len(one['steps'])} steps, {len(values)} values")


def main() -> None:
    """Record what the command line names."""
    if sys.argv[1:2] == ["--here"]:
        if sys.argv[2] in PROGRAMS:
            curves = PROGRAMS[sys.argv[2]].run()
            if curves is not None:
                (Path(os.environ["TRUTH_IN"]) / TRUTH).write_text(json.dumps(curves))
            return
        warnings.simplefilter("ignore")
        sys.stderr = sys.stdout  # one stream, as SageMaker logs it; C libraries keep theirs
        RECORDINGS[sys.argv[2]]()
        return
    OUT.mkdir(exist_ok=True)
    for name in sys.argv[1:]:
        if name in PROGRAMS:
            record_program(name)
            continue
        if name not in RECORDINGS:
            sys.exit(f"{name!r} is none of {json.dumps([*RECORDINGS, *PROGRAMS])}")
        with tempfile.TemporaryDirectory() as folder:
            output = subprocess.run(
                [sys.executable, str(Path(__file__).resolve()), "--here", name],
                cwd=folder,
                env={**os.environ, **QUIET},
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        (OUT / f"{name}.log").write_bytes(output)


if __name__ == "__main__":
    main()
