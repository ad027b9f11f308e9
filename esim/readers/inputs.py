"""Recorded logs in, studies out: `read_study`, `read_studies`, `read_inputs`.

Importing this package is cheap; a reader's own libraries are loaded when it reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from esim.errors import EsimError, near_names
from esim.readers.address import Address
from esim.readers.choosing import choose_format
from esim.readers.formats import FORMATS, Format, Found
from esim.readers.options import Options, settle_direction
from esim.readers.plugins import installed, known_formats
from esim.readers.source import Source, open_sources, root_of, union
from esim.storage.history import Chunk, History, is_store
from esim.study import Note, Study, as_direction

__all__ = [
    "FORMATS",
    "Format",
    "InputFile",
    "Reading",
    "read_inputs",
    "read_studies",
    "read_study",
]


@dataclass(frozen=True)
class InputFile:
    """One path or URL the user gave, for the result document.

    Attributes:
        path: as given; of a URL, without its password.
        sha256: of a file, its bytes'; of a folder, that of the lines ``<sha256>  <relative name>``
            of the files that were read, sorted by name (what `sha256sum` prints); of a database or
            server, that of the rows that were read.
        format: the name of the format that read it.
        notes: what was seen about the path itself, such as files left unread; what was seen in
            the data stands in `Study.notes`.
        studies: the names of the studies found in it.
    """

    path: str
    sha256: str
    format: str
    notes: tuple[Note, ...] = ()
    studies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """The studies found in the given paths, and what the paths were."""

    studies: tuple[Study, ...]
    inputs: tuple[InputFile, ...]


def read_inputs(
    *paths: str | Path,
    objective: str | None = None,
    direction: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    name: str | None = None,
    accept_time_aligned: bool = False,
    studies: Sequence[str] = (),
    step: str | None = None,
) -> Reading:
    """Read every study in some files, folders and databases.

    All files given are parts of one input; every folder and URL is an input of its own.

    Args:
        paths: files (plain, .gz or .zst), folders, and URLs of databases and tracking servers.
        objective: the metric to replay; default the recorded one, or the only one there is.
        direction: "minimize" or "maximize"; needed where the logs do not record it.
        format: a name in `FORMATS`; default is to look at the contents.
        metrics: ``NAME=REGEX`` for log text; the first group is the value.
        name: what to call the study, if there is exactly one.
        accept_time_aligned: take the n-th point in time as step n, where the logs hold averages
            over time and no epochs; else they are refused.
        studies: the names of those to read, where the logs hold several; default all.
        step: the column that counts steps, where the format has several; default the format's own.

    Raises:
        EsimError: no path, an unreadable one, no format or several that match, or logs that
            cannot be used; it says where.
    """
    options = Options.parse(
        objective=objective,
        direction=direction,
        metrics=metrics,
        name=name,
        accept_time_aligned=accept_time_aligned,
        studies=studies,
        step=step,
    )
    history = find_history(paths)
    if history is not None:
        return _whole_history(history, options)
    sources = open_sources(paths)
    broken = list(installed()[1])
    chosen = _choose(sources, format, broken)
    read: list[Study] = []
    inputs: list[InputFile] = []
    homes: dict[str, str] = {}
    names: dict[str, None] = {}
    for source, fmt in chosen:
        found = fmt.read(source, options)
        names.update(dict.fromkeys([*found.names, *(study.name for study in found.studies)]))
        if options.studies:
            kept = tuple(study for study in found.studies if study.name in options.studies)
            found = replace(found, studies=kept)
            if not kept:
                continue
        for study in found.studies:
            if study.name in homes:
                raise EsimError(
                    f"study {study.name!r} is found twice",
                    where=source.label,
                    why=f"{homes[study.name]} holds a study of the same name",
                    fix="read them one at a time, or give the files of one study without a folder",
                )
            homes[study.name] = source.label
        read += found.studies
        inputs += _describe(source, fmt, found)
    for wanted in options.studies:
        if wanted not in names:
            raise EsimError(
                f"no study {wanted!r}",
                where=", ".join(source.label for source in sources),
                fix=f"one of: {near_names(wanted, names)}",
            )
    if name is not None:
        if len(read) != 1:
            raise EsimError(
                f"one name, {name!r}, for {len(read)} studies",
                why="found " + ", ".join(homes),
            )
        read = [replace(read[0], name=name)]
        inputs = [replace(i, studies=(name,)) for i in inputs]
    if inputs:
        inputs[0] = replace(inputs[0], notes=(*inputs[0].notes, *dict.fromkeys(broken)))
    order = {str(root_of(path)): i for i, path in enumerate(paths)}
    return Reading(tuple(read), tuple(sorted(inputs, key=lambda i: order[i.path])))


def find_history(paths: Sequence[str | Path]) -> History | None:
    """The history that the only path or address is; None if it is something else.

    Raises:
        EsimError: it is damaged or cannot be reached, or it is in object storage and no history.
    """
    if len(paths) != 1:
        return None
    history = History.open(str(paths[0]))
    if history is None and is_store(paths[0]):
        raise EsimError(
            "no history there",
            where=str(paths[0]),
            why="only what esim convert writes is read from object storage",
            fix=f"aws s3 sync the logs to a folder, or esim convert FOLDER {paths[0]}",
        )
    return history


def check_history(
    history: History, *, objective: str | None = None, direction: str | None = None
) -> None:
    """Raises EsimError if a study of a history has another objective or direction than asked."""
    options = Options.parse(objective=objective, direction=direction, metrics=(), name=None)
    for chunk in history.chunks():
        _check_chunk(history, chunk, options)


def _check_chunk(history: History, chunk: Chunk, options: Options) -> None:
    for entry in chunk.entries:
        if options.objective not in (None, entry.objective):
            raise EsimError(
                f"no metric {options.objective!r}",
                where=f"{history.place}, study {entry.study!r}",
                fix=f"a history holds the objective it was converted with: {entry.objective}",
            )
        settle_direction(options, str(history.place), as_direction(entry.direction))


def _whole_history(history: History, options: Options) -> Reading:
    """The studies of a history, all in memory."""
    found: list[Study] = []
    for chunk in history.chunks(options.studies or None):
        _check_chunk(history, chunk, options)
        found += chunk.studies()
    names = tuple(study.name for study in found)
    what = InputFile(str(history.place), history.sha256, "history", (), names)
    return Reading(tuple(found), (what,))


def apart(paths: Sequence[str | Path], format: str | None = None) -> list[tuple[str, ...]]:
    """The paths in groups, each an input of its own. Raises EsimError as `read_inputs`."""
    chosen = _choose(open_sources(paths), format, [])
    return [tuple(str(root) for root in source.roots) for source, _ in chosen]


def contents(paths: Sequence[str | Path]) -> list[tuple[str, str]]:
    """(name, sha256 as stored) of each file below the paths, unread; none for databases."""
    found = []
    for source in open_sources(paths):
        for file in source.files:
            with file.path.open("rb") as stream:
                found.append((file.name, hashlib.file_digest(stream, "sha256").hexdigest()))
    return found


def read_studies(
    *paths: str | Path,
    objective: str | None = None,
    direction: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    name: str | None = None,
    accept_time_aligned: bool = False,
    studies: Sequence[str] = (),
    step: str | None = None,
) -> list[Study]:
    """Every study in some files and folders. Arguments and errors as in `read_inputs`."""
    reading = read_inputs(
        *paths,
        objective=objective,
        direction=direction,
        format=format,
        metrics=metrics,
        name=name,
        accept_time_aligned=accept_time_aligned,
        studies=studies,
        step=step,
    )
    return list(reading.studies)


def read_study(
    *paths: str | Path,
    objective: str | None = None,
    direction: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    name: str | None = None,
    accept_time_aligned: bool = False,
    studies: Sequence[str] = (),
    step: str | None = None,
) -> Study:
    """The one study in some files and folders. Arguments as in `read_inputs`.

    Raises:
        EsimError: as `read_inputs`, and if there are several studies; it names them.
    """
    found = read_studies(
        *paths,
        objective=objective,
        direction=direction,
        format=format,
        metrics=metrics,
        name=name,
        accept_time_aligned=accept_time_aligned,
        studies=studies,
        step=step,
    )
    if len(found) != 1:
        names = [study.name for study in found]
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise EsimError(
            f"{len(found)} studies where one was expected",
            where=", ".join(str(path) for path in paths),
            why="found " + ", ".join(names[:10]) + more,
            fix="esim.read_studies reads them all; studies=[name] reads one",
        )
    return found[0]


def _choose(
    sources: list[Source], format: str | None, broken: list[Note]
) -> list[tuple[Source, Format]]:
    if len(sources) == 1:
        return [(sources[0], choose_format(sources[0], format, broken))]
    try:
        chosen = [(source, choose_format(source, format, broken)) for source in sources]
        complete = [fmt.detect(source).complete for source, fmt in chosen]
        if len({fmt.name for _, fmt in chosen}) == 1 and any(complete) and not all(complete):
            return [(union(sources), chosen[0][1])]
        return chosen
    except EsimError:
        if any(source.address for source in sources):
            raise
        # A description in one path and its logs in another make sense only together.
        whole = union(sources)
        if format is None and not any(f.detect(whole).matches for f in known_formats()):
            raise
        return [(whole, choose_format(whole, format, broken))]


def _describe(source: Source, fmt: Format, found: Found) -> list[InputFile]:
    described = []
    names = tuple(study.name for study in found.studies)
    for i, root in enumerate(source.roots):
        if isinstance(root, Address):
            described.append(InputFile(str(root), root.sha256 or "", fmt.name, found.notes, names))
            continue
        files = [file for file in source.files if file.root == root and file.sha256]
        if not files:
            raise EsimError(
                f"nothing in it was read as {fmt.name}",
                where=str(root),
                why="all files given together are taken as one input of one format",
                fix="give inputs of different formats in separate commands",
            )
        if root.is_dir():
            lines = "".join(f"{f.sha256}  {f.name}\n" for f in sorted(files, key=lambda f: f.name))
            sha256 = hashlib.sha256(lines.encode()).hexdigest()
        else:
            sha256 = files[0].sha256 or ""
        described.append(
            InputFile(str(root), sha256, fmt.name, found.notes if i == 0 else (), names)
        )
    return described
