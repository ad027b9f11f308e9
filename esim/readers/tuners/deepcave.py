"""Reads runs in DeepCAVE's own format: ``history.jsonl``, ``configs.json`` and ``meta.json``.

A line of the history is ``[config id, budget, seed, [costs], start, end, status, {...}]``. The file
meta.json lists the objectives in the order of the costs, each with its direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.encodings import cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Experiment
from esim.readers.source import File, Source
from esim.readers.tuners import budgets
from esim.readers.tuners.budgets import Evaluation
from esim.study import Direction

FORMAT = Format(
    name="deepcave",
    summary="DeepCAVE runs: history.jsonl, configs.json, meta.json; a budget is a step",
    needs=("objective, if there are several",),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="history.jsonl, configs.json, meta.json",
)

HISTORY, CONFIGS, META = "history.jsonl", "configs.json", "meta.json"
# The codes of deepcave.runs.status: 2 timed out, 3 out of memory, 4 crashed, 5 aborted.
SUCCESS = 1
DIRECTIONS: Mapping[Any, Direction] = {"lower": "minimize", "upper": "maximize"}


def detect(source: Source) -> Detection:
    """Whether there is a history.jsonl of lists, with a meta.json beside it."""
    files = _histories(source)
    return runs.detected(files, "of DeepCAVE", source.below({file.folder for file in files}))


def read(source: Source, options: Options) -> Found:
    """Read a study for each history.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a line is not one of a history; the error names path and line.
    """
    files = _histories(source)
    if not files:
        raise EsimError("no history of DeepCAVE", where=source.label)
    used: set[File] = set()
    experiments = [_experiment(source, file, options, used) for file in files]
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _histories(source: Source) -> list[File]:
    return [
        file
        for file in source.by_base.get(HISTORY, ())
        if file.head.startswith(b"[")
        and any(beside.base == META for beside in source.by_folder[file.folder])
    ]


def _experiment(source: Source, file: File, options: Options, used: set[File]) -> Experiment:
    beside = {one.base: one for one in source.by_folder[file.folder]}
    used.update(one for one in (file, beside[META], beside.get(CONFIGS)) if one is not None)
    objectives = _objectives(beside[META])
    configs = jsontext.document(beside[CONFIGS]) if CONFIGS in beside else {}
    rows = list(jsontext.lines(file))
    for place, row in rows:
        if not (isinstance(row, list) and len(row) >= 7 and isinstance(row[3], list)):
            raise EsimError("not a line of a history", where=place, why=str(row)[:60])
    several = len({str(row[2]) for _, row in rows}) > 1
    evaluations = []
    own: dict[str, Mapping[str, Any]] = {}
    for place, (key, budget, seed, costs, start, end, status, *_) in rows:
        trial = f"{key}, seed {seed}" if several else str(key)
        config = configs.get(str(key), {}) if isinstance(configs, Mapping) else {}
        if not isinstance(config, Mapping):
            raise EsimError("not a configuration", where=f"{beside[CONFIGS]}, key {key}")
        own[trial] = config
        values = zip(objectives, costs, strict=False)
        evaluations.append(
            Evaluation(
                trial=trial,
                budget=cells.number(budget, place, "budget"),
                start=cells.number(start, place, "start"),
                end=cells.number(end, place, "end"),
                values={name: cells.number(cost, place, name) for name, cost in values}
                if status == SUCCESS
                else {},
                failed=status != SUCCESS,
            )
        )
    # meta.json also records the direction of an objective that the user asks for.
    objective = options.objective or (next(iter(objectives)) if len(objectives) == 1 else None)
    return budgets.experiment(
        runs.folder_name(source, file.folder),
        evaluations,
        own,
        str(file),
        objective=objective,
        objective_from=META,
        direction=objectives.get(objective or ""),
    )


def _objectives(file: File) -> dict[str, Direction | None]:
    meta = jsontext.document(file)
    listed = meta.get("objectives") if isinstance(meta, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise EsimError("no list of objectives", where=str(file))
    return {str(one.get("name")): DIRECTIONS.get(str(one.get("optimize"))) for one in listed}
