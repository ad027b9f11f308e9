"""Tells which host or rank printed each value: by its printer, or as its line names it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from esim.readers.natural import natural
from esim.readers.text.log_text import Emissions
from esim.study import Int64

_HOST = re.compile(
    r"host=(algo-\d{1,9})"
    r"|(?<!mean )(?<!Mean )(?<!dian )(?<!avg )(?<!rage )\b[Rr]ank[ =:_]{0,3}(\d{1,4})\b(?![.]?\d)"
)


def hosts_of(texts: Sequence[Emissions]) -> tuple[Int64, tuple[str, ...]]:
    """int64 [E]: the host that printed each emission, numbered in natural order; their names.

    The number is 0 and there are no names if it is unknown or only one.
    """
    names: list[str] = []
    for text in texts:
        names += _named_hosts(text)
    known = sorted(set(names), key=natural)
    if len(known) < 2:
        return np.zeros(len(names), dtype=np.int64), ()
    number = {name: i for i, name in enumerate(known)}
    return np.array([number[name] for name in names], dtype=np.int64), tuple(known)


def _named_hosts(text: Emissions) -> list[str]:
    """The host that stands nearest to each value; the printer's host where a line names none."""
    messages, own = text.messages, text.printer.host
    shared = np.flatnonzero(np.diff(text.rows, prepend=-1))
    if len(shared) < len(messages):  # a line of several values may name several hosts
        names: list[str] = []
        for row, stop in pairwise([*shared.tolist(), len(messages)]):
            every = list(_HOST.finditer(messages[row]))
            begins = np.array([match.start() for match in every])
            before = np.searchsorted(begins, text.at[row:stop]) - 1
            names += [_host_in(every[max(0, i)] if every else None, own) for i in before.tolist()]
        return names
    first = _HOST.search(messages[0])
    if first is None:
        return [own] * len(messages)
    joined = "\n".join(messages)
    shown = messages[0][first.start() : first.end() + 1]
    kind = shown[: first.start(first.lastindex or 0) - first.start()]
    if joined.count(shown) == joined.count(kind) == len(messages):
        return [_host_in(first, own)] * len(messages)  # nearly always
    return [_host_in(_HOST.search(message), own) for message in messages]


def _host_in(match: re.Match[str] | None, own: str) -> str:
    if match is None:
        return own
    return str(match[1]) if match[1] else f"rank {match[2]}"
