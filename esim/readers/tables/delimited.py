"""Recognises delimited text: its delimiter, its header, and how its numbers are written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from esim.readers.encodings.cells import is_number
from esim.readers.source import HEAD_BYTES
from esim.readers.tables.names import ALIASES, plain_name

DELIMITERS = (",", "\t", ";")
SAMPLE_ROWS = 50

BLANKS = " "  # the delimiter of tables whose cells stand between any number of blanks

Style = Literal["decimal comma", "thousands", "percent", "of", "apostrophe"]
_FRACTION = re.compile(r"[-+]?[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_PERCENT = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)? ?%")
_OF = re.compile(r"[0-9]+ ?/ ?[0-9]+")  # an epoch and the number of all: 3/10
_WORD = re.compile(r"[A-Za-z_][\w./%()-]*")


@dataclass(frozen=True)
class Seen:
    """What the first rows of a table show.

    Attributes:
        sample: for each column the cells of these rows, at most SAMPLE_ROWS, None where a row has
            none.
        styles: how the numbers of a column are written, where not as in 1234.5.
        ragged: whether some row has another number of cells than the header.
    """

    sample: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    styles: Mapping[str, Style] = field(default_factory=dict)
    ragged: bool = False


@dataclass(frozen=True)
class Delimited:
    """The begin of a file of delimited text.

    Attributes:
        names: the header.
        delimiter: what stands between cells; BLANKS for any number of blanks.
        above: how many lines stand above the first row: comments and the header.
        text: the text from the header on.
        skip: how many lines of it stand above the first row.
    """

    names: tuple[str, ...]
    delimiter: str
    above: int
    text: str
    skip: int

    @cached_property
    def seen(self) -> Seen:
        """What the first rows show."""
        cut = len(self.text.encode()) + 100 >= HEAD_BYTES
        rows = _sample_rows(self.text, self.delimiter, self.skip, cut)
        full = len(self.names)
        rows = [r for r in rows if len(r) == full or not r[0].startswith("#")]
        rows = [r for r in rows if not is_header(r, self.names)]
        unfinished = len(rows) < SAMPLE_ROWS and not self.text.endswith(("\n", "\r"))
        if unfinished and rows and len(rows[-1]) < full:
            rows = rows[:-1]  # it was still being written
        styles = {} if self.delimiter == BLANKS else _styles(self.names, rows, self.delimiter)
        sample = _by_column(self.names, rows)
        for name, style in styles.items():
            sample[name] = tuple(cell and plain_number(cell, style) for cell in sample[name])
        return Seen(sample, styles, any(len(row) != len(self.names) for row in rows))


def delimited(text: str) -> Delimited | None:
    """What the first bytes of a file show of its delimited text; None if it is none.

    Args:
        text: these bytes.
    """
    text, comments = _below_comments(text)
    best: tuple[str, list[str], int] | None = None
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        try:
            names = [name.strip() for name in next(row for row in reader if row)]
        except (csv.Error, StopIteration):
            continue
        if (
            best is None
            or ("trial" in names and "trial" not in best[1])
            or ("trial" not in best[1] and len(best[1]) == 1 < len(names))
            or ("trial" not in best[1] and delimiter == "\t" and len(names) > 1)
        ):
            best = delimiter, names, reader.line_num
    if best is None or (len(best[1]) < 2 and "trial" not in best[1]):
        return _between_blanks(text, comments)
    delimiter, names, skip = best
    if len(set(names)) < len(names):
        second = _sample_rows(text, delimiter, skip, cut=False, most=1)
        if second and _is_second_header(names, second[0]):
            names = [f"{a}_{b}" if b else a for a, b in zip(names, second[0], strict=True)]
            skip += 1
    return Delimited(tuple(names), delimiter, comments + skip, text, skip)


def _between_blanks(text: str, comments: int) -> Delimited | None:
    """A table whose cells stand between blanks, as pandas and numpy print it."""
    lines = [line.split() for line in text.split("\n", 3)[:3] if line.strip()]
    if len(lines) < 2 or not all(_WORD.fullmatch(name) for name in lines[0]):
        return None
    names, first = lines[0], lines[1]
    if len(first) == len(names) + 1:  # pandas prints no name for the index
        names = ["", *names]
    if len(names) < 2 or len(first) != len(names) or not all(map(is_number, first)):
        return None
    skip = text[: text.index(lines[0][0])].count("\n") + 1
    return Delimited(tuple(names), BLANKS, comments + skip, text, skip)


def is_header(row: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row repeats the header, perhaps with its columns in another order."""
    stripped = [cell.strip() for cell in row]
    return stripped == list(names) or (len(set(stripped)) > 1 and sorted(stripped) == sorted(names))


def _styles(
    names: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str
) -> dict[str, Style]:
    """How the numbers of a column are written, where it is not as in 1234.5."""
    styles: dict[str, Style] = {}
    for name, column in _by_column(names, rows).items():
        if plain_name(name) in (*ALIASES["trial"], *ALIASES["study"]):
            continue  # "1/2" and "10%" are names there
        given = [cell.strip() for cell in column if cell and cell.strip()]
        commas = [cell for cell in given if "," in cell]
        if given and any(cell[:1] == "'" for cell in given):
            styles[name] = "apostrophe"
        elif given and all(_PERCENT.fullmatch(cell) for cell in given):
            styles[name] = "percent"
        elif given and all(_OF.fullmatch(cell) for cell in given):
            styles[name] = "of"
        elif commas and all(_FRACTION.fullmatch(cell) or is_number(cell) for cell in given):
            thousands = delimiter == "," and all(_THOUSANDS.fullmatch(cell) for cell in commas)
            styles[name] = "thousands" if thousands else "decimal comma"
        elif commas and all(_THOUSANDS.fullmatch(cell) or is_number(cell) for cell in given):
            styles[name] = "thousands"
    return styles


def plain_number(cell: str, style: Style) -> str:
    """A cell as Python writes its number; a cell of another style stays as it is.

    >>> plain_number("0,5", "decimal comma"), plain_number("1,234", "thousands")
    ('0.5', '1234')
    >>> plain_number("93.5%", "percent"), plain_number("3/10", "of")
    ('93.5', '3')
    """
    text = cell.strip()
    if style == "decimal comma" and _FRACTION.fullmatch(text):
        return text.replace(",", ".")
    if style == "thousands" and _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    if style == "percent" and _PERCENT.fullmatch(text):
        return text[:-1].strip()
    if style == "apostrophe" and text[:1] == "'" and text[1:2] in ("=", "+", "-", "@"):
        return text[1:]
    if style == "of" and _OF.fullmatch(text):
        return text.partition("/")[0].strip()
    return cell


def _below_comments(text: str) -> tuple[str, int]:
    """The text without lines of comments at its begin, and how many these are.

    A comment with as many words as the row below has numbers is a header: "# epoch loss". Excel's
    "sep=;" is a comment.
    """
    comments = 0
    while re.match(r"#(?![,;\t])|sep=", text[:4], re.IGNORECASE):
        line, _, rest = text.partition("\n")
        below = rest.partition("\n")[0].strip()
        if not below:
            break
        for sign in (r"\s*[,;\t]\s*", r"\s+"):
            cells, words = re.split(sign, below), re.split(sign, line.strip("# \r"))
            named = len(cells) == len(words) > 1 and not any(map(is_number, words))
            if named and all(map(is_number, cells)):
                return line.strip("# \r") + "\n" + rest, comments
        text, comments = rest, comments + 1
    return text, comments


def _sample_rows(
    text: str, delimiter: str, above: int, cut: bool, most: int = SAMPLE_ROWS
) -> list[list[str]]:
    """The first rows below the header; the last one is left out if the text is cut."""
    if delimiter == BLANKS:
        lines = text.split("\n", above + most)[above : above + most]
        return [line.split() for line in lines if line.strip()]
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row and reader.line_num > above:
                rows.append(row)
                if len(rows) == most:
                    return rows
    except csv.Error:
        return rows
    return rows[:-1] if cut else rows


def _is_second_header(names: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row continues the header, as pandas writes columns of two levels.

    The first level then repeats, and the row is empty where the first level says all.
    """
    if len(row) != len(names) or len(set(names)) == len(names):
        return False
    pairs = list(zip(names, row, strict=True))
    doubled = [cell for name, cell in pairs if names.count(name) > 1]
    single = [cell for name, cell in pairs if names.count(name) == 1 and cell]
    return not row[0] and all(doubled) and not any(map(is_number, single))


def _by_column(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    return {
        name: tuple(row[i] if i < len(row) else None for row in rows)
        for i, name in enumerate(names)
    }
