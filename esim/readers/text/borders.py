"""Where the jobs in one text begin and end: the output of a notebook or a saved terminal.

The SageMaker SDK says when it creates a training job and when the job starts, and how many seconds
were billed once it has ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from esim.readers.text.rows import positions_of

_CREATED = b"reating training-job with name: "  # Creating, or older: creating
_STARTING = b"Starting - Starting the training job"
BILLED = b"Billable seconds:"
_TAIL = 4096  # bytes
# What a program prints as it starts, also behind a restart, or a tuner as a trial ends: Optuna,
# Keras Tuner. Of those in a text the most frequent row counts.
_BORDERS = (
    (b"Running XGBoost Sagemaker in algorithm mode",),
    (b"Running standalone xgboost training",),
    (b"Docker entrypoint called with argument(s): train",),
    (b"Invoking script with the following command",),
    (b" finished with value", b" pruned. ", b" failed with "),
    (b" Complete [",),
)
_FOLD_NUMBER = re.compile(rb"(?i)(?<![-\w])fold[ #:=\[]{1,3}(\d{1,4})\b")
_FOLD_COUNT = re.compile(rb"(?i)(?<![-\w])(\d{1,3})[- ]folds?\b")


class Job(NamedTuple):
    """A part of a text that one job printed.

    Attributes:
        name: the job's name; None if the text does not say.
        first, stop: where the part begins and ends, in bytes; it begins with a line.
    """

    name: str | None
    first: int
    stop: int


def jobs_in(data: bytes, cells: Sequence[int] = ()) -> list[Job]:
    """The parts of a text that jobs printed, at least one; together they are the whole text.

    Args:
        data: the text.
        cells: where the cells of a notebook begin, in rising order; without any sign of a job each
            is a job of its own.

    >>> start = b"Starting - Starting the training job\\n"
    >>> text = start + b"first" + b"\\n" + start + b"second"
    >>> [text[job.first : job.stop].split()[-1] for job in jobs_in(text)]
    [b'first', b'second']
    """
    created, starting = (list(lines_with(data, sign)) for sign in (_CREATED, _STARTING))
    billed: list[int] = []
    # The bill is the last thing said of a job: without another sign it is not looked for in all.
    if created or starting or BILLED in data[-_TAIL:]:
        billed = list(lines_with(data, BILLED))
    signs = sorted(
        [(at, "created") for at in created]
        + [(at, "starting") for at in starting]
        + [(at, "billed") for at in billed]
    )
    begins: list[tuple[int, str | None]] = []
    if not signs or signs[0][1] == "billed":
        begins = [(0, None)]
        begins += [(at, None) for at in cells if at and not signs]
    last = ""
    stops = [*(at for at, _ in signs), len(data)][1:]
    for (at, sign), stop in zip(signs, stops, strict=False):
        if sign == "created" and last == sign and not _has_lines(data, begins[-1][0], at):
            begins[-1] = (begins[-1][0], None)  # several at once: whose log follows is not said
        elif sign == "created":
            begins.append((at, _name_at(data, at)))
        elif sign == "billed":
            behind = data.find(b"\n", at, stop) + 1
            if behind and data[behind:stop].strip():
                begins.append((behind, None))
        elif last != "created":
            begins.append((at, None))
        last = sign
    cuts = [0, *(at for at, _ in begins[1:]), len(data)]
    return [
        Job(name, first, stop)
        for (_, name), first, stop in zip(begins, cuts, cuts[1:], strict=False)
    ]


def _has_lines(data: bytes, first: int, stop: int) -> bool:
    """Whether a line follows the one that begins at a place, before another place."""
    end = data.find(b"\n", first, stop)
    return end >= 0 and bool(data[end:stop].strip())


def _name_at(data: bytes, line: int) -> str | None:
    at = data.index(_CREATED, line) + len(_CREATED)
    words = data[at : at + 200].split(maxsplit=1)
    return words[0].decode("utf-8", "replace") if words else None


def lines_with(data: bytes, literal: bytes) -> Iterator[int]:
    """Where each line begins that holds a literal, in rising order.

    Args:
        data: the text.
        literal: what to look for; it holds no line end.
    """
    end = -1
    for at in positions_of(data, literal):
        if at > end:
            yield data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            if end < 0:
                return


def starts_in(data: bytes) -> list[int]:
    """Where each line begins that says that a program starts, or that a tuner's trial ends."""
    found = [sorted({at for s in signs for at in lines_with(data, s)}) for signs in _BORDERS]
    return max(found, key=len)


def folds_in(data: bytes) -> int:
    """How many folds a text speaks of, as "fold 1", "fold 2" or "5-fold"; 0 if of none."""
    numbers = {match[1] for match in _FOLD_NUMBER.finditer(data)}
    if len(numbers) > 1:
        return len(numbers)
    count = _FOLD_COUNT.search(data)
    return int(count[1]) if count is not None else 0
