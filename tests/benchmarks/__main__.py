"""The benchmark table: `python -m tests.benchmarks > reports/benchmarks.md`, some five minutes.

Every row is measured in turn with what stands beside it (A B A B ..., the best of each), all in one
run on one machine. The measuring is that of the modules beside this one, whose own pages go into
detail; `--small` tries it out in a minute. A peer that is missing is said to be missing.

An environment with all of them (ripgrep: `apt-get install ripgrep`), from the repository's root:

    python3 -m venv .venv-bench && . .venv-bench/bin/activate
    pip install -q uv
    uv pip install -c requirements.lock -e '.[dev,peer-optuna,peer-ray,peer-synetune]'
    python -m tests.benchmarks > reports/benchmarks.md
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import ingest, replay, rules, scale
from tests.benchmarks.timing import load, machine

DETAILS = (
    ("the replay", "benchmark-replay.md"),
    ("the rules", "benchmark-rules.md"),
    ("the comparison", "benchmark-compare.md"),
    ("reading logs", "benchmark-ingest.md"),
    ("a whole history", "scaling.md"),
)
PEERS = (
    ("optuna", "optuna-median", "Optuna's `MedianPruner`", 500),
    ("ray", "ray-median", "Ray Tune's `MedianStoppingRule`", 10_000),
    ("synetune", "synetune-median", "Syne Tune's `MedianStoppingRule`", 100),
)


@dataclass(frozen=True)
class Sizes:
    """How much is measured: trials of 100 steps replayed (and ten times as many), trials of 50
    steps decided, MB of log text, studies of a history, and turns."""

    trials: int = 10_000
    decided: int = 1_000
    megabytes: int = 200
    studies: int = 2_000
    times: int = 3


SMALL = Sizes(trials=1_000, decided=100, megabytes=10, studies=200, times=1)


@dataclass(frozen=True)
class Row:
    """A line of the table. `ratio`: of esim's figure to the one beside it; None: not measured."""

    what: str
    esim: str
    beside: str
    ratio: float | None
    asked: str = ""
    met: bool = True
    besides: str = ""  # another ratio, in brackets

    def __str__(self) -> str:
        ratio = "-" if self.ratio is None else f"**{figure(self.ratio)}**{self.besides}"
        asked = self.asked if self.met or self.ratio is None else f"{self.asked}: missed"
        return f"| {self.what} | {self.esim} | {self.beside} | {ratio} | {asked} |"


def figure(number: float) -> str:
    """Two or three digits of a small number, all of a large one."""
    if number < 0.1:
        return f"{number:.2g}"
    return f"{number:.2f}" if number < 3 else f"{number:.1f}" if number < 100 else f"{number:,.0f}"


def took(seconds: float) -> str:
    return f"{figure(seconds * 1e3)} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def kernels(sizes: Sizes) -> Iterator[Row]:
    n = sizes.trials
    for kind in replay.KINDS:
        many = replay.orders(kind, n, 100, times=sizes.times)
        yield Row(
            f"`replay_orders`, one of 100 orders of {n:,} x 100, curves {kind}",
            f"{took(many.order)} (one thread {took(many.order_one_thread)})",
            f"`np.copy` {took(many.copy)} (in memory {took(many.copy_in_memory)})",
            many.order / many.copy,
            "at most 6",
            many.order <= 6 * many.copy,
            f" ({figure(many.order / many.copy_in_memory)})",
        )
    wholes = replay.whole((n, 10 * n), 100, times=sizes.times)
    for trials, most, (seconds, copy) in zip((n, 10 * n), (0.15, 3.0), wholes, strict=True):
        yield Row(
            f"`esim.replay` of {trials:,} x 100 in memory, outcomes and tables included",
            took(seconds),
            f"`np.copy` {took(copy)}",
            seconds / copy,
            f"at most {most} s",
            seconds <= most,
        )
    (first, _), (tenfold, _) = wholes
    yield Row(
        f"the same, {10 * n:,} trials beside {n:,}",
        took(tenfold),
        took(first),
        tenfold / first,
        "at most 15",
        tenfold <= 15 * first,
    )
    trials = n // 5
    for lazy, name, least in ((False, "all steps at once", 200), (True, "until the stop", 0)):
        found = replay.literal("alike", trials, 50, lazy=lazy)
        ours, theirs = found.decisions / found.ours, found.decisions / found.theirs
        what = f"`sagemaker`, {trials:,} x 50, one thread, one order"
        yield Row(
            what + ("" if found.same else " (DIFFERS)"),
            f"{ours:,.0f} decisions/s",
            f"the rule in vectorised NumPy, {name}: {theirs:,.0f} decisions/s",
            ours / theirs,
            f"at least {least}" if least else "",
            ours >= least * theirs,
        )
    most, matrix = replay.peak(10 * n, 100)
    yield Row(
        f"peak memory of a process that replays {10 * n:,} x 100",
        f"{most:.0f} MB",
        f"the value matrix {matrix:.0f} MB",
        most / matrix,
        "at most 6 matrices + 150 MB",
        most <= 6 * matrix + 150,
    )


def commands(sizes: Sizes) -> Iterator[Row]:
    found = replay.start_ups(times=sizes.times + 1)
    tiny = "`esim replay data/tiny/sagemaker`"
    for what, seconds, asked, met in (
        ("`esim --help`", found.help, "at most 0.5", found.help <= found.pandas / 2),
        (f"{tiny}, warm", found.tiny, "at most 3", found.tiny <= 3 * found.pandas),
        (
            "`esim replay data/xgboost_digits/sagemaker`, warm",
            found.shipped,
            "at most 3",
            found.shipped <= 3 * found.pandas,
        ),
        (
            f"{tiny}, first run ever: {found.first - found.tiny:.1f} s more than a warm one",
            found.first,
            "at most 4 s more",
            found.first <= found.tiny + 4,
        ),
    ):
        beside = f"`python -c 'import pandas'` {took(found.pandas)}"
        yield Row(what, took(seconds), beside, seconds / found.pandas, asked, met)


def reading(sizes: Sizes) -> Iterator[Row]:
    for shape, megabytes in (("text", sizes.megabytes), ("json", sizes.megabytes // 2)):
        for kind in ingest.KINDS:
            what = f"`read_study`, {megabytes} MB of {kind}'s lines as {shape}, 100 files"
            if shutil.which("rg") is None:
                yield Row(what, "-", "ripgrep: not installed here", None, "at most 1.5")
                continue
            found = ingest.logs(kind, megabytes, shape, times=sizes.times)
            yield Row(
                what,
                f"{took(found.clock)} (of the processor {took(found.worked)})",
                f"`rg -c -j1` {took(found.rg_clock)} (of the processor {took(found.rg_worked)})",
                found.clock / found.rg_clock,
                "at most 1.5",
                found.clock <= 1.5 * found.rg_clock,
                f" ({figure(found.worked / found.rg_worked)})",
            )
    for shape in ingest.TABLES:
        ours, pandas = ingest.table(shape, sizes.decided * 2, 500, times=sizes.times)
        yield Row(
            f"`read_study`, a {shape} table of {sizes.decided * 2:,} x 500",
            took(ours),
            f"`pandas.read_{shape}` {took(pandas)}",
            ours / pandas,
        )


def histories(sizes: Sizes) -> Iterator[Row]:
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        there = scale.history(Path(name) / "history", sizes.studies)
        for jobs in sorted({1, cores}):
            runs, bare = [], []
            for _ in range(2):
                bare.append(scale.in_memory(min(500, sizes.studies), jobs))
                runs.append(scale.run(there, Path(name), "local", jobs))
            rate = max(run.rate for run in runs)
            peak = max(run.peaks.together for run in runs)
            for what, alone in (
                ("whole `esim.replay`s", max(one.replayed for one in bare)),
                ("ranking and kernel, study by study", max(one.ranked for one in bare)),
                ("ranking and kernel, in batches", max(one.batched for one in bare)),
                ("the kernel on ranked data", max(one.kernel for one in bare)),
            ):
                yield Row(
                    f"`esim replay` of {sizes.studies:,} studies of 100 x 50 from Parquet to "
                    f"Parquet, `--jobs {jobs}`; peak {peak:.0f} MB",
                    f"{rate / 1e6:.2f} million reports/s",
                    f"{what}, in memory, as many cores: {alone / 1e6:.1f} million/s",
                    rate / alone,
                    "at least 0.5",
                    rate >= alone / 2,
                )


def peers(sizes: Sizes) -> Iterator[Row]:
    for peer, rule, name, least in PEERS:
        what = f"`{rule}`, {sizes.decided:,} x 50, one thread"
        asked = f"at least {least:,}"
        try:
            [found] = rules.decided(peer, sizes.decided, 50, only=(rule,))
        except ImportError:
            yield Row(what, "-", f"{name}: not installed here", None, asked)
            continue
        what += "" if found.same else " (DIFFERS)"
        beside = f"{name} ({found.version}) {found.theirs:,.0f} decisions/s"
        for orders, rate in (("one order", found.one_order), ("100 orders", found.many_orders)):
            yield Row(
                f"{what}, {orders}",
                f"{rate:,.0f} decisions/s",
                beside,
                rate / found.theirs,
                asked,
                rate >= least * found.theirs,
            )


def main() -> None:
    """Print the table, in Markdown, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="small sizes, to try it out")
    parser.add_argument("--studies", type=int, help="of the history (default 2,000)")
    given = parser.parse_args()
    small, sizes = given.small, SMALL if given.small else Sizes()
    if given.studies is not None:
        sizes = dataclasses.replace(sizes, studies=given.studies)
    warnings.simplefilter("ignore")
    print("# The benchmark table\n")
    words = " ".join(["python -m tests.benchmarks", *sys.argv[1:]])
    print(f"`{words}`; {machine('numba', 'pandas')}.\n")
    if small:
        print("Small sizes, of which nothing is asked.\n")
    print(
        "One run; each row in turn with what stands beside it, the best of each. The ratio is of "
        "esim's figure to the one beside it: of times the less the better, of rates the more. "
        "Peers decide the same reports in the same order in the same process, and say the same.\n"
    )
    print("| what | esim | beside it | ratio | asked |\n|---|---|---|---|---|")
    # The peers come last: what they set up when imported is then in no other row.
    for rows in (kernels, commands, reading, histories, peers):
        for row in rows(sizes):
            print(dataclasses.replace(row, asked="", met=True) if small else row, flush=True)
    print(f"\nLoad average at the end: {load()}.\n")
    print("In detail: " + ", ".join(f"[{name}]({page})" for name, page in DETAILS) + ".")


if __name__ == "__main__":
    main()
