"""The files of an offline session, which a tracker's client keeps as a folder or as a zip file."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings import archive, jsontext
from esim.readers.encodings.utf8 import text_of
from esim.readers.formats import Detection
from esim.readers.runs import detected
from esim.readers.source import File, Source
from esim.study import Note


@dataclass(frozen=True, eq=False)
class Session:
    """The files of one session.

    Attributes:
        files: base name -> the file, or the zip file that holds it.
        used: the files that have been read.
    """

    files: dict[str, File]
    used: set[File] = field(default_factory=set)

    @property
    def file(self) -> File:
        """One of the files, or the zip file."""
        return next(iter(self.files.values()))

    @property
    def packed(self) -> bool:
        """Whether it is a zip file."""
        return self.file.base not in self.files

    @property
    def stem(self) -> str:
        """The name of the folder, or that of the zip file without its ending."""
        if self.packed:
            return self.file.base.removesuffix(".zip")
        return self.file.path.resolve().parent.name

    def document(self, name: str) -> dict[str, Any]:
        """The JSON object that a file holds.

        Raises:
            EsimError: it is none, or the zip file cannot be read.
        """
        data, where = self._contents(name)
        found = jsontext.parse(text_of(data), where)
        if not isinstance(found, dict):
            raise EsimError("not a JSON object", where=where)
        return found

    def lines(self, name: str) -> Iterator[tuple[str, Any]]:
        """The lines of a JSONL file, as `jsontext.lines`."""
        data, where = self._contents(name)
        return jsontext.lines(self.files[name], data, where)

    def _contents(self, name: str) -> tuple[bytes, str]:
        """The contents of a file, and where it is."""
        file = self.files[name]
        self.used.add(file)
        if not self.packed:
            return file.read(), str(file)
        member, data = archive.zip_member(file, name)
        return data, f"{file}, {member}"


def sessions(source: Source, needed: tuple[str, ...], other: tuple[str, ...] = ()) -> list[Session]:
    """The sessions of an input: folders first, then zip files.

    Args:
        source: the input.
        needed: the names of the files that a session has.
        other: the names of further files that it may have.
    """
    found = []
    for first in source.by_base.get(needed[0], ()):
        folder = (file for file in source.by_folder[first.folder] if file.root == first.root)
        beside = {file.base: file for file in folder}
        if all(name in beside for name in needed):
            found.append(Session({n: beside[n] for n in (*needed, *other) if n in beside}))
    for file in source.files:
        members = archive.zip_names(file)
        if members.issuperset(needed):
            found.append(Session({n: file for n in (*needed, *other) if n in members}))
    return found


def detection(source: Source, found: Sequence[Session], what: str) -> Detection:
    """The detection of a format that is recognised by some sessions; their folders belong to it.

    Args:
        source: the input.
        found: the sessions.
        what: what was seen in them, as it follows their names.
    """
    files = list(dict.fromkeys(file for one in found for file in one.files.values()))
    folders = source.with_hidden().below({one.file.folder for one in found if not one.packed})
    hidden = bool(files) and set(source.hidden).issuperset(files)
    return replace(detected(files, what, folders.union(files)), hidden=hidden)


def without_copies(found: Iterable[tuple[Hashable, Session]]) -> tuple[list[Session], list[Note]]:
    """The sessions without those that are there twice, such as a folder and a zip file of it.

    Args:
        found: the sessions, each behind what identifies it.

    Returns:
        The first session of each; a note on the others, if there are any.
    """
    kept: dict[Hashable, Session] = {}
    copies = []
    for key, session in found:
        if kept.setdefault(key, session) is not session:
            copies.append(session.file.name)
    if not copies:
        return list(kept.values()), []
    text = f"{plural(len(copies), 'session', 'are')} there twice and read once: {some(copies)}"
    return list(kept.values()), [Note("session_copies", text, len(copies), tuple(copies[:3]))]
