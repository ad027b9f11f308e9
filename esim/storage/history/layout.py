"""The files of a history, and reading studies from them.

    index.parquet                 a row for each study: where it is, and what it was read from
    shards/<n>/reports.parquet    study, trial, step, value, elapsed_s; a row for each report
    shards/<n>/trials.parquet     study, trial, reports, start, end, ...; a row for each trial

A row group holds whole studies, about ROWS reports; both files of a shard have the same row groups.
So a few large files hold any number of studies, no folder need be listed to find a study, and the
studies of one row group, which are called a chunk, are read with two requests.
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
from esim.storage.parquet import STATUS_OF, plain_value
from esim.study import STATUS_WORDS, Int64, Note, Study, as_direction
from esim.study.arrays import if_any_known

INDEX, SHARDS, REPORTS, TRIALS = "index.parquet", "shards", "reports.parquet", "trials.parquet"
SCHEMA = "esim.history/1"
KEY = b"esim"
ROWS = 500_000  # reports in a row group: a chunk has 10 to 40 MB and takes about 30 ms to replay
SHARD_ROWS = 20_000_000  # reports in a shard: a few hundred MB


@dataclass(frozen=True)
class Entry:
    """A study's row in the index.

    Attributes:
        study, objective, direction: as in `Study`.
        shard, group: the shard's folder, and the number of the row group in both of its files.
        first_report, reports: the first of the study's reports in the row group, and how many.
        first_trial, trials: the first of the study's trials in the row group, and how many.
        timed: whether its reports have times.
        input, format: the path or address that the study was read from, and its format.
        sha256: the hash of the input's contents and of the options it was read with.
        notes: the study's notes as JSON text.
        done_at_zero: as in `Study`; None in a history that was written before there was one.
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
    done_at_zero: int | None

    @property
    def is_empty(self) -> bool:
        """Whether the row stands for an input that was read and held no study."""
        return self.group < 0


@dataclass(frozen=True)
class Chunk:
    """The studies of one row group, which one worker reads at a time.

    Attributes:
        location: the history's folder.
        number: the chunk's position among the chunks of the history.
        shard, group: as in `Entry`.
        entries: the studies to read; they may be some of the row group's studies.
    """

    location: Location
    number: int
    shard: str
    group: int
    entries: tuple[Entry, ...]

    def studies(self, *, configs: bool = True) -> Iterator[Study]:
        """Read the studies and yield them one after another.

        Args:
            configs: whether hyperparameters are read.

        Raises:
            EsimError: a file is missing or damaged, or does not hold what the index says.
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
        """The chunk's row group of one file as an Arrow table with these columns."""
        import pyarrow as pa

        from esim.storage import sealed

        with self.location.reading(name) as stream:
            try:
                return sealed.read_group(stream, self.group, columns)
            except (pa.ArrowException, OSError) as error:
                raise EsimError(
                    "damaged Parquet file", where=self.location.where(name), why=str(error)
                ) from error


@dataclass(frozen=True)
class History:
    """The index of a history: many studies in a few Parquet files, as `esim convert` writes them.

    Attributes:
        location: the folder, on a disk or in object storage.
        entries: a row for each study.
        sha256: the hash of the index file.

    Example:
        >>> import tempfile
        >>> import esim
        >>> from esim.storage.history import Location
        >>> from esim.storage.history.write import Input, append
        >>> study = esim.Study.from_arrays([[0.5, 0.25]], "minimize", name="s")
        >>> folder = tempfile.mkdtemp()
        >>> _ = append(Location(folder), [Input("log.csv", "0", "table", [study])], None)
        >>> history = esim.History.open(folder)
        >>> history.names
        ['s']
        >>> [read.n_reports for chunk in history.chunks() for read in chunk.studies()]
        [2]
    """

    location: Location
    entries: tuple[Entry, ...]
    sha256: str

    @property
    def names(self) -> list[str]:
        """The ids of the studies, in the order in which they are replayed."""
        return [entry.study for entry in self.entries if not entry.is_empty]

    @classmethod
    def open(cls, address: str) -> History | None:
        """Open the history at a path or address.

        Args:
            address: a folder, or an address such as ``s3://bucket/history``.

        Returns:
            None if there is no history.

        Raises:
            EsimError: its index is damaged or cannot be read.
        """
        import hashlib

        location = Location(address)
        # Every path that is read comes through here: do not import Arrow where it is not needed.
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
        """The chunks that hold the studies.

        Args:
            studies: the ids of the studies to read; None reads all.

        Raises:
            EsimError: the history has no such study; the error lists near names.
        """
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
    "billed_s",
    CONFIG_COLUMN,
)


def index_schema() -> Any:
    """The Arrow schema of index.parquet."""
    import pyarrow as pa

    kinds: dict[str, Any] = {"str": pa.string(), "bool": pa.bool_()}
    fields = [
        (name, kinds.get(str(kind), pa.int64())) for name, kind in Entry.__annotations__.items()
    ]
    return pa.schema(fields, metadata={KEY: SCHEMA.encode()})


def _entries(data: bytes, where: str) -> tuple[Entry, ...] | None:
    """The rows of an index file; None if it is no index of a history."""
    import pyarrow as pa

    from esim.storage import arrow

    try:
        table = arrow.parquet(data)
    except (pa.ArrowException, OSError) as error:
        raise EsimError("damaged Parquet file", where=where, why=str(error)) from error
    if (table.schema.metadata or {}).get(KEY) != SCHEMA.encode():
        return None
    absent = [None] * len(table)
    columns = [
        absent
        if name == "done_at_zero" and name not in table.column_names
        else table[name].to_pylist()
        for name in Entry.__annotations__
    ]
    return tuple(map(Entry, *columns))


def reports_table(study: Study) -> Any:
    """A study's reports as an Arrow table with the columns of a shard's reports.parquet."""
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
    """A study's trials as an Arrow table with the columns of a shard's trials.parquet.

    The hyperparameters of a trial are one JSON object.

    Raises:
        EsimError: a hyperparameter is not text, a number, true, false or None.
    """
    import pyarrow as pa

    from esim.storage import arrow

    keys = list(study.config)
    plain = [[plain_value(key, value) for value in study.config[key]] for key in keys]
    configs = [
        json.dumps({key: column[i] for key, column in zip(keys, plain, strict=True)})
        for i in range(study.n_trials)
    ]
    billed = np.full(study.n_trials, np.nan) if study.billed is None else study.billed
    columns = {
        "study": arrow.strings([study.name] * study.n_trials),
        "trial": arrow.strings(study.trials),
        "reports": arrow.array(np.diff(study.offsets)),
        "start": arrow.nan_as_null(study.start),
        "end": arrow.nan_as_null(study.end),
        "status": arrow.strings([STATUS_OF[int(code)] for code in study.status]),
        "censored": arrow.booleans(study.censored),
        "instance_type": arrow.strings(study.instance_type),
        "instance_count": arrow.array(study.instance_count),
        "billed_s": arrow.nan_as_null(billed),
        CONFIG_COLUMN: arrow.strings(configs),
    }
    return pa.table(list(columns.values()), names=list(columns))


def notes_text(notes: Sequence[Note]) -> str:
    """Notes as the JSON text that the index keeps."""
    return json.dumps([[n.code, n.text, n.count, list(n.evidence)] for n in notes])


_NO_NOTES = notes_text(())


def _notes(text: str) -> tuple[Note, ...]:
    return tuple(
        Note(code, text, count, tuple(evidence)) for code, text, count, evidence in json.loads(text)
    )


def _columns(table: Any) -> dict[str, Any]:
    """The columns of a table by name: numbers and flags as arrays, texts as lists."""
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
    """The study of an entry, from its own rows of both files."""
    configs: Mapping[str, Sequence[Any]] = {}
    billed = trials.get("billed_s")  # not in histories written before it was one
    if CONFIG_COLUMN in trials:
        rows = [json.loads(text) for text in trials[CONFIG_COLUMN]]
        configs = {key: tuple(row[key] for row in rows) for key in (rows[0] if rows else {})}
    study = Study(
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
        billed=None if billed is None else if_any_known(billed),
        config=configs,
        notes=() if entry.notes == _NO_NOTES else _notes(entry.notes),
        done_at_zero=entry.done_at_zero or 0,
    )
    return study if entry.done_at_zero is not None else study.with_first_step()
