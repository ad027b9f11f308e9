"""Cuts off a user's regex that would take for ever on one line (nested repeats such as (a+)+).

Python's `re` answers signals while it matches, and only the main thread has those. In another
thread a regex with a repeat inside a repeat first runs in a process of its own, which has a main
thread; any other regex is not known to take longer than a power of the line's length.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from operator import length_hint
from re import _parser  # type: ignore[attr-defined]  # what `re` itself parses with; 3.11 on
from types import FrameType, TracebackType
from typing import Any, TypeVar

from esim.errors import EsimError
from esim.readers.options import Metric
from esim.readers.text.log_text import LogText
from esim.study import Int64

T = TypeVar("T")

LIMIT_S = 5.0  # on one line; a sound regex takes microseconds


class Watch:
    """While entered, raises EsimError if `at` stays the same for LIMIT_S to 2 LIMIT_S seconds.

    Attributes:
        at: where in `data` the line begins that is being matched.

    Only in the main thread and on a system with timers; elsewhere nothing is watched.
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
        self._on = hasattr(signal, "setitimer") and _in_main_thread()

    def follow(self, items: Sequence[T], places: Int64) -> Iterator[T]:
        """Goes through items that are matched one by one, each at its place in `data`.

        It costs nothing: when somebody looks, what is left of the items tells where it is.
        """
        items_left = iter(items)
        self._items, self._places = items_left, places
        return items_left

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
        if len(self._places):
            left = min(length_hint(self._items), len(self._places) - 1)
            self.at = int(self._places[-1 - left])
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


def rehearse(metric: Metric, text: LogText) -> None:
    """Outside the main thread, runs a regex with a repeat inside a repeat where it can be watched.

    Raises:
        EsimError: as `Watch`.
    """
    if _in_main_thread() or not nests_repeats(metric.regex.pattern):
        return
    done = subprocess.run(
        [sys.executable, "-c", "from esim.readers.text.rehearsal import run; run()"],
        input=pickle.dumps((metric.name, metric.regex.pattern, text)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
        capture_output=True,
        check=False,
    )
    if done.stdout:
        raise EsimError(**pickle.loads(done.stdout))


def nests_repeats(pattern: str) -> bool:
    """Whether an unbounded repeat stands inside another: only those take exponential time."""
    return _nests(_parser.parse(pattern), inside=False)


def _nests(tree: Iterable[Any], inside: bool) -> bool:
    for operator, argument in tree:
        again = inside
        if str(operator) in ("MAX_REPEAT", "MIN_REPEAT"):
            again = argument[1] == _parser.MAXREPEAT
            if again and inside:
                return True
            again = again or inside
        parts = argument if isinstance(argument, list | tuple) else [argument]
        flat = [p for part in parts for p in (part if isinstance(part, list) else [part])]
        if any(_nests(p, again) for p in flat if isinstance(p, _parser.SubPattern)):
            return True
    return False


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
