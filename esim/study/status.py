"""The codes of the column `status`, which say how a trial had ended, and the words for them."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError


class Status(enum.IntEnum):
    """How a trial had ended when it was recorded.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[0.5], [0.4]], "minimize", status=["pruned", "failed"])
        >>> [esim.Status(code).word for code in study.status]
        ['stopped', 'failed']
    """

    UNKNOWN = 0  # the record does not say; it counts as completed
    COMPLETED = 1
    STOPPED = 2  # cut short by a rule or a pruner, or by what the record does not say
    FAILED = 3
    RUNNING = 4  # still running when the record was made
    INTERRUPTED = 5  # cut short by no rule: a limit of time, or the end of the whole study

    @property
    def word(self) -> str:
        """The status as the word that logs and reports write, such as "completed"."""
        return self.name.lower()


STATUS_WORDS: Mapping[str, Status] = {
    "": Status.UNKNOWN,
    "unknown": Status.UNKNOWN,
    "completed": Status.COMPLETED,
    "complete": Status.COMPLETED,
    "finished": Status.COMPLETED,
    "succeeded": Status.COMPLETED,
    "stopped": Status.STOPPED,
    "stopping": Status.STOPPED,
    "pruned": Status.STOPPED,
    "early_stopped": Status.STOPPED,
    "killed": Status.STOPPED,
    "interrupted": Status.INTERRUPTED,
    "failed": Status.FAILED,
    "fail": Status.FAILED,
    "error": Status.FAILED,
    "crashed": Status.FAILED,
    "running": Status.RUNNING,
    "inprogress": Status.RUNNING,
    "waiting": Status.RUNNING,
}


def as_status(word: Status | str) -> Status:
    """The status that a word names, in upper or lower case.

    Args:
        word: a status, or a word of `STATUS_WORDS`.

    Raises:
        EsimError: it is another word.
    """
    if isinstance(word, Status):
        return word
    found = STATUS_WORDS.get(word.strip().lower())
    if found is None:
        raise EsimError(
            f"unknown status {word!r}", fix="one of: " + ", ".join(sorted(STATUS_WORDS))
        )
    return found


def is_censored(status: NDArray[np.int8]) -> NDArray[np.bool_]:
    """bool [N]: which trials had been cut short when they were recorded.

    Args:
        status: int8 [N], codes of `Status`.
    """
    return np.isin(status, [Status.STOPPED, Status.FAILED, Status.RUNNING, Status.INTERRUPTED])
