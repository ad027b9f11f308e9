"""Histories and large studies: `python -m tests.benchmarks.scale > reports/scaling-measured.md`.

Makes its data under --folder (about 2 GB for the full size) and keeps it for the next run.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np

import esim
from esim.history import History, Place
from esim.history.write import Input, append
from esim.prepare import prepare
from esim.replay import replay_orders
from esim.rules import rule
from esim.study import Study
from tests.benchmarks.replay import MAIN, curves, fastest

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

        there = append(Place(str(folder)), inputs(), None)
    return there


def peak_mb(children: bool = False) -> float:
    """The most memory this process, or any child of it, has held."""
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss / 1024


def in_memory(studies: int) -> tuple[float, float]:
    """Reports a second of one core: ranking and kernel, and the kernel alone, data in memory."""
    row = rule("sagemaker")
    some = [study(i) for i in range(studies)]
    order = np.arange(TRIALS)[None]
    replay_orders(some[0], row, order, threads=1)
    both = fastest(lambda: [replay_orders(s, row, order, threads=1) for s in some], 3)
    from esim.kernels.engine import run_orders

    ready = [prepare(s, row, threads=1) for s in some]
    scratch = [p.scratch() for p in ready]
    kept = np.zeros((1, TRIALS), dtype=np.int32)

    def run() -> None:
        for one, its in zip(ready, scratch, strict=True):
            run_orders(order, -1, kept, **one.arrays, **its)

    alone = fastest(run, 3)
    reports = studies * TRIALS * STEPS
    return reports / both, reports / alone


def through_engines(there: History, folder: Path, engines: list[str]) -> None:
    """The history through every engine: reports a second, memory, and the same bytes."""
    reports = sum(entry.reports for entry in there.entries)
    ranked, alone = in_memory(500)
    cores = os.cpu_count() or 1
    print(f"## {len(there.names):,} studies of {TRIALS} x {STEPS}, {reports:,} reports\n")
    print(
        f"In memory, on one core, ranking and kernel decide {ranked / 1e6:.1f} million reports a "
        f"second (the kernel on ranked data {alone / 1e6:.0f}); {cores} cores at most {cores} times"
        " that. The whole run reads the Parquet files, replays, compares with the baseline and "
        "writes both tables.\n"
    )
    print("| engine | workers | s | million reports/s | of ranking and kernel in memory | "
          "peak MB, driver | peak MB, a worker | same bytes |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    first: dict[str, bytes] | None = None
    for engine, jobs in [("local", 1), *((engine, cores) for engine in engines)]:
        out = folder / "out"
        words = [str(there.place), "--engine", engine, "--jobs", str(jobs), "--out", str(out)]
        script = folder / "esim_main.py"
        script.write_text("from esim.cli import main\nif __name__ == '__main__':\n    main()\n")
        start = time.perf_counter()
        child = (
            "import resource, subprocess, sys\n"
            "subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=-3)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", child, str(script), "replay", *words],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        made = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
        first = first or made
        rate = reports / seconds
        print(
            f"| {engine} | {jobs} | {seconds:.1f} | {rate / 1e6:.1f} | "
            f"**{rate / (ranked * jobs):.2f}** | {float(run.stdout):.0f} | - | "
            f"{'yes' if made == first else 'NO'} |",
            flush=True,
        )
        shutil.rmtree(out)
    print()


def large_studies(sizes: list[tuple[int, int]]) -> None:
    """One study from Parquet through the literal rule, each in a process of its own."""
    print("## One large study, from Parquet, through the literal rule\n")
    print("| trials x steps | read s | replay s | whole command s | replay, µs a trial | peak MB |")
    print("|---|---|---|---|---|---|")
    code = (
        "import sys, time, resource\n"
        "import numpy as np\n"
        "import esim\n"
        "from esim.study import Study\n"
        "esim.replay(Study.from_arrays(np.ones((2, 2)), 'minimize'))\n"  # loads the kernels
        "start = time.perf_counter()\n"
        "study = esim.read_study(sys.argv[1])\n"
        "read = time.perf_counter()\n"
        "esim.replay(study)\n"
        "end = time.perf_counter()\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(read - start, end - read, peak)\n"
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
            read, replay, peak = map(float, out.stdout.split())
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
            f"| {trials:,} x {steps} | {read:.2f} | {replay:.2f} | {whole:.1f} | "
            f"{replay / trials * 1e6:.2f} | {peak:.0f} |",
            flush=True,
        )
    print()


def big(trials: int, steps: int, folder: str) -> None:
    """Write a history of one large study."""
    made = Study.from_arrays(curves("mixed", trials, steps), "minimize", name="large")
    append(Place(folder), [Input("generated", "0", "generated", [made])], None)


def main() -> None:
    """Print every table, in Markdown."""
    words = argparse.ArgumentParser()
    words.add_argument("--studies", type=int, default=20_000)
    words.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "esim-scale")
    words.add_argument("--engines", default="local,threads")
    words.add_argument("--large", default="10000x50,100000x50,1000000x50,100000x100")
    told: Any = words.parse_args()
    print("# Measured\n")
    print(
        f"`python -m tests.benchmarks.scale`; Python {platform.python_version()}, NumPy "
        f"{np.__version__}, numba {numba.__version__}, {os.cpu_count()} cores, esim "
        f"{esim.__version__}.\n"
    )
    told.folder.mkdir(parents=True, exist_ok=True)
    if told.studies:
        there = history(told.folder / f"history-{told.studies}", told.studies)
        through_engines(there, told.folder, told.engines.split(","))
    if told.large:
        sizes = [tuple(map(int, part.split("x"))) for part in told.large.split(",")]
        large_studies(sizes)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
