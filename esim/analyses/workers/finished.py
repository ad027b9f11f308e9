"""What workers have finished, kept in a folder until all is there and the result can be written.

An interrupted run leaves the folder, and a later one goes on from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pickle
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from esim.errors import EsimError
from esim.storage.folders import only_writer
from esim.storage.history import History
from esim.version import __version__

_SUM = 4  # bytes of the checksum behind a part
_MARK = "replay"  # the file that names the run
_BEGIN_ANEW = "leave out --resume to begin anew"


class FinishedParts:
    """Parts of a run by name, each in a file of the folder, whole or not at all.

    Attributes:
        folder: where they are.
        kept: names of the parts that an earlier run has left.
    """

    def __init__(self, folder: Path, kept: Iterable[str] = ()) -> None:
        self.folder, self.kept = folder, frozenset(kept)

    @classmethod
    @contextmanager
    def opened(cls, out: Path, key: str, resume: bool) -> Iterator[FinishedParts]:
        """Open ``<out>.partial`` or begin a new one; no other process works in it meanwhile.

        Args:
            out: where the result will stand.
            key: names the run: its input, settings and version. Parts of another key are refused.
            resume: whether to keep the parts of an earlier run.

        Raises:
            EsimError: the folder holds something else, or parts of another run; another process
                works in it; or it cannot be written.
        """
        folder = out.with_name(out.name + ".partial")
        with ExitStack() as stack:
            try:
                stack.enter_context(only_writer(folder))
                kept = _left(folder, key, resume)
            except OSError as error:
                raise EsimError("cannot be written", where=str(folder), why=str(error)) from error
            yield cls(folder, kept)

    def keep(self, name: str, data: bytes) -> None:
        """Keep a part under a name, as a file that holds just these bytes."""
        written = self.folder / f"{name}.part"
        written.write_bytes(data)
        os.replace(written, self.folder / name)

    def keep_summed(self, name: str, data: bytes) -> None:
        """Keep a part with a checksum, for `read`."""
        self.keep(name, data + _sum(data))

    def read(self, name: str) -> bytes:
        """A part that was kept with a checksum.

        Raises:
            EsimError: its file is damaged.
        """
        path = self.folder / name
        held = path.read_bytes()
        data, its_sum = held[:-_SUM], held[-_SUM:]
        if its_sum != _sum(data):
            raise _damaged(path)
        return data

    def keep_object(self, name: str, made: Any) -> None:
        """Keep what a worker made of a unit."""
        self.keep_summed(name, pickle.dumps(made, pickle.HIGHEST_PROTOCOL))

    def read_object(self, name: str) -> Any:
        """What a worker of an earlier run made.

        Raises:
            EsimError: its file is damaged.
        """
        try:
            return _OwnObjects(io.BytesIO(self.read(name))).load()
        except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError) as error:
            raise _damaged(self.folder / name) from error

    def forget(self) -> None:
        """Delete the folder, once the result is written."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def finished_parts(
    source: Any, out: Path | None, resume: bool, *told: Any
) -> Iterator[FinishedParts | None]:
    """Keep what is finished of a run over a history until all of it is, as a context.

    Args:
        source: the history; of studies in memory nothing is kept.
        out: where the result will stand; None: nothing is kept.
        resume: whether to go on from what an interrupted run has left.
        told: what the run is asked, for its key.

    Raises:
        EsimError: as of `FinishedParts.opened`, or there is nothing to go on from.
    """
    if out is None or not isinstance(source, History):
        if resume:
            raise EsimError(
                "nothing to go on from",
                why="only a run over a history with an out keeps what is finished",
                fix="leave out resume",
            )
        yield None
        return
    with FinishedParts.opened(out, run_key(source.sha256, *told), resume) as parts:
        yield parts
        parts.forget()


class _OwnObjects(pickle.Unpickler):
    """Reads records of esim and arrays, and nothing else: a pickle could call any function."""

    def find_class(self, module: str, name: str) -> Any:
        room = module.partition(".")[0]
        if room == "esim" or (room == "numpy" and name in _OF_NUMPY):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


_OF_NUMPY = {"_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"}


def run_key(*told: Any) -> str:
    """The key of a run: a hash of its version and of what it was asked, records and plain values.

    >>> run_key("history", {"seed": 0}) == run_key("history", {"seed": 1})
    False
    """
    text = json.dumps([__version__, *told], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(told: Any) -> Any:
    """What JSON does not know: a record as its fields, anything else as text."""
    if dataclasses.is_dataclass(told) and not isinstance(told, type):
        return dataclasses.asdict(told)
    return str(told)


def _sum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_SUM, "little")


def _damaged(path: Path) -> EsimError:
    return EsimError("a finished part of the run is damaged", where=str(path), fix=_BEGIN_ANEW)


def _left(folder: Path, key: str, resume: bool) -> set[str]:
    """The names of the parts that an earlier run left; without `resume` they are deleted."""
    mark = folder / _MARK
    known = mark.read_text(encoding="utf-8") if mark.exists() else ""
    if not known and any(path != mark for path in folder.iterdir()):
        raise EsimError("the folder holds other things", where=str(folder))
    if known and resume and known != key:
        raise EsimError(
            "these are parts of another run",
            where=str(folder),
            why="the history, the rule or a setting differs",
            fix=_BEGIN_ANEW,
        )
    if known and resume:
        return {path.name for path in folder.iterdir() if path.suffix != ".part"} - {_MARK}
    for path in folder.iterdir():
        if path != mark:
            path.unlink()
    mark.write_text(key, encoding="utf-8")
    return set()
