"""Compiles every kernel for every combination of types it is called with, before it is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from esim.errors import EsimError
from esim.rules import PRESETS
from esim.simulator.kernels import jit
from esim.simulator.plan.build import prepare
from esim.simulator.replay import replay, replay_orders
from esim.study import Study


def warm_up() -> Path:
    """Compile every kernel by replaying small studies under every rule and clock.

    Returns:
        The folder in which the compiled kernels are kept.

    Raises:
        EsimError: they cannot be kept in any folder.
    """
    rng = np.random.default_rng(0)
    values = rng.standard_normal((6, 5))
    aligned = Study.from_arrays(values, "minimize", elapsed=np.arange(1.0, 6.0))
    # Each trial has steps that no other has, so that peers are looked up one by one.
    steps = 1000 * np.sort(rng.choice(200, size=(6, 5), replace=False), axis=1)
    apart = Study.from_arrays(values, "maximize", elapsed=np.arange(1.0, 6.0), steps=steps)
    holed = np.where(rng.uniform(size=values.shape) < 0.2, np.nan, values)
    # Columns of more than 4,096 values are ranked as numbers of 64 bits, not of 32.
    prepare(Study.from_arrays(rng.standard_normal((5000, 1)), "minimize"), PRESETS["sagemaker"])
    _kept_in()  # fails here if nothing can be kept, before the time for compiling is spent
    for study in (aligned, apart, Study.from_arrays(holed, "minimize")):
        for rule in PRESETS.values():
            replay_orders(study, rule, np.arange(6)[None])
            # In many launch orders on slots, reports are judged together where they can be.
            replay_orders(study, rule, np.tile(np.arange(6), (9, 1)), workers=2)
            _ = replay(study, rule, workers=2).decisions
    return _kept_in()


def _kept_in() -> Path:
    """The folder that keeps compiled kernels. Raises EsimError if there is none."""
    try:
        return jit.kept_in()
    except OSError as error:
        raise EsimError(
            "what is compiled cannot be kept: each process compiles it anew",
            where=error.filename,
            why=error.strerror or str(error),
            fix="set NUMBA_CACHE_DIR to a folder that can be written",
        ) from error
