"""Reads offline run files of Weights & Biases, ``wandb/offline-run-*/run-<id>.wandb``.

The runs of a sweep are a study; the other runs of a project are a study.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.config_files import flat_config
from esim.readers.encodings import jsontext, wire
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs
from esim.readers.runs import Experiment, file_notes, studies
from esim.readers.source import File, Source
from esim.readers.trackers.wandb.datastore import MAGIC, RunFile
from esim.study import Note, Status

FORMAT = Format(
    name="wandb",
    summary="Weights & Biases: offline run files (.wandb); the runs of a sweep or project",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    takes=("step",),
    files="run-*.wandb of offline runs",
)

LAYOUT = Layout(
    steps=("_step",),
    elapsed=("_runtime",),
    timestamps=("_timestamp",),
    beside=("_wandb",),
    sparse=True,
)


def detect(source: Source) -> Detection:
    """Whether there are run files, by their first bytes; all in a run's folder belongs to it."""
    named = [file for file in source.files if file.base.endswith(".wandb")]
    if not named:
        return Detection(False, "")
    files = _run_files(source)
    if not files:
        return Detection(False, f"{named[0].name} does not start with {MAGIC!r}")
    saw = f"run files {some([file.name for file in files])}"
    return Detection(True, saw, claims=source.below({file.folder for file in files}))


def read(source: Source, options: Options) -> Found:
    """Read the studies of the run files. Raises EsimError as `esim.readers.runs.studies`."""
    files = _run_files(source)
    if not files:
        raise EsimError("no run files", where=source.label, why="their names end in .wandb")
    groups: dict[str, dict[str, list[tuple[File, RunFile]]]] = {}
    for file in files:
        run = RunFile.parse(file.read())
        name = run.sweep or run.project or source.default_name
        of_run = groups.setdefault(name, {}).setdefault(run.run_id or file.base, [])
        of_run.append((file, run))
    experiments = []
    for name, by_id in groups.items():
        logs = [_log(run_id, parts) for run_id, parts in by_id.items()]
        together = RunLogs(logs, LAYOUT, options, source.label)
        parsed = [part for parts in by_id.values() for part in parts]
        experiments.append(
            Experiment(
                name=name,
                runs=together.runs,
                where=source.label,
                times="elapsed",
                notes=tuple(_notes(parsed)),
                told=together.told,
            )
        )
    return studies(experiments, options, source, file_notes(source, set(files)))


def _run_files(source: Source) -> list[File]:
    return [
        file
        for file in source.files
        if file.base.endswith(".wandb") and file.head.startswith(MAGIC)
    ]


def _log(run_id: str, parts: list[tuple[File, RunFile]]) -> RunLog:
    """The log of a run, which has another file for each time that it was resumed."""
    parts.sort(key=lambda part: part[1].start or 0.0)
    last = parts[-1][1]
    start = parts[0][1].start
    rows = [
        (f"{file}, logged row {number}", row)
        for file, run in parts
        for number, row in enumerate(run.rows, start=1)
    ]
    columns = dict.fromkeys(
        name for _, row in rows for name, text in row.items() if text[:1] in "-0123456789NI"
    )
    config = {
        name: value for file, run in parts for name, value in _config(run.config, str(file)).items()
    }
    end = None
    if last.exit_code is not None and last.start is not None:
        # The runtime is rounded down to whole seconds, so the last row may be a little later.
        stamps = [float(row["_timestamp"]) for _, row in rows[-1:] if "_timestamp" in row]
        end = max([last.start + last.runtime, *stamps])
    if last.exit_code is None:
        status = Status.RUNNING
    else:
        status = Status.COMPLETED if last.exit_code == 0 else Status.FAILED
    return RunLog(
        trial=run_id,
        columns=list(columns),
        rows=lambda: _cells(rows),
        where=str(parts[0][0]),
        start=np.nan if start is None else start,
        end=np.nan if end is None else end,
        status=status,
        config=config,
    )


def _cells(rows: Sequence[tuple[str, Mapping[str, str]]]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows with their cells; the JSON text of a number is a cell, and null is an empty cell."""
    for place, row in rows:
        yield place, {name: text for name, text in row.items() if text != "null"}


def _config(texts: Mapping[str, str], where: str) -> dict[str, object]:
    parsed = {
        name: jsontext.parse(text, f"{where}, config {name}")
        for name, text in texts.items()
        if not name.startswith("_wandb")
    }
    return dict(flat_config(parsed))


def _notes(parsed: Sequence[tuple[File, RunFile]]) -> list[Note]:
    faults = {str(file): (run.cut_off, run.damaged, run.odd) for file, run in parsed}
    notes = wire.fault_notes("run", faults)
    open_ended = sum(run.exit_code is None for _, run in parsed)
    if open_ended:
        text = (
            f"{plural(open_ended, 'run file', 'have')} no end: the run went on, or its "
            "process was killed"
        )
        notes.append(Note("runs_without_end", text, open_ended))
    return notes
