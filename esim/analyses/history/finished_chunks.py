"""The replayed chunks of a history, kept until all are there and the result can be written."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from esim.analyses.history.chunk_replay import ReplayedChunk
from esim.errors import EsimError
from esim.storage.folders import only_writer

_SUM = 4  # bytes of the checksum behind the studies of a chunk


def _sum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_SUM, "little")


class FinishedChunks:
    """Replayed chunks by number: in memory, or in the folder ``<out>.partial``.

    The folder stays behind if a replay is interrupted, and a later one goes on from it.

    Attributes:
        kept: numbers of the chunks that an earlier replay has left in the folder.
    """

    def __init__(self, folder: Path | None, kept: Iterable[int] = ()) -> None:
        self._folder, self.kept = folder, frozenset(kept)
        self._memory: dict[int, bytes] = {}

    @classmethod
    @contextmanager
    def opened(cls, out: Path | None, key: str, resume: bool) -> Iterator[FinishedChunks]:
        """Open the folder, or begin a new one, as a context in which no other process works in it.

        Args:
            out: where the result will stand; None: chunks are kept in memory.
            key: names the history, the rule and the settings; chunks of another key are refused.
            resume: whether to keep the chunks of an earlier replay.

        Raises:
            EsimError: the folder holds something else, or chunks of another replay; another process
                works in it; or it cannot be written.
        """
        if out is None:
            yield cls(None)
            return
        folder = out.with_name(out.name + ".partial")
        with ExitStack() as stack:
            try:
                stack.enter_context(only_writer(folder))
                kept = _left(folder, key, resume)
            except OSError as error:
                raise EsimError("cannot be written", where=str(folder), why=str(error)) from error
            yield cls(folder, kept)

    def keep(self, number: int, part: ReplayedChunk) -> None:
        """Keep a replayed chunk under its number."""
        if self._folder is None:
            self._memory[number] = part.studies  # without a folder no table of trials is written
            return
        # The studies are written last: a chunk counts as finished once their file exists.
        summed = part.studies + _sum(part.studies)
        for ending, data in (("trials", part.trials), ("studies", summed)):
            partial_file = self._folder / f"{number}.{ending}.part"
            partial_file.write_bytes(data)
            os.replace(partial_file, self._folder / f"{number}.{ending}")

    def studies(self, number: int) -> bytes:
        """The studies of a chunk, `ReplayedChunk.studies`; memory then lets go of them.

        Raises:
            EsimError: their file is damaged.
        """
        if self._folder is None:
            return self._memory.pop(number)
        path = self._folder / f"{number}.studies"
        data = path.read_bytes()
        studies, its_sum = data[:-_SUM], data[-_SUM:]
        if its_sum != _sum(studies):
            raise EsimError(
                "a finished part of the replay is damaged",
                where=str(path),
                fix="leave out --resume to begin anew",
            )
        return studies

    def put_trials(self, number: int, path: Path) -> None:
        """Put the trials of a chunk into the result, and keep them here too until it is whole.

        Args:
            number: of the chunk.
            path: the file of the result.
        """
        assert self._folder is not None
        kept = self._folder / f"{number}.trials"
        try:
            os.link(kept, path)
        except OSError:  # a file system without links
            shutil.copyfile(kept, path)

    def forget(self) -> None:
        """Delete the folder, once the result is written."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _left(folder: Path, key: str, resume: bool) -> set[int]:
    """The numbers of the chunks that an earlier replay left; without `resume` they are deleted."""
    mark = folder / "replay"
    known = mark.read_text(encoding="utf-8") if mark.exists() else ""
    if not known and any(path != mark for path in folder.iterdir()):
        raise EsimError("the folder holds other things", where=str(folder))
    if known and resume and known != key:
        raise EsimError(
            "these are parts of another replay",
            where=str(folder),
            why="the history, the rule or a setting differs",
            fix="leave out --resume to begin anew",
        )
    if known and resume:
        return {int(path.stem) for path in folder.glob("*.studies")}
    for path in folder.iterdir():
        if path != mark:
            path.unlink()
    mark.write_text(key, encoding="utf-8")
    return set()
