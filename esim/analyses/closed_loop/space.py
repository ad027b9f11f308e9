"""The search space of a study, read off the configurations of its trials.

A position is a configuration as numbers, float64 [D]: a numeric hyperparameter runs from 0 at its
lowest recorded value to 1 at its highest, on the scale on which the recorded ones lie most evenly;
a categorical one is the number of its level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, clean
from esim.study import Float64, Study

MOST_LEVELS = 20
_WIDE = 10.0  # highest over lowest value from which a logarithmic scale is tried

Kind = Literal["float", "int", "category"]


@dataclass(frozen=True)
class Hyperparameter:
    """One dimension of the space.

    Attributes:
        name: as in the study's configuration.
        kind: "float", "int" or "category".
        low, high: the lowest and highest recorded value; 0 and the last level's number of a
            categorical one.
        log: whether its scale is logarithmic.
        levels: the values of a categorical one, as text, in order; else ().
    """

    name: str
    kind: Kind
    low: float
    high: float
    log: bool = False
    levels: tuple[str, ...] = ()

    def positions(self, values: Float64) -> Float64:
        """Where values stand; levels are their own positions."""
        if self.kind == "category":
            return values
        low, high = self._ends
        scaled = np.log(values) if self.log else values
        return np.asarray((scaled - low) / (high - low))

    def snapped(self, positions: Float64) -> Float64:
        """The nearest positions that a value of its kind can have."""
        if self.kind == "float":
            return np.clip(positions, 0.0, 1.0)
        if self.kind == "category":
            return np.clip(np.rint(positions), 0.0, self.high)
        low, high = self._ends
        scaled = low + np.clip(positions, 0.0, 1.0) * (high - low)
        values = np.rint(np.exp(scaled) if self.log else scaled)
        return self.positions(np.clip(values, self.low, self.high))

    @property
    def _ends(self) -> tuple[float, float]:
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)


@dataclass(frozen=True)
class Space:
    """The hyperparameters that vary.

    Attributes:
        dimensions: D of them, in the order of the study's configuration.
        constant: names of those that have one value in all trials.
        filled: name -> in how many trials it has no value; its median or most frequent level
            stands in there.
    """

    dimensions: tuple[Hyperparameter, ...]
    constant: tuple[str, ...] = ()
    filled: tuple[tuple[str, int], ...] = ()

    def snapped(self, position: Float64) -> Float64:
        """The nearest position that is a configuration. float64 [D]"""
        return np.concatenate(
            [d.snapped(position[i : i + 1]) for i, d in enumerate(self.dimensions)]
        )

    def drawn(self, rng: np.random.Generator, n: int) -> Float64:
        """Positions drawn evenly. float64 [n, D]"""
        columns = []
        for dimension in self.dimensions:
            if dimension.kind == "category":
                columns.append(rng.integers(len(dimension.levels), size=n).astype(np.float64))
            else:
                columns.append(dimension.snapped(rng.random(n)))
        return np.stack(columns, axis=1)

    def features(self, positions: Float64) -> NDArray[np.float32]:
        """Positions [..., D] as features [..., F]: a categorical one is a column for each level."""
        columns = []
        for at, dimension in enumerate(self.dimensions):
            column = positions[..., at]
            if dimension.kind == "category":
                columns += [column == level for level in range(len(dimension.levels))]
            else:
                columns.append(column)
        return np.stack(columns, axis=-1).astype(np.float32)


def space_of(study: Study, leave_out: Sequence[str] = ()) -> tuple[Space, Float64]:
    """The space of a study, and the positions of its trials, float64 [N, D].

    Numbers that stand as text count as numbers.

    Args:
        study: whose configurations are looked at.
        leave_out: hyperparameters that are no part of the space.

    Raises:
        EsimError: there is no configuration, none that varies, no such hyperparameter to leave out,
            one with more than 20 levels, or a value that is no finite number.

    >>> import esim
    >>> study = esim.Study.from_arrays(
    ...     [[1.0], [2.0], [3.0]], "minimize", config={"lr": [0.1, 0.01, 0.001], "seed": [7, 7, 7]}
    ... )
    >>> space, positions = space_of(study)
    >>> space.constant, space.dimensions[0].log, positions[:, 0].round(3).tolist()
    (('seed',), True, [1.0, 0.5, 0.0])
    """
    where = f"study {study.name!r}"
    if not study.config:
        raise EsimError(
            "the trials have no configurations",
            where=where,
            why="the closed loop learns how curves depend on hyperparameters",
            fix="logs with hyperparameters: config.* columns of a table of trials, or the job's "
            "descriptions (esim formats says where each format has them)",
        )
    unknown = [name for name in leave_out if name not in study.config]
    if unknown:
        known = ", ".join(clean(name) for name in study.config)
        raise EsimError(f"no hyperparameter {unknown[0]!r}", where=where, fix=f"one of: {known}")
    dimensions, columns, constant, filled = [], [], [], []
    for name, values in study.config.items():
        if name in leave_out:
            continue
        missing = sum(value is None for value in values)
        if len({repr(value) for value in values if value is not None}) < 2:
            constant.append(name)
            continue
        dimension, column = _dimension(name, values, where)
        if dimension.low == dimension.high:  # 1, 1.0 and "1"
            constant.append(name)
            continue
        dimensions.append(dimension)
        columns.append(dimension.positions(column))
        if missing:
            filled.append((name, missing))
    if not dimensions:
        raise EsimError(
            "no hyperparameter varies over the trials",
            where=where,
            why=", ".join(clean(name) for name in (constant or leave_out)) + " never changes",
            fix="a job that searched: one value tells nothing of the others",
        )
    space = Space(tuple(dimensions), tuple(constant), tuple(filled))
    return space, np.stack(columns, axis=1)


def _dimension(name: str, values: Sequence[Any], where: str) -> tuple[Hyperparameter, Float64]:
    """A hyperparameter and its value in each trial, or the number of its level."""
    known = [value for value in values if value is not None]
    numbers = _numbers(known)
    if numbers is None:
        return _category(name, values, known, where)
    if not np.isfinite(numbers).all():
        raise EsimError(f"hyperparameter {name!r} has a value that is not finite", where=where)
    low, high = float(numbers.min()), float(numbers.max())
    whole = bool((numbers == np.rint(numbers)).all())
    log = low > 0 and high / low >= _WIDE and _unevenness(np.log(numbers)) < _unevenness(numbers)
    middle = float(np.median(numbers))
    middle = float(np.rint(middle)) if whole else middle
    column = np.array([middle if v is None else float(v) for v in values], dtype=np.float64)
    return Hyperparameter(name, "int" if whole else "float", low, high, log), column


def _category(
    name: str, values: Sequence[Any], known: Sequence[Any], where: str
) -> tuple[Hyperparameter, Float64]:
    texts = [str(value) for value in known]
    levels = sorted(set(texts))
    if len(levels) > MOST_LEVELS:
        raise EsimError(
            f"hyperparameter {clean(name)!r} has {len(levels)} levels",
            where=where,
            why=f"of more than {MOST_LEVELS} levels each is seen by too few trials to learn what "
            "it does",
            fix=f"if it changes nothing (a name, a path), leave it out: --leave-out {clean(name)}",
        )
    usual = max(levels, key=texts.count)
    number = {level: i for i, level in enumerate(levels)}
    column = np.array([number[usual if v is None else str(v)] for v in values], dtype=np.float64)
    return Hyperparameter(name, "category", 0.0, len(levels) - 1.0, levels=tuple(levels)), column


def is_numeric(values: Sequence[Any]) -> bool:
    """Whether all of some values are numbers, or text that stands for some."""
    return _numbers(values) is not None


def _numbers(values: Sequence[Any]) -> Float64 | None:
    """The values as numbers; None if any is none, or is true or false."""
    if any(isinstance(value, bool) for value in values):
        return None
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _unevenness(values: Float64) -> float:
    """The largest distance between the values' distribution and an even one over their range."""
    ordered = np.sort(values)
    even = (ordered - ordered[0]) / (ordered[-1] - ordered[0])
    return float(np.abs(even - np.arange(len(even)) / (len(even) - 1)).max())
