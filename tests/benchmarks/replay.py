"""How fast the replay is, as ratios: `python -m tests.benchmarks.replay > reports/benchmark.md`.

Every figure is a ratio to something timed in the same run on the same machine: a copy of the value
matrix, the literal rule in vectorised NumPy, the import of pandas.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

import esim
from esim.study import Study

DATA = Path(__file__).parent.parent.parent / "data"
MAIN = [sys.executable, "-c", "from esim.cli import main; main()"]


def fastest(run: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of several runs: the one least disturbed."""
    best = np.inf
    for _ in range(times):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return float(best)


def curves(kind: str, trials: int, steps: int) -> NDArray[np.float64]:
    """Made-up curves [trials, steps], to be minimized.

    mixed: power laws to floors far apart, most trials stop early; alike: power laws close together,
    a third of the steps survives; falling: always below every running average, half of the trials
    run to their end; walk: random walks.
    """
    rng = np.random.default_rng(1)
    step = np.arange(1, steps + 1)
    noise = rng.standard_normal((trials, steps))
    floor, scale, power = rng.uniform(0.1, 1, trials), rng.lognormal(0, 1, trials), None
    if kind == "mixed":
        power = rng.uniform(0.2, 1.5, trials)
        return floor[:, None] + scale[:, None] * step ** -power[:, None] + 0.02 * noise
    if kind == "alike":
        power, scale = rng.uniform(0.3, 0.8, trials), rng.lognormal(0, 0.3, trials)
        return 0.1 * floor[:, None] + scale[:, None] * step ** -power[:, None] + 0.01 * noise
    if kind == "falling":
        return -50.0 * step - np.cumsum(rng.uniform(size=noise.shape), axis=1) + 0.1 * noise[:, :1]
    return np.cumsum(noise, axis=1)


def literal_in_numpy(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The literal rule, minimizing, one trial after another, NumPy doing each step's median."""
    trials, steps = values.shape
    averages = np.cumsum(values, axis=1) / np.arange(1, steps + 1)
    kept = np.zeros(trials, dtype=np.int64)
    peers = np.full((trials, steps), np.nan)
    for i in range(trials):
        kept[i] = steps
        for e in range(steps if i else 0):
            column = peers[:i, e]
            there = column[~np.isnan(column)]
            if len(there) and values[i, e] > np.median(there):
                kept[i] = e + 1
                break
        peers[i, : kept[i]] = averages[i, : kept[i]]
    return kept


def orders_against_copy() -> None:
    print("## Many launch orders: `replay_orders`, 10,000 trials x 100 steps, per order\n")
    print("| curves | steps kept | ms an order | copies of the matrix | on 1 thread | ns a kept step |")
    print("|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for kind in ("mixed", "alike", "falling", "walk"):
        values = curves(kind, 10_000, 100)
        study = Study.from_arrays(values, direction="minimize")
        orders = np.stack([rng.permutation(10_000) for _ in range(20)])
        kept = esim.replay_orders(study, "sagemaker", orders)
        copy = fastest(lambda v=values: np.copy(v), 50)
        prepared = fastest(lambda s=study: esim.replay_orders(s, "sagemaker", orders[:0]), 5)
        seconds = {}
        for threads in (None, 1):
            run = lambda s=study, t=threads: esim.replay_orders(  # noqa: E731
                s, "sagemaker", orders, threads=t
            )
            # The ranking is shared by all orders: its share of 20 orders stays in the figure.
            seconds[threads] = fastest(run, 5) / len(orders)
        bare = seconds[1] - prepared / len(orders)
        print(
            f"| {kind} | {kept.mean() / 100:.0%} | {seconds[None] * 1e3:.2f} "
            f"| **{seconds[None] / copy:.1f}** | {seconds[1] / copy:.1f} "
            f"| {bare * 1e9 / kept.sum(axis=1).mean():.0f} |"
        )
    print(f"\nA copy of the 8 MB matrix takes {copy * 1e3:.2f} ms.\n")


def whole_replay() -> None:
    print("## One whole `esim.replay`, compiled\n")
    print("| trials x steps | seconds | times the first |\n|---|---|---|")
    first = None
    for trials in (10_000, 100_000):
        study = Study.from_arrays(curves("alike", trials, 100), direction="minimize")
        seconds = fastest(lambda s=study: esim.replay(s, clock="order"), 4)
        first = first or seconds
        print(f"| {trials:,} x 100 | {seconds:.3f} | {seconds / first:.1f} |")
    print()


def against_numpy() -> None:
    print("## Against the literal rule in vectorised NumPy, 2,000 trials x 50 steps\n")
    print("| curves | NumPy s | esim s (kernel, one order) | times faster | same stops |")
    print("|---|---|---|---|---|")
    for kind in ("mixed", "alike"):
        values = curves(kind, 2_000, 50)
        study = Study.from_arrays(values, direction="minimize")
        order = np.arange(2_000)[None]
        start = time.perf_counter()
        expected = literal_in_numpy(values)
        slow = time.perf_counter() - start
        actual = esim.replay_orders(study, "sagemaker", order)[0]
        fast = fastest(lambda s=study, o=order: esim.replay_orders(s, "sagemaker", o), 10)
        same = "yes" if np.array_equal(expected, actual) else "NO"
        print(f"| {kind} | {slow:.2f} | {fast:.4f} | **{slow / fast:,.0f}** | {same} |")
    print()


def memory() -> None:
    print("## Peak memory of a process that makes a study from a matrix and replays it\n")
    print("| trials x 100 | matrix MB | peak MB | beyond 6 matrices MB (at most 150) |")
    print("|---|---|---|---|")
    code = (
        "import sys, resource, numpy as np, esim\n"
        "v = np.cumsum(np.random.default_rng(0).standard_normal((int(sys.argv[1]), 100)), axis=1)\n"
        "esim.replay(esim.Study.from_arrays(v, direction='minimize'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    for trials in (10_000, 100_000):
        matrix = trials * 100 * 8 / 2**20
        out = subprocess.run(
            [sys.executable, "-c", code, str(trials)], capture_output=True, text=True, check=True
        )
        peak = float(out.stdout)
        print(f"| {trials:,} | {matrix:.0f} | {peak:.0f} | {peak - 6 * matrix:.0f} |")
    print()


def start_up() -> None:
    print("## Start-up: whole processes, against `python -c 'import pandas'`\n")
    print("| command | seconds | of pandas' import |\n|---|---|---|")
    logs = str(DATA / "xgboost_digits" / "sagemaker")

    def process(command: list[str], times: int, **environment: str) -> float:
        run = lambda: subprocess.run(  # noqa: E731
            command, capture_output=True, check=True, env={**os.environ, **environment}
        )
        return fastest(run, times)

    pandas = process([sys.executable, "-c", "import pandas"], 5)
    help_ = process([*MAIN, "--help"], 5)
    warm = process([*MAIN, "replay", logs], 5)
    with tempfile.TemporaryDirectory() as empty:
        cold = process([*MAIN, "replay", logs], 1, XDG_CACHE_HOME=empty)
    rows = (
        ("import pandas", pandas),
        ("esim --help", help_),
        ("esim replay, shipped data, warm", warm),
        ("esim replay, first run ever (empty kernel cache)", cold),
    )
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} | {seconds / pandas:.2f} |")
    print(f"\nThe first run takes {cold - warm:.1f} s more than a warm one.\n")


def main() -> None:
    """Print every table, in Markdown."""
    print("# Benchmark of the replay\n")
    print(
        f"`python -m tests.benchmarks.replay`; Python {platform.python_version()}, "
        f"NumPy {np.__version__}, numba {numba.__version__}, {os.cpu_count()} cores "
        f"({platform.machine()}), esim {esim.__version__}. Fastest of several runs.\n"
    )
    orders_against_copy()
    whole_replay()
    against_numpy()
    memory()
    start_up()


if __name__ == "__main__":
    main()
