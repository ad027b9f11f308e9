"""How long a person waits: `python -m tests.benchmarks.commands [--python PYTHON] [--before PATH]`.

Whole processes, from the shell's point of view, in turn: each command on the job of 120 trials in
data/, kernels kept, and `import pandas` beside it as the measure of the machine. With `--before`,
the same of another checkout. Then the first run with nothing kept but Python's bytecode, which an
installation leaves. `--python` is the interpreter of an environment that a user has, without the
libraries of tests: `pip install .` and nothing else.
Prints a Markdown table; the page is `reports/benchmark-commands.md`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.timing import load, machine
from tests.paths import ROOT

BYTECODE = tempfile.mkdtemp()  # of all modules, as pip writes it where it installs
DATA = "data/xgboost_digits/sagemaker"
COMMANDS = {
    "replay": ["replay", DATA],
    "estimate": ["estimate", DATA, "--trials", "50", "--workers", "4"],
    "compare": ["compare", DATA],
    "explain": ["explain", DATA, "xgboost-digits-003-6ec67963"],
    "check": ["check", DATA],
    "replay --out": ["replay", DATA, "--out", "OUT"],  # tables, and 8 figures as SVG and PNG
    "report": ["report", "OUT"],
}


def seconds(python: str, words: list[str], checkout: Path, cache: str) -> float:
    """What a process takes, its output thrown away. OUT in its words is a folder in the cache's."""
    words = [str(Path(cache) / word) if word == "OUT" else word for word in words]
    own = {**os.environ, "PYTHONPATH": str(checkout), "NUMBA_CACHE_DIR": cache}
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    own["PYTHONPYCACHEPREFIX"] = BYTECODE
    began = time.perf_counter()
    subprocess.run([python, *words], cwd=checkout, env=own, check=False, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--times", type=int, default=9)
    asked = parser.parse_args()
    checkouts = {"before": asked.before.resolve()} if asked.before else {}
    checkouts["now"] = ROOT
    print(f"{machine()}; medians of {asked.times} runs, in turn; seconds and ratio\n")
    caches = {name: tempfile.mkdtemp() for name in checkouts}
    pandas = ["-c", "import pandas"]
    for path in checkouts.values():  # leaves the bytecode
        seconds(asked.python, ["-m", "esim", "replay", DATA], path, tempfile.mkdtemp())
    first = {
        name: seconds(asked.python, ["-m", "esim", "replay", DATA], path, caches[name])
        for name, path in checkouts.items()
    }
    heads = [f"{name} | / import pandas" for name in checkouts]
    print(f"| command | import pandas | {' | '.join(heads)} |")
    print("|---|" + "--:|" * (1 + 2 * len(checkouts)))
    warm: dict[tuple[str, str], float] = {}
    for label, words in COMMANDS.items():
        taken: dict[str, list[float]] = {name: [] for name in ("pandas", *checkouts)}
        for name, path in checkouts.items():
            seconds(asked.python, ["-m", "esim", *words], path, caches[name])
        for _ in range(asked.times):
            taken["pandas"].append(seconds(asked.python, pandas, ROOT, caches["now"]))
            for name, path in checkouts.items():
                taken[name].append(
                    seconds(asked.python, ["-m", "esim", *words], path, caches[name])
                )
        middle = {name: float(np.median(values)) for name, values in taken.items()}
        cells = []
        for name in checkouts:
            warm[name, label] = middle[name]
            cells.append(f"{middle[name]:.2f} | {middle[name] / middle['pandas']:.2f}")
        print(f"| `esim {label}` | {middle['pandas']:.2f} | {' | '.join(cells)} |", flush=True)
    print("\nThe first `esim replay`, with nothing kept, takes longer by:")
    for name in checkouts:
        print(f"- {name}: {first[name] - warm[name, 'replay']:.1f} s")
    print(f"\nLoad average at the end {load()}.")


if __name__ == "__main__":
    main()
