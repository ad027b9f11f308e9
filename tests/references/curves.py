"""Made-up learning curves for comparing rules: plain, tied, with NaN values, with missing steps."""

from __future__ import annotations

import numpy as np

from esim.study import Direction, Study

KINDS = ("plain", "tied", "nan", "missing")


def curves(
    kind: str, direction: Direction, trials: int, steps: int, seed: int, *, times: bool = False
) -> Study:
    """Hyperbolas to floors far apart, noisy. NaN values stay, as reports without a number.

    Only sums, products and quotients of uniform numbers: the same bits on every machine.
    """
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    step = np.arange(1, steps + 1)
    floor, scale, rate = rng.random(trials), 3.0 * rng.random(trials), 2.0 * rng.random(trials)
    values = floor[:, None] + scale[:, None] / (1.0 + rate[:, None] * step)
    values += 0.15 * (rng.random(values.shape) - 0.5)
    if kind == "tied":
        values = np.round(values, 1)
    if kind == "nan":
        values[rng.random(values.shape) < 0.05] = np.nan
        values[rng.random(trials) < 0.05, 0] = np.nan
    if direction == "maximize":
        values = 2.0 - values
    keep = np.ones(values.shape, dtype=bool)
    if kind == "missing":
        keep = rng.random(values.shape) > 0.1
        keep[rng.random(trials) < 0.2, : min(5, steps - 1)] = False
        lengths = rng.integers(1, steps + 1, trials)
        keep &= (step <= lengths[:, None]) | (rng.random(trials) < 0.7)[:, None]
        keep[~keep.any(axis=1), 0] = True
    offsets = np.concatenate(([0], np.cumsum(keep.sum(axis=1)))).astype(np.int64)
    rows, at = np.nonzero(keep)
    pace = rng.uniform(0.5, 40.0, trials)
    study = Study(
        name="study",
        objective="loss",
        direction=direction,
        trials=tuple(f"t{i}" for i in range(trials)),
        offsets=offsets,
        steps=step[at].astype(np.int64),
        values=np.ascontiguousarray(values[keep]),
        elapsed=pace[rows] * step[at] if times else None,
        start=np.full(trials, np.nan),
        end=np.full(trials, np.nan),
        status=np.ones(trials, dtype=np.int8),
        censored=np.zeros(trials, dtype=np.bool_),
        instance_type=(None,) * trials,
        instance_count=np.ones(trials, dtype=np.int64),
    )
    study.validate()
    return study
