"""`Logger` reads the formats of loggers that write a table for each run, such as Lightning's.

A run may have several tables: parts such as train and validation, or one for each metric.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

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
from esim.readers.run_reading import Mended, RunFiles, RunReading, text_columns
from esim.readers.runs import Experiment, file_notes, folder_name, studies
from esim.readers.source import File, Source
from esim.readers.tables.columns import check_conditions
from esim.readers.tables.names import plain_name
from esim.readers.tables.shape import Shape, shape_of
from esim.study import Direction, Note


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
        shards: whether files whose names are numbers are parts of one run.
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
    shards: bool = False
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
        folders = {file.folder for file in files}
        beside = frozenset(
            file
            for name in self.configs
            for file in source.by_base.get(name, [])
            if file.folder in folders
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
            parts = parts_of(tables, self.layout, self.shards)
            parts = parts if self.file else with_one_spelling(parts)
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
        if not (self.resumes or self.shards):
            self._refuse_doubled(parts)
        configs = Configs(source, self.configs)
        mended = Mended()
        experiments = [
            self._experiment(source, name, group, configs, options, mended)
            for name, group in self._groups(source, parts).items()
        ]
        experiments = [replace(e, notes=(*notes, *e.notes, *configs.notes())) for e in experiments]
        used = {part.shape.file for part in parts} | configs.used
        found = studies(experiments, options, source, file_notes(source, used))
        return replace(found, notes=(*found.notes, *mended.notes()))

    def _refuse_doubled(self, parts: Sequence[Part]) -> None:
        """Refuse two files of one run that hold the same metric."""
        seen: dict[tuple[str, str], Part] = {}
        for part in parts:
            metrics = self.layout.metrics(part.shape.columns)
            for name in {part.named(column, metrics) for column in metrics}:
                other = seen.setdefault((part.run, name), part)
                if other is not part and not self.layout.metric and not self.layout.split:
                    raise EsimError(
                        f"two files of one run hold {name!r}",
                        where=str(part.shape.file),
                        why=f"the other is {other.shape.file.name}",
                        fix="give one of them, or name them after their runs",
                    )

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
        own = {shape.file for shape in tables}
        for file in source.files:
            shape = None if file in own else shape_of(file)
            if shape is not None and shape.encoding in self.encodings:
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

    def _groups(self, source: Source, parts: Sequence[Part]) -> dict[str, dict[str, RunFiles]]:
        """For each study, by name, the files of each of its trials."""
        groups: dict[str, dict[str, RunFiles]] = {}
        if self.study_of is not None:
            alone = source.by_base.get(self.configs[0], [])
            for part, file in [*((p, p.shape.file) for p in parts), *((None, f) for f in alone)]:
                folder, trial = self.study_of(folder_of(file))
                runs = groups.setdefault(folder_name(source, folder), {})
                runs.setdefault(trial, RunFiles(file, folder_of(file))).add(part)
        else:
            for study, members in self._studies(source, parts).items():
                distinct = list(dict.fromkeys(part.run for part in members))
                names = dict(zip(distinct, run_names(distinct, source.default_name), strict=True))
                runs = groups.setdefault(study, {})
                for part in members:
                    runs.setdefault(names[part.run], RunFiles(part.shape.file, part.run)).add(part)
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
        group: Mapping[str, RunFiles],
        configs: Configs,
        options: Options,
        mended: Mended,
    ) -> Experiment:
        trials = list(group)
        files = [group[trial] for trial in trials]
        order, ordered_by = launch_order(
            trials,
            [run.first.name for run in files],
            [run.first.path for run in files],
            [self._first_report(run) for run in files],
        )
        layout = replace(self.layout, beside=(*self.layout.beside, *text_columns(files)))
        readings = [RunReading(run, layout, self.separator, options, mended) for run in files]
        logs = [
            RunLog(
                trial=trials[i],
                columns=readings[i].columns,
                rows=readings[i].rows,
                where=str(files[i].first),
                config={**readings[i].beside, **configs.above(files[i].first, files[i].path)},
            )
            for i in order
        ]
        read = (column for log in logs for column in log.columns)
        raw = (column for run in files for part in run.parts for column in part.shape.columns)
        check_conditions(dict.fromkeys([*raw, *read]), options, source.label)
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

    def _first_report(self, run: RunFiles) -> float:
        """Seconds since 1970 UTC of a run's first report, as far as a table's begin shows it."""
        found: list[float] = []
        for part in run.parts:
            for name in self.layout.timestamps:
                given = [c for c in part.shape.sample.get(name, ()) if not cells.is_missing(c)]
                try:
                    found += [parse_moment(cell, "").seconds for cell in given]
                except EsimError:
                    return math.nan
        return min(found, default=math.nan)


def _stem(shape: Shape) -> tuple[str, str]:
    """The folder and the name of a file without its ending."""
    return shape.file.folder, shape.file.base.rpartition(".")[0]
