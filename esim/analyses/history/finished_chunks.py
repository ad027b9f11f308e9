"""The replayed chunks of a history, kept until all are there and the result can be written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from esim.analyses.history.chunk_replay import ReplayedChunk
from esim.errors import EsimError


class FinishedChunks:
    """Replayed chunks by number: in memory, or in the folder ``<out>.partial``.

    The folder stays behind if a replay is interrupted, and a later one goes on from it.

    Attributes:
        kept: numbers of the chunks that an earlier replay has left in the folder.
    """

    def __init__(self, out: Path | None, key: str, resume: bool) -> None:
        """Open the folder, or begin a new one.

        Args:
            out: where the result will stand; None: chunks are kept in memory.
            key: names the history, the rule and the settings; chunks of another key are refused.
            resume: whether to keep the chunks of an earlier replay.

        Raises:
            EsimError: the folder holds something else, or chunks of another replay.
        """
        self.kept: set[int] = set()
        self._memory: dict[int, bytes] = {}
        self._folder = None if out is None else out.with_name(out.name + ".partial")
        if self._folder is None:
            return
        mark = self._folder / "replay"
        try:
            known = mark.read_text(encoding="utf-8")
        except OSError:
            known = None
        if self._folder.exists() and known is None:
            raise EsimError("the folder holds other things", where=str(self._folder))
        if known is not None and resume and known != key:
            raise EsimError(
                "these are parts of another replay",
                where=str(self._folder),
                why="the history, the rule or a setting differs",
                fix="leave out --resume to begin anew",
            )
        if known is not None and not resume:
            shutil.rmtree(self._folder)
            known = None
        if known is None:
            self._folder.mkdir(parents=True)
            mark.write_text(key, encoding="utf-8")
        self.kept = {int(path.stem) for path in self._folder.glob("*.studies")}

    def keep(self, number: int, part: ReplayedChunk) -> None:
        """Keep a replayed chunk under its number."""
        if self._folder is None:
            self._memory[number] = part.studies  # without a folder no table of trials is written
            return
        # The studies are written last: a chunk counts as finished once their file exists.
        for ending, data in (("trials", part.trials), ("studies", part.studies)):
            partial_file = self._folder / f"{number}.{ending}.part"
            partial_file.write_bytes(data)
            os.replace(partial_file, self._folder / f"{number}.{ending}")

    def studies(self, number: int) -> bytes:
        """The studies of a chunk, `ReplayedChunk.studies`; memory then lets go of them."""
        if self._folder is None:
            return self._memory.pop(number)
        return (self._folder / f"{number}.studies").read_bytes()

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
