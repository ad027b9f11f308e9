"""Reads members of zip and tar files into memory; nothing is unpacked onto the disk.

A member's name is never used as a path on this machine, so a malicious one does no harm. Links and
devices are passed over. A member that is compressed itself is decompressed too.
"""

from __future__ import annotations

import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast

from esim.errors import EsimError
from esim.readers.encodings.compressed import compression_of, unpacked
from esim.readers.limits import limits, too_large, too_many
from esim.readers.source import HEAD_BYTES, File

_ZIP_MAGIC, _ZIP_LISTED = b"PK\3\4", b"PK\1\2"  # before a member, and in the list of them
_ZIP_HEADER = struct.Struct("<8xH8xI4xHH")  # method, packed size, lengths of name and extra field
# What zipfile raises on a list of members that is damaged; ValueError of places before the file.
_BROKEN_ZIP = (zipfile.BadZipFile, NotImplementedError, ValueError)
_DEFLATED, _STORED = 8, 0
_PIECE = 1 << 24  # bytes that are unpacked at a time
_TAR_BLOCK = 512
_TAR_FILE = (b"0", b"\0")


@dataclass(frozen=True)
class Part:
    """A file, or a member of an archive.

    Attributes:
        name: its path on this machine, or in the archive, with "/", without the ending .gz or .zst.
        file: the file, or the archive.
        place: where it is, for errors.
        data: its contents.
    """

    name: str
    file: File
    place: str
    data: bytes

    @property
    def base(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @property
    def text(self) -> str:
        """The contents as UTF-8 text without a byte order mark; undecodable bytes replaced."""
        return self.data.decode("utf-8-sig", "replace")


def parts(files: Iterable[File], wanted: re.Pattern[str]) -> Iterator[Part]:
    """Some files; in place of an archive, those of its members that are wanted.

    Args:
        files: files and archives. Files are given whatever they are called.
        wanted: matches the last part of the name of a member that is wanted.

    Raises:
        EsimError: an archive is damaged, encrypted or too large.
    """
    for file in files:
        if _is_zip(file):
            members = _zip_members(file, wanted)
        elif _is_tar(file):
            members = _tar_members(file, wanted)
        else:
            yield Part((file.path.parent / file.base).as_posix(), file, str(file), file.read())
            continue
        for name, data in members:
            yield Part(name.removesuffix(".gz"), file, f"{file}, {name}", data)


def zip_member(file: File, ending: str) -> tuple[str, bytes]:
    """The name and contents of the only member of a zip file whose name has a certain ending.

    Args:
        file: the zip file.
        ending: the end of the member's name, such as ".csv".

    Raises:
        EsimError: the file is damaged, encrypted or too large, or has no or several such members.
    """
    with _opened_zip(file) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(ending)]
        if len(members) != 1:
            why = ", ".join(one.filename for one in members[:3]) or "none"
            raise EsimError(f"not one member *{ending}", where=str(file), why=why)
        return members[0].filename, _read(archive, members[0], _Room(file), file)


def zip_names(file: File) -> frozenset[str]:
    """The last parts of the names of a zip file's members; none if it is no zip file or damaged.

    Only the list of members is read, which is at the file's end.
    """
    if "zip" not in file.seen:  # kept, because several formats ask for it
        file.seen["zip"] = frozenset()
        if _is_zip(file):
            stored = io.BytesIO(file.read()) if file.special else file.path
            with suppress(OSError, *_BROKEN_ZIP), zipfile.ZipFile(stored) as archive:
                names = (name.rpartition("/")[2] for name in archive.namelist())
                file.seen["zip"] = frozenset(names)
    return cast("frozenset[str]", file.seen["zip"])


def is_archive(file: File) -> bool:
    """Whether a file is a zip file or a tar file, compressed or not, by its first bytes."""
    return _is_zip(file) or _is_tar(file)


def beginning(file: File) -> tuple[str, bytes]:
    """The name and first bytes of a file, or of the first file in an archive.

    Only the first bytes of the file are looked at, and what they do not show is left out.

    Args:
        file: a file, or an archive.

    Returns:
        The last part of the name, and at most HEAD_BYTES of contents.
    """
    if "beginning" not in file.seen:  # kept, because several formats ask for it
        file.seen["beginning"] = _beginning(file)
    return cast("tuple[str, bytes]", file.seen["beginning"])


def _beginning(file: File) -> tuple[str, bytes]:
    head, at = file.head, 0
    if _is_zip(file):
        while head.startswith(_ZIP_MAGIC, at) and len(head) >= at + _ZIP_HEADER.size:
            method, packed, named, extra = _ZIP_HEADER.unpack_from(head, at)
            begin = at + _ZIP_HEADER.size + named + extra
            name = _text(head[at + _ZIP_HEADER.size :][:named])
            if not name.endswith("/"):
                return name.rpartition("/")[2], _inflated(head[begin:], method)
            at = begin + packed
        return "", b""
    if _is_tar(file):
        while head[at + 257 : at + 262] == b"ustar":
            name = _text(head[at : at + 100].partition(b"\0")[0])
            if head[at + 156 : at + 157] in _TAR_FILE:
                return name.rpartition("/")[2], head[at + _TAR_BLOCK :]
            size = head[at + 124 : at + 136].strip(b" \0")
            blocks = -(-int(size, 8) // _TAR_BLOCK) if re.fullmatch(rb"[0-7]{1,11}", size) else 0
            at += (1 + blocks) * _TAR_BLOCK
        return "", b""
    return file.base, head


def _is_zip(file: File) -> bool:
    return file.head.startswith(_ZIP_MAGIC)


def _is_tar(file: File) -> bool:
    return file.head[257:262] == b"ustar"


class _Room:
    """How many bytes the members of an archive may still unpack to.

    Attributes:
        left: the bytes.
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self._limit = self.left = limits().expanded(file.stored_size)

    def take(self, data: bytes) -> bytes:
        """The contents of a member, decompressed if it is compressed itself.

        Raises:
            EsimError: they are too large, or the compressed data is damaged.
        """
        compression = compression_of(data)
        if compression is not None and len(data) <= self.left:
            data = unpacked(data, compression, str(self._file), self.left)
        if len(data) > self.left:
            raise too_large("the unpacked archive", str(self._file), self._limit)
        self.left -= len(data)
        return data


def _zip_members(file: File, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    room = _Room(file)
    with _opened_zip(file) as archive:
        for member in archive.infolist():
            if wanted.fullmatch(member.filename.rpartition("/")[2]):
                yield member.filename, _read(archive, member, room, file)


def _tar_members(file: File, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    room = _Room(file)
    try:
        with tarfile.open(fileobj=io.BytesIO(file.read()), mode="r:") as archive:
            for number, member in enumerate(archive, start=1):
                if number > limits().members:
                    raise too_many("members", str(file), limits().members, number)
                if not (member.isreg() and wanted.fullmatch(member.name.rpartition("/")[2])):
                    continue
                stream = archive.extractfile(member)
                if stream is not None:
                    yield member.name, room.take(stream.read(room.left + 1))
    except (tarfile.TarError, EOFError) as error:
        raise EsimError("the tar file is damaged", where=str(file), why=str(error)) from None


@contextmanager
def _opened_zip(file: File) -> Iterator[zipfile.ZipFile]:
    data = file.read()
    listed = data.count(_ZIP_LISTED)  # before each is made an object
    if listed > limits().members:
        raise too_many("members", str(file), limits().members, listed)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield archive
    except EsimError:
        raise
    except (*_BROKEN_ZIP, zlib.error, EOFError, RuntimeError) as error:
        raise EsimError("the zip file cannot be read", where=str(file), why=str(error)) from None


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, room: _Room, file: File) -> bytes:
    """The contents of a member."""
    whole = io.BytesIO()
    with archive.open(member) as stream:
        while whole.tell() <= room.left and (piece := stream.read(_PIECE)):
            whole.write(piece)
    return room.take(whole.getvalue())


def _inflated(data: bytes, method: int) -> bytes:
    """The first bytes of a member of a zip file; none if they cannot be read."""
    if method == _STORED:
        return data
    try:
        unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        return unpacker.decompress(data, HEAD_BYTES) if method == _DEFLATED else b""
    except zlib.error:
        return b""


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
