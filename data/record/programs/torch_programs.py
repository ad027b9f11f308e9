"""Lightning, Hugging Face, Ignite, skorch, accelerate and torchrun."""

from __future__ import annotations

import inspect
import logging
import os
from typing import Any

from programs import Curves, Recording, curve, data

EPOCHS = 6


def _rows() -> tuple[Any, Any, Any, Any]:
    """Tensors: training rows and labels, validation rows and labels."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = data(240)
    return (torch.tensor(x[:120]), torch.tensor(y[:120]),
            torch.tensor(x[120:]), torch.tensor(y[120:]))  # fmt: skip


def _net() -> Any:
    import torch

    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))


class _Plain:
    """A loop: the loss of each epoch and of the validation rows."""

    def __init__(self, seed: int = 0, rate: float = 2.0) -> None:
        import torch

        self.x, self.y, self.vx, self.vy = _rows()
        torch.manual_seed(seed)
        self.net = _net()
        self.optimizer = torch.optim.SGD(self.net.parameters(), rate)
        self.loss = torch.nn.functional.cross_entropy

    def epoch(self) -> float:
        losses = []
        for i in range(0, 120, 20):
            loss = self.loss(self.net(self.x[i : i + 20]), self.y[i : i + 20])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    def validate(self) -> tuple[float, float]:
        import torch

        with torch.no_grad():
            out = self.net(self.vx)
            right = (out.argmax(1) == self.vy).float().mean().item()
            return self.loss(out, self.vy).item(), right


# Lightning 1.9 (pytorch_lightning) and 2.


def _pl() -> Any:
    try:
        import lightning.pytorch as pl
    except ImportError:
        import pytorch_lightning as pl
    return pl


def _lightning(
    *,
    validation: bool = True,
    bar: str = "tqdm",
    rate: int = 1,
    several: bool = False,
    say: bool = False,
    callbacks: bool = False,
    on_step: bool = False,
    logger: bool = False,
    leave: bool = True,
    processes: int = 1,
) -> Curves | None:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    pl = _pl()
    x, y, vx, vy = _rows()
    pl.seed_everything(processes)

    class Model(pl.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = _net()

        def training_step(self, batch: Any, index: int) -> Any:
            loss = torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            if on_step:
                self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True)
            else:
                self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            out = self.net(batch[0])
            loss = torch.nn.functional.cross_entropy(out, batch[1])
            sync = {"sync_dist": True} if processes > 1 else {}
            self.log("val_loss", loss, prog_bar=True, **sync)
            if several:
                right = (out.argmax(1) == batch[1]).float().mean()
                self.log_dict({"val/acc": right, "val/f1_score": right * 0.9}, prog_bar=True)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 2.0)

    if not validation:
        Model.validation_step = None
        del Model.validation_step

    class Keep(pl.Callback):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            self.rows: list[dict[str, float]] = []

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            self.rows.append({k: v.item() for k, v in trainer.callback_metrics.items()})
            if say:
                print(f"\nepoch {trainer.current_epoch}: {trainer.callback_metrics}")

    keep, more = Keep(), []
    if bar == "tqdm":
        more.append(pl.callbacks.TQDMProgressBar(refresh_rate=rate))
    elif bar == "rich":
        more.append(pl.callbacks.RichProgressBar(refresh_rate=rate, leave=leave))
    if callbacks:
        more.append(pl.callbacks.EarlyStopping("val_loss", patience=10, verbose=True))
        more.append(
            pl.callbacks.ModelCheckpoint(
                monitor="val_loss", save_top_k=2, verbose=True, dirpath="checkpoints"
            )
        )
    distributed = {"strategy": "ddp", "devices": processes} if processes > 1 else {"devices": 1}
    if processes > 1:
        os.environ["PL_TORCH_DISTRIBUTED_BACKEND"] = "gloo"
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=pl.loggers.CSVLogger(".") if logger else False,
        enable_checkpointing=callbacks,
        enable_model_summary=logger,
        enable_progress_bar=bar != "none",
        log_every_n_steps=1,
        callbacks=[*more, keep],
        **distributed,
    )
    train = DataLoader(TensorDataset(x, y), 20, shuffle=True)
    valid = [DataLoader(TensorDataset(vx, vy), 60)] if validation else []
    trainer.fit(Model(), train, *valid)
    if trainer.global_rank:
        return None
    steps = range(EPOCHS)
    if bar == "rich" and not leave and "FORCE_COLOR" not in os.environ:
        steps, keep.rows = range(EPOCHS - 1, EPOCHS), keep.rows[-1:]
    names = ["val_loss"] if validation else []
    names += ["val/acc"] if several else []
    names += ["train_loss_epoch"] if on_step else ["train_loss"]
    note = {
        "tqdm": "The bar's updates share a line; the epoch's last is behind validation.",
        "rich": "rich's bar, its metrics in a column of two lines.",
        "none": "No bar.",
    }[bar]
    last_only = bar == "rich" and "FORCE_COLOR" not in os.environ
    if last_only:
        note += " Piped, all is drawn at the end: "
        note += "all epochs' bars at once." if leave else "the last epoch alone."
    elif bar == "rich":
        note += " FORCE_COLOR: drawn anew all the time, with cursor moves, as on a terminal."
    if "1.9" in pl.__version__:
        note += " Version 1.9 puts `loss=` (a running mean) and v_num into the bar by itself."
    if rate > 1:
        note += f" refresh_rate={rate}, more than an epoch's batches."
    if say:
        note += " callback_metrics is printed at each epoch's end, as tensors in a dict"
        note += " with 4 decimals." if bar == "none" else " with a digit more than the bar has."
    if callbacks:
        note += " EarlyStopping and ModelCheckpoint say each best value once more."
    if processes > 1:
        note += " Two processes: what each says at the start is mixed; rank 0 draws the bar."
    if validation:
        note += " A sanity check validates two batches before epoch 0."
    # tqdm's numbers have 3 significant digits, padded: 1.045 is drawn as 1.050.
    decimals, digits = (4 if bar == "none" else 3 if bar == "rich" else None), {}
    if decimals is None:
        digits = {"significant": 3}
    if callbacks and bar == "none":
        # The checkpoint's lines alone: those epochs that were among the best two when they ended.
        losses = [row["val_loss"] for row in keep.rows]
        names, decimals, digits = ["val_loss"], 5, {}
        steps = [i for i, v in enumerate(losses) if sum(w < v for w in losses[:i]) < 2]
        keep.rows = [keep.rows[i] for i in steps]
        note += " Epochs that were not among the best two have no line."
    return [
        curve(
            name,
            steps,
            [row[name] for row in keep.rows],
            decimals,
            note,
            "maximize" if "acc" in name else "minimize",
            **digits,
            **({"values_may_repeat": True} if "acc" in name else {}),
        )
        for name in names
    ]


# Hugging Face Trainer, 4 and 5.


def _hugging_face(
    *,
    every: float | str = "epoch",
    best: bool = False,
    logging_steps: int | None = None,
    tqdm: bool = False,
    say: bool = False,
    accuracy: bool = True,
) -> Curves | None:
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    torch.set_num_threads(1)
    x, y = data(240)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = _net()

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            logits = self.net(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows: Any = [{"x": torch.tensor(a), "labels": int(b)} for a, b in zip(x, y, strict=True)]
    strategy = "epoch" if every == "epoch" else "steps"
    old = "eval_strategy" not in inspect.signature(TrainingArguments).parameters
    arguments = TrainingArguments(
        "out",
        num_train_epochs=5,
        per_device_train_batch_size=8,
        eval_steps=None if every == "epoch" else every,
        logging_strategy="steps" if logging_steps else "epoch",
        logging_steps=logging_steps or 500,
        save_strategy=strategy if best else "no",
        save_steps=500 if every == "epoch" else every,
        load_best_model_at_end=best,
        report_to=[],
        learning_rate=0.3,
        lr_scheduler_type="constant",
        disable_tqdm=not tqdm,
        use_cpu=True,
        seed=1,
        **{"evaluation_strategy" if old else "eval_strategy": strategy},
        **({} if old else {"save_only_model": True}),
        **({"metric_for_best_model": "eval_loss", "greater_is_better": False} if best else {}),
    )

    class Say(TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            print(f"epoch {state.epoch:.2f} eval loss {state.log_history[-1]['eval_loss']:.5f}")

    torch.manual_seed(0)
    trainer = Trainer(
        Model(),
        arguments,
        train_dataset=rows[:120],
        eval_dataset=rows[120:],
        compute_metrics=(
            lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())}
        )
        if accuracy
        else None,
        callbacks=[Say()] if say else [],
    )
    trainer.train()
    history = [h for h in trainer.state.log_history if "eval_loss" in h]
    training = [h for h in trainer.state.log_history if "loss" in h]
    if best:
        trainer.evaluate()
    if not trainer.is_world_process_zero():
        return None
    quoted = "quoted, with 4 significant digits" if _five() else "plain, as Python prints them"
    note = f"Numbers are {quoted}."
    if _five():
        note += " So has the epoch: 0.4667."
    if old:
        note += " The epoch is rounded to 2 decimals, in log_history too: 0.47, 0.93."
    if every != "epoch":
        note += f" Validated every {every} steps of 15 an epoch: the epochs are fractions."
    if best:
        note += " load_best_model_at_end and a closing evaluate(): the best value again, last."
    if tqdm:
        note += " tqdm's bar on stderr is mixed in, the numbers come between its updates."
    if os.environ.get("WORLD_SIZE", "1") != "1":
        note += " Two processes; rank 0 prints."
    # 4 prints round(value, 4) of the training loss, all digits of the rest.
    digits = {"significant": 4} if _five() else {}
    fields = [("eval_loss", history), ("loss", training)]
    return [
        curve(name, [h["epoch"] for h in rows_], [h[name] for h in rows_], None, note, **digits)
        for name, rows_ in fields
    ]


def _five() -> bool:
    import transformers

    return int(transformers.__version__.split(".")[0]) >= 5


# Others.


def _ignite() -> Curves:
    import torch
    from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.handlers import ProgressBar
    from ignite.metrics import Accuracy, Loss
    from torch.utils.data import DataLoader, TensorDataset

    logging.basicConfig(level=logging.INFO)
    x, y, vx, vy = _rows()
    torch.manual_seed(0)
    net = _net()
    loss = torch.nn.CrossEntropyLoss()
    trainer = create_supervised_trainer(net, torch.optim.SGD(net.parameters(), 2.0), loss)
    metrics = {"nll": Loss(loss), "accuracy": Accuracy()}
    evaluator = create_supervised_evaluator(net, metrics=metrics)
    train, valid = DataLoader(TensorDataset(x, y), 20), DataLoader(TensorDataset(vx, vy), 60)
    bar = ProgressBar(persist=True)
    bar.attach(trainer, output_transform=lambda v: {"batch loss": v})
    history: list[tuple[float, float]] = []

    @trainer.on(Events.EPOCH_COMPLETED)
    def evaluate(engine: Any) -> None:
        both = []
        for name, loader in (("Training", train), ("Validation", valid)):
            evaluator.run(loader)
            m = evaluator.state.metrics
            both.append(m["nll"])
            bar.log_message(
                f"{name} Results - Epoch: {engine.state.epoch} Avg accuracy: {m['accuracy']:.2f} "
                f"Avg loss: {m['nll']:.4f}"
            )
        history.append((both[1], both[0]))

    trainer.run(train, max_epochs=EPOCHS)
    note = (
        "`Avg loss` for Training and Validation alike, the line's head tells which; the engines "
        "log `Epoch[1] Complete` for each evaluation too, so that 1 comes again and again."
    )
    regex = r"Results - Epoch: \d+ .* Avg loss: ([0-9.]+)"
    return [
        curve("Avg loss", range(1, EPOCHS + 1), [h[i] for h in history], 4, note,
              metrics=[f"Avg loss={side} {regex}"])
        for i, side in enumerate(("Validation", "Training"))
    ]  # fmt: skip


def _skorch() -> Curves:
    import torch
    from skorch import NeuralNetClassifier
    from skorch.callbacks import EpochScoring
    from skorch.dataset import ValidSplit

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = data(240)
    net = NeuralNetClassifier(
        _net(),
        criterion=torch.nn.CrossEntropyLoss,
        lr=2.0,
        max_epochs=10,
        batch_size=20,
        train_split=ValidSplit(2),
        callbacks=[EpochScoring("roc_auc", lower_is_better=False, name="valid_auc")],
    )
    net.fit(x, y)
    note = "A table with a ruler; the best cell so far of each column is coloured, also piped."
    steps = net.history[:, "epoch"]
    return [
        curve("valid_loss", steps, net.history[:, "valid_loss"], 4, note),
        curve("train_loss", steps, net.history[:, "train_loss"], 4, note),
        curve("valid_auc", steps, net.history[:, "valid_auc"], 4, note, "maximize"),
    ]


def _accelerate_loop() -> Curves | None:
    import torch
    from accelerate import Accelerator
    from torch.utils.data import DataLoader, TensorDataset

    accelerator = Accelerator(cpu=True)
    x, y, vx, vy = _rows()
    net = _net()
    parts = (
        net,
        torch.optim.SGD(net.parameters(), 2.0),
        DataLoader(TensorDataset(x, y), 20),
        DataLoader(TensorDataset(vx, vy), 30),
    )
    net, optimizer, train, valid = accelerator.prepare(*parts)
    loss_of = torch.nn.functional.cross_entropy
    history = []
    for epoch in range(EPOCHS):
        for a, b in train:
            loss = loss_of(net(a), b)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            losses = [loss_of(net(a), b).repeat(len(a)) for a, b in valid]
        val = torch.cat([accelerator.gather_for_metrics(v) for v in losses]).mean().item()
        mine = sum(v.mean().item() for v in losses) / len(losses)
        print(f"rank {accelerator.process_index} epoch {epoch}: local_val_loss: {mine:.4f}")
        accelerator.print(f"epoch {epoch}: val_loss: {val:.4f}")
        history.append(val)
    if not accelerator.is_main_process:
        return None
    note = "Two processes: each says its share's local_val_loss, rank 0 the mean as val_loss."
    return [curve("val_loss", range(EPOCHS), history, 4, note)]


def _ranks(shared: bool) -> Curves | None:
    """torchrun: a line of each rank."""
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo")
    rank = dist.get_rank()
    loop = _Plain(seed=0 if shared else rank, rate=2.0)
    history = []
    for epoch in range(1, EPOCHS + 1):
        loss = loop.epoch()
        val, _ = loop.validate()
        if shared:
            both = torch.tensor([loss + rank / 10, val])
            dist.all_reduce(both)
            loss, val = (both / dist.get_world_size()).tolist()
        head = f"[rank {rank}] " if shared else ""
        print(f"{head}Epoch {epoch}: loss={loss:.4f}, val_loss={val:.4f}", flush=True)
        history.append((val, loss))
        dist.barrier()
    every: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(every, history)
    dist.destroy_process_group()
    if rank:
        return None
    note = "Both ranks print the same reduced values: each line comes twice, in either order."
    more: dict[str, Any] = {}
    if not shared:
        note = "Each rank prints its own values, in either order; here rank 0's."
        if "--tee" in os.environ.get("STARTED_WITH", ""):
            note += " --tee: `[default0]:` before each line of rank 0."
        else:
            note += " Nothing in a line tells the ranks apart."
        more = {"other_curves": {f"rank {i}": [v for v, _ in h] for i, h in enumerate(every) if i}}
    return [
        curve("val_loss", range(1, EPOCHS + 1), [v for v, _ in every[0]], 4, note, **more),
        *(
            [curve("loss", range(1, EPOCHS + 1), [v for _, v in every[0]], 4, note)]
            if shared
            else []
        ),
    ]


TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=29611")
ACCELERATE = (
    # --multi_gpu starts both on the CPU too, once the program asks for the CPU; --cpu starts one.
    *("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"),
    *("--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=29612"),
    "--num_cpu_threads_per_process=1",
)
LT = ("lightning", "pytorch-lightning", "torch")
HF = ("transformers", "accelerate", "torch")
TEE = ("--log-dir=logs", "--tee=3")


def _of_lightning(name: str, **how: Any) -> dict[str, Recording]:
    return {name: Recording(lambda: _lightning(**how), LT)}


RECORDINGS: dict[str, Recording] = {
    # With Lightning 2.6, 2.0 and 1.9: `lightning_...` is recorded with the installed one.
    **_of_lightning("lightning2_no_validation", validation=False),
    **_of_lightning("lightning2_rich", bar="rich"),
    **_of_lightning("lightning2_rich_last_epoch", bar="rich", leave=False),
    "lightning2_rich_terminal": Recording(
        lambda: _lightning(bar="rich", several=True, leave=False),
        LT,
        environment={"FORCE_COLOR": "1", "COLUMNS": "100"},
    ),
    **_of_lightning("lightning2_refresh20", rate=20),
    **_of_lightning("lightning2_several", several=True),
    **_of_lightning("lightning2_printed", bar="none", say=True),
    **_of_lightning("lightning2_bar_and_printed", rate=2, say=True, several=True),
    **_of_lightning("lightning2_callbacks", bar="none", callbacks=True),
    **_of_lightning("lightning2_bar_and_callbacks", callbacks=True, on_step=True, logger=True),
    **_of_lightning("lightning20_bar", on_step=True, logger=True),
    **_of_lightning("lightning20_rich", bar="rich", several=True),
    **_of_lightning("lightning1_bar", logger=True),
    **_of_lightning("lightning1_no_validation", validation=False, logger=True),
    **_of_lightning("lightning1_refresh20", rate=20, several=True),
    **_of_lightning("lightning1_rich", bar="rich"),
    **_of_lightning("lightning1_printed", say=True, rate=2),
    "lightning2_two_processes": Recording(
        lambda: _lightning(processes=2), LT, environment={"MASTER_PORT": "29613"}
    ),
    "hugging_face4": Recording(lambda: _hugging_face(), HF),
    "hugging_face4_steps": Recording(lambda: _hugging_face(every=7, logging_steps=5), HF),
    # With transformers 4.36: epochs of two decimals.
    "hugging_face436_steps": Recording(lambda: _hugging_face(every=7, logging_steps=5), HF),
    "hugging_face436_best_tqdm": Recording(
        lambda: _hugging_face(best=True, every=10, tqdm=True), HF
    ),
    "hugging_face4_best": Recording(lambda: _hugging_face(best=True), HF),
    "hugging_face4_tqdm": Recording(lambda: _hugging_face(tqdm=True, logging_steps=5), HF),
    "hugging_face5_steps": Recording(lambda: _hugging_face(every=7, logging_steps=5), HF),
    "hugging_face5_best": Recording(lambda: _hugging_face(best=True, every=10), HF),
    "hugging_face5_tqdm": Recording(lambda: _hugging_face(tqdm=True, logging_steps=5), HF),
    "hugging_face5_callback": Recording(lambda: _hugging_face(say=True, every=7), HF),
    "hugging_face5_two_processes": Recording(lambda: _hugging_face(), HF, ACCELERATE),
    "ignite": Recording(_ignite, ("pytorch-ignite", "torch")),
    "skorch": Recording(_skorch, ("skorch", "torch")),
    "accelerate_two_processes": Recording(_accelerate_loop, ("accelerate", "torch"), ACCELERATE),
    "torchrun_same": Recording(lambda: _ranks(shared=True), ("torch",), TORCHRUN),
    "torchrun_own": Recording(lambda: _ranks(shared=False), ("torch",), TORCHRUN),
    "torchrun_tee": Recording(
        lambda: _ranks(shared=False),
        ("torch",),
        (*TORCHRUN, *TEE),
        environment={"STARTED_WITH": "--tee"},
    ),
}
