"""Reads Jupyter notebooks as the texts that their cells have printed. Source: nbformat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings import jsontext
from esim.readers.source import File
from esim.readers.text.log_text import LogText
from esim.readers.text.plain import texts_in

_MARKS = (b'"cell_type"', b'"nbformat"', b'"worksheets"')
_LOOK_AT = 16 * 1024  # bytes
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\"")


def is_notebook(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a notebook."""
    return _START.match(head) is not None and any(mark in head[:_LOOK_AT] for mark in _MARKS)


def notebook_texts(file: File) -> Iterator[LogText]:
    """The texts of those who printed what the cells of a notebook show.

    Raises:
        EsimError: the JSON is broken, or is no notebook.
    """
    parts: list[bytes] = []
    cells: list[int] = []  # where the output of a cell begins
    at = 0
    for output in _outputs(jsontext.document(file), file):
        part = output.encode("utf-8", "surrogatepass").removesuffix(b"\n") + b"\n"
        cells.append(at)
        parts.append(part)
        at += len(part)
    data = b"".join(parts)
    lines = np.arange(1, data.count(b"\n") + 2, dtype=np.int64)
    yield from texts_in(file, data, lines, cells)


def _outputs(notebook: Any, file: File) -> Iterator[str]:
    """What each cell that has printed something has printed."""
    if not isinstance(notebook, dict):
        raise EsimError("not a notebook", where=str(file))
    sheets = notebook.get("worksheets")
    sheets = sheets if isinstance(sheets, list) else [notebook]
    for sheet in sheets:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        if not isinstance(cells, list):
            raise EsimError("a notebook without cells", where=str(file))
        for cell in cells:
            outputs = cell.get("outputs") if isinstance(cell, dict) else None
            said = [_text(o) for o in outputs or () if isinstance(o, dict)]
            if any(said):
                yield "".join(said)


def _text(output: dict[str, Any]) -> str:
    """What an output shows as plain text."""
    data = output.get("data")
    shown = output.get("text")
    if shown is None and isinstance(data, dict):
        shown = data.get("text/plain")
    if shown is None:
        shown = "\n".join(map(str, output.get("traceback") or ()))
    text = "".join(map(str, shown)) if isinstance(shown, list) else str(shown)
    stream = output.get("output_type") == "stream"
    return text if stream or not text else text.removesuffix("\n") + "\n"
