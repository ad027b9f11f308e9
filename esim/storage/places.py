"""Places to write to: what may be one, and that it is apart from what is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from esim.errors import EsimError


def place(typed: str) -> Path:
    """The path that was typed as a place to write to; a leading ``~`` is the home folder.

    Raises:
        EsimError: it is empty or no Unicode text, is an address such as ``s3://bucket/folder``, a
            part of it is too long, or it cannot be looked at.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", typed):
        raise EsimError(
            "an address is no place to write results to",
            where=typed,
            fix="name a folder on this machine, and copy it there (aws s3 cp --recursive, "
            "gcloud storage cp -r)",
        )
    if not typed or not Path(os.path.realpath(typed)).name:
        what = "the root folder" if typed else "an empty path"
        raise EsimError(f"{what} is no place to write to", fix="name a folder or file")
    try:
        typed.encode()
    except UnicodeEncodeError:
        raise EsimError("the path is not Unicode text", where=typed, fix="another name") from None
    path = Path(os.path.expanduser(typed))
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise EsimError("cannot be written", where=typed, why=why) from None
    return path if path.name and ".." not in path.parts else Path(os.path.realpath(path))


def keep_apart(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write over, into or around what is read. Symbolic links are followed.

    Args:
        out: the file or folder to write.
        inputs: files and folders that are read; those that do not exist do not matter.

    Raises:
        EsimError: `out` is one of them, lies in one, or one lies in it.
    """
    around_out = _ancestry(out)
    for path in inputs:
        around = _ancestry(path)
        if not around or around[0] is None:
            continue
        if around[0] in around_out:
            how = "is read itself" if around_out[0] == around[0] else "lies in what is read"
        elif around_out[0] is not None and around_out[0] in around:
            how = "holds what is read"
        else:
            continue
        raise EsimError(
            f"the place to write to {how}", where=str(out), why=str(path), fix="name another place"
        )


def _ancestry(path: Path) -> list[tuple[int, int] | None]:
    """What a path is, and each folder above it: device and inode; None for what is not there."""
    found: list[tuple[int, int] | None] = []
    real = Path(os.path.realpath(path))
    for each in (real, *real.parents):
        try:
            state = each.stat()
        except (OSError, ValueError):
            found.append(None)
        else:
            found.append((state.st_dev, state.st_ino))
    return found
