"""Recorded logs of any format into a history: only what is new or has changed is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esim.errors import EsimError
from esim.readers.inputs import apart, contents, read_inputs
from esim.storage.history import History, Location
from esim.storage.history.layout import SHARD_ROWS
from esim.storage.history.write import Input, append, fingerprint
from esim.study import Study


@dataclass
class Conversion:
    """What became of the inputs.

    Attributes:
        history: as it stands now; None if nothing could be read.
        unchanged: the inputs that were in it already.
        failed: input -> why it could not be read.
    """

    history: History | None
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def convert(
    paths: Sequence[str],
    out: str,
    *,
    told: Callable[[str, Sequence[Study]], None] = lambda path, studies: None,
    **options: Any,
) -> Conversion:
    """Write the studies of some inputs into a history, which is made if there is none.

    An input whose contents and options are those it was read with before is passed over; the
    studies of one that has changed are replaced. An input that cannot be read is reported and does
    not stop the others. The index is written after every shard: an interruption loses at most one.

    Args:
        paths: as for `esim.read_studies`. Each folder, each address, and all plain files together
            are inputs.
        out: a folder, or an address in object storage.
        told: called with each finished input and the studies read from it, none if it was known
            or could not be read.
        options: those of `esim.read_studies`.

    Raises:
        EsimError: `out` holds other things or cannot be written, or a study's name is taken.
    """
    _refuse_other_things(out)
    conversion = Conversion(History.open(out))
    inputs = iter(apart(paths, options.get("format")))
    for first in inputs:
        given = _read(first, conversion, options, told)
        if given is not None:
            shard = _a_shard(given, inputs, conversion, options, told)
            conversion.history = append(Location(out), shard, conversion.history)
    return conversion


def _a_shard(
    given: Input | None,
    inputs: Iterator[tuple[str, ...]],
    conversion: Conversion,
    options: Mapping[str, Any],
    told: Callable[[str, Sequence[Study]], None],
) -> Iterator[Input]:
    """Inputs that are new or have changed, until they fill a shard."""
    reports = 0
    while True:
        if given is not None:
            reports += sum(study.n_reports for study in given.studies)
            yield given
        if reports >= SHARD_ROWS or (paths := next(inputs, None)) is None:
            return
        given = _read(paths, conversion, options, told)


def _read(
    paths: tuple[str, ...],
    conversion: Conversion,
    options: Mapping[str, Any],
    told: Callable[[str, Sequence[Study]], None],
) -> Input | None:
    """An input's studies; None if the history holds them, or if it cannot be read."""
    name = ", ".join(paths)
    before = conversion.history
    known = {} if before is None else {entry.input: entry.sha256 for entry in before.entries}
    try:
        files = contents(paths)
        sha256 = fingerprint(files, repr(sorted(options.items()))) if files else ""
        if files and known.get(name) == sha256:
            conversion.unchanged.append(name)
            told(name, ())
            return None
        found = read_inputs(*paths, **options)
    except EsimError as error:
        conversion.failed[name] = str(error)
        told(name, ())
        return None
    told(name, found.studies)
    return Input(
        name,
        sha256 or fingerprint([(i.path, i.sha256) for i in found.inputs], ""),
        found.inputs[0].format if found.inputs else "",
        found.studies,
    )


def _refuse_other_things(out: str) -> None:
    if os.path.isfile(out) or (os.path.isdir(out) and os.listdir(out) and not History.open(out)):
        raise EsimError(
            "no history stands there, but other things do",
            where=out,
            fix="name a new or empty folder",
        )
