"""Checks of all studies of a history, one study after another."""

from __future__ import annotations

from collections.abc import Callable

from esim.analyses.check import check
from esim.analyses.workers.by_study import MANY, going_through
from esim.results.check import Check
from esim.storage.history import History
from esim.study import Study


def check_history(
    history: History, done: Callable[[int], None] = lambda studies: None
) -> tuple[tuple[Check, ...], dict[str, str]]:
    """What stands between each study of a history and AUTO.

    Args:
        history: the history; more than `MANY` studies are checked by several processes.
        done: called with the number of studies that have been checked since the last call.

    Returns:
        A check a study, in their order; and why each study that has none could not be checked.

    Raises:
        EsimError: no study could be checked.
    """
    engine = "local" if len(history.names) > MANY else "threads"
    with going_through(history, engine=engine, jobs=None if engine == "local" else 1) as studies:
        checks = studies.each(_check, done)
        return tuple(checks), studies.failures


def _check(position: int, study: Study) -> Check:
    return check(study)
