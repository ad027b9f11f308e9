"""Reads the tables of a run as rows in which each metric has its name in the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings import cells
from esim.readers.nested import flat
from esim.readers.options import Options
from esim.readers.run_logs import Layout
from esim.readers.run_parts import Part
from esim.readers.source import File
from esim.readers.tables.names import INDEX
from esim.readers.tables.records import Oddities, contents, lists, records
from esim.readers.tables.rows import holds_text
from esim.readers.tables.shape import Shape
from esim.study import Note

INDEX_STEP = "index"  # names the index of a frame, where it counts steps
ROW = "row"  # names the number of a row where no column counts steps


@dataclass
class RunFiles:
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
        """Add a table, if there is one."""
        if part is not None:
            self.parts.append(part)


@dataclass
class Mended:
    """What was mended in the files of an input, for its notes."""

    odd: Oddities = field(default_factory=Oddities)
    short: dict[str, None] = field(default_factory=dict)

    def notes(self) -> list[Note]:
        """A note for each kind."""
        said = self.odd.notes()
        if self.short:
            n = len(self.short)
            text = (
                f"{plural(n, 'list', 'are')} shorter than others of the file and numbered "
                "from 1, as if "
                f"they had begun with them: {some(list(self.short))}"
            )
            said.append(Note("short_lists", text, n))
        return said


class RunReading:
    """Reads the tables of a run as rows in which each metric has its name in the run.

    JSON, and tables with a row for each metric, are kept once they have been read: their columns
    are known only then.

    Attributes:
        beside: the hyperparameters that stand beside the tables.
    """

    def __init__(
        self, files: RunFiles, layout: Layout, separator: str, options: Options, mended: Mended
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
            numbered = [name for name in layout.steps if name in (ROW, INDEX_STEP)]
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
        if shape.lists:
            found, beside = lists(shape)
            self.beside.update(beside)
            longest = max(map(len, found.values()))
            self._refuse_unpaired(found, shape)
            short = [name for name, cells_of in found.items() if len(cells_of) < longest]
            self._mended.short.update(dict.fromkeys(short))
            for i in range(longest):
                given = {name: values[i] for name, values in found.items() if i < len(values)}
                yield f"{shape.file}, entry {i + 1}", {**given, ROW: i + 1}
            return
        rows = records(shape, contents(shape), self._mended.odd)
        for number, (place, row) in enumerate(rows, start=1):
            named = flat(row, separator=self._separator) if shape.encoding == "JSONL" else row
            if ROW in self._layout.steps:
                named = {**named, ROW: number}
            if INDEX_STEP in self._layout.steps:
                named = {**named, INDEX_STEP: next((row[n] for n in INDEX if n in row), None)}
            yield place, named

    def _refuse_unpaired(self, found: Mapping[str, Sequence[Any]], shape: Shape) -> None:
        """Refuse a list of the objective that has not as many values as the list of steps."""
        steps = next((found[name] for name in self._layout.steps if name in found), None)
        values = found.get(self._options.objective or "")
        if steps is not None and values is not None and len(steps) != len(values):
            raise EsimError(
                f"{len(values)} values of {self._options.objective!r} for {len(steps)} steps",
                where=str(shape.file),
                why="which steps they belong to is not recorded",
            )

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
        taken = {name for _, row in rows for name in row}
        shared = [
            name
            for name, splits in having.items()
            if len(splits) > 1 and not taken & {f"{split}/{name}" for split in splits}
        ]
        return [
            (place, {**row, **{f"{text}/{name}": row[name] for name in shared if name in row}})
            for text, (place, row) in zip(texts, rows, strict=True)
        ]


def text_columns(runs: Sequence[RunFiles]) -> list[str]:
    """The columns that hold text in each table that has them; they are no metrics."""
    seen: dict[str, bool] = {}
    for run in runs:
        for part in run.parts:
            for name, sample in part.shape.sample.items():
                given = [cell for cell in sample if not cells.is_missing(cell)]
                if given:
                    text = not any(map(cells.holds_number, given))
                    seen[name] = seen.get(name, True) and text
    return [name for name, text in seen.items() if text]
