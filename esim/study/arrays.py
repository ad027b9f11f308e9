"""Turns matrices and lists of curves into the contiguous columns of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from esim.errors import EsimError, plural

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

# glibc's malloc gives memory that is freed back to the system, which then hands it out again page
# by page: a third of the time of replaying a history went there (28.8 ns a report, 20.0 without).
# An array of 31 MiB that is freed, and never touched, lets it keep up to 62 MiB: see mallopt(3),
# M_MMAP_THRESHOLD.
np.empty(31 << 20, dtype=np.int8)


class ReportArrays(NamedTuple):
    """The reports of N trials, trial after trial, R reports in all.

    Attributes:
        offsets: int64 [N + 1], trial i has the reports ``offsets[i]:offsets[i + 1]``.
        steps: int64 [R].
        values: float64 [R], none of them NaN.
        elapsed: float64 [R], seconds since the trial's start; None if none are given.
    """

    offsets: Int64
    steps: Int64
    values: Float64
    elapsed: Float64 | None


def report_columns(values: Any, steps: Any, elapsed: Any) -> ReportArrays:
    """The arguments of `Study.from_arrays` as columns; entries that are NaN are no reports.

    Args:
        values: float [n_trials, n_steps], or a sequence of n_trials curves of any lengths.
        steps: the step of each column, [n_steps], or shaped like `values`; None numbers them from
            1.
        elapsed: seconds since each trial's start, shaped like `values`, or None.

    Raises:
        EsimError: the shapes do not fit.
    """
    curves = as_curves(values, "values")
    lengths = np.array([len(c) for c in curves], dtype=np.int64)
    column = flat(values, curves)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    if steps is None:
        flat_steps = np.arange(1, len(column) + 1, dtype=np.int64)
        flat_steps -= np.repeat(offsets[:-1], lengths)
    else:
        flat_steps = aligned(steps, lengths, "steps").astype(np.int64)
    flat_elapsed = None if elapsed is None else aligned(elapsed, lengths, "elapsed")
    present = ~np.isnan(column)
    if not present.all():
        offsets = np.concatenate(([0], np.cumsum(present)))[offsets]
        column, flat_steps = column[present], flat_steps[present]
        flat_elapsed = None if flat_elapsed is None else flat_elapsed[present]
    return ReportArrays(offsets.astype(np.int64), flat_steps, column, flat_elapsed)


def as_curves(values: Any, what: str) -> Sequence[NDArray[np.float64]]:
    """A matrix or a sequence of curves as one float64 array for each trial.

    Args:
        values: float [n_trials, n_steps], or a sequence of n_trials curves.
        what: the argument's name, for errors.

    Raises:
        EsimError: an array does not have two dimensions, or a curve does not have one.
    """
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.ndim != 2:
            raise EsimError(
                f"{what} must be [n_trials, n_steps] or a sequence of curves",
                why=f"it has {plural(values.ndim, 'dimension')}",
            )
        return list(values)
    curves = [np.asarray(curve, dtype=np.float64) for curve in values]
    for i, curve in enumerate(curves):
        if curve.ndim != 1:
            raise EsimError(f"{what}[{i}] must be one curve", why=f"its shape is {curve.shape}")
    return curves


def flat(values: Any, curves: Sequence[NDArray[np.float64]]) -> Float64:
    """A contiguous copy of all curves, one after the other.

    Args:
        values: the matrix or the sequence that `as_curves` was given.
        curves: what `as_curves` made of it.

    Returns:
        float64 [R].
    """
    if isinstance(values, np.ndarray) and values.dtype != object:
        return np.array(values, dtype=np.float64, order="C").reshape(-1)
    if not curves:
        return np.empty(0, dtype=np.float64)
    return np.concatenate([np.asarray(c, dtype=np.float64) for c in curves])


def aligned(column: Any, lengths: Int64, what: str) -> Float64:
    """A column that is given once per step, or shaped like the values, as one contiguous array.

    Args:
        column: [n_steps], or a matrix or sequence of curves shaped like the values.
        lengths: int64 [N], the entries of each trial, R in all.
        what: the argument's name, for errors.

    Returns:
        float64 [R].

    Raises:
        EsimError: its shape does not fit the lengths.
    """
    if len(column) == 0 or np.ndim(column[0]) == 0:
        row = np.asarray(column, dtype=np.float64)
        if len(lengths) and (lengths != len(row)).any():
            raise EsimError(f"{what} has {len(row)} entries, a trial has {int(lengths.max())}")
        return np.tile(row, len(lengths))
    curves = as_curves(column, what)
    if [len(c) for c in curves] != lengths.tolist():
        raise EsimError(f"{what} must be shaped like values")
    return flat(column, curves)


def if_any_known(column: Float64) -> Float64 | None:
    """The column; None if it holds no number."""
    return None if np.isnan(column).all() else column


def per_trial(column: ArrayLike | None, n: int) -> Float64:
    """A column with a value for each of n trials as float64 [n]; all NaN if it is not given."""
    if column is None:
        return np.full(n, np.nan)
    return np.array(column, dtype=np.float64)
