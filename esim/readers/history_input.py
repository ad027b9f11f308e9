"""A history as an input: whether there is one, and whether it holds what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from esim.errors import EsimError
from esim.readers.options import Options, settle_direction
from esim.storage.history import Chunk, History, is_store
from esim.study import as_direction


def find_history(paths: Sequence[str | Path]) -> History | None:
    """The history at a path or address, if that is the only one given; None if it is no history.

    Args:
        paths: the paths and addresses that the user gave.

    Raises:
        EsimError: the history is damaged or cannot be reached, or an address in object storage
            holds no history.
    """
    if len(paths) != 1:
        return None
    history = History.open(str(paths[0]))
    if history is None and is_store(paths[0]):
        raise EsimError(
            "no history there",
            where=str(paths[0]),
            why="only what esim convert writes is read from object storage",
            fix=f"aws s3 sync the logs to a folder, or esim convert FOLDER {paths[0]}",
        )
    return history


def validate_history(
    history: History,
    *,
    objective: str | None = None,
    direction: str | None = None,
    first_step: str | None = None,
) -> None:
    """Check that a history holds what was asked for.

    Args:
        history: the history; only its index is looked at.
        objective: the metric asked for; None accepts any.
        direction: "minimize" or "maximize"; None accepts both.
        first_step: what an index of 0 means, "done" or "before"; None accepts both.

    Raises:
        EsimError: a study was converted with another objective, direction or first step.
    """
    options = Options.parse(
        objective=objective, direction=direction, metrics=(), name=None, first_step=first_step
    )
    for chunk in history.chunks():
        validate_chunk(history, chunk, options)


def validate_chunk(history: History, chunk: Chunk, options: Options) -> None:
    """The same of one chunk of a history, with what the user said about the logs."""
    for entry in chunk.entries:
        if options.objective not in (None, entry.objective):
            raise EsimError(
                f"no metric {options.objective!r}",
                where=f"{history.location}, study {entry.study!r}",
                fix=f"a history holds the objective it was converted with: {entry.objective}",
            )
        wanted = options.first_step
        if wanted is not None and (wanted == "done") != bool(entry.done_at_zero):
            raise EsimError(
                f"--first-step {wanted} contradicts the history",
                where=f"{history.location}, study {entry.study!r}",
                why="it holds what was settled when it was converted",
                fix=f"esim convert --first-step {wanted}",
            )
        settle_direction(options, str(history.location), as_direction(entry.direction))
