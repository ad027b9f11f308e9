"""What comparing rules, and forecasting, over a history costs as it grows.

`python -m tests.benchmarks.scale_compare [--sizes 120,300,1000] [--folder DIR]`: studies of 100
trials x 50 steps; `esim compare` with 3 rules x 20 launch orders and `esim estimate` with 100
replicates, on 2 local processes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.scale import history

COMMANDS = {
    "compare": ["--rules", "sagemaker,optuna-median,vizier-median", "--orders", "20"],
    "estimate": ["--replicates", "100"],
}
MEASURED = """
import resource, sys, time
from esim.cli import app
if __name__ == "__main__":
    start = time.perf_counter()
    app(sys.argv[1:], standalone_mode=False)
    seconds = time.perf_counter() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(seconds, *(x for u in used for x in (u.ru_utime + u.ru_stime, u.ru_maxrss / 1024)),
          file=sys.stderr)
"""


def main() -> None:
    """Print one table, in Markdown."""
    words = argparse.ArgumentParser()
    words.add_argument("--sizes", default="120,300,1000")
    words.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "esim-scale")
    told: Any = words.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    script = told.folder / "esim_measured.py"
    script.write_text(MEASURED)
    print("| command | studies | s | CPU s, driver | CPU s, workers | CPU ms a study more, workers "
          "| peak MB, driver | kB a study more | peak MB, a worker |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for command, options in COMMANDS.items():
        before: tuple[int, float, float] | None = None
        for studies in map(int, told.sizes.split(",")):
            there = history(told.folder / f"history-{studies}", studies)
            run = subprocess.run(
                [sys.executable, str(script), command, str(there.location), *options, "--jobs", "2",
                 "--json"],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            seconds, here, driver, there_s, worker = map(float, run.stderr.split()[-5:])
            more = "- | -"
            if before is not None:
                new = studies - before[0]
                more = f"{(there_s - before[1]) / new * 1e3:.0f} | "
                more += f"{(driver - before[2]) / new * 1024:.0f}"
            before = studies, there_s, driver
            cpu, memory = more.split(" | ")
            print(
                f"| {command} | {studies:,} | {seconds:.0f} | {here:.0f} | {there_s:.0f} | {cpu} "
                f"| {driver:.0f} | {memory} | {worker:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
