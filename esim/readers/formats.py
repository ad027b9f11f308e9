"""The formats esim reads: a static table. A reader's module is imported when it is asked."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from esim.errors import EsimError, near_names
from esim.readers.options import Options
from esim.readers.source import File, Source
from esim.study import Note, Study


@dataclass(frozen=True)
class Detection:
    """Whether a source is of a format, and the evidence either way, in a few words.

    Attributes:
        saw: "" if nothing in the source hints at the format.
        complete: False: another source of this format may hold what this one lacks.
        claims: the files that belong to it, read or not; formats asked later do not see them. A
            tool that writes TensorBoard events beside its own records claims those too.
    """

    matches: bool
    saw: str
    complete: bool = True
    claims: frozenset[File] = frozenset()


@dataclass(frozen=True)
class Found:
    """What a reader made of one source.

    Attributes:
        notes: about its files, not about its data.
        names: of all its studies, where the reader reads only those that were asked for.
    """

    studies: tuple[Study, ...]
    notes: tuple[Note, ...] = ()
    names: tuple[str, ...] = ()


class Reader(Protocol):
    """What the module of a format holds."""

    def detect(self, source: Source) -> Detection:
        """Look at names and first bytes only. Raises EsimError if a file cannot be opened."""

    def read(self, source: Source, options: Options) -> Found:
        """Raises EsimError where the source cannot be used."""


@dataclass(frozen=True)
class Format:
    """A row of `esim formats`.

    Attributes:
        name: for --format.
        summary: what is read, in a sentence.
        needs: options without which it cannot be read.
        times: whether report times can be had.
        schedule: whether trial starts and ends can be had.
        configs: whether hyperparameters can be had.
        several_studies: whether one input may hold several studies.
        module: where its `detect` and `read` are.
        by_contents: recognised by contents that other tools' files might show too, so it is asked
            last, about the files that no other format claims.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    times: bool
    schedule: bool
    configs: bool
    several_studies: bool
    module: str
    by_contents: bool = False

    def _reader(self) -> Reader:
        return cast(Reader, importlib.import_module(self.module))

    def detect(self, source: Source) -> Detection:
        """Whether the source is of this format."""
        return self._reader().detect(source)

    def read(self, source: Source, options: Options) -> Found:
        """The studies of a source of this format."""
        return self._reader().read(source, options)


FORMATS: tuple[Format, ...] = (
    Format(
        name="table",
        summary="CSV, JSONL or Parquet with columns trial, step and one per metric; "
        "optional second table of trials",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.table",
        by_contents=True,
    ),
    Format(
        name="sagemaker",
        summary="Amazon SageMaker: the jobs' logs in any shape they are exported in, with the JSON "
        "of describe-hyper-parameter-tuning-job and list-training-jobs, or alone",
        needs=(),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.sagemaker",
        by_contents=True,
    ),
)


def choose_format(source: Source, name: str | None = None) -> Format:
    """The format of that name, or the only one that recognises the source.

    Raises:
        EsimError: no such name (with near names); no format matches (what each saw); several do.
    """
    if name is not None:
        for fmt in FORMATS:
            if fmt.name == name:
                return fmt
        raise EsimError(
            f"no format {name!r}", fix=f"one of: {near_names(name, [f.name for f in FORMATS])}"
        )
    if not source.files and source.address is None:
        skipped = f", {len(source.skipped)} hidden or left over" if source.skipped else ""
        raise EsimError("no files to read", where=source.label, why=f"the folder is empty{skipped}")
    seen = []
    rest = source
    for fmt in sorted(FORMATS, key=lambda fmt: fmt.by_contents):
        detection = fmt.detect(rest)
        seen.append((fmt, detection))
        rest = rest.without(detection.claims) if detection.claims else rest
        if detection.claims and not rest.files:
            break
    matching = [(fmt, detection) for fmt, detection in seen if detection.matches]
    if len(matching) == 1:
        return matching[0][0]
    if matching:
        raise EsimError(
            "mixed formats: " + " and ".join(fmt.name for fmt, _ in matching) + " match",
            where=source.label,
            why="; ".join(f"{fmt.name}: {detection.saw}" for fmt, detection in matching),
            fix="give the part you mean, or --format " + matching[0][0].name,
        )
    raise EsimError(
        "no format matches",
        where=source.label,
        why="; ".join(f"{fmt.name}: {detection.saw}" for fmt, detection in seen if detection.saw),
        fix="`esim formats` lists what can be read; --format NAME says why one does not fit",
    )
