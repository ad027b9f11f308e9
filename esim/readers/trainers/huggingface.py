"""Reads the trainer_state.json in the checkpoints of a Hugging Face Trainer.

The files are ``<run>/checkpoint-<step>/trainer_state.json``, and in a hyperparameter search
``run-<trial>/checkpoint-<step>/trainer_state.json``. The newest checkpoint of a run holds its whole
log. Source: transformers/trainer_callback.py, TrainerState.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.config_files import flat_config
from esim.readers.encodings import cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs, folder_of, run_names
from esim.readers.runs import Experiment, file_notes, studies
from esim.readers.source import File, Source
from esim.study import Note, Status

FORMAT = Format(
    name="huggingface",
    summary="Hugging Face Trainer: trainer_state.json of the newest checkpoint of each run",
    needs=("direction", "objective, if there are several metrics"),
    configs=True,
    first_step="before",
    takes=("step",),
    files="checkpoint-*/trainer_state.json",
)

_FILE = "trainer_state.json"
_LAYOUT = Layout(steps=("epoch", "step"), sparse=True)


def detect(source: Source) -> Detection:
    """Whether there are such files, by their name; all that is in a run's folder belongs to it."""
    files = source.by_base.get(_FILE, [])
    if not files:
        return Detection(False, "")
    good = [
        file for file in files if b'"log_history"' in file.head or b'"global_step"' in file.head
    ]
    if not good:
        return Detection(False, f"{files[0].name} without log_history")
    # Claim the run's folder, but not the whole input, where other tools' files may be too.
    folders = {_run_folder(file.folder) or file.folder for file in good}
    saw = f"{some([file.name for file in good])} with log_history"
    return Detection(True, saw, claims=source.below(folders))


def read(source: Source, options: Options) -> Found:
    """Read the runs of the input as one study. Raises EsimError as `esim.readers.runs.studies`."""
    files = source.by_base.get(_FILE, [])
    if not files:
        raise EsimError(f"no {_FILE}", where=source.label)
    newest: dict[str, tuple[int, File, Mapping[str, Any]]] = {}
    for file in files:
        state = jsontext.document(file)
        if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
            raise EsimError("no log_history", where=str(file), why="the Trainer's state has one")
        reached = cells.integer(state.get("global_step", 0), str(file), "global_step")
        folder = _run_folder(folder_of(file))
        if folder not in newest or reached >= newest[folder][0]:
            newest[folder] = (reached, file, state)
    names = run_names(list(newest), source.default_name)
    logs = [
        _log(name, file, state, reached)
        for name, (reached, file, state) in sorted(
            zip(names, newest.values(), strict=True), key=lambda pair: natural(pair[0])
        )
    ]
    together = RunLogs(logs, _LAYOUT, options, source.label)
    notes = []
    short = [log.trial for log in logs if log.status is Status.STOPPED]
    if short:
        text = (
            f"{plural(len(short), 'run', 'end')} before max_steps: cut short, or the "
            f"last checkpoint is not here: {some(short)}"
        )
        notes.append(Note("short_of_max_steps", text, len(short)))
    experiment = Experiment(
        name=source.default_name,
        runs=together.runs,
        where=source.label,
        notes=tuple(notes),
        told=together.told,
    )
    return studies([experiment], options, source, file_notes(source, set(files)))


def _run_folder(folder: str) -> str:
    """The run's folder: the folder of a file without the part that names a checkpoint."""
    path = PurePosixPath(folder)
    if re.fullmatch(r"checkpoint-[0-9]+", path.name):
        return "" if str(path.parent) == "." else str(path.parent)
    return folder


def _log(name: str, file: File, state: Mapping[str, Any], reached: int) -> RunLog:
    history: Sequence[Any] = state["log_history"]
    rows = [
        (f"{file}, log_history[{i}]", row) for i, row in enumerate(history) if isinstance(row, dict)
    ]
    planned = state.get("max_steps")
    status = Status.UNKNOWN
    if isinstance(planned, int) and planned > 0:
        status = Status.COMPLETED if reached >= planned else Status.STOPPED
    parameters = state.get("trial_params")
    return RunLog(
        trial=name,
        columns=list(dict.fromkeys(key for _, row in rows for key in row)),
        rows=lambda: rows,
        where=str(file),
        status=status,
        config=flat_config(parameters) if isinstance(parameters, dict) else {},
    )
