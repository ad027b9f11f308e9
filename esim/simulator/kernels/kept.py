"""Compiled kernels in files: one for each kernel and types of arguments, whole or not at all.

A file that cannot be read or written means that the kernel is compiled anew.
"""

from __future__ import annotations

import hashlib
import uuid
from contextlib import suppress
from pathlib import Path

from esim.simulator.kernels.machine_code import MachineCode

_DIGEST = hashlib.sha256().digest_size


class KeptCode:
    """The compiled kernels of a folder.

    Attributes:
        folder: where they are.
        trouble: the first error of this process in keeping anything, None if there was none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trouble: OSError | None = None

    def read(self, name: str) -> MachineCode | None:
        """A kernel's code by the name of its file; None if it is not kept, or not whole."""
        try:
            held = (self.folder / name).read_bytes()
        except OSError:
            return None
        digest, payload = held[:_DIGEST], held[_DIGEST:]
        if hashlib.sha256(payload).digest() != digest:
            return None
        return MachineCode.of_bytes(payload)

    def write(self, name: str, code: MachineCode) -> None:
        """Keep a kernel's code if that is possible."""
        payload = code.to_bytes()
        try:
            self._write(self.folder / name, hashlib.sha256(payload).digest() + payload)
        except OSError as error:
            self.trouble = self.trouble or error

    def _write(self, path: Path, held: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            beside.write_bytes(held)
            beside.replace(path)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise
