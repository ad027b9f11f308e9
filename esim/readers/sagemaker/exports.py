"""Log files as they are exported, in every shape, to streams of text."""

from __future__ import annotations

from collections.abc import Iterator

from esim.readers.sagemaker.text import LogText, Stream
from esim.readers.source import File


def streams(file: File) -> Iterator[Stream]:
    """The log streams that a file holds. Raises EsimError if it is broken."""
    yield Stream(None, LogText(str(file), file.read()))
