"""Budgets and epochs that may be fractions, as whole steps."""

from __future__ import annotations

import numpy as np

from esim.errors import EsimError
from esim.study import Float64, Int64, Note


def whole_steps(numbers: Float64, what: str, where: str) -> tuple[Int64, list[Note]]:
    """Budgets or epochs, which may be fractions, as whole steps, and a note on their unit.

    Whole numbers stay as they are. Otherwise the step is the smallest number divided by the least
    integer that makes all numbers multiples of it: budgets 8/3, 16/3 and 8 are steps 1, 2 and 3.

    Args:
        numbers: float64 [R].
        what: the column, for the note and for errors.
        where: the input, for errors.

    Returns:
        int64 [R], and the note, if there is one.

    Raises:
        EsimError: a number is negative, not finite, or at least 2**53, or they are not multiples of
            any such unit.
    """
    if numbers.size == 0:
        return np.empty(0, dtype=np.int64), []
    if not np.isfinite(numbers).all() or numbers.min() < 0 or numbers.max() >= 2**53:
        wrong = numbers[~(np.isfinite(numbers) & (numbers >= 0) & (numbers < 2**53))][0]
        raise EsimError(f"{what} {wrong:g} is not a step", where=where)
    if (numbers == np.floor(numbers)).all():
        return numbers.astype(np.int64), []
    distinct = np.unique(numbers)
    smallest = distinct[distinct > 0][0]
    for parts in range(1, 1001):
        multiples = distinct / (smallest / parts)
        if np.allclose(multiples, np.rint(multiples), rtol=1e-9, atol=1e-6):
            steps = np.rint(numbers / (smallest / parts)).astype(np.int64)
            text = f"{what} is no whole number: a step is {smallest / parts:.6g} of it"
            return steps, [Note("step_unit", text)]
    raise EsimError(
        f"{what} cannot be counted in whole steps",
        where=where,
        why="values such as " + ", ".join(f"{x:g}" for x in distinct[:4]),
        fix="name another step column: --step",
    )
