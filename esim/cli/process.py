"""The process around a command: standard streams that cannot break it, and signals that end it.

- A standard stream that is closed (``>&-``) leads nowhere, and so does one that fails, from then
  on: the command does its work to the end. A reader that has seen enough (``| head``) is no fault;
  any other failure, such as a full disk, is told and makes the exit code 1.
- A character that a stream's encoding lacks is written as a similar one, or written out.
- No line ends with blanks, unless it is on a terminal.
- SIGINT, SIGTERM and SIGHUP end the command as an error does, so that nothing half-written stays
  behind; the exit code is 128 and the signal's number. A second one ends it at once.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType, TracebackType
from typing import Any

from esim.errors import EsimError, clean

_STREAMS = ("stdin", "stdout", "stderr")  # in the order of their descriptors
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_SIMILAR = str.maketrans(
    {"–": "-", "…": "...", "·": "-", "─": "-", "━": "-", "█": "#", "◆": "*", "\xa0": " "}
    | {"│": "|", "╸": "-", "╺": "-"}
    | dict.fromkeys("╭╮╰╯", "+")
)
_BLANKS = re.compile(" +(?=\n)")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_LONGEST = 2000  # characters in a line of a traceback


def run(command: Callable[[], Any]) -> int:
    """Run a command, and return its exit code: that of its SystemExit, or 1 for an EsimError."""
    _open_closed_streams()
    outlets = [outlet for name in _STREAMS[1:] if (outlet := _replaced(name)) is not None]
    sys.excepthook = _show_bug
    with _signals() as ended_by:
        code = 0
        try:
            command()
        except EsimError as error:
            print(f"esim: {error}", file=sys.stderr)
            code = 1
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else bool(end.code)
        except Exception:
            if not ended_by:  # else what a library made of it
                raise
    if ended_by:
        return 128 + ended_by[0]
    sys.stdout.flush()
    for outlet in outlets:
        if outlet.failure is not None and outlet.failure.errno != errno.EPIPE:
            print(f"esim: cannot be printed: {outlet.failure.strerror}", file=sys.stderr)
            code = code or 1
    return code


def print_document(text: str) -> None:
    """Print JSON: as UTF-8, or in ASCII where the output has another encoding."""
    if codecs.lookup(sys.stdout.encoding).name != "utf-8":
        text = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    print(text)


class _Outlet(io.RawIOBase):
    """A standard stream that, once it has failed, leads nowhere.

    Attributes:
        failure: why it failed; None if it did not.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write some of the data, and return how many bytes."""
        while self.failure is None:
            try:
                written = self._raw.write(data)
            except OSError as error:
                self.failure = error
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # a full pipe that whoever made it set not to block
        return memoryview(data).nbytes

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The number of its descriptor."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._raw.isatty()


class Steady(io.TextIOWrapper):
    """A stream of text to which any character can be written, in whatever encoding.

    Where it is no terminal, blanks before the end of a line are left out.

    Args:
        raw: where its bytes go.
        encoding: a character that it lacks is written as a similar one, or written out.
    """

    def __init__(self, raw: io.RawIOBase, encoding: str) -> None:
        codecs.register_error("esim", _similar)
        buffer = io.BufferedWriter(raw)
        super().__init__(buffer, encoding=encoding, errors="esim", line_buffering=True)
        self._trimmed = not raw.isatty()

    def write(self, text: str, /) -> int:
        """Write text, and return its length."""
        super().write(_BLANKS.sub("", text) if self._trimmed else text)
        return len(text)


def _open_closed_streams() -> None:
    """Let standard streams that are closed lead nowhere: the next file would take their place."""
    for number, name in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            nowhere = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, nowhere)


def _replaced(name: str) -> _Outlet | None:
    """Put an outlet in the place of a standard stream; None if a program has replaced it itself."""
    stream = getattr(sys, name)
    if stream is not getattr(sys, f"__{name}__") or not isinstance(stream, io.TextIOWrapper):
        return None
    raw: Any = getattr(stream.buffer, "raw", stream.buffer)  # the latter under python -u
    outlet = _Outlet(raw)
    setattr(sys, name, Steady(outlet, stream.encoding))
    return outlet


def _similar(error: UnicodeError) -> tuple[str, int]:
    """What is written in the place of characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    similar = error.object[error.start : error.end].translate(_SIMILAR)
    return similar.encode("ascii", "backslashreplace").decode(), error.end


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Inside, signals that end a process raise SystemExit; the list holds the one that came."""
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if came:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        came.append(number)
        raise SystemExit(128 + number)

    def unraisable(lost: Any) -> None:
        if came and lost.exc_type is SystemExit:  # raised where it cannot be, as in a finalizer
            Timer(0.01, signal.raise_signal, (came.pop(),)).start()
        else:
            sys.__unraisablehook__(lost)

    sys.unraisablehook = unraisable
    before = {}
    for number in (getattr(signal, name) for name in _ENDING if hasattr(signal, name)):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            before[number] = signal.signal(number, end)
    try:
        yield came
    finally:
        if not came:  # else a second one still ends what is waited for
            sys.unraisablehook = sys.__unraisablehook__
            for number, handler in before.items():
                signal.signal(number, handler)


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    for line in "".join(traceback.format_exception(kind, error, trace)).splitlines():
        print(clean(line, _LONGEST), file=sys.stderr)
