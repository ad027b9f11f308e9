"""Reads TaskSet: ``<task>/<optimizers>_10000_replica5.npz``, or a JSON file of a task.

The .npz file, which its authors publish (google-research/task_set), holds "optimizers" [N], the
steps "xs" [R], and the losses "ys" [N, 5, R, 4]: training, inner validation, outer validation and
test, as train_inner.py writes them. Each of the five replicas is a study, as a tuning job trains
each optimizer once. The hyperparameters stand in ``<optimizers>.json`` beside it, which the authors
keep in task_set/optimizers/configs.

The JSON file is an excerpt that others made (DyHPO, DPL), with the mean of the replicas:
``[{"hp": {...}, "train": {"loss": [...]}, "valid": {...}, "test": {...}}, ...]``, where "hp" holds
the hyperparameters. Trials have no ids: they are numbered from 0 in the order of the file. Their
"test" is the outer validation.

The first point of a curve is before training. The objective is the inner validation loss.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.readers.config_files import flat_config
from esim.readers.encodings import archive, arrays, cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, detected, file_notes, studies
from esim.readers.source import File, Source
from esim.readers.whole_steps import whole_steps
from esim.study import Int64, Note

FORMAT = Format(
    name="taskset",
    summary="TaskSet: a .npz file a task and list of optimizers, or a JSON file a task",
    configs=True,
    several_studies=True,
    by_contents=True,
    first_step="before",
    files="a JSON file a task, with all its curves",
)

_START = re.compile(rb'\s*\[\s*\{\s*"hp"\s*:')
OBJECTIVE = "valid/loss"
LOSSES = ("train/loss", OBJECTIVE, "valid_outer/loss", "test/loss")  # of an .npz file
_NPZ = re.compile(r"((.+?)(?:_1k)?)_[0-9]+_replica[0-9]+\.npz")  # optimizers, and their JSON
_ARRAY = re.compile(r"(?:optimizers|xs|ys)\.npy")


def detect(source: Source) -> Detection:
    """Whether there are .npz files of TaskSet's names, or lists whose first object has "hp"."""
    lists, zipped = _lists(source), _zipped(source)
    claims = {*lists, *zipped, *(file for of in zipped for file in _configs(source, of))}
    what = 'with a list of objects that start with "hp"' if lists else "of TaskSet"
    return detected([*lists, *zipped], what, frozenset(claims))


def read(source: Source, options: Options) -> Found:
    """Read a study for each JSON file, and for each replica of an .npz file.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: as `esim.readers.runs.studies`, and if an array is missing or of another shape.
    """
    lists, zipped = _lists(source), _zipped(source)
    if not lists and not zipped:
        raise EsimError('no list of objects with "hp"', where=source.label)
    used = {*lists, *zipped}
    experiments = []
    for file in lists:
        runs = [_run(i, entry, file) for i, entry in enumerate(jsontext.document(file))]
        steps = Note("step_column", "steps number the points of a curve; 0 is before training")
        experiments.append(_experiment(file.plain_name.removesuffix(".json"), runs, file, steps))
    for file in zipped:
        configs = _configs(source, file)
        used.update(configs)
        experiments += _replicas(file, configs)
    return studies(experiments, options, source, file_notes(source, used))


def _lists(source: Source) -> list[File]:
    return [file for file in source.files if _START.match(file.head)]


def _zipped(source: Source) -> list[File]:
    return [f for f in source.files if _NPZ.fullmatch(f.base) and archive.is_archive(f)]


def _configs(source: Source, file: File) -> list[File]:
    """The files of hyperparameters for an .npz file."""
    named = _NPZ.fullmatch(file.base)
    return source.by_base.get(f"{named[2]}.json", []) if named else []


def _experiment(name: str, runs: list[Run], file: File, steps: Note) -> Experiment:
    return Experiment(
        name=name,
        runs=runs,
        where=str(file),
        objective=OBJECTIVE,
        objective_from="TaskSet",
        direction="minimize",
        notes=(steps,),
    )


def _replicas(file: File, configs: list[File]) -> list[Experiment]:
    """The study of each replica in an .npz file."""
    held = {
        part.base.removesuffix(".npy"): arrays.array(part.data, part.place)
        for part in archive.parts([file], _ARRAY)
    }
    shapes = ", ".join(f"{name} {array.shape}" for name, array in held.items())
    try:
        names, xs, ys = held["optimizers"], held["xs"], held["ys"]
        fits = ys.shape == (len(names), ys.shape[1], len(xs), len(LOSSES))
        fits = fits and ys.dtype.kind == "f" and xs.dtype.kind in "fiu"
    except (KeyError, IndexError, TypeError):
        fits = False
    if not fits:
        why = f"it holds {shapes}; expected optimizers [N], xs [R], ys [N, replicas, R, 4]"
        raise EsimError("not the arrays of TaskSet", where=str(file), why=why)
    steps, notes = whole_steps(xs.astype(np.float64), "xs", str(file))
    optimizers = [n.decode() if isinstance(n, bytes) else str(n) for n in names.tolist()]
    hyperparameters: dict[str, Any] = {}
    for config in configs:
        listed = jsontext.document(config)
        if not isinstance(listed, dict):
            raise EsimError("not a JSON object", where=str(config))
        hyperparameters.update(listed)
    named = _NPZ.fullmatch(file.base)
    stem = f"{file.path.resolve().parent.name}/{named[1] if named else file.base}"
    experiments = []
    for replica in range(ys.shape[1]):
        runs = [
            Run(
                optimizer,
                LOSSES,
                _curve_of(steps, ys[i, replica]),
                config=_hyperparameters(hyperparameters.get(optimizer)),
            )
            for i, optimizer in enumerate(optimizers)
        ]
        note = notes[0] if notes else Note("step_column", "steps are training steps")
        experiments.append(_experiment(f"{stem}/replica{replica}", runs, file, note))
    return experiments


def _curve_of(steps: Int64, losses: NDArray[Any]) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        return Curve(steps, losses[:, LOSSES.index(metric)].astype(np.float64))

    return curve


def _hyperparameters(entry: Any) -> dict[str, Any]:
    """Those of an optimizer, listed as ``[{"learning_rate": 0.1, ...}, "adam8p_wide_grid"]``."""
    values = entry[0] if isinstance(entry, list) and entry else entry
    return flat_config(values) if isinstance(values, dict) else {}


def _run(number: int, entry: Any, file: File) -> Run:
    place = f"{file}, trial {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("hp"), dict):
        raise EsimError("not a trial of TaskSet", where=place, why="hp, train, valid and test")
    curves: Mapping[str, list[Any]] = {
        f"{split}/{metric}": points
        for split, metrics in entry.items()
        if split != "hp" and isinstance(metrics, dict)
        for metric, points in metrics.items()
        if isinstance(points, list)
    }

    def curve(metric: str) -> Curve:
        points = [cells.number(point, place, metric) for point in curves[metric]]
        values = np.array(points, dtype=np.float64)
        return Curve(np.arange(len(values), dtype=np.int64), values)

    return Run(str(number), list(curves), curve, config=flat_config(entry["hp"]))
