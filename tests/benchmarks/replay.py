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
from functools import partial
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


def literal_in_numpy(values: NDArray[np.float64], *, lazy: bool) -> NDArray[np.int64]:
    """The literal rule, minimizing, one trial after another, NumPy taking the medians.

    lazy: step by step, only while the trial runs; else over all steps at once.
    """
    trials, steps = values.shape
    averages = np.cumsum(values, axis=1) / np.arange(1, steps + 1)
    kept = np.full(trials, steps, dtype=np.int64)
    peers = np.full((trials, steps), np.nan)
    peers[0] = averages[0]
    for i in range(1, trials):
        if lazy:
            for e in range(steps):
                column = peers[:i, e]
                if values[i, e] > np.median(column[~np.isnan(column)]):
                    kept[i] = e + 1
                    break
        else:
            worse = values[i] > np.nanmedian(peers[:i], axis=0)
            if worse.any():
                kept[i] = worse.argmax() + 1
        peers[i, : kept[i]] = averages[i, : kept[i]]
    return kept


def orders_against_copy() -> None:
    print("## Many launch orders: `replay_orders`, 10,000 trials x 100 steps, 100 orders\n")
    print("Ranking the study, once for all orders, is in the figures.\n")
    print("| curves | steps kept | ms an order | copies of the matrix | copies, 1 thread |")
    print("|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    orders = np.stack([rng.permutation(10_000) for _ in range(100)])
    for kind in ("mixed", "alike", "falling", "walk"):
        values = curves(kind, 10_000, 100)
        study = Study.from_arrays(values, direction="minimize")
        replay = partial(esim.replay_orders, study, "sagemaker", orders)
        kept = replay()
        copy = fastest(partial(np.copy, values), 50)
        both = fastest(replay, 4) / len(orders)
        alone = fastest(partial(replay, threads=1), 2) / len(orders)
        print(
            f"| {kind} | {kept.mean() / 100:.0%} | {both * 1e3:.2f} "
            f"| **{both / copy:.1f}** | {alone / copy:.1f} |"
        )
    print(f"\nA copy of the 8 MB matrix takes {copy * 1e3:.2f} ms.\n")


def whole_replay() -> None:
    print("## One whole `esim.replay`, compiled\n")
    print("| trials x steps | seconds | times the first |\n|---|---|---|")
    first = None
    for trials in (10_000, 100_000):
        study = Study.from_arrays(curves("alike", trials, 100), direction="minimize")
        seconds = fastest(partial(esim.replay, study, clock="order"), 4)
        first = first or seconds
        print(f"| {trials:,} x 100 | {seconds:.3f} | {seconds / first:.1f} |")
    print()


def against_numpy() -> None:
    print("## Against the literal rule in vectorised NumPy, 2,000 trials x 50 steps\n")
    print("esim's time is a whole `replay_orders` of one order, ranking included.\n")
    print("| curves | NumPy | NumPy s | esim s | times faster | same stops |")
    print("|---|---|---|---|---|---|")
    for kind in ("mixed", "alike"):
        values = curves(kind, 2_000, 50)
        study = Study.from_arrays(values, direction="minimize")
        order = np.arange(2_000)[None]
        actual = esim.replay_orders(study, "sagemaker", order)[0]
        fast = fastest(partial(esim.replay_orders, study, "sagemaker", order), 20)
        for lazy, name in ((False, "all steps at once"), (True, "step by step, until the stop")):
            start = time.perf_counter()
            expected = literal_in_numpy(values, lazy=lazy)
            slow = time.perf_counter() - start
            same = "yes" if np.array_equal(expected, actual) else "NO"
            print(
                f"| {kind} | {name} | {slow:.2f} | {fast:.4f} | **{slow / fast:,.0f}** | {same} |"
            )
    print()


def memory() -> None:
    print("## Peak memory of a process that makes a study from a matrix and replays it\n")
    print("| trials x 100 | matrix MB | peak MB | beyond 6 matrices MB (at most 150) |")
    print("|---|---|---|---|")
    code = (
        "import sys, numpy as np, esim\n"
        "v = np.cumsum(np.random.default_rng(0).standard_normal((int(sys.argv[1]), 100)), axis=1)\n"
        "esim.replay(esim.Study.from_arrays(v, direction='minimize'))\n"
        "status = open('/proc/self/status').read()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) / 1024)\n"
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
        run = partial(subprocess.run, command, capture_output=True, check=True)
        return fastest(partial(run, env={**os.environ, **environment}), times)

    pandas = process([sys.executable, "-c", "import pandas"], 5)
    help_ = process([*MAIN, "--help"], 5)
    warm = process([*MAIN, "replay", logs], 5)
    cold = np.inf
    for _ in range(3):
        with tempfile.TemporaryDirectory() as empty:
            cold = min(cold, process([*MAIN, "replay", logs], 1, XDG_CACHE_HOME=empty))
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
