"""Finds the jobs and the printers in plain text: saved terminals, S3 exports, `aws logs tail`."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from esim.readers.encodings.endings import ended_log
from esim.readers.encodings.times import parse_time
from esim.readers.encodings.utf8 import without_utf16
from esim.readers.source import File
from esim.readers.text.borders import jobs_in
from esim.readers.text.controls import seen
from esim.readers.text.log_text import LogText, Printer, picked
from esim.readers.text.prefixes import (
    begins_with_printers,
    names_printers,
    read_lines,
    read_uniform,
    uniform_prefix,
)
from esim.study import Float64, Int64

MARKDOWN = (".md", ".markdown", ".qmd")
CELL = "cell "  # in front of the number of a notebook's job that nothing names
_SAMPLE = 8 * 1024  # bytes at the begin, in the middle and at the end that show the prefixes
# The colours in which the SageMaker SDK prints the lines of each host (`sagemaker.logs.ColorWrap`).
_HOST_COLOURS = {b"34": "1", b"35": "2", b"32": "3", b"36": "4", b"33": "5"}
# It colours an event, which may have several lines; a program colours words.
_COLOURED = re.compile(rb"\x1b\[(34|35|32|36|33)m(?!.{0,9999}?\x1b\[0m(?=.{0,9999}[^\s]))")
_PLAIN = b"\x1b[0m"
_OF_SDK = (
    *(b"Starting - ", b"Downloading - ", b"Training - ", b"Uploading - ", b"Completed - "),
    *(b"Billable seconds", b"Training seconds", b"training-job"),
)
_LETTER_IN_WORD = re.compile(rb"[A-Za-z][\xc0-\xff](?:[A-Za-z]|[ :=])")
_FENCE = re.compile(rb"^ {0,8}(?:```|~~~)", re.MULTILINE)
_SOURCE = re.compile(rb"(?:python3?|py|r|julia|ya?ml|json|toml|dockerfile|diff)\s*$")
_PROMPT = re.compile(rb"^ {0,8}(?:>>> |In \[)", re.MULTILINE)


def plain_texts(file: File) -> Iterator[LogText]:
    """The texts of those who printed a file of plain text.

    Raises:
        EsimError: the file cannot be read, or a time in front of a line is none.
    """
    data = ended_log(file, in_utf8(file.read()))
    yield from texts_in(file, printed(file, data), None, ())


def printed(file: File, data: bytes) -> bytes:
    """What a program has printed of a text file, or of the begin of one.

    Args:
        file: the file.
        data: its contents in UTF-8.
    """
    return _without_source(data) if file.base.lower().endswith(MARKDOWN) else data


def in_utf8(data: bytes) -> bytes:
    """The contents of a text file, or the begin of them, as UTF-8 without a byte order mark."""
    data = without_utf16(data).removeprefix(codecs.BOM_UTF8)
    if data.isascii():
        return data
    text = data.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    right = len(text) - len(text.encode("ascii", "ignore")) - wrong if wrong else 0
    # Windows' and Latin-1's letters in words, not UTF-8 that was cut or damaged here and there.
    if wrong > right and _LETTER_IN_WORD.search(data) is not None:
        return data.decode("cp1252", errors="replace").encode()
    return data


def texts_in(
    file: File, data: bytes, lines: Int64 | None, cells: Sequence[int]
) -> Iterator[LogText]:
    """The texts of those who printed a text.

    Args:
        file: the file it is from.
        data: the text.
        lines: int64 [L], the line of the file of each of its lines; None for 1, 2, ..., L.
        cells: where the cells of a notebook begin in it.
    """
    jobs = jobs_in(data, cells)
    before = 0
    for number, (name, first, stop) in enumerate(jobs, start=1):
        part = data if len(jobs) == 1 else data[first:stop].removesuffix(b"\n")
        own = lines
        if len(jobs) > 1:
            count = part.count(b"\n") + 1
            rows = np.arange(before, before + count, dtype=np.int64)
            own = picked(lines, rows)
            before += count
        run = "" if name or len(jobs) == 1 else f"{CELL}{number}" if cells else str(number)
        yield from _printers(file, part, own, Printer(name, run=run))


def _printers(file: File, data: bytes, lines: Int64 | None, job: Printer) -> Iterator[LogText]:
    """The text of each printer in the text of a job."""
    coloured = _by_colour(data)
    if not coloured:
        yield from by_printer(shown_text(file, data, None, lines, job))
    for host, rows in coloured.items():
        part, own = _rows_of(data, rows), picked(lines, rows)
        yield from by_printer(shown_text(file, part, None, own, replace(job, host=host)))


def shown_text(
    file: File,
    data: bytes,
    times: Float64 | None,
    lines: Int64 | None,
    printer: Printer,
    stream: str = "",
) -> LogText:
    """A text as a person saw it.

    Args:
        file: the file it is from.
        data: the text as it was printed.
        times, lines: as in `LogText`, for each line of `data`.
        printer, stream: as in `LogText`.
    """
    shown, rows = seen(data)
    if rows is not None:
        times = None if times is None else times[rows]
        lines = picked(lines, rows)
    return LogText(str(file), shown, times, lines, rows, printer, stream)


def by_printer(text: LogText) -> Iterator[LogText]:
    """The texts of those whom the prefixes of a text's lines name; the text if they name none.

    Args:
        text: the text.

    Raises:
        EsimError: a time in front of a line is none.
    """
    sample = _sample(text.data)
    # An export with times apart has the names of its streams apart, too.
    every = text.times is None and begins_with_printers(sample)
    named = every or names_printers(sample)
    uniform = None if named else uniform_prefix(sample)
    if not named and uniform is None:
        yield text
        return
    found: dict[Printer, tuple[list[str], list[str], list[int]]] = {}
    lines = text.data.decode("utf-8", "replace").split("\n")
    printed = None if text.printed is None else text.printed.tolist()
    read = read_lines(lines, every, printed) if uniform is None else read_uniform(lines, uniform)
    for row, line in enumerate(read):
        messages, stamps, taken = found.setdefault(line.printer, ([], [], []))
        messages.append(line.message)
        stamps.append(line.time)
        taken.append(row)
    runs = _runs(list(found))
    for printer, (messages, stamps, taken) in found.items():
        whole = [lines[row] for row in taken]
        rows = np.array(taken, dtype=np.int64)
        known = {s: parse_time(s, text.where) if s else math.nan for s in set(stamps)}
        times = np.array([known[stamp] for stamp in stamps], dtype=np.float64)
        yield replace(
            text,
            data="\n".join(messages).encode(),
            whole="\n".join(whole).encode(),
            times=times if text.times is None else text.times[rows],
            lines=picked(text.lines, rows),
            printed=None if text.printed is None else text.printed[rows],
            printer=replace(printer, run=runs[printer]).inside(text.printer),
        )


def _runs(printers: Sequence[Printer]) -> dict[Printer, str]:
    """What tells the jobs of some containers apart; "" for all if they are of one job.

    The containers of one job have the same suffix, or each its own. So where a host has several
    suffixes that no other host shares, the n-th ones of all hosts are of one job.
    """
    by_host: dict[str, list[str]] = {}
    for printer in printers:
        if printer.run and printer.run not in by_host.setdefault(printer.host, []):
            by_host[printer.host].append(printer.run)
    if max(map(len, by_host.values()), default=0) < 2:
        return dict.fromkeys(printers, "")
    shared = len({frozenset(runs) for runs in by_host.values()}) == 1
    number = {run: str(i) for runs in by_host.values() for i, run in enumerate(runs, start=1)}
    return {p: p.run if shared or not p.run else number[p.run] for p in printers}


def _rows_of(data: bytes, rows: Int64) -> bytes:
    every = data.split(b"\n")
    return b"\n".join([every[row] for row in rows.tolist()])


def _sample(data: bytes) -> str:
    """Some lines from the begin, the middle and the end of a text."""
    middle = len(data) // 2
    parts = [data[:_SAMPLE], data[middle : middle + _SAMPLE], data[-_SAMPLE:]]
    if len(data) <= 3 * _SAMPLE:
        parts = [data]
    return "\n".join(part.decode("utf-8", "replace") for part in parts)


def _by_colour(data: bytes) -> dict[str, Int64]:
    """The rows of each host whose lines the SDK printed in a colour; empty if it did not.

    Lines without a colour are by nobody, as the key "".
    """
    if b"\x1b" not in data or b"\x1b[35m" not in data or b"\x1b[34m" not in data:
        return {}
    if not any(sign in data for sign in _OF_SDK):  # a program may colour lines, too
        return {}
    found: dict[str, list[int]] = {}
    host = ""
    for row, line in enumerate(data.split(b"\n")):
        begun = _COLOURED.match(line)
        if begun is not None:
            host = f"algo-{_HOST_COLOURS[begun[1]]}"
        found.setdefault(host, []).append(row)
        if line.rstrip().endswith(_PLAIN):
            host = ""
    if not {"algo-1", "algo-2"} <= found.keys():
        return {}
    return {host: np.array(rows, dtype=np.int64) for host, rows in found.items()}


def _without_source(data: bytes) -> bytes:
    """Markdown with nothing but outputs, which are not indented; other lines are left empty.

    Outputs stand in fences, or are indented beside fences of source code, as nbconvert writes them.
    A fence that is named after a language holds source code, unless it shows a prompt.
    """
    parts = _FENCE.split(data)
    fenced = False
    for i in range(1, len(parts), 2):  # behind an opening fence
        name, _, inside = parts[i].partition(b"\n")
        if _SOURCE.fullmatch(name.strip().lower()) and _PROMPT.search(inside) is None:
            parts[i] = b"\n" * parts[i].count(b"\n")
        else:
            parts[i] = parts[i].removeprefix(name)
            fenced = fenced or bool(inside.strip())
    if len(parts) > 1:
        prose = re.compile(rb"^.*$" if fenced else rb"^(?! {4}).*$", re.MULTILINE)
        parts[::2] = [prose.sub(b"", part) for part in parts[::2]]
    return re.sub(rb"^ {4}", b"", b"".join(parts), flags=re.MULTILINE)
