"""What a step of 0 means: the first unit of training done, or nothing done yet.

Some programs print the index 0 after their first epoch (XGBoost, MXNet), others evaluate once
before training and call that step 0. The resource of a report, which all amounts are counted in, is
its step plus what is done at a step of 0.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from esim.errors import EsimError
from esim.study.arrays import Float64, Int64
from esim.study.note import Note

FirstStep = Literal["done", "before"]

ASSUMED = "first_step_assumed"  # the code of a note: nothing tells which of the two it is
SETTLED = "first_step"
_TOLD: dict[FirstStep, str] = {
    "done": "steps count from 0: index 0 is the first step done",
    "before": "steps count from 0: nothing is done at index 0",
}


def as_first_step(word: str | None) -> FirstStep | None:
    """The meaning of index 0 that a word names; None for None.

    Raises:
        EsimError: it is another word.
    """
    if word is None or word in get_args(FirstStep):
        return word  # type: ignore[return-value]  # one of them
    raise EsimError(
        f"first_step cannot be {word!r}",
        fix="done (index 0 is printed after the first step) or before (nothing is done at it)",
    )


def settle_first_step(
    steps: Int64,
    offsets: Int64,
    elapsed: Float64 | None,
    *,
    declared: FirstStep | None = None,
    asked: FirstStep | None = None,
) -> tuple[int, Note | None]:
    """How many units of training are done at a step of 0, and a note that says so.

    It is 0 where no trial reports at step 0: the index is then the amount. Where one does and
    neither the user nor the format says what it means, the first of these that applies decides:

    - successive steps are always more than 1 apart (0, 100, 200): nothing is done at 0;
    - reports have times, and at step 0 less than half of the time has passed that a step takes
      (medians over the trials): nothing is done at 0;
    - the first step is done, as in ``for epoch in range(epochs): train(); report(epoch)``. The note
      is then `first_step_assumed`, because nothing tells.

    Args:
        steps: int64 [R].
        offsets: int64 [N + 1], trial -> its reports.
        elapsed: float64 [R], seconds since the trial's start; None if they are unknown, or if the
            start is.
        declared: what index 0 means in the format of the logs; None if the format does not tell.
        asked: what the user says that it means, whether or not some trial reports there.

    Returns:
        0 or 1; None in place of a note where there is nothing to say: no trial reports at step 0,
        or the format tells what it means.

    >>> settle_first_step(np.array([0, 1, 2, 0, 1]), np.array([0, 3, 5]), None)[0]
    1
    >>> settle_first_step(np.array([0, 100, 200]), np.array([0, 3]), None)[0]
    0
    """
    if asked is not None:
        return int(asked == "done"), Note(SETTLED, f"{_TOLD[asked]}, as asked")
    at_zero = np.flatnonzero(steps == 0)
    if not len(at_zero):
        return 0, None
    if declared is not None:
        return int(declared == "done"), None
    inside = np.setdiff1d(np.arange(len(steps)), offsets[:-1])  # reports with one before them
    apart = steps[inside] - steps[inside - 1]
    if len(apart) and apart.min() > 1:
        return 0, Note(SETTLED, f"{_TOLD['before']}, as the next one is {apart.min()}")
    if elapsed is not None and len(apart):
        a_step = float(np.median((elapsed[inside] - elapsed[inside - 1]) / apart))
        passed = float(np.median(elapsed[at_zero]))
        if 2 * passed < a_step:
            seconds = f"{passed:.3g} s have passed at it, and a step takes {a_step:.3g} s"
            return 0, Note(SETTLED, f"{_TOLD['before']}, as {seconds}")
    text = f"{_TOLD['done']} (assumed; --first-step before: nothing is done at it)"
    return 1, Note(ASSUMED, text)
