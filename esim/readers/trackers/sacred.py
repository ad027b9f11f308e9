"""Reads Sacred's FileStorageObserver: ``<run>/{run.json, config.json, metrics.json}``.

A folder of runs is one study. Times are UTC, as Sacred writes them. Objects that Sacred stored with
jsonpickle are never restored; they are read as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.times import parse_time
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, detected
from esim.readers.source import File, Source
from esim.study import Note, Status

FORMAT = Format(
    name="sacred",
    summary="Sacred FileStorageObserver: run.json, config.json, metrics.json; a folder of runs "
    "is a study",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    files="run.json, config.json, metrics.json",
)

RUN, CONFIG, METRICS = "run.json", "config.json", "metrics.json"
STATUSES: Mapping[str, Status] = {
    "interrupted": Status.STOPPED,
    "timeout": Status.STOPPED,
    "queued": Status.RUNNING,
    "died": Status.FAILED,
}


def detect(source: Source) -> Detection:
    """Whether there is a run.json with a heartbeat, and a config.json beside it."""
    files = _run_files(source)
    return detected(files, "of Sacred", source.below({file.folder for file in files}))


def read(source: Source, options: Options) -> Found:
    """Read a study for each folder of runs.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: the JSON is broken, or metrics are not lists of steps, values and timestamps.
    """
    groups: dict[str, list[File]] = {}
    for file in _run_files(source):
        groups.setdefault(file.folder.rpartition("/")[0], []).append(file)
    if not groups:
        raise EsimError("no run of Sacred", where=source.label)
    used: set[File] = set()
    experiments = [_experiment(source, folder, files, used) for folder, files in groups.items()]
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _run_files(source: Source) -> list[File]:
    return [
        file
        for file in source.by_base.get(RUN, ())
        if any(beside.base == CONFIG for beside in source.by_folder[file.folder])
        and b'"heartbeat"' in file.read()
    ]


def _experiment(source: Source, folder: str, files: list[File], used: set[File]) -> Experiment:
    unknown: list[str] = []
    names: dict[str, None] = {}
    made = []
    for file in sorted(files, key=lambda file: natural(file.folder)):
        beside = {one.base: one for one in source.by_folder[file.folder]}
        used.update(beside[name] for name in (RUN, CONFIG, METRICS) if name in beside)
        record = _mapping(file)
        about = record.get("experiment")
        if isinstance(about, Mapping):
            names[str(about.get("name"))] = None
        metrics = _mapping(beside[METRICS]) if METRICS in beside else {}
        times = [record.get("start_time"), record.get("stop_time")]
        start, end = (math.nan if t is None else parse_time(t, str(file)) for t in times)
        made.append(
            Run(
                trial=file.folder.rpartition("/")[2] or source.default_name,
                metrics=list(metrics),
                curve=_curve(metrics, str(beside.get(METRICS))),
                start=start,
                end=end,
                status=runs.status_of(str(record.get("status", "")), STATUSES, unknown),
                config=_config(_mapping(beside[CONFIG])),
            )
        )
    notes = runs.status_note(unknown)
    if len(names) > 1:
        text = f"runs of {len(names)} experiments are one study: {some(list(names))}"
        notes.append(Note("experiments_joined", text, len(names)))
    name = runs.folder_name(source, folder)
    return Experiment(name, made, f"{source.label}, folder {name!r}", notes=tuple(notes))


def _mapping(file: File) -> Mapping[str, Any]:
    found = jsontext.document(file)
    if not isinstance(found, Mapping):
        raise EsimError("not a JSON object", where=str(file))
    return found


def _curve(metrics: Mapping[str, Any], where: str) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        place = f"{where}, metric {metric!r}"
        record = metrics[metric]
        columns = [record.get(key) for key in ("steps", "values", "timestamps")]
        if not all(isinstance(column, list) for column in columns):
            raise EsimError("no lists of steps, values and timestamps", where=place)
        steps, values, times = columns
        if not len(steps) == len(values) == len(times):
            lengths = f"{len(steps)}, {len(values)}, {len(times)}"
            raise EsimError(
                "steps, values and timestamps differ in length", where=place, why=lengths
            )
        return Curve(
            np.array([cells.integer(step, place, "steps") for step in steps], dtype=np.int64),
            np.array([cells.number(_plain(v), place, "values") for v in values], np.float64),
            np.array([parse_time(time, place) for time in times], dtype=np.float64),
        )

    return curve


def _plain(value: Any) -> Any:
    """A number; jsonpickle may have wrapped it as {"py/object": "numpy.float64", "value": 0.5}."""
    return value.get("value") if isinstance(value, Mapping) else value


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters, without what jsonpickle wrapped around some values."""
    return {
        name: _plain(value) if isinstance(value, Mapping) and "value" in value else value
        for name, value in config.items()
        if name != "__doc__"
    }
