"""Tells from its name and its first bytes whether a file is the output of a training job."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from esim.readers.asides import is_aside
from esim.readers.options import Options
from esim.readers.source import HEAD_BYTES, File
from esim.readers.text.algorithms import metrics_in
from esim.readers.text.controls import seen
from esim.readers.text.events import is_one_value
from esim.readers.text.exports import is_export, is_json
from esim.readers.text.log_text import LogText
from esim.readers.text.notebooks import is_notebook
from esim.readers.text.plain import MARKDOWN, in_utf8, printed

LOOK_AT = 16 * 1024  # bytes in which lines of the table of algorithms are looked for
# Texts in the first bytes of a file that show the output of a training job on SageMaker. The first
# ones stand in prose, sources and tables, too.
_SIGNS = (b"sagemaker", b"/opt/ml/", b"algo-1")
_SURE_SIGNS = (
    b"#quality_metric",
    b"#011",
    b"Starting - ",
    b"Creating training-job with name",
    b"SM_HPS",
)
_BINARY = (b"SQLite format 3", b"PAR1", b"\x89PNG", b"%PDF", b"PK\x03\x04", b"ARROW1")
_TABLES = (".csv", ".tsv")
_PAGES = (*MARKDOWN, ".ipynb")
# In a folder these are logs only if they look like one, whatever the user says of the files.
_LOOKED_AT = (*MARKDOWN, ".json")


def logs_among(files: Iterable[File], options: Options | None = None) -> list[File]:
    """Those of some files that are the output of training jobs.

    Descriptions, sources and the like count only where nothing else does: they may hold an example.

    Args:
        files: the files.
        options: what the user asked for.
    """
    found = [file for file in files if looks_like_log(file, options)]
    return [file for file in found if not is_aside(file.base)] or found


def looks_like_log(file: File, options: Options | None = None) -> bool:
    """Whether the first bytes look like the output of a training job.

    Any text does if the user gives a regex or says that the files are logs. JSON, which other
    formats claim, is not searched for lines.

    Args:
        file: the file.
        options: what the user asked for.
    """
    if is_export(file):
        return not is_notebook(file.head) or _may_have_printed(file)
    head = start_of(file)
    if head is None:
        return False
    suffix = PurePosixPath(file.plain_name.lower()).suffix
    aside = is_aside(file.base)
    beside = (aside or suffix in _LOOKED_AT) and file.path != file.root
    if options is not None and (options.metrics or options.any_text) and not beside:
        return True
    if is_json(head):
        return False
    shown = printed(file, head)
    if any(sign in shown for sign in _SURE_SIGNS) and not aside:
        return True
    if any(sign in shown for sign in _SIGNS) and not (aside or suffix in (*MARKDOWN, *_TABLES)):
        return True
    # Plain output of a framework in the table.
    return bool(metrics_in([as_seen(file, shown)]))


def is_page(file: File) -> bool:
    """Whether a file in a folder may be there for people to read, beside what programs read."""
    page = is_aside(file.base) or file.base.lower().endswith(_PAGES)
    return page and file.path != file.root


def is_text(file: File) -> bool:
    """Whether the first bytes are those of a text that is no JSON."""
    head = start_of(file)
    return head is not None and not is_json(head)


def is_document(file: File) -> bool:
    """Whether a file is a JSON value that no export of logs has written, such as settings."""
    head = start_of(file)
    if head is None or not is_json(head) or is_export(file):
        return False
    return is_one_value(head.decode("utf-8", "replace"))


def start_of(file: File) -> bytes | None:
    """The first bytes of a file in UTF-8; None if it is no text."""
    head = in_utf8(file.head)
    return None if b"\0" in head[:1000] or head.startswith(_BINARY) else head


def as_seen(file: File, head: bytes) -> LogText:
    """The first lines of a file as a person saw them."""
    return LogText(file.name, seen(head[:LOOK_AT])[0])


def _may_have_printed(notebook: File) -> bool:
    """Whether a notebook shows an output, or is too long to tell from its first bytes."""
    return b'"output_type"' in notebook.head or len(notebook.head) == HEAD_BYTES
