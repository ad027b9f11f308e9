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
        together: all at one moment, each page divided among the processes that share it (PSS).
            A library's pages count whole, though processes outside share them: at least as much
            as the largest process maps.
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
            began, own, files, file = time.perf_counter(), 0.0, 0.0, 0.0
            for pid in _tree(process.pid):
                status, shares = _megabytes(pid, "status"), _megabytes(pid, "smaps_rollup")
                most[pid] = max(most.get(pid, 0.0), status.get("VmHWM", 0.0))
                own += shares.get("Pss_Anon", 0.0) + shares.get("Pss_Shmem", 0.0)
                files += shares.get("Pss_File", 0.0)
                file = max(file, status.get("RssFile", 0.0))
            together[0] = max(together[0], own + max(files, file))
            pause = max(0.05, 20 * (time.perf_counter() - began))  # at most 5 % of a core

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    driver = most.pop(process.pid, 0.0)
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


def _megabytes(pid: int, file: str) -> dict[str, float]:
    """The lines in kB of a file of /proc/PID; none where the process has ended."""
    with suppress(OSError):
        rows = map(str.split, Path(f"/proc/{pid}/{file}").read_text().splitlines())
        return {row[0][:-1]: int(row[1]) / 1024 for row in rows if row[-1] == "kB"}
    return {}
