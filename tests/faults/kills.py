"""Commands killed at random moments: `python -m tests.faults.kills --count 50`.

After each kill no process is left, what stands at --out is whole or not there, and the next run
gives the same bytes as one that nobody disturbed and leaves nothing else behind. Prints a table and
exits with 1 if anything else happened.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import esim
from esim.storage.history import Location, layout
from esim.storage.history.write import Input, append
from tests.fetch.aws import FakeAws, environment, served
from tests.paths import DATA, ROOT

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
ENDED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
WAIT_S = 20.0  # after a signal everything has ended
TO_ALL = 0.5  # share of the signals that reach all processes, as Ctrl-C on a terminal does
BAD_WORDS = (b"Error", b"Traceback", b"ignored", b"leaked", b"Interrupt")
MARK = "ESIM_TESTED_PROCESS"


@dataclass(frozen=True)
class Case:
    """A command whose last words are `--out` and a place, or only the place.

    Attributes:
        name: what is killed.
        words: of the command, without the place.
        out: the name of the place in an empty folder.
        env: variables that it needs.
        stays: names beside the place that an interrupted run leaves for the next one.
        may_be_cut: whether the place may hold a part after a kill, which readers can tell.
    """

    name: str
    words: tuple[str, ...]
    out: str
    env: Mapping[str, str] = field(default_factory=dict)
    stays: tuple[str, ...] = ()
    may_be_cut: Callable[[Path], bool] = lambda out: False

    def start(self, folder: Path, *more: str) -> subprocess.Popen[bytes]:
        """Start the command with the place in this folder, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "esim", *self.words, str(folder / self.out), *more],
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.env, MARK: str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def contents(place: Path) -> dict[str, bytes]:
    """The files of a folder, or the one file."""
    if place.is_file():
        return {"": place.read_bytes()}
    found = (path for path in sorted(place.rglob("*")) if path.is_file())
    return {str(path.relative_to(place)): path.read_bytes() for path in found}


def marked(folder: Path) -> list[int]:
    """The processes that were started for this folder and are still there."""
    mark = f"{MARK}={folder}\0".encode()
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            alive = b" Z " not in (each / "stat").read_bytes().rpartition(b")")[2][:3]
            if alive and mark in (each / "environ").read_bytes():
                found.append(int(each.name))
        except OSError:
            continue
    return found


def kill_once(
    case: Case, expected: Mapping[str, bytes], what: signal.Signals, after_s: float, to_all: bool
) -> str:
    """Kill a run of a command after so many seconds; returns what went wrong, or how it ended."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = case.start(folder)
        time.sleep(after_s)
        with suppress(ProcessLookupError):
            os.killpg(run.pid, what) if to_all else run.send_signal(what)
        began = time.monotonic()
        try:
            said, _ = run.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            for pid in marked(folder):
                os.kill(pid, signal.SIGKILL)
            return f"something holds the output {WAIT_S:g} s later"
        took = time.monotonic() - began
        while marked(folder) and time.monotonic() - began < WAIT_S:
            time.sleep(0.02)
        if left := marked(folder):
            return f"{len(left)} processes left"
        if what is signal.SIGINT and said.endswith(b"KeyboardInterrupt\n") and b"esim/" not in said:
            return "ended"  # while Python itself began
        if run.returncode not in (0, ENDED[what], -what):
            return f"exit code {run.returncode}: {said.decode()[-300:]}"
        if what is not signal.SIGKILL and any(word in said for word in BAD_WORDS):
            return f"exit code {run.returncode} with words: {said.decode()[-600:]}"
        out = folder / case.out
        if out.exists() and not case.may_be_cut(out) and contents(out) != expected:
            return "half-written output"
        beside = {path.name for path in folder.iterdir()} - {case.out, *case.stays}
        if beside and what is not signal.SIGKILL:
            return f"left behind: {sorted(beside)}"
        again = case.start(folder)
        words, _ = again.communicate()
        if again.returncode:
            return f"the next run ends with {again.returncode}: {words.decode()[-300:]}"
        if contents(out) != expected:
            return "the next run gives other bytes"
        beside = {path.name for path in folder.iterdir()} - {case.out}
        if beside:
            return f"left behind by the next run: {sorted(beside)}"
        ended = "finished" if run.returncode == 0 else "ended"
        return ended if took < 5 else f"{ended} after more than 5 s"


def undisturbed(case: Case) -> tuple[dict[str, bytes], float]:
    """What a run writes that nobody disturbs, and how long it takes."""
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        run = case.start(Path(name))
        said, _ = run.communicate()
        took = time.monotonic() - began
        if run.returncode:
            raise RuntimeError(said.decode())
        return contents(Path(name) / case.out), took


@contextmanager
def cases(folder: Path) -> Iterator[list[Case]]:
    """Replay of a history by two workers, convert, fetch and report; inputs stand in the folder."""
    history, logs, result = folder / "history", folder / "logs", folder / "result"
    before, layout.ROWS = layout.ROWS, 4_000
    rng = np.random.default_rng(0)
    studies = [
        esim.Study.from_arrays(
            rng.lognormal(size=(40, 1)) / np.arange(1, 21) + 0.1 * rng.standard_normal((40, 20)),
            "minimize",
            name=f"s{i:03d}",
        )
        for i in range(60)
    ]
    append(Location(str(history)), [Input("in", "0", "table", studies)], None)
    layout.ROWS = before
    for study in studies[:20]:
        study.to_parquet(logs / study.name)
    esim_once("replay", str(DATA / "tiny" / "sagemaker"), "--out", str(result))
    account = FakeAws()
    account.add_export(DATA / "xgboost_digits" / "sagemaker", 8)
    account.delay_s = 0.01  # so that there is a time to be killed in
    (job,) = account.tuning_jobs
    with served(account) as address:
        yield [
            Case(
                "replay --jobs 2",
                ("replay", str(history), "--jobs", "2", "--out"),
                "out",
                stays=("out.partial",),
            ),
            Case(
                "convert",
                ("convert", *(str(logs / study.name) for study in studies[:20])),
                "history",
                may_be_cut=lambda out: not (out / layout.INDEX).exists(),
            ),
            Case(
                "fetch",
                ("fetch", "sagemaker", job, "--out"),
                "job",
                env=environment(address),
                may_be_cut=lambda out: not list(out.glob("describe-hyper-*")),
            ),
            Case("report", ("report", str(result), "--out"), "report.html"),
        ]


def esim_once(*words: str) -> None:
    """Run a command to its end."""
    subprocess.run(
        [sys.executable, "-m", "esim", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def kill_all(
    chosen: list[Case], count: int, seed: int = 0, signals: tuple[signal.Signals, ...] = SIGNALS
) -> dict[tuple[str, str], Counter[str]]:
    """Kill each command so often with each signal: (command, signal) -> outcome -> how often."""
    moments = random.Random(seed)
    table: dict[tuple[str, str], Counter[str]] = {}
    for case in chosen:
        expected, took = undisturbed(case)
        for what in signals:
            found = table.setdefault((case.name, what.name), Counter())
            for _ in range(count):
                after_s, to_all = moments.uniform(0, took), moments.random() < TO_ALL
                found[kill_once(case, expected, what, after_s, to_all)] += 1
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose names hold this")
    asked = parser.parse_args()
    # Started in the background by a shell, it ignores SIGINT, and so would the commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp())
    good = True
    try:
        with cases(folder) as known:
            chosen = [case for case in known if asked.only in case.name]
            for (name, what), found in kill_all(chosen, asked.count, asked.seed).items():
                for outcome, times in found.most_common():
                    print(f"{name} | {what} | {times} | {outcome}", flush=True)
                    good = good and outcome in ("ended", "finished")
    finally:
        shutil.rmtree(folder)
    sys.exit(not good)


if __name__ == "__main__":
    main()
