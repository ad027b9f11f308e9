"""Settles which files of tables are of one run, and which part of it each holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from esim.readers.encodings import cells
from esim.readers.run_logs import Layout, folder_of
from esim.readers.tables.names import ALIASES, PART_WORDS, names_metric, plain_name
from esim.readers.tables.shape import Shape

# Words in the names of files that hold a part of a run each: train.csv beside val.csv.
_PART = re.compile(rf"(?<![a-z]){PART_WORDS}(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """A table of a run.

    Attributes:
        shape: the file.
        run: the path that identifies its run.
        part: the part of the run that it holds, which is put before its metrics ("val/loss").
        metric: the name of the metric that its only column of values holds; "" if columns name
            metrics.
        names: the names of columns that other files write in another way ("Val Loss", "val_loss").
    """

    shape: Shape
    run: str
    part: str = ""
    metric: str = ""
    names: Mapping[str, str] | None = None

    def named(self, column: str, metrics: Sequence[str]) -> str:
        """The name of a column in the run.

        Args:
            column: the column.
            metrics: the columns of the table that hold metrics.
        """
        known = self.names.get(column, column) if self.names else column
        if column not in metrics:
            return known
        name = self.metric or known
        told = not self.part or re.match(rf"{re.escape(self.part)}[_/. -]", name, re.IGNORECASE)
        return name if told else f"{self.part}/{name}"  # val/loss, and val_loss as it is


def run_path(shape: Shape, one_name: bool, shards: bool = False) -> str:
    """The path that identifies the run of a table: its folder, and its name if names differ.

    Args:
        shape: the file.
        one_name: whether all files have the same name.
        shards: whether files whose names are numbers are parts of one run.
    """
    file = shape.file
    folder = folder_of(file)
    stem = file.base.rpartition(".")[0] or file.base
    if one_name or (shards and stem.isdigit()):
        return folder
    return f"{folder}/{stem}" if folder else stem


def parts_of(shapes: Sequence[Shape], layout: Layout, shards: bool = False) -> list[Part]:
    """The run of each table, and the part of it that it holds.

    Each file is a run. But files that differ only in a word such as "train" or "val", in their
    names or those of their folders, are parts of one; and so are the files in a folder that are
    named after their metrics, or that have other metrics in each of several folders.

    Args:
        shapes: the tables.
        layout: how they are written.
        shards: whether files whose names are numbers are parts of one run.
    """
    one_name = len({shape.file.base for shape in shapes}) == 1
    paths = [run_path(shape, one_name, shards) for shape in shapes]
    alone = [Part(shape, path) for shape, path in zip(shapes, paths, strict=True)]
    stems = [shape.file.base.rpartition(".")[0] for shape in shapes]
    if not one_name and _are_metrics(shapes, stems, layout):
        pairs_of = zip(shapes, stems, strict=True)
        return [Part(shape, run_path(shape, True), metric=stem) for shape, stem in pairs_of]
    without = [_without_part(path) for path in paths]
    groups: dict[str, list[str]] = {}
    for rest, word in without:
        groups.setdefault(rest, []).append(word)
    if any(len(set(words)) == len(words) > 1 and all(words) for words in groups.values()):
        pairs = zip(shapes, without, strict=True)
        return [Part(shape, run, word) for shape, (run, word) in pairs]
    if one_name:
        return alone
    folders: dict[str, set[str]] = {}
    for shape in shapes:
        folders.setdefault(shape.file.folder, set()).add(shape.file.base)
    shared = set.intersection(*folders.values())
    if len(folders) == 1 or len(shared) < 2 or _doubled(shapes, layout):
        return alone
    return [Part(shape, run_path(shape, True)) for shape in shapes]


def _are_metrics(shapes: Sequence[Shape], stems: Sequence[str], layout: Layout) -> bool:
    """Whether files are named after their metrics, and have no others in their columns.

    All names are those of metrics, or several folders have the same names, of which one is.
    """
    if not all(_is_of(stem, shape, layout) for shape, stem in zip(shapes, stems, strict=True)):
        return False
    folders: dict[str, set[str]] = {}
    for shape, stem in zip(shapes, stems, strict=True):
        folders.setdefault(shape.file.folder, set()).add(stem)
    alike = len(folders) > 1 and len({frozenset(names) for names in folders.values()}) == 1
    return all(map(names_metric, stems)) or (alike and any(map(names_metric, stems)))


def _is_of(stem: str, shape: Shape, layout: Layout) -> bool:
    """Whether a table has one column of values, which names no metric or the one of the file."""
    metrics = layout.metrics(shape.columns)
    known = (*ALIASES["value"], plain_name(stem))
    return len(metrics) == 1 and plain_name(metrics[0]) in known


def _without_part(path: str) -> tuple[str, str]:
    """A path without the last word that names a part of a run, and that word, or ""."""
    found = list(_PART.finditer(path))
    if not found:
        return path, ""
    match = found[-1]
    rest = f"{path[: match.start()]}\0{path[match.end() :]}"
    return re.sub(r"[-_. /]*\0[-_. ]*", lambda m: "/" if "/" in m[0] else "", rest), match[0]


def _doubled(shapes: Sequence[Shape], layout: Layout) -> bool:
    """Whether files of different names have a metric of one name."""
    named: dict[str, set[str]] = {}
    for shape in shapes:
        for name in layout.metrics(shape.columns):
            named.setdefault(name, set()).add(shape.file.base)
    return any(len(bases) > 1 for bases in named.values())


def with_resumed(parts: Sequence[Part], layout: Layout) -> list[Part]:
    """The parts, with a run of its own for each training that begins anew in the folder of a run.

    A training that is resumed goes on in a new file; one that begins anew does so, too.

    Args:
        parts: the parts, those of a run in the order of their files' names.
        layout: how the files are written.
    """
    runs: dict[str, list[Part]] = {}
    for part in sorted(parts, key=lambda part: part.shape.file.name):
        runs.setdefault(part.run, []).append(part)
    made = []
    for run, members in runs.items():
        current, first = run, _first_step(members[0].shape, layout)
        began = [members[0].shape]
        for part in members[1:]:
            step = _first_step(part.shape, layout)
            if step is not None and first is not None and step <= first:
                began.append(part.shape)
        for part in members:
            if part.shape in began and len(began) > 1:
                current = f"{run}/{_stem(part.shape)}" if run else _stem(part.shape)
            made.append(replace(part, run=current))
    return made


def _stem(shape: Shape) -> str:
    """The part of a path that tells files of a run apart: the time in it."""
    found = re.findall(r"\d{8}_\d{6}", shape.file.name)
    return found[-1] if found else shape.file.base


def _first_step(shape: Shape, layout: Layout) -> float | None:
    for name in layout.steps:
        given = [float(str(c)) for c in shape.sample.get(name, ()) if cells.is_number(str(c))]
        if given:
            return min(given)
    return None


def with_one_spelling(parts: Sequence[Part]) -> list[Part]:
    """The parts, with one name for columns that differ in case, blanks and signs only."""
    spelled: dict[str, str] = {}
    for part in parts:
        for column in part.shape.columns:
            spelled.setdefault(_spelling(column), column)
    made = []
    for part in parts:
        plain = [_spelling(column) for column in part.shape.columns]
        names = {
            column: spelled[name]
            for column, name in zip(part.shape.columns, plain, strict=True)
            if column and plain.count(name) == 1 and spelled[name] != column
        }
        taken = names and not any(name in part.shape.columns for name in names.values())
        made.append(replace(part, names=names) if taken else part)
    return made


def _spelling(column: str) -> str:
    """A name as its spellings are compared: without regard to case and to what joins words."""
    return re.sub(r"[\s_.-]+", "_", column.strip().casefold())
