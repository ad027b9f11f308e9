"""Apply a function to many studies: in memory, or in a history that need not fit there.

An engine says where the function runs. Only its results are kept, not the studies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from esim.analyses.workers import engines
from esim.analyses.workers.finished import FinishedParts
from esim.errors import EsimError
from esim.storage.history import Chunk, History
from esim.study import Study
from esim.study.facts import Facts, facts_at

MANY = 100  # studies; of more, documents and memory hold only a short account of each
MOST = 1000  # studies; of more, so many are drawn where a result is about studies like them
HELD = 10_000_000  # reports of studies that are held in memory: 240 MB
LOT = 10  # studies held in memory that a worker takes at a time, at most
FIRST = 5  # the same of those that take much longer than the others
_LOTS = 32  # so many lots at least, if studies suffice, so that workers end together
_DRAWN = 1_000_004  # child of a seed; studies have those below

Made = TypeVar("Made")
Work = Callable[[int, Study], Made]  # takes a study's position among all, and the study
LotWork = Callable[[Sequence[int], Sequence[Study]], list[Made]]  # the same of several at once


@dataclass(frozen=True)
class FailedStudy:
    """A study that could not be read or replayed.

    Attributes:
        study: its name.
        error: why.
    """

    study: str
    error: str


@dataclass(frozen=True)
class InMemory:
    """Studies in memory, with the same way to read them as a chunk of a history.

    Attributes:
        held: the studies.
        of_history: whether they were read from a history.
    """

    held: tuple[Study, ...]
    of_history: bool = False

    def studies(self, *, configs: bool = True) -> Iterator[Study]:
        """The studies; `configs` changes nothing, because they are complete already."""
        return iter(self.held)


@dataclass(frozen=True)
class WorkUnit:
    """What a worker takes at a time: studies that are read together.

    Attributes:
        source: where the studies are read from.
        positions: of the studies among all, ascending.
        names: of the studies.
    """

    source: Chunk | InMemory
    positions: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, chunk: Chunk, first: int = 0) -> WorkUnit:
        """A chunk of a history; `first` is the position of its first study."""
        names = tuple(entry.study for entry in chunk.entries)
        return cls(chunk, tuple(range(first, first + len(names))), names)

    def only(self, wanted: Callable[[int], bool]) -> WorkUnit:
        """A unit of those of its studies whose positions are wanted."""
        keep = [i for i, position in enumerate(self.positions) if wanted(position)]
        some: Chunk | InMemory
        if isinstance(self.source, InMemory):
            some = replace(self.source, held=tuple(self.source.held[i] for i in keep))
        else:
            some = replace(self.source, entries=tuple(self.source.entries[i] for i in keep))
        return WorkUnit(
            some, tuple(self.positions[i] for i in keep), tuple(self.names[i] for i in keep)
        )


def spread(studies: int, some: int) -> list[int]:
    """Spread `some` places evenly over so many studies: ascending, from 0."""
    return [i * studies // some for i in range(some)]


def read(unit: WorkUnit) -> Iterator[Study | FailedStudy]:
    """Read the studies of a unit; from the first that cannot be read on, all have failed."""
    studies = unit.source.studies(configs=False)
    for at in range(len(unit.names)):
        try:
            study = next(studies)
        except EsimError as error:  # of the chunk's files, so no later study can be read either
            yield from (FailedStudy(name, str(error)) for name in unit.names[at:])
            return
        yield study


def attempt(work: Callable[[], Made], study: str) -> Made | FailedStudy:
    """Do the work on a study of this name; if it raises, say why the study failed."""
    try:
        return work()
    except EsimError as error:
        return FailedStudy(study, str(error))
    except Exception as error:
        return FailedStudy(study, f"{type(error).__name__}: {error}")


def work_on(work: Work[Made], unit: WorkUnit) -> list[Made | FailedStudy]:
    """Do the work on each study of a unit.

    A study of a history that fails stops no other. The work on a study in memory may raise, because
    the caller, who holds it, can leave it out.

    Raises:
        EsimError: a study in memory failed.
    """
    return [
        _work_on_one(work, unit, position, study)
        for position, study in zip(unit.positions, read(unit), strict=True)
    ]


def work_on_lot(work: LotWork[Made], unit: WorkUnit) -> list[Made | FailedStudy]:
    """Do the work on all studies of a unit at once, or if that fails, on each by itself.

    Raises:
        EsimError: as `work_on`.
    """
    pairs = list(zip(unit.positions, read(unit), strict=True))
    whole = [(position, study) for position, study in pairs if isinstance(study, Study)]
    if len(whole) > 1:
        with suppress(Exception):  # one of them failed: the work on each by itself finds out which
            made = iter(work(*zip(*whole, strict=True)))
            return [next(made) if isinstance(study, Study) else study for _, study in pairs]

    def alone(position: int, study: Study) -> Made:
        return work([position], [study])[0]

    return [_work_on_one(alone, unit, position, study) for position, study in pairs]


def _work_on_one(
    work: Work[Made], unit: WorkUnit, position: int, study: Study | FailedStudy
) -> Made | FailedStudy:
    if isinstance(study, FailedStudy):
        return study
    if isinstance(unit.source, InMemory) and not unit.source.of_history:
        return work(position, study)
    return attempt(partial(work, position, study), study.name)


class Studies:
    """Many studies, to which functions can be applied one after another.

    Attributes:
        failures: name of a study -> why it failed; later calls leave it out.
        here: whether the work runs in this process. `near`: on this machine.
        threads: that each worker may use for one study.
        drawn_from: how many there were from which these were drawn; None: these are all.
    """

    def __init__(
        self,
        units: Sequence[WorkUnit],
        workers: engines.Workers,
        *,
        here: bool,
        near: bool,
        threads: int,
        drawn_from: int | None = None,
    ) -> None:
        self._units, self._workers, self._near = list(units), workers, near
        self.here, self.threads, self.drawn_from = here, threads, drawn_from
        self.failures: dict[str, str] = {}

    def __len__(self) -> int:
        return sum(len(unit.positions) for unit in self._units)

    @property
    def positions(self) -> tuple[int, ...]:
        """Of the studies that have not failed, among all, ascending."""
        return tuple(sorted(position for unit in self._units for position in unit.positions))

    @property
    def lots(self) -> tuple[tuple[int, ...], ...]:
        """The positions of the studies that a worker takes at a time."""
        return tuple(unit.positions for unit in self._units)

    def facts(self) -> list[Facts]:
        """The facts of each study.

        Studies of a history are then held in memory if they fit there together, so that the
        history is read once, and a worker takes up to LOT of them at a time. Workers of a cluster
        read theirs again, which costs less than to send them.

        Raises:
            EsimError: as `each`.
        """
        chunks = [unit.source for unit in self._units if isinstance(unit.source, Chunk)]
        reports = sum(entry.reports for chunk in chunks for entry in chunk.entries)
        if not chunks or not self._near or reports > HELD:
            return self.each(facts_at)
        pairs = self.each(_facts_and_study)
        known, studies = zip(*pairs, strict=True)
        positions = self.positions
        self._units = _in_lots(studies, positions, _most(len(known)), of_history=True)
        return list(known)

    def take_first(self, positions: Collection[int]) -> None:
        """Let workers take these studies first, several at a time, where all are held in memory.

        Those that take longest are to be first, and what they have in common is then done once. If
        they are all, nothing changes.
        """
        sources = [unit.source for unit in self._units if isinstance(unit.source, InMemory)]
        if len(sources) < len(self._units):
            return
        those = [unit.only(positions.__contains__) for unit in self._units]
        others = [unit.only(lambda position: position not in positions) for unit in self._units]
        others = [unit for unit in others if unit.positions]
        if not others:
            return
        studies = [study for unit in those for study in unit.source.studies()]
        places = [at for unit in those for at in unit.positions]
        first = _in_lots(studies, places, FIRST, of_history=sources[0].of_history)
        self._units = [*first, *others]

    def each(
        self,
        work: Work[Made],
        done: Callable[[int], None] = lambda studies: None,
        parts: FinishedParts | None = None,
    ) -> list[Made]:
        """Apply `work` to every study, and return the results in the order of the studies.

        Studies that fail have no result.

        Args:
            work: a module-level function, or a partial of one.
            done: called with the number of studies of each finished unit.
            parts: keeps what is made of each unit; what an earlier run kept there is taken.

        Raises:
            EsimError: every study failed, or one in memory did.
        """
        return self._each(partial(work_on, work), done, parts)

    def in_lots(
        self,
        work: LotWork[Made],
        done: Callable[[int], None] = lambda studies: None,
        parts: FinishedParts | None = None,
    ) -> list[Made]:
        """`each`, with work that takes all studies of a unit at once."""
        return self._each(partial(work_on_lot, work), done, parts)

    def _each(
        self,
        work: Callable[[WorkUnit], list[Made | FailedStudy]],
        done: Callable[[int], None],
        parts: FinishedParts | None,
    ) -> list[Made]:
        found: dict[int, list[Made | FailedStudy]] = {}
        for at, made in self._made(work, parts):
            found[at] = made
            done(len(made))
        kept: dict[int, Made] = {}
        failed: set[int] = set()
        for at, unit in enumerate(self._units):
            for position, one in zip(unit.positions, found.pop(at), strict=True):
                if isinstance(one, FailedStudy):
                    self.failures[one.study] = one.error
                    failed.add(position)
                else:
                    kept[position] = one
        if failed:
            left = (unit.only(lambda position: position not in failed) for unit in self._units)
            self._units = [unit for unit in left if unit.positions]
        if not kept and self.failures:
            study, error = next(iter(self.failures.items()))
            raise EsimError(
                f"none of {len(self.failures)} studies can be used", why=f"{study!r}: {error}"
            )
        return [kept[position] for position in sorted(kept)]

    def _made(
        self, work: Callable[[WorkUnit], list[Made | FailedStudy]], parts: FinishedParts | None
    ) -> Iterator[tuple[int, list[Made | FailedStudy]]]:
        """(position of a unit, what was made of it), as each unit finishes."""
        todo = []
        for at, unit in enumerate(self._units):
            if parts is not None and f"{at}.made" in parts.kept:
                positions, made = parts.read_object(f"{at}.made")
                if positions == unit.positions:  # else other lots had been made then
                    yield at, made
                    continue
            todo.append(at)
        units = [self._units[at] for at in todo]
        for i, made in self._workers.run(work, units):
            if parts is not None:
                parts.keep_object(f"{todo[i]}.made", (units[i].positions, made))
            yield todo[i], made

    def some(self, places: Iterable[int]) -> tuple[Study, ...]:
        """Read some studies into memory.

        Args:
            places: of the studies among those that have not failed.
        """
        positions = self.positions
        wanted = {positions[place] for place in places}
        found: dict[int, Study] = {}
        for unit in self._units:
            if not wanted.isdisjoint(unit.positions):
                those = unit.only(wanted.__contains__)
                studies = those.source.studies(configs=False)
                if not isinstance(those.source, InMemory):
                    studies = map(_by_itself, studies)
                found.update(zip(those.positions, studies, strict=True))
        return tuple(found[position] for position in sorted(found))


def _most(studies: int) -> int:
    """How many of so many studies a worker takes at a time."""
    return max(1, min(LOT, studies // _LOTS))


def _in_lots(
    studies: Sequence[Study], positions: Sequence[int], most: int, *, of_history: bool
) -> list[WorkUnit]:
    """Studies that are held in memory, at most so many to a worker at a time."""
    cuts = [*range(0, len(studies), most), len(studies)]
    return [
        WorkUnit(
            InMemory(tuple(studies[a:b]), of_history),
            tuple(positions[a:b]),
            tuple(study.name for study in studies[a:b]),
        )
        for a, b in pairwise(cuts)
    ]


def _facts_and_study(position: int, study: Study) -> tuple[Facts, Study]:
    return facts_at(position, study), _by_itself(study)


def _by_itself(study: Study) -> Study:
    """A copy of the study's columns: views would keep the whole chunk in memory."""
    columns: dict[str, Any] = {
        name: column.copy()
        for name, column in vars(study).items()
        if isinstance(column, np.ndarray)
    }
    return replace(study, **columns)


@contextmanager
def going_through(
    source: Study | Iterable[Study] | History,
    *,
    engine: str | None = None,
    jobs: int | None = None,
    address: str | None = None,
    most: int = 0,
    seed: int = 0,
) -> Iterator[Studies]:
    """Studies together with the workers that apply functions to them, as a context.

    Args:
        source: one study, several, or a history.
        most: of more studies, so many are drawn at random, and the others never read; 0: all.
        seed: of that draw.
        engine: as in `engines`; by default "threads" for studies in memory, and "local" processes
            for a history.
        jobs, address: as in `engines.opened`.

    Raises:
        EsimError: there is no study, or the engine is not installed.
    """
    units = _units(source)
    if not units:
        raise EsimError("there is no study")
    there, drawn_from = sum(len(unit.positions) for unit in units), None
    if 0 < most < there:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_DRAWN,)))
        those = set(rng.choice(there, most, replace=False).tolist())
        drawn = (unit.only(those.__contains__) for unit in units)
        units, drawn_from = [unit for unit in drawn if unit.positions], there
    in_memory = not isinstance(source, History)
    engine = engine or ("threads" if in_memory else "local")
    engines.check_engine(engine, jobs, address)
    threads = 1
    if in_memory and engine == "threads":
        # With fewer studies than workers, several threads share the work on a study.
        threads = -(-(jobs or os.cpu_count() or 1) // len(units))
    with engines.opened(engine=engine, jobs=jobs, address=address, most=len(units)) as workers:
        yield Studies(
            units,
            workers,
            here=engine == "threads",
            near=engine in ("threads", "local"),
            threads=threads,
            drawn_from=drawn_from,
        )


def drawn_words(studies: int, drawn_from: int) -> str:
    """What a result from studies that were drawn says of it."""
    return (
        f"{studies:,} of the {drawn_from:,} studies, drawn at random, stand for all: "
        "--most-studies 0 takes every one, and more time"
    )


def _units(source: Study | Iterable[Study] | History) -> list[WorkUnit]:
    if isinstance(source, History):
        units: list[WorkUnit] = []
        for chunk in source.chunks():
            units.append(WorkUnit.of(chunk, units[-1].positions[-1] + 1 if units else 0))
        return units
    studies = [source] if isinstance(source, Study) else list(source)
    return _in_lots(studies, range(len(studies)), _most(len(studies)), of_history=False)
