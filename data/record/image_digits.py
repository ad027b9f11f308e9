"""Record a random search of a small convolutional network on shifted digits with noisy labels.

The scenario of SageMaker's early-stopping notebook: 20 jobs, 2 at a time, 10 epochs, and the lines
that its image classification prints. The network is numpy: two convolutions, one dense layer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from tempfile import TemporaryFile

import numpy as np
from digits import Digits, noisy_digits
from numpy.typing import NDArray
from record import Categorical, Config, Continuous, Integer, Job, Metric, Say, record

SEED = 20263
BATCHES_BETWEEN_LINES = 20
Array = NDArray[np.float32]


def load() -> Digits:
    """Load the digits of this job; the same in every trial."""
    return noisy_digits(train_images=200, label_noise=0.15, seed=SEED)


# --- the network -----------------------------------------------------------------------------


def patches(images: Array) -> Array:
    """Return every pixel's 3 x 3 surroundings, zeros outside: [n, h, w, c] to [n, h, w, 9 c]."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return windows.reshape(*images.shape[:3], -1)


def unpatched(gradient: Array) -> Array:
    """Return the gradient of `patches`: [n, h, w, 9 c] to [n, h, w, c]."""
    n, h, w, _ = gradient.shape
    parts = gradient.reshape(n, h, w, -1, 3, 3)
    padded = np.zeros((n, h + 2, w + 2, parts.shape[3]), np.float32)
    for down in range(3):
        for right in range(3):
            padded[:, down : down + h, right : right + w] += parts[..., down, right]
    return padded[:, 1:-1, 1:-1]


def pooled(images: Array) -> tuple[Array, Array]:
    """Return the largest of every 2 x 2 pixels, and where it stood (ties share the 1)."""
    n, h, w, c = images.shape
    blocks = images.reshape(n, h // 2, 2, w // 2, 2, c)
    largest = blocks.max(axis=(2, 4), keepdims=True)
    where = (blocks == largest).astype(np.float32)
    where /= where.sum(axis=(2, 4), keepdims=True)
    return largest.reshape(n, h // 2, w // 2, c), where


def unpooled(gradient: Array, where: Array) -> Array:
    """Return the gradient of `pooled`."""
    n, h, w, c = gradient.shape
    return (gradient.reshape(n, h, 1, w, 1, c) * where).reshape(n, 2 * h, 2 * w, c)


class Network:
    """8 x 8 pixels, 64 then 128 filters of 3 x 3, each with relu and 2 x 2 pooling, 10 classes."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw the weights: normal, scaled to each layer's inputs."""
        shapes = ((9, 64), (9 * 64, 128), (4 * 128, 10))
        self.weights: list[Array] = []
        for inputs, outputs in shapes:
            scale = np.sqrt(2 / inputs)
            self.weights.append((rng.normal(size=(inputs, outputs)) * scale).astype(np.float32))
            self.weights.append(np.zeros(outputs, np.float32))

    def scores(self, pixels: Array) -> tuple[Array, list[Array]]:
        """Return the classes' scores, [n, 10], and what `gradients` needs of the way there."""
        w1, b1, w2, b2, w3, b3 = self.weights
        columns1 = patches(pixels.reshape(-1, 8, 8, 1))
        images1, where1 = pooled(np.maximum(columns1 @ w1 + b1, 0))
        columns2 = patches(images1)
        images2, where2 = pooled(np.maximum(columns2 @ w2 + b2, 0))
        return images2.reshape(len(pixels), -1) @ w3 + b3, [
            columns1, images1, where1, columns2, images2, where2,
        ]  # fmt: skip

    def gradients(self, scores: Array, labels: NDArray[np.int64], way: list[Array]) -> list[Array]:
        """Return the gradient of the mean cross-entropy by each of the weights."""
        columns1, images1, where1, columns2, images2, where2 = way
        _, _, w2, _, w3, _ = self.weights
        n = len(labels)
        wrong = np.exp(scores - scores.max(axis=1, keepdims=True))
        wrong /= wrong.sum(axis=1, keepdims=True)
        wrong[np.arange(n), labels] -= 1
        wrong /= n
        # Where relu cut a block to 0, the largest is 0 and nothing flows back.
        back2 = unpooled((wrong @ w3.T).reshape(images2.shape) * (images2 > 0), where2)
        back1 = unpooled(unpatched(back2 @ w2.T) * (images1 > 0), where1)
        flat = [a.reshape(-1, a.shape[-1]) for a in (columns1, back1, columns2, back2)]
        return [
            flat[0].T @ flat[1],
            flat[1].sum(axis=0),
            flat[2].T @ flat[3],
            flat[3].sum(axis=0),
            images2.reshape(n, -1).T @ wrong,
            wrong.sum(axis=0),
        ]


def optimizer(config: Config) -> Callable[[list[Array], list[Array]], None]:
    """Return what changes the weights in place, given their gradients.

    Weight decay is added to the gradient; momentum is heeded by sgd and nag, the other constants
    are those that SageMaker's algorithm has by default.
    """
    rate, decay = float(config["learning_rate"]), float(config["weight_decay"])
    momentum = float(config["momentum"])
    beta_1, beta_2, gamma, eps = (float(config[n]) for n in ("beta_1", "beta_2", "gamma", "eps"))
    first: list[Array] = []
    second: list[Array] = []
    updates = 0

    def update(weights: list[Array], gradients: list[Array]) -> None:
        nonlocal updates
        updates += 1
        if updates == 1:
            first.extend(np.zeros_like(w) for w in weights)
            second.extend(np.zeros_like(w) for w in weights)
        for w, raw, m, v in zip(weights, gradients, first, second, strict=True):
            g = raw + decay * w
            match config["optimizer"]:
                case "sgd":
                    m[:] = momentum * m + g
                    w -= rate * m
                case "nag":
                    m[:] = momentum * m + g
                    w -= rate * (g + momentum * m)
                case "adam":
                    m[:] = beta_1 * m + (1 - beta_1) * g
                    v[:] = beta_2 * v + (1 - beta_2) * g * g
                    step = rate * np.sqrt(1 - beta_2**updates) / (1 - beta_1**updates)
                    w -= step * m / (np.sqrt(v) + eps)
                case "rmsprop":
                    v[:] = gamma * v + (1 - gamma) * g * g
                    w -= rate * g / np.sqrt(v + eps)
            # Dead filters decay without end; numbers near the smallest float32 are slow to use.
            for numbers in (w, m, v):
                numbers[np.abs(numbers) < 1e-30] = 0

    return update


# --- a trial ---------------------------------------------------------------------------------


def right(scores: Array, labels: NDArray[np.int64], top: int = 1) -> int:
    """Return how many labels are among their row's `top` highest scores."""
    return int((np.argsort(-scores, axis=1)[:, :top] == labels[:, None]).sum())


def train(data: Digits, config: Config, say: Say) -> None:
    """Train with the given configuration, in the lines of SageMaker's image classification."""

    def info(text: str) -> None:
        say(f"[{datetime.now(UTC):%m/%d/%Y %H:%M:%S} INFO {threading.get_ident()}] {text}")

    info("---- Parameters ----")
    for name, value in config.items():
        info(f"{name}: {value}")
    info("--------------------")
    rng = np.random.default_rng(int(config["seed"]))
    network, update = Network(rng), optimizer(config)
    x, x_validation = data.x_train.astype(np.float32), data.x_validation.astype(np.float32)
    size, top = int(config["mini_batch_size"]), int(config["top_k"])
    best = -1.0
    # Too high a learning rate may make the weights overflow: such a job goes on and guesses.
    with np.errstate(over="ignore", invalid="ignore"), TemporaryFile() as model:
        for epoch in range(int(config["epochs"])):
            begin = mark = time.monotonic()
            order = rng.permutation(len(x))
            seen = hits = top_hits = 0
            for number, start in enumerate(range(0, len(x) - size + 1, size)):
                batch = order[start : start + size]
                scores, way = network.scores(x[batch])
                update(network.weights, network.gradients(scores, data.y_train[batch], way))
                seen += size
                hits += right(scores, data.y_train[batch])
                top_hits += right(scores, data.y_train[batch], top)
                if number and number % BATCHES_BETWEEN_LINES == 0:
                    speed = BATCHES_BETWEEN_LINES * size / (time.monotonic() - mark)
                    mark = time.monotonic()
                    info(
                        f"Epoch[{epoch}] Batch [{number}]\tSpeed: {speed:.3f} samples/sec"
                        f"\taccuracy={hits / seen:.6f}\ttop_k_accuracy_{top}={top_hits / seen:.6f}"
                    )
            info(f"Epoch[{epoch}] Train-accuracy={hits / seen:.6f}")
            info(f"Epoch[{epoch}] Train-top_k_accuracy_{top}={top_hits / seen:.6f}")
            info(f"Epoch[{epoch}] Time cost={time.monotonic() - begin:.3f}")
            scores, _ = network.scores(x_validation)
            accuracy = right(scores, data.y_validation) / len(x_validation)
            info(f"Epoch[{epoch}] Validation-accuracy={accuracy:.6f}")
            if accuracy > best:
                best = accuracy
                info(f"Storing the best model with validation accuracy: {accuracy:.6f}")
                model.seek(0)
                np.savez(model, *network.weights)


JOB = Job(
    name="image-digits",
    folder="image_digits",
    logs="streams",
    direction="Maximize",
    metrics=(Metric("validation:accuracy", r"Epoch\[[0-9]+\] Validation-accuracy=([0-9\.]+)"),),
    step_regex=r" Epoch\[([0-9]+)\] ",
    ranges=(
        Continuous("learning_rate", 0.00001, 1.0, log=True),
        Integer("mini_batch_size", 16, 64),
        Categorical("optimizer", ("sgd", "adam", "rmsprop", "nag")),
        Continuous("momentum", 0.0, 0.999),
        Continuous("weight_decay", 0.00001, 0.1, log=True),
    ),
    static={
        "epochs": "10",
        "image_shape": "1,8,8",
        "num_classes": "10",
        "num_training_samples": "1800",
        "precision_dtype": "float32",
        "top_k": "2",
        "beta_1": "0.9",
        "beta_2": "0.999",
        "gamma": "0.9",
        "eps": "1e-08",
        "seed": str(SEED),
    },
    trials=20,
    seed=SEED,
    load=load,
    train=train,
    slots=2,
    table=False,
)

if __name__ == "__main__":
    record(JOB)
