"""Keras's callback, handed one epoch's value at a time. `pip install keras jax`."""

from __future__ import annotations

import os
from types import SimpleNamespace

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

from esim.study import Study
from tests.live.parity import Case


class Called:
    def __init__(self, study: Study, **options: object) -> None:
        self.mode = "min" if study.direction == "minimize" else "max"
        self.options = options
        self.callbacks: dict[int, keras.callbacks.EarlyStopping] = {}
        self.epochs: dict[int, int] = {}

    def start(self, trial: int) -> None:
        callback = keras.callbacks.EarlyStopping(monitor="value", mode=self.mode, **self.options)
        callback.set_model(SimpleNamespace(stop_training=False))
        callback.on_train_begin()
        self.callbacks[trial], self.epochs[trial] = callback, 0

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        callback = self.callbacks[trial]
        callback.on_epoch_end(self.epochs[trial], {"value": value})
        self.epochs[trial] += 1
        return bool(callback.model.stop_training)

    def end(self, trial: int, how: str) -> None:
        del self.callbacks[trial]


def version() -> str:
    return f"keras {keras.__version__} ({keras.backend.backend()})"


CASES = [
    Case("keras-patience", Called),
    Case(
        "keras-patience",
        lambda s: Called(s, patience=3, min_delta=0.1),
        {"patience": 3, "min_delta": 0.1},
    ),
]
