"""Programs to record with their truth: what each printed, told by its own callbacks and histories.

A recording's function trains, and returns the curves that a reader should find in what it printed:
at full precision, and never taken from the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Curves = list[dict[str, Any]]


@dataclass(frozen=True)
class Recording:
    """One program: what it needs, and how it is started where that is not `python FILE`."""

    run: Callable[[], Curves | None]
    packages: tuple[str, ...] = ()
    # What stands between the interpreter and the file: `-m torch.distributed.run ...`.
    launch: tuple[str, ...] = ()
    # What stands before the interpreter: `mpirun -np 2`.
    before: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def curve(
    objective: str,
    steps: Iterable[float] | None,
    values: Iterable[Any],
    decimals: int | None,
    to_note: str,
    direction: str = "minimize",
    **more: Any,
) -> dict[str, Any]:
    """One curve; `decimals` is None where the text has significant digits (then `significant`)."""
    return {
        "objective": objective,
        "direction": direction,
        "steps": None if steps is None else [_plain(s) for s in steps],
        "values": [float(v) for v in values],
        "decimals": decimals,
        **more,
        "to_note": to_note,
    }


def _plain(step: Any) -> int | float:
    return int(step) if float(step).is_integer() else float(step)


def data(n: int = 400) -> tuple[Any, Any]:
    """Rows of four numbers and noisy labels of two classes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 + rng.normal(size=n) > 1).astype(np.int64)
    return x, y


class Net:
    """A small network in numpy, stepped so far that its validation loss goes up and down."""

    def __init__(self, seed: int = 0, rate: float = 1.5, batches: int = 6) -> None:
        x, y = data(240)
        rng = np.random.default_rng(seed)
        self.x, self.y, self.vx, self.vy = x[:120], y[:120], x[120:], y[120:]
        self.w, self.v = rng.normal(size=(4, 16)), rng.normal(size=16) * 0.3
        self.rate, self.batches, self.rng = rate, batches, rng

    def _forward(self, x: Any) -> tuple[Any, Any]:
        hidden = np.tanh(x @ self.w)
        return hidden, 1 / (1 + np.exp(-(hidden @ self.v)))

    @staticmethod
    def _loss(p: Any, y: Any) -> float:
        return float(-np.mean(np.log(np.where(y == 1, p, 1 - p) + 1e-9)))

    def epoch(self) -> Iterator[float]:
        """The loss of each batch, before its step."""
        for rows in np.array_split(self.rng.permutation(len(self.x)), self.batches):
            x, y = self.x[rows], self.y[rows]
            hidden, p = self._forward(x)
            error = (p - y) / len(y)
            back = np.outer(error, self.v) * (1 - hidden**2)
            self.v -= self.rate * hidden.T @ error
            self.w -= self.rate * x.T @ back
            yield self._loss(p, y)

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation rows."""
        _, p = self._forward(self.vx)
        return self._loss(p, self.vy), float(np.mean((p > 0.5) == self.vy))
