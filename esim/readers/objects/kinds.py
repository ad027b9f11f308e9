"""Which objects are read in place of paths, and the module that reads each.

An object is recognised by the name of its class, or of one that it derives from, and by what it
offers; a table by the protocol through which it hands over its columns.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, cast

from esim.errors import EsimError
from esim.readers.choosing import not_taken
from esim.readers.formats import Format
from esim.readers.held import Held, is_named
from esim.readers.options import Options
from esim.readers.source import Source
from esim.readers.trackers.mlflow_client import shown


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        type: the name of its class, as users import it (`is_named`).
        needs: the attributes without which it cannot be read.
        reader: the module in this folder that has its `FORMAT` and `read`.
        called: gives the name of an object, "" if it has none.
    """

    type: str
    needs: tuple[str, ...]
    reader: str
    called: Callable[[Any], str] = lambda value: ""


TABLES = ("__arrow_c_stream__", "__dataframe__")
_KINDS = (
    Kind(
        "optuna.study.Study",
        ("study_name", "directions", "get_trials"),
        "optuna_study",
        lambda study: str(study.study_name),
    ),
    Kind(
        "ray.tune.ResultGrid",
        ("experiment_path", "_experiment_analysis"),
        "ray_results",
        lambda grid: PurePath(grid.experiment_path).name,
    ),
    Kind(
        "ray.tune.ExperimentAnalysis",
        ("experiment_path", "trials", "trial_dataframes"),
        "ray_results",
        lambda analysis: PurePath(analysis.experiment_path).name,
    ),
    Kind(
        "mlflow.MlflowClient",
        ("tracking_uri", "search_experiments", "search_runs", "get_metric_history"),
        "mlflow_store",
        lambda client: shown(str(client.tracking_uri)),
    ),
    Kind(
        "syne_tune.experiments.ExperimentResult",
        ("name", "results", "metadata"),
        "syne_tune_result",
        lambda result: str(result.name),
    ),
)
_HINTS = {
    "list": "give the items one by one: esim.read_studies(*items)",
    "tuple": "give the items one by one: esim.read_studies(*items)",
    "dict": "make a table of it: pandas.DataFrame(columns)",
    "generator": "give the items one by one: esim.read_studies(*items)",
    "polars.LazyFrame": "collect() it first",
    "esim.Study": "an esim.Study needs no reading: esim.replay(study)",
}

_ABSENT = object()


def is_object(given: Any) -> bool:
    """Whether something that is to be read is no path or address."""
    return not isinstance(given, str | os.PathLike)


def labels(given: Sequence[Any]) -> str:
    """Paths and objects that were given, as text for errors."""
    return ", ".join(_type_name(type(one)) if is_object(one) else str(one) for one in given)


def object_sources(
    given: Sequence[Any], format: str | None, options: Options
) -> list[tuple[Source, Format]]:
    """Each object as an input, and the format as which it is read.

    Args:
        given: the objects.
        format: the name of a format that the user asks for; None for the object's own.
        options: what else the user asked for.

    Raises:
        TypeError: one is of a type that is not read, or a path.
        EsimError: one is of another format than the user says, or does not take an option.
    """
    found = []
    for value in given:
        held, reader = _held(value)
        source = Source((held,), ())
        own = cast(Format, importlib.import_module(f"{__package__}.{reader}").FORMAT)
        own = replace(own, takes=own.takes or ())
        if format not in (None, own.name):
            raise EsimError(
                f"it is read as {own.name}, not as {format}", where=str(held), fix="no --format"
            )
        if own.lacks(options):
            raise not_taken(source, own, options)
        found.append((source, own))
    return found


def _held(value: Any) -> tuple[Held, str]:
    """An object as an input, and the module that reads it. Raises TypeError as `object_sources`."""
    for kind in _KINDS:
        if is_named(value, kind.type):
            lacking = [name for name in kind.needs if not _has(value, name)]
            if lacking:
                raise TypeError(
                    f"this {kind.type} cannot be read: it has no {', '.join(lacking)}; "
                    "its version may be too old or too new"
                )
            return Held(value, kind.type, kind.called(value)), kind.reader
    if not isinstance(value, type) and any(_has(value, name) for name in TABLES):
        return Held(value, _type_name(type(value))), "frames"
    raise _refusal(value)


def _refusal(value: Any) -> TypeError:
    if not is_object(value):
        return TypeError("paths and objects are read in calls of their own, not in the same one")
    hint = _HINTS.get(_type_name(type(value)))
    taken = [kind.type for kind in _KINDS]
    return TypeError(
        f"esim does not read objects of type {_type_name(type(value))}"
        + (f": {hint}" if hint else "")
        + "\n  taken: paths (str or os.PathLike), tables (pandas.DataFrame and all that have "
        + f"{' or '.join(TABLES)}), {', '.join(taken)}"
    )


def _type_name(kind: type) -> str:
    package = kind.__module__.partition(".")[0]
    return kind.__qualname__ if package == "builtins" else f"{package}.{kind.__qualname__}"


def _has(value: Any, name: str) -> bool:
    """Whether an object has an attribute, found without running a property of it."""
    return inspect.getattr_static(value, name, _ABSENT) is not _ABSENT
