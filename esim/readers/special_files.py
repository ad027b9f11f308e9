"""Reads what is no regular file, and can be read only once: standard input, pipes and devices."""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from pathlib import Path
from typing import BinaryIO

from esim.errors import EsimError
from esim.readers.limits import limits, too_large

STDIN = "-"  # the path that stands for standard input
WAIT_S = 10.0  # for a program that writes into a named pipe
_PIECE = 1 << 20


def is_special(path: Path) -> bool:
    """Whether a path is standard input, or neither a regular file nor a folder.

    Raises:
        OSError: there is nothing.
    """
    if str(path) == STDIN:
        return True
    mode = path.stat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def contents_of(path: Path) -> bytes:
    """All that there is to be read.

    Raises:
        EsimError: it is more than `Limits.size`, or nobody writes into a named pipe.
        OSError: it cannot be opened or read.
    """
    if str(path) == STDIN:
        if sys.stdin is None:
            raise EsimError("standard input is closed", where=STDIN)
        return _up_to_limit(sys.stdin.buffer, path)
    # A shell's pipe, /dev/fd/63, has no place in the file system, and its program has begun.
    awaited = stat.S_ISFIFO(path.stat().st_mode) and path.resolve().exists()
    with open(path, "rb", buffering=0, opener=_at_once if awaited else None) as stream:
        begun = _first_of(stream.fileno(), path) if awaited else b""
        return begun + _up_to_limit(stream, path)


def _at_once(path: str, flags: int) -> int:
    """Opens a pipe without waiting until another program opens it for writing."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _first_of(pipe: int, path: Path) -> bytes:
    """The first bytes in a pipe, after which reading it waits for more.

    Raises:
        EsimError: no program has opened it for writing within WAIT_S seconds.
    """
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends:
        try:
            found = os.read(pipe, _PIECE)
        except BlockingIOError:  # a program has opened it, and has not written yet
            found = None
        if found is None or found:
            os.set_blocking(pipe, True)
            return found or b""
        time.sleep(0.01)
    raise EsimError(
        "nothing is written into the pipe",
        where=str(path),
        why=f"waited for {WAIT_S:g} s",
        fix="start the program that writes into it first, or name a file",
    )


def _up_to_limit(stream: BinaryIO | io.FileIO, path: Path) -> bytes:
    whole = io.BytesIO()
    limit = limits().size
    while piece := stream.read(_PIECE):
        whole.write(piece)
        if whole.tell() > limit:
            raise too_large("the input", str(path), limit)
    return whole.getvalue()
