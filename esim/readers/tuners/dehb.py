"""Reads DEHB's ``history.parquet.gzip``: a row for each evaluation at a fidelity.

Columns: ``config_id``, ``config`` (a vector in [0, 1]), ``fitness``, ``cost``, ``fidelity``, and
``info`` if the user's function returned any. DEHB minimizes the fitness.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings import cells
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Experiment
from esim.readers.source import Source
from esim.readers.tables.records import records
from esim.readers.tables.shape import Shape, shape_of
from esim.readers.tuners import budgets
from esim.readers.tuners.budgets import Evaluation
from esim.study import Note

FORMAT = Format(
    name="dehb",
    summary="DEHB: history.parquet.gzip; a fidelity is a step",
    configs=True,
    several_studies=True,
    first_step="before",
    files="history.parquet.gzip",
)

# The second is written when the time is used up, and holds what the first one holds and more.
HISTORIES = ("history.parquet.gzip", "overtime_history.parquet.gzip")
STATE, INCUMBENT = "dehb_state.json", "incumbent.json"
FITNESS, COST = "fitness", "cost"
COLUMNS = frozenset({"config_id", "config", FITNESS, COST, "fidelity"})
WHY = "DEHB saved its state, but no history of evaluations"
TO_RECORD = (
    "next time call dehb.save() at the end, with a pyarrow that can be imported: without it DEHB "
    "only warns and saves no history"
)


def detect(source: Source) -> Detection:
    """Whether there is a history of evaluations, or the state of a run that saved none."""
    files = [shape.file for shape in _histories(source)]
    states = [file for file in source.by_base.get(STATE, ()) if b'"DE_params"' in file.head]
    folders = {file.folder for file in (*files, *states)}
    beside = [file for name in (INCUMBENT, "dehb.log") for file in source.by_base.get(name, ())]
    claims = frozenset([*files, *states, *(file for file in beside if file.folder in folders)])
    return runs.detected(files or states, "of DEHB", claims, weak=not files)


def read(source: Source, options: Options) -> Found:
    """Read a study for each history.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a row lacks a number, or there are only states of runs without a history.
    """
    histories = _histories(source)
    states = source.by_base.get(STATE, [])
    if not histories and not states:
        raise EsimError("no history of DEHB", where=source.label)
    if not histories:
        raise runs.no_curves(some([str(one) for one in states]), why=WHY, to_record=TO_RECORD)
    experiments = [_experiment(source, shape) for shape in histories]
    used = {shape.file for shape in histories}
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _histories(source: Source) -> list[Shape]:
    """The history of each folder."""
    found: dict[str, Shape] = {}
    for file in (file for name in HISTORIES for file in source.by_base.get(name, ())):
        shape = shape_of(file)
        if shape is not None and COLUMNS.issubset(shape.columns):
            found[file.folder] = shape
    return list(found.values())


def _experiment(source: Source, shape: Shape) -> Experiment:
    evaluations = []
    configs: dict[str, Mapping[str, Any]] = {}
    for place, row in records(shape):
        trial = cells.identifier(row["config_id"], place, "config_id")
        own = {name: cells.number(row[name], place, name) for name in (FITNESS, COST)}
        evaluations.append(
            Evaluation(
                trial=trial,
                budget=cells.number(row["fidelity"], place, "fidelity"),
                start=math.nan,
                end=math.nan,
                values={**own, **budgets.numbers(row.get("info")), **own},
            )
        )
        vector = enumerate(row["config"] or ())
        configs[trial] = {f"config[{i}]": value for i, value in vector}
    text = "DEHB keeps configurations as vectors in [0, 1], and no times; cost is a metric here"
    made = budgets.experiment(
        runs.folder_name(source, shape.file.folder),
        evaluations,
        configs,
        str(shape.file),
        objective=FITNESS,
        objective_from="DEHB",
        direction="minimize",
        notes=[Note("config_vectors", text)],
    )
    return replace(made, ordered_by="DEHB's history")
