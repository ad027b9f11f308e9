"""Opens the paths that a user gives as inputs; files of editors and hidden files are skipped."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from esim.errors import EsimError
from esim.readers.address import Address, parse_address
from esim.readers.source import TRACKERS_FOLDERS, File, Source, unreadable

LEFTOVER_SUFFIXES = ("~", ".swp", ".swo", ".bak", ".tmp", ".part", ".crdownload")
LEFTOVER_NAMES = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "__pycache__"})


def open_sources(paths: Iterable[str | Path]) -> list[Source]:
    """The inputs that some paths and URLs stand for, in the order given.

    Every folder and every address is an input of its own; all files together are one.

    Args:
        paths: files, folders and URLs; a sqlite: or file: URL is the path it names.

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
            mode = path.stat().st_mode
            resolved = path.resolve()
        except OSError as error:
            raise unreadable(path, error) from error
        if resolved in seen:
            raise EsimError("the same path is given twice", where=str(path))
        seen.add(resolved)
        if stat.S_ISDIR(mode):
            sources.append(_walk(path))
        else:
            if at is None:
                at = len(sources)
            files.append(File(path, path, path.name))
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


def union(sources: Sequence[Source]) -> Source:
    """All files of some inputs as one input."""
    return Source(
        tuple(root for source in sources for root in source.roots),
        tuple(file for source in sources for file in source.files),
        tuple(name for source in sources for name in source.skipped),
        tuple(file for source in sources for file in source.hidden),
    )


def _walk(root: Path) -> Source:
    files: list[File] = []
    skipped: list[str] = []

    def fail(error: OSError) -> None:
        raise unreadable(Path(error.filename or root), error) from error

    for folder, subfolders, names in os.walk(root, onerror=fail):
        here = Path(folder)
        below = here.relative_to(root)
        for name in [n for n in subfolders if _leftover(n) or (here / n).is_symlink()]:
            if name not in TRACKERS_FOLDERS or (here / name).is_symlink():
                subfolders.remove(name)
            skipped.append((below / name).as_posix())
        for name in names:
            path = here / name
            if _leftover(name) or not path.is_file():
                skipped.append((below / name).as_posix())
            else:
                files.append(File(path, root, (below / name).as_posix()))
    files.sort(key=lambda file: file.name)
    seen = tuple(file for file in files if not _is_hidden(file.name))
    hidden = tuple(file for file in files if _is_hidden(file.name))
    left = (name for name in skipped if not _is_hidden(name))
    return Source((root,), seen, tuple(sorted(left)), hidden)


def _is_hidden(name: str) -> bool:
    return not TRACKERS_FOLDERS.isdisjoint(name.split("/")[:-1])


def _leftover(name: str) -> bool:
    hidden = name.startswith((".", "#"))
    return hidden or name.endswith(LEFTOVER_SUFFIXES) or name in LEFTOVER_NAMES
