"""Reads ClearML's offline sessions: ``offline-<id>`` of each task, as a folder or as a zip file.

It holds task.json, metrics.jsonl and log.jsonl; a line of the latter two is an array of events.
Source: clearml/backend_interface/metrics (interface.py, events.py) and task/task.py (2.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.encodings import jsontext
from esim.readers.encodings.times import parse_time
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLogs
from esim.readers.source import Source
from esim.readers.trackers.logged import TIME, LoggedRun, studies_of
from esim.readers.trackers.sessions import Session, detection, sessions, without_copies
from esim.study import Note

FORMAT = Format(
    name="clearml",
    summary="ClearML, offline sessions: offline-<id> of each task, a folder or zip",
    files="offline-* of ClearML, folders or zips",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    configs=True,
    several_studies=True,
    takes=("step",),
    sample={
        "offline-0a1b/task.json": '{"id": "offline-0a1b", "name": "t", "project_name": "p", '
        '"hyperparams": {"General": {"lr": {"section": "General", "name": "lr", "type": "float", '
        '"value": "0.1"}}}}',
        "offline-0a1b/metrics.jsonl": '[{"timestamp": 1700000010000, "type": '
        '"training_stats_scalar", "task": "offline-0a1b", "iter": 0, "metric": "loss", "variant": '
        '"val", "value": 1.5}]\n[{"timestamp": 1700000020000, "type": "training_stats_scalar", '
        '"task": "offline-0a1b", "iter": 1, "metric": "loss", "variant": "val", "value": 0.75}]\n',
    },
)

_TASK, _METRICS, _LOG = "task.json", "metrics.jsonl", "log.jsonl"
_LAYOUT = Layout(steps=("iter",), timestamps=(TIME,), sparse=True)
_SCALAR = "training_stats_scalar"
_SINGLE = -(2**31)  # the iteration of what report_single_value reports
_OWN = ":monitor:"  # begins the titles of what ClearML measures of the machine
_DEFAULT_SECTION = "General"


def detect(source: Source) -> Detection:
    """Whether there is a folder or a zip file with both files."""
    return detection(source, _sessions(source), "of ClearML")


def read(source: Source, options: Options) -> Found:
    """Read a study for each project.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: there is no session, a line is no list of events, or as
            `esim.readers.runs.studies`.
    """
    found = _sessions(source)
    if not found:
        why = f"expected {_TASK} and {_METRICS}, in a folder or a zip file"
        raise EsimError("no offline session of ClearML", where=source.label, why=why)
    tasks = {session: session.document(_TASK) for session in found}
    kept, notes = without_copies((str(tasks[one].get("id") or one.stem), one) for one in found)
    single: list[str] = []
    runs = [_run(session, tasks[session], single) for session in kept]
    if single:
        text = (
            f"{plural(len(single), 'value')} of report_single_value without an iteration; left out"
        )
        notes.append(Note("single_values", text, len(single), tuple(single[:3])))
    used = {file for session in found for file in session.used}
    return studies_of(runs, _LAYOUT, options, source, used, notes, _zeros)


def _sessions(source: Source) -> list[Session]:
    return [
        session
        for session in sessions(source, (_METRICS, _TASK), (_LOG,))
        if session.packed or b'"task"' in session.files[_METRICS].head
    ]


def _run(session: Session, task: Mapping[str, Any], single: list[str]) -> LoggedRun:
    rows = []
    for place, event in _events(session, _METRICS):
        # A model that is logged has events of its own.
        if event.get("type") != _SCALAR or event.get("task", task.get("id")) != task.get("id"):
            continue
        if event.get("iter") == _SINGLE:
            single.append(place)
        elif not str(event.get("metric")).startswith(_OWN):
            time = event.get("timestamp")
            row = {
                "iter": event.get("iter"),
                TIME: None if time is None else parse_time(time, place),
                f"{event.get('metric')}/{event.get('variant')}": event.get("value"),
            }
            rows.append((place, row))
    start = math.nan
    if _LOG in session.files:  # its first event says that the task was created
        for place, event in _events(session, _LOG):
            if event.get("timestamp") is not None:
                start = parse_time(event["timestamp"], place)
                break
    return LoggedRun(
        run_id=str(task.get("id") or session.stem),
        name=str(task.get("name") or ""),
        project=str(task.get("project_name") or ""),
        file=session.file,
        rows=rows,
        start=start,
        config=_config(task, str(session.file)),
    )


def _events(session: Session, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The events of a file, each with the place of its line.

    Raises:
        EsimError: a line is no list of events.
    """
    for place, events in session.lines(name):
        if not isinstance(events, list) or not all(isinstance(one, Mapping) for one in events):
            raise EsimError("not a list of events of ClearML", where=place)
        for event in events:
            yield place, event


def _config(task: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The hyperparameters of a task; ClearML records them as texts with their types."""
    found: dict[str, Any] = {}
    with jsontext.shaped("not a task of ClearML", where):
        for section, entries in (task.get("hyperparams") or {}).items():
            for name, entry in entries.items():
                shown = name if section == _DEFAULT_SECTION else f"{section}/{name}"
                found[shown] = _typed(entry.get("value"), entry.get("type"))
    return found


def _typed(text: Any, kind: Any) -> Any:
    convert = {"int": int, "float": float}.get(kind)
    try:
        return text if convert is None else convert(text)
    except (TypeError, ValueError):
        return text


def _zeros(objective: str, logs: RunLogs) -> Iterable[Note]:
    """The note that a recorded 0 may be something else."""
    curves = [run.curve(objective) for run in logs.runs if objective in run.metrics]
    n = sum(int(np.count_nonzero(curve.values == 0.0)) for curve in curves)
    if n:
        text = f"{plural(n, 'report', 'are')} 0: ClearML records NaN and infinite values as 0, too"
        yield Note("zero_or_nan", text, n)
