"""`Source`, the input being read, and `File`, one of its files: plain, .gz or .zst.

A file's compression is recognised from its first bytes. Nothing here writes or unpickles.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

from esim.errors import EsimError, near_names, unicode_text
from esim.readers.address import Address
from esim.readers.encodings.compressed import (
    Compression,
    beginning_of,
    compression_of,
    unpacked,
)
from esim.readers.encodings.utf8 import text_of
from esim.readers.held import Held
from esim.readers.limits import limits, too_large
from esim.readers.special_files import contents_of

HEAD_BYTES = 64 * 1024
_ZSTD_BYTES = 4 * HEAD_BYTES  # that hold its first block, which has up to 128 KiB
BESIDE_BYTES = 1 << 20  # takes half a millisecond to hash; starting a thread takes a tenth of that
COMPRESSED_SUFFIXES = (".gz", ".zst")
# Where clients of trackers keep runs that they log offline; only their readers look inside.
TRACKERS_FOLDERS = frozenset({".neptune", ".cometml-runs"})


class File:
    """A file of an input.

    Attributes:
        path: where it is.
        root: the path the user gave: this file, or a folder above it.
        name: its name relative to a folder root, with "/"; without such a root its own name. Bytes
            that are no UTF-8 are written out.
        special: whether it is a pipe, a device or standard input: it is read once and kept, and no
            other library can open it.
        unended: the place (``path:line``) of a last line that has no line end, and whether it
            counts all the same (`esim.readers.encodings.endings`).
        seen: what readers found in its head, kept because several readers look for it.
    """

    # The thread that hashes, of any file: only one hashes at a time, which bounds the memory.
    _last_hashing: ClassVar[Thread | None] = None

    def __init__(self, path: Path, root: Path, name: str, special: bool = False) -> None:
        self.path, self.root, self.special = path, root, special
        self.name = unicode_text(name)
        self._hash: hashlib._Hash | None = None
        self._hashing: Thread | None = None
        self.unended: dict[str, bool] = {}
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
    def _kept(self) -> bytes:
        """The contents of what can be read only once."""
        try:
            return contents_of(self.path)
        except OSError as error:
            raise unreadable(self.path, error) from error

    @property
    def stored_size(self) -> int:
        """Its size as stored, in bytes. Raises EsimError if there is no such file any more."""
        try:
            return len(self._kept) if self.special else self.path.stat().st_size
        except OSError as error:
            raise unreadable(self.path, error) from error

    def _first(self, most: int) -> bytes:
        if self.special:
            return self._kept[:most]
        try:
            with self.path.open("rb") as stream:
                return stream.read(most)
        except OSError as error:
            raise unreadable(self.path, error) from error

    @cached_property
    def _raw_head(self) -> bytes:
        return self._first(HEAD_BYTES)

    @property
    def compression(self) -> Compression | None:
        """The compression that the first bytes show.

        Raises:
            EsimError: the name ends with that of a compression and the first bytes are of none.
        """
        raw = self._raw_head
        found = compression_of(raw)
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
        if compression is None:
            return self._raw_head
        most = HEAD_BYTES if compression == "gzip" else _ZSTD_BYTES
        raw = self._raw_head if len(self._raw_head) < HEAD_BYTES else self._first(most)
        return beginning_of(raw, compression, str(self), HEAD_BYTES, whole=len(raw) < most)

    def read(self) -> bytes:
        """The whole decompressed contents.

        Raises:
            EsimError: the file cannot be read, its compressed data is cut off or damaged, or it is
                larger than the limits allow.
        """
        data = self._kept if self.special else self._stored()
        self.__dict__.setdefault("_raw_head", data[:HEAD_BYTES])  # saves opening it once more
        compression = self.compression
        self._hash_beside(data)
        return data if compression is None else unpacked(data, compression, str(self))

    def _stored(self) -> bytes:
        try:
            with self.path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size > limits().size:
                    raise too_large("the file", str(self), limits().size, size)
                return stream.read()
        except OSError as error:
            raise unreadable(self.path, error) from error

    def hash(self, parts: Sequence[Path] = ()) -> None:
        """Compute `sha256` of a file that another library reads.

        Args:
            parts: the files whose bytes count, one behind the other; none stands for itself.

        Raises:
            EsimError: a file cannot be read.
        """
        digest = hashlib.sha256(self._kept if self.special else b"")
        for path in parts or (() if self.special else (self.path,)):
            try:
                with path.open("rb") as stream:
                    hashlib.file_digest(stream, lambda: digest)
            except OSError as error:
                raise unreadable(path, error) from error
        self._hash = digest

    def text(self) -> str:
        """The whole contents as `text_of` gives them. Raises EsimError as `read`."""
        return text_of(self.read())


class Source:
    """The input being read: a folder, all files that the user gave, an address, or an object.

    Attributes:
        roots: the paths as the user gave them, or the address or object.
        files: the files, sorted by root and name; none for an address or object.
        skipped: the names of hidden files and of editors' leftovers, which are not read.
        matched: whether a format has recognised files of the input already, so that a weak match
            (`Detection.weak`) of others does not count.
        hidden: the files in hidden folders of `TRACKERS_FOLDERS`, which are among `skipped`.
        linked: the paths of links to folders, which are not followed.
    """

    def __init__(
        self,
        roots: tuple[Path | Address | Held, ...],
        files: tuple[File, ...],
        skipped: tuple[str, ...] = (),
        hidden: tuple[File, ...] = (),
        matched: bool = False,
        linked: tuple[str, ...] = (),
    ) -> None:
        self.roots, self.files, self.skipped, self.hidden = roots, files, skipped, hidden
        self.matched, self.linked = matched, linked

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
        matched = matched or self.matched
        return Source(self.roots, kept, self.skipped, hidden, matched, self.linked)

    def with_hidden(self) -> Source:
        """The same input with the files of `hidden` among the others."""
        if not self.hidden:
            return self
        skipped = (name for name in self.skipped if name.rpartition("/")[2] not in TRACKERS_FOLDERS)
        files = (*self.files, *self.hidden)
        return Source(self.roots, files, tuple(skipped), linked=self.linked)

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
            return unicode_text(root.resolve().name or str(root))
        if len(self.roots) > 1:
            return unicode_text(root.resolve().parent.name) or "study"
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
