"""Reads members of zip and tar files into memory; nothing is unpacked onto the disk.

A member's name is never used as a path on this machine, so a malicious one does no harm. Links and
devices are passed over.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from esim.errors import EsimError
from esim.readers.source import File

MOST_BYTES = 2 << 30  # of unpacked contents, because a small archive can expand to any size


def zip_member(file: File, ending: str) -> tuple[str, bytes]:
    """The name and contents of the only member of a zip file whose name has a certain ending.

    Args:
        file: the zip file.
        ending: the end of the member's name, such as ".csv".

    Raises:
        EsimError: the file is damaged, encrypted or too large, or has no or several such members.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(file.read())) as archive:
            members = [one for one in archive.infolist() if one.filename.endswith(ending)]
            if len(members) != 1:
                why = ", ".join(one.filename for one in members[:3]) or "none"
                raise EsimError(f"not one member *{ending}", where=str(file), why=why)
            with archive.open(members[0]) as stream:
                return members[0].filename, _limited(stream.read(MOST_BYTES + 1), file)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise EsimError("the zip file cannot be read", where=str(file), why=str(error)) from None


def is_tar(file: File) -> bool:
    """Whether a file is a tar file, compressed or not, by its first bytes."""
    return file.head[257:262] == b"ustar"


def tar_members(file: File) -> Iterator[tuple[str, bytes]]:
    """The name and contents of every regular file in a tar file, compressed or not.

    Raises:
        EsimError: the tar file is damaged or too large.
    """
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(file.read()), mode="r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() else None
                if stream is not None:
                    total += member.size
                    if total > MOST_BYTES:
                        raise _too_large(file)
                    yield member.name, stream.read()
    except (tarfile.TarError, EOFError) as error:
        raise EsimError("the tar file is damaged", where=str(file), why=str(error)) from None


def _limited(data: bytes, file: File) -> bytes:
    if len(data) > MOST_BYTES:
        raise _too_large(file)
    return data


def _too_large(file: File) -> EsimError:
    return EsimError(
        "the archive is too large",
        where=str(file),
        why=f"more than {MOST_BYTES >> 30} GiB unpacked",
        fix="unpack it, and give the folder",
    )
