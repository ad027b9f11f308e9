"""Resolves control characters to what a person saw: a line for each refresh, without colours.

A carriage return, or backspaces over the whole line, begin a refresh; what was seen before it
stands in a line of its own. Fewer backspaces take back what they go over. CloudWatch stores control
characters as text: ``#015`` for a carriage return, ``#010`` for a backspace, ``#033`` for ESC. A
tab stays ``#011``, because regexes of metrics say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from esim.readers.text.rows import places_of
from esim.study import Int64

# Colours and cursor movements; titles of the window; character sets.
_SEQUENCE = re.compile(
    rb"(?:\x1b|#033)\[[0-9;?]{0,32}[ -/]?[@-~]"
    rb"|\x1b\][^\x07\x1b\n]{0,255}(?:\x07|\x1b\\)"
    rb"|\x1b[()][A-Z0-9]"
)
# What moves the cursor inside a line. A lone #010 may be other text, such as a number of an issue.
_MOVES = re.compile(rb"(?:\r|#015|\x08|(?:#010){2,}|(?<=#015)#010)+")
_ESCAPED = (b"#015", b"#010#010", b"#033[")


def seen(data: bytes) -> tuple[bytes, Int64 | None]:
    """The text as a person saw it.

    Args:
        data: the text as it was printed.

    Returns:
        The text; int64 [L], the line of `data` that each of its lines comes from, None if they are
        the same lines.

    >>> seen(b"epoch 1: loss=0.9\\repoch 1: loss=0.8\\nend")
    (b'epoch 1: loss=0.9\\nepoch 1: loss=0.8\\nend', array([0, 0, 1]))
    """
    escaped = _holds_escaped(data)
    if escaped or b"\x1b" in data:
        data = _SEQUENCE.sub(b"", data)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if not escaped and b"\r" not in data and b"\x08" not in data:
        return data, None
    shown: list[bytes] = []
    rows: list[int] = []
    for row, line in enumerate(data.split(b"\n")):
        refreshes = list(_refreshes(line))
        shown += refreshes
        rows += [row] * len(refreshes)
    return b"\n".join(shown), np.array(rows, dtype=np.int64)


def _holds_escaped(data: bytes) -> bool:
    """Whether a text holds control characters in CloudWatch's spelling."""
    if b"#" not in data:
        return False
    # Nearly all are tabs, #011, so that the last digit is looked at before the rest.
    at = places_of(data, b"#")
    at = at[at < len(data) - 3]
    last = np.frombuffer(data, dtype=np.uint8)[at + 3]
    those = at[(last == ord("5")) | (last == ord("0")) | (last == ord("3"))]
    return any(data.startswith(_ESCAPED, place) for place in those.tolist())


def _refreshes(line: bytes) -> Iterator[bytes]:
    """What was seen of a line at each refresh, at least one; an empty refresh is left out.

    Backspaces over a part of the line take that part back.
    """
    moves = list(_MOVES.finditer(line))
    if not moves:
        yield line
        return
    current = bytearray(line[: moves[0].start()])
    said = False
    stops = [*(move.start() for move in moves[1:]), len(line)]
    for move, stop in zip(moves, stops, strict=True):
        after = line[move.end() : stop]
        if not after:  # nothing was written over what is seen
            continue
        kept = 0
        if b"\r" not in move[0] and b"#015" not in move[0]:
            kept = _before(current, move[0].count(b"\x08") + move[0].count(b"#010"))
        if not kept and current.strip():
            yield bytes(current)
            said = True
        del current[kept:]
        current += after
    if current.strip() or not said:
        yield bytes(current)


def _before(text: bytearray, backspaces: int) -> int:
    """The number of bytes in front of the last characters of a text in UTF-8."""
    at = len(text)
    while backspaces and at:
        at -= 1
        backspaces -= text[at] & 0xC0 != 0x80  # the other bytes continue a character
    return at
