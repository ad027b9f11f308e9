"""Opens the paths that a user gives as inputs; files of editors and hidden files are skipped.

Links to folders are not followed: they may lead anywhere, back to where they are too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from esim.errors import EsimError
from esim.readers.address import Address, parse_address
from esim.readers.limits import limits, too_many
from esim.readers.source import TRACKERS_FOLDERS, File, Source, unreadable
from esim.readers.special_files import STDIN, is_special
from esim.storage.history.addresses import is_store

LEFTOVER_SUFFIXES = ("~", ".swp", ".swo", ".bak", ".tmp", ".part", ".crdownload")
LEFTOVER_NAMES = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "__pycache__"})


def open_sources(paths: Iterable[str | Path]) -> list[Source]:
    """The inputs that some paths and URLs stand for, in the order given.

    Every folder and every address is an input of its own; all files together are one.

    Args:
        paths: files, folders and URLs; a sqlite: or file: URL is the path it names, and ``-`` is
            standard input.

    Raises:
        EsimError: no path is given, a path is given twice, does not exist or cannot be listed, or a
            URL is of a kind that esim does not read.
    """
    sources: list[Source] = []
    files: list[File] = []
    at: int | None = None
    seen: set[Path | str] = set()
    for given in paths:
        path = root_of(given)
        if isinstance(path, Address):
            if path.url in seen:
                raise EsimError("the same address is given twice", where=str(path))
            seen.add(path.url)
            sources.append(Source((path,), ()))
            continue
        try:
            special = is_special(path)
            folder = not special and path.is_dir()
            resolved = path.resolve()
        except OSError as error:
            raise unreadable(path, error) from error
        if resolved in seen:
            raise EsimError("the same path is given twice", where=str(path))
        seen.add(resolved)
        if folder:
            sources.append(_walk(path))
        else:
            if at is None:
                at = len(sources)
            name = "stdin" if str(path) == STDIN else path.name
            files.append(File(path, path, name, special))
    if files:
        sources.insert(at or 0, Source(tuple(file.root for file in files), tuple(files)))
    if not sources:
        raise EsimError("no paths given", fix="name files or folders with recorded logs")
    return sources


def root_of(given: str | Path) -> Path | Address:
    """The path or address that a path or URL stands for.

    Args:
        given: the path or URL as the user gave it.

    Raises:
        EsimError: a URL of a kind that esim does not read.
    """
    address = parse_address(str(given))
    return address if isinstance(address, Address) else Path(given if address is None else address)


def local_roots(given: Iterable[str | Path]) -> list[Path]:
    """The files and folders on this machine among some paths and URLs.

    Raises:
        EsimError: a URL of a kind that esim does not read.
    """
    roots = [root_of(one) for one in given if not is_store(one)]
    return [root for root in roots if isinstance(root, Path)]


def union(sources: Sequence[Source]) -> Source:
    """All files of some inputs as one input."""
    return Source(
        tuple(root for source in sources for root in source.roots),
        tuple(file for source in sources for file in source.files),
        tuple(name for source in sources for name in source.skipped),
        tuple(file for source in sources for file in source.hidden),
        linked=tuple(path for source in sources for path in source.linked),
    )


def _walk(root: Path) -> Source:
    """The files in and below a folder. A link to a file counts as the file."""
    seen: list[str] = []
    hidden: list[str] = []
    skipped: list[str] = []
    linked: list[str] = []
    waiting = [("", seen)]  # folders, and where their files go
    while waiting:
        folder, files = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    name = folder + entry.name
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if _leftover(entry.name):
                        if files is seen:
                            skipped.append(name)
                        if is_folder and entry.name in TRACKERS_FOLDERS:
                            waiting.append((f"{name}/", hidden))
                    elif is_folder:
                        waiting.append((f"{name}/", files))
                    elif entry.is_file():
                        files.append(name)
                    elif entry.is_dir():
                        linked.append(str(root / name))
                    elif files is seen:
                        skipped.append(name)
        except OSError as error:
            raise unreadable(Path(error.filename or root), error) from error
        if len(seen) > limits().members:
            raise too_many("files", str(root), limits().members, len(seen))
    return Source(
        (root,),
        tuple(File(root / name, root, name) for name in sorted(seen)),
        tuple(sorted(skipped)),
        tuple(File(root / name, root, name) for name in sorted(hidden)),
        linked=tuple(sorted(linked)),
    )


def _leftover(name: str) -> bool:
    hidden = name.startswith((".", "#"))
    return hidden or name.endswith(LEFTOVER_SUFFIXES) or name in LEFTOVER_NAMES
