"""The last line of a text file that has no line end: whole, or cut off while it was written.

Programs end their lines, but not all of them the last one. So a last line without an end counts as
cut off if its last word could go on and is shorter, or otherwise less, than those that stand above
it; it is left out then. If nothing shows a cut it is kept. Either is said, because a number that
lost its last digits looks whole. What is closed by a bracket or a quote is whole, and not worth a
word.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from esim.errors import plural
from esim.readers.assembly import some
from esim.readers.encodings.cells import is_missing, is_number
from esim.readers.source import File
from esim.study import Note

_BEFORE = 50  # lines with which the last one is compared
_TAIL = 1 << 16  # bytes in which they are
_NUMBER = re.compile(r"[0-9]++(?:\.[0-9]*+)?+(?:[eE][-+]?[0-9]*+)?+")
_LAST_WORD = re.compile(r"[-+.0-9eE]*+\Z")
_DIGIT = re.compile(r"[0-9]")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*+[A-Za-z]")  # that moves the cursor of a terminal
_MAY_GO_ON = re.compile(r"[-+.0-9eE]\Z")  # as a number does


def ended_lines(file: File, data: bytes, closed: tuple[bytes, ...] = ()) -> bytes:
    """The lines of a program that is known to end each of them.

    Args:
        file: the file, which keeps what is left out for `ending_notes`.
        data: its contents, or those of a member of it.
        closed: with what only a whole line ends.
    """
    start = _start_of_last(data)
    if start == len(data) or (closed and data.rstrip().endswith(closed)):
        return data
    return _without(file, data, start)


def ended_objects(file: File, data: bytes) -> bytes:
    """JSON lines without a last one that was cut off. Arguments as for `ended_lines`.

    Only a whole object or list can be parsed. Behind it a machine that lost its power may have left
    zeros.
    """
    data = data.rstrip(b"\0")
    start = _start_of_last(data)
    last = data[start:].strip()
    if not last or (last.endswith((b"}", b"]")) and _is_json(last)):
        return data
    return _without(file, data, start)


def ended_rows(
    file: File, data: bytes, width: int, above: int = 1, delimiter: str | None = ","
) -> bytes:
    """The rows of delimited text, without a last one that was cut off.

    Args:
        file: as for `ended_lines`.
        data: the text in UTF-8.
        width: the number of cells of a row.
        above: how many lines stand above the first row.
        delimiter: what stands between cells; None for blanks.
    """
    start = _start_of_last(data)
    if start == len(data):
        return data
    lines = data.count(b"\n", 0, start)
    if lines < above or data.count(b'"', 0, start) % 2:
        # A header; or it goes on with a quoted cell, or quotes mean nothing.
        return _kept(file, data, start)

    def split(line: str) -> Sequence[str]:
        return line.split() if delimiter is None else next(csv.reader([line], delimiter=delimiter))

    *before, last = _lines(data, start)
    row = split(last)
    header = max(0, above - (lines - len(before)))  # those of its lines that are among them
    rows = [cells for line in before[header:] if line and len(cells := split(line)) == width]
    if len(row) < width or last.count('"') % 2:
        return data if last.startswith("#") else _without(file, data, start)
    if len(row) > width or last.endswith('"'):
        return data
    above_it = [cells[-1] for cells in rows]
    alone = all(map(is_missing, above_it)) and _MAY_GO_ON.search(last)  # nothing to compare with
    cut = alone or is_cut(row[-1], above_it)
    return _without(file, data, start) if cut else _kept(file, data, start)


def ended_log(file: File, data: bytes) -> bytes:
    """Log text without a last line that was cut off.

    Args:
        file: as for `ended_lines`.
        data: the text in UTF-8.
    """
    start = _start_of_last(data)
    if start == len(data):
        return data
    *before, last = _lines(data, start)
    if not _DIGIT.search(_ESCAPE.sub("", last)):
        return data  # it holds no number
    if is_cut(last, before):
        return _without(file, data, start)
    # A number that is followed by anything is whole.
    return _kept(file, data, start) if _MAY_GO_ON.search(last) else data


def is_cut(last: str, before: Sequence[str]) -> bool:
    """Whether something shows that a text is only the begin of what was to be written.

    Args:
        last: a cell or line, the last one of its file.
        before: the cells of its column, or the lines, before it.

    Example:
        >>> is_cut("0.2", ["0.3333333333333333", "0.25"]), is_cut("0.2", ["0.5", "0.3"])
        (True, False)
        >>> is_cut("1", ["8", "9"]), is_cut("comp", ["completed", "failed"])
        (True, True)
        >>> is_cut("epoch 3: loss 0.", ["epoch 1: loss 0.5", "epoch 2: loss 0.4"])
        True
    """
    last = last.strip()
    known = [text.strip() for text in before]
    given = [text for text in known if not is_missing(text)]
    if not given:
        return False
    if is_missing(last):
        return last not in known and len(given) == len(known)
    if all(map(is_number, given)):
        return not is_number(last) or _is_short(last, given) or _falls(last, given)
    if last in given:
        return False
    form = _NUMBER.sub("0", last)
    forms = [_NUMBER.sub("0", text) for text in given]
    if any(text.startswith(last) for text in given):
        return True
    if form not in forms:
        return any(its.startswith(form) for its in forms)
    alike = [text for text, its in zip(given, forms, strict=True) if its == form]
    return bool(_MAY_GO_ON.search(last)) and is_cut(_last_word(last), list(map(_last_word, alike)))


def ending_notes(files: Iterable[File]) -> list[Note]:
    """The notes on the last lines of files that have no line end.

    Args:
        files: the files that were read.
    """
    ends = [end for file in files for end in file.unended.items()]
    cut = [place for place, kept in ends if not kept]
    whole = [place for place, kept in ends if kept]
    notes = []
    if cut:
        text = f"{plural(len(cut), 'file', 'end')} in the middle of a line; left out: {some(cut)}"
        notes.append(Note("lines_cut_off", text, len(cut), tuple(cut[:3])))
    if whole:
        text = (
            f"{plural(len(whole), 'file', 'end')} without a line end; the last line "
            f"counts: {some(whole)}"
        )
        notes.append(Note("last_line_unended", text, len(whole), tuple(whole[:3])))
    return notes


def _falls(last: str, before: Sequence[str]) -> bool:
    """Whether a number is below the last one of numbers that have only risen."""
    numbers = [float(cell) for cell in before]
    risen = numbers[-1] > numbers[0] and all(a <= b for a, b in pairwise(numbers))
    return risen and float(last) < numbers[-1]


def _is_short(last: str, before: Sequence[str]) -> bool:
    """Whether a number has fewer letters than any other, or many fewer than most.

    Of numbers that are printed in full, one of a thousand is three letters shorter than most.
    """
    lengths = sorted(map(len, before))
    return len(last) < lengths[0] or len(last) <= lengths[len(lengths) // 2] - 3


def _last_word(line: str) -> str:
    found = _LAST_WORD.search(line)
    return found[0] if found else ""


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except RecursionError:
        return True  # its reader says so
    except ValueError:
        return False
    return True


def _start_of_last(data: bytes) -> int:
    """Where the last line begins that has no line end; the length of the text if each has one."""
    if data[-1:] in (b"\n", b"\r", b""):
        return len(data)
    return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1


def _lines(data: bytes, start: int) -> list[str]:
    """The last line, which begins at `start`, behind those before it."""
    before = data[max(0, start - _TAIL) : start].decode("utf-8", "replace").splitlines()
    return [*before[-_BEFORE:], data[start:].decode("utf-8", "replace")]


def _without(file: File, data: bytes, start: int) -> bytes:
    file.unended[_place(file, data, start)] = False
    return data[:start]


def _kept(file: File, data: bytes, start: int) -> bytes:
    file.unended[_place(file, data, start)] = True
    return data


def _place(file: File, data: bytes, start: int) -> str:
    line = data.count(b"\n", 0, start) + 1
    return f"{file}:{line}"
