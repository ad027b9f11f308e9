"""GluonTS, Gluon, fastai, PaddlePaddle, spaCy, sentence-transformers, flair, Ultralytics."""

from __future__ import annotations

import csv
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from programs import Curves, Recording, curve, data

EPOCHS = 6


def _series() -> tuple[Any, Any]:
    from gluonts.dataset.common import ListDataset

    rng = np.random.default_rng(0)
    rows = [
        {"start": "2020-01-01", "target": np.sin(np.arange(80) / 4 + k) * 3 + rng.normal(size=80)}
        for k in range(8)
    ]
    return ListDataset(rows[:4], freq="D"), ListDataset(rows[4:], freq="D")


def _gluonts_torch(validation: bool) -> Curves:
    import lightning.pytorch as pl
    import torch
    from gluonts.torch import DeepAREstimator

    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO)
    pl.seed_everything(1)
    train, valid = _series()

    class Keep(pl.Callback):
        def __init__(self) -> None:
            self.rows: list[dict[str, float]] = []

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            self.rows.append({k: v.item() for k, v in trainer.callback_metrics.items()})

    keep = Keep()
    estimator = DeepAREstimator(
        freq="D",
        prediction_length=5,
        num_layers=1,
        hidden_size=8,
        batch_size=8,
        num_batches_per_epoch=3,
        lr=0.1,
        trainer_kwargs={
            "max_epochs": EPOCHS,
            "callbacks": [keep],
            "accelerator": "cpu",
            "logger": False,
        },
    )
    estimator.train(train, **({"validation_data": valid} if validation else {}))
    name = "val_loss" if validation else "train_loss"
    values = [row[name] for row in keep.rows]
    note = (
        "GluonTS on Lightning: a bar without a total (`5it`), and a line when the checkpoint is "
        "kept, with all epochs' steps; without logger."
    )
    return [
        curve(name, range(EPOCHS), values, None, note, significant=3),
        *([curve("train_loss", range(EPOCHS), [r["train_loss"] for r in keep.rows], None, note,
                 significant=3)] if validation else []),
    ]  # fmt: skip


def _gluonts_mxnet() -> Curves:
    np.bool = bool  # type: ignore[assignment,misc,attr-defined,unused-ignore]  # gone since numpy 1.24
    import mxnet as mx
    from gluonts.mx import DeepAREstimator, Trainer
    from gluonts.mx.trainer.callback import TrainingHistory

    mx.random.seed(0)
    np.random.seed(0)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="[%(asctime)s INFO %(thread)d] %(message)s",
        datefmt="%m/%d/%Y %H:%M:%S",
    )
    train, valid = _series()
    history = TrainingHistory()
    trainer = Trainer(
        epochs=EPOCHS, learning_rate=0.1, num_batches_per_epoch=5, callbacks=[history]
    )
    estimator = DeepAREstimator(
        freq="D", prediction_length=5, num_layers=1, num_cells=8, batch_size=8, trainer=trainer
    )
    estimator.train(train, valid)
    note = (
        "SageMaker DeepAR's kind of lines: `Evaluation metric 'validation_epoch_loss'=...`; the "
        "bar's avg_epoch_loss is a running mean, drawn for training and for validation."
    )
    return [
        curve("validation_epoch_loss", range(EPOCHS), history.validation_loss_history, 6, note),
        curve("epoch_loss", range(EPOCHS), history.loss_history, 6, note),
    ]


def _gluon() -> Curves:
    """The shape of MXNet's Gluon examples."""
    np.bool = bool  # type: ignore[assignment,misc,attr-defined,unused-ignore]  # gone since numpy 1.24
    import mxnet as mx
    from mxnet import autograd, gluon

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    mx.random.seed(2)
    x, y = data(240)
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(16, activation="tanh"), gluon.nn.Dense(2))
    net.initialize(mx.init.Xavier())
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 2.0})
    x, y = mx.nd.array(x), mx.nd.array(y)
    history = []
    for epoch in range(EPOCHS):
        accuracy = mx.metric.Accuracy()
        for i in range(0, 120, 20):
            with autograd.record():
                out = net(x[i : i + 20])
                loss = loss_of(out, y[i : i + 20])
            loss.backward()
            trainer.step(20)
            accuracy.update([y[i : i + 20]], [out])
            if i == 60:
                print(f"[Epoch {epoch} Batch {i // 20}] Training: %s=%f" % accuracy.get())
        valid = mx.metric.CrossEntropy()
        valid.update([y[120:]], [mx.nd.softmax(net(x[120:]))])
        logging.info("[Epoch %d] training: %s=%f", epoch, *accuracy.get())
        logging.info("[Epoch %d] validation: %s=%f", epoch, *valid.get())
        history.append(valid.get()[1])
    note = "`validation: cross-entropy=0.6`: a hyphen in the name, the side before a colon."
    return [curve("cross-entropy", range(EPOCHS), history, 6, note)]


def _fastai(bar: bool) -> Curves:
    import torch
    from fastai.callback.progress import CSVLogger  # noqa: F401
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.metrics import accuracy
    from torch.utils.data import TensorDataset

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = data(240)
    x, y = torch.tensor(x), torch.tensor(y)
    loaders = DataLoaders(
        DataLoader(list(zip(x[:120], y[:120], strict=True)), bs=20, num_workers=0),
        DataLoader(list(zip(x[120:], y[120:], strict=True)), bs=60, num_workers=0),
        device="cpu",
    )
    del TensorDataset
    net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    learner = Learner(loaders, net, loss_func=torch.nn.CrossEntropyLoss(), metrics=accuracy, lr=0.5)
    if bar:
        learner.fit(EPOCHS, 0.5)
    else:
        with learner.no_bar():
            learner.fit(EPOCHS, 0.5)
    rows = learner.recorder.values
    if not bar:
        note = "no_bar(): each row is a Python list of all digits, and no header names its columns."
        regex = r"valid_loss=^\[\d+, [0-9.]+, ([0-9.]+), "
        values = [r[1] for r in rows]
        return [curve("valid_loss", range(EPOCHS), values, None, note, metrics=[regex])]
    note = "The table piped: fixed widths, a header, values without names; bars between the rows."
    return [
        curve("valid_loss", range(EPOCHS), [r[1] for r in rows], 6, note),
        curve("train_loss", range(EPOCHS), [r[0] for r in rows], 6, note),
    ]


def _paddle(verbose: int) -> Curves:
    import paddle as pd

    pd.seed(1)
    x, y = data(240)

    class Rows(pd.io.Dataset):  # type: ignore[misc,name-defined]
        def __init__(self, a: int, b: int) -> None:
            self.a, self.b = a, b

        def __getitem__(self, i: int) -> Any:
            return x[self.a + i], y[self.a + i : self.a + i + 1]

        def __len__(self) -> int:
            return self.b - self.a

    class Keep(pd.callbacks.Callback):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.rows: list[tuple[float, float]] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.last = float(np.ravel(logs["loss"])[0])

        def on_eval_end(self, logs: Any = None) -> None:
            self.rows.append((float(np.ravel(logs["loss"])[0]), float(np.ravel(logs["acc"])[0])))

    keep = Keep()
    net = pd.nn.Sequential(pd.nn.Linear(4, 16), pd.nn.Tanh(), pd.nn.Linear(16, 2))
    model = pd.Model(net)
    optimizer = pd.optimizer.SGD(2.0, parameters=net.parameters())
    model.prepare(optimizer, pd.nn.CrossEntropyLoss(), pd.metric.Accuracy())
    model.fit(
        Rows(0, 120),
        Rows(120, 240),
        epochs=EPOCHS,
        batch_size=20,
        verbose=verbose,
        log_freq=2,
        num_workers=0,
        callbacks=[keep],
    )
    note = (
        "`loss` in the training's steps and, behind `Eval begin...`, in the validation's, where "
        "it is the last batch's alone; nothing but the place tells them apart."
    )
    return [curve("loss", range(1, EPOCHS + 1), [r[0] for r in keep.rows], 4, note)]


def _spacy() -> Curves:
    import spacy as sp
    from spacy.cli.init_config import fill_config
    from spacy.cli.train import train
    from spacy.tokens import DocBin

    rng = np.random.default_rng(0)
    words = ["good", "fine", "bad", "poor", "film", "book", "food", "day", "very", "not"]
    blank = sp.blank("en")
    for name, n in (("train", 60), ("dev", 40)):
        box = DocBin()
        for _ in range(n):
            chosen = rng.choice(words, 6)
            doc = blank.make_doc(" ".join(chosen))
            good = sum(w in words[:2] for w in chosen) - sum(w in words[2:4] for w in chosen)
            label = good + rng.normal() > 0
            doc.cats = {"POS": float(label), "NEG": float(not label)}
            box.add(doc)
        box.to_disk(f"{name}.spacy")
    Path("part.cfg").write_text(
        """
[paths]
train = "train.spacy"
dev = "dev.spacy"
[nlp]
lang = "en"
pipeline = ["textcat"]
batch_size = 20
[components]
[components.textcat]
factory = "textcat"
[corpora]
[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}
[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.dev}
[training]
seed = 3
max_epochs = 8
eval_frequency = 5
patience = 0
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"
[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"
size = 10
get_length = null
[training.logger]
@loggers = "spacy.ConsoleLogger.v3"
progress_bar = null
console_output = true
output_file = "log.jsonl"
[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.02
"""
    )
    fill_config(Path("config.cfg"), Path("part.cfg"), silent=True)
    train(Path("config.cfg"), Path("out"))
    rows = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    note = (
        "A table with a ruler; `E` the epoch, comes several times; `#` the step; columns whose "
        "names hold spaces (`LOSS TEXTCAT`); SCORE has 2 digits, CATS_SCORE is in percent."
    )
    steps = [r["step"] for r in rows]
    return [
        curve("CATS_SCORE", steps, [r["scores"]["cats_score"] for r in rows], 2, note,
              "maximize", values_may_repeat=True),
        curve("LOSS TEXTCAT", steps, [r["losses"]["textcat"] for r in rows], 2, note),
    ]  # fmt: skip


def _sentence_transformers() -> Curves:
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
    from sentence_transformers.evaluation import EmbeddingSimilarityEvaluator
    from sentence_transformers.losses import CosineSimilarityLoss
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(40)]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")

    def rows(n: int) -> dict[str, list[Any]]:
        a, b = rng.choice(words, (n, 5)), rng.choice(words, (n, 5))
        score = rng.random(n) * 0.4 + 0.6 * np.array(
            [len({w[-1] for w in p} & {w[-1] for w in q}) / 5 for p, q in zip(a, b, strict=True)]
        )
        return {
            "sentence1": [" ".join(w) for w in a],
            "sentence2": [" ".join(w) for w in b],
            "score": [float(s) for s in score],
        }

    train, valid = rows(80), rows(60)
    arguments = Arguments(
        "out",
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=10,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_strategy="no",
        report_to=[],
        learning_rate=0.3,
        lr_scheduler_type="constant",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = SentenceTransformerTrainer(
        model,
        arguments,
        train_dataset=Dataset.from_dict(train),
        eval_dataset=Dataset.from_dict(valid),
        loss=CosineSimilarityLoss(model),
        evaluator=EmbeddingSimilarityEvaluator(
            valid["sentence1"], valid["sentence2"], valid["score"], name="dev"
        ),
    )
    trainer.train()
    history = [h for h in trainer.state.log_history if "eval_loss" in h]
    note = "Hugging Face's dictionaries; the evaluator's names hold hyphens or underscores."
    names = ["eval_loss"] + [k for k in history[0] if "spearman" in k]
    return [
        curve(n, [h["epoch"] for h in history], [h[n] for h in history], None, note,
              "maximize" if "spearman" in n else "minimize", significant=4)
        for n in names
    ]  # fmt: skip


def _flair() -> Curves:
    import flair as fl
    import torch
    from flair.data import Corpus, Sentence
    from flair.datasets import FlairDatapointDataset
    from flair.embeddings import DocumentPoolEmbeddings, OneHotEmbeddings
    from flair.models import TextClassifier
    from flair.trainers import ModelTrainer

    torch.set_num_threads(1)
    fl.set_seed(1)
    fl.device = torch.device("cpu")
    rng = np.random.default_rng(0)
    words = ["good", "fine", "bad", "poor", "film", "book", "food", "day", "very", "not"]

    def rows(n: int) -> Any:
        made = []
        for _ in range(n):
            chosen = rng.choice(words, 6)
            good = sum(w in words[:2] for w in chosen) - sum(w in words[2:4] for w in chosen)
            sentence = Sentence(" ".join(chosen))
            sentence.add_label("class", "POS" if good + rng.normal() > 0 else "NEG")
            made.append(sentence)
        return FlairDatapointDataset(made)

    corpus = Corpus(rows(60), rows(40), rows(20), name="made up")
    labels = corpus.make_label_dictionary("class")
    embedding = OneHotEmbeddings.from_corpus(corpus, embedding_length=16, min_freq=1)
    model = TextClassifier(DocumentPoolEmbeddings([embedding]), label_type="class",
                           label_dictionary=labels)  # fmt: skip
    trainer = ModelTrainer(model, corpus)
    trainer.train("out", max_epochs=EPOCHS, learning_rate=2.0, mini_batch_size=10,
                  embeddings_storage_mode="none")  # fmt: skip
    with Path("out/loss.tsv").open() as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    note = (
        "`epoch 1 - iter 2/6 - loss ...` while training, `EPOCH 1 done: loss ...`, then "
        "`DEV : loss 0.6 - f1-score ...` on a line that names no epoch. The truth is "
        "flair's loss.tsv, with 4 decimals where the text has all; the closing test has no loss."
    )
    steps = [int(r["EPOCH"]) for r in table]
    return [
        curve("DEV loss", steps, [r["DEV_LOSS"] for r in table], 4, note,
              metrics=[r"DEV loss=DEV : loss ([0-9.]+)"]),
        curve("loss", steps, [r["TRAIN_LOSS"] for r in table], 4, note,
              metrics=[r"loss=EPOCH \d+ done: loss ([0-9.]+)"]),
    ]  # fmt: skip


def _ultralytics() -> Curves:
    import cv2
    import ultralytics as ul

    rng = np.random.default_rng(0)
    for part, n in (("train", 120), ("val", 16)):
        for kind in ("images", "labels"):
            Path(f"made_up/{kind}/{part}").mkdir(parents=True)
        for i in range(n):
            image = rng.integers(0, 60, (96, 96, 3), dtype=np.uint8)
            x, y = rng.integers(2, 44, 2)
            image[y : y + 48, x : x + 48] = (240, 240, 60 + 10 * (i % 9))
            cv2.imwrite(f"made_up/images/{part}/{i}.png", image)
            box = f"0 {(x + 24) / 96:.4f} {(y + 24) / 96:.4f} 0.5 0.5\n"
            Path(f"made_up/labels/{part}/{i}.txt").write_text(box)
    where = Path("made_up").resolve()
    Path("made_up.yaml").write_text(
        f"path: {where}\ntrain: images/train\nval: images/val\nnames: {{0: square}}\n"
    )
    how: Any = {"data": "made_up.yaml", "imgsz": 96, "device": "cpu", "workers": 0, "plots": False}
    how |= {"optimizer": "AdamW", "warmup_epochs": 0, "mosaic": 0.0, "seed": 1, "batch": 8}
    # From no weights at all it finds nothing for long: trained in silence first.
    out, nothing = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1), os.dup2(nothing, 2)
    ul.YOLO("yolo11n.yaml").train(epochs=9, lr0=0.004, project=str(Path("first").resolve()), **how)
    os.dup2(out[0], 1), os.dup2(out[1], 2)
    (weights,) = Path("first").rglob("last.pt")
    project = str(Path("runs").resolve())
    ul.YOLO(weights).train(epochs=5, lr0=0.01, project=project, **how)
    (file,) = Path("runs").rglob("results.csv")
    with file.open() as lines:
        table = [{k.strip(): float(v) for k, v in r.items()} for r in csv.DictReader(lines)]
    note = (
        "The header stands above each epoch's bar, the values in columns without names; the "
        "validation's table has a header of its own and names no epoch. Truth from results.csv."
    )
    steps = [r["epoch"] for r in table]
    return [
        curve("box_loss", steps, [r["train/box_loss"] for r in table], None, note, significant=4),
        curve("mAP50", steps, [r["metrics/mAP50(B)"] for r in table], None, note, "maximize",
              significant=3),
    ]  # fmt: skip


RECORDINGS: dict[str, Recording] = {
    "gluonts_torch": Recording(lambda: _gluonts_torch(True), ("gluonts", "lightning", "torch")),
    "gluonts_torch_no_validation": Recording(
        lambda: _gluonts_torch(False), ("gluonts", "lightning", "torch")
    ),
    "gluonts_mxnet": Recording(_gluonts_mxnet, ("gluonts", "mxnet", "numpy")),
    "gluon": Recording(_gluon, ("mxnet", "numpy")),
    "fastai": Recording(lambda: _fastai(True), ("fastai", "fastprogress", "torch")),
    "fastai_no_bar": Recording(lambda: _fastai(False), ("fastai", "fastprogress", "torch")),
    "paddle_verbose1": Recording(lambda: _paddle(1), ("paddlepaddle",)),
    "paddle_verbose2": Recording(lambda: _paddle(2), ("paddlepaddle",)),
    "spacy": Recording(_spacy, ("spacy",)),
    "sentence_transformers": Recording(
        _sentence_transformers, ("sentence-transformers", "transformers", "torch")
    ),
    "ultralytics": Recording(_ultralytics, ("ultralytics", "torch")),
    "flair": Recording(_flair, ("flair", "torch")),
}
