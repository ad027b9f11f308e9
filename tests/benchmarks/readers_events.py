"""Reading event files and CSV logs beside the libraries people read them with.

    python -m pip install tensorboard
    python -m tests.benchmarks.readers_events [--trials 1000] [--steps 200]

Writes runs of two tags each (tensorboard's own record writer) and Lightning's metrics.csv to a
temporary folder, then reads each with esim and with the library, alternately, on warm files; the
least of three times counts. That both find the same numbers is checked for every run, to the bit.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from esim import read_study
from esim.study import Study

Curves = dict[str, tuple[list[int], list[float]]]


def write_events(folder: Path, trials: int, steps: int) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    values = np.random.default_rng(0).random((trials, steps, 2))
    for trial in range(trials):
        run = folder / f"run{trial}"
        run.mkdir(parents=True)
        with (run / "events.out.tfevents.1.host").open("wb") as stream:
            writer = RecordWriter(stream)
            first = Event(wall_time=1e9, file_version="brain.Event:2")
            writer.write(first.SerializeToString())
            for step in range(steps):
                for i, tag in enumerate(("train/loss", "val/loss")):
                    point = Summary.Value(tag=tag, simple_value=values[trial, step, i])
                    event = Event(wall_time=1e9 + step, step=step, summary=Summary(value=[point]))
                    writer.write(event.SerializeToString())


def accumulate(folder: Path) -> Curves:
    """EventAccumulator, keeping every scalar."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for run in folder.iterdir():
        theirs = EventAccumulator(str(run), size_guidance={"scalars": 0})
        theirs.Reload()
        points = theirs.Scalars("val/loss")
        found[run.name] = ([p.step for p in points], [p.value for p in points])
    return found


def load_only(folder: Path) -> None:
    """tensorboard's loader of one file, its events parsed and thrown away."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    for run in folder.iterdir():
        for _ in LegacyEventFileLoader(str(run / "events.out.tfevents.1.host")).Load():
            pass


def write_csv(folder: Path, trials: int, steps: int) -> None:
    values = np.random.default_rng(0).random((trials, steps))
    for trial in range(trials):
        run = folder / f"version_{trial}"
        run.mkdir(parents=True)
        lines = ["epoch,step,train_loss,val_loss"]
        for epoch in range(steps):
            lines.append(f"{epoch},{epoch * 10},{values[trial, epoch] / 2},")
            lines.append(f"{epoch},{epoch * 10},,{values[trial, epoch]}")
        (run / "metrics.csv").write_text("\n".join(lines) + "\n")


def with_pandas(folder: Path) -> Curves:
    """read_csv a run, and the rows with a value."""
    import pandas as pd

    found = {}
    for run in folder.iterdir():
        table = pd.read_csv(run / "metrics.csv")
        rows = table[table["val_loss"].notna()]
        found[run.name] = (rows["epoch"].tolist(), rows["val_loss"].tolist())
    return found


def same(study: Study, expected: Curves) -> bool:
    if set(study.trials) != set(expected):
        return False
    for i, trial in enumerate(study.trials):
        part = slice(study.offsets[i], study.offsets[i + 1])
        found = (study.steps[part].tolist(), study.values[part].tolist())
        if found != expected[trial]:
            return False
    return True


def timed(*tasks: Callable[[], Any]) -> tuple[list[float], list[Any]]:
    """The least of three times of each task, run in turn, and what each gave."""
    best = [float("inf")] * len(tasks)
    given: list[Any] = [None] * len(tasks)
    for _ in range(3):
        for i, task in enumerate(tasks):
            began = time.perf_counter()
            given[i] = task()
            best[i] = min(best[i], time.perf_counter() - began)
    return best, given


def row(fmt: str, ours: float, library: str, theirs: float, checked: str) -> None:
    print(f"| {fmt} | {ours:.2f} s | {library} {theirs:.2f} s | {ours / theirs:.2f} | {checked} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        events, logs = Path(made, "events"), Path(made, "lightning")
        write_events(events, asked.trials, asked.steps)
        write_csv(logs, asked.trials, asked.steps)

        def ours(folder: Path) -> Study:
            return read_study(folder, objective="val_loss", direction="minimize")

        times, given = timed(
            lambda: read_study(events, objective="val/loss", direction="minimize"),
            lambda: accumulate(events),
            lambda: load_only(events),
        )
        print(f"{asked.trials} trials x {asked.steps} steps\n")
        print("| format | esim | library | ratio | the same numbers |")
        print("|---|---|---|---|---|")
        checked = "yes, every run" if same(given[0], given[1]) else "NO"
        row("TensorBoard", times[0], "EventAccumulator", times[1], checked)
        row("TensorBoard", times[0], "its event file loader alone", times[2], "-")
        times, given = timed(lambda: ours(logs), lambda: with_pandas(logs))
        checked = "yes, every run" if same(given[0], given[1]) else "NO"
        row("Lightning", times[0], "pandas.read_csv", times[1], checked)


if __name__ == "__main__":
    main()
