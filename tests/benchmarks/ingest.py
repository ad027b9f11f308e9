"""Reading logs beside ripgrep: `python -m tests.benchmarks.ingest [--mb 1000] [--shape gz]`.

Tables, beside pandas' own reading of them: `python -m tests.benchmarks.ingest --shape csv`.

Writes a tuning job of 100 jobs, one metric line in 20, to a temporary folder; then `rg -c` with the
same regex and esim in turn, on warm files; rg with one thread, esim with one that reads and one
that hashes. Prints a Markdown table: seconds by the clock, of the processor (which other work on
the machine disturbs less) and of the thread that reads, the best of each. The page is
`reports/benchmark-ingest.md`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from esim import read_study
from tests.benchmarks.timing import in_turn

JOBS = 100
KINDS = {
    "XGBoost": (
        "validation:rmse",
        r".*\[[0-9]+\].*#011validation-rmse:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*",
        "[{k}]#011train-rmse:{a:.5f}#011validation-rmse:{a:.5f}",
    ),
    "Linear Learner": (
        "validation:objective_loss",
        r"#quality_metric: host=\S+, epoch=\S+, validation \S+_objective <loss>=(\S+)",
        "[03/22/2020 20:43:21 INFO 140403405219648] #quality_metric: host=algo-1, epoch={k}, "
        "validation mse_objective <loss>={a:.10f}",
    ),
}
NOISE = (
    "[03/22/2020 20:43:21 INFO 140403405219648] loaded batch {k} of the channel in 0.0123 s, "
    "queue 17 of 64, memory 1023 MB"
)

SHAPES = {"text": ".log", "gz": ".log.gz", "json": ".json"}
TABLES = ("csv", "parquet")


def write(
    folder: Path, megabytes: int, metric: str, regex: str, form: str, shape: str = "text"
) -> int:
    """The export; returns how many metric lines it holds. `megabytes`: of log text."""
    folder.mkdir()
    tuning = {
        "HyperParameterTuningJobName": "bench",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": metric},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"MetricDefinitions": [{"Name": metric, "Regex": regex}]}
        },
    }
    names = [f"bench-{i:03d}-0000000{i % 10}" for i in range(JOBS)]
    jobs = [{"TrainingJobName": name, "TrainingJobStatus": "Completed"} for name in names]
    (folder / "describe.json").write_text(json.dumps(tuning))
    (folder / "list.json").write_text(json.dumps({"TrainingJobSummaries": jobs}))
    stamp = "2026-11-23T{:02d}:{:02d}:{:02d}.{:03d}Z "
    each = megabytes * 1_000_000 // JOBS
    count = 0
    for name in names:
        lines: list[str] = []
        size = k = 0
        while size < each:
            for j in range(20):
                text = form.format(k=k, a=1 / (k + 1)) if j == 19 else NOISE.format(k=k * 19 + j)
                lines.append(stamp.format(k // 3600, k // 60 % 60, k % 60, j) + text + "\n")
                size += len(lines[-1])
            k += 1
        path = folder / f"{name}{SHAPES[shape]}"
        if shape == "gz":
            path.write_bytes(gzip.compress("".join(lines).encode(), 6))
        elif shape == "json":  # get-log-events, as the AWS CLI prints it
            events = [
                {"timestamp": 1795450263000 + i, "message": lines[i][25:-1]}
                for i in range(len(lines))
            ]
            path.write_text(json.dumps({"events": events}, indent=4))
        else:
            path.write_text("".join(lines))
        count += k
    return count


def ripgrep(folder: Path, regex: str, shape: str) -> tuple[float, float, int]:
    """Seconds by the clock, seconds of the processor, lines that match."""
    glob = f"bench-*{SHAPES[shape]}"
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        ["rg", "-c", "-z", "-j1", "--no-filename", "-g", glob, regex, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, worked, sum(int(line) for line in run.stdout.split())


@dataclass(frozen=True)
class Reading:
    """Seconds of ripgrep and of `read_study`: by the clock, of the processor, of the main thread.

    Each the best of its repeats.
    """

    count: int
    rg_clock: float
    rg_worked: float
    clock: float
    worked: float
    reading: float


def logs(kind: str, megabytes: int, shape: str, *, times: int) -> Reading:
    """Lines of one kind in one shape, by ripgrep and by esim in turn, on warm files."""
    metric, regex, form = KINDS[kind]
    clocks = time.perf_counter, time.process_time, time.thread_time
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "logs"
        count = write(folder, megabytes, metric, regex, form, shape)
        rg, ours = [], []
        for _ in range(times):
            clock, worked, matches = ripgrep(folder, regex, shape)
            assert matches == count
            rg.append((clock, worked))
            began = [read() for read in clocks]
            study = read_study(folder)
            ours.append([read() - at for read, at in zip(clocks, began, strict=True)])
            assert study.n_reports == count
    return Reading(count, *map(min, zip(*rg, strict=True)), *map(min, zip(*ours, strict=True)))


def table(shape: str, trials: int, steps: int, *, times: int) -> tuple[float, float]:
    """Seconds of `read_study` and of pandas, of a long table `trial, step, loss`, in turn."""
    values = np.random.default_rng(0).standard_normal((trials, steps))
    made = pd.DataFrame(
        {
            "trial": np.repeat([f"trial-{i:05d}" for i in range(trials)], steps),
            "step": np.tile(np.arange(1, steps + 1), trials),
            "loss": values.ravel(),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"reports.{shape}"
        if shape == "csv":
            made.to_csv(path, index=False)
        else:
            made.to_parquet(path, index=False)
        ours = partial(read_study, path, objective="loss", direction="minimize")
        theirs = partial(pd.read_csv if shape == "csv" else pd.read_parquet, path)
        assert np.array_equal(ours().values, values.ravel())
        seconds, pandas = in_turn(ours, theirs, times=times)
    return seconds, pandas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shape", choices=[*SHAPES, *TABLES], default="text")
    chosen = parser.parse_args()
    if chosen.shape in TABLES:
        ours, pandas = table(chosen.shape, 2_000, 500, times=chosen.repeats)
        print("| 2,000 trials x 500 steps | pandas s | esim.read_study s | ratio |")
        print("|---|---|---|---|")
        print(f"| {chosen.shape} | {pandas:.2f} | {ours:.2f} | {ours / pandas:.1f} |")
        return
    if shutil.which("rg") is None:
        sys.exit("ripgrep (rg) is not installed")
    print(
        f"{chosen.mb} MB of log text as {chosen.shape} in {JOBS} files, 1 metric line in 20; best "
        f"of {chosen.repeats}; seconds by the clock / of the processor / of the reading thread\n"
    )
    print("| lines of | metric lines | rg -j1 | esim.read_study | ratio | peak |")
    print("|---|---|---|---|---|---|")
    for kind in KINDS:
        found = logs(kind, chosen.mb, chosen.shape, times=chosen.repeats)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {kind} | {found.count:,} | {found.rg_clock:.2f} / {found.rg_worked:.2f} "
            f"| {found.clock:.2f} / {found.worked:.2f} / {found.reading:.2f} "
            f"| {found.clock / found.rg_clock:.1f} / {found.worked / found.rg_worked:.1f} / "
            f"{found.reading / found.rg_worked:.1f} | {peak:.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
