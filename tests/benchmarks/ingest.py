"""Reading log text beside ripgrep: `python -m tests.benchmarks.ingest [--mb 1000]`.

Writes a tuning job of 100 jobs, one metric line in 20, to a temporary folder; then `rg -c` and
esim in turn, on warm files. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from esim import read_study
from esim.readers.options import Metric
from esim.readers.sagemaker.scan import required_literals

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


def write(folder: Path, megabytes: int, metric: str, regex: str, form: str) -> int:
    """The export; returns how many metric lines it holds."""
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
        (folder / f"{name}.log").write_text("".join(lines))
        count += k
    return count


def ripgrep(folder: Path, regex: str, threads: int) -> tuple[float, int]:
    began = time.perf_counter()
    run = subprocess.run(
        ["rg", "-c", f"-j{threads}", "--no-filename", "-g", "*.log", regex, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - began, sum(int(line) for line in run.stdout.split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    if shutil.which("rg") is None:
        sys.exit("ripgrep (rg) is not installed")
    print(f"{chosen.mb} MB in {JOBS} files, 1 metric line in 20; best of {chosen.repeats}\n")
    print("| lines of | metric lines | rg -j1 | rg -j2 | esim.read_study | esim / rg -j1 | peak |")
    print("|---|---|---|---|---|---|---|")
    for kind, (metric, regex, form) in KINDS.items():
        assert required_literals(Metric.compile(metric, regex, "").regex)
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "logs"
            count = write(folder, chosen.mb, metric, regex, form)
            times: dict[str, list[float]] = {"1": [], "2": [], "esim": []}
            for _ in range(chosen.repeats):
                for threads in (1, 2):
                    seconds, matches = ripgrep(folder, regex, threads)
                    assert matches == count
                    times[str(threads)].append(seconds)
                began = time.perf_counter()
                study = read_study(folder)
                times["esim"].append(time.perf_counter() - began)
                assert study.n_reports == count
            best = {key: min(values) for key, values in times.items()}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {kind} | {count:,} | {best['1']:.2f} s | {best['2']:.2f} s | {best['esim']:.2f} s "
            f"| {best['esim'] / best['1']:.1f} | {peak:.0f} MB |"
        )


if __name__ == "__main__":
    main()
