"""Replays of a history, study by study: what a worker does with a chunk, and what comes of all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from esim import engines
from esim.costs import Costs
from esim.errors import EsimError
from esim.folders import whole_folder
from esim.history import Chunk, History
from esim.results import Summary, TrialColumns, add_up, to_json
from esim.rules import Rule

SCHEMA = "esim.replay-many/1"
RESULT, STUDIES, TRIALS = "result.json", "studies.parquet", "trials.parquet"
# Quantiles of each headline number over the studies.
SPREAD = (0.05, 0.25, 0.5, 0.75, 0.95)
_SPREAD_OF = (
    "steps_saved_fraction",
    "seconds_saved_fraction",
    "billed_saved_fraction",
    "makespan_saved_fraction",
    "cost_saved_fraction",
    "degradation_normalized",
    "best_rank",
)


@dataclass(frozen=True)
class Settings:
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
    """What a worker made of a chunk: Arrow tables, a row a study and a row a trial, as bytes."""

    studies: bytes
    trials: bytes


def replay_chunk(settings: Settings, chunk: Chunk) -> Part:
    """Replay the studies of a chunk; one that fails becomes a row with its error."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    trials: list[Any] = []
    try:
        for study in chunk.studies(configs=False):
            row, columns = _replay(settings, study)
            rows.append(row)
            if columns is not None:
                trials.append(_trials_table(study.name, columns))
    except EsimError as error:  # the chunk's files
        missing = [entry.study for entry in chunk.entries[len(rows) :]]
        rows += [{"study": name, "error": str(error)} for name in missing]
    table = pa.Table.from_pylist(rows, schema=studies_schema())
    whole = pa.concat_tables(trials) if trials else trials_schema().empty_table()
    return Part(_packed(table), _packed(whole))


def _replay(settings: Settings, study: Any) -> tuple[dict[str, Any], TrialColumns | None]:
    from esim.replay import replay

    described = {
        "study": study.name,
        "objective": study.objective,
        "direction": study.direction,
    }
    try:
        result = replay(
            study,
            settings.rule,
            settings.clock,
            settings.workers,
            costs=settings.costs,
            final=settings.final,  # type: ignore[arg-type]  # checked by replay
        )
    except Exception as error:  # one bad study must not cost the others; its row says what it was
        text = str(error) if isinstance(error, EsimError) else f"{type(error).__name__}: {error}"
        return {**described, "error": text}, None
    row = {
        **described,
        "clock": result.clock.mode,
        "warnings": [caveat.code for caveat in result.warnings],
        **result.summary.to_dict(),
    }
    return row, result.columns


def studies_schema() -> Any:
    """Columns of studies.parquet: the study, and the keys of its summary."""
    import pyarrow as pa

    kinds: dict[str, Any] = {
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "str": pa.string(),
        "BestTrial": pa.struct([("trial", pa.string()), ("value", pa.float64())]),
        "tuple[float, float]": pa.list_(pa.float64()),
    }
    fields: list[tuple[str, Any]] = [
        (name, pa.string()) for name in ("study", "error", "objective", "direction", "clock")
    ]
    fields.append(("warnings", pa.list_(pa.string())))
    for summary_field in dataclasses.fields(Summary):
        fields.append((summary_field.name, kinds[str(summary_field.type).removesuffix(" | None")]))
    return pa.schema(fields)


def trials_schema() -> Any:
    """Columns of trials.parquet: the study, and those of `TrialColumns`; null = unknown."""
    import pyarrow as pa

    kinds: dict[str, Any] = {"bool_": pa.bool_(), "int64": pa.int64(), "float64": pa.float64()}
    fields: list[tuple[str, Any]] = [("study", pa.string())]
    for column in dataclasses.fields(TrialColumns):
        inside = str(column.type).removeprefix("NDArray[np.").removesuffix("]")
        fields.append((column.name, kinds.get(inside, pa.string())))
    return pa.schema(fields)


def _trials_table(study: str, columns: TrialColumns) -> Any:
    from esim import arrow

    n = len(columns.trial)
    arrays = [arrow.strings([study] * n)]
    for name, column in vars(columns).items():
        if not isinstance(column, np.ndarray):
            arrays.append(arrow.strings(list(column)))
        elif column.dtype == np.bool_:
            arrays.append(arrow.booleans(column))
        elif name in ("stop_step", "peers"):
            arrays.append(arrow.with_nulls(column, column >= 0))
        elif column.dtype == np.float64:
            arrays.append(arrow.with_nulls(column, ~np.isnan(column)))
        else:
            arrays.append(arrow.array(column))
    import pyarrow as pa

    return pa.table(arrays, schema=trials_schema())


@dataclass(frozen=True)
class ManyResult:
    """What a rule would have done to a history.

    Attributes:
        studies: how many were replayed, the failed ones not counted.
        totals: the summary keys that add up over studies.
        spread: headline number -> its quantiles `SPREAD` over the studies that know it, by name.
        failures: study -> why it could not be replayed.
        warnings: code -> in how many studies.
    """

    settings: Settings
    inputs: Sequence[Mapping[str, Any]]
    studies: int
    totals: Mapping[str, Any]
    spread: Mapping[str, Mapping[str, float]]
    failures: Mapping[str, str]
    warnings: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The result document, schema esim.replay-many/1."""
        from esim import __version__

        return {
            "schema": SCHEMA,
            "esim": __version__,
            "inputs": list(self.inputs),
            **self.settings.to_dict(),
            "studies": self.studies,
            "totals": dict(self.totals),
            "spread": {key: dict(value) for key, value in self.spread.items()},
            "failures": dict(self.failures),
            "warnings": dict(self.warnings),
            "tables": {"studies": STUDIES, "trials": TRIALS},
        }


def replay_history(
    history: History,
    settings: Settings,
    *,
    out: Path | None = None,
    resume: bool = False,
    studies: Sequence[str] | None = None,
    engine: str = "local",
    jobs: int | None = None,
    address: str | None = None,
    done: Any = lambda studies: None,
) -> ManyResult:
    """Replay every study of a history; the same bytes whatever the engine and its workers.

    Args:
        out: folder for result.json, studies.parquet and trials.parquet, written whole or not at
            all. Finished chunks are kept in ``<out>.partial`` until then.
        resume: go on from ``<out>.partial`` of an interrupted run of the same replay.
        done: called with the number of studies of each finished chunk.

    Raises:
        EsimError: no such study, a folder that holds other things, parts of another replay, or an
            engine that is not there.
    """
    chunks = history.chunks(studies)
    parts = _Parts(out, _run_key(history, settings, chunks), resume)
    todo = [chunk for chunk in chunks if chunk.number not in parts.kept]
    for chunk in chunks:
        if chunk.number in parts.kept:
            done(len(chunk.entries))
    work = partial(replay_chunk, settings)
    for i, part in engines.run(work, todo, engine=engine, jobs=jobs, address=address):
        parts.keep(todo[i].number, part)
        done(len(todo[i].entries))
    inputs = [{"path": str(history.place), "sha256": history.sha256, "format": "history"}]
    gathered = _Gathered()
    if out is None:
        for number in range(len(chunks)):
            gathered.add(_unpacked(parts.part(number).studies))
        return gathered.result(settings, inputs)
    with whole_folder(out, lambda path: str(path) in (RESULT, STUDIES, TRIALS)) as folder:
        _write_tables(folder, parts, len(chunks), gathered)
        result = gathered.result(settings, inputs)
        (folder / RESULT).write_text(to_json(result.to_dict()), encoding="utf-8")
    parts.forget()
    return result


def _write_tables(folder: Path, parts: _Parts, chunks: int, gathered: _Gathered) -> None:
    """Both tables, a row group a chunk, in the order of the history."""
    import pyarrow.parquet as pq

    with (
        pq.ParquetWriter(folder / STUDIES, studies_schema(), compression="zstd") as studies,
        pq.ParquetWriter(folder / TRIALS, trials_schema(), compression="zstd") as trials,
    ):
        for number in range(chunks):
            part = parts.part(number)
            rows = _unpacked(part.studies)
            gathered.add(rows)
            studies.write_table(rows)
            its_trials = _unpacked(part.trials)
            if its_trials.num_rows:
                trials.write_table(its_trials, row_group_size=its_trials.num_rows)


class _Gathered:
    """The columns of studies.parquet that the result document needs."""

    def __init__(self) -> None:
        self._summaries: list[dict[str, Any]] = []
        self._failures: dict[str, str] = {}
        self._warnings: dict[str, int] = {}

    def add(self, rows: Any) -> None:
        for row in rows.to_pylist():
            if row["error"] is not None:
                self._failures[row["study"]] = row["error"]
                continue
            for code in row["warnings"]:
                self._warnings[code] = self._warnings.get(code, 0) + 1
            self._summaries.append(row)

    def result(self, settings: Settings, inputs: Sequence[Mapping[str, Any]]) -> ManyResult:
        return ManyResult(
            settings=settings,
            inputs=inputs,
            studies=len(self._summaries),
            totals=add_up(self._summaries),
            spread=dict(self._spread()),
            failures=self._failures,
            warnings=dict(sorted(self._warnings.items(), key=lambda item: (-item[1], item[0]))),
        )

    def _spread(self) -> Iterator[tuple[str, dict[str, float]]]:
        for key in _SPREAD_OF:
            known = [row[key] for row in self._summaries if row[key] is not None]
            if known:
                levels = np.quantile(np.array(known, dtype=np.float64), SPREAD)
                yield (
                    key,
                    {
                        "studies": len(known),
                        **{
                            f"q{100 * q:02.0f}": float(v)
                            for q, v in zip(SPREAD, levels, strict=True)
                        },
                    },
                )


class _Parts:
    """Finished chunks: in memory, or, with an output folder, beside it until that is whole."""

    def __init__(self, out: Path | None, key: str, resume: bool) -> None:
        self.kept: set[int] = set()
        self._memory: dict[int, Part] = {}
        self._folder = None if out is None else out.with_name(out.name + ".partial")
        if self._folder is None:
            return
        mark = self._folder / "replay"
        try:
            known = mark.read_text(encoding="utf-8")
        except OSError:
            known = None
        if self._folder.exists() and known is None:
            raise EsimError("the folder holds other things", where=str(self._folder))
        if known is not None and resume and known != key:
            raise EsimError(
                "these are parts of another replay",
                where=str(self._folder),
                why="the history, the rule or a setting differs",
                fix="leave out --resume to begin anew",
            )
        if known is not None and not resume:
            shutil.rmtree(self._folder)
            known = None
        if known is None:
            self._folder.mkdir(parents=True)
            mark.write_text(key, encoding="utf-8")
        self.kept = {int(path.stem) for path in self._folder.glob("*.studies")}

    def keep(self, number: int, part: Part) -> None:
        if self._folder is None:
            self._memory[number] = Part(part.studies, b"")  # nobody will ask for its trials
            return
        # The studies last: a part counts as finished when they stand.
        for ending, data in (("trials", part.trials), ("studies", part.studies)):
            partial_file = self._folder / f"{number}.{ending}.part"
            partial_file.write_bytes(data)
            os.replace(partial_file, self._folder / f"{number}.{ending}")

    def part(self, number: int) -> Part:
        if self._folder is None:
            return self._memory[number]
        read = [(self._folder / f"{number}.{e}").read_bytes() for e in ("studies", "trials")]
        return Part(*read)

    def forget(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _run_key(history: History, settings: Settings, chunks: Sequence[Chunk]) -> str:
    from esim import __version__

    told = json.dumps(
        [
            __version__,
            history.sha256,
            settings.to_dict(),
            [[c.shard, c.group, [e.study for e in c.entries]] for c in chunks],
        ],
        sort_keys=True,
    )
    return hashlib.sha256(told.encode()).hexdigest()


def _packed(table: Any) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _unpacked(data: bytes) -> Any:
    import pyarrow as pa

    from esim import arrow

    return pa.ipc.open_stream(arrow.reader(data)).read_all()
