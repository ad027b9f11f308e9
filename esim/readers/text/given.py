"""Scans log text for a regex that a user gave, in bounded time in whatever thread.

In the main thread a timer ends it (`watch.py`). Anywhere else, as in a dask worker, it is scanned
by a process of its own, in whose main thread the same timer works. That process is started when it
is first needed, serves all threads, and ends with this one.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from typing import Any, BinaryIO, cast

from esim.errors import EsimError
from esim.readers.options import Metric
from esim.readers.text.log_text import Emissions, LogText
from esim.readers.text.scan import scan
from esim.readers.text.watch import Spent, bounded, can_watch, spent


def scan_given(text: LogText, metric: Metric) -> Emissions:
    """Find what a user's regex matches, as `scan` does.

    Args:
        text: the text.
        metric: the metric with its regex.

    Raises:
        EsimError: the regex takes too long, or the process that scans was ended.
    """
    return scan(text, metric) if can_watch() else _OTHER.scan(text, metric)


class OtherProcess:
    """A process that scans, one text at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self._owner = -1

    def scan(self, text: LogText, metric: Metric) -> Emissions:
        """What `scan` returns or raises there."""
        so_far = spent()
        with self._lock:
            try:
                answer, total = self._ask((text, metric, so_far))
            except BaseException as error:
                self.end()  # what it answers later would be taken for the next answer
                if isinstance(error, OSError | EOFError):
                    raise EsimError(
                        "the process that searches log text has ended",
                        where=text.where,
                        why=f"the regex of metric {metric.name!r}: {metric.regex.pattern}",
                        fix="run it again; what ends processes is mostly a lack of memory",
                    ) from error
                raise
        so_far.seconds, so_far.size = total.seconds, total.size
        if isinstance(answer, dict):
            raise EsimError(**answer)
        return cast(Emissions, answer)

    def _ask(self, request: object) -> Any:
        if self._owner != os.getpid():  # a fork has no process of its own yet
            self.process, self._owner = _started(), os.getpid()
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        pickle.dump(request, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
        process.stdin.flush()
        return pickle.load(process.stdout)

    def end(self) -> None:
        """End it; it is started again when it is needed."""
        if self.process is not None and self._owner == os.getpid():
            self.process.kill()
            self.process.communicate()
        self.process, self._owner = None, -1


SERVE = "from esim.readers.text.given import serve; serve()"
_OTHER = OtherProcess()
if hasattr(os, "register_at_fork"):  # a thread of the parent may hold the lock
    os.register_at_fork(after_in_child=lambda: setattr(_OTHER, "_lock", threading.Lock()))


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def serve() -> None:
    """In the process that scans: answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what else would be printed is no answer
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        pickle.dump(_answer(*requests.get()), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _receive(stream: BinaryIO, requests: queue.SimpleQueue[Any]) -> None:
    """Put requests into a queue; end the process when the one that sends them has ended."""
    try:
        while True:
            requests.put(pickle.load(stream))
    except EOFError:
        os._exit(0)


def _answer(text: LogText, metric: Metric, so_far: Spent) -> tuple[object, Spent]:
    with bounded(so_far):
        try:
            return scan(text, metric), so_far
        except EsimError as error:
            return {key: getattr(error, key) for key in ("what", "where", "why", "fix")}, so_far
