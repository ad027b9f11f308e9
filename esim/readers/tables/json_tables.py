"""Finds the table in a JSON value: rows, or a list of numbers for each column.

People save ``history.history``, ``evals_result()``, ``frame.to_json()`` and lists of records.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esim.readers.encodings import cells, jsontext
from esim.readers.nested import flat
from esim.readers.tables.names import ALIASES, holds_part, names_metric, plain_name

Row = Mapping[str, Any]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_LONGEST = 1 << 20  # of a text that Python printed; its parser takes 100 bytes for each of them
_WRAPPER = re.compile(r"^(?:history|log|logs|metrics|curves|results)/")
_TENSORBOARD = ("Wall time", "Step", "Value")


@dataclass(frozen=True)
class JsonTable:
    """The table in a JSON value.

    Attributes:
        rows: its rows, with the names of nested cells joined by "/"; empty if it has lists.
        lists: for each column its cells; empty if it has rows.
        beside: the values that stand beside the table, by name.
    """

    rows: Sequence[Row] = ()
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
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            pass
    return jsontext.parse(text, place)


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
    try:
        return _of_list(value) if isinstance(value, list) else _of_object(value)
    except RecursionError:
        return None


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
    if points and (value[0][0] or 0) >= 1e9:
        return JsonTable([dict(zip(_TENSORBOARD, row, strict=True)) for row in value])
    return None


def _of_object(value: Any) -> JsonTable | None:
    if not isinstance(value, dict) or not value or not all(isinstance(k, str) for k in value):
        return None
    if set(value) >= {"columns", "data"}:  # orient="split"
        return _split(value)
    found = _of_lists(value)
    if found is not None:
        return found
    rows = list(value.values())
    if len(rows) > 1 and all(isinstance(row, dict) and row for row in rows):  # orient="index"
        scalars = all(_is_cell(cell) for row in rows for cell in row.values())
        if scalars and all(row.keys() == rows[0].keys() for row in rows):
            return JsonTable([{"": _key(name), **row} for name, row in _in_order(value)])
    inside = {name: rows for name, rows in value.items() if _are_rows(rows)}
    if len(inside) == len(value) > 1:
        column = "phase" if all(map(holds_part, value)) else "run"
        return JsonTable([{column: n, **flat(row)} for n, rows in inside.items() for row in rows])
    if len(inside) != 1:
        return None
    (name, rows), *_ = inside.items()
    beside = {key: cell for key, cell in value.items() if key != name}
    return JsonTable([flat(row) for row in rows], beside=beside)


def _split(value: Mapping[str, Any]) -> JsonTable | None:
    names, data = value["columns"], value["data"]
    index = value.get("index")
    if not (isinstance(names, list) and isinstance(data, list) and data):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in data):
        return None
    rows = [dict(zip(map(str, names), row, strict=True)) for row in data]
    if isinstance(index, list) and len(index) == len(rows):
        rows = [{"": at, **row} for at, row in zip(index, rows, strict=True)]
    return JsonTable(rows)


def _of_lists(value: Mapping[str, Any]) -> JsonTable | None:
    """The table of an object whose leaves are lists of numbers, and scalars beside them."""
    by_key = _by_key(value)
    if by_key is not None:
        return by_key
    leaves = flat(value)
    lists = {
        name: cells
        for name, cells in leaves.items()
        if isinstance(cells, list) and cells and all(map(_is_number, cells))
    }
    beside = {name: cell for name, cell in leaves.items() if name not in lists}
    traced = _traces(lists)
    if traced:
        return JsonTable(traced)
    if not lists or not all(map(_is_beside, beside.values())):
        return None
    runs = _runs_of_lists(value)
    if runs:
        return JsonTable(runs)
    lengths = {len(cells) for cells in lists.values()}
    named = any(names_metric(name) for name in lists)
    if (max(lengths) < 2 or len(lengths) > 1 or beside) and not named:
        return None
    columns = _unwrapped(lists)
    stepped = _with_own_steps(columns)
    return JsonTable(stepped) if stepped else JsonTable(lists=columns, beside=beside)


def _unwrapped(lists: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    """The lists without the name of what they stand in: history/loss is loss."""
    bare = {_WRAPPER.sub("", name): name for name in lists}
    if len(bare) < len(lists):  # two would have one name
        return lists
    return {short: lists[name] for short, name in bare.items()}


def _by_key(value: Mapping[str, Any]) -> JsonTable | None:
    """The rows of an object: column -> key -> cell, as pandas writes a frame."""
    columns = list(value.values())
    if not all(
        isinstance(c, dict) and len(c) > 1 and all(map(_is_cell, c.values())) for c in columns
    ):
        return None
    keys = {frozenset(map(str, column)) for column in columns}
    if len(keys) > 1 or not all(str(key).isdigit() for key in columns[0]):
        return None
    order = [key for key, _ in _in_order(columns[0])]
    return JsonTable([{"": _key(key), **{n: c[key] for n, c in value.items()}} for key in order])


def _in_order(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The items of an object, by number if all keys are numbers: writers sort them as texts."""
    if all(str(key).isdigit() for key in value):
        return sorted(value.items(), key=lambda item: int(item[0]))
    return list(value.items())


def _key(key: Any) -> Any:
    return int(key) if isinstance(key, str) and key.isdigit() and len(key) < 16 else key


def _with_own_steps(lists: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The rows of lists that have steps of their own: train/step beside train/loss."""
    groups: dict[str, dict[str, Sequence[Any]]] = {}
    for name, column in lists.items():
        above, _, leaf = name.rpartition("/")
        groups.setdefault(above, {})[leaf] = column
    steps = {
        above: next((leaf for leaf in inner if plain_name(leaf) in ALIASES["step"]), None)
        for above, inner in groups.items()
    }
    if len(groups) < 2 or not all(steps.values()):
        return []
    rows: list[Row] = []
    for above, inner in groups.items():
        step = steps[above] or ""
        names = {leaf: f"{above}/{leaf}" if above else leaf for leaf in inner if leaf != step}
        for at, count in enumerate(inner[step]):
            given = {name: inner[leaf][at] for leaf, name in names.items() if at < len(inner[leaf])}
            rows.append({"step": count, **given})
    return rows


def _runs_of_lists(value: Mapping[str, Any]) -> list[Row]:
    """The rows of an object: run -> metric -> list. Sets of data -> metric -> list are no runs."""
    if len(value) < 2 or not all(isinstance(inner, dict) and inner for inner in value.values()):
        return []
    curves = [
        {name: found for name, cell in flat(inner).items() if (found := numbers_in(cell))}
        for inner in value.values()
    ]
    keys = {frozenset(inner) for inner in curves}
    if any(map(holds_part, value)) or len(keys) > 1 or not curves[0]:
        return []
    if not any(map(names_metric, curves[0])) or any(map(names_metric, value)):
        return []
    return [
        {"run": name, "entry": at + 1, **{k: v[at] for k, v in inner.items() if at < len(v)}}
        for name, inner in zip(value, curves, strict=True)
        for at in range(max(map(len, inner.values())))
    ]


def _line(line: Row) -> Iterator[Row]:
    """The rows of a line of a chart: its name, and its x and y."""
    xs, ys = line["x"], line["y"]
    if isinstance(xs, list) and isinstance(ys, list) and len(xs) == len(ys):
        known = {name: cell for name, cell in line.items() if isinstance(cell, str)}
        yield from ({**known, "step": x, "value": y} for x, y in zip(xs, ys, strict=True))


def _traces(lists: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The rows of lists x and y of one length, as pages of trackers export the lines of charts."""
    names = [name.removesuffix("/x") for name in lists if name.endswith("/x")]
    if not names or {f"{name}/{axis}" for name in names for axis in "xy"} != lists.keys():
        return []
    pairs = [(name, lists[f"{name}/x"], lists[f"{name}/y"]) for name in names]
    if any(len(x) != len(y) for _, x, y in pairs):
        return []
    return [{"step": at, name: y} for name, xs, ys in pairs for at, y in zip(xs, ys, strict=True)]


def _is_beside(cell: Any) -> bool:
    """Whether a value may stand beside lists of numbers: no rows, and nothing nested."""
    return _is_cell(cell) or cell == {} or (isinstance(cell, list) and all(map(_is_cell, cell)))


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(r, dict) and r for r in value)


def _is_number(cell: Any) -> bool:
    return cell is None or cells.holds_number(cell)


def _is_cell(cell: Any) -> bool:
    return cell is None or isinstance(cell, str | int | float)
