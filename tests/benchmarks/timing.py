"""What the benchmarks time with, and what they say of the machine."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable

import numpy as np

import esim

TURN = 0.02  # seconds: a shorter run is repeated this long in its turn


def in_turn(*runs: Callable[[], object], times: int) -> list[float]:
    """Seconds of the fastest run of each, taken in turn, A B A B: other load meets all alike."""
    best = [float("inf")] * len(runs)
    for _ in range(times):
        for i, run in enumerate(runs):
            gc.collect()  # or a run is charged for what the one before it left
            spent = 0.0
            while spent < TURN:
                start = time.perf_counter()
                run()
                took = time.perf_counter() - start
                best[i], spent = min(best[i], took), spent + took
    return best


def fastest(run: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of several runs: the one least disturbed."""
    return in_turn(run, times=times)[0]


def machine(*packages: str) -> str:
    """Versions, cores and how busy they are, for the head of a page."""
    versions = "".join(f"{name} {importlib.metadata.version(name)}, " for name in packages)
    return (
        f"Python {platform.python_version()}, NumPy {np.__version__}, {versions}"
        f"{os.cpu_count()} cores ({platform.machine()}), esim {esim.__version__}, "
        f"load average {load()}"
    )


def load() -> str:
    """The load averages of 1, 5 and 15 minutes."""
    return " / ".join(f"{one:.1f}" for one in os.getloadavg())
