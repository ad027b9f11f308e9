"""Converts recorded logs of any format into a history; only new and changed inputs are read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from esim.errors import EsimError, unicode_text
from esim.readers.inputs import apart, contents, read_inputs
from esim.readers.opening import local_roots
from esim.storage.history import History, Location, is_store
from esim.storage.history.layout import REPORTS, SHARD_ROWS, SHARDS, TRIALS
from esim.storage.history.write import Input, append, fingerprint
from esim.storage.places import keep_apart
from esim.study import Note, Study

# What a conversion that was killed before its first index leaves behind.
_OURS = re.compile(rf"\.history\..*\.part|{SHARDS}/[^/]+/({REPORTS}|{TRIALS})")

Told = Callable[[str, Sequence[Study], Sequence[Note]], None]


@dataclass
class Conversion:
    """The result of a conversion.

    Attributes:
        history: the history after the conversion; None if there is none, because nothing could be
            read.
        unchanged: the inputs that the history held already.
        failed: for each input that could not be read, the error.
    """

    history: History | None
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def convert(
    paths: Sequence[str],
    out: str,
    *,
    told: Told = lambda path, studies, notes: None,
    group: str | None = None,
    **options: Any,
) -> Conversion:
    """Write the studies of some inputs into a history, which is created if there is none.

    An input that the history holds with the same contents and options is not read again; the
    studies of one that has changed are replaced. An input that cannot be read does not stop the
    others. The index is written after every shard, so an interruption loses at most one shard.

    Args:
        paths: as for `esim.read_studies`. Each folder and each address is an input, and all plain
            files together are one.
        out: a folder, or an address in object storage.
        told: called after each input with its name, the studies that were read from it, and the
            notes about the input itself; there are none if it was unchanged or could not be read.
        group: the group that these inputs belong to, such as a team or a model.
        options: the options of `esim.read_studies`.

    Raises:
        EsimError: `out` holds other files, is not apart from the inputs or cannot be written,
            another process writes there, or two inputs have a study of the same name.
    """
    location = Location(out)
    if location.is_local:
        keep_apart(Path(out), local_roots(paths))
    _refuse_other_things(out)
    every, refused = apart(paths, **options)
    asked = _Asked(options, group, told)
    with location.only_writer():
        conversion = Conversion(History.open(out), failed=refused)
        inputs = iter(every)
        for first in inputs:
            given = _read(first, conversion, asked)
            if given is not None:
                shard = _a_shard(given, inputs, conversion, asked)
                conversion.history = append(location, shard, conversion.history)
    return conversion


class _Asked(NamedTuple):
    """How every input is read; the fields are arguments of `convert`."""

    options: Mapping[str, Any]
    group: str | None
    told: Told


def _a_shard(
    given: Input | None,
    inputs: Iterator[tuple[str, ...]],
    conversion: Conversion,
    asked: _Asked,
) -> Iterator[Input]:
    """The given input and the next ones that are new or have changed, until they fill a shard."""
    reports = 0
    while True:
        if given is not None:
            reports += sum(study.n_reports for study in given.studies)
            yield given
        if reports >= SHARD_ROWS or (paths := next(inputs, None)) is None:
            return
        given = _read(paths, conversion, asked)


def _read(paths: tuple[str, ...], conversion: Conversion, asked: _Asked) -> Input | None:
    """An input with its studies; None if the history holds them already or it cannot be read."""
    options, group, told = asked
    name = unicode_text(", ".join(paths))
    before = conversion.history
    known = {} if before is None else {entry.input: entry.sha256 for entry in before.entries}
    try:
        files = contents(paths)
        apart_by = options if group is None else {**options, "group": group}
        told_apart = sorted((key, value) for key, value in apart_by.items() if key != "max_size")
        sha256 = fingerprint(files, repr(told_apart)) if files else ""
        if files and known.get(name) == sha256:
            conversion.unchanged.append(name)
            told(name, (), ())
            return None
        found = read_inputs(*paths, **options)
    except EsimError as error:
        conversion.failed[name] = str(error)
        told(name, (), ())
        return None
    notes = [note for one in found.inputs if one.format for note in one.notes]
    told(name, found.studies, notes)
    for one in found.inputs:
        if not one.format:
            conversion.failed[one.path] = "; ".join(note.text for note in one.notes)
    return Input(
        name,
        sha256 or fingerprint([(i.path, i.sha256) for i in found.inputs], ""),
        found.inputs[0].format if found.inputs else "",
        found.studies,
        group,
    )


def _refuse_other_things(out: str) -> None:
    """Refuse a file, and a folder that holds something and no history, or a part of one."""
    if os.path.isfile(out):
        raise EsimError("a file stands there", where=out, fix="name a new or empty folder")
    if is_store(out) or History.open(out):
        return
    for folder, _, names in os.walk(out):
        for path in (os.path.relpath(os.path.join(folder, name), out) for name in names):
            if not _OURS.fullmatch(Path(path).as_posix()):
                raise EsimError(
                    "no history stands there, but other things do",
                    where=out,
                    why=path,
                    fix="name a new or empty folder",
                )
