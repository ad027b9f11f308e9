"""Compiled functions in files: one file for each function and signature, whole or not at all.

This replaces numba's own cache, which raises an error where a file cannot be written or was cut
off, and whose index two processes overwrite for each other. Here a file that cannot be read or
written means that the function is compiled anew.
"""

from __future__ import annotations

import hashlib
import pickle
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core import caching, compiler, config, serialize

_DIGEST = hashlib.sha256().digest_size


class Kept(caching._Cache):
    """One function's compiled code, for each signature and processor.

    Attributes:
        trouble: the first error of this process in keeping anything, None if there was none.
    """

    trouble: OSError | None = None

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder

    @property
    def cache_path(self) -> str:
        """The folder, as numba's statistics show it."""
        return str(self._folder)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function; None if it is not kept, or not whole."""
        context.refresh()
        try:
            held = self._path(signature, context.codegen()).read_bytes()
        except OSError:
            return None
        digest, payload = held[:_DIGEST], held[_DIGEST:]
        if hashlib.sha256(payload).digest() != digest:
            return None
        return compiler.CompileResult._rebuild(context, *pickle.loads(payload))

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled function if that is possible."""
        payload = serialize.dumps(compiled._reduce())
        try:
            self._write(
                self._path(signature, compiled.codegen), hashlib.sha256(payload).digest() + payload
            )
        except OSError as error:
            Kept.trouble = Kept.trouble or error

    def _path(self, signature: Any, codegen: Any) -> Path:
        # Bounds checks and what the processor can do are compiled in.
        key = repr((signature, codegen.magic_tuple(), vars(config)["BOUNDSCHECK"])).encode()
        return self._folder / f"{self._name}-{hashlib.sha256(key).hexdigest()[:16]}"

    def _write(self, path: Path, held: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            beside.write_bytes(held)
            beside.replace(path)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise

    def enable(self) -> None:
        """Nothing to do: what is kept is always used."""

    def disable(self) -> None:
        """Nothing to do."""

    def flush(self) -> None:
        """Nothing to do: `recompile` overwrites."""
