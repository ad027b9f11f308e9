"""Reads and writes files of a folder that is on a disk or in object storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from esim.errors import EsimError, unicode_text
from esim.storage.folders import only_writer, temporary, umask

# The schemes of addresses in object stores. Addresses of databases and servers have other schemes.
STORES = ("s3", "gs", "gcs", "abfs", "abfss", "az", "hdfs", "memory")


def is_store(text: str | Path) -> bool:
    """Whether a text is an address in an object store, such as ``s3://bucket/history``."""
    scheme, separator, _ = str(text).partition("://")
    return bool(separator) and scheme.lower() in STORES


@dataclass(frozen=True)
class Location:
    """A folder on a disk or in object storage; its files are read and written through pyarrow.fs.

    Attributes:
        address: a path, or an address such as ``s3://bucket/folder`` or ``gs://bucket/folder``.
            Schemes that pyarrow does not support are opened with fsspec, if it is installed.
    """

    address: str

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        from pyarrow import ArrowException, fs

        if not is_store(self.address):
            if unicode_text(self.address) != self.address:  # which Arrow cannot open
                raise EsimError(
                    "the path is not Unicode text",
                    where=self.address,
                    fix="rename it, or make a link of another name",
                )
            return fs.LocalFileSystem(), os.path.abspath(self.address)
        try:
            return fs.FileSystem.from_uri(self._bounded)
        except ArrowException as error:
            return self._by_fsspec(error)
        except OSError as error:
            raise EsimError("cannot be reached", where=self.address, why=str(error)) from error

    @property
    def _bounded(self) -> str:
        """The address, for Google's store with an end of waiting: Arrow's own is 15 minutes."""
        scheme = self.address.partition("://")[0].lower()
        if scheme not in ("gs", "gcs") or "retry_limit_seconds=" in self.address:
            return self.address
        return f"{self.address}{'&' if '?' in self.address else '?'}retry_limit_seconds=30"

    def _by_fsspec(self, refused: Exception) -> tuple[Any, str]:
        from pyarrow import fs

        try:
            import fsspec

            found, path = fsspec.core.url_to_fs(self.address)
        except ImportError as error:
            raise EsimError(
                "no library for this kind of address",
                where=self.address,
                why=str(refused),
                fix=f"pip install {error.name or 'fsspec'}",
            ) from None
        except ValueError as error:
            raise EsimError("not an address", where=self.address, why=str(error)) from None
        handler: Any = fs.FSSpecHandler
        return fs.PyFileSystem(handler(found)), path

    def __getstate__(self) -> dict[str, str]:
        # The handle of a file system cannot be shared between processes: each opens its own.
        return {"address": self.address}

    def __str__(self) -> str:
        return self.address

    @property
    def is_local(self) -> bool:
        """Whether it is a folder on this machine's disk."""
        return not is_store(self.address)

    def where(self, name: str) -> str:
        """A file's path or address, for errors."""
        return f"{self.address.rstrip('/')}/{name}"

    @contextmanager
    def reading(self, name: str) -> Iterator[Any]:
        """Open a file as a random-access Arrow file.

        Args:
            name: relative to the folder.

        Raises:
            EsimError: the file cannot be read.
        """
        system, path = self._opened
        try:
            with system.open_input_file(f"{path}/{name}") as stream:
                yield stream
        except OSError as error:
            raise EsimError("cannot be read", where=self.where(name), why=str(error)) from error

    def read(self, name: str) -> bytes | None:
        """The contents of a file; None if there is no such file.

        Args:
            name: relative to the folder.

        Raises:
            EsimError: the file cannot be read.
        """
        from pyarrow import fs

        system, path = self._opened
        try:
            kind = system.get_file_info(f"{path}/{name}").type
        except OSError as error:
            raise EsimError("cannot be read", where=self.where(name), why=str(error)) from error
        if kind != fs.FileType.File:
            return None
        with self.reading(name) as stream:
            return bytes(stream.read())

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """Open a file for writing; it appears under its name when the block ends without error.

        Object storage shows an object only when its upload is complete. On a disk the file is
        written under a temporary name and renamed.

        Args:
            name: relative to the folder.

        Raises:
            EsimError: the file cannot be written.
        """
        system, path = self._opened
        target = f"{path}/{name}"
        try:
            if self.is_local:
                Path(path).mkdir(parents=True, exist_ok=True)
                with temporary(Path(path), "history") as partial:
                    with system.open_output_stream(str(partial)) as stream:
                        yield stream
                    partial.chmod(0o666 & ~umask())
                    Path(target).parent.mkdir(parents=True, exist_ok=True)
                    partial.replace(target)
                return
            with system.open_output_stream(target) as stream:
                try:
                    yield stream
                except BaseException:
                    # Closing completes the upload, so the incomplete object must be deleted.
                    stream.close()
                    system.delete_file(target)
                    raise
        except OSError as error:
            raise EsimError("cannot be written", where=self.where(name), why=str(error)) from error

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Keeps other processes on this machine from writing into the folder meanwhile.

        Raises:
            EsimError: another process does, or the folder cannot be made.
        """
        with ExitStack() as stack:
            if self.is_local:
                try:
                    stack.enter_context(only_writer(Path(self.address)))
                except OSError as error:
                    why = str(error)
                    raise EsimError("cannot be written", where=self.address, why=why) from error
            yield
