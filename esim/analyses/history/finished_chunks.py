"""Finished chunks, kept until the result is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from esim.analyses.history.chunk_replay import ReplayedChunk
from esim.errors import EsimError


class FinishedChunks:
    """Finished chunks: in memory, or, with an output folder, beside it until that is whole."""

    def __init__(self, out: Path | None, key: str, resume: bool) -> None:
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
        """Keep what was made of a chunk."""
        if self._folder is None:
            self._memory[number] = part.studies  # nobody will ask for its trials
            return
        # The studies last: a part counts as finished when they stand.
        for ending, data in (("trials", part.trials), ("studies", part.studies)):
            partial_file = self._folder / f"{number}.{ending}.part"
            partial_file.write_bytes(data)
            os.replace(partial_file, self._folder / f"{number}.{ending}")

    def studies(self, number: int) -> bytes:
        """The studies of a chunk; in memory they are kept no longer."""
        if self._folder is None:
            return self._memory.pop(number)
        return (self._folder / f"{number}.studies").read_bytes()

    def put_trials(self, number: int, path: Path) -> None:
        """The trials of a chunk under another name too: until all is whole, both stand."""
        assert self._folder is not None
        kept = self._folder / f"{number}.trials"
        try:
            os.link(kept, path)
        except OSError:  # a file system without links
            shutil.copyfile(kept, path)

    def forget(self) -> None:
        """Delete them: the result stands."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
