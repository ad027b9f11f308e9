"""The folder of --out: it lists what was written into it, and nothing else in it is replaced.

The list is the file ``.esim.sha256``, in the form that ``sha256sum --check`` reads. A file that is
not listed, or not as it was written, is somebody else's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from esim.errors import EsimError
from esim.storage.folders import others_in, whole_file, whole_folder

LIST = ".esim.sha256"


@contextmanager
def result_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder to write into; it replaces the folder when the block ends without error.

    Args:
        folder: created with its parents if need be. An existing folder is replaced only if it holds
            nothing but what was written into it so, unchanged.

    Raises:
        EsimError: the folder holds other files, is a file, or cannot be written.
    """
    check_replaceable(folder)
    with whole_folder(folder, _unchanged(folder)) as partial:
        yield partial
        files = sorted(path for path in partial.rglob("*") if path.is_file())
        _write_list(partial, {path.relative_to(partial).as_posix(): _sum(path) for path in files})


def check_replaceable(folder: Path) -> None:
    """Refuse a folder that may not be replaced, before anything is computed for it.

    Raises:
        EsimError: it holds what was not written into it so, is a file, or cannot be read.
    """
    try:
        others = others_in(folder, _unchanged(folder), str(folder)) if folder.exists() else []
    except OSError as error:
        raise EsimError("cannot be written", where=str(folder), why=str(error)) from error
    if others:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise EsimError(
            "the folder holds other things",
            where=str(folder),
            why=f"esim did not write them there, or they were changed since: "
            f"{', '.join(others[:5])}{more}",
            fix="name a new or empty folder, or move them away",
        )


def is_listed(path: Path) -> bool | None:
    """Whether a file is as it was written into its folder; None if the folder has no list."""
    if not (path.parent / LIST).is_file():
        return None
    return _unchanged(path.parent)(Path(path.name))


def add_to_list(path: Path) -> None:
    """List a file that was written beside a result; nothing if its folder has no list.

    Raises:
        OSError: the list cannot be written.
    """
    if (path.parent / LIST).is_file():
        _write_list(path.parent, {**_listed(path.parent), path.name: _sum(path)})


def _unchanged(folder: Path) -> Callable[[Path], bool]:
    """Whether a file of the folder, by its path in it, is as it was written."""
    listed = _listed(folder)

    def unchanged(path: Path) -> bool:
        name = path.as_posix()
        return name == LIST or (name in listed and listed[name] == _sum(folder / path))

    return unchanged


def _listed(folder: Path) -> dict[str, str]:
    try:
        text = (folder / LIST).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return {}
    found = {}
    for line in text.splitlines():
        digest, _, name = line.partition("  ")
        found[name] = digest
    return found


def _write_list(folder: Path, sums: dict[str, str]) -> None:
    with whole_file(folder / LIST) as out:
        out.writelines(f"{sums[name]}  {name}\n".encode() for name in sorted(sums))


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
