"""Replay one chunk of a history: what a worker does, without knowledge of the other chunks."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from esim.analyses.workers.by_study import FailedStudy, WorkUnit, attempt, read
from esim.assumptions import Costs
from esim.results.tables import as_parquet, packed, studies_schema, studies_table, trials_table
from esim.rules import JobRule, Rule
from esim.storage.history import Chunk
from esim.storage.history.dates import study_dates
from esim.study import Study
from esim.study.batch import Batch

if TYPE_CHECKING:
    from esim.simulator.replay import Replays

_BLOCK = 31 << 20  # bytes; glibc does not adapt to freed blocks of 32 MiB and more


@dataclass(frozen=True)
class ReplaySettings:
    """How every study is replayed; the fields are arguments of `esim.replay`."""

    rule: Rule
    clock: str | None = None
    workers: int = 1
    costs: Costs = field(default_factory=Costs)
    final: str = "last"
    until: tuple[JobRule, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """These settings as they stand in the result document."""
        return {
            "rule": {
                "name": self.rule.name,
                "source": self.rule.source,
                "parameters": self.rule.parameters,
            },
            "clock": {"mode": self.clock, "workers": self.workers},
            "costs": vars(self.costs),
            "final": self.final,
            **({"until": [rule.text for rule in self.until]} if self.until else {}),
        }


@dataclass(frozen=True)
class ReplayedChunk:
    """The replayed studies of a chunk, as bytes.

    Attributes:
        studies: an Arrow table with a row for each study.
        trials: a Parquet file with a row for each trial; it becomes part of the result as it is.
    """

    studies: bytes
    trials: bytes


def replay_chunk(settings: ReplaySettings, chunk: Chunk) -> ReplayedChunk:
    """Replay the studies of a chunk. A study that fails becomes a row with its error.

    Args:
        settings: how every study is replayed.
        chunk: the studies, as the history stores them.
    """
    with _keeping_memory():
        return _replay_chunk(settings, chunk)


@contextmanager
def _keeping_memory() -> Iterator[None]:
    """Stop Python and the C library from looking for memory to return: a sixth of the time.

    The C library (glibc) returns free memory to the system beyond twice the size of the largest
    block that was ever freed, and taking pages anew costs as much as the work on them. So a large
    block is freed first. Python's garbage collector looks through all objects for cycles, of which
    a chunk has none; it is switched off meanwhile.
    """
    np.empty(_BLOCK, dtype=np.uint8)
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _replay_chunk(settings: ReplaySettings, chunk: Chunk) -> ReplayedChunk:
    entries = chunk.entries
    columns: dict[str, list[Any]] = {name: [None] * len(entries) for name in studies_schema().names}
    for name in ("study", "objective", "direction"):
        columns[name] = [getattr(entry, name) for entry in entries]
    columns["group"] = [entry.group_name or entry.input for entry in entries]
    columns["digest"] = [entry.digest for entry in entries]
    studies: dict[int, Study] = {}
    for place, one in enumerate(read(WorkUnit.of(chunk))):
        if isinstance(one, FailedStudy):
            columns["error"][place] = one.error
        else:
            studies[place] = one
            first, last = entries[place].first_start, entries[place].last_end
            if first is None or last is None:  # a history of before it had dates
                first, last = study_dates(one.start, one.end)
            columns["first_start"][place] = None if first != first else first
            columns["last_end"][place] = None if last != last else last
    made: list[tuple[list[int], Replays]] = []
    for places, replayed in _replayed(settings, studies):
        if isinstance(replayed, FailedStudy):
            columns["error"][places[0]] = replayed.error
            continue
        made.append((places, replayed))
        found = {
            **replayed.summaries,
            "clock": [replayed.clock.mode] * len(places),
            "warnings": [[caveat.code for caveat in its] for its in replayed.warnings],
        }
        for name, values in found.items():
            for place, value in zip(places, values, strict=True):
                columns[name][place] = value
    return ReplayedChunk(packed(studies_table(columns)), as_parquet(_trials(made)))


def _replayed(
    settings: ReplaySettings, studies: Mapping[int, Study]
) -> list[tuple[list[int], Replays | FailedStudy]]:
    """Replay studies, together where they can be.

    Args:
        studies: place in the chunk -> study.

    Returns:
        Places and the replays of their studies, or a single place and why its study failed.
    """
    from esim.simulator.replay import (
        replay_batches,
    )  # here, because it loads numba, which only workers need

    replay = partial(
        replay_batches,
        rule=settings.rule,
        clock=settings.clock,
        workers=settings.workers,
        until=settings.until,
        costs=settings.costs,
        final=settings.final,
    )
    at = list(studies)
    try:
        made = list(replay(list(studies.values())))
    except Exception:  # one of them failed: each is replayed alone to find out which
        return [
            ([place], attempt(lambda one: next(replay([one]))[1], study))
            for place, study in studies.items()
        ]
    return [([at[place] for place in places], replayed) for places, replayed in made]


def _trials(made: Sequence[tuple[list[int], Replays]]) -> Any:
    """The table of the trials of all studies, in the order of the studies in the chunk."""
    parts = [(places, replayed.batch, replayed.columns) for places, replayed in made]
    if any(
        a[-1] > b[0] for (a, *_), (b, *_) in pairwise(parts)
    ):  # studies that were replayed together do not stand side by side
        parts = [
            ([place], Batch.of([study]), columns)
            for places, batch, whole in parts
            for place, study, columns in zip(places, batch.studies, batch.each(whole), strict=True)
        ]
        parts.sort(key=lambda part: part[0])
    names = [study.name for _, batch, _ in parts for study in batch.studies]
    sizes = [size for _, batch, _ in parts for size in batch.sizes.tolist()]
    return trials_table(names, sizes, [columns for *_, columns in parts])
