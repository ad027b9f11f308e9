"""Folders and files that are written completely or not at all, and safe file names."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    target = folder.resolve()
    if target.exists():
        if not target.is_dir():
            raise EsimError("a file stands there", where=str(folder))
        inside = (path for path in target.rglob("*") if not path.is_dir())
        others = sorted(
            str(p.relative_to(target)) for p in inside if not ours(p.relative_to(target))
        )
        if others:
            raise EsimError(
                "the folder holds other things",
                where=str(folder),
                why=", ".join(others[:5]),
                fix="name a new or empty folder",
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            partial.chmod(0o777 & ~_umask())
            yield partial
            _replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise EsimError("cannot be written", where=str(folder), why=str(error)) from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A temporary file to write into; it replaces the file when the block ends without error.

    Args:
        path: the file; its folder must exist.

    Raises:
        OSError: the file cannot be written.
    """
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


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
    for i, name in enumerate(names):
        candidate = slug(name)
        if candidate.lower() in used:
            candidate = f"{candidate}-{i + 1}"
        used.add(candidate.lower())
        found.append(candidate)
    return found


def _replace(partial: Path, target: Path) -> None:
    """Replace the old folder by the new one; if that fails the old one is put back."""
    if not target.exists():
        partial.rename(target)
        return
    old = partial.with_name(partial.name + ".old")
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
