"""What a result document says of each input: path, hash, format, notes and studies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from esim.errors import EsimError, plural
from esim.readers.address import Address
from esim.readers.assembly import some
from esim.readers.formats import Format, Found
from esim.readers.held import Held, sha256_of
from esim.readers.source import Source
from esim.study import Note, Study


@dataclass(frozen=True)
class InputFile:
    """One path, URL or object that the user gave, as the result document describes it.

    Attributes:
        path: the path as it was given; a URL is shown without its password, an object as
            ``<optuna.study.Study 'name'>``.
        sha256: for a file, the hash of its bytes; for a folder, the hash of the lines
            ``<sha256>  <relative name>`` of the files that were read, sorted by name (as
            `sha256sum` prints them); for a database or server, the hash of the rows that were read;
            for an object, the hash of the values that were read.
        format: the name of the format that it was read as; "" if it was not read.
        notes: observations about the path itself, such as files that were not read. Observations
            about the data are in `Study.notes`.
        studies: the names of the studies found in it.
    """

    path: str
    sha256: str
    format: str
    notes: tuple[Note, ...] = ()
    studies: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadInput:
    """What `read_inputs` returns.

    Attributes:
        studies: the studies, in the order of the paths.
        inputs: a description of each path, in the order in which the paths were given.
    """

    studies: tuple[Study, ...]
    inputs: tuple[InputFile, ...]


def described(source: Source, fmt: Format, found: Found) -> list[InputFile]:
    """Each path of an input that has been read, for the result document.

    Args:
        source: the input.
        fmt: the format that it was read as.
        found: what was found in it.

    Raises:
        EsimError: nothing of a path was read.
    """
    told = []
    names = tuple(study.name for study in found.studies)
    for i, root in enumerate(source.roots):
        if isinstance(root, Address | Held):
            read = sha256_of(found.studies) if isinstance(root, Held) else root.sha256 or ""
            told.append(InputFile(str(root), read, fmt.name, found.notes, names))
            continue
        all_files = (*source.files, *source.hidden)
        files = [file for file in all_files if file.root == root and file.sha256]
        if not files and any(file.sha256 for file in all_files) and root.is_file():
            told.append(not_read(root, f"it is not read as {fmt.name}"))
            continue
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
        notes = (*(found.notes if i == 0 else ()), *_links_note(source, root))
        told.append(InputFile(str(root), sha256, fmt.name, notes, names))
    return told


def _links_note(source: Source, root: Path) -> list[Note]:
    """The note on links to folders below a root, which are not followed; if there are any."""
    linked = [path for path in source.linked if Path(path).is_relative_to(root)]
    if not linked:
        return []
    text = f"{plural(len(linked), 'linked folder', 'are')} not followed: {some(linked)}"
    return [Note("links_not_followed", text, len(linked))]


def not_read(path: object, why: str) -> InputFile:
    """A path that was not read, and why."""
    return InputFile(str(path), "", "", (Note("input_not_read", why),))
