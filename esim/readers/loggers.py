"""`Logger` reads the formats of loggers that write a table for each run, such as Lightning's.

A run may have several tables: parts such as train and validation, or one for each metric.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from esim.errors import EsimError
from esim.readers.assembly import some
from esim.readers.config_files import Configs
from esim.readers.encodings import cells
from esim.readers.encodings.times import parse_moment
from esim.readers.formats import Detection, Found
from esim.readers.launch_order import launch_order
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs, folder_of, run_names
from esim.readers.run_parts import Part, parts_of, with_one_spelling, with_resumed
from esim.readers.runs import Experiment, file_notes, flat, folder_name, studies
from esim.readers.source import File, Source
from esim.readers.tables.columns import plain_name
from esim.readers.tables.records import Oddities, contents, lists, records
from esim.readers.tables.rows import holds_text
from esim.readers.tables.shape import Shape, shape_of
from esim.study import Direction, Note

ROW = "row"  # names the number of a row where no column counts steps


@dataclass(frozen=True)
class Logger:
    """How the files of one logger are recognised and read.

    Attributes:
        what: the logger's name, for errors.
        layout: how the logger writes its tables.
        is_header: whether some columns, in their order, are those of its tables.
        header: what `is_header` looks for, in words.
        hint: a text in the first bytes of each of its tables, which tells at once what is none.
        file: the name of its tables; "" if they may have any name.
        path: instead of `file`, a regex for the whole path of a table below the input. Its group
            "run", behind "above", is the path that identifies the run, by default the folder of
            the file; "part" and "metric" are as in `Part`.
        resumes: whether a run that goes on has a further file, whose name holds the time.
        all_tables: whether it is recognised only if all tables with steps are its own.
        configs: the names of files with hyperparameters beside a table, the preferred one first.
        encodings: the kinds of table that it writes.
        separator: what joins the names of nested JSON.
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
    hint: bytes = b""
    file: str = ""
    path: str = ""
    resumes: bool = False
    all_tables: bool = False
    configs: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ("CSV",)
    separator: str = "/"
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
        if self.all_tables and self._others(source, tables):
            return Detection(False, "")
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
        if not self.path:
            parts = with_one_spelling(parts_of(tables, self.layout))
            return self.read_parts(source, parts, options)
        parts = [self._part(shape) for shape in tables]
        if self.resumes:
            parts = with_resumed(parts, self.layout)
        if len({part.part for part in parts}) == 1:  # it tells nothing apart
            parts = [replace(part, part="") for part in parts]
        return self.read_parts(source, parts, options)

    def read_parts(
        self, source: Source, parts: Sequence[Part], options: Options, notes: Sequence[Note] = ()
    ) -> Found:
        """Read the studies of some tables.

        Args:
            source: the input.
            parts: its tables, with the runs that they are of.
            options: what the user asked for.
            notes: notes about the data.

        Raises:
            EsimError: as `esim.readers.runs.studies`.
        """
        configs = Configs(source, self.configs)
        mended = _Mended()
        experiments = [
            self._experiment(source, name, group, configs, options, mended)
            for name, group in self._groups(source, parts).items()
        ]
        experiments = [replace(e, notes=(*notes, *e.notes, *configs.notes())) for e in experiments]
        used = {part.shape.file for part in parts} | configs.used
        found = studies(experiments, options, source, file_notes(source, used))
        return replace(found, notes=(*found.notes, *mended.notes()))

    def _tables(self, source: Source) -> list[Shape]:
        files: Sequence[File] = source.by_base.get(self.file, []) if self.file else source.files
        if self.path:
            files = [file for file in files if re.fullmatch(self.path, file.plain_name)]
        shapes = (shape_of(file) for file in files if self.hint in file.head)
        found = [
            shape
            for shape in shapes
            if shape is not None
            and shape.encoding in self.encodings
            and self.is_header(shape.columns)
        ]
        # The same rows may stand in a file of each encoding.
        best: dict[tuple[str, str], int] = {}
        for shape in found:
            key, rank = _stem(shape), self.encodings.index(shape.encoding)
            best[key] = min(rank, best.get(key, rank))
        return [s for s in found if self.encodings.index(s.encoding) == best[_stem(s)]]

    def _others(self, source: Source, tables: Sequence[Shape]) -> bool:
        """Whether there are further tables that may hold the reports of a run."""
        for file in source.files:
            shape = shape_of(file)
            if shape is not None and shape not in tables and shape.encoding in self.encodings:
                first = {plain_name(name) for name in shape.columns[:3]}
                if first & {"epoch", "step", "iteration"} and not shape.ragged:
                    return True
        return False

    def _part(self, shape: Shape) -> Part:
        """What a table holds, by its path."""
        match = re.fullmatch(self.path, shape.file.plain_name)
        groups = match.groupdict(default="") if match else {}
        run = (groups.get("above", "") + groups.get("run", shape.file.folder)).strip("/")
        if not shape.file.root.is_dir():
            run = f"{shape.file.path.parent.as_posix()}/{run}" if run else folder_of(shape.file)
        return Part(shape, run, groups.get("part", ""), groups.get("metric", ""))

    def _groups(self, source: Source, parts: Sequence[Part]) -> dict[str, dict[str, _Files]]:
        """For each study, by name, the files of each of its trials."""
        groups: dict[str, dict[str, _Files]] = {}
        if self.study_of is not None:
            alone = source.by_base.get(self.configs[0], [])
            for part, file in [*((p, p.shape.file) for p in parts), *((None, f) for f in alone)]:
                folder, trial = self.study_of(folder_of(file))
                runs = groups.setdefault(folder_name(source, folder), {})
                runs.setdefault(trial, _Files(file, folder_of(file))).add(part)
        else:
            for study, members in self._studies(source, parts).items():
                distinct = list(dict.fromkeys(part.run for part in members))
                names = dict(zip(distinct, run_names(distinct, source.default_name), strict=True))
                runs = groups.setdefault(study, {})
                for part in members:
                    runs.setdefault(names[part.run], _Files(part.shape.file, part.run)).add(part)
        return groups

    def _studies(self, source: Source, parts: Sequence[Part]) -> dict[str, list[Part]]:
        """The parts of each study: of each folder, if each holds the files of several runs."""
        folders: dict[str, list[Part]] = {}
        for part in parts:
            folders.setdefault(folder_of(part.shape.file), []).append(part)
        of_files = not (self.file or self.path) and all(
            part.run != folder for folder, members in folders.items() for part in members
        )
        several = all(len({part.run for part in members}) > 1 for members in folders.values())
        if len(folders) < 2 or not (of_files and several):
            return {source.default_name: list(parts)}
        return {folder_name(source, folder): members for folder, members in folders.items()}

    def _experiment(
        self,
        source: Source,
        name: str,
        group: Mapping[str, _Files],
        configs: Configs,
        options: Options,
        mended: _Mended,
    ) -> Experiment:
        trials = list(group)
        files = [group[trial] for trial in trials]
        order, ordered_by = launch_order(
            trials,
            [run.path for run in files],
            [run.first.path for run in files],
            [self._first_report(run) for run in files],
        )
        layout = replace(self.layout, beside=(*self.layout.beside, *_texts(files)))
        readings = [_Reading(run, layout, self.separator, options, mended) for run in files]
        logs = [
            RunLog(
                trial=trials[i],
                columns=readings[i].columns,
                rows=readings[i].rows,
                where=str(files[i].first),
                config={**readings[i].beside, **configs.of(files[i].first)},
            )
            for i in order
        ]
        together = RunLogs(logs, layout, options, source.label)
        columns = dict.fromkeys(column for log in logs for column in log.columns)
        taken = self.convention(name, layout.metrics(columns))
        return Experiment(
            name=name,
            runs=together.runs,
            where=source.label,
            objective=taken[0] if taken else None,
            objective_from=self.convention_from,
            direction=taken[1] if taken else None,
            ordered_by=ordered_by,
            times=together.times,
            told=together.told,
        )

    def _first_report(self, run: _Files) -> float:
        """Seconds since 1970 UTC of a run's first report, as far as a table's begin shows it."""
        for part in run.parts:
            for name in self.layout.timestamps:
                for cell in part.shape.sample.get(name, ())[:1]:
                    try:
                        return (
                            math.nan if cells.is_missing(cell) else parse_moment(cell, "").seconds
                        )
                    except EsimError:
                        return math.nan
        return math.nan


@dataclass
class _Files:
    """The files of a run.

    Attributes:
        first: one of them.
        path: the path that identifies the run.
        parts: its tables; none if the run only has a file of hyperparameters.
    """

    first: File
    path: str
    parts: list[Part] = field(default_factory=list)

    def add(self, part: Part | None) -> None:
        if part is not None:
            self.parts.append(part)


@dataclass
class _Mended:
    """What was mended in the files of an input, for its notes."""

    cut: list[str] = field(default_factory=list)
    odd: Oddities = field(default_factory=Oddities)

    def notes(self) -> list[Note]:
        said = self.odd.notes()
        if self.cut:
            text = f"{len(self.cut)} file(s) end in the middle of a row; it is left out"
            said.append(Note("lines_cut_off", text, len(self.cut), tuple(self.cut[:3])))
        return said


class _Reading:
    """Reads the tables of a run as rows in which each metric has its name in the run.

    JSON, and tables with a row for each metric, are kept once they have been read: their columns
    are known only then.

    Attributes:
        beside: the hyperparameters that stand beside the tables.
    """

    def __init__(
        self, files: _Files, layout: Layout, separator: str, options: Options, mended: _Mended
    ) -> None:
        self._files, self._layout, self._separator = files, layout, separator
        self._options, self._mended = options, mended
        self.beside: dict[str, Any] = {}
        self._kept: list[tuple[str, Mapping[str, Any]]] | None = None
        keeps = bool(layout.metric or layout.split) or any(
            part.shape.encoding in ("JSON", "JSONL") for part in files.parts
        )
        if keeps:
            self._kept = self._with_splits(list(self._read()))
            self.columns = list(dict.fromkeys(name for _, row in self._kept for name in row))
        else:
            numbered = [name for name in layout.steps if name == ROW]
            self.columns = list(
                dict.fromkeys(
                    part.named(column, layout.metrics(part.shape.columns))
                    for part in files.parts
                    for column in (*part.shape.columns, *numbered)
                )
            )

    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The rows, each with its place."""
        return self._read() if self._kept is None else iter(self._kept)

    def _read(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        carried: Any = None
        for part in self._files.parts:
            metrics = self._layout.metrics(part.shape.columns)
            for place, row in self._part_rows(part):
                if not self._holds(row):
                    continue
                named = row
                if part.part or part.metric or part.names:
                    named = {part.named(name, metrics): cell for name, cell in row.items()}
                if self._layout.carried:
                    named, carried = self._carried(named, carried)
                yield place, self._by_metric(named)

    def _part_rows(self, part: Part) -> Iterator[tuple[str, Mapping[str, Any]]]:
        shape = part.shape
        data = None
        if shape.encoding == "CSV":
            data = contents(shape)
            whole = _whole_lines(shape, data)
            if len(whole) < len(data) and str(shape.file) not in self._mended.cut:
                self._mended.cut.append(str(shape.file))
            data = whole
        if shape.lists:
            found, beside = lists(shape)
            self.beside.update(beside)
            longest = max(map(len, found.values()))
            for i in range(longest):
                given = {name: values[i] for name, values in found.items() if i < len(values)}
                yield f"{shape.file}, entry {i + 1}", {**given, ROW: i + 1}
            return
        rows = records(shape, data, self._mended.odd)
        for number, (place, row) in enumerate(rows, start=1):
            cells_of = flat(row, separator=self._separator) if shape.encoding == "JSONL" else row
            yield place, {**cells_of, ROW: number} if ROW in self._layout.steps else cells_of

    def _carried(self, row: Mapping[str, Any], before: Any) -> tuple[Mapping[str, Any], Any]:
        """A row with the step of `Layout.carried`, and that step."""
        name, source = self._layout.carried, self._layout.carried_from
        if name in row and (not source or row.get(self._layout.split) == source):
            return row, row[name]
        return {**row, name: before}, before

    def _holds(self, row: Mapping[str, Any]) -> bool:
        return all(holds_text(row.get(name), text) for name, text in self._options.where)

    def _by_metric(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        layout = self._layout
        if layout.metric is not None and layout.metric[0] in row:
            name, value = layout.metric
            rest = {key: cell for key, cell in row.items() if key not in layout.metric}
            return {**rest, cells.plain_text(row[name]): row.get(value)}
        return row

    def _with_splits(
        self, rows: list[tuple[str, Mapping[str, Any]]]
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """The rows, with the metrics that several splits have under the names of both, too."""
        layout = self._layout
        if not layout.split:
            return rows
        having: dict[str, dict[str, None]] = {}
        texts = [cells.plain_text(row.get(layout.split)) for _, row in rows]
        for text, (_, row) in zip(texts, rows, strict=True):
            for name in layout.metrics(row):
                if text and not cells.is_missing(row[name]):
                    having.setdefault(name, {})[text] = None
        shared = [name for name, splits in having.items() if len(splits) > 1]
        return [
            (place, {**row, **{f"{text}/{name}": row[name] for name in shared if name in row}})
            for text, (place, row) in zip(texts, rows, strict=True)
        ]


def _texts(runs: Sequence[_Files]) -> list[str]:
    """The columns that hold text in each table that has them; they are no metrics."""
    seen: dict[str, bool] = {}
    for run in runs:
        for part in run.parts:
            for name, sample in part.shape.sample.items():
                given = [cell for cell in sample if not cells.is_missing(cell)]
                if given:
                    text = not any(map(_is_number, given))
                    seen[name] = seen.get(name, True) and text
    return [name for name, text in seen.items() if text]


def _is_number(cell: Any) -> bool:
    if isinstance(cell, str):
        return cells.is_number(cell)
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _whole_lines(shape: Shape, data: bytes) -> bytes:
    """A CSV file without its last row if that has too few cells and no line end.

    Such a row was still being written.
    """
    if data.endswith((b"\n", b"\r")):
        return data
    head, newline, last = data.rpartition(b"\n")
    short = last.count(shape.delimiter.encode()) < len(shape.columns) - 1
    return head + newline if short and newline else data


def _stem(shape: Shape) -> tuple[str, str]:
    """The folder and the name of a file without its ending."""
    return shape.file.folder, shape.file.base.rpartition(".")[0]
