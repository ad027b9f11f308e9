"""The files of a history.

    index.parquet             a row a study: where it is, and what it was read from
    shards/<n>/reports.parquet    study, trial, step, value, elapsed_s; a row a report
    shards/<n>/trials.parquet     study, trial, reports, start, end, status, ...; a row a trial

Whole studies fill a row group until it holds ROWS reports; the two files of a shard have the same
row groups. So a few large files hold any number of studies, no listing is needed to find one, and
a chunk, the studies of one row group, is read by two requests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.errors import EsimError, near_names
from esim.storage.history.addresses import Location
from esim.storage.parquet import STATUS_OF, plain_config
from esim.study import STATUS_WORDS, Int64, Note, Study, as_direction

INDEX, SHARDS, REPORTS, TRIALS = "index.parquet", "shards", "reports.parquet", "trials.parquet"
SCHEMA = "esim.history/1"
KEY = b"esim"
ROWS = 500_000  # reports in a row group: a chunk of 10 to 40 MB, some 30 ms of work
SHARD_ROWS = 20_000_000  # reports in a shard: some hundred MB


@dataclass(frozen=True)
class Entry:
    """A study's row in the index.

    Attributes:
        shard, group: the shard's folder and the row group in its two files.
        first_report, reports: where its reports are in the row group, and how many.
        first_trial, trials: the same for its trials.
        timed: whether its reports have seconds.
        input, sha256, format: what it was read from, and the hash of its contents and the options.
    """

    study: str
    objective: str
    direction: str
    shard: str
    group: int
    first_report: int
    reports: int
    first_trial: int
    trials: int
    timed: bool
    input: str
    sha256: str
    format: str
    notes: str

    @property
    def is_empty(self) -> bool:
        """Whether it only marks an input that was read and held no study."""
        return self.group < 0


@dataclass(frozen=True)
class Chunk:
    """The studies of one row group: what one worker reads at a time.

    Attributes:
        number: its location among the chunks of the history.
        entries: the studies to read.
    """

    location: Location
    number: int
    shard: str
    group: int
    entries: tuple[Entry, ...]

    def studies(self, *, configs: bool = True) -> Iterator[Study]:
        """The studies, one after another; `configs` False leaves hyperparameters out.

        Raises:
            EsimError: a file is missing or damaged, or holds other studies than the index says.
        """
        timed = ("elapsed_s",) if any(entry.timed for entry in self.entries) else ()
        folder = f"{SHARDS}/{self.shard}"
        reports = _columns(self._read(f"{folder}/{REPORTS}", ("step", "value", *timed)))
        names = [name for name in _TRIAL_COLUMNS if configs or name != CONFIG_COLUMN]
        trials = _columns(self._read(f"{folder}/{TRIALS}", names))
        ends = np.concatenate(([0], np.cumsum(trials["reports"])))
        for entry in self.entries:
            its_reports = slice(entry.first_report, entry.first_report + entry.reports)
            its_trials = slice(entry.first_trial, entry.first_trial + entry.trials)
            if its_reports.stop > len(reports["step"]) or its_trials.stop > len(trials["trial"]):
                raise EsimError(
                    "the index does not fit the file",
                    where=self.location.where(folder),
                    fix="convert again",
                )
            offsets = ends[its_trials.start : its_trials.stop + 1] - ends[its_trials.start]
            yield _study(
                entry,
                offsets,
                {name: column[its_reports] for name, column in reports.items()},
                {name: column[its_trials] for name, column in trials.items()},
            )

    def _read(self, name: str, columns: Sequence[str]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self.location.reading(name) as stream:
            try:
                return pq.ParquetFile(stream).read_row_group(
                    self.group, columns=list(columns), use_threads=False
                )
            except (pa.ArrowException, OSError) as error:
                raise EsimError(
                    "damaged Parquet file", where=self.location.where(name), why=str(error)
                ) from error


@dataclass(frozen=True)
class History:
    """The index of a history."""

    location: Location
    entries: tuple[Entry, ...]
    sha256: str

    @property
    def names(self) -> list[str]:
        """The studies, in the order in which they are replayed."""
        return [entry.study for entry in self.entries if not entry.is_empty]

    @classmethod
    def open(cls, address: str) -> History | None:
        """The history at a path or address; None if there is none. Raises EsimError if damaged."""
        import hashlib

        location = Location(address)
        # Asked of every path that is read: without Arrow where it can be.
        if location.is_local and not os.path.isfile(os.path.join(address, INDEX)):
            return None
        data = location.read(INDEX)
        if data is None:
            return None
        entries = _entries(data, location.where(INDEX))
        if entries is None:
            return None
        return cls(location, entries, hashlib.sha256(data).hexdigest())

    def chunks(self, studies: Sequence[str] | None = None) -> list[Chunk]:
        """What to read, for all studies or some. Raises EsimError, with near names."""
        names = self.names
        known = set(names)
        for name in studies or ():
            if name not in known:
                raise EsimError(
                    f"no study {name!r}",
                    where=str(self.location),
                    fix=f"one of: {near_names(name, names)}",
                )
        wanted = frozenset(names if studies is None else studies)
        groups: dict[tuple[str, int], list[Entry]] = {}
        for entry in self.entries:
            if entry.study in wanted and not entry.is_empty:
                groups.setdefault((entry.shard, entry.group), []).append(entry)
        return [
            Chunk(self.location, number, shard, group, tuple(entries))
            for number, ((shard, group), entries) in enumerate(groups.items())
        ]


CONFIG_COLUMN = "config"
_TRIAL_COLUMNS = (
    "trial",
    "reports",
    "start",
    "end",
    "status",
    "censored",
    "instance_type",
    "instance_count",
    CONFIG_COLUMN,
)


def index_schema() -> Any:
    """The schema of index.parquet."""
    import pyarrow as pa

    kinds: dict[str, Any] = {"str": pa.string(), "int": pa.int64(), "bool": pa.bool_()}
    fields = [(name, kinds[str(kind)]) for name, kind in Entry.__annotations__.items()]
    return pa.schema(fields, metadata={KEY: SCHEMA.encode()})


def _entries(data: bytes, where: str) -> tuple[Entry, ...] | None:
    import pyarrow as pa

    from esim.storage import arrow

    try:
        table = arrow.parquet(data)
    except (pa.ArrowException, OSError) as error:
        raise EsimError("damaged Parquet file", where=where, why=str(error)) from error
    if (table.schema.metadata or {}).get(KEY) != SCHEMA.encode():
        return None
    columns = [table[name].to_pylist() for name in Entry.__annotations__]
    return tuple(map(Entry, *columns))


def reports_table(study: Study) -> Any:
    """A study's reports in the shape of a shard."""
    import pyarrow as pa

    from esim.storage import arrow

    rows = np.repeat(np.arange(study.n_trials, dtype=np.int64), np.diff(study.offsets))
    none = np.zeros(study.n_reports, dtype=np.bool_)
    elapsed = arrow.with_nulls(np.zeros(study.n_reports), none)
    columns = {
        "study": arrow.dictionary(np.zeros(study.n_reports, dtype=np.int64), [study.name]),
        "trial": arrow.dictionary(rows, study.trials),
        "step": arrow.array(study.steps),
        "value": arrow.array(study.values),
        "elapsed_s": elapsed if study.elapsed is None else arrow.array(study.elapsed),
    }
    return pa.table(list(columns.values()), names=list(columns))


def trials_table(study: Study) -> Any:
    """A study's trials in the shape of a shard; hyperparameters as one JSON object a trial."""
    import pyarrow as pa

    from esim.storage import arrow

    keys = list(study.config)
    plain = [[plain_config(key, value) for value in study.config[key]] for key in keys]
    configs = [
        json.dumps({key: column[i] for key, column in zip(keys, plain, strict=True)})
        for i in range(study.n_trials)
    ]
    columns = {
        "study": arrow.strings([study.name] * study.n_trials),
        "trial": arrow.strings(study.trials),
        "reports": arrow.array(np.diff(study.offsets)),
        "start": arrow.with_nulls(study.start, ~np.isnan(study.start)),
        "end": arrow.with_nulls(study.end, ~np.isnan(study.end)),
        "status": arrow.strings([STATUS_OF[int(code)] for code in study.status]),
        "censored": arrow.booleans(study.censored),
        "instance_type": arrow.strings(study.instance_type),
        "instance_count": arrow.array(study.instance_count),
        CONFIG_COLUMN: arrow.strings(configs),
    }
    return pa.table(list(columns.values()), names=list(columns))


def notes_text(notes: Sequence[Note]) -> str:
    """Notes as the index keeps them."""
    return json.dumps([[n.code, n.text, n.count, list(n.evidence)] for n in notes])


_NO_NOTES = notes_text(())


def _notes(text: str) -> tuple[Note, ...]:
    return tuple(
        Note(code, text, count, tuple(evidence)) for code, text, count, evidence in json.loads(text)
    )


def _columns(table: Any) -> dict[str, Any]:
    """The columns of a table: numbers and flags as arrays, texts as lists."""
    import pyarrow as pa

    from esim.storage import arrow

    found: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name == "status":
            codes, words = arrow.categories(column)
            found[name] = np.array([STATUS_WORDS[word] for word in words], dtype=np.int8)[codes]
        elif pa.types.is_floating(column.type):
            found[name] = arrow.floats(column)
        elif pa.types.is_integer(column.type):
            found[name] = arrow.numbers(column)
        elif pa.types.is_boolean(column.type):
            found[name] = arrow.flags(column)
        elif column.null_count == len(column):
            found[name] = [None] * len(column)
        else:
            found[name] = column.to_pylist()
    return found


def _study(
    entry: Entry, offsets: Int64, reports: Mapping[str, Any], trials: Mapping[str, Any]
) -> Study:
    configs: Mapping[str, Sequence[Any]] = {}
    if CONFIG_COLUMN in trials:
        rows = [json.loads(text) for text in trials[CONFIG_COLUMN]]
        configs = {key: tuple(row[key] for row in rows) for key in (rows[0] if rows else {})}
    return Study(
        name=entry.study,
        objective=entry.objective,
        direction=as_direction(entry.direction),
        trials=tuple(trials["trial"]),
        offsets=offsets,
        steps=reports["step"],
        values=reports["value"],
        elapsed=reports["elapsed_s"] if entry.timed else None,
        start=trials["start"],
        end=trials["end"],
        status=trials["status"],
        censored=trials["censored"],
        instance_type=tuple(trials["instance_type"]),
        instance_count=trials["instance_count"],
        config=configs,
        notes=() if entry.notes == _NO_NOTES else _notes(entry.notes),
    )
