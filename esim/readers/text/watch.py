"""Stops a user's regex that takes too long on one line, such as nested repeats like (a+)+.

Python's `re` handles signals while it matches, but only the main thread receives signals. In any
other thread a regex with a repeat inside a repeat is first tried in a process of its own, where it
runs in the main thread. The time of any other regex grows at most with a power of the line's
length, so it is not tried.
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

LIMIT_S = 5.0  # seconds on one line; a good regex takes microseconds


class Watch:
    """A context in which matching is stopped if one line takes LIMIT_S to 2 LIMIT_S seconds.

    It then raises EsimError. It works only in the main thread of a system that has timers, and does
    nothing elsewhere or while another timer runs.

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
        self._on = hasattr(signal, "setitimer") and _in_main_thread()

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
        if self._on and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0:
            self._before = signal.signal(signal.SIGALRM, self._tick)
            signal.setitimer(signal.ITIMER_REAL, self.limit_s, self.limit_s)
        else:
            self._on = False  # do not disturb a timer of the user's program
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
            raise EsimError(
                f"the regex of metric {self.metric.name!r} takes too long",
                where=f"{self.text.where}:{self.text.line_of(row)}",
                why=f"more than {self.limit_s:g} s on one line: {self.metric.regex.pattern}",
                fix="avoid a repeat inside a repeat, such as (a+)+ or (.*)*",
            )
        self._seen = self.at


def rehearse(metric: Metric, text: LogText) -> None:
    """Try a regex in a process of its own, if it nests repeats and this is not the main thread.

    Args:
        metric: the metric with its regex.
        text: the text that is to be searched.

    Raises:
        EsimError: the regex takes too long, as in `Watch`.
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
    """Whether a regex has an unbounded repeat inside another, the usual cause of exponential time.

    Args:
        pattern: the text of the regex.
    """
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
