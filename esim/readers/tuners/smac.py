"""Reads SMAC3's ``runhistory.json``: a value for each configuration, instance, seed and budget.

A run of a multi-fidelity facade or intensifier has budgets, which are the steps. An entry has had
four shapes:

- 2.3 and later: ``{"config_id", "instance", "seed", "budget", "cost", "status", "starttime", ...}``
- 2.0 to 2.2: ``[config id, instance, seed, budget, cost, time, status, start, end, info]``
- 1.x: ``[[config id, instance, seed, budget], [cost, time, status, start, end, info]]``, where
  budget 0 is none
- 0.x: ``[[config id, instance, seed], [cost, time, status, info]]``
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.encodings import cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Experiment
from esim.readers.source import File, Source
from esim.readers.tuners import budgets
from esim.readers.tuners.budgets import Evaluation

FORMAT = Format(
    name="smac",
    summary="SMAC3: runhistory.json; a budget is a step",
    needs=("objective, if there are several",),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="runhistory.json, scenario.json",
)

HISTORY, SCENARIO = "runhistory.json", "scenario.json"
BESIDE = (SCENARIO, "configspace.json", "intensifier.json", "optimization.json", "stats.json")
FIELDS = (
    *("config_id", "instance", "seed", "budget"),
    *("cost", "time", "status", "starttime", "endtime", "additional_info"),
)
OBJECTIVE = "cost"  # what SMAC calls a single objective; it minimizes all of them
SUCCESSES = ("success", "donotadvance")
RUNNING = ("running", "stop")
FAILURES = ("crashed", "timeout", "abort", "memout", "memoryout", "capped")
CODES = ("running", "success", "crashed", "timeout", "memoryout")  # numbers since 2.0
TO_RECORD = (
    "next time use MultiFidelityFacade with min_budget and max_budget, or let the target function "
    "append a row trial,step,value to a CSV file at each epoch"
)
_DATA = re.compile(rb'"data"\s*:\s*\[')
_BUDGET = re.compile(rb'"budget"\s*:\s*[0-9.]*[1-9]|\[\s*[0-9]+\s*,[^][,]*,[^][,]*,\s*[0-9.]*[1-9]')


@dataclass(frozen=True)
class _Entry:
    """An entry of a history.

    Attributes:
        config_id, instance, seed: what was run, as text; "" if there is none.
        budget: its budget, NaN if it has none.
        costs: its value of each objective.
        status: SMAC's word for how it ended, in lower case.
        start, end: seconds since 1970 UTC, NaN if unknown.
        info: what the target function returned beside the costs.
    """

    config_id: str
    instance: str
    seed: str
    budget: float
    costs: tuple[Any, ...]
    status: str
    start: float
    end: float
    info: Any


def detect(source: Source) -> Detection:
    """Whether there is a runhistory.json with the entries of SMAC."""
    files = _histories(source)
    folders = {file.folder for file in files}
    beside = [file for name in BESIDE for file in source.by_base.get(name, ())]
    claims = frozenset([*files, *(file for file in beside if file.folder in folders)])
    budgets_seen = any(_BUDGET.search(file.head) for file in files)
    return runs.detected(files, "of SMAC", claims, weak=not budgets_seen)


def read(source: Source, options: Options) -> Found:
    """Read a study for each history.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: an entry is none of SMAC's, or no entry has a budget, so that there are no
            curves.
    """
    files = _histories(source)
    if not files:
        raise EsimError("no history of SMAC", where=source.label)
    used: set[File] = set(files)
    experiments = [_experiment(source, file, options, used) for file in files]
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _histories(source: Source) -> list[File]:
    return [file for file in source.by_base.get(HISTORY, ()) if _DATA.search(file.head)]


def _experiment(source: Source, file: File, options: Options, used: set[File]) -> Experiment:
    document = jsontext.document(file)
    data = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(data, list):
        raise EsimError("no list of data", where=str(file))
    entries = [_entry(one, f"{file}, entry {number}") for number, one in enumerate(data, start=1)]
    scenario = _scenario(source, file, used)
    named = scenario.get("objectives")
    objectives = (
        [str(one) for one in named] if isinstance(named, list) else [str(named or OBJECTIVE)]
    )
    several = len({(one.instance, one.seed) for one in entries}) > 1
    with jsontext.shaped("no configurations", str(file)):
        configs = {key: {**config} for key, config in (document.get("configs") or {}).items()}
    own = {_trial(one, several): configs.get(one.config_id, {}) for one in entries}
    name = runs.folder_name(source, file.folder)
    if all(math.isnan(one.budget) for one in entries):
        why = (
            f"SMAC keeps only the final cost of each of {plural(len(entries), 'run')}: none "
            "has a budget"
        )
        return runs.without_curves(name, own, str(file), why=why, to_record=TO_RECORD)
    unbudgeted = [one for one in entries if math.isnan(one.budget)]
    if unbudgeted:
        raise EsimError(
            "some entries have a budget and some have none",
            where=str(file),
            why=f"{len(unbudgeted)} of {len(entries)} have none",
        )
    # All objectives are minimized, one that the user asks for too.
    objective = options.objective or (objectives[0] if len(objectives) == 1 else None)
    known = (*SUCCESSES, *RUNNING, *FAILURES)
    return budgets.experiment(
        name,
        [_evaluation(one, _trial(one, several), objectives, str(file)) for one in entries],
        own,
        str(file),
        objective=objective,
        objective_from="SMAC",
        direction="minimize" if objective in objectives else None,
        notes=runs.status_note([one.status for one in entries if one.status not in known]),
    )


def _scenario(source: Source, file: File, used: set[File]) -> Mapping[str, Any]:
    """The scenario beside a history; empty if there is none."""
    for beside in source.by_folder[file.folder]:
        if beside.base == SCENARIO:
            used.add(beside)
            found = jsontext.document(beside)
            return found if isinstance(found, Mapping) else {}
    return {}


def _entry(given: Any, place: str) -> _Entry:
    """An entry in any of the shapes that SMAC has written."""
    match given:
        case {"config_id": _, "instance": _, "seed": _, "cost": _}:
            row = dict(given)
        case [[_, _, _], [cost, _, status, info]]:
            values = [*given[0], None, cost, None, status, None, None, info]
            row = dict(zip(FIELDS, values, strict=True))
        case [[_, _, _, _], [_, _, _, _, _, _]]:
            row = dict(zip(FIELDS, [*given[0], *given[1]], strict=True))
            row["budget"] = row["budget"] or None
        case [_, _, _, _, _, _, _, _, _, _]:
            row = dict(zip(FIELDS, given, strict=True))
        case _:
            raise EsimError("not an entry of SMAC's history", where=place, why=str(given)[:60])
    cost = row["cost"]
    return _Entry(
        config_id=str(row["config_id"]),
        instance=str(row["instance"] or ""),
        seed="" if row["seed"] is None else str(row["seed"]),
        budget=cells.number(row.get("budget"), place, "budget"),
        costs=tuple(cost) if isinstance(cost, list) else (cost,),
        status=_word(row.get("status")),
        start=cells.number(row.get("starttime"), place, "starttime") or math.nan,
        end=cells.number(row.get("endtime"), place, "endtime") or math.nan,
        info=row.get("additional_info"),
    )


def _word(status: Any) -> str:
    """SMAC's word for a status: before 2.0 ``{"__enum__": "StatusType.SUCCESS"}``, then a code."""
    if isinstance(status, Mapping):
        status = str(status.get("__enum__", "")).rpartition(".")[2]
    if type(status) is int and 0 <= status < len(CODES):
        return CODES[status]
    return str(status).lower()


def _trial(entry: _Entry, several: bool) -> str:
    """The name of the trial of an entry; with the instance and seed if there are several."""
    parts = [entry.config_id]
    if several:
        parts += [f"instance {entry.instance}"] if entry.instance else []
        parts += [f"seed {entry.seed}"] if entry.seed else []
    return ", ".join(parts)


def _evaluation(one: _Entry, trial: str, objectives: Sequence[str], place: str) -> Evaluation:
    values: dict[str, float] = {}
    if one.status in SUCCESSES:
        costs = zip(objectives, one.costs, strict=False)
        values = {name: cells.number(cost, place, name) for name, cost in costs}
        values = {**values, **budgets.numbers(one.info), **values}
    return Evaluation(
        trial=trial,
        budget=one.budget,
        start=one.start,
        end=one.end,
        values=values,
        failed=one.status in FAILURES,
        running=one.status in RUNNING,
    )
