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

from esim.errors import EsimError, near_names, plural
from esim.storage.columns import Column, checked_columns
from esim.storage.history.addresses import Location
from esim.storage.history.index import INDEX, Entry, read_index
from esim.storage.history.stored import CONFIG_COLUMN, StoredStudies, columns_of
from esim.storage.parquet import STATUS_OF, TRIAL_COLUMNS, plain_value
from esim.study import Float64, Note, Study
from esim.study.brief import brief

SHARDS, REPORTS, TRIALS = "shards", "reports.parquet", "trials.parquet"
ROWS = 500_000  # reports in a row group: a chunk has 10 to 40 MB and takes about 30 ms to replay
SHARD_ROWS = 20_000_000  # reports in a shard: a few hundred MB


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

    def read(self, *, configs: bool = True) -> StoredStudies:
        """Read the studies.

        Args:
            configs: whether hyperparameters are read.

        Raises:
            EsimError: a file is missing or damaged, or does not hold what the index says.
        """
        folder = f"{SHARDS}/{self.shard}"
        timed = any(entry.timed for entry in self.entries)
        return StoredStudies(
            self.entries,
            self._read(f"{folder}/{REPORTS}", _REPORT_COLUMNS[: 3 if timed else 2]),
            self._read(f"{folder}/{TRIALS}", _TRIAL_COLUMNS[: None if configs else -1]),
            self.location.where(folder),
        )

    def studies(self, *, configs: bool = True) -> Iterator[Study]:
        """Read the studies and yield them one after another; arguments and errors as of `read`."""
        stored = self.read(configs=configs)
        for at in range(len(self.entries)):
            yield stored.study(at)

    def times(self) -> Iterator[tuple[Entry, tuple[Float64, Float64]]]:
        """Each study's row of the index with the starts and the ends of its trials, [N] each.

        Raises:
            EsimError: the table of trials is missing or damaged.
        """
        columns = [column for column in _TRIAL_COLUMNS if column.name in ("start", "end")]
        trials = self._read(f"{SHARDS}/{self.shard}/{TRIALS}", columns)
        for entry in self.entries:
            its = slice(entry.first_trial, entry.first_trial + entry.trials)
            yield entry, (trials["start"][its], trials["end"][its])

    def _read(self, name: str, columns: Sequence[Column]) -> dict[str, Any]:
        """Columns of the chunk's row group of one file: numbers as arrays, texts as lists."""
        import pyarrow as pa

        from esim.storage import arrow, sealed

        where = self.location.where(name)
        with self.location.reading(name) as stream:
            try:
                footer = self._footer(where, stream)
                names = [column.name for column in columns]
                table = sealed.read_group(stream, self.group, names, footer)
            except (pa.ArrowException, OSError) as error:
                raise arrow.damaged(where, error) from error
        return columns_of(checked_columns(table, columns, where), where)

    def _footer(self, path: str, stream: Any) -> Any:
        """The footer of a file, kept for the next chunk of a file that the disk says is the same.

        Reading it anew took a tenth of the time of reading a chunk.
        """
        from esim.storage import sealed

        if not self.location.is_local:
            return sealed.read_footer(stream)
        told = os.stat(path)
        file = path, told.st_ino, told.st_size, told.st_mtime_ns
        if file not in _footers:
            if len(_footers) >= _MOST_FOOTERS:
                _footers.clear()
            _footers[file] = sealed.read_footer(stream)
        return _footers[file]


_footers: dict[tuple[str, int, int, int], Any] = {}
_MOST_FOOTERS = 8


@dataclass(frozen=True, repr=False)
class History:
    """The index of a history: many studies in a few Parquet files, as `esim convert` writes them.

    Attributes:
        location: the folder, on a disk or in object storage.
        entries: a row for each study.
        sha256: the hash of the index file.
        notes: what a selection of its studies left out.

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
    notes: tuple[Note, ...] = ()

    def __repr__(self) -> str:
        return brief(self._in_short())

    def _in_short(self) -> Iterator[str]:
        names = self.names
        yield f"History at {self.location}: {plural(len(names), 'study')}"
        if names:
            yield f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"

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
        entries = read_index(data, location.where(INDEX))
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


_REPORT_COLUMNS = (
    Column("step", "whole numbers"),
    Column("value", "numbers"),
    Column("elapsed_s", "numbers", nulls=True),
)
_TRIAL_COLUMNS = (
    *TRIAL_COLUMNS,
    Column("reports", "whole numbers"),
    Column(CONFIG_COLUMN, "text"),
)


def reports_table(study: Study) -> Any:
    """A study's reports as an Arrow table with the columns of a shard's reports.parquet."""
    from esim.storage import arrow

    rows = np.repeat(np.arange(study.n_trials, dtype=np.int64), study.lengths)
    none = np.zeros(study.n_reports, dtype=np.bool_)
    elapsed = arrow.with_nulls(np.zeros(study.n_reports), none)
    columns = {
        "study": arrow.dictionary(np.zeros(study.n_reports, dtype=np.int64), [study.name]),
        "trial": arrow.dictionary(rows, study.trials),
        "step": arrow.array(study.steps),
        "value": arrow.array(study.values),
        "elapsed_s": elapsed if study.elapsed is None else arrow.array(study.elapsed),
    }
    return _table(columns)


def _table(columns: Mapping[str, Any]) -> Any:
    """Columns as an Arrow table. Those of which no value may be missing are read in half the time
    if they say so."""
    import pyarrow as pa

    may_lack = {column.name for column in (*_REPORT_COLUMNS, *_TRIAL_COLUMNS) if column.nulls}
    fields = [
        pa.field(name, column.type, nullable=name in may_lack) for name, column in columns.items()
    ]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def trials_table(study: Study) -> Any:
    """A study's trials as an Arrow table with the columns of a shard's trials.parquet.

    The hyperparameters of a trial are one JSON object.

    Raises:
        EsimError: a hyperparameter is not text, a number, true, false or None.
    """
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
        "reports": arrow.array(study.lengths),
        "start": arrow.nan_as_null(study.start),
        "end": arrow.nan_as_null(study.end),
        "status": arrow.strings([STATUS_OF[int(code)] for code in study.status]),
        "censored": arrow.booleans(study.censored),
        "instance_type": arrow.strings(study.instance_type),
        "instance_count": arrow.array(study.instance_count),
        "billed_s": arrow.nan_as_null(billed),
        CONFIG_COLUMN: arrow.strings(configs),
    }
    return _table(columns)
