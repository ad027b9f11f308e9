"""Replays of a history, study by study: what a worker does with a chunk, and what comes of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from esim.analyses.history.chunk_replay import ReplaySettings, replay_chunk
from esim.analyses.history.finished_chunks import FinishedChunks
from esim.analyses.workers import engines
from esim.analyses.workers.finished import run_key
from esim.results.history import (
    RESULT,
    SPREAD,
    STUDIES,
    TRIALS,
    AskedClock,
    Breakdown,
    By,
    HistoryReplay,
)
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.results.replay import TOTALED, add_up
from esim.results.tables import (
    as_parquet,
    part_names,
    studies_file,
    trials_schema,
)
from esim.storage.history import History
from esim.storage.result_folder import result_folder

__all__ = ["HistoryReplay", "ReplaySettings", "replay_chunk", "replay_history", "write_result"]

_SPREAD_OF = (
    "steps_saved_fraction",
    "seconds_saved_fraction",
    "billed_saved_fraction",
    "makespan_saved_fraction",
    "cost_saved_fraction",
    "degradation_normalized",
    "best_rank",
)


def replay_history(
    history: History,
    settings: ReplaySettings,
    *,
    out: Path | None = None,
    resume: bool = False,
    studies: Sequence[str] | None = None,
    engine: str = "local",
    jobs: int | None = None,
    address: str | None = None,
    by: By | None = None,
    command: str | None = None,
    done: Any = lambda studies: None,
) -> HistoryReplay:
    """Replay every study of a history; the same bytes whatever the engine and its workers.

    Args:
        out: folder for result.json, studies.parquet and trials/, a file a chunk, written whole or
            not at all. Finished chunks are kept in ``<out>.partial`` until then.
        resume: go on from ``<out>.partial`` of an interrupted run of the same replay.
        by: what the totals are broken down by.
        command: the command line that asked for it, for the document.
        done: called with the number of studies of each finished chunk.

    Raises:
        EsimError: no such study, a folder that holds other things, parts of another run, or an
            engine that is not there.
    """
    chunks = history.chunks(studies)

    def finished(parts: FinishedChunks) -> Iterator[int]:
        todo = [chunk for chunk in chunks if chunk.number not in parts.kept]
        for chunk in chunks:
            if chunk.number in parts.kept:
                done(len(chunk.entries))
                yield chunk.number
        work = partial(replay_chunk, settings)
        for i, part in engines.run(work, todo, engine=engine, jobs=jobs, address=address):
            parts.keep(todo[i].number, part)
            done(len(todo[i].entries))
            yield todo[i].number

    source: dict[str, Any] = {
        "path": str(history.location),
        "sha256": history.sha256,
        "format": "history",
    }
    if history.notes:
        source["notes"] = [vars(note) for note in history.notes]
    gathered = Gathered(settings, [source], by, command)
    places = [[c.shard, c.group, [e.study for e in c.entries]] for c in chunks]
    key = run_key(history.sha256, settings.to_dict(), places)
    with FinishedChunks.opened(out, key, resume) as parts:
        if out is None:
            for number in _in_order(finished(parts)):
                gathered.add(parts.studies(number))
            return gathered.result()
        with result_folder(out) as folder:
            result = write_result(folder, parts, finished(parts), gathered)
        parts.forget()
        return result


def write_result(
    folder: Path, parts: FinishedChunks, finished: Iterable[int], gathered: Gathered
) -> HistoryReplay:
    """A table of the studies in the order of the history, the trials chunk by chunk, the document.

    Args:
        finished: the chunks' numbers as they finish: what can be written is written meanwhile.
        gathered: takes their studies, and makes the document of them.
    """
    (folder / TRIALS).mkdir()
    with studies_file(folder / STUDIES) as studies:
        for number in _in_order(finished):
            columns = parts.studies(number)
            gathered.add(columns)
            studies(columns)
            parts.put_trials(number, folder / TRIALS / f"{number:06d}.parquet")
    if not any((folder / TRIALS).iterdir()):  # a history without studies: its columns at least
        (folder / TRIALS / f"{0:06d}.parquet").write_bytes(
            as_parquet(trials_schema().empty_table())
        )
    result = gathered.result()
    (folder / RESULT).write_text(result.to_json(), encoding="utf-8")
    return result


def _in_order(finished: Iterable[int]) -> Iterator[int]:
    """The chunks' numbers, each once all before it have finished."""
    waiting: set[int] = set()
    following = 0
    for number in finished:
        waiting.add(number)
        while following in waiting:
            waiting.remove(following)
            yield following
            following += 1


class Gathered:
    """What the result document needs of studies.parquet: some hundred bytes a study."""

    def __init__(
        self,
        settings: ReplaySettings,
        inputs: Sequence[Mapping[str, Any]],
        by: By | None = None,
        command: str | None = None,
    ) -> None:
        self._settings, self._inputs, self._by, self._command = settings, inputs, by, command
        self._parts: list[str | None] = []  # the part of each study, if `by` asks for any
        self._columns: dict[str, list[Any]] = {key: [] for key in {*TOTALED, *_SPREAD_OF}}
        self._failures: dict[str, str] = {}
        self._warnings: dict[str, int] = {}

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """The columns of a chunk's studies."""
        errors = columns["error"]
        for study, error in zip(columns["study"], errors, strict=True):
            if error is not None:
                self._failures[study] = error
        for codes in columns["warnings"]:
            for code in codes or ():
                self._warnings[code] = self._warnings.get(code, 0) + 1
        for key, column in self._columns.items():
            values = columns[key]
            column += [v for v, error in zip(values, errors, strict=True) if error is None]
        if self._by is not None:
            parts = part_names(columns, self._by)
            self._parts += [v for v, error in zip(parts, errors, strict=True) if error is None]

    def result(self) -> HistoryReplay:
        """The document."""
        totals = add_up(self._columns)
        settings, by = self._settings, self._by
        return HistoryReplay(
            inputs=tuple(self._inputs),
            rule=RecordedRule.of(settings.rule),
            clock=AskedClock(settings.clock, settings.workers),
            costs=settings.costs,
            final=settings.final,
            until=tuple(map(RecordedJobRule.of, settings.until)),
            studies=totals["studies"],
            totals=totals,
            spread=dict(self._spread()),
            failures=self._failures,
            warnings=dict(sorted(self._warnings.items(), key=lambda item: (-item[1], item[0]))),
            by=None if by is None else Breakdown.of(by, self._parts, self._columns),
            command=self._command,
        )

    def _spread(self) -> Iterator[tuple[str, dict[str, float]]]:
        for key in _SPREAD_OF:
            known = [value for value in self._columns[key] if value is not None]
            if known:
                levels = np.quantile(np.array(known, dtype=np.float64), list(SPREAD.values()))
                named = {name: float(v) for name, v in zip(SPREAD, levels, strict=True)}
                yield key, {"studies": len(known), **named}
