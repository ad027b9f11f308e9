"""Reads LCBench: ``data_2k_lw.json`` and the other files of it, and the zip files they come in.

The file is ``{data set: {id: {"config": {...}, "log": {"time": [...], "epoch": [...],
"Train/val_accuracy": [...], ...}, "results": {...}}}}``. A data set is a study, a configuration a
trial, in the order of their ids. Of the 52 entries of a log, the first is before training, and the
last is written once more behind the 50 epochs: both are left out, and times count from the first.
So do Syne Tune (blackbox_repository/conversion_scripts/scripts/lcbench/lcbench.py) and, as to the
epochs, the authors (automl/LCBench, notebooks/Task A.ipynb: epoch 0 is before training, and entry
50 is the final value). Their tasks predict Train/val_accuracy, which is the objective.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.config_files import flat_config
from esim.readers.encodings import archive, big_json, cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, detected, file_notes, studies
from esim.readers.source import File, Source
from esim.study import Float64, Note

FORMAT = Format(
    name="lcbench",
    summary="LCBench: data_2k_lw.json, also in its zip; a data set is a study",
    times=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="data_2k_lw.json, also in its zip",
)

OBJECTIVE = "Train/val_accuracy"
TIME, EPOCH = "time", "epoch"
_MEMBER = re.compile(r".*\.json")
_LOG = re.compile(rb'"log"\s*+:\s*+\{'), re.compile(rb'"Train/[a-z_]+"\s*+:\s*+\[')
_START = re.compile(
    rb'\s*+\{\s*+"[^"]*+"\s*+:\s*+\{\s*+"[^"]*+"\s*+:\s*+\{\s*+"(?:config|log|results)"\s*+:\s*+\{'
)


def detect(source: Source) -> Detection:
    """Whether there is a JSON object of data sets of configurations with logs."""
    return detected(_files(source), "with data sets of configurations with logs")


def read(source: Source, options: Options) -> Found:
    """Read a study for each data set.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: an archive is damaged, the JSON is broken, or a log holds something other than
            numbers.
    """
    files = _files(source)
    objective = options.objective or OBJECTIVE
    found: list[tuple[str, dict[str, Run]]] = []
    known: dict[tuple[str, ...], tuple[str, ...]] = {}  # names of metrics, each list kept once

    def wanted(study: str) -> bool:
        found.append((study, {}))
        return not options.studies or study in options.studies

    for part in archive.parts(files, _MEMBER):
        for study, trial, text in big_json.entries(part.data, part.place, wanted):
            place = f"{part.place}, {study}, configuration {trial}"
            found[-1][1][trial] = _run(trial, jsontext.parse(text, place), place, objective, known)
    experiments = [
        Experiment(
            name=study,
            runs=[runs[trial] for trial in sorted(runs, key=natural)],
            where=f"{source.label}, {study}",
            objective=OBJECTIVE,
            objective_from="LCBench",
            direction="maximize",
            times="elapsed",
            notes=_notes(len(runs)),
        )
        for study, runs in found
    ]
    return studies(experiments, options, source, file_notes(source, set(files)))


def _files(source: Source) -> list[File]:
    heads = ((file, archive.beginning(file)[1]) for file in source.files)
    return [f for f, head in heads if _START.match(head) and all(p.search(head) for p in _LOG)]


def _run(
    trial: str,
    entry: Any,
    place: str,
    objective: str,
    known: dict[tuple[str, ...], tuple[str, ...]],
) -> Run:
    """The run of a configuration, with the curve of the objective only."""
    log, config = entry.get("log"), entry.get("config")
    if not isinstance(log, dict) or not isinstance(config, dict):
        raise EsimError("not a configuration of LCBench", where=place, why="config, log, results")
    names = tuple(
        name
        for name, values in log.items()
        if isinstance(values, list) and name not in (TIME, EPOCH)
    )
    curve = _curve(log, objective, place)
    return Run(trial, known.setdefault(names, names), lambda _: curve, config=flat_config(config))


def _curve(log: Mapping[str, Any], objective: str, place: str) -> Curve:
    """The curve of a metric; it has no reports if the log does not have it."""
    lists = {name: log.get(name) for name in (objective, EPOCH, TIME)}
    values, epochs, times = (x if isinstance(x, list) else [] for x in lists.values())
    if len(epochs) != len(values):
        epochs = list(range(len(values)))
    steps = [cells.integer(epoch, place, EPOCH) for epoch in epochs[1:-1]]
    seconds = _numbers(times, TIME, place)
    return Curve(
        np.array(steps, dtype=np.int64),
        _numbers(values[1:-1], objective, place),
        seconds[1:-1] - seconds[0] if len(times) == len(values) > 0 else None,
    )


def _numbers(values: list[Any], name: str, place: str) -> Float64:
    return np.array([cells.number(value, place, name) for value in values], dtype=np.float64)


def _notes(n: int) -> tuple[Note, ...]:
    text = (
        f"of each of {plural(n, 'log')} the first entry, before training, and the last, "
        "behind the last "
        "epoch, are left out"
    )
    return Note("step_column", "steps are epochs"), Note("entries_left_out", text, 2 * n)
