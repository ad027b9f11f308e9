"""How long a comparison takes: `python -m tests.benchmarks.compare [studies] [--workers P]`.

Studies of 100 trials x 50 steps, 25 rules besides the baselines, 100 launch orders each, and what
it costs beside copies of all value matrices, once for every replay.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial

import numpy as np

import esim
from esim.rules import PRESETS, READINGS, Rule
from esim.study import Study
from tests.benchmarks.replay import curves, fastest

RULES, TRIALS, STEPS, ORDERS = 25, 100, 50, 100


def studies(n: int) -> list[Study]:
    """n studies of different curves, a third of each kind."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        values = curves(("mixed", "alike", "falling")[i % 3], TRIALS, STEPS)
        values = values[rng.permutation(TRIALS)] * rng.lognormal(0, 0.2, (TRIALS, 1))
        found.append(Study.from_arrays(values, "minimize", name=f"study {i}"))
    return found


def rules() -> list[Rule]:
    """25 rules that differ: the presets, then SageMaker's readings, then warm-ups."""
    found = {row.name: row for row in PRESETS.values()}
    base = PRESETS["sagemaker"]
    for reading in READINGS:
        if reading.columns:
            row = base.with_columns(**reading.columns)
            found.setdefault(f"sagemaker {reading.code}", row)
    for steps in range(1, RULES):
        found.setdefault(f"sagemaker warm {steps}", base.with_columns(warmup_steps=steps))
    return list(found.values())[:RULES]


def main() -> None:
    """Print one table, in Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("studies", nargs="?", type=int, default=100)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=None)
    given = parser.parse_args()
    every, row = studies(given.studies), rules()
    esim.compare(every[:1], row, orders=2, workers=given.workers)  # compiles

    def show(done: int, of: int) -> None:
        if done % 100 == 0:
            print(f"\r{done} of {of}", end="", file=sys.stderr)

    start = time.perf_counter()
    found = esim.compare(
        every, row, workers=given.workers, orders=ORDERS, jobs=given.jobs, progress=show
    )
    seconds = time.perf_counter() - start
    print(file=sys.stderr)
    contestants = len(found.rules)
    replays = given.studies * contestants * ORDERS
    copy = fastest(partial(np.copy, curves("mixed", TRIALS, STEPS)), 200)
    print("| studies | contestants | orders | workers | seconds | us a replay | copies a replay |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {given.studies} of {TRIALS} x {STEPS} | {contestants} | {ORDERS} "
        f"| {given.workers or 1} | **{seconds:.1f}** | {seconds / replays * 1e6:.0f} "
        f"| {seconds / replays / copy:.0f} |"
    )
    print(f"\n{os.cpu_count()} cores; the table over workers and all statistics are in the time.")


if __name__ == "__main__":
    main()
