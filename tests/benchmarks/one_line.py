"""How the time of reading one line grows with its length: `python -m tests.benchmarks.one_line`.

For each form of the table of algorithms, hostile lines of 16 KB to 16 MB: repeats of what the form
begins with, of digits, and of its own sample line. Prints a Markdown table of nanoseconds a byte
and how often the time of the longest line is that of the line of 256 KB, per byte. The page is
`reports/benchmark-one-line.md`.

    python -m tests.benchmarks.one_line --taskset

compares `esim replay` of a TaskSet JSON of one line with the same and `--format taskset`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from esim.readers.text.algorithms import LINE_FORMS
from esim.readers.text.controls import seen
from esim.readers.text.forms import LineForm, Sample, TableForm
from esim.readers.text.index_forms import BAR, STEP_FORMS
from esim.readers.text.log_text import LogText
from esim.readers.text.scan import scan
from esim.readers.text.suggest import candidates
from tests.benchmarks.timing import in_turn

LENGTHS = [16 << 10, 256 << 10, 4 << 20, 16 << 20]


def hostile(sample: Sample) -> list[str]:
    """What lines are made of: a sample, its begin, its begin and a digit, and digits."""
    line = sample.line
    at = line.find(f"{sample.value}"[:3])
    begin = line[: at if at > 0 else len(line) // 2]
    return [line + " ", begin, begin + "9", "9", begin[-8:]]


def seconds(form: LineForm | TableForm, sample: Sample, unit: str, length: int) -> float:
    """The time of all that is done with a line for a form, the better of two."""
    line = seen((unit * (length // len(unit) + 1)).encode())[0][:length].decode("utf-8", "replace")
    text = LogText("x.log", f"{sample.header}\n{line}".encode())
    best = float("inf")
    for _ in range(2):
        began = time.perf_counter()
        own = form.metric_in(text, sample.metric)
        if own is not None:
            scan(text, own)
        for _ in form.names_in(line):
            pass
        best = min(best, time.perf_counter() - began)
    return best


def stages(unit: str, length: int) -> dict[str, float]:
    """The time of the other stages on a line."""
    line = unit * (length // len(unit) + 1)
    data = line.encode()
    found = {}
    for name, action in {
        "index forms": lambda: [sum(1 for _ in f.regex.finditer(line)) for f in (BAR, *STEP_FORMS)],
        "control characters": lambda: seen(data),
        "what to try next": lambda: candidates([LogText("x.log", data)]),
    }.items():
        began = time.perf_counter()
        action()
        found[name] = time.perf_counter() - began
    return found


def taskset(trials: int, steps: int) -> None:
    """Whole processes, in turn."""
    curves = np.random.default_rng(0).random((trials, 3, steps)).round(6).tolist()
    entries = [
        {"hp": {"learning_rate": 0.1}}
        | {
            data: {"loss": losses}
            for data, losses in zip(("train", "valid", "test"), c, strict=True)
        }
        for c in curves
    ]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "task.json"
        path.write_text(json.dumps(entries))
        base = [sys.executable, "-m", "esim", "replay", str(path), "--json"]

        def run(*given: str) -> None:
            subprocess.run([*base, *given], capture_output=True, check=True)

        plain, named = in_turn(run, lambda: run("--format", "taskset"), times=5)
    print("| TaskSet JSON on one line | recognised s | --format taskset s | ratio |")
    print("|---|---|---|---|")
    print(f"| {trials} x {steps} | {plain:.2f} | {named:.2f} | {plain / named:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taskset", action="store_true")
    if parser.parse_args().taskset:
        taskset(1000, 50)
        return
    head = " | ".join(f"{length >> 10:,} KB" for length in LENGTHS)
    print(f"nanoseconds a byte of the worst line of each form\n\n| form | {head} | growth |")
    print("|---|" + "---|" * (len(LENGTHS) + 1))
    for form in LINE_FORMS:
        sample = form.samples[0]
        worst, shown = 0.0, ""
        for unit in hostile(sample):
            per_byte = [1e9 * seconds(form, sample, unit, n) / n for n in LENGTHS]
            growth = per_byte[-1] / per_byte[1]
            if growth > worst:
                worst = growth
                shown = " | ".join(f"{ns:.1f}" for ns in per_byte)
        print(f"| {form.name} | {shown} | {worst:.2f} |", flush=True)
    units = ("epoch ", "9", "loss: 0.5 ", "\x1b[1m", "a\r", "[1]\t", "step 1/", "[[[")
    for stage in stages("x", 10):
        worst, shown = 0.0, ""
        for unit in units:
            per_byte = [1e9 * stages(unit, n)[stage] / n for n in LENGTHS]
            growth = per_byte[-1] / per_byte[1]
            if growth > worst:
                worst = growth
                shown = " | ".join(f"{ns:.1f}" for ns in per_byte)
        print(f"| {stage} | {shown} | {worst:.2f} |", flush=True)


if __name__ == "__main__":
    main()
