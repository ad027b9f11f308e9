"""How fast the rules are: `python -m tests.benchmarks.rules > reports/benchmark-rules.md`.

In an environment with Optuna, Ray, Syne Tune or NNI (PEER: as in tests/live) their decisions a
second stand beside esim's, on the same reports in the same order, in the same process. The first
three go together: see tests/benchmarks/__main__.py.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

import esim
from esim.rules import PRESETS
from esim.study import Study
from tests.benchmarks.timing import fastest, in_turn, machine
from tests.references.curves import curves
from tests.references.drive import Driven, Judge, drive

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


@dataclass(frozen=True)
class Decisions:
    """A rule in a library and in esim, on the same reports in the same order, in this process.

    Rates in decisions a second of one thread: the library's; esim's of that order, and of 100.
    """

    rule: str
    version: str
    decisions: int
    theirs: float
    one_order: float
    many_orders: float
    same: bool


def decided(
    peer: str, trials: int, steps: int, *, only: tuple[str, ...] = (), times: int = 2
) -> Iterator[Decisions]:
    """The first case of every rule (or of those named) of tests/live/peer_PEER.py.

    Raises:
        ImportError: the library is not installed.
    """
    module = importlib.import_module(f"tests.live.peer_{peer}")
    study = curves("plain", "minimize", trials, steps, 1)
    rng = np.random.default_rng(0)
    orders = np.stack([rng.permutation(trials) for _ in range(100)])
    seen = set()
    for case in module.CASES:
        # Ray's median rule is asked in steps: in seconds no two trials' reports meet.
        if case.rule in seen or case.times or not case.recorded or (only and case.rule not in only):
            continue
        seen.add(case.rule)
        row = esim.rule(case.rule, **case.columns)
        one = partial(esim.replay_orders, study, row, np.arange(trials)[None], threads=1)
        many = partial(esim.replay_orders, study, row, orders, threads=1)
        kept, kept_many = one()[0], int(many().sum())
        driven: list[Driven] = []
        theirs, ours, ours_many = in_turn(
            partial(_drive, study, case.make, driven), one, many, times=times
        )
        n_decisions = driven[-1].decisions
        yield Decisions(
            rule=case.rule,
            version=module.version(),
            decisions=n_decisions,
            theirs=n_decisions / theirs,
            one_order=n_decisions / ours,
            many_orders=kept_many / ours_many,
            same=[len(v) for v in driven[-1].verdicts] == kept.tolist(),
        )


def _drive(study: Study, make: Callable[[Study], Judge], found: list[Driven]) -> None:
    found.append(drive(study, make(study)))


def against_peers(peers: list[str]) -> None:
    print("## Decisions a second, the same reports in the same order, one process\n")
    print(
        "A peer's time is that of its own calls, report by report. esim's, on one thread, is a "
        "whole `replay_orders`, ranking of the study included: of one order, and of 100, where its "
        "purpose lies. Decisions are few where a rule stops early, and one order then hardly "
        "pays for the ranking.\n"
    )
    print(
        "| rule | trials x 50 | decisions | peer | peer/s | esim/s, one order | times "
        "| esim/s, 100 orders | times |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for peer in peers:
        for trials in (200, 1_000):
            for found in decided(peer, trials, 50):
                print(
                    f"| {found.rule}{'' if found.same else ' (DIFFERS)'} | {trials:,} "
                    f"| {found.decisions:,} | {found.version} | {found.theirs:,.0f} "
                    f"| {found.one_order:,.0f} | {found.one_order / found.theirs:,.0f} "
                    f"| {found.many_orders:,.0f} "
                    f"| **{found.many_orders / found.theirs:,.0f}** |",
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
    print(f"`python -m tests.benchmarks.rules PEER...`; {machine()}. Fastest of several runs.\n")
    all_presets()
    against_other_tools()
    if sys.argv[1:]:
        against_peers(sys.argv[1:])


if __name__ == "__main__":
    main()
