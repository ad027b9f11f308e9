"""Record a random search of scikit-learn's MLPClassifier on shifted digits with noisy labels."""

from __future__ import annotations

import time

import numpy as np
from digits import Digits, noisy_digits
from record import Categorical, Config, Continuous, Integer, Job, Metric, Say, record
from sklearn.neural_network import MLPClassifier

SEED = 20262


def load() -> Digits:
    """Load the digits of this job; the same in every trial."""
    return noisy_digits(train_images=600, label_noise=0.15, seed=SEED)


def train(data: Digits, config: Config, say: Say) -> None:
    """Train with the given configuration, one pass and one line per epoch."""
    begin = time.monotonic()
    say(f"train: {len(data.x_train)} images, validation: {len(data.x_validation)} images")
    model = MLPClassifier(
        hidden_layer_sizes=[int(size) for size in config["hidden_layer_sizes"].split("-")],
        activation=config["activation"],
        solver=config["solver"],
        learning_rate_init=float(config["learning_rate_init"]),
        alpha=float(config["alpha"]),
        batch_size=int(config["batch_size"]),
        momentum=float(config["momentum"]),
        random_state=int(config["seed"]),
    )
    classes = np.arange(10)
    for epoch in range(1, int(config["epochs"]) + 1):
        model.partial_fit(data.x_train, data.y_train, classes=classes)
        accuracy = model.score(data.x_validation, data.y_validation)
        say(f"epoch={epoch} train_loss={model.loss_:.6f} val_accuracy={accuracy:.6f}")
    say(f"finished after {time.monotonic() - begin:.2f} s")


JOB = Job(
    name="mlp-digits",
    folder="mlp_digits",
    logs="s3-export",
    direction="Maximize",
    metrics=(
        Metric("validation:accuracy", r"val_accuracy=([0-9\.]+)"),
        Metric("train:loss", r"train_loss=([0-9\.]+)"),
    ),
    step_regex=r"^epoch=([0-9]+) ",
    ranges=(
        Continuous("learning_rate_init", 0.0003, 0.3, log=True),
        Categorical("hidden_layer_sizes", ("16", "32", "64", "128", "256", "32-32", "128-64")),
        Continuous("alpha", 0.00001, 1.0, log=True),
        Integer("batch_size", 8, 160),
        Continuous("momentum", 0.0, 0.95),
        Categorical("solver", ("sgd", "adam")),
        Categorical("activation", ("relu", "tanh")),
    ),
    static={"epochs": "40", "seed": str(SEED)},
    trials=160,
    seed=SEED,
    load=load,
    train=train,
)

if __name__ == "__main__":
    record(JOB)
