"""What every result does in Python: it says in three lines what it is, and writes itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from esim.study.brief import brief
from esim.study.door import above


def share_words(fraction: float | None) -> str:
    """A share in per cent, for `repr`."""
    return "unknown" if fraction is None else f"{100 * fraction:.1f} %"


class Shown:
    """A result that a person holds in Python."""

    def _in_short(self) -> Iterator[str]:
        """The lines of its `repr`."""
        yield type(self).__name__

    def __repr__(self) -> str:
        return brief(self._in_short())

    def save(self, folder: str | Path) -> Path:
        """Write what `--out` of its command writes: result.json, tables and figures.

        Args:
            folder: created if need be; written whole or not at all. An existing one is replaced
                only if all in it was written there by esim and is unchanged.

        Returns:
            The folder.

        Raises:
            EsimError: the folder holds other things, or cannot be written.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "min")
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     out = esim.replay(study).save(Path(folder, "out"))
            ...     (out / "result.json").is_file()
            True
        """
        above("save_result")(self, Path(folder))
        return Path(folder)

    def report(self, path: str | Path) -> Path:
        """Write a page about it for people, as `esim report` does.

        Args:
            path: the file, replaced if it is there; its ending says what is written: .html, .md,
                .pdf, .csv or .json.

        Returns:
            The file.

        Raises:
            EsimError: another ending, no page is made of such a result, or it cannot be written.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "min")
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     page = esim.replay(study).report(Path(folder, "r.md"))
            ...     "saved" in page.read_text()
            True
        """
        above("report_result")(self, Path(path))
        return Path(path)
