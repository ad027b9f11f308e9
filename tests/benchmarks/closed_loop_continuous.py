"""The closed loop where every configuration can run: softmax regression, trained when asked for.

`python -m tests.benchmarks.closed_loop_continuous KEPT` keeps cells like those of
tests/benchmarks/closed_loop.py, of a search of six hyperparameters of softmax regression on
scikit-learn's digits. Neither the true jobs nor the futures are bound to the points of a table.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import esim
from esim.analyses.closed_loop.drawn_futures import Drawn
from esim.analyses.closed_loop.futures import Budget, play_future
from esim.analyses.closed_loop.learn import learned
from esim.analyses.closed_loop.loop import play
from esim.analyses.closed_loop.problem import Curve
from esim.analyses.closed_loop.record_covered import recorded_best
from esim.analyses.closed_loop.searchers import searcher
from esim.analyses.closed_loop.space import Hyperparameter, Space
from esim.analyses.closed_loop.spreads import best_to_median
from esim.errors import EsimError
from esim.study import Float64, Study
from esim.study.times import last_values
from tests.benchmarks.closed_loop import (
    ARMS,
    BEYOND,
    FUTURES,
    LOGS,
    TRUTHS,
    WORKERS,
    terms,
    told,
)

NAME = "trained when asked for"
EPOCHS = 15
SPACE = Space(
    (
        Hyperparameter("rate", "float", 1e-3, 10.0, log=True),
        Hyperparameter("l2", "float", 1e-6, 1.0, log=True),
        Hyperparameter("momentum", "float", 0.0, 0.99),
        Hyperparameter("batch", "int", 32.0, 512.0, log=True),
        Hyperparameter("decay", "float", 0.5, 1.0),
        Hyperparameter("smoothing", "float", 0.0, 0.9),
    )
)
LIKE = Study.from_arrays([[1.0]], "minimize", name=NAME, objective="error")


class Digits:
    """The problem: a position is trained, and gives the validation loss after each epoch."""

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(x))
        self.x, self.y = x[order] / 16.0, np.eye(10)[y[order]]
        self.ran: dict[bytes, Curve] = {}

    def run(self, position: Float64) -> tuple[Float64, Curve]:
        """See `esim.analyses.closed_loop.problem.Problem`."""
        key = position.tobytes()
        if key not in self.ran:
            self.ran[key] = Curve(
                np.arange(1, EPOCHS + 1), self._losses(*values_of(position)), None, math.nan, 1,
                math.nan,
            )  # fmt: skip
        return position, self.ran[key]

    def _losses(
        self, rate: float, l2: float, momentum: float, batch: float, decay: float, smoothing: float
    ) -> Float64:
        train, rng = 800, np.random.default_rng(1)
        target = (1 - smoothing) * self.y + smoothing / 10
        w, v = np.zeros((64, 10)), np.zeros((64, 10))
        losses = []
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for epoch in range(EPOCHS):
                order = rng.permutation(train)
                for at in range(0, train, int(batch)):
                    rows = order[at : at + int(batch)]
                    slope = self.x[rows].T @ (_softmax(self.x[rows] @ w) - target[rows])
                    v = momentum * v - rate * decay**epoch * (slope / len(rows) + l2 * w)
                    w = w + v
                shown = _softmax(self.x[train:] @ w)
                losses.append(-np.log(np.maximum(shown[self.y[train:] == 1], 1e-12)).mean())
        return np.array(losses)


def _softmax(scores: Float64) -> Float64:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Float64 = powers / powers.sum(axis=1, keepdims=True)
    return found


def values_of(position: Float64) -> list[float]:
    """The hyperparameters' values at a position."""
    found = []
    for dimension, at in zip(SPACE.dimensions, position.tolist(), strict=True):
        low, high = dimension.low, dimension.high
        value = low * (high / low) ** at if dimension.log else low + at * (high - low)
        found.append(round(value) if dimension.kind == "int" else value)
    return found


def log_of(digits: Digits, search: str, n: int, seed: int) -> Study:
    """The log of a job without a rule."""
    with threadpool_limits(1):
        went = play(
            digits, searcher(search, SPACE, seed, WORKERS), esim.rule("none"), terms(), LIKE,
            lambda launched, now, run, study: launched < n,
        )  # fmt: skip
    columns = zip(*map(values_of, went.positions), strict=True)
    names = [dimension.name for dimension in SPACE.dimensions]
    config = {name: list(column) for name, column in zip(names, columns, strict=True)}
    return dataclasses.replace(went.study, config=config)


def cell(search: str, n: int) -> dict[str, Any]:
    """The truth, and what the closed loop says from each log."""
    digits, arms, budget = Digits(), tuple(ARMS.values()), Budget("trials", n, BEYOND)
    truth = []
    for seed in range(TRUTHS[n]):
        with threadpool_limits(1):
            without, sides = play_future(
                lambda: digits,
                lambda seed=seed: searcher(search, SPACE, seed, WORKERS),  # type: ignore[misc]
                arms, terms(), LIKE, budget,
            )  # fmt: skip
        truth.append(told(without, sides, 1.0))
    logs: list[dict[str, Any]] = []
    finals = []
    for seed in range(TRUTHS[n]):
        study = log_of(digits, search, n, seed)
        finals.append(last_values(study))
        if sum(one["refused"] is None for one in logs) < LOGS[n]:
            logs.append(one_log(study, search, n, budget))
    return {
        "table": NAME, "searcher": search, "n": n, "truth": truth, "logs": logs,
        "scale": float(np.mean([best_to_median(its, 1.0) for its in finals])),
    }  # fmt: skip


def one_log(study: Study, search: str, n: int, budget: Budget) -> dict[str, Any]:
    """What the closed loop says of each rule from a log, in the space that the log shows."""
    try:
        surrogate, quality = learned([study], (), 0)
    except EsimError as error:
        return {"refused": str(error)}
    drawn = Drawn(surrogate, tuple(ARMS.values()), terms(), budget, 0)
    played = [drawn.future((search, number)) for number in range(FUTURES[n])]
    record = recorded_best(last_values(study), [without.finals for without, _ in played], 1.0)
    return {
        "refused": None, "covered": record.covered, "rank_correlation": quality.rank_correlation,
        "futures": [told(without, sides, 1.0) for without, sides in played],
    }  # fmt: skip


def main(kept: Path, *cells: str) -> None:
    """Keep cells, each named such as tpe-30."""
    for name in cells or ("random-30", "tpe-30", "tpe-100"):
        search, n = name.split("-")
        place = kept / f"continuous-{name}.json"
        if not place.exists():
            place.write_text(json.dumps(cell(search, int(n))), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
