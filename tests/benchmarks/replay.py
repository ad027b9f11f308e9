"""How fast the replay is: `python -m tests.benchmarks.replay > reports/benchmark-replay.md`.

Every figure is a ratio to something timed in the same run on the same machine: a copy of the value
matrix, the literal rule in vectorised NumPy, the import of pandas.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

import esim
from esim.study import Study
from tests.benchmarks.timing import in_turn, machine
from tests.paths import DATA

BEYOND_CACHES = 256_000_000  # bytes, more than processors keep
KINDS = ("mixed", "alike", "falling", "walk")
MAIN = [sys.executable, "-c", "from esim.cli import main; main()"]


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


@dataclass(frozen=True)
class Orders:
    """Replays of many launch orders: seconds of one order, and of a copy of the matrix.

    `copy` has both matrices in the processor's caches if they fit; `copy_in_memory` never.
    """

    steps_kept: float
    copy: float
    copy_in_memory: float
    order: float
    order_one_thread: float


def orders(kind: str, trials: int, steps: int, *, n_orders: int = 100, times: int = 3) -> Orders:
    """`replay_orders`, the ranking of the study once for all orders included, beside np.copy."""
    rng = np.random.default_rng(0)
    launches = np.stack([rng.permutation(trials) for _ in range(n_orders)])
    values = curves(kind, trials, steps)
    study = Study.from_arrays(values, direction="minimize")
    replay = partial(esim.replay_orders, study, "sagemaker", launches)
    kept = replay()
    many = np.repeat(values[None], max(1, BEYOND_CACHES // values.nbytes), axis=0)
    into = many.copy()
    copy, copies, both, alone = in_turn(
        partial(np.copy, values),
        partial(np.copyto, into, many),
        replay,
        partial(replay, threads=1),
        times=times,
    )
    return Orders(
        steps_kept=float(kept.mean()) / steps,
        copy=copy,
        copy_in_memory=copies / len(many),
        order=both / n_orders,
        order_one_thread=alone / n_orders,
    )


def orders_against_copy() -> None:
    print("## Many launch orders: `replay_orders`, 10,000 trials x 100 steps, 100 orders\n")
    print(
        "Ranking the study, once for all orders, is in the figures. A copy of the same 8 MB "
        "over and over stays within the caches of many a processor; one in memory does not.\n"
    )
    print(
        "| curves | steps kept | ms an order | ms, 1 thread "
        "| ms a copy | copies | copies, 1 thread "
        "| ms a copy in memory | copies | copies, 1 thread |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        found = orders(kind, 10_000, 100)
        print(
            f"| {kind} | {found.steps_kept:.0%} | {found.order * 1e3:.2f} "
            f"| {found.order_one_thread * 1e3:.2f} | {found.copy * 1e3:.2f} "
            f"| **{found.order / found.copy:.1f}** | {found.order_one_thread / found.copy:.1f} "
            f"| {found.copy_in_memory * 1e3:.2f} "
            f"| {found.order / found.copy_in_memory:.1f} "
            f"| {found.order_one_thread / found.copy_in_memory:.1f} |"
        )
    print()


def whole(sizes: Sequence[int], steps: int, *, times: int = 4) -> list[tuple[float, float]]:
    """Seconds of one whole `esim.replay`, its outcomes and tables included, and of a copy of the
    matrix, for each number of trials; all in turn."""
    runs: list[Callable[[], object]] = []
    for trials in sizes:
        values = curves("alike", trials, steps)
        study = Study.from_arrays(values, direction="minimize")
        runs += [partial(esim.replay, study, clock="order"), partial(np.copy, values)]
    runs[0]()
    found = in_turn(*runs, times=times)
    return list(zip(found[::2], found[1::2], strict=True))


def whole_replay() -> None:
    print("## One whole `esim.replay`, compiled\n")
    print(
        "| trials x steps | seconds | times the first | copies of the matrix |\n|---|---|---|---|"
    )
    sizes = (10_000, 100_000)
    found = whole(sizes, 100)
    for trials, (seconds, copy) in zip(sizes, found, strict=True):
        print(
            f"| {trials:,} x 100 | {seconds:.3f} | {seconds / found[0][0]:.1f} "
            f"| {seconds / copy:.0f} |"
        )
    print()


@dataclass(frozen=True)
class Literal:
    """The literal rule in one order: decisions, esim's seconds and NumPy's, the same stops or not.

    esim on one thread, ranking included.
    """

    decisions: int
    ours: float
    theirs: float
    same: bool


def literal(kind: str, trials: int, steps: int, *, lazy: bool) -> Literal:
    values = curves(kind, trials, steps)
    study = Study.from_arrays(values, direction="minimize")
    replay = partial(esim.replay_orders, study, "sagemaker", np.arange(trials)[None], threads=1)
    kept = replay()[0]
    same = np.array_equal(kept, literal_in_numpy(values, lazy=lazy))
    ours, theirs = in_turn(replay, partial(literal_in_numpy, values, lazy=lazy), times=2)
    return Literal(int(kept.sum()), ours, theirs, same)


def against_numpy() -> None:
    print("## Against the literal rule in vectorised NumPy, 2,000 trials x 50 steps\n")
    print("esim's time is a whole `replay_orders` of one order, ranking included, one thread.\n")
    print("| curves | NumPy | NumPy s | esim s | times faster | same stops |")
    print("|---|---|---|---|---|---|")
    for kind in ("mixed", "alike"):
        for lazy, name in ((False, "all steps at once"), (True, "step by step, until the stop")):
            found = literal(kind, 2_000, 50, lazy=lazy)
            print(
                f"| {kind} | {name} | {found.theirs:.2f} | {found.ours:.4f} "
                f"| **{found.theirs / found.ours:,.0f}** | {'yes' if found.same else 'NO'} |"
            )
    print()


def peak(trials: int, steps: int) -> tuple[float, float]:
    """Peak MB of a process that makes a study from a matrix and replays it; MB of the matrix."""
    code = (
        "import sys, numpy as np, esim\n"
        "shape = int(sys.argv[1]), int(sys.argv[2])\n"
        "v = np.cumsum(np.random.default_rng(0).standard_normal(shape), axis=1)\n"
        "esim.replay(esim.Study.from_arrays(v, direction='minimize'))\n"
        "status = open('/proc/self/status').read()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) / 1024)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(trials), str(steps)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(out.stdout), trials * steps * 8 / 2**20


def memory() -> None:
    print("## Peak memory of a process that makes a study from a matrix and replays it\n")
    print("| trials x 100 | matrix MB | peak MB | beyond 6 matrices MB (at most 150) |")
    print("|---|---|---|---|")
    for trials in (10_000, 100_000):
        most, matrix = peak(trials, 100)
        print(f"| {trials:,} | {matrix:.0f} | {most:.0f} | {most - 6 * matrix:.0f} |")
    print()


@dataclass(frozen=True)
class StartUp:
    """Seconds of whole processes."""

    pandas: float
    help: float
    tiny: float
    shipped: float
    first: float


def start_ups(*, times: int = 5) -> StartUp:
    """The import of pandas and esim's commands in turn; `first`: with an empty kernel cache.

    `tiny` and `first` replay data/tiny, `shipped` data/xgboost_digits; at most three first runs.
    """

    def process(command: list[str], **environment: str) -> None:
        env = {**os.environ, **environment}
        subprocess.run(command, capture_output=True, check=True, env=env)

    def first() -> None:
        with tempfile.TemporaryDirectory() as empty:
            process([*MAIN, "replay", tiny], XDG_CACHE_HOME=empty, NUMBA_CACHE_DIR="")

    tiny, shipped = str(DATA / "tiny" / "sagemaker"), str(DATA / "xgboost_digits" / "sagemaker")
    process([*MAIN, "replay", tiny])
    process([*MAIN, "replay", shipped])
    warm = (
        partial(process, [sys.executable, "-c", "import pandas"]),
        partial(process, [*MAIN, "--help"]),
        partial(process, [*MAIN, "replay", tiny]),
        partial(process, [*MAIN, "replay", shipped]),
    )
    cold = min(times, 3)
    with_first = in_turn(*warm, first, times=cold)
    rest = in_turn(*warm, times=times - cold)
    return StartUp(*map(min, zip(with_first, [*rest, np.inf], strict=True)))


def start_up() -> None:
    print("## Start-up: whole processes, against `python -c 'import pandas'`\n")
    print("| command | seconds | of pandas' import |\n|---|---|---|")
    found = start_ups()
    rows = (
        ("import pandas", found.pandas),
        ("esim --help", found.help),
        ("esim replay data/tiny/sagemaker, warm", found.tiny),
        ("esim replay data/xgboost_digits/sagemaker, warm", found.shipped),
        ("esim replay data/tiny/sagemaker, first run ever (empty kernel cache)", found.first),
    )
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} | {seconds / found.pandas:.2f} |")
    print(f"\nThe first run takes {found.first - found.tiny:.1f} s more than a warm one.\n")


def main() -> None:
    """Print every table, in Markdown."""
    print("# Benchmark of the replay\n")
    print(f"`python -m tests.benchmarks.replay`; {machine('numba')}. Fastest of several runs.\n")
    orders_against_copy()
    whole_replay()
    against_numpy()
    memory()
    start_up()


if __name__ == "__main__":
    main()
