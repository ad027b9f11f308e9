"""Readers of other packages, which offer a `Format` as an entry point of the group `esim.readers`.

An error in such a package is reported with the package's name and does not affect other formats.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

from esim.errors import EsimError
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.own_formats import own_formats
from esim.readers.source import Source
from esim.study import Note, Study

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "esim.readers"


class PluginFormat(Format):
    """A format of another package, whose reader may fail in unexpected ways."""

    def _boundary(self, source: Source) -> AbstractContextManager[None]:
        """None: what fails is told below, as the plug-in's own."""
        return nullcontext()

    def detect(self, source: Source) -> Detection:
        """The plug-in's answer; if the plug-in fails, no match, and `broken` says why."""
        try:
            detection = super().detect(source)
            if not isinstance(detection, Detection):
                raise TypeError(f"detect gives {type(detection).__name__}, not Detection")
        except (Exception, SystemExit) as error:
            return Detection(False, "its reader fails", broken=_says(error))
        return detection if detection.matches else Detection(False, detection.saw)

    def read(self, source: Source, options: Options) -> Found:
        """Read the studies of an input.

        Raises:
            EsimError: the plug-in raises one, or fails in another way, which the error describes.
        """
        try:
            found = super().read(source, options)
            if not (isinstance(found, Found) and all(isinstance(s, Study) for s in found.studies)):
                raise TypeError("read does not give Found with studies")
            for study in found.studies:
                study.validate()
        except EsimError:
            raise
        except (Exception, SystemExit) as error:
            raise EsimError(
                f"the reader {self.name!r} of the package {self.package} failed",
                where=source.label,
                why=_says(error),
                fix="tell its authors; --format reads with another",
            ) from error
        return found


@cache
def installed() -> tuple[tuple[Format, ...], tuple[Note, ...]]:
    """The formats of all plug-ins, and a note on each plug-in that cannot be used."""
    from importlib.metadata import entry_points  # imported here to keep `esim --help` fast

    formats: list[Format] = []
    notes: list[Note] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        package = point.dist.name if point.dist is not None else point.value
        try:
            formats.append(_load(point, package, {f.name for f in (*own_formats(), *formats)}))
        except (Exception, SystemExit) as error:
            notes.append(broken_note(point.name, package, _says(error)))
    return tuple(formats), tuple(notes)


def known_formats() -> tuple[Format, ...]:
    """All formats: esim's own, then those of plug-ins."""
    return (*own_formats(), *installed()[0])


def broken_note(name: str, package: str, why: str) -> Note:
    """The note on a plug-in that cannot be used.

    Args:
        name: the reader's name.
        package: the package that provides it.
        why: what went wrong.
    """
    return Note("plugin_broken", f"the reader {name} of the package {package} is broken: {why}")


def _load(point: EntryPoint, package: str, taken: set[str]) -> PluginFormat:
    made = point.load()
    if not isinstance(made, Format):
        raise TypeError(f"{point.value} is a {type(made).__name__}, not esim.readers.Format")
    if made.name in taken:
        raise ValueError(f"the name {made.name} is taken")
    values = {field.name: getattr(made, field.name) for field in fields(Format)}
    return PluginFormat(**{**values, "package": package, "module": made.module or point.module})


def _says(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(
        ": "
    )
