"""Reads Chainer's LogReport: a file ``log`` in each run's folder, a JSON array of objects.

Source: chainer/training/extensions/log_report.py. An object holds epoch, iteration, elapsed_time
and the averages of what was reported since the object before; what was not reported is absent.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from esim.errors import EsimError
from esim.readers.encodings import jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs, folder_of, run_names
from esim.readers.runs import Experiment, detected, file_notes, studies
from esim.readers.source import File, Source

FORMAT = Format(
    name="chainer",
    summary="Chainer's LogReport: the file log of each run",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    by_contents=True,
    first_step="before",
    takes=("step",),
    files="LogReport's file log",
)

_LAYOUT = Layout(steps=("epoch", "iteration"), elapsed=("elapsed_time",), sparse=True)
_ARRAY = re.compile(rb"\s*\[\s*\{")
_KEYS = (b'"iteration"', b'"epoch"', b'"elapsed_time"')


def detect(source: Source) -> Detection:
    """Whether there is an array of objects with the three keys that every entry has."""
    return detected(_files(source), "with epoch, iteration and elapsed_time")


def read(source: Source, options: Options) -> Found:
    """Read the runs of the input as one study. Raises EsimError as `esim.readers.runs.studies`."""
    files = _files(source)
    if not files:
        raise EsimError("no log of Chainer's LogReport", where=source.label)
    same = len({file.base for file in files}) == 1
    paths = [
        folder_of(file) if same else str(PurePosixPath(folder_of(file), file.base))
        for file in files
    ]
    names = run_names(paths, source.default_name)
    named = sorted(zip(names, files, strict=True), key=lambda pair: natural(pair[0]))
    together = RunLogs([_log(*pair) for pair in named], _LAYOUT, options, source.label)
    experiment = Experiment(
        name=source.default_name,
        runs=together.runs,
        where=source.label,
        times="elapsed",
        told=together.told,
    )
    return studies([experiment], options, source, file_notes(source, set(files)))


def _files(source: Source) -> list[File]:
    return [
        file
        for file in source.files
        if _ARRAY.match(file.head) and all(key in file.head for key in _KEYS)
    ]


def _log(name: str, file: File) -> RunLog:
    entries = jsontext.document(file)
    rows = [
        (f"{file}, entry {i}", entry)
        for i, entry in enumerate(entries, start=1)
        if isinstance(entry, dict)
    ]
    return RunLog(
        trial=name,
        columns=list(dict.fromkeys(key for _, row in rows for key in row)),
        rows=lambda: rows,
        where=str(file),
    )
