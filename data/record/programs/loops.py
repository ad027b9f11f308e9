"""Training loops of one's own: bars, loggers, and the shapes that well-known examples print."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from programs import Curves, Net, Recording, curve

EPOCHS = 8


def _curves(history: list[tuple[float, ...]], names: tuple[str | None, ...], decimals: int | None,
            note: str, start: int = 1, **more: Any) -> Curves:  # fmt: skip
    """A curve for each name; a tuple of the history holds a value for each."""
    steps = range(start, start + len(history))
    return [
        curve(name, steps, [row[i] for row in history], decimals, note,
              "maximize" if "acc" in name.lower() else "minimize", **more)
        for i, name in enumerate(names)
        if name is not None
    ]  # fmt: skip


def _train(net: Net) -> float:
    losses = list(net.epoch())
    return sum(losses) / len(losses)


def _tqdm_per_epoch() -> Curves:
    from tqdm import tqdm

    net, history = Net(), []
    for epoch in range(EPOCHS):
        total = 0.0
        with tqdm(total=net.batches, desc=f"Epoch {epoch}", mininterval=0) as bar:
            for i, loss in enumerate(net.epoch(), 1):
                total += loss
                bar.update(1)
                bar.set_postfix(loss=f"{total / i:.4f}")
                time.sleep(0.002)
            val_loss, val_acc = net.validate()
            bar.set_postfix(loss=f"{total / i:.4f}", val_loss=f"{val_loss:.4f}", val_acc=val_acc)
        history.append((val_loss, total / i))
    note = "A bar for each epoch; its last update holds val_loss, `loss` is the mean so far."
    return _curves(history, ("val_loss", "loss"), 4, note, start=0)


def _tqdm_all_epochs() -> Curves:
    from tqdm import trange

    net, history = Net(), []
    bar = trange(1, EPOCHS + 1, desc="training", mininterval=0)
    for epoch in bar:
        loss = _train(net)
        val_loss, _ = net.validate()
        history.append((val_loss, loss))
        bar.set_postfix(epoch=epoch, train=f"{loss:.4f}", valid=f"{val_loss:.4f}")
    note = (
        "One bar for all epochs: each epoch's numbers are drawn twice or more on one line that is "
        "overwritten, the second time with the count of epochs done one higher."
    )
    return _curves(history, ("valid", "train"), 4, note)


def _tqdm_all_epochs_no_index() -> Curves:
    from tqdm import tqdm

    net, history = Net(seed=2), []
    with tqdm(total=EPOCHS, unit="epoch", mininterval=0) as bar:
        for _ in range(EPOCHS):
            loss = _train(net)
            val_loss, _ = net.validate()
            history.append((val_loss, loss))
            bar.set_postfix_str(f"train_loss: {loss:.3f}, val_loss: {val_loss:.3f}", refresh=False)
            bar.update(1)
            time.sleep(0.01)
    note = "One bar for all epochs, the epoch stands in the bar's count alone: `3/8 [...]`."
    return _curves(history, ("val_loss", "train_loss"), 3, note)


def _tqdm_nested() -> Curves:
    from tqdm import tqdm

    net, history = Net(seed=1), []
    outer = tqdm(range(1, EPOCHS + 1), desc="epochs", position=0, mininterval=0)
    for _ in outer:
        inner = tqdm(
            net.epoch(), total=net.batches, desc="batches", position=1, leave=False, mininterval=0
        )
        losses = []
        for loss in inner:
            losses.append(loss)
            inner.set_postfix(loss=loss)
            time.sleep(0.002)
        val_loss, val_acc = net.validate()
        history.append((val_loss, val_acc))
        outer.set_postfix({"val/loss": val_loss, "val/acc": val_acc})
    note = "Two bars at once, cursor moves up between them; postfix numbers as tqdm rounds them."
    return [
        curve("val/loss", range(1, EPOCHS + 1), [h[0] for h in history], None, note, significant=3),
    ]


def _tqdm_write() -> Curves:
    from tqdm import tqdm

    net, history = Net(seed=3), []
    for epoch in tqdm(range(1, EPOCHS + 1), mininterval=0):
        loss = _train(net)
        val_loss, _ = net.validate()
        history.append((val_loss, loss))
        tqdm.write(f"Epoch {epoch:02d} | train loss {loss:.4f} | val loss {val_loss:.4f}")
    note = "tqdm.write between the bar's updates: lines begin behind a bar that was wiped out."
    return _curves(history, ("val loss", "train loss"), 4, note)


def _tqdm_and_print() -> Curves:
    from tqdm import tqdm

    net, history = Net(seed=1), []
    for _ in range(EPOCHS):
        losses = list(tqdm(net.epoch(), total=net.batches, desc="train", mininterval=0))
        val_loss, _ = net.validate()
        history.append((val_loss, sum(losses) / len(losses)))
        print(f"loss: {history[-1][1]:.4f} - val loss: {val_loss:.4f}")
    note = (
        "A bar an epoch on stderr, print to a buffered stdout: the lines name no epoch. (tqdm "
        "flushes stdout as each bar begins, so that they stand where they belong.)"
    )
    return _curves(history, ("val loss", "loss"), 4, note)


def _nanogpt() -> Curves:
    net, history = Net(), []
    steps = []
    step = 0
    while step <= 2000:
        for loss in net.epoch():
            if step % 250 == 0:
                val, _ = net.validate()
                train = net._loss(net._forward(net.x)[1], net.y)
                history.append((val, train))
                steps.append(step)
                print(f"step {step}: train loss {train:.4f}, val loss {val:.4f}")
                print("saving checkpoint to out-shakespeare-char")
            if step % 50 == 0:
                print(f"iter {step}: loss {loss:.4f}, time {20.11:.2f}ms, mfu {3.14:.2f}%")
            step += 1
            if step > 2000:
                break
    note = (
        "Validated every 250 steps; `iter 250: loss ...` says another loss of the same step, and "
        "its time is made up."
    )
    return [
        curve("val loss", steps, [h[0] for h in history], 4, note),
        curve("train loss", steps, [h[1] for h in history], 4, note),
    ]


def _format(handler: logging.Handler, text: str) -> logging.Logger:
    handler.setFormatter(logging.Formatter(text))
    logger = logging.getLogger("trainer")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return logger


def _logging_timestamps() -> Curves:
    log = _format(logging.StreamHandler(), "%(asctime)s - %(name)s - %(levelname)s - %(message)s")
    net, history = Net(), []
    log.info("learning rate 1.5, 6 batches")
    for epoch in range(1, EPOCHS + 1):
        for i, loss in enumerate(net.epoch(), 1):
            if i % 3 == 0:
                log.info("epoch %d [%d/%d] loss: %.4f", epoch, i, net.batches, loss)
        val_loss, val_acc = net.validate()
        history.append((val_loss, val_acc))
        log.info("epoch %d/%d done: val_loss: %.4f, val_acc: %.4f", epoch, EPOCHS, *history[-1])
    log.info("best val_loss: %.4f", min(h[0] for h in history))
    note = "Timestamps with a comma; `best val_loss` at the end looks like one more epoch."
    return _curves(history, ("val_loss", "val_acc"), 4, note, values_may_repeat=True)


def _loguru_colours() -> Curves:
    from loguru import logger

    logger.remove()
    logger.add(sys.stderr, colorize=True)
    net, history = Net(), []
    for epoch in range(EPOCHS):
        loss = _train(net)
        val_loss, _ = net.validate()
        history.append((val_loss, loss))
        logger.info(f"Epoch {epoch}: train_loss={loss:.5f} val_loss={val_loss:.5f}")
        if epoch == 3:
            logger.warning("val_loss={:.5f} is no better than 0.50000", val_loss)
    note = "Colours on each line, the file and line before the message; one warning repeats."
    return _curves(history, ("val_loss", "train_loss"), 5, note, start=0)


def _rich_progress() -> Curves:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(force_terminal=True, width=100)
    net, history = Net(), []
    with Progress(console=console, refresh_per_second=50) as progress:
        task = progress.add_task("[green]training", total=EPOCHS)
        for epoch in range(1, EPOCHS + 1):
            loss = _train(net)
            val_loss, _ = net.validate()
            history.append((val_loss, loss))
            text = f"[green]epoch {epoch} loss {loss:.4f} val_loss {val_loss:.4f}"
            progress.update(task, advance=1, description=text)
            time.sleep(0.05)
    note = "rich's live bar with force_terminal: the line is drawn anew with cursor moves."
    return _curves(history, ("val_loss", "loss"), 4, note)


def _rich_log() -> Curves:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=100)
    net, history = Net(seed=1), []
    for epoch in range(1, EPOCHS + 1):
        loss = _train(net)
        val_loss, val_acc = net.validate()
        history.append((val_loss, val_acc))
        console.log(f"epoch {epoch}", {"loss": round(loss, 4), "val_loss": round(val_loss, 4)})
    table = Table(title="history")
    for name in ("epoch", "val_loss", "val_acc"):
        table.add_column(name)
    for epoch, (val_loss, val_acc) in enumerate(history, 1):
        table.add_row(str(epoch), f"{val_loss:.6f}", f"{val_acc:.4f}")
    console.print(table)
    note = (
        "console.log: the time only where it changes, file:line at the right edge; at the end a "
        "table in box characters says the same again with more digits."
    )
    return _curves(history, ("val_loss",), 4, note)


def _structlog_json() -> Curves:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ]
    )
    log = structlog.get_logger()
    net, history = Net(), []
    log.info("start", epochs=EPOCHS, lr=1.5)
    for epoch in range(1, EPOCHS + 1):
        loss = _train(net)
        val_loss, val_acc = net.validate()
        history.append((val_loss, loss))
        log.info("train", epoch=epoch, loss=loss)
        log.info("validate", epoch=epoch, val_loss=val_loss, val_acc=val_acc)
    log.info("end", val_loss=min(h[0] for h in history))
    note = "JSON lines with all digits, train and validation on lines of their own; the best last."
    return _curves(history, ("val_loss", "loss"), None, note)


def _structlog_console() -> Curves:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
            structlog.dev.ConsoleRenderer(colors=True),
        ]
    )
    log = structlog.get_logger()
    net, history = Net(), []
    for epoch in range(EPOCHS):
        loss = _train(net)
        val_loss, _ = net.validate()
        history.append((val_loss, loss))
        log.info("epoch end", epoch=epoch, loss=round(loss, 4), val_loss=round(val_loss, 4))
    note = "A colour around each key and each value: `ESC[36mval_loss ESC[0m=ESC[35m0.5`."
    return _curves(history, ("val_loss", "loss"), 4, note, start=0, trailing_zeros_cut=True)


def _json_lines() -> Curves:
    net, history = Net(), []
    for epoch in range(EPOCHS):
        loss = _train(net)
        val_loss, val_acc = net.validate()
        history.append((val_loss, val_acc))
        row = {"epoch": epoch, "train": {"loss": loss}, "val": {"loss": val_loss, "acc": val_acc}}
        print(json.dumps(row))
    note = "Nested JSON lines: `loss` stands in `train` and in `val`."
    return [curve("val.loss", range(EPOCHS), [h[0] for h in history], None, note)]


def _absl_logging() -> Curves:
    """As the examples of Flax log, here from a loop in JAX."""
    import jax
    import jax.numpy as jnp
    import optax
    from absl import logging as absl

    from programs import data

    absl.set_verbosity(absl.INFO)
    absl.use_absl_handler()
    x, y = data(240)

    def loss_of(w: Any, a: Any, b: Any) -> Any:
        logits = jnp.tanh(a @ w["hidden"]) @ w["out"]
        return optax.sigmoid_binary_cross_entropy(logits, b).mean()

    key = jax.random.PRNGKey(0)
    w: Any = {"hidden": jax.random.normal(key, (4, 16)), "out": jnp.zeros(16)}
    optimizer = optax.sgd(2.5, momentum=0.9)
    state, step = optimizer.init(w), jax.jit(jax.value_and_grad(loss_of))
    history = []
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for i in range(4):
            loss, gradient = step(w, x[i * 30 : i * 30 + 30], y[i * 30 : i * 30 + 30])
            change, state = optimizer.update(gradient, state)
            w = optax.apply_updates(w, change)
            losses.append(float(loss))
        val = float(loss_of(w, x[120:], y[120:]))
        history.append((val, sum(losses) / 4))
        absl.info("epoch:% 3d, train_loss: %.4f, test_loss: %.4f", epoch, history[-1][1], val)
    note = "absl's prefix `I1129 05:00:00.000000 140 loops.py:12]`; the epoch is padded."
    return _curves(history, ("test_loss", "train_loss"), 4, note)


def _pytorch_tutorial() -> Curves:
    """The shape of PyTorch's transfer-learning tutorial."""
    net, history = Net(), []
    for epoch in range(EPOCHS):
        print(f"Epoch {epoch}/{EPOCHS - 1}")
        print("-" * 10)
        loss = _train(net)
        print(f"train Loss: {loss:.4f} Acc: {0.5:.4f}")
        val_loss, val_acc = net.validate()
        print(f"val Loss: {val_loss:.4f} Acc: {val_acc:.4f}\n")
        history.append((val_loss, loss, val_acc))
    print("Training complete in 0m 1s")
    print(f"Best val Acc: {max(h[2] for h in history):4f}")
    note = "The epoch stands two lines above; `Loss:` on a line that begins with train or val."
    return _curves(history, ("val Loss", "train Loss"), 4, note, start=0)


def _pytorch_quickstart() -> Curves:
    """The shape of PyTorch's quickstart."""
    net, history = Net(seed=2), []
    for epoch in range(EPOCHS):
        print(f"Epoch {epoch + 1}\n-------------------------------")
        for i, loss in enumerate(net.epoch()):
            if i % 3 == 0:
                print(f"loss: {loss:>7f}  [{(i + 1) * 20:>5d}/{len(net.x):>5d}]")
        val_loss, val_acc = net.validate()
        print(f"Test Error: \n Accuracy: {100 * val_acc:>0.1f}%, Avg loss: {val_loss:>8f} \n")
        history.append((val_loss, 100 * val_acc))
    print("Done!")
    note = "The epoch as a heading; accuracy in percent with its sign; `loss:` per batch above."
    return [
        *_curves(history, ("Avg loss",), 6, note),
        *_curves(history, (None, "Accuracy"), 1, note, values_may_repeat=True),
    ]


def _pytorch_mnist() -> Curves:
    """The shape of PyTorch's MNIST example."""
    net, history = Net(), []
    for epoch in range(1, EPOCHS + 1):
        for i, loss in enumerate(net.epoch()):
            if i % 2 == 0:
                share = 100.0 * i / net.batches
                print(
                    f"Train Epoch: {epoch} [{i * 20}/{len(net.x)} ({share:.0f}%)]\tLoss: {loss:.6f}"
                )
        val_loss, val_acc = net.validate()
        right = round(val_acc * len(net.vx))
        print(
            f"\nTest set: Average loss: {val_loss:.4f}, "
            f"Accuracy: {right}/{len(net.vx)} ({100 * val_acc:.0f}%)\n"
        )
        history.append((val_loss,))
    note = "The line of the test set names no epoch: it ends the `Train Epoch: N` lines above."
    return _curves(history, ("Average loss",), 4, note)


class _Meter:
    def __init__(self, name: str, form: str) -> None:
        self.name, self.form, self.total, self.count, self.last = name, form, 0.0, 0, 0.0

    def update(self, value: float) -> None:
        self.last, self.total, self.count = value, self.total + value, self.count + 1

    def __str__(self) -> str:
        return f"{self.name} {self.last:{self.form}} ({self.total / self.count:{self.form}})"


def _pytorch_imagenet() -> Curves:
    """The shape of PyTorch's ImageNet example."""
    net, history = Net(), []
    for epoch in range(EPOCHS):
        loss_meter, acc_meter = _Meter("Loss", ".4e"), _Meter("Acc@1", "6.2f")
        for i, loss in enumerate(net.epoch(), 1):
            loss_meter.update(loss)
            acc_meter.update(100 * net.validate()[1])
            if i % 2 == 0:
                head = f"Epoch: [{epoch}][{i}/{net.batches}]"
                times = "Time  0.012 ( 0.013)\tData  0.001 ( 0.002)"
                print(f"{head}\t{times}\t{loss_meter}\t{acc_meter}")
        val_loss, val_acc = net.validate()
        print(f"Test: [1/1]\tTime  0.012 ( 0.012)\tLoss {val_loss:.4e} ({val_loss:.4e})\tAcc@1 "
              f"{100 * val_acc:6.2f} ({100 * val_acc:6.2f})")  # fmt: skip
        print(f" *   Acc@1 {100 * val_acc:.3f} Acc@5 {99.0 + epoch / 100:.3f}")
        history.append((100 * val_acc, loss_meter.total / loss_meter.count))
    note = (
        "`Loss 6.1e-01 (5.9e-01)`: the batch's and the mean so far; validation in the `*` line, "
        "which names no epoch. The training Acc@1, Acc@5 and the times are made up."
    )
    return [
        curve("Acc@1", range(EPOCHS), [h[0] for h in history], 3, note, "maximize",
              values_may_repeat=True, metrics=[r"Acc@1=\* +Acc@1 ([0-9.]+)"])
    ]  # fmt: skip


def _timm() -> Curves:
    """The shape of timm's train.py."""
    log = _format(logging.StreamHandler(), "%(message)s")
    net, history = Net(seed=1), []
    best = (0.0, 0)
    for epoch in range(EPOCHS):
        meter = _Meter("Loss", "#.3g")
        for i, loss in enumerate(net.epoch()):
            meter.update(loss)
            log.info(f"Train: {epoch} [{i:>4d}/{net.batches} ({100 * i / 5:>3.0f}%)]  {meter}  "
                     f"Time: 0.012s, 1666.67/s  (0.012s, 1666.67/s)  LR: 5.000e-02")  # fmt: skip
        val_loss, val_acc = net.validate()
        log.info(f"Test: [   0/0]  Time: 0.005 (0.005)  Loss:  {val_loss:>7.3f} ({val_loss:>6.3f})"
                 f"  Acc@1: {100 * val_acc:>7.3f} ({100 * val_acc:>7.3f})  Acc@5: 100.000 (100.000)")  # fmt: skip  # noqa: E501
        best = max(best, (100 * val_acc, epoch), key=lambda b: b[0])
        log.info("Current checkpoints:\n"
                 f" ('./output/checkpoint-{best[1]}.pth.tar', {best[0]})\n")  # fmt: skip
        history.append((val_loss, 100 * val_acc))
    log.info("*** Best metric: %s (epoch %d)", *best)
    note = "`Loss:  0.555 ( 0.555)`: the mean in brackets, padded; the Test line names no epoch."
    return [
        curve("Test Loss", range(EPOCHS), [h[0] for h in history], 3, note,
              metrics=[r"Test Loss=Test: .*Loss: +[0-9.]+ \( *([0-9.]+)\)"])
    ]  # fmt: skip


def _detectron_like() -> Curves:
    """The shape of mmengine's text logger."""
    log = _format(logging.StreamHandler(), "%(asctime)s - mmengine - %(levelname)s - %(message)s")
    logging.Formatter.default_msec_format = ""
    net, history = Net(), []
    for epoch in range(1, EPOCHS + 1):
        for i, loss in enumerate(net.epoch(), 1):
            if i % 3 == 0:
                log.info(
                    f"Epoch(train) [{epoch}][{i}/{net.batches}]    lr: 1.0000e-02  eta: 0:00:01  "
                    f"time: 0.0120  data_time: 0.0010  loss: {loss:.4f}"
                )
        val_loss, val_acc = net.validate()
        log.info(
            f"Epoch(val) [{epoch}][1/1]    accuracy/top1: {100 * val_acc:.4f}  loss: {val_loss:.4f}"
            "  data_time: 0.0010  time: 0.0050"
        )
        history.append((val_loss,))
    note = "`loss` in Epoch(train) and in Epoch(val) lines: only the line's head tells them apart."
    return _curves(history, ("loss",), 4, note, metrics=[r"loss=Epoch\(val\).* loss: ([0-9.]+)"])


def _plain_table() -> Curves:
    net, history = Net(), []
    print(f"{'epoch':>5} {'lr':>10} {'train_loss':>12} {'val_loss':>12} {'val_acc':>8}  best")
    print("-" * 60)
    best = float("inf")
    for epoch in range(1, EPOCHS + 1):
        loss = _train(net)
        val_loss, val_acc = net.validate()
        star, best = ("*" if val_loss < best else "", min(val_loss, best))
        print(f"{epoch:>5} {1.5:>10.2e} {loss:>12.6f} {val_loss:>12.6f} {val_acc:>8.4f}  {star}")
        history.append((val_loss, loss))
    note = "A table: names in the first line alone, a ruler below it, a star behind the best."
    return _curves(history, ("val_loss", "train_loss"), 6, note)


def _comma_separated() -> Curves:
    net, history = Net(), []
    print("epoch,train_loss,val_loss,seconds")
    for epoch in range(EPOCHS):
        loss = _train(net)
        val_loss, _ = net.validate()
        print(f"{epoch},{loss:.6f},{val_loss:.6f},{0.5 + epoch / 10:.2f}")
        history.append((val_loss, loss))
    note = "Comma-separated on stdout: a header, then numbers alone."
    return _curves(history, ("val_loss", "train_loss"), 6, note, start=0)


def _repeated_validation() -> Curves:
    """Validated twice an epoch, the step counted on; an exception and a restart at a checkpoint."""
    net, history = Net(), []
    state: Any = None
    epoch = 1
    while epoch <= EPOCHS:
        loss = _train(net)
        val_loss, _ = net.validate()
        print(f"[epoch {epoch}] loss={loss:.4f} val_loss={val_loss:.4f}", flush=True)
        if epoch == 5 and state is not None:
            print("RuntimeError: worker 3 lost; restarting from the checkpoint of epoch 3")
            print("Resuming from epoch 3")
            (net.w, net.v), history, state, epoch = state, history[:3], None, 4
            continue
        history.append((val_loss, loss))
        if epoch == 3:
            state = (net.w.copy(), net.v.copy())
        epoch += 1
    note = "Epochs 4 and 5 come twice, after a made-up error; the second time counts."
    return _curves(history, ("val_loss", "loss"), 4, note)


def _folds() -> Curves:
    histories = []
    for fold in range(1, 4):
        print(f"===== Fold {fold}/3 =====")
        net, history = Net(seed=fold), []
        for epoch in range(1, 6):
            loss = _train(net)
            val_loss, _ = net.validate()
            print(f"Epoch {epoch}/5 - loss: {loss:.4f} - val_loss: {val_loss:.4f}")
            history.append(val_loss)
        histories.append(history)
    print(f"Mean val_loss: {sum(h[-1] for h in histories) / 3:.4f}")
    note = "Three folds: epochs 1 to 5 three times, with different values; here the last fold's."
    others = {f"fold {i}": h for i, h in enumerate(histories[:-1], 1)}
    others["mean of the folds"] = [sum(h) / 3 for h in zip(*histories, strict=True)]
    return [curve("val_loss", range(1, 6), histories[-1], 4, note, other_curves=others)]


RECORDINGS: dict[str, Recording] = {
    "tqdm_per_epoch": Recording(_tqdm_per_epoch, ("tqdm",)),
    "tqdm_all_epochs": Recording(_tqdm_all_epochs, ("tqdm",)),
    "tqdm_count_alone": Recording(_tqdm_all_epochs_no_index, ("tqdm",)),
    "tqdm_nested": Recording(_tqdm_nested, ("tqdm",)),
    "tqdm_write": Recording(_tqdm_write, ("tqdm",)),
    "tqdm_and_print": Recording(_tqdm_and_print, ("tqdm",), environment={"PYTHONUNBUFFERED": ""}),
    "loop_nanogpt": Recording(_nanogpt),
    "loop_logging": Recording(_logging_timestamps),
    "loguru_colours": Recording(_loguru_colours, ("loguru",)),
    "rich_progress": Recording(_rich_progress, ("rich",)),
    "rich_log": Recording(_rich_log, ("rich",)),
    "structlog_json": Recording(_structlog_json, ("structlog",)),
    "structlog_console": Recording(_structlog_console, ("structlog",)),
    "loop_json_nested": Recording(_json_lines),
    "jax_absl": Recording(_absl_logging, ("jax", "optax", "absl-py")),
    "loop_pytorch_tutorial": Recording(_pytorch_tutorial),
    "loop_pytorch_quickstart": Recording(_pytorch_quickstart),
    "loop_pytorch_mnist": Recording(_pytorch_mnist),
    "loop_pytorch_imagenet": Recording(_pytorch_imagenet),
    "loop_timm": Recording(_timm),
    "loop_mmengine": Recording(_detectron_like),
    "loop_table": Recording(_plain_table),
    "loop_comma": Recording(_comma_separated),
    "loop_restarted": Recording(_repeated_validation),
    "loop_folds": Recording(_folds),
}
