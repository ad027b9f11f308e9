"""Finds the table in a JSON value: rows, or a list of numbers for each column.

People save ``history.history``, ``evals_result()``, ``frame.to_json()`` and lists of records.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esim.readers.encodings import jsontext
from esim.readers.nested import flat
from esim.readers.run_logs import PART_WORDS

# Names of which a part is one of these words name metrics. They tell a list of numbers that a
# training left from one that configures it, such as the sizes of layers.
_METRIC = re.compile(
    r"(?:^|[^a-z])(?:\w*loss|\w*acc(?:uracy)?|\w*auc|err(?:or)?s?|m?error|scores?|f1|r?mse|mae|mape|rmsle|nll|elbo"
    r"|precision|recall|perplexity|ppl|rewards?|returns?|bleu|rouge|i?iou|miou|m?ap|metrics?|r2|dice"
    r"|objective|values?|psnr|ssim|wer|cer|ndcg|fid)(?:$|[^a-z])",
    re.IGNORECASE,
)
_PART = re.compile(rf"(?:{PART_WORDS}|valid(?:ation)?|eval|train)[ _]?\d*", re.IGNORECASE)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_LONGEST = 1 << 20  # of a text that Python printed; its parser takes 100 bytes for each of them
_TENSORBOARD = ("Wall time", "Step", "Value")


@dataclass(frozen=True)
class JsonTable:
    """The table in a JSON value.

    Attributes:
        rows: its rows, with the names of nested cells joined by "/"; empty if it has lists.
        lists: for each column its cells; empty if it has rows.
        beside: the values that stand beside the table, by name.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    lists: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)


def load(text: str, place: str) -> Any:
    """The value of a JSON text, or of a short text that Python printed: ``{'loss': [0.5]}``.

    Args:
        text: the text.
        place: where it stands, for the error.

    Raises:
        EsimError: it is neither.
    """
    printed = text.lstrip()[:2] in ("{'", "[{") and "'" in text[:200] and len(text) < _LONGEST
    if printed:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            pass
    return jsontext.parse(text, place)


def names_metric(name: str) -> bool:
    """Whether a name is that of a metric, as far as its words tell."""
    return _METRIC.search(name.replace("_", " ")) is not None


def json_table(value: Any) -> JsonTable | None:
    """The table in a JSON value; None if it holds none.

    Args:
        value: a list of objects; a list of the [wall time, step, value] that TensorBoard's page
            gives; an object of lists of numbers, also nested; an object as pandas' `to_json` writes
            it, with any `orient`; or an object with one list of objects.

    Example:
        >>> json_table({"loss": [0.5, 0.25], "val": {"loss": [0.6, 0.3]}}).lists
        {'loss': [0.5, 0.25], 'val/loss': [0.6, 0.3]}
        >>> json_table([{"step": 1, "loss": 0.5}]).rows
        [{'step': 1, 'loss': 0.5}]
    """
    if isinstance(value, list):
        return _of_list(value)
    if not isinstance(value, dict) or not value:
        return None
    if set(value) >= {"columns", "data"} and isinstance(value["data"], list):  # orient="split"
        names = value["columns"]
        if isinstance(names, list) and all(isinstance(row, list) for row in value["data"]):
            return JsonTable(
                [dict(zip(map(str, names), row, strict=False)) for row in value["data"]]
            )
    found = _of_lists(value)
    if found is not None:
        return found
    if all(isinstance(row, dict) and row for row in value.values()):  # orient="index"
        rows = list(value.values())
        scalars = all(_is_cell(cell) for row in rows for cell in row.values())
        if scalars and len(rows) > 1 and all(row.keys() == rows[0].keys() for row in rows):
            return JsonTable([{"": name, **row} for name, row in value.items()])
    inside = {name: rows for name, rows in value.items() if _are_rows(rows)}
    if len(inside) == len(value) > 1:
        return JsonTable(
            [{"run": name, **flat(row)} for name, rows in inside.items() for row in rows]
        )
    if len(inside) != 1:
        return None
    (name, rows), *_ = inside.items()
    beside = {key: cell for key, cell in value.items() if key != name}
    return JsonTable([flat(row) for row in rows], beside=beside)


def numbers_in(cell: Any) -> list[Any] | None:
    """The list of numbers that a cell holds, or the text of one; None if it holds none.

    >>> numbers_in("[0.5, 0.25]"), numbers_in([0.5]), numbers_in("0.5")
    ([0.5, 0.25], [0.5], None)
    """
    if isinstance(cell, str) and cell.lstrip()[:1] == "[":
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    return cell if isinstance(cell, list) and cell and all(map(_is_number, cell)) else None


def mended(text: str) -> Any:
    """The JSON value whose begin a text is, without what is cut off; None if there is none.

    >>> mended('{"loss": [0.5, 0.25, 0.1')
    {'loss': [0.5, 0.25]}
    """
    open_now: list[str] = []
    at, closing = 0, ""
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in "[{":
            open_now.append("]" if sign == "[" else "}")
        elif sign in "]}":
            if not open_now or open_now.pop() != sign:
                return None
        elif sign == ",":
            at, closing = token.start(), "".join(reversed(open_now))
    try:
        return json.loads(text[:at] + closing)
    except (ValueError, RecursionError):
        return None


def _of_list(value: list[Any]) -> JsonTable | None:
    lines = [line for line in value if isinstance(line, dict) and {"x", "y"} <= line.keys()]
    if lines and len(lines) == len(value):
        return JsonTable([row for line in lines for row in _line(line)])
    if len(value) > 2 and all(isinstance(cell, float) for cell in value):
        return JsonTable(lists={"value": value})
    if _are_rows(value):
        return JsonTable([flat(row) for row in value])
    points = len(value) > 0 and all(
        isinstance(row, list) and len(row) == 3 and all(_is_number(cell) for cell in row)
        for row in value
    )
    if points and value[0][0] >= 1e9:
        return JsonTable([dict(zip(_TENSORBOARD, row, strict=True)) for row in value])
    return None


def _line(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of a line of a chart: its name, and its x and y."""
    xs, ys = line["x"], line["y"]
    if not (isinstance(xs, list) and isinstance(ys, list) and len(xs) == len(ys)):
        return []
    known = {name: cell for name, cell in line.items() if isinstance(cell, str)}
    return [{**known, "step": x, "value": y} for x, y in zip(xs, ys, strict=True)]


def _of_lists(value: Mapping[str, Any]) -> JsonTable | None:
    """The table of an object whose leaves are lists of numbers, and scalars beside them."""
    try:
        leaves = flat(_with_lists(value))
    except RecursionError:
        return None
    lists = {
        name: cells
        for name, cells in leaves.items()
        if isinstance(cells, list) and cells and all(map(_is_number, cells))
    }
    beside = {name: cell for name, cell in leaves.items() if name not in lists}
    traced = _traces(lists, beside)
    if traced:
        return JsonTable(traced)
    if not lists or not all(map(_is_beside, beside.values())):
        return None
    lengths = {len(cells) for cells in lists.values()}
    named = any(names_metric(name) for name in lists)
    if max(lengths) < 2 and not named:
        return None
    runs = _runs_of_lists(value)
    if runs:
        return JsonTable(runs)
    if not named and (len(lengths) > 1 or beside):
        return None
    return JsonTable(lists=lists, beside=beside)


def _runs_of_lists(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of an object: run -> metric -> list. Sets of data -> metric -> list are no runs."""
    if len(value) < 2 or not all(isinstance(inner, dict) and inner for inner in value.values()):
        return []
    keys = [frozenset(inner) for inner in value.values()]
    parts = any(_PART.fullmatch(name) for name in value)
    if parts or len(set(keys)) > 1 or not all(names_metric(key) for key in keys[0]):
        return []
    return [
        {"run": name, "entry": at + 1, **{k: v[at] for k, v in inner.items() if at < len(v)}}
        for name, inner in value.items()
        for at in range(max(map(len, inner.values())))
    ]


def _traces(
    lists: Mapping[str, Sequence[Any]], beside: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The rows of lists x and y of one length, as pages of trackers export the lines of charts."""
    names = {name.removesuffix("/x") for name in lists if name.endswith("/x")}
    if not names or {f"{name}/{axis}" for name in names for axis in "xy"} != lists.keys():
        return []
    pairs = [(name, lists[f"{name}/x"], lists[f"{name}/y"]) for name in names]
    if any(len(x) != len(y) for _, x, y in pairs):
        return []
    order = {name.removesuffix("/x"): at for at, name in enumerate(lists)}
    pairs.sort(key=lambda pair: order[pair[0]])
    return [{"step": at, name: y} for name, xs, ys in pairs for at, y in zip(xs, ys, strict=True)]


def _is_beside(cell: Any) -> bool:
    """Whether a value may stand beside lists of numbers: no rows, and nothing nested."""
    return _is_cell(cell) or cell == {} or (isinstance(cell, list) and all(map(_is_cell, cell)))


def _with_lists(value: Any) -> Any:
    """A nested object in which {"0": a, "1": b}, as pandas writes a column, is [a, b]."""
    if not isinstance(value, dict):
        return value
    if (
        len(value) > 1
        and all(name.isdigit() for name in value)
        and all(map(_is_cell, value.values()))
    ):
        return list(value.values())
    return {name: _with_lists(cell) for name, cell in value.items()}


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(r, dict) and r for r in value)


def _is_number(cell: Any) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def _is_cell(cell: Any) -> bool:
    return cell is None or isinstance(cell, str | int | float)
