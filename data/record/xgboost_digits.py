"""Record a random search of XGBoost on shifted digits with noisy labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import xgboost as xgb
from digits import noisy_digits
from record import Config, Continuous, Integer, Job, Metric, Say, record

SEED = 20261
NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


@dataclass(frozen=True)
class Matrices:
    """The two matrices of a trial."""

    train: xgb.DMatrix
    validation: xgb.DMatrix


def load() -> Matrices:
    """Load the digits of this job; the same in every trial."""
    digits = noisy_digits(train_images=1000, label_noise=0.15, seed=SEED)
    return Matrices(
        train=xgb.DMatrix(digits.x_train, digits.y_train, nthread=1),
        validation=xgb.DMatrix(digits.x_validation, digits.y_validation, nthread=1),
    )


def train(data: Matrices, config: Config, say: Say) -> None:
    """Boost once with the given configuration; XGBoost's own monitor writes the metric lines."""

    def info(text: str) -> None:
        say(f"[{datetime.now(UTC):%Y-%m-%d:%H:%M:%S}:INFO] {text}")

    info("Running standalone xgboost training.")
    for name, matrix in (("Train", data.train), ("Validation", data.validation)):
        info(f"{name} matrix has {matrix.num_row()} rows and {matrix.num_col()} columns")
    xgb.train(
        {key: value for key, value in config.items() if key != "num_round"},
        data.train,
        num_boost_round=int(config["num_round"]),
        evals=[(data.train, "train"), (data.validation, "validation")],
        verbose_eval=False,
        callbacks=[xgb.callback.EvaluationMonitor(logger=say)],
    )
    info("Training finished")


JOB = Job(
    name="xgboost-digits",
    folder="xgboost_digits",
    logs="streams",
    direction="Minimize",
    metrics=(
        Metric("validation:mlogloss", rf".*\[[0-9]+\].*#011validation-mlogloss:{NUMBER}.*"),
        Metric("train:mlogloss", rf".*\[[0-9]+\].*#011train-mlogloss:{NUMBER}.*"),
    ),
    step_regex=r"^\[([0-9]+)\]",
    ranges=(
        Continuous("eta", 0.005, 1.0, log=True),
        Integer("max_depth", 1, 10),
        Continuous("subsample", 0.3, 1.0),
        Continuous("colsample_bytree", 0.2, 1.0),
        Continuous("min_child_weight", 0.1, 20.0, log=True),
        Continuous("gamma", 0.0001, 2.0, log=True),
        Continuous("lambda", 0.001, 30.0, log=True),
        Continuous("alpha", 0.0001, 5.0, log=True),
    ),
    static={
        "objective": "multi:softprob",
        "num_class": "10",
        "eval_metric": "mlogloss",
        "tree_method": "hist",
        "num_round": "80",
        "nthread": "1",
        "seed": str(SEED),
    },
    trials=120,
    seed=SEED,
    load=load,
    train=train,
)

if __name__ == "__main__":
    record(JOB)
