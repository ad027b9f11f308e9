"""Matrices and lists of curves as the contiguous columns of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from esim.errors import EsimError

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


def as_curves(values: Any, what: str) -> Sequence[NDArray[np.float64]]:
    """A matrix or a sequence of curves as one float64 array a trial.

    Raises:
        EsimError: `what`, the argument's name, is no matrix, or one of its curves is no curve.
    """
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.ndim != 2:
            raise EsimError(
                f"{what} must be [n_trials, n_steps] or a sequence of curves",
                why=f"it has {values.ndim} dimension(s)",
            )
        return list(values)
    curves = [np.asarray(curve, dtype=np.float64) for curve in values]
    for i, curve in enumerate(curves):
        if curve.ndim != 1:
            raise EsimError(f"{what}[{i}] must be one curve", why=f"its shape is {curve.shape}")
    return curves


def flat(values: Any, curves: Sequence[NDArray[np.float64]]) -> Float64:
    """A contiguous copy of all curves, one after the other. float64 [R]"""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return np.array(values, dtype=np.float64, order="C").reshape(-1)
    if not curves:
        return np.empty(0, dtype=np.float64)
    return np.concatenate([np.asarray(c, dtype=np.float64) for c in curves])


def aligned(column: Any, lengths: Int64, what: str) -> Float64:
    """A column given per step, or shaped like the values, as one contiguous float64 [R]."""
    if len(column) == 0 or np.ndim(column[0]) == 0:
        row = np.asarray(column, dtype=np.float64)
        if len(lengths) and (lengths != len(row)).any():
            raise EsimError(f"{what} has {len(row)} entries, a trial has {int(lengths.max())}")
        return np.tile(row, len(lengths))
    curves = as_curves(column, what)
    if [len(c) for c in curves] != lengths.tolist():
        raise EsimError(f"{what} must be shaped like values")
    return flat(column, curves)


def per_trial(column: ArrayLike | None, n: int) -> Float64:
    """A column with a value for each of n trials, float64 [n]; NaN where none is given."""
    if column is None:
        return np.full(n, np.nan)
    return np.array(column, dtype=np.float64)
