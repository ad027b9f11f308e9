"""`Logger` reads the formats of loggers that write a table for each run, such as Lightning's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from esim.errors import EsimError
from esim.readers.assembly import some
from esim.readers.config_files import Configs
from esim.readers.formats import Detection, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs, folder_of, run_names
from esim.readers.runs import Experiment, file_notes, flat, folder_name, studies
from esim.readers.source import File, Source
from esim.readers.tables.shape import Shape, records, shape_of
from esim.study import Direction, Note


@dataclass(frozen=True)
class Logger:
    """How the files of one logger are recognised and read.

    Attributes:
        what: the logger's name, for errors.
        layout: how the logger writes its tables.
        is_header: whether some columns, in their order, are those of its tables.
        header: what `is_header` looks for, in words.
        file: the name of its tables; "" if they may have any name.
        configs: the names of files with hyperparameters beside a table, the preferred one first.
        encodings: the kinds of table that it writes.
        owns: whether everything in and below a table's folder belongs to the run.
        study_of: from the folder of a run, below the input, the folder that its study is named
            after, and the trial. None if all runs are of one study and are named after their
            folders or files. If it is given, the first of `configs` without a table beside it is a
            trial too, one without reports.
        convention: from the study's name and its metrics, the objective and direction that the
            tool's users take; None if there is no such convention.
        convention_from: whose convention that is, for the note.
    """

    what: str
    layout: Layout
    is_header: Callable[[Sequence[str]], bool]
    header: str
    file: str = ""
    configs: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ("CSV",)
    owns: bool = False
    study_of: Callable[[str], tuple[str, str]] | None = None
    convention: Callable[[str, Sequence[str]], tuple[str, Direction] | None] = lambda *_: None
    convention_from: str = ""

    def detect(self, source: Source) -> Detection:
        """Whether some tables of the input are of this logger.

        Raises:
            EsimError: a file cannot be opened.
        """
        tables = self._tables(source)
        if not tables:
            near = source.by_base.get(self.file, [])
            saw = f"{near[0].name} without {self.header}" if self.file and near else ""
            return Detection(False, saw)
        files = [shape.file for shape in tables]
        claims = source.below({file.folder for file in files}) if self.owns else frozenset(files)
        beside = frozenset(
            file
            for name in self.configs
            for file in source.by_base.get(name, [])
            if file.folder in {table.folder for table in files}
        )
        saw = f"{some([file.name for file in files])} with {self.header}"
        return Detection(True, saw, claims=claims | beside)

    def read(self, source: Source, options: Options) -> Found:
        """Read the studies of its tables. Raises EsimError as `esim.readers.runs.studies`."""
        tables = self._tables(source)
        if not tables:
            raise EsimError(
                f"no table of {self.what}",
                where=source.label,
                why=f"expected {self.file or 'a table'} with {self.header}",
            )
        configs = Configs(source, self.configs)
        cut: list[str] = []
        experiments = [
            self._experiment(source, name, group, configs, options, cut)
            for name, group in self._groups(source, tables).items()
        ]
        experiments = [replace(e, notes=(*e.notes, *configs.notes())) for e in experiments]
        used = {shape.file for shape in tables} | configs.used
        found = studies(experiments, options, source, file_notes(source, used))
        return replace(found, notes=(*found.notes, *_cut_notes(cut)))

    def _tables(self, source: Source) -> list[Shape]:
        files = source.by_base.get(self.file, []) if self.file else source.files
        shapes = (shape_of(file) for file in files)
        return [
            shape
            for shape in shapes
            if shape is not None
            and shape.encoding in self.encodings
            and self.is_header(shape.columns)
        ]

    def _groups(self, source: Source, tables: Sequence[Shape]) -> dict[str, dict[str, _Files]]:
        """For each study, by name, the files of each of its trials."""
        groups: dict[str, dict[str, _Files]] = {}
        if self.study_of is not None:
            alone = source.by_base.get(self.configs[0], [])
            for shape, file in [*((s, s.file) for s in tables), *((None, file) for file in alone)]:
                folder, trial = self.study_of(folder_of(file))
                runs = groups.setdefault(folder_name(source, folder), {})
                runs.setdefault(trial, _Files(file)).add(shape)
        else:
            one_name = len({shape.file.base for shape in tables}) == 1
            paths = [_run_path(shape.file, one_name) for shape in tables]
            distinct = list(dict.fromkeys(paths))
            names = dict(zip(distinct, run_names(distinct, source.default_name), strict=True))
            runs = groups.setdefault(source.default_name, {})
            for path, shape in zip(paths, tables, strict=True):
                runs.setdefault(names[path], _Files(shape.file)).add(shape)
        return {
            name: {trial: runs[trial] for trial in sorted(runs, key=natural)}
            for name, runs in groups.items()
        }

    def _experiment(
        self,
        source: Source,
        name: str,
        group: Mapping[str, _Files],
        configs: Configs,
        options: Options,
        cut: list[str],
    ) -> Experiment:
        logs = [
            RunLog(
                trial=trial,
                columns=list(dict.fromkeys(c for table in files.tables for c in table.columns)),
                rows=lambda files=files: _rows(files.tables, cut),  # type: ignore[misc]
                where=str(files.first),
                config=configs.of(files.first),
            )
            for trial, files in group.items()
        ]
        together = RunLogs(logs, self.layout, options, source.label)
        columns = dict.fromkeys(column for log in logs for column in log.columns)
        taken = self.convention(name, self.layout.metrics(columns))
        return Experiment(
            name=name,
            runs=together.runs,
            where=source.label,
            objective=taken[0] if taken else None,
            objective_from=self.convention_from,
            direction=taken[1] if taken else None,
            times="elapsed",
            told=together.told,
        )


@dataclass
class _Files:
    """The files of a run.

    Attributes:
        first: one of them.
        tables: its tables; none if the run only has a file of hyperparameters.
    """

    first: File
    tables: list[Shape] = field(default_factory=list)

    def add(self, table: Shape | None) -> None:
        if table is not None:
            self.tables.append(table)


def _run_path(file: File, one_name: bool) -> str:
    """The path that identifies the run of a table: its folder, and its name if names differ.

    Tables whose names are numbers are parts of one run.
    """
    folder = folder_of(file)
    stem = file.base.partition(".")[0]
    if one_name or stem.isdigit():
        return folder
    return f"{folder}/{stem}" if folder else stem


def _rows(shapes: Sequence[Shape], cut: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for shape in shapes:
        data = shape.file.read()
        if shape.encoding == "CSV":
            whole = _whole_lines(shape, data)
            if len(whole) < len(data) and str(shape.file) not in cut:
                cut.append(str(shape.file))
            yield from records(shape, whole)
        elif shape.encoding == "JSONL":
            yield from ((place, flat(row, separator=".")) for place, row in records(shape, data))
        else:
            yield from records(shape, data)


def _whole_lines(shape: Shape, data: bytes) -> bytes:
    """A CSV file without its last row if that has too few cells and no line end.

    Such a row was still being written.
    """
    if data.endswith((b"\n", b"\r")):
        return data
    head, newline, last = data.rpartition(b"\n")
    short = last.count(shape.delimiter.encode()) < len(shape.columns) - 1
    return head + newline if short and newline else data


def _cut_notes(cut: Sequence[str]) -> list[Note]:
    if not cut:
        return []
    text = f"{len(cut)} file(s) end in the middle of a row; it is left out"
    return [Note("lines_cut_off", text, len(cut), tuple(cut[:3]))]
