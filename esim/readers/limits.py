"""How much one input may make esim hold in memory; every reader asks here, and nothing else does.

A small file can stand for a huge one: compressed, as a run-length code, as a column that a database
computes. So what is unpacked is counted while it is unpacked, and reading stops at the limit.

size (2 GiB)
    The contents of a file, unpacked; what a query of a database returns; what a JSON text takes
    once it is parsed.
expanded (128 MiB, or 200 times what is stored if that is more)
    The same of what is stored in a shorter form, and the members of an archive together.
row (64 MiB)
    A line of JSON lines or of delimited text.
cell (16 MiB)
    A cell of delimited text, in characters; a cell of a database.
columns (32,768)
    The columns of a table.
members (1,048,576)
    The members of an archive, the files of a folder.
depth (200)
    Objects inside one another, in what becomes a row or hyperparameters.

All but the depth grow with the first one, which `max_size` of `esim.readers.read_inputs` and
``--max-size`` set.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from esim.errors import EsimError

DEPTH = 200  # Python's own parsers end at about a thousand
_TIMES = 200  # log text compresses to a tenth or twentieth, at times to a hundredth
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMGT]?)(?:i?B)?", re.IGNORECASE)
# What CPython takes for a list, an object and an entry of either, about.
# tests/readers/test_limits.py holds them against what is really taken.
_LIST, _OBJECT, _ENTRY = 72, 200, 32
_SMALL = 1 << 20  # a JSON text that need not be looked at
_LEAST = 64 << 20


@dataclass(frozen=True)
class Limits:
    """The limits of the module's table.

    Attributes:
        size: bytes.
    """

    size: int = 2 << 30

    def expanded(self, stored: int) -> int:
        """The most bytes that compressed data may unpack to.

        Args:
            stored: its own size in bytes.
        """
        return min(self.size, max(self.size >> 4, _TIMES * stored))

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return self.size >> 5

    @property
    def cell(self) -> int:
        """Bytes of a cell."""
        return self.size >> 7

    @property
    def columns(self) -> int:
        """Columns of a table."""
        return self.size >> 16

    @property
    def members(self) -> int:
        """Members of an archive, or files of a folder."""
        return self.size >> 11


_NOW: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def limits() -> Limits:
    """The limits of the input that is being read."""
    return _NOW.get()


@contextmanager
def limited(size: int | None) -> Iterator[None]:
    """Sets the limits for what is read inside, that of Python's csv module on a cell too.

    Args:
        size: `Limits.size`; None leaves the limits as they are.
    """
    before = _NOW.set(limits() if size is None else Limits(size))
    cell = csv.field_size_limit(limits().cell)
    try:
        yield
    finally:
        csv.field_size_limit(cell)
        _NOW.reset(before)


def parse_size(size: int | str, where: str) -> int:
    """A size in bytes.

    Args:
        size: a number of bytes, or a text such as "8 GiB", "500M" or "2e9"; units are powers of
            1024.
        where: who gives it, for the error.

    Raises:
        EsimError: it is none, or less than 64 MiB, with which few logs could be read.

    Example:
        >>> parse_size("8GiB", "--max-size") == 8 * 2**30
        True
    """
    match = _SIZE.fullmatch(str(size).strip())
    number = float(match[1]) * _UNITS[match[2].upper()] if match else 0.0
    if number < _LEAST:
        why = f"it is none, or below {_shown(_LEAST)}"
        raise EsimError(f"{size!r} cannot be a limit on sizes", where=where, why=why, fix="8GiB")
    return int(number)


def too_large(what: str, where: str, limit: int, met: int | None = None) -> EsimError:
    """The error that something is larger than its limit in bytes.

    Args:
        what: what is too large, such as "the unpacked file".
        where: the file.
        limit: the limit.
        met: the size, if it is known; reading stops at the limit, so mostly it is not.
    """
    found = f"more than {_shown(limit)}" if met is None else _shown(met)
    why = f"{found}; the limit is {_shown(limit)}"
    return _refused(f"{what} is too large", where, why, 2.0 if met is None else met / limit)


def too_many(what: str, where: str, limit: int, met: int) -> EsimError:
    """The error that there is more of something than its limit.

    Args:
        what: what there is too much of, such as "columns".
        where: the file.
        limit: the limit.
        met: how many there are, or were counted.
    """
    why = f"{met:,}; the limit is {limit:,}"
    return _refused(f"too many {what}", where, why, met / limit)


def too_deep(where: str) -> EsimError:
    """The error that objects and lists stand in one another too deeply."""
    return EsimError("nested too deeply", where=where, why=f"more than {DEPTH} levels")


def check_json(text: str | bytes, where: str) -> None:
    """Refuse a JSON text that takes too much memory once it is parsed: ``[[],[],[],...]``.

    Args:
        text: the text.
        where: where it stands.

    Raises:
        EsimError: it would take more than `Limits.size`.
    """
    if len(text) < _SMALL:
        return
    signs: Any = "[{," if isinstance(text, str) else (b"[", b"{", b",")
    lists, objects, entries = (text.count(sign) for sign in signs)
    taken = len(text) + _LIST * lists + _OBJECT * objects + _ENTRY * entries
    if taken > limits().size:
        raise too_large("the JSON, once it is parsed,", where, limits().size, taken)


def check_rows(text: str | bytes, where: str) -> None:
    """Refuse text with a line of more than `Limits.row` letters or bytes.

    Args:
        text: the text.
        where: the file.

    Raises:
        EsimError: there is such a line; the error names it.
    """
    at, row = 0, limits().row
    newline: Any = "\n" if isinstance(text, str) else b"\n"
    while len(text) - at > row:
        end = text.rfind(newline, at, at + row + 1)
        if end < 0:
            line = text.count(newline, 0, at) + 1
            raise too_large("a row", f"{where}:{line}", row)
        at = end + 1


def no_csv(error: csv.Error, place: str) -> EsimError:
    """The error for what the csv module refuses.

    Args:
        error: what it raises.
        place: where (``path:line``).
    """
    if "field limit" in str(error):
        return too_large("a cell", place, limits().cell)
    return EsimError("not CSV", where=place, why=str(error))


def _refused(what: str, where: str, why: str, times: float) -> EsimError:
    """The error, with a size that would do where the limit is exceeded so many times."""
    enough = limits().size << math.ceil(math.log2(times) + 1)
    flag = f"--max-size {_shown(enough).replace(' ', '')}"
    fix = f"if it is what you mean: {flag} (max_size in Python) raises all limits"
    return EsimError(what, where=where, why=why, fix=fix)


def _shown(size: int) -> str:
    """A size as text: "2 GiB".

    >>> _shown(3 << 29), _shown(999)
    ('1.5 GiB', '999 bytes')
    """
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.3g} {unit}iB"
    return f"{size} bytes"
