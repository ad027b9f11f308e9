"""How long a comparison takes, and what launch order and workers do to it.

`python -m tests.benchmarks.compare [studies] [--workers P] > reports/benchmark-compare.md`: studies
of 100 trials x 50 steps, 25 rules besides the baselines, 100 launch orders each; beside it a copy
of the value matrix for every replay. Then rules over workers and launch orders, on generated curves
and on the shipped studies.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from functools import partial

import numpy as np

import esim
from esim.results.comparison.comparison import AtWorkers
from esim.rules import BASELINES, PRESETS, READINGS, Rule
from esim.study import Study
from tests.benchmarks.replay import DATA, curves
from tests.benchmarks.timing import fastest

SHOWN = ("sagemaker", "optuna-median")
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
    found = {name: row for name, row in PRESETS.items() if name not in BASELINES}
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

    start, cpu = time.perf_counter(), time.process_time()
    found = esim.compare(
        every, row, workers=given.workers, orders=ORDERS, jobs=given.jobs, progress=show
    )
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(file=sys.stderr)
    contestants = len(found.rules)
    replays = given.studies * contestants * ORDERS
    copy = fastest(partial(np.copy, curves("mixed", TRIALS, STEPS)), 200)
    print("# Benchmark of the comparison\n")
    print(
        f"`python -m tests.benchmarks.compare`; Python {platform.python_version()}, NumPy "
        f"{np.__version__}, {os.cpu_count()} cores ({platform.machine()}), esim "
        f"{esim.__version__}. One run; the table over workers and all statistics are in the time. "
        "Seconds are what the clock showed, whatever else the machine was doing; `of a core` is "
        "the time spent computing, on all cores.\n"
    )
    print(
        "| studies | contestants | orders | workers | seconds | of a core | us a replay "
        "| matrix copies a replay |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {given.studies} of {TRIALS} x {STEPS} | {contestants} | {ORDERS} "
        f"| {given.workers or 1} | {seconds:.1f} | {cpu:.1f} | {cpu / replays * 1e6:.0f} "
        f"| {cpu / replays / copy:.0f} |\n"
    )
    over_workers()


def over_workers() -> None:
    """One rule, 20 launch orders: what it saves and whether it keeps the best, by workers."""
    alike = Study.from_arrays(curves("alike", 200, STEPS), "minimize", name="200 generated curves")
    shipped = [
        esim.read_study(DATA / folder)
        for folder in ("xgboost_digits/sagemaker", "mlp_digits/sagemaker", "image_digits")
    ]
    print("## Launch order and workers: steps saved (90 % of 20 orders), best trial kept\n")
    slots = (1, 4, 16, 64)
    print("| study | rule | " + " | ".join(f"{n} worker{'s' * (n > 1)}" for n in slots) + " |")
    print("|---|---|" + "---|" * len(slots))
    for study in (alike, *shipped):
        found = esim.compare(study, [n for n in SHOWN if n in PRESETS], orders=20)
        for entry in found.rules:
            if entry.role == "rule":
                at = {w.workers: w for w in entry.workers}
                cells = [_cell(at[n]) if n in at else "" for n in slots]
                print(f"| {study.name} | {entry.key} | " + " | ".join(cells) + " |")


def _cell(at: AtWorkers) -> str:
    assert at.saved is not None and at.best_kept is not None
    return (
        f"{at.saved.mean:.3f} [{at.saved.q05:.2f}-{at.saved.q95:.2f}], "
        f"{100 * at.best_kept.share:.0f} %"
    )


if __name__ == "__main__":
    main()
