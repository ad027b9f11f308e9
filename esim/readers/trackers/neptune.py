"""Reads what Neptune's client logs offline, or has not sent yet: ``.neptune/*/run__*/data-*.log``.

A folder ``run__<id>__<pid>__<key>`` (``run__<id>/exec-<time>`` in older releases, without ``run__``
in the oldest) holds files data-<n>.log, an operation a line; n is the number of the first one.
Source: neptune/internal/operation.py, core/components/queue/disk_queue.py and
metadata_containers/structure_version.py (1.14).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.times import parse_time
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.run_logs import Layout
from esim.readers.runs import detected
from esim.readers.source import File, Source
from esim.readers.trackers.logged import TIME, LoggedRun, studies_of
from esim.study import Note, Status

FORMAT = Format(
    name="neptune",
    summary="Neptune, logged offline or not sent yet: .neptune/*/run__*/data-*.log",
    files=".neptune/*/run__*/data-*.log",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    configs=True,
    takes=("step",),
    sample={
        "offline/run__0a1b__77__k3y/data-1.log": '{"obj": {"type": "AssignFloat", "path": '
        '["params", "lr"], "value": 0.1}, "version": 1, "at": 1700000000.0}\n'
        '{"obj": {"type": "LogFloats", "path": ["val", "loss"], "values": [{"value": 1.5, '
        '"step": null, "ts": 1700000010.0}]}, "version": 2, "at": 1700000010.0}\n'
        '{"obj": {"type": "LogFloats", "path": ["val", "loss"], "values": [{"value": 0.75, '
        '"step": null, "ts": 1700000020.0}]}, "version": 3, "at": 1700000020.0}\n'
    },
)

_LAYOUT = Layout(steps=("step",), timestamps=(TIME,), sparse=True)
_FILE = re.compile(r"data-(\d+)\.log")
_KINDS = ("run", "project", "model", "model_version")  # of what a folder is
_OWN = ("sys", "monitoring", "source_code")  # what the client itself logs
_NO_NAME = "Untitled"  # the name of a run that was given none
_ASSIGN = ("AssignFloat", "AssignInt", "AssignBool", "AssignString")
_CLEAR = ("ClearFloatLog", "DeleteAttribute")


def detect(source: Source) -> Detection:
    """Whether there are such files, by their names and first bytes."""
    files = _files(source)
    whole = source.with_hidden().below({file.folder for file in files})
    hidden = bool(files) and set(source.hidden).issuperset(files)
    return replace(detected(files, "with operations of Neptune", whole), hidden=hidden)


def read(source: Source, options: Options) -> Found:
    """Read the runs as one study.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: there is no run, a line is no operation, or as `esim.readers.runs.studies`.
    """
    source = source.with_hidden()
    folders: dict[Path, list[File]] = {}
    for file in _files(source):
        folders.setdefault(file.path.resolve().parent, []).append(file)
    by_id: dict[str, list[_Folder]] = {}
    used: set[File] = set()
    for path, files in folders.items():
        kind, run_id = _container(path)
        if kind == "run":
            by_id.setdefault(run_id, []).append(_Folder.of(files, source, used))
    if not by_id:
        raise EsimError("no run of Neptune", where=source.label)
    notes = []
    begun = {run_id: parts for run_id, parts in by_id.items() if all(p.begins for p in parts)}
    late = [run_id for run_id in by_id if run_id not in begun]
    if late:
        text = f"{plural(len(late), 'run')} left out: the begin was sent to Neptune and is not here"
        notes.append(Note("runs_without_begin", f"{text}: {some(late)}", len(late)))
    runs = [_run(run_id, parts, used) for run_id, parts in begun.items()]
    return studies_of(runs, _LAYOUT, options, source, used, notes)


def _files(source: Source) -> list[File]:
    return [
        file
        for file in (*source.files, *source.hidden)
        if _FILE.fullmatch(file.base) and file.head.startswith(b'{"obj":')
    ]


def _container(folder: Path) -> tuple[str, str]:
    """What a folder is of, and its id."""
    named = folder.parent if folder.name.startswith("exec-") else folder
    kind, *rest = named.name.split("__")
    return (kind, rest[0]) if kind in _KINDS and rest else ("run", kind)


@dataclass(frozen=True)
class _Folder:
    """The files of a run in one folder; a run that was resumed has several.

    Attributes:
        files: the files, in the order of their numbers.
        begins: whether the first of them is there: what has been sent is deleted file by file.
        start: seconds since 1970 UTC, NaN if unknown.
    """

    files: list[File]
    begins: bool
    start: float

    @classmethod
    def of(cls, files: Sequence[File], source: Source, used: set[File]) -> _Folder:
        """The folder of some files; what is read is added to `used`."""
        ordered = sorted(files, key=_number)
        start = math.nan
        for beside in source.by_folder[ordered[0].folder]:
            if beside.base == "metadata.json" and beside.root == ordered[0].root:
                with jsontext.shaped("not metadata of Neptune", str(beside)):
                    created = jsontext.document(beside).get("createdAt")
                used.add(beside)
                if created:
                    start = parse_time(created, str(beside))
        return cls(ordered, _number(ordered[0]) == 1, start)


def _number(file: File) -> int:
    match = _FILE.fullmatch(file.base)
    return int(match[1]) if match else 0


def _run(run_id: str, parts: list[_Folder], used: set[File]) -> LoggedRun:
    logged = _Operations()
    parts.sort(key=lambda part: (math.isnan(part.start), part.start, natural(str(part.files[0]))))
    for part in parts:
        for file in part.files:
            used.add(file)
            for place, entry in jsontext.lines(file):
                logged.add(place, entry)
    start = parts[0].start
    given = [logged.own.get(key) for key in ("sys/custom_run_id", "sys/name")]
    return LoggedRun(
        run_id=run_id,
        name=next((str(name) for name in given if name and name != _NO_NAME), ""),
        project="",
        file=parts[0].files[0],
        rows=[row for series in logged.series.values() for row in series],
        start=logged.first if math.isnan(start) else start,
        status=Status.FAILED if logged.own.get("sys/failed") is True else Status.UNKNOWN,
        config=logged.config,
    )


class _Operations:
    """What the operations of a run say.

    Attributes:
        series: the rows of each series, as in `LoggedRun`.
        config: the values assigned before the first value of a series; later ones are results.
        own: the values that the client itself assigns.
        first: the time of the first operation, seconds since 1970 UTC; NaN if unknown.
    """

    def __init__(self) -> None:
        self.series: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.config: dict[str, Any] = {}
        self.own: dict[str, Any] = {}
        self.first = math.nan

    def add(self, place: str, entry: Any) -> None:
        """Take up an operation.

        Raises:
            EsimError: it is none.
        """
        operation = entry.get("obj") if isinstance(entry, Mapping) else None
        if not isinstance(operation, Mapping) or not isinstance(operation.get("path"), list):
            raise EsimError("not an operation of Neptune", where=place, why="expected obj and path")
        if math.isnan(self.first) and entry.get("at") is not None:
            self.first = parse_time(entry["at"], place)
        kind, path = operation.get("type"), "/".join(map(str, operation["path"]))
        own = operation["path"][:1] and operation["path"][0] in _OWN
        if kind in _ASSIGN and own:
            self.own[path] = operation.get("value")
        elif kind in _ASSIGN and not self.series:
            self.config[path] = operation.get("value")
        elif kind in _CLEAR:
            self.series.pop(path, None)
            self.config.pop(path, None)
        elif kind == "LogFloats" and not own and path not in (*_LAYOUT.steps, TIME):
            self._extend(place, path, operation.get("values"))

    def _extend(self, place: str, path: str, values: Any) -> None:
        if not isinstance(values, list) or not all(isinstance(one, Mapping) for one in values):
            raise EsimError("not a list of values", where=place, why=f"series {path!r}")
        series = self.series.setdefault(path, [])
        for one in values:
            step, time = one.get("step"), one.get("ts")
            if step is None:  # as Neptune's server counts
                step = series[-1][1]["step"] + 1 if series else 0
            row = {
                "step": cells.number(step, place, "step"),
                TIME: None if time is None else parse_time(time, place),
                path: one.get("value"),
            }
            series.append((place, row))
