"""Reads MLflow's file store: ``<experiment>/<run>/{meta.yaml, metrics/, params/, tags/}``.

The file of a metric has a line for each value, ``<ms> <value> [<step> [<dataset> <digest>]]``.
MLflow's own reader takes step 0 for lines with a dataset; here the third field is always the step.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings import cells
from esim.readers.encodings.endings import ended_lines
from esim.readers.encodings.utf8 import text_of
from esim.readers.source import File, Source
from esim.readers.trackers.mlflow_records import PARENT, RUN_NAME, LoggedMetric, MlflowRun

META = "meta.yaml"
STATUSES = ("", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")  # codes 1 to 5

_IS_RUN = re.compile(rb"^run_(?:id|uuid):", re.MULTILINE)


def run_folders(source: Source) -> dict[str, File]:
    """The folder of each run, and the meta.yaml in it."""
    found = source.by_base.get(META, [])
    return {file.folder: file for file in found if _IS_RUN.search(file.head)}


def stores(folders: dict[str, File]) -> set[str]:
    """The folders that hold the experiments of some runs.

    Args:
        folders: the runs' folders, as `run_folders` gives them.
    """
    return {folder.rpartition("/")[0].rpartition("/")[0] for folder in folders}


def read_runs(source: Source, used: set[File]) -> Iterator[MlflowRun]:
    """Read every run; the files of a metric are read when its curve is asked for.

    Args:
        source: the input.
        used: the files that are read are added here.

    Raises:
        EsimError: a line is not one of a metric; the error names path and line.
    """
    folders = run_folders(source)
    experiments = {
        file.folder: file for file in source.by_base.get(META, []) if file.folder not in folders
    }
    parts: dict[str, dict[str, dict[str, File]]] = {folder: {} for folder in folders}
    for file in source.files:
        folder, kind, name = _place(file, folders)
        if kind:
            parts[folder].setdefault(kind, {})[name] = file
    names: dict[str, str] = {}
    for folder, file in folders.items():
        meta = _meta(file, used)
        above = folder.rpartition("/")[0]
        if above not in names:
            described = experiments.get(above)
            told = {} if described is None else _meta(described, used)
            names[above] = told.get("name") or meta.get("experiment_id") or above
        tags = parts[folder].get("tags", {})
        metrics = parts[folder].get("metrics", {})
        status = meta.get("status", "")
        code = int(status) if status.isdigit() else 0
        yield MlflowRun(
            run_id=meta.get("run_id") or meta.get("run_uuid", ""),
            name=meta.get("run_name") or _text(tags.get(RUN_NAME), used) or meta.get("name", ""),
            experiment=names[above],
            parent=_text(tags.get(PARENT), used) or None,
            status=STATUSES[code] if 0 < code < len(STATUSES) else status,
            start=_number(meta.get("start_time"), file),
            end=_number(meta.get("end_time"), file),
            params={
                name: _text(param, used) for name, param in parts[folder].get("params", {}).items()
            },
            metrics=list(metrics),
            logged=partial(_logged, metrics, used),
            deleted=meta.get("lifecycle_stage") == "deleted",
        )


def _place(file: File, folders: dict[str, File]) -> tuple[str, str, str]:
    """The run a file belongs to, "metrics", "params" or "tags", and what the file is about.

    All three are "" if the file is none of these.
    """
    for kind in ("metrics", "params", "tags"):
        head, found, name = f"/{file.name}".partition(f"/{kind}/")
        if found and head.removeprefix("/") in folders:
            return head.removeprefix("/"), kind, name
    return "", "", ""


def _logged(metrics: dict[str, File], used: set[File], metric: str) -> LoggedMetric:
    file = metrics[metric]
    used.add(file)
    text = text_of(ended_lines(file, file.read()))
    lines = [line.split() for line in text.split("\n") if line.strip()]
    if not all(2 <= len(line) <= 5 for line in lines):
        at = next(i for i, line in enumerate(lines) if not 2 <= len(line) <= 5)
        raise EsimError("not a line of a metric", where=f"{file}:{at + 1}", why=" ".join(lines[at]))
    try:
        times = np.array([int(line[0]) for line in lines], dtype=np.float64)
        values = np.array([float(line[1]) for line in lines], dtype=np.float64)
        given = [int(line[2]) if len(line) > 2 else 0 for line in lines]
        return LoggedMetric(times, values, np.array(given, dtype=np.int64))
    except (ValueError, OverflowError):
        return _by_cell(file, lines)


def _by_cell(file: File, lines: list[list[str]]) -> LoggedMetric:
    """Read the lines number by number, to name the line of one that is broken."""
    places = [f"{file}:{number}" for number in range(1, len(lines) + 1)]
    rows = list(zip(lines, places, strict=True))
    return LoggedMetric(
        np.array([cells.integer(line[0], place, "timestamp") for line, place in rows], np.float64),
        np.array([cells.number(line[1], place, "value") for line, place in rows], np.float64),
        np.array(
            [cells.integer(line[2] if len(line) > 2 else 0, place, "step") for line, place in rows],
            dtype=np.int64,
        ),
    )


def _meta(file: File, used: set[File]) -> dict[str, str]:
    """The entries of a meta.yaml, which MLflow writes as one ``key: value`` on each line."""
    used.add(file)
    found: dict[str, str] = {}
    for line in text_of(ended_lines(file, file.read())).split("\n"):
        key, colon, value = line.partition(":")
        if colon and key == key.strip():
            found[key] = _scalar(value.strip())
    return found


def _scalar(text: str) -> str:
    if text in ("null", "~"):
        return ""
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text.startswith('"') and text.endswith('"'):
        try:
            # YAML's escapes are those of Python, except for some that no name of a run has.
            value: Any = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text[1:-1]
        return str(value)
    return text


def _text(file: File | None, used: set[File]) -> str:
    if file is None:
        return ""
    used.add(file)
    return file.text().removesuffix("\n")


def _number(text: str | None, file: File) -> float:
    return cells.number(text, str(file), "time") if text else math.nan
