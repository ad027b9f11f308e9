"""`Source`, the input being read, and `File`, one of its files: plain, .gz or .zst.

A file's compression is recognised from its first bytes. Nothing here writes or unpickles.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, Literal

from esim.errors import EsimError, near_names
from esim.readers.address import Address
from esim.readers.held import Held

HEAD_BYTES = 64 * 1024
BESIDE_BYTES = 1 << 20  # takes half a millisecond to hash; starting a thread takes a tenth of that
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
COMPRESSED_SUFFIXES = (".gz", ".zst")
# Where clients of trackers keep runs that they log offline; only their readers look inside.
TRACKERS_FOLDERS = frozenset({".neptune", ".cometml-runs"})

Compression = Literal["gzip", "zstd"] | None


class File:
    """A file of an input.

    Attributes:
        path: where it is.
        root: the path the user gave: this file, or a folder above it.
        name: its name relative to a folder root, with "/"; without such a root its own name.
        seen: what readers found in its head, kept because several readers look for it.
    """

    # The thread that hashes, of any file: only one hashes at a time, which bounds the memory.
    _last_hashing: ClassVar[Thread | None] = None

    def __init__(self, path: Path, root: Path, name: str) -> None:
        self.path, self.root, self.name = path, root, name
        self._hash: hashlib._Hash | None = None
        self._hashing: Thread | None = None
        self.seen: dict[str, object] = {}

    def __str__(self) -> str:
        return str(self.path)

    @property
    def sha256(self) -> str | None:
        """The hash of its bytes as stored; None before it has been read."""
        if self._hashing is not None:
            self._hashing.join()
        return None if self._hash is None else self._hash.hexdigest()

    def _hash_beside(self, data: bytes) -> None:
        """Hash the bytes; large contents are hashed in a thread while the reader works on them."""
        self._hash = hashlib.sha256()
        if len(data) < BESIDE_BYTES:
            self._hash.update(data)
            return
        if File._last_hashing is not None:
            File._last_hashing.join()
        self._hashing = File._last_hashing = Thread(target=self._hash.update, args=(data,))
        self._hashing.start()

    @property
    def plain_name(self) -> str:
        """`name` without the ending of a compression."""
        for suffix in COMPRESSED_SUFFIXES:
            if self.name.endswith(suffix):
                return self.name[: -len(suffix)]
        return self.name

    @property
    def base(self) -> str:
        """The last part of `plain_name`."""
        return self.plain_name.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder part of `name`; "" directly under the root."""
        return self.name.rpartition("/")[0]

    @cached_property
    def _raw_head(self) -> bytes:
        try:
            with self.path.open("rb") as stream:
                return stream.read(HEAD_BYTES)
        except OSError as error:
            raise unreadable(self.path, error) from error

    @property
    def compression(self) -> Compression:
        """The compression that the first bytes show.

        Raises:
            EsimError: the name ends with that of a compression and the first bytes are of none.
        """
        raw = self._raw_head
        found: Compression = None
        if raw.startswith(GZIP_MAGIC):
            found = "gzip"
        elif raw.startswith(ZSTD_MAGIC):
            found = "zstd"
        expected = {".gz": "gzip", ".zst": "zstd"}.get(self.path.suffix)
        if expected is not None and found is None:
            why = "it is empty" if not raw else f"it starts with {raw[:4]!r}"
            raise EsimError(f"not a {expected} file", where=str(self), why=why)
        return found

    @cached_property
    def head(self) -> bytes:
        """The first bytes of the decompressed contents, at most HEAD_BYTES.

        Raises:
            EsimError: the file cannot be read or decompressed.
        """
        compression = self.compression
        if compression == "gzip":
            unpacker = zlib.decompressobj(wbits=31)
            try:
                head = unpacker.decompress(self._raw_head, HEAD_BYTES)
            except zlib.error as error:
                raise _broken(self, "gzip", error) from error
            if not unpacker.eof and len(self._raw_head) < HEAD_BYTES and len(head) < HEAD_BYTES:
                raise _broken(self, "gzip", EOFError("it ends before its end-of-stream marker"))
            return head
        if compression == "zstd":
            import pyarrow as pa

            try:
                with pa.OSFile(os.fspath(self.path), "r") as raw:
                    return bytes(pa.CompressedInputStream(raw, "zstd").read(HEAD_BYTES))
            except (OSError, pa.ArrowException) as error:
                raise _broken(self, "zstd", error) from error
        return self._raw_head

    def read(self) -> bytes:
        """The whole decompressed contents.

        Raises:
            EsimError: the file cannot be read, or its compressed data is cut off or damaged.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise unreadable(self.path, error) from error
        self.__dict__.setdefault("_raw_head", data[:HEAD_BYTES])  # saves opening it once more
        compression = self.compression
        self._hash_beside(data)
        if compression == "gzip":
            try:
                return gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise _broken(self, "gzip", error) from error
        if compression == "zstd":
            import pyarrow as pa

            try:
                with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
                    return bytes(stream.read())
            except (OSError, pa.ArrowException) as error:
                raise _broken(self, "zstd", error) from error
        return data

    def hash(self) -> None:
        """Compute `sha256` of a file that another library reads.

        Raises:
            EsimError: the file cannot be read.
        """
        try:
            with self.path.open("rb") as stream:
                self._hash = hashlib.file_digest(stream, "sha256")
        except OSError as error:
            raise unreadable(self.path, error) from error

    def text(self) -> str:
        """The whole contents as UTF-8 text without a byte order mark; undecodable bytes replaced.

        Raises:
            EsimError: as `read`.
        """
        return self.read().decode("utf-8", errors="replace").removeprefix("\ufeff")


class Source:
    """The input being read: a folder, all files that the user gave, an address, or an object.

    Attributes:
        roots: the paths as the user gave them, or the address or object.
        files: the files, sorted by root and name; none for an address or object.
        skipped: the names of hidden files and of editors' leftovers, which are not read.
        matched: whether a format has recognised files of the input already, so that a weak match
            (`Detection.weak`) of others does not count.
        hidden: the files in hidden folders of `TRACKERS_FOLDERS`, which are among `skipped`.
    """

    def __init__(
        self,
        roots: tuple[Path | Address | Held, ...],
        files: tuple[File, ...],
        skipped: tuple[str, ...] = (),
        hidden: tuple[File, ...] = (),
        matched: bool = False,
    ) -> None:
        self.roots, self.files, self.skipped, self.hidden = roots, files, skipped, hidden
        self.matched = matched

    @property
    def address(self) -> Address | None:
        """The database or server that is read; None if the input consists of files."""
        root = self.roots[0]
        return root if isinstance(root, Address) else None

    @property
    def held(self) -> Any:
        """The object that is read; None if the input consists of files or is an address."""
        root = self.roots[0]
        return root.value if isinstance(root, Held) else None

    @cached_property
    def by_base(self) -> dict[str, list[File]]:
        """The files by `File.base`, the last part of their names."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            found.setdefault(file.base, []).append(file)
        return found

    @cached_property
    def by_folder(self) -> dict[str, list[File]]:
        """The files by `File.folder`, the folder part of their names."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            found.setdefault(file.folder, []).append(file)
        return found

    def below(self, folders: Collection[str]) -> frozenset[File]:
        """The files in some folders and in all folders below them.

        Args:
            folders: as in `File.folder`.
        """
        wanted = set(folders)
        inside: dict[str, bool] = {"": "" in wanted}

        def lies_inside(folder: str) -> bool:
            if folder not in inside:
                above = folder.rpartition("/")[0]
                inside[folder] = folder in wanted or lies_inside(above)
            return inside[folder]

        for file in self.files:
            lies_inside(file.folder)
        return frozenset(file for file in self.files if inside[file.folder])

    def without(self, files: Collection[File], matched: bool = False) -> Source:
        """The same input without some of its files.

        Args:
            files: those that are left out.
            matched: whether a format has recognised the input.
        """
        kept = tuple(file for file in self.files if file not in files)
        hidden = tuple(file for file in self.hidden if file not in files)
        return Source(self.roots, kept, self.skipped, hidden, matched or self.matched)

    def with_hidden(self) -> Source:
        """The same input with the files of `hidden` among the others."""
        if not self.hidden:
            return self
        skipped = (name for name in self.skipped if name.rpartition("/")[2] not in TRACKERS_FOLDERS)
        return Source(self.roots, (*self.files, *self.hidden), tuple(skipped))

    @property
    def label(self) -> str:
        """The first path and the number of others, for errors."""
        more = f" and {len(self.roots) - 1} more" if len(self.roots) > 1 else ""
        return f"{self.roots[0]}{more}"

    @property
    def default_name(self) -> str:
        """The name for a study that has none of its own: that of the folder or of the file."""
        root = self.roots[0]
        if isinstance(root, Address | Held):
            return root.name or "study"
        if root.is_dir():
            return root.resolve().name or str(root)
        if len(self.roots) > 1:
            return root.resolve().parent.name or "study"
        stem = self.files[0].plain_name
        return stem.rsplit(".", 1)[0] if "." in stem[1:] else stem


def unreadable(path: Path, error: OSError) -> EsimError:
    """The error that a path cannot be read, with what is beside it if it does not exist."""
    why = error.strerror or str(error)
    fix = None
    if isinstance(error, FileNotFoundError) and path.parent.is_dir():
        beside = sorted(p.name for p in path.parent.iterdir() if not p.name.startswith("."))
        fix = f"beside it: {near_names(path.name, beside)}" if beside else None
    return EsimError("cannot be read", where=str(path), why=why, fix=fix)


def _broken(file: File, kind: str, error: Exception) -> EsimError:
    return EsimError(
        f"the {kind} data is cut off or damaged",
        where=str(file),
        why=str(error),
        fix="fetch the file again",
    )
