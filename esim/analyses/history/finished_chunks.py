"""The replayed chunks of a history, kept until all are there and the result can be written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from esim.analyses.history.chunk_replay import ReplayedChunk
from esim.analyses.workers.finished import FinishedParts


class FinishedChunks:
    """Replayed chunks by number: in memory, or in the folder ``<out>.partial``.

    Attributes:
        kept: numbers of the chunks that an earlier replay has left in the folder.
    """

    def __init__(self, parts: FinishedParts | None) -> None:
        self._parts = parts
        # The studies are written last: a chunk counts as finished once their file exists.
        names = () if parts is None else map(Path, parts.kept)
        self.kept = frozenset(int(name.stem) for name in names if name.suffix == ".studies")
        self._memory: dict[int, dict[str, list[Any]]] = {}

    @classmethod
    @contextmanager
    def opened(cls, out: Path | None, key: str, resume: bool) -> Iterator[FinishedChunks]:
        """Open the folder, or begin a new one; arguments and errors as of `FinishedParts.opened`.

        Args:
            out: where the result will stand; None: chunks are kept in memory.
            key: names the history, the rule and the settings.
            resume: whether to keep the chunks of an earlier replay.
        """
        if out is None:
            yield cls(None)
            return
        with FinishedParts.opened(out, key, resume) as parts:
            yield cls(parts)

    def keep(self, number: int, part: ReplayedChunk) -> None:
        """Keep a replayed chunk under its number."""
        self._memory[number] = part.studies
        if self._parts is not None:  # without a folder no table of trials is written
            self._parts.keep(f"{number}.trials", part.trials)
            self._parts.keep_object(f"{number}.studies", part.studies)

    def studies(self, number: int) -> dict[str, list[Any]]:
        """The studies of a chunk, `ReplayedChunk.studies`; memory then lets go of them.

        Raises:
            EsimError: the file that an earlier replay has left is damaged.
        """
        if number in self._memory:
            return self._memory.pop(number)
        assert self._parts is not None
        columns: dict[str, list[Any]] = self._parts.read_object(f"{number}.studies")
        return columns

    def put_trials(self, number: int, path: Path) -> None:
        """Put the trials of a chunk into the result, and keep them here too until it is whole.

        Args:
            number: of the chunk.
            path: the file of the result.
        """
        assert self._parts is not None
        kept = self._parts.folder / f"{number}.trials"
        try:
            os.link(kept, path)
        except OSError:  # a file system without links
            shutil.copyfile(kept, path)

    def forget(self) -> None:
        """Delete the folder, once the result is written."""
        if self._parts is not None:
            self._parts.forget()
