"""Keras 2 and 3 beyond the first recordings; which one, the environment decides."""

from __future__ import annotations

import os
from typing import Any

from programs import Curves, Recording, curve, data

EPOCHS = 5
THREE = ("tensorflow-cpu", "keras")


def _model(seed: int = 1, rate: float = 1.5) -> tuple[Any, Any]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(seed)
    layers = [tf.keras.layers.Dense(16, "tanh"), tf.keras.layers.Dense(1, "sigmoid")]
    model = tf.keras.Sequential(layers)
    optimizer = tf.keras.optimizers.SGD(rate, momentum=0.7)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return tf, model


def _rows() -> tuple[Any, Any, tuple[Any, Any]]:
    x, y = data(240)
    return x[:120], y[:120], (x[120:], y[120:])


def _curves(history: dict[str, list[float]], steps: Any, note: str, **more: Any) -> Curves:
    names = ["val_loss", "loss"] if "val_loss" in history else ["loss"]
    return [curve(name, steps, history[name], 4, note, **more) for name in names]


def _fit_twice(verbose: int) -> Curves:
    _, model = _model()
    x, y, valid = _rows()
    how: Any = {"batch_size": 20, "validation_data": valid, "verbose": verbose}
    first = model.fit(x, y, epochs=3, **how).history
    second = model.fit(x, y, epochs=EPOCHS, **how).history
    note = "model.fit twice: epochs 1 to 3, then 1 to 5 anew; here both behind one another."
    joined = {k: first[k] + second[k] for k in first}
    curves = _curves(joined, [1, 2, 3, 1, 2, 3, 4, 5], note)
    for one in curves:
        one["other_curves"] = {"second fit alone": second[one["objective"]]}
    return curves


def _initial_epoch(verbose: int) -> Curves:
    _, model = _model()
    x, y, valid = _rows()
    how: Any = {"batch_size": 20, "validation_data": valid, "verbose": verbose}
    model.fit(x, y, epochs=3, **{**how, "verbose": 0})
    history = model.fit(x, y, epochs=8, initial_epoch=3, **how).history
    note = "initial_epoch=3: a run taken up again, the first line is `Epoch 4/8`."
    return _curves(history, range(4, 9), note)


def _evaluated(verbose: int) -> Curves:
    _, model = _model(seed=2)
    x, y, valid = _rows()
    history = model.fit(
        x, y, epochs=EPOCHS, batch_size=20, validation_data=valid, verbose=verbose
    ).history
    loss, accuracy = model.evaluate(*valid, batch_size=20, verbose=verbose)
    print(f"Test loss: {loss}\nTest accuracy: {accuracy}")
    model.predict(valid[0], batch_size=60, verbose=verbose)
    note = "evaluate closes with a line like an epoch's, then the test loss with all its digits."
    return _curves(history, range(1, EPOCHS + 1), note)


def _no_validation() -> Curves:
    _, model = _model(seed=3, rate=2.5)
    x, y, _ = _rows()
    history = model.fit(x, y, epochs=EPOCHS, batch_size=20, verbose=1).history
    note = "verbose=1 without validation: the bar's last update holds the epoch's loss."
    return _curves(history, range(1, EPOCHS + 1), note)


def _callbacks(verbose: int) -> Curves:
    tf, model = _model()
    x, y, valid = _rows()
    history = model.fit(
        x,
        y,
        epochs=8,
        batch_size=20,
        validation_data=valid,
        verbose=verbose,
        callbacks=[
            tf.keras.callbacks.ModelCheckpoint(
                "best.weights.h5", save_best_only=True, save_weights_only=True, verbose=1
            ),
            tf.keras.callbacks.ReduceLROnPlateau(patience=1, verbose=1),
            tf.keras.callbacks.EarlyStopping(
                patience=4, verbose=1, restore_best_weights=True, start_from_epoch=0
            ),
        ],
    ).history
    note = (
        "ModelCheckpoint says `val_loss improved from inf to 0.6` before the epoch's own line; "
        "learning rate and early stopping have lines too."
    )
    return _curves(history, range(1, len(history["loss"]) + 1), note)


def _workers() -> Curves | None:
    """mpirun --tag-output: each process trains by itself, the lines are mixed."""
    rank = int(os.environ["OMPI_COMM_WORLD_RANK"])
    _, model = _model(seed=1 + rank)
    x, y, valid = _rows()
    history = model.fit(x, y, epochs=EPOCHS, batch_size=20, validation_data=valid, verbose=2)
    if rank:
        return None
    note = (
        "Two processes under mpirun --tag-output, each with its own values; `[1,0]<stdout>:` "
        "tells them apart, here process 0's."
    )
    return _curves(history.history, range(1, EPOCHS + 1), note)


def _printed() -> Curves:
    tf, model = _model(seed=4)
    x, y, valid = _rows()

    class Say(tf.keras.callbacks.Callback):  # type: ignore[misc,name-defined]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            print(f"End epoch {epoch} of training; got log keys: {sorted(logs)}")
            print(f"Epoch {epoch}: val_loss = {logs['val_loss']:.6f}, loss = {logs['loss']:.6f};")

    history = model.fit(
        x, y, epochs=EPOCHS, batch_size=20, validation_data=valid, verbose=0, callbacks=[Say()]
    ).history
    note = "verbose=0 and a callback that prints, counting epochs from 0, a semicolon at the end."
    return [curve(n, range(EPOCHS), history[n], 6, note) for n in ("val_loss", "loss")]


MPI = ("mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2", "--tag-output")
VARIANTS: dict[str, Any] = {
    "fit_twice": lambda: _fit_twice(2),
    "fit_twice_verbose1": lambda: _fit_twice(1),
    "initial_epoch": lambda: _initial_epoch(2),
    "evaluate_verbose1": lambda: _evaluated(1),
    "evaluate_verbose2": lambda: _evaluated(2),
    "no_validation": _no_validation,
    "callbacks_verbose1": lambda: _callbacks(1),
    "callbacks_verbose2": lambda: _callbacks(2),
    "printed": _printed,
}
RECORDINGS: dict[str, Recording] = {
    f"keras{major}_{name}": Recording(run, THREE) for name, run in VARIANTS.items()
    for major in (2, 3)
} | {
    f"keras{major}_two_workers": Recording(_workers, THREE, before=MPI) for major in (2, 3)
}  # fmt: skip
