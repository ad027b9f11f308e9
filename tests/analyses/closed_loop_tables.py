"""Recorded trials as a problem, and searchers that a test can follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from esim.analyses.closed_loop.problem import Curve, recorded_curve
from esim.study import Float64, Study


class Table:
    """A problem that is a table: position [k] is the k-th recorded trial."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def run(self, position: Float64) -> tuple[Float64, Curve]:
        return position, recorded_curve(self.study, int(position[0]))


class Following:
    """A searcher that asks for the rows that a function chooses, and writes down what it sees."""

    def __init__(self, choose: Callable[[Sequence[tuple[str, int, float]]], int]) -> None:
        self.choose = choose
        self.seen: list[tuple[str, int, float]] = []
        self.asked: list[int] = []

    def ask(self) -> Float64:
        self.asked.append(self.choose(self.seen))
        return np.array([float(self.asked[-1])])

    def started(self, trial: int, position: Float64) -> None:
        self.seen.append(("ask", trial, position[0]))

    def tell(self, trial: int, value: float) -> None:
        self.seen.append(("tell", trial, value))

    def drop(self, trial: int) -> None:
        self.seen.append(("drop", trial, 0.0))


def in_recorded_order(seen: Sequence[tuple[str, int, float]]) -> int:
    """The next row of the table."""
    return sum(what == "ask" for what, _, _ in seen)


def by_what_was_told(rows: int) -> Callable[[Sequence[tuple[str, int, float]]], int]:
    """A row that depends on every value told so far, their order and their trials."""

    def choose(seen: Sequence[tuple[str, int, float]]) -> int:
        mixed = 7
        for what, trial, value in seen:
            if what == "tell":
                mixed = (31 * mixed + 1009 * trial + round(1e6 * value)) % 1_000_003
            else:
                mixed = (17 * mixed + trial) % 1_000_003
        return mixed % rows

    return choose
