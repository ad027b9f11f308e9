"""What a job's trials are run on: a problem gives each configuration its curve and its times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from esim.study import Float64, Int64, Status, Study


class Curve(NamedTuple):
    """One trial that runs to its end: r reports, and what its job takes."""

    steps: Int64  # [r]
    values: Float64  # [r] the objective
    elapsed: Float64 | None  # [r] seconds since its start; None: a step counts as a second
    seconds: float  # from the start of its job to the end; NaN if unknown
    instances: int  # machines
    billed: float  # seconds that were billed; NaN: those that are counted


class Problem(Protocol):
    """A configuration's curve, the same whenever it is asked for."""

    def run(self, position: Float64) -> tuple[Float64, Curve]:
        """Run a configuration to its end.

        Args:
            position: float64 [D], as the searcher proposes it.

        Returns:
            The position that was run, which may be another where only some can be, and its curve.
        """
        ...


def recorded_curve(study: Study, trial: int) -> Curve:
    """A trial of a study as it was recorded."""
    rows = slice(study.offsets[trial], study.offsets[trial + 1])
    return Curve(
        steps=study.steps[rows],
        values=study.values[rows],
        elapsed=None if study.elapsed is None else study.elapsed[rows],
        seconds=float(study.end[trial] - study.start[trial]),
        instances=int(study.instance_count[trial]),
        billed=float("nan") if study.billed is None else float(study.billed[trial]),
    )


def study_of(like: Study, curves: Sequence[Curve]) -> Study:
    """The study of a job whose trials ran as these curves, in launch order.

    Args:
        like: a study of the same problem, whose name, objective and direction it takes.
        curves: of each trial; all or none with report times.
    """
    n = len(curves)
    lengths = [len(curve.steps) for curve in curves]
    seconds = np.array([curve.seconds for curve in curves])
    elapsed = [curve.elapsed for curve in curves if curve.elapsed is not None]
    billed = np.array([curve.billed for curve in curves])
    return Study(
        name=like.name,
        objective=like.objective,
        direction=like.direction,
        trials=tuple(map(str, range(n))),
        offsets=np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        steps=np.concatenate([curve.steps for curve in curves]),
        values=np.concatenate([curve.values for curve in curves]),
        elapsed=np.concatenate(elapsed) if len(elapsed) == n else None,
        start=np.where(np.isnan(seconds), np.nan, 0.0),
        end=seconds,
        status=np.full(n, Status.COMPLETED, dtype=np.int8),
        censored=np.zeros(n, dtype=np.bool_),
        instance_type=(None,) * n,
        instance_count=np.array([curve.instances for curve in curves], dtype=np.int64),
        billed=None if np.isnan(billed).all() else billed,
        done_at_zero=like.done_at_zero,
    )
