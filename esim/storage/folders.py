"""Folders and files that are written completely or not at all, and safe file names.

What is being written has a temporary name, ``.<name>.<8 letters>.part``, and a lock that ends with
its process. What a killed run left behind is without one: the next run of the same name removes it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from esim.errors import EsimError


@contextmanager
def whole_folder(folder: Path, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """A temporary folder to write into; it replaces the folder when the block ends without error.

    Args:
        folder: created with its parents if need be. An existing folder is replaced only if it is
            empty or holds nothing but files that may be replaced.
        ours: whether a file may be replaced; it is called with paths relative to the folder.

    Raises:
        EsimError: the folder holds other files, is a file, or cannot be written.
    """
    try:
        target = Path(os.path.realpath(folder))
        if target.exists() and (others := others_in(target, ours, str(folder))):
            raise EsimError(
                "the folder holds other things",
                where=str(folder),
                why=", ".join(others[:5]),
                fix="name a new or empty folder",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary(target.parent, target.name, folder=True) as partial:
            partial.chmod(0o777 & ~umask())
            yield partial
            _replace(partial, target)
    except OSError as error:
        raise EsimError("cannot be written", where=str(folder), why=str(error)) from error


def others_in(folder: Path, ours: Callable[[Path], bool], where: str) -> list[str]:
    """The files in a folder that may not be replaced, by their paths in it.

    Raises:
        EsimError: the path is no folder.
    """
    if not folder.is_dir():
        raise EsimError("a file stands there", where=where)
    inside = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(
        str(path.relative_to(folder)) for path in inside if not ours(path.relative_to(folder))
    )


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A temporary file to write into; it replaces the file when the block ends without error.

    Args:
        path: the file; its folder must exist.

    Raises:
        OSError: the file cannot be written.
    """
    with temporary(path.parent, path.name) as partial:
        with partial.open("wb") as out:
            yield out
        partial.chmod(0o666 & ~umask())
        partial.replace(path)


@contextmanager
def temporary(parent: Path, name: str, *, folder: bool = False) -> Iterator[Path]:
    """A new file or folder under a temporary name; it is removed at the end if it is still there.

    Args:
        parent: the folder to make it in. What killed runs left there under this name is removed.
        name: what it will be called.
        folder: whether it is a folder.

    Raises:
        OSError: it cannot be made.
    """
    _clear(parent, name)
    while True:
        prefix, suffix = f".{name}.", ".part"
        if folder:
            partial = Path(tempfile.mkdtemp(suffix, prefix, parent))
        else:
            made, path = tempfile.mkstemp(suffix, prefix, parent)
            os.close(made)
            partial = Path(path)
        handle = _lock(partial)
        if handle != _TAKEN and partial.exists():
            break
        _unlock(handle)  # another run took it for left behind before it was locked
    try:
        yield partial
    finally:
        if folder:
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
        _unlock(handle)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keeps other processes from writing into a folder meanwhile, where they ask for it too.

    Raises:
        EsimError: another process does.
        OSError: the folder cannot be made.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    handle = _lock(folder)
    if handle == _TAKEN or not folder.exists():  # gone: the other has just finished
        _unlock(handle)
        raise EsimError(
            "another process is writing there", where=str(folder), fix="run one after the other"
        )
    try:
        yield
    finally:
        if made:
            with suppress(OSError):  # it holds something
                folder.rmdir()
        _unlock(handle)


def slug(name: str, longest: int = 80) -> str:
    """A safe file name made from a name in a log. Different names may give the same one.

    Args:
        name: any text.
        longest: the most characters that are kept.
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:longest] or "unnamed"


def unique_slugs(names: list[str]) -> list[str]:
    """A different safe file name for each name; they differ in more than upper and lower case."""
    used: set[str] = set()
    found = []
    for i, name in enumerate(names, start=1):
        plain = slug(name)
        candidates = chain([plain], (f"{plain}-{n}" for n in count(i)))
        candidate = next(one for one in candidates if one.lower() not in used)
        used.add(candidate.lower())
        found.append(candidate)
    return found


def _replace(partial: Path, target: Path) -> None:
    """Replace the old folder by the new one; if that fails the old one is put back."""
    if not target.exists():
        partial.rename(target)
        return
    old = partial.with_name(partial.name + _OLD)
    with only_writer(target):  # the lock goes with the folder, whatever its name
        target.rename(old)
        try:
            partial.rename(target)
        except BaseException:
            if not target.exists():
                old.rename(target)
            raise
        shutil.rmtree(old)


_OLD = ".old"
_TAKEN, _UNKNOWN = -1, -2  # in place of a lock: another has it, or the file system has no locks


def _clear(parent: Path, name: str) -> None:
    """Remove what killed runs left in a folder; what one was about to replace is put back."""
    ours = re.compile(rf"\.{re.escape(name)}\.\w{{8}}\.part({re.escape(_OLD)})?")
    with suppress(OSError):
        for entry in os.listdir(parent):
            found = ours.fullmatch(entry) if entry.startswith(f".{name}.") else None
            if found is None:
                continue
            path = parent / entry
            handle = _lock(path)
            if handle < 0:
                continue  # its process is alive, or nobody can tell
            if found[1] and not (parent / name).exists():
                path.rename(parent / name)
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            _unlock(handle)


def _lock(path: Path) -> int:
    """A handle that locks a file or folder until it is closed or its process ends."""
    if sys.platform == "win32":
        return _UNKNOWN
    import fcntl

    handle = _UNKNOWN
    try:
        handle = os.open(path, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        _unlock(handle)
        return _TAKEN if isinstance(error, BlockingIOError) else _UNKNOWN
    return handle


def _unlock(handle: int) -> None:
    if handle >= 0:
        os.close(handle)


def umask() -> int:
    """The permissions that the user withholds from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
