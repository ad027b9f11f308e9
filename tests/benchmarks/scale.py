"""Histories and large studies: `python -m tests.benchmarks.scale > reports/scaling-measured.md`.

Makes its data under --folder (about 2 GB for the full size) and keeps it for the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np

import esim
from esim.assumptions import Clock, Costs
from esim.rules import rule
from esim.simulator.kernels.engine import run_orders
from esim.simulator.plan.build import prepare, prepare_batch
from esim.simulator.plan.columns import NOTHING
from esim.simulator.replay import replay_orders
from esim.simulator.run import run_once
from esim.storage.history import History, Location
from esim.storage.history.write import Input, append
from esim.study import Study
from esim.study.batch import Batch, batches
from tests.benchmarks.replay import MAIN, curves
from tests.benchmarks.timing import fastest, machine
from tests.benchmarks.watch import Peaks, watched

TRIALS, STEPS = 100, 50


def study(i: int, trials: int = TRIALS, steps: int = STEPS) -> Study:
    """Power laws to floors far apart, as in the benchmark of the replay, another seed each."""
    rng = np.random.default_rng(i)
    step = np.arange(1, steps + 1)
    floor, scale = rng.uniform(0.1, 1, trials), rng.lognormal(0, 1, trials)
    power, noise = rng.uniform(0.2, 1.5, trials), rng.standard_normal((trials, steps))
    values = floor[:, None] + scale[:, None] * step ** -power[:, None] + 0.02 * noise
    return Study.from_arrays(values, "minimize", name=f"job-{i:06d}")


def history(folder: Path, studies: int) -> History:
    """A history of generated studies, 1,000 to an input."""
    there = History.open(str(folder))
    if there is None or len(there.names) != studies:
        shutil.rmtree(folder, ignore_errors=True)

        def inputs() -> Iterator[Input]:
            for first in range(0, studies, 1000):
                made = [study(i) for i in range(first, min(first + 1000, studies))]
                yield Input(f"generated-{first:06d}", f"{first:064d}", "generated", made)

        there = append(Location(str(folder)), inputs(), None)
    return there


@dataclass(frozen=True)
class InMemory:
    """Reports a second of so many cores at once, data in memory: a whole `esim.replay`, the rule's
    ranking and kernel study by study and in batches, and the kernel on ranked data."""

    replayed: float
    ranked: float
    batched: float
    kernel: float


def in_memory(studies: int, cores: int) -> InMemory:
    """What nothing around ranking and kernel could exceed: a process a core, all at once."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        cores, mp_context=context, initializer=_meet, initargs=(context.Barrier(cores),)
    ) as pool:
        found = list(pool.map(_rates, [range(i, i + studies) for i in range(cores)]))
    return InMemory(*map(sum, zip(*found, strict=True)))


def _meet(barrier: Barrier) -> None:
    global _start
    _start = partial(barrier.wait, 600.0)


def _rates(seeds: range) -> tuple[float, ...]:
    """Reports a second of this process, as `InMemory`."""
    row = rule("sagemaker")
    some = [study(i) for i in seeds]
    order = np.arange(TRIALS)[None]
    replay_orders(some[0], row, order, threads=1)
    together = [Batch.of([some[i] for i in places]) for places in batches(some, [0] * len(some))]
    ready = [prepare(s, row, threads=1) for s in some]
    states = [p.state() for p in ready]
    kept = np.zeros((1, TRIALS), dtype=np.int32)

    def kernel() -> None:
        for one, its in zip(ready, states, strict=True):
            run_orders(order, -1, kept, *one.arguments(NOTHING), its)

    def batched() -> None:
        for batch in together:
            run_once(prepare_batch(batch, row), Clock("order"), Costs())

    kernel()
    _start()
    whole = fastest(lambda: [esim.replay(s, row) for s in some], 3)
    _start()
    both = fastest(lambda: [replay_orders(s, row, order, threads=1) for s in some], 3)
    _start()
    at_once = fastest(batched, 3)
    _start()
    alone = fastest(kernel, 3)
    reports = len(seeds) * TRIALS * STEPS
    return reports / whole, reports / both, reports / at_once, reports / alone


@dataclass(frozen=True)
class Run:
    """A whole `esim replay` of a history. `digests`: of the files it has written, by name."""

    rate: float  # reports a second
    seconds: float
    peaks: Peaks
    digests: dict[str, str]


def run(there: History, folder: Path, engine: str, jobs: int) -> Run:
    """The command, from the start of its process to its end: the faster of two, and the memory of
    one more, as watching takes a share of the processor."""
    out, script = folder / "out", folder / "esim_main.py"
    script.write_text("from esim.cli import main\nif __name__ == '__main__':\n    main()\n")
    words = [str(there.location), "--engine", engine, "--jobs", str(jobs), "--out", str(out)]
    command = [sys.executable, str(script), "replay", *words]
    # A script finds an installed esim before the one at hand.
    env = {**os.environ, "PYTHONPATH": str(Path(esim.__file__).parent.parent)}
    quiet: dict[str, Any] = {"env": env, "stdout": subprocess.DEVNULL, "check": True}
    seconds = fastest(partial(subprocess.run, command, **quiet), 2)
    _, peaks = watched(command, env)
    digests = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            name = str(path.relative_to(out))
            digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    shutil.rmtree(out)
    reports = sum(entry.reports for entry in there.entries)
    return Run(reports / seconds, seconds, peaks, digests)


def through_engines(there: History, folder: Path, engines: list[str]) -> None:
    """The history through every engine: reports a second, memory, and the same bytes."""
    cores = os.cpu_count() or 1
    reports = sum(entry.reports for entry in there.entries)
    print(f"## {len(there.names):,} studies of {TRIALS} x {STEPS}, {reports:,} reports\n")
    print(
        "The whole run starts Python, reads the Parquet files, replays, compares with the baseline "
        "and writes both tables. Beside it, right before: what `esim.replay`, ranking and kernel "
        "study by study (`esim.replay_orders`) and in batches, and the kernel on ranked data reach "
        "on 500 such studies in memory, in as many processes at once. Seconds: the faster of two "
        "runs; memory: of one more.\n"
    )
    print("| engine | workers | s | million reports/s | `esim.replay` in memory | of that | "
          "ranking and kernel in memory | of that | in batches | of that | "
          "kernel in memory | of that | peak MB, driver | peak MB, its largest other process | "
          "peak MB, all processes | same bytes |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    first: dict[str, str] | None = None
    for engine, jobs in [("local", 1), *((engine, cores) for engine in engines)]:
        bare = in_memory(500, jobs)
        found = run(there, folder, engine, jobs)
        first = first or found.digests
        peaks = found.peaks
        print(
            f"| {engine} | {jobs} | {found.seconds:.1f} | {found.rate / 1e6:.1f} "
            f"| {bare.replayed / 1e6:.1f} | **{found.rate / bare.replayed:.2f}** "
            f"| {bare.ranked / 1e6:.1f} | **{found.rate / bare.ranked:.2f}** "
            f"| {bare.batched / 1e6:.1f} | {found.rate / bare.batched:.2f} "
            f"| {bare.kernel / 1e6:.0f} | {found.rate / bare.kernel:.3f} "
            f"| {peaks.driver:.0f} | {f'{peaks.other:.0f}' if peaks.other else '-'} "
            f"| {peaks.together:.0f} | {'yes' if found.digests == first else 'NO'} |",
            flush=True,
        )
    print()


def large_studies(sizes: list[tuple[int, int]]) -> None:
    """One study from Parquet through the literal rule, each in a process of its own."""
    print("## One large study, from Parquet, through the literal rule\n")
    print(
        "Read and replayed in a process of its own, kernels loaded: the replay right after "
        "reading, and the best of five more, whose memory is at hand. Growth is the best's, "
        "beside that of the first row with as many steps; 1 is linear.\n"
    )
    print("| trials x steps | read s | first replay s | best replay s | best, µs a trial "
          "| growth | whole command s | peak MB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    linear: dict[int, float] = {}
    code = (
        "import sys, time\n"
        "import numpy as np\n"
        "import esim\n"
        "from esim.study import Study\n"
        "esim.replay(Study.from_arrays(np.ones((2, 2)), 'minimize'))\n"  # loads the kernels
        "start = time.perf_counter()\n"
        "study = esim.read_study(sys.argv[1])\n"
        "read = time.perf_counter()\n"
        "esim.replay(study)\n"
        "end = time.perf_counter()\n"
        "again = []\n"
        "for _ in range(5):\n"
        "    begun = time.perf_counter()\n"
        "    esim.replay(study)\n"
        "    again.append(time.perf_counter() - begun)\n"
        "status = open('/proc/self/status').read()\n"  # ru_maxrss counts the parent's, too
        "peak = int(status.split('VmHWM:')[1].split()[0]) / 1024\n"
        "print(read - start, end - read, min(again), peak)\n"
    )
    for trials, steps in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write = (
                "import sys\nfrom tests.benchmarks.scale import big\n"
                "big(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])\n"
            )
            subprocess.run(
                [sys.executable, "-c", write, str(trials), str(steps), folder + "/h"], check=True
            )
            out = subprocess.run(
                [sys.executable, "-c", code, folder + "/h"],
                capture_output=True,
                text=True,
                check=True,
            )
            read, replay, best, peak = map(float, out.stdout.split())
            each = best / trials * 1e6
            whole = fastest(
                partial(
                    subprocess.run,
                    [*MAIN, "replay", folder + "/h", "--jobs", "1"],
                    capture_output=True,
                    check=True,
                ),
                1,
            )
        print(
            f"| {trials:,} x {steps} | {read:.2f} | {replay:.2f} | {best:.3f} | {each:.2f} "
            f"| {each / linear.setdefault(steps, each):.2f} | {whole:.1f} | {peak:.0f} |",
            flush=True,
        )
    print()


def big(trials: int, steps: int, folder: str) -> None:
    """Write a history of one large study."""
    made = Study.from_arrays(curves("mixed", trials, steps), "minimize", name="large")
    append(Location(folder), [Input("generated", "0", "generated", [made])], None)


def main() -> None:
    """Print every table, in Markdown."""
    words = argparse.ArgumentParser()
    words.add_argument("--studies", type=int, default=20_000)
    words.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "esim-scale")
    words.add_argument("--engines", default="local,threads")
    words.add_argument("--large", default="10000x50,100000x50,1000000x50,100000x100")
    told: Any = words.parse_args()
    print("# Measured\n")
    print(f"`python -m tests.benchmarks.scale`; {machine('numba')}.\n")
    told.folder.mkdir(parents=True, exist_ok=True)
    if told.studies:
        there = history(told.folder / f"history-{told.studies}", told.studies)
        through_engines(there, told.folder, told.engines.split(","))
    if told.large:
        sizes = [tuple(map(int, part.split("x"))) for part in told.large.split(",")]
        large_studies(sizes)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
