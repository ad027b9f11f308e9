"""Finds which column of a table holds what, by the names that people and programs give them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

from esim.errors import EsimError, near_names
from esim.readers.encodings import cells
from esim.readers.encodings.durations import duration, is_duration, unit_in
from esim.readers.encodings.times import parse_moment
from esim.readers.options import Options
from esim.readers.tables.json_tables import names_metric
from esim.readers.tables.shape import Shape

# What a column is -> the names it is known by, the preferred one first. Names are compared without
# regard to case, blanks, signs and units in brackets (`plain_name`).
ALIASES: Mapping[str, tuple[str, ...]] = {
    "study": ("study", "study_name"),
    "trial": (
        *("trial", "trial_id", "trial_number", "trial_name", "trial_no", "trial_index"),
        # An id before a name: two runs may have one name.
        *("run_id", "run_uuid", "run_hash", "run", "run_name", "run_number", "run_index"),
        *("job", "job_id", "job_name", "training_job_name", "experiment_key", "config_id"),
        *("experiment", "experiment_name", "experiment_id", "exp", "dir_name", "name", "params"),
    ),
    "step": (
        *("step", "epoch", "iteration", "training_iteration", "global_step", "round"),
        *("iter", "epochs", "steps", "iterations", "epoch_number", "epoch_no", "epoch_num"),
        *("boosting_round", "n_iter", "num_epoch", "current_steps", "update", "updates"),
        *("time_total_timesteps", "total_timesteps", "timesteps", "env_steps", "generation"),
        *("n_resources", "itr", "ep", "tree", "trees", "number_of_trees", "n_estimators", "entry"),
    ),
    "time": (
        *("elapsed_s", "elapsed", "elapsed_time", "elapsed_seconds", "time_total_s"),
        *("relative_time", "runtime", "time_elapsed", "passed_time", "passed", "total_time"),
        *("duration", "total"),
        *("timestamp", "wall_time", "walltime", "datetime", "date", "date_time", "created_at"),
        *("logged_at", "ts", "time"),
    ),
    "metric": (
        *("metric", "metric_name", "key", "tag", "attribute_path", "variable", "series", "name"),
    ),
    "value": ("value", "metric_value", "float_value", "val"),
    "split": (
        "phase",
        "split",
        "mode",
        "subset",
        "stage",
        "partition",
        "metric_context_subset",
        "run_context",
    ),
    "start": ("start", "start_time", "started", "started_at", "datetime_start"),
    "end": ("end", "end_time", "ended", "ended_at", "datetime_complete", "completed_at"),
    "status": ("status", "state"),
}
# A column of one of these names tells trials for sure; the others may hold other things.
SURE_TRIALS = ALIASES["trial"][: ALIASES["trial"].index("job")]
CONFIG = re.compile(r"(?:config|params|param|hparams|hp)[./_]")

_UNIT = re.compile(r"[(\[].*?[)\]]")
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


def names_no_trial(columns: Sequence[str]) -> bool:
    """Whether no column names trials for sure."""
    return not any(plain_name(name) in SURE_TRIALS for name in columns)


def names_time(columns: Sequence[str]) -> bool:
    """Whether a column has the name of a time."""
    return any(plain_name(unit_in(name)[0]) in ALIASES["time"] for name in columns)


def names_rows(columns: Sequence[str]) -> bool:
    """Whether a column may tell rows of different metrics or data sets apart."""
    kinds = {*ALIASES["metric"], *ALIASES["split"]}
    return any(plain_name(name) in kinds for name in columns)


@cache
def plain_name(name: str) -> str:
    """A column's name as aliases are compared.

    >>> plain_name("Epoch #"), plain_name("Wall time"), plain_name("_step"), plain_name("Time (s)")
    ('epoch', 'wall_time', 'step', 'time')
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _UNIT.sub("", name))
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


# The index of a frame that was saved with it.
INDEX = ("", "Unnamed: 0", "__index_level_0__")


def find_columns(shape: Shape, options: Options) -> Columns:
    """Which column of a table holds what.

    Args:
        shape: the table.
        options: the columns that the user names; one that this table lacks is left out.
    """
    names = {name: plain_name(name) for name in shape.columns if name not in INDEX}

    timed = {name: plain_name(unit_in(name)[0]) for name in names}

    def known_as(role: str, fits: Any = None) -> list[str]:
        order = {alias: at for at, alias in reversed(list(enumerate(ALIASES[role])))}
        found = [name for name, plain in names.items() if plain in order]
        if role == "time":
            found += [name for name in names if name not in found and timed[name] in order]
        found = [name for name in found if fits is None or fits(shape, name)]
        rank = {name: order.get(names[name], order.get(timed[name], 0)) for name in found}
        return sorted(found, key=lambda name: (rank[name], name != names[name]))

    def first(role: str, fits: Any = None) -> str | None:
        return next(iter(known_as(role, fits)), None)

    def asked(column: str | None) -> str | None:
        return column if column in shape.columns else None

    trials = known_as("trial", _can_name)
    metrics = known_as("metric", _is_text)
    value = asked(options.value) or first("value", _is_numeric)
    step = asked(options.step)
    metric = None
    if value is not None and metrics:
        metric = metrics[0]
        if (
            plain_name(metric) == "name"
            and trials[:1] == [metric]
            and not _are_metrics(shape, metric)
        ):
            metric = None  # "name, step, value": names are those of runs
    trial = asked(options.trial) or next((name for name in trials if name != metric), None)
    steps = [step] if step else [name for name in known_as("step", _can_count) if name != trial]
    taken = {trial, metric, *steps}
    config = [name for name in names if CONFIG.match(name)]
    roles = {
        "study": first("study"),
        "time": asked(options.time) or first("time", partial(_is_time, trial=trial)),
        "split": first("split", _is_text),
        "start": first("start"),
        "end": first("end"),
        "status": first("status", _is_text),
    }
    roles["moment"] = next((n for n in known_as("time", _is_moment) if n != roles["time"]), None)
    roles = {role: name for role, name in roles.items() if name not in taken}
    taken |= {*roles.values(), *config}
    free = [name for name in names if name not in taken]
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
    asked = [(f"--{flag}", getattr(options, flag)) for flag in ("trial", "step", "time", "value")]
    asked += [("--where", column) for column, _ in options.where]
    for flag, column in asked:
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
    if shape.types:
        return shape.types.get(name) == "number"
    return all(map(_is_number, _cells(shape, name)))


def _has_numbers(shape: Shape, name: str) -> bool:
    """Whether some cell of a column is a number, or none has been seen."""
    if shape.types:
        return shape.types.get(name) == "number"
    given = _cells(shape, name)
    return not given or any(map(_is_number, given))


def _is_number(cell: Any) -> bool:
    if isinstance(cell, str):
        return cells.is_number(cell)
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _is_text(shape: Shape, name: str) -> bool:
    if shape.types:
        return shape.types.get(name) == "text"
    given = _cells(shape, name)
    return bool(given) and not any(map(_is_number, given))


def _are_metrics(shape: Shape, name: str) -> bool:
    """Whether most texts of a column name metrics."""
    given = dict.fromkeys(map(str, _cells(shape, name)))
    return 2 * sum(map(names_metric, given)) > len(given)


def _can_name(shape: Shape, name: str) -> bool:
    """Whether a column can hold ids: texts or whole numbers."""
    if shape.types:
        return shape.types.get(name) in ("text", "number")
    given = _cells(shape, name)
    if not given and shape.sample.get(name):
        return False
    return all(isinstance(c, str | int) and not isinstance(c, bool) for c in given) and not any(
        isinstance(c, str) and "." in c and cells.is_number(c) for c in given
    )


def _can_count(shape: Shape, name: str) -> bool:
    """Whether a column can count steps: its numbers are not negative."""
    if shape.types:
        return shape.types.get(name) == "number"
    given = _cells(shape, name)
    return all(_is_number(cell) and float(cell) >= 0 for cell in given) and bool(
        given or not shape.sample
    )


def _is_time(shape: Shape, name: str, trial: str | None) -> bool:
    """Whether a column can hold the times of reports, not how long each step took."""
    if shape.types:
        return shape.types.get(name) in ("number", "time", "text")
    kind = time_kind(_cells(shape, name))
    if kind is None:
        return False
    unsure = plain_name(unit_in(name)[0]) in ("time", "total_time", "total", "ts", "duration")
    return not unsure or kind == "timestamp" or _rises(shape, name, trial)


def _is_moment(shape: Shape, name: str) -> bool:
    """Whether a column holds points in time."""
    if shape.types:
        return shape.types.get(name) == "time"
    return time_kind(_cells(shape, name)) == "timestamp"


def _rises(shape: Shape, name: str, trial: str | None) -> bool:
    """Whether the times of a column grow within a trial, as those since its start do."""
    ids = shape.sample.get(trial or "", ()) or ("",) * len(shape.sample[name])
    rows = zip(ids, shape.sample[name], strict=True)
    given = [(i, _seconds(cell)) for i, cell in rows if not cells.is_missing(cell)]
    ahead = [b - a for (i, a), (j, b) in pairwise(given) if i == j]
    falls, rises = sum(step < 0 for step in ahead), sum(step > 0 for step in ahead)
    return bool(ahead) and rises * 2 > len(ahead) and falls * 5 <= len(ahead)


def _seconds(cell: Any) -> float:
    return duration(cell, "", "")


def time_kind(given: Sequence[Any]) -> str | None:
    """What times are: "timestamp" since 1970, "elapsed" since a start; None if they are no times.

    Args:
        given: the cells of the column's first rows that are not missing.
    """
    if not given:
        return None
    if all(map(_is_number, given)):
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
