"""A command's seconds and the memory of all its processes, read from Linux' /proc."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peaks:
    """The most memory held, MB, as far as samples some 50 ms apart show it.

    Attributes:
        driver: the command's own process.
        other: the largest of the processes it has started, directly or not; 0: none.
        together: all at one moment, each page divided among the processes that share it (PSS);
            a library that processes outside have open too is not theirs alone.
    """

    driver: float
    other: float
    together: float


def watched(command: list[str], env: Mapping[str, str] | None = None) -> tuple[float, Peaks]:
    """Seconds of a command, and the memory of its tree of processes."""
    most: dict[int, float] = {}
    together = [0.0]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env)
    done = threading.Event()

    def watch() -> None:
        pause = 0.0
        while not done.wait(pause):
            began, held = time.perf_counter(), 0.0
            for pid in _tree(process.pid):
                most[pid] = max(most.get(pid, 0.0), _megabytes(pid, "status", "VmHWM:"))
                held += _megabytes(pid, "smaps_rollup", "Pss:")
            together[0] = max(together[0], held)
            pause = max(0.05, 20 * (time.perf_counter() - began))  # at most 5 % of a core

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    driver = most.pop(process.pid)
    return seconds, Peaks(driver, max(most.values(), default=0.0), together[0])


def _tree(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _megabytes(pid: int, file: str, key: str) -> float:
    """A line of kB in a file of /proc/PID; 0 where the process has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    return 0.0
