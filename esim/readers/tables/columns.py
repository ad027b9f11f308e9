"""Finds which column of a table holds what, by the names that people and programs give them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from esim.errors import EsimError, near_names
from esim.readers.encodings import cells
from esim.readers.encodings.durations import duration, is_duration, unit_in
from esim.readers.encodings.times import parse_moment
from esim.readers.options import Options
from esim.readers.tables.names import ALIASES, CONFIG, INDEX, ROW_NUMBERS, names_metric, plain_name
from esim.readers.tables.shape import Shape

_EPOCH_SECONDS = 1e8  # 1973: a larger number counts seconds since 1970, not since a run's start


@dataclass(frozen=True)
class Columns:
    """The columns of a table; None where it has no such column.

    Attributes:
        trial, study: name the trial and the study.
        steps: all that may count steps, the preferred one first.
        time: the time of a report.
        moment: a point in time of a report, where `time` counts from the trial's start.
        metric, value: of a table with a row for each metric of a report, its name and its value.
        split: tells the rows of training from those of validation.
        start, end, status: of the trial.
        metrics: hold numbers, and none of the above.
        config: hold hyperparameters, by their names.
    """

    trial: str | None = None
    study: str | None = None
    steps: tuple[str, ...] = ()
    time: str | None = None
    moment: str | None = None
    metric: str | None = None
    value: str | None = None
    split: str | None = None
    start: str | None = None
    end: str | None = None
    status: str | None = None
    metrics: tuple[str, ...] = ()
    config: tuple[str, ...] = ()

    @property
    def step(self) -> str | None:
        """The preferred column of steps."""
        return self.steps[0] if self.steps else None


def find_columns(shape: Shape, options: Options) -> Columns:
    """Which column of a table holds what.

    Args:
        shape: the table.
        options: the columns that the user names; one that this table lacks is left out.
    """
    names = {name: plain_name(name) for name in shape.columns if name not in INDEX}
    timed = {name: plain_name(unit_in(name)[0]) for name in names}

    def known_as(role: str, fits: Callable[[Shape, str], bool] | None = None) -> list[str]:
        order = {alias: at for at, alias in reversed(list(enumerate(ALIASES[role])))}
        found = [name for name, plain in names.items() if plain in order]
        if role == "time":
            found += [name for name in names if name not in found and timed[name] in order]
        found = [name for name in found if fits is None or fits(shape, name)]
        rank = {name: order.get(names[name], order.get(timed[name], 0)) for name in found}
        return sorted(found, key=lambda name: (rank[name], name != names[name]))

    def first(role: str, fits: Callable[[Shape, str], bool] | None = None) -> str | None:
        return next(iter(known_as(role, fits)), None)

    def asked(column: str | None) -> str | None:
        return column if column in shape.columns else None

    trials = known_as("trial", _can_name)
    value = asked(options.value) or first("value", _is_numeric)
    step = asked(options.step)
    steps = [step] if step else known_as("step", _can_count)
    metric = None
    if value is not None:
        keys = (asked(options.trial) or next(iter(trials), None), next(iter(steps), None))
        texts = known_as("metric", _is_text)
        metric = next((name for name in texts if _names_metrics(shape, name, keys)), None)
    trial = asked(options.trial) or next((name for name in trials if name != metric), None)
    steps = [name for name in steps if name != trial]
    taken = {trial, metric, *steps}
    config = [name for name in names if CONFIG.match(name)]
    timing = partial(_is_time, trial=trial, step=next(iter(steps), None))
    roles = {
        "study": first("study"),
        "time": asked(options.time) or first("time", timing),
        "split": first("split", _is_text),
        "start": first("start"),
        "end": first("end"),
        "status": first("status", _is_text),
    }
    roles["moment"] = next((n for n in known_as("time", _is_moment) if n != roles["time"]), None)
    roles = {role: name for role, name in roles.items() if name not in taken}
    taken |= {*roles.values(), *config}
    free = [n for n, plain in names.items() if n not in taken and plain not in ROW_NUMBERS]
    numeric = [name for name in free if _has_numbers(shape, name)] or free
    timelike = set(known_as("time"))
    return Columns(
        trial=trial,
        steps=tuple(steps),
        metric=metric,
        value=value if metric is not None or options.value else None,
        metrics=tuple(name for name in numeric if name not in timelike),
        config=tuple(config),
        **roles,
    )


def check_options(shapes: Iterable[Shape], options: Options, where: str) -> None:
    """Refuse a column that the user names and no table has.

    Raises:
        EsimError: there is no such column; the error lists near names.
    """
    columns = dict.fromkeys(name for shape in shapes for name in shape.columns if name)
    for flag in ("trial", "step", "time", "value"):
        _check_named(f"--{flag}", getattr(options, flag), columns, where)
    check_conditions(columns, options, where)


def check_conditions(columns: Collection[str], options: Options, where: str) -> None:
    """Refuse a condition on a column that there is not.

    Raises:
        EsimError: there is no such column; the error lists near names.
    """
    for column, _ in options.where:
        _check_named("--where", column, columns, where)


def _check_named(flag: str, column: str | None, columns: Collection[str], where: str) -> None:
    if column is not None and column not in columns:
        raise EsimError(
            f"no column {column!r}",
            where=where,
            why=f"{flag} names it",
            fix=f"{flag} with one of: {near_names(column, columns)}",
        )


def _cells(shape: Shape, name: str) -> list[Any]:
    return [cell for cell in shape.sample.get(name, ()) if not cells.is_missing(cell)]


def _is_numeric(shape: Shape, name: str) -> bool:
    """Whether a column holds numbers, or nothing in the rows that have been looked at."""
    return all(map(cells.holds_number, _cells(shape, name)))


def _has_numbers(shape: Shape, name: str) -> bool:
    """Whether some cell of a column is a number, or none has been seen."""
    given = _cells(shape, name)
    return not given or any(map(cells.holds_number, given))


def _is_text(shape: Shape, name: str) -> bool:
    given = _cells(shape, name)
    return bool(given) and all(isinstance(c, str) and not cells.is_number(c) for c in given)


def _names_metrics(shape: Shape, name: str, keys: tuple[str | None, str | None]) -> bool:
    """Whether the texts of a column are the names of metrics, not something about the trials.

    Args:
        shape: the table.
        name: the column.
        keys: the columns of trials and steps, None where there is none.
    """
    if plain_name(name) in ("metric", "metric_name", "attribute_path", "key"):
        return True
    given = [str(cell) for cell in shape.sample[name]]
    if 2 * sum(map(names_metric, set(given))) > len(set(given)):
        return True
    rows = zip(*(shape.sample.get(key or "", [None] * len(given)) for key in keys), strict=True)
    of_report: dict[Any, set[str]] = {}
    for key, text in zip(map(str, rows), given, strict=True):
        of_report.setdefault(key, set()).add(text)
    several = sum(len(texts) > 1 for texts in of_report.values())
    return 2 * several > len(of_report) and keys[0] != name


def _can_name(shape: Shape, name: str) -> bool:
    """Whether a column can hold ids: texts or whole numbers."""
    given = _cells(shape, name)
    if not given and shape.sample.get(name):
        return False
    if plain_name(name) == "params" and any(map(cells.holds_number, given)):
        return False  # how many parameters a model has
    return all(
        isinstance(cell, str | int) or (isinstance(cell, float) and cell.is_integer())
        for cell in given
        if not isinstance(cell, bool)
    )


def _can_count(shape: Shape, name: str) -> bool:
    """Whether a column can count steps: its numbers are not negative."""
    given = _cells(shape, name)
    counts = all(cells.holds_number(cell) and float(cell) >= 0 for cell in given)
    return counts and bool(given or not shape.sample)


def _is_time(shape: Shape, name: str, trial: str | None, step: str | None) -> bool:
    """Whether a column can hold the times of reports, not how long each step took.

    Args:
        shape: the table.
        name: the column.
        trial, step: the columns of trials and steps, None where there is none.
    """
    given = _cells(shape, name)
    kind = time_kind(given)
    if kind is None:
        return False
    if kind == "timestamp":
        return len(given) < 3 or len(set(map(str, given))) > 1  # a date alone is the same all day
    unsure = plain_name(unit_in(name)[0]) in ("time", "total_time", "ts", "duration")
    ahead, first = _steps_of_time(shape, name, trial, step)
    falls, rises = sum(x < 0 for x in ahead), [x for x in ahead if x > 0]
    if falls * 5 > falls + len(rises):
        return False
    if not unsure or not rises:
        return bool(rises) or not unsure
    # The seconds of each epoch may rise, too, but not by as much as they are; and the time of day
    # is hours where its steps are minutes.
    usual = sorted(rises)[len(rises) // 2]
    return 0.05 * first < usual and (first < 20 * usual + 60 or not is_duration(given[0]))


def _steps_of_time(
    shape: Shape, name: str, trial: str | None, step: str | None
) -> tuple[list[float], float]:
    """How far the times of a column go on between the steps of a trial, and its first time."""
    blank = ("",) * len(shape.sample[name])
    ids, at = shape.sample.get(trial or "", blank), shape.sample.get(step or "", blank)
    rows: dict[str, dict[float, float]] = {}
    for number, (i, s, cell) in enumerate(zip(ids, at, shape.sample[name], strict=True)):
        if not cells.is_missing(cell):
            count = float(s) if cells.holds_number(s) else float(number)
            rows.setdefault(str(i), {})[count] = duration(cell, "", "")
    ahead: list[float] = []
    first = math.inf
    for times in rows.values():
        ordered = [times[count] for count in sorted(times)]
        first = min(first, ordered[0])
        ahead += [after - before for before, after in pairwise(ordered)]
    return ahead, first


def _is_moment(shape: Shape, name: str) -> bool:
    """Whether a column holds points in time."""
    return time_kind(_cells(shape, name)) == "timestamp"


def time_kind(given: Sequence[Any]) -> str | None:
    """What times are: "timestamp" since 1970, "elapsed" since a start; None if they are no times.

    Args:
        given: the cells of the column's first rows that are not missing.
    """
    if not given:
        return None
    if all(map(cells.holds_number, given)):
        numbers = [float(cell) for cell in given]
        if any(not math.isfinite(x) or x < 0 for x in numbers):
            return None
        return "timestamp" if min(numbers) >= _EPOCH_SECONDS else "elapsed"
    if all(map(is_duration, given)):
        return "elapsed"
    try:
        for cell in given:
            parse_moment(cell, "")
    except EsimError:
        return None
    return "timestamp"
