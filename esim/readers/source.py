"""Opens a path once: plain files, .gz, .zst, folders, addresses. Never writes, never unpickles.

A file's compression is read from its first bytes. An s3:// path would become a `Source` here, its
`File`s reading through pyarrow.fs.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import ClassVar, Literal

from esim.errors import EsimError, near_names
from esim.readers.address import Address, parse_address

HEAD_BYTES = 64 * 1024
BESIDE_BYTES = 1 << 20  # hashed in half a millisecond; a thread starts in a tenth of one
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
COMPRESSED_SUFFIXES = (".gz", ".zst")
LEFTOVER_SUFFIXES = ("~", ".swp", ".swo", ".bak", ".tmp", ".part", ".crdownload")
LEFTOVER_NAMES = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "__pycache__"})

Compression = Literal["gzip", "zstd"] | None


class File:
    """A file of an input.

    Attributes:
        path: where it is.
        root: the path the user gave: this file, or a folder above it.
        name: relative to a folder root, with "/"; else the file's own name.
        seen: what readers made of its head, by the name of the question.
    """

    _last_hashing: ClassVar[Thread | None] = None  # of any file; one at a time bounds the memory

    def __init__(self, path: Path, root: Path, name: str) -> None:
        self.path, self.root, self.name = path, root, name
        self._hash: hashlib._Hash | None = None
        self._hashing: Thread | None = None
        self.seen: dict[str, object] = {}

    def __str__(self) -> str:
        return str(self.path)

    @property
    def sha256(self) -> str | None:
        """Of its bytes as stored, once it has been read."""
        if self._hashing is not None:
            self._hashing.join()
        return None if self._hash is None else self._hash.hexdigest()

    def _hash_beside(self, data: bytes) -> None:
        """Hash the bytes; many of them in a thread, while the reader goes on with them."""
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
        """`name` without the ending of its compression."""
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
            raise _unreadable(self.path, error) from error

    @property
    def compression(self) -> Compression:
        """From the first bytes. Raises EsimError if they belie the name."""
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
        """The first bytes of the contents, decompressed; at most HEAD_BYTES."""
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
        """The whole contents, decompressed. Raises EsimError if unreadable or cut off."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise _unreadable(self.path, error) from error
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
        """Set `sha256` of a file that another library reads."""
        try:
            with self.path.open("rb") as stream:
                self._hash = hashlib.file_digest(stream, "sha256")
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def text(self) -> str:
        """The whole contents as UTF-8 text, undecodable bytes replaced, without a BOM."""
        return self.read().decode("utf-8", errors="replace").removeprefix("\ufeff")


class Source:
    """One input: a folder, all the files that were given, or an address.

    Attributes:
        roots: the paths as the user gave them; of an address, the address.
        files: sorted by root and name.
        skipped: hidden files and editors' leftovers that a folder walk passed over.
    """

    def __init__(
        self,
        roots: tuple[Path | Address, ...],
        files: tuple[File, ...],
        skipped: tuple[str, ...] = (),
    ) -> None:
        self.roots, self.files, self.skipped = roots, files, skipped

    @property
    def address(self) -> Address | None:
        """The database or server, if that is what it is."""
        root = self.roots[0]
        return root if isinstance(root, Address) else None

    @cached_property
    def by_base(self) -> dict[str, list[File]]:
        """The files by the last part of their names, without the ending of a compression."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            found.setdefault(file.base, []).append(file)
        return found

    @cached_property
    def by_folder(self) -> dict[str, list[File]]:
        """The files by their `File.folder`."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            found.setdefault(file.folder, []).append(file)
        return found

    def below(self, folders: Collection[str]) -> frozenset[File]:
        """The files in these folders (as in `File.folder`) and in the folders below them."""
        wanted = set(folders)
        inside: dict[str, bool] = {}
        for file in self.files:
            if file.folder not in inside:
                above = [file.folder, *map(str, PurePosixPath(file.folder).parents), ""]
                inside[file.folder] = any(folder in wanted for folder in above)
        return frozenset(file for file in self.files if inside[file.folder])

    def without(self, files: Collection[File]) -> Source:
        """The same input but for some files."""
        kept = tuple(file for file in self.files if file not in files)
        return Source(self.roots, kept, self.skipped)

    @property
    def label(self) -> str:
        """For errors."""
        more = f" and {len(self.roots) - 1} more" if len(self.roots) > 1 else ""
        return f"{self.roots[0]}{more}"

    @property
    def default_name(self) -> str:
        """What to call a study whose record does not: the folder's or the file's name."""
        root = self.roots[0]
        if isinstance(root, Address):
            return root.name
        if root.is_dir():
            return root.resolve().name or str(root)
        if len(self.roots) > 1:
            return root.resolve().parent.name or "study"
        stem = self.files[0].plain_name
        return stem.rsplit(".", 1)[0] if "." in stem[1:] else stem


def open_sources(paths: Iterable[str | Path]) -> list[Source]:
    """A source for every folder and address, and one for all files together, in the order given.

    A sqlite: or file: URL is the path it names.

    Raises:
        EsimError: no path, a path twice, one that does not exist or cannot be listed; a URL that
            esim does not read.
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
            raise _unreadable(path, error) from error
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
    """What a path or URL as the user gave it stands for. Raises EsimError for an unknown URL."""
    address = parse_address(str(given))
    return address if isinstance(address, Address) else Path(given if address is None else address)


def union(sources: list[Source]) -> Source:
    """All sources as one."""
    return Source(
        tuple(root for source in sources for root in source.roots),
        tuple(file for source in sources for file in source.files),
        tuple(name for source in sources for name in source.skipped),
    )


def _walk(root: Path) -> Source:
    files: list[File] = []
    skipped: list[str] = []

    def fail(error: OSError) -> None:
        raise _unreadable(Path(error.filename or root), error) from error

    for folder, subfolders, names in os.walk(root, onerror=fail):
        here = Path(folder)
        below = here.relative_to(root)
        for name in [n for n in subfolders if _leftover(n) or (here / n).is_symlink()]:
            subfolders.remove(name)
            skipped.append((below / name).as_posix())
        for name in names:
            path = here / name
            if _leftover(name) or not path.is_file():
                skipped.append((below / name).as_posix())
            else:
                files.append(File(path, root, (below / name).as_posix()))
    files.sort(key=lambda file: file.name)
    return Source((root,), tuple(files), tuple(sorted(skipped)))


def _leftover(name: str) -> bool:
    hidden = name.startswith((".", "#"))
    return hidden or name.endswith(LEFTOVER_SUFFIXES) or name in LEFTOVER_NAMES


def _unreadable(path: Path, error: OSError) -> EsimError:
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
