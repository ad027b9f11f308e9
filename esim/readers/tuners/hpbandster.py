"""Reads the JSON lines that HpBandSter's json_result_logger writes: results.json and configs.json.

A result is ``[config id, budget, {submitted, started, finished}, {loss, info} or null, exception
or null]``, a configuration is ``[config id, {hyperparameters}, {info}]``.
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

FORMAT = Format(
    name="hpbandster",
    summary="HpBandSter: results.json and configs.json; a budget is a step",
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="results.json, configs.json",
)

RESULTS, CONFIGS = "results.json", "configs.json"
LOSS = "loss"  # every worker of HpBandSter returns it, and HpBandSter minimizes it


def detect(source: Source) -> Detection:
    """Whether there is a results.json whose lines are lists that begin with an id."""
    files = _result_files(source)
    claims = source.below({file.folder for file in files})
    return runs.detected(files, "are results of HpBandSter", claims)


def read(source: Source, options: Options) -> Found:
    """Read a study for each results.json.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a line is no result or configuration; the error names path and line.
    """
    files = _result_files(source)
    if not files:
        raise EsimError("no results of HpBandSter", where=source.label)
    used: set[File] = set()
    experiments = [_experiment(source, file, used) for file in files]
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _result_files(source: Source) -> list[File]:
    return [f for f in source.by_base.get(RESULTS, ()) if f.head.lstrip().startswith(b"[[")]


def _experiment(source: Source, file: File, used: set[File]) -> Experiment:
    used.add(file)
    evaluations = []
    for place, row in jsontext.lines(file):
        if not isinstance(row, list) or len(row) != 5 or not isinstance(row[2], Mapping):
            raise EsimError("not a result of HpBandSter", where=place, why=str(row)[:60])
        key, budget, times, result, exception = row
        evaluations.append(
            Evaluation(
                trial=_text(key),
                budget=cells.number(budget, place, "budget"),
                start=cells.number(times.get("started"), place, "started"),
                end=cells.number(times.get("finished"), place, "finished"),
                values=_values(result, place),
                failed=result is None or bool(exception),
            )
        )
    configs: dict[str, Mapping[str, Any]] = {}
    for beside in source.by_folder[file.folder]:
        if beside.base == CONFIGS:
            used.add(beside)
            for place, row in jsontext.lines(beside):
                if not (isinstance(row, list) and len(row) > 1 and isinstance(row[1], Mapping)):
                    raise EsimError("not a configuration", where=place, why=str(row)[:60])
                configs[_text(row[0])] = row[1]
    return budgets.experiment(
        runs.folder_name(source, file.folder),
        evaluations,
        configs,
        str(file),
        objective=LOSS,
        objective_from="HpBandSter",
        direction="minimize",
    )


def _text(key: Any) -> str:
    """A configuration's id, [iteration, stage, number], as text."""
    return ",".join(map(str, key)) if isinstance(key, list) else str(key)


def _values(result: Any, place: str) -> dict[str, float]:
    """The loss and the numbers in the result's info, by their names."""
    if not isinstance(result, Mapping):
        return {}
    loss = {LOSS: cells.number(result.get(LOSS), place, LOSS)}
    return {**loss, **budgets.numbers(result.get("info")), **loss}
