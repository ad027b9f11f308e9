"""Cuts off a user's regex that would take for ever on one line (nested repeats such as (a+)+)."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from esim.errors import EsimError
from esim.readers.options import Metric
from esim.readers.sagemaker.text import LogText

LIMIT_S = 5.0  # on one line; a sound regex takes microseconds


class Watch:
    """While entered, raises EsimError if `at` stays the same for LIMIT_S to 2 LIMIT_S seconds.

    Attributes:
        at: where in `data` the line begins that is being matched.

    Python's `re` answers signals while it matches, so this needs the main thread and a system with
    timers; elsewhere nothing is watched.
    """

    def __init__(
        self, metric: Metric, text: LogText, data: bytes, limit_s: float = LIMIT_S
    ) -> None:
        self.metric, self.text, self.data, self.limit_s = metric, text, data, limit_s
        self.at = 0
        self._seen = -1
        self._before: Any = None
        self._on = hasattr(signal, "setitimer") and (
            threading.current_thread() is threading.main_thread()
        )

    def __enter__(self) -> Watch:
        if self._on and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0:
            self._before = signal.signal(signal.SIGALRM, self._tick)
            signal.setitimer(signal.ITIMER_REAL, self.limit_s, self.limit_s)
        else:
            self._on = False  # somebody else's timer is left alone
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._on:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._before)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        if self.at == self._seen:
            row = self.data.count(b"\n", 0, self.at)
            line = row + 1 if self.text.lines is None else self.text.lines[row]
            raise EsimError(
                f"the regex of metric {self.metric.name!r} takes too long",
                where=f"{self.text.where}:{line}",
                why=f"more than {self.limit_s:g} s on one line: {self.metric.regex.pattern}",
                fix="avoid a repeat inside a repeat, such as (a+)+ or (.*)*",
            )
        self._seen = self.at
