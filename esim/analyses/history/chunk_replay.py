"""Replay one chunk of a history: what a worker does, without knowledge of the other chunks."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from esim.analyses.workers.by_study import FailedStudy, attempt
from esim.assumptions import Costs
from esim.results.tables import as_parquet, studies_schema, trials_table
from esim.rules import JobRule, Rule
from esim.storage.history import Chunk
from esim.storage.history.dates import study_dates
from esim.study.batch import Batch

if TYPE_CHECKING:
    from esim.simulator.replay import Replays


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
    """The replayed studies of a chunk.

    Attributes:
        studies: the columns of studies.parquet, as `esim.results.tables.studies_table` takes them.
        trials: a Parquet file with a row for each trial; it becomes part of the result as it is.
    """

    studies: dict[str, list[Any]]
    trials: bytes


def replay_chunk(settings: ReplaySettings, chunk: Chunk) -> ReplayedChunk:
    """Replay the studies of a chunk. A study that fails becomes a row with its error.

    Args:
        settings: how every study is replayed.
        chunk: the studies, as the history stores them.
    """
    with _without_collecting():
        return _replay_chunk(settings, chunk)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Stop Python's collector, which looks through all objects for cycles: a chunk has none."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _replay_chunk(settings: ReplaySettings, chunk: Chunk) -> ReplayedChunk:
    made = _replayed(settings, chunk)
    entries = chunk.entries
    columns: dict[str, list[Any]] = {name: [None] * len(entries) for name in studies_schema().names}
    for name in ("study", "objective", "direction", "first_start", "last_end", "digest"):
        columns[name] = [getattr(entry, name) for entry in entries]
    columns["group"] = [entry.group_name or entry.input for entry in entries]
    done: list[tuple[list[int], Replays]] = []
    for places, replayed in made:
        if isinstance(replayed, FailedStudy):
            columns["error"][places[0]] = replayed.error
            continue
        done.append((places, replayed))
        found = {
            **replayed.summaries,
            "clock": [replayed.clock.mode] * len(places),
            "warnings": replayed.codes,
        }
        for name, values in found.items():
            _put(columns[name], places, values)
        for name, dates in _missing_dates(chunk, places, replayed).items():
            _put(columns[name], places, dates)
    for name in ("first_start", "last_end"):
        columns[name] = [None if time != time else time for time in columns[name]]
    return ReplayedChunk(columns, as_parquet(_trials(done)))


def _put(column: list[Any], places: list[int], values: Sequence[Any]) -> None:
    if len(values) == len(column):
        column[:] = values
        return
    for place, value in zip(places, values, strict=True):
        column[place] = value


def _missing_dates(chunk: Chunk, places: list[int], replayed: Replays) -> dict[str, list[Any]]:
    """First starts and last ends where the index, of before it had dates, has none."""
    if all(chunk.entries[place].first_start is not None for place in places):
        return {}
    dates = [study_dates(study.start, study.end) for study in replayed.batch.studies]
    return dict(zip(("first_start", "last_end"), map(list, zip(*dates, strict=True)), strict=True))


def _replayed(
    settings: ReplaySettings, chunk: Chunk
) -> list[tuple[list[int], Replays | FailedStudy]]:
    """Replay the studies of a chunk, together where they can be.

    Returns:
        Places in the chunk and the replays of their studies, or a single place and why its study
        failed.
    """
    from esim.simulator.replay import (
        replay_batch,
        replay_batches,
    )  # here, because it loads numba, which only workers need

    settled: dict[str, Any] = {
        name: getattr(settings, name)
        for name in ("rule", "clock", "workers", "until", "costs", "final")
    }
    try:
        return [
            ([places[at] for at in its], replayed)
            for places, batch in chunk.read(configs=False).joined()
            for its, replayed in replay_batch(batch, **settled)
        ]
    except Exception:  # one of them failed: each is replayed alone to find out which
        names = [entry.study for entry in chunk.entries]
        stored = attempt(partial(chunk.read, configs=False), "")
        if isinstance(stored, FailedStudy):
            return [([place], FailedStudy(name, stored.error)) for place, name in enumerate(names)]

        def alone(place: int) -> Replays:
            return next(replay_batches([stored.study(place)], **settled))[1]

        return [([at], attempt(partial(alone, at), name)) for at, name in enumerate(names)]


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
    names = [name for _, batch, _ in parts for name in batch.names]
    sizes = [size for _, batch, _ in parts for size in batch.sizes.tolist()]
    return trials_table(names, sizes, [columns for *_, columns in parts])
