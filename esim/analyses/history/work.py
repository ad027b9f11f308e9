"""What a worker does with a chunk of a history: the function of one study, and nothing else."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from esim.analyses.workers.by_study import Failed, Unit, attempt, read
from esim.assumptions import Costs
from esim.results.tables import as_parquet, packed, studies_schema, studies_table, trials_table
from esim.rules import Rule
from esim.storage.history import Chunk
from esim.study import Study
from esim.study.batch import Stack

if TYPE_CHECKING:
    from esim.simulator.replay import Replays

_BLOCK = 31 << 20  # bytes; glibc takes no notice of 32 MiB and more


@dataclass(frozen=True)
class ReplaySettings:
    """How every study is replayed; arguments of `esim.replay`."""

    rule: Rule
    clock: str | None = None
    workers: int = 1
    costs: Costs = field(default_factory=Costs)
    final: str = "last"

    def to_dict(self) -> dict[str, Any]:
        """For the result document."""
        return {
            "rule": {
                "name": self.rule.name,
                "source": self.rule.source,
                "parameters": self.rule.parameters,
            },
            "clock": {"mode": self.clock, "workers": self.workers},
            "costs": vars(self.costs),
            "final": self.final,
        }


@dataclass(frozen=True)
class Part:
    """What a worker made of a chunk, as bytes.

    Attributes:
        studies: an Arrow table, a row a study.
        trials: a Parquet file, a row a trial, as it will stand in the result.
    """

    studies: bytes
    trials: bytes


def replay_chunk(settings: ReplaySettings, chunk: Chunk) -> Part:
    """Replay the studies of a chunk; one that fails becomes a row with its error."""
    with _at_ease():
        return _replay_chunk(settings, chunk)


@contextmanager
def _at_ease() -> Iterator[None]:
    """Without Python and C looking for memory to give back: a sixth of the time.

    The C library gives back what is free beyond twice the largest block it ever freed, and pages
    taken anew cost as much as the work on them; so a large block is freed first. Python looks
    through all objects for cycles, and there are none here.
    """
    np.empty(_BLOCK, dtype=np.uint8)
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _replay_chunk(settings: ReplaySettings, chunk: Chunk) -> Part:
    entries = chunk.entries
    columns: dict[str, list[Any]] = {name: [None] * len(entries) for name in studies_schema().names}
    for name in ("study", "objective", "direction"):
        columns[name] = [getattr(entry, name) for entry in entries]
    studies: dict[int, Study] = {}
    for place, one in enumerate(read(Unit.of(chunk))):
        if isinstance(one, Failed):
            columns["error"][place] = one.error
        else:
            studies[place] = one
    made: list[tuple[list[int], Replays]] = []
    for places, replayed in _replayed(settings, studies):
        if isinstance(replayed, Failed):
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
    return Part(packed(studies_table(columns)), as_parquet(_trials(made)))


def _replayed(
    settings: ReplaySettings, studies: Mapping[int, Study]
) -> list[tuple[list[int], Replays | Failed]]:
    """Studies by their places, replayed together where they can be."""
    from esim.simulator.replay import replay_stacks  # with the compiler, which only workers need

    replay = partial(
        replay_stacks,
        rule=settings.rule,
        clock=settings.clock,
        workers=settings.workers,
        costs=settings.costs,
        final=settings.final,  # type: ignore[arg-type]  # checked there
    )
    at = list(studies)
    try:
        made = list(replay(list(studies.values())))
    except Exception:  # of one of them: each by itself tells whose
        return [
            ([place], attempt(lambda one: next(replay([one]))[1], study))
            for place, study in studies.items()
        ]
    return [([at[place] for place in places], replayed) for places, replayed in made]


def _trials(made: Sequence[tuple[list[int], Replays]]) -> Any:
    """The table of the trials of all studies, in the order of the studies' places."""
    parts = [(places, replayed.stack, replayed.columns) for places, replayed in made]
    if any(a[-1] > b[0] for (a, *_), (b, *_) in pairwise(parts)):  # kinds of studies alternate
        parts = [
            ([place], Stack.of([study]), columns)
            for places, stack, whole in parts
            for place, study, columns in zip(places, stack.studies, stack.each(whole), strict=True)
        ]
        parts.sort(key=lambda part: part[0])
    names = [study.name for _, stack, _ in parts for study in stack.studies]
    sizes = [size for _, stack, _ in parts for size in stack.sizes.tolist()]
    return trials_table(names, sizes, [columns for *_, columns in parts])
