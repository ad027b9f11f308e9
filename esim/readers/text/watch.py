"""Stops a user's regex that takes too long: on one line, as (a+)+ may, or on all lines together.

Python's `re` handles signals while it matches, but only the main thread receives signals, and no
other thread can run meanwhile. `esim.readers.text.given` is for every other thread.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from operator import length_hint
from types import FrameType, TracebackType
from typing import Any, TypeVar

from esim.errors import EsimError
from esim.readers.options import Metric
from esim.readers.text.log_text import LogText
from esim.study import Int64

T = TypeVar("T")

LIMIT_S = 5.0  # seconds on one line; a good regex takes microseconds
TOTAL_S = 30.0  # seconds on all lines of an input, and one more for each
BYTES_A_SECOND = 100_000  # of text; a good regex gets through some ten million


@dataclass
class Spent:
    """What regexes have taken so far in one call of `read_inputs`.

    Attributes:
        seconds: on the clock, but for those in which the process was suspended.
        size: the bytes of text that were searched.
    """

    seconds: float = 0.0
    size: int = 0

    def is_too_much(self, seconds: float, size: int) -> bool:
        """Whether the total is exceeded after so many more seconds and bytes."""
        return self.seconds + seconds > TOTAL_S + (self.size + size) / BYTES_A_SECOND


_SPENT: ContextVar[Spent] = ContextVar("spent")


@contextmanager
def bounded(so_far: Spent | None = None) -> Iterator[None]:
    """Bounds the total time of the regexes inside; without it, each search has its own bound.

    Args:
        so_far: what was taken before; it is added to.
    """
    before = _SPENT.set(so_far or Spent())
    try:
        yield
    finally:
        _SPENT.reset(before)


def spent() -> Spent:
    """What was taken so far inside of `bounded`."""
    return _SPENT.get(None) or Spent()


def can_watch() -> bool:
    """Whether `Watch` works here: in the main thread, on a system with timers, beside no other."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    )


class Watch:
    """A context in which matching is stopped if one line takes LIMIT_S to 2 LIMIT_S seconds.

    Or if all lines of the input together take more than TOTAL_S and the time for their size. It
    then raises EsimError. Where `can_watch` is false it only looks at the total, and at its end.

    Attributes:
        metric, text: the metric and the text that is searched, for the error.
        data: the bytes in which the lines are.
        limit_s: seconds.
        at: where in `data` the line that is being matched begins.
    """

    def __init__(
        self, metric: Metric, text: LogText, data: bytes, limit_s: float = LIMIT_S
    ) -> None:
        self.metric, self.text, self.data, self.limit_s = metric, text, data, limit_s
        self.at = 0
        self._items: Iterator[Any] = iter(())
        self._places: Sequence[int] | Int64 = ()
        self._seen = -1
        self._before: Any = None
        self._on = False
        self._began, self._ticks = 0.0, 0
        self._spent = spent()

    def follow(self, items: Sequence[T], places: Int64) -> Iterator[T]:
        """Iterate over items that are matched one by one, and know which one is being matched.

        This costs no time for an item: when the timer fires, the number of items that are left
        shows the position.

        Args:
            items: the items.
            places: int64, where in `data` the line of each item begins.
        """
        items_left = iter(items)
        self._items, self._places = items_left, places
        return items_left

    def __enter__(self) -> Watch:
        self._on = can_watch()
        self._began = time.perf_counter()
        if self._on:
            self._before = signal.signal(signal.SIGALRM, self._tick)
            signal.setitimer(signal.ITIMER_REAL, self.limit_s, self.limit_s)
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
        if kind is None:
            self._check_total(len(self.data))
        self._spent.seconds += self._seconds
        self._spent.size += len(self.data)

    @property
    def _seconds(self) -> float:
        """Since it began; a process that is suspended, as by Ctrl-Z, gets one tick at most."""
        return min(time.perf_counter() - self._began, (self._ticks + 1) * self.limit_s)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        self._ticks += 1
        if len(self._places):
            left = min(length_hint(self._items), len(self._places) - 1)
            self.at = int(self._places[-1 - left])
        if self.at == self._seen:
            raise self._error(f"more than {self.limit_s:g} s on one line")
        self._seen = self.at
        self._check_total(self.at)

    def _check_total(self, size: int) -> None:
        """Raise EsimError if the total is exceeded with so many bytes of the text searched."""
        seconds = self._seconds
        if self._spent.is_too_much(seconds, size):
            megabytes = (self._spent.size + size) / 1e6
            raise self._error(f"{self._spent.seconds + seconds:.0f} s on {megabytes:.1f} MB")

    def _error(self, why: str) -> EsimError:
        row = self.data.count(b"\n", 0, self.at)
        return EsimError(
            f"the regex of metric {self.metric.name!r} takes too long",
            where=f"{self.text.where}:{self.text.line_of(row)}",
            why=f"{why}: {self.metric.regex.pattern}",
            fix="avoid a repeat inside a repeat, such as (a+)+ or (.*)*, and .* in the middle",
        )
