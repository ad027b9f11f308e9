"""A format of logs: how it is declared, and what the module that reads it offers.

A module that reads a format declares it as `FORMAT` and has the functions of `Reader`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from esim.errors import bugs
from esim.readers.options import Options
from esim.readers.source import File, Source
from esim.study import Note, Study
from esim.study.first_step import FirstStep

FILES_LENGTH = 50  # so that a line of `esim formats` has at most 80 characters


@dataclass(frozen=True)
class Detection:
    """Whether an input is of a format, and what shows it.

    Attributes:
        matches: whether it is of the format.
        saw: the evidence for or against, in a few words; "" if nothing hints at the format.
        complete: False if another input of this format may hold what this one lacks.
        claims: the files that belong to the format, whether they are read or not. Formats that are
            asked later do not see them: a tool that writes TensorBoard events beside its own
            records claims those too.
        weak: whether it is recognised by what files of many kinds have, or holds no curves. Such a
            match counts only if no other format matches.
        hidden: whether it is recognised in a hidden folder only. Such a match counts only if no
            other format matches, not even a weak one.
        broken: why a plug-in could not tell; "" if it could.
        try_next: for the error if no format matches: a command that would read the input.
        doubtful: whether the evidence may as well lie beside logs, such as a page with an example.
            Such a match counts only if no other format matches, not even weakly.
    """

    matches: bool
    saw: str
    complete: bool = True
    claims: frozenset[File] = frozenset()
    broken: str = ""
    try_next: str = ""
    weak: bool = False
    doubtful: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Found:
    """What a reader found in one input.

    Attributes:
        studies: the studies.
        notes: notes about the input's files. Notes about the data are in `Study.notes`.
        names: the names of all studies of the input, where the reader reads only those that were
            asked for.
        places: the file or folder that each of `studies` is from, for errors; () if the reader does
            not tell.
    """

    studies: tuple[Study, ...]
    notes: tuple[Note, ...] = ()
    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.places and len(self.places) != len(self.studies):
            raise ValueError(f"{len(self.places)} places of {len(self.studies)} studies")


class Reader(Protocol):
    """The functions that the module of a format has.

    A third one, `joins`, is there where files may be read only together with others (`Format`).
    """

    def detect(self, source: Source) -> Detection:
        """Whether the input is of the format; looks only at names and first bytes.

        Raises:
            EsimError: a file cannot be opened.
        """

    def read(self, source: Source, options: Options) -> Found:
        """Read the studies of the input.

        Raises:
            EsimError: the input cannot be used.
        """


@dataclass(frozen=True)
class Format:
    """A format that esim reads: a line of `esim formats`.

    Attributes:
        name: its name for --format.
        summary: what is read, in a sentence.
        needs: the options without which it cannot be read.
        times: whether it can hold report times.
        schedule: whether it can hold the starts and ends of trials.
        configs: whether it can hold hyperparameters.
        several_studies: whether one input may hold several studies.
        first_step: what an index of 0 means in such logs: "done" is printed after the first step of
            training, "before" is nothing done yet; None: they do not tell, and
            `esim.study.first_step` settles it.
        module: the module that has its `detect` and `read` (`Reader`); by default the one that
            declares it.
        by_contents: True if it is recognised by contents that the files of other tools may have
            too. Such a format is asked last, about the files that no other format claims.
        package: the package that provides it; "" if it is part of esim.
        any_text: True if it reads any text once the user gives the regex of a metric.
        beside_others: True if other tools write such files beside their own. Such a format is
            asked after the formats of those tools.
        takes: which of the options "trial", "step", "time", "value" and "where", which are on the
            columns of a table, it takes. A format that lacks one that the user gives is not asked.
            None: it is not known, as for plug-ins; it is given them all.
        sample: a small input of the format: path -> contents, as its tool would write them.
        reader: what recognises and reads it; None: the functions of `module`.
        files: what its files are called, or hold, in at most `FILES_LENGTH` characters: the line of
            `esim formats`. "" if the summary is as short as that.

    Example:
        >>> Format(name="mine", summary="a JSON file a run", times=True).asked_late
        (False, False)
    """

    name: str
    summary: str
    needs: tuple[str, ...] = ()
    times: bool = False
    schedule: bool = False
    configs: bool = False
    several_studies: bool = False
    first_step: FirstStep | None = None
    module: str = ""
    by_contents: bool = False
    package: str = ""
    beside_others: bool = False
    any_text: bool = False
    takes: tuple[str, ...] | None = None
    sample: Mapping[str, str] = field(default_factory=dict)
    reader: Reader | None = None
    files: str = ""

    @property
    def asked_late(self) -> tuple[bool, bool]:
        """Formats are asked in the order of this: those that are easily told apart come first."""
        return self.by_contents, self.beside_others

    def lacks(self, options: Options) -> list[str]:
        """The options on columns that the user gives and this format does not take."""
        if self.takes is None:
            return []
        return [name for name in options.of_tables if name not in self.takes]

    def _reader(self) -> Reader:
        return self.reader or cast(Reader, importlib.import_module(self.module))

    def _boundary(self, source: Source) -> AbstractContextManager[None]:
        """Around the reader: what it does not foresee in files is a bug, in objects an error."""
        return nullcontext() if source.held is not None else bugs(source.label)

    def detect(self, source: Source) -> Detection:
        """Whether an input is of this format. Raises EsimError as `Reader.detect`."""
        with self._boundary(source):
            return self._reader().detect(source)

    def joins(self, source: Source, other: Source) -> bool:
        """Whether an input that no format recognises holds parts of an input of this format.

        Args:
            source: the input of this format.
            other: the input that no format recognises.

        Raises:
            EsimError: a file cannot be read.
        """
        joins = getattr(self._reader(), "joins", None)
        return joins is not None and bool(joins(source, other))

    def read(self, source: Source, options: Options) -> Found:
        """Read the studies of an input of this format. Raises EsimError as `Reader.read`."""
        with self._boundary(source):
            return self._reader().read(source, replace(options, index_means=self.first_step))
