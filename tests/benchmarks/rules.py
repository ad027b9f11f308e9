"""How fast the rules are: `python -m tests.benchmarks.rules > reports/benchmark_rules.md`.

In an environment with Optuna, Ray, Syne Tune or NNI (tests/live) their decisions a second stand
beside esim's, on the same reports in the same order, in the same process. Peers that cannot be
installed together are measured one by one.
"""

from __future__ import annotations

import importlib
import platform
import sys
import time
import warnings
from functools import partial

import numpy as np

import esim
from esim.rules import PRESETS
from tests.benchmarks.replay import fastest
from tests.curves import curves
from tests.drive import drive

#: What other tools that answer a like question took for one rule, on another machine.
OTHERS = (
    ("Ax 1.3.1 `experiment_replay`, 200 x 50", 43.0, "ax-percentile", 200),
    ("Syne Tune 0.16 simulator, median rule, 1,000 x 50", 2.4, "synetune-median", 1_000),
)


def all_presets() -> None:
    print("## Every preset on 1,000 trials x 50 steps: whole `esim.replay`, compiled\n")
    study = curves("plain", "minimize", 1_000, 50, 1)
    seconds = {}
    for name in PRESETS:
        run = partial(esim.replay, study, name, "simulated", 8)
        run()
        seconds[name] = fastest(run, 3)
    print("| rule | ms |\n|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {taken * 1e3:.1f} |")
    print(f"| **all {len(seconds)}** | **{sum(seconds.values()) * 1e3:.0f}** |\n")


def against_peers(peers: list[str]) -> None:
    print("## Decisions a second, the same reports in the same order, one process\n")
    print(
        "A peer's time is that of its own calls, report by report. esim's is a whole "
        "`replay_orders`, ranking of the study included: of one order, and of 100, where its "
        "purpose lies. Decisions are few where a rule stops early, and one order then hardly "
        "pays for the ranking.\n"
    )
    print(
        "| rule | trials x 50 | decisions | peer | peer/s | esim/s, one order | times "
        "| esim/s, 100 orders | times |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for peer in peers:
        module = importlib.import_module(f"tests.live.peer_{peer}")
        seen = set()
        for case in module.CASES:
            # Ray's median rule is asked in steps: in seconds no two trials' reports meet.
            if case.rule in seen or case.times or not case.recorded:
                continue
            seen.add(case.rule)
            row = esim.rule(case.rule, **case.columns)
            for trials in (200, 1_000):
                study = curves("plain", "minimize", trials, 50, 1)
                start = time.perf_counter()
                driven = drive(study, case.make(study))
                n_decisions = driven.decisions
                theirs = n_decisions / (time.perf_counter() - start)
                run = partial(esim.replay_orders, study, row, np.arange(trials)[None])
                kept = run()
                ours = n_decisions / fastest(run, 20)
                orders = np.stack([rng.permutation(trials) for _ in range(100)])
                run = partial(esim.replay_orders, study, row, orders)
                many = int(run().sum()) / fastest(run, 3)
                same = [len(v) for v in driven.verdicts] == kept[0].tolist()
                print(
                    f"| {case.rule}{'' if same else ' (DIFFERS)'} | {trials:,} | {n_decisions:,} "
                    f"| {module.version()} | {theirs:,.0f} | {ours:,.0f} | {ours / theirs:,.0f} "
                    f"| {many:,.0f} | **{many / theirs:,.0f}** |",
                    flush=True,
                )
    print()


def against_other_tools() -> None:
    print("## Beside tools that answer a like question\n")
    print(
        "| tool | its seconds, seen elsewhere | esim's, whole replay | times |\n|---|---|---|---|"
    )
    for name, theirs, rule, trials in OTHERS:
        study = curves("plain", "minimize", trials, 50, 1)
        run = partial(esim.replay, study, rule, "simulated", 4)
        run()
        ours = fastest(run, 5)
        print(f"| {name} | {theirs} | {ours:.4f} | **{theirs / ours:,.0f}** |")
    print()


def main() -> None:
    """Print every table, in Markdown. Arguments: the peers to measure, as in tests/live."""
    warnings.simplefilter("ignore")
    print("# Benchmark of the rules\n")
    print(
        f"`python -m tests.benchmarks.rules PEER...`; Python {platform.python_version()}, NumPy "
        f"{np.__version__}, esim {esim.__version__}. Fastest of several runs.\n"
    )
    all_presets()
    against_other_tools()
    if sys.argv[1:]:
        against_peers(sys.argv[1:])


if __name__ == "__main__":
    main()
