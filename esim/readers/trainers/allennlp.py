"""Reads AllenNLP's ``<serialization_dir>/metrics_epoch_<n>.json``, a JSON object an epoch.

Each serialization directory is a trial. metrics.json, and what begins with best_, say again what
some epoch has said. Source: allennlp/training/gradient_descent_trainer.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from esim.errors import EsimError
from esim.readers.config_files import Configs
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.durations import duration
from esim.readers.formats import Detection, Format, Found
from esim.readers.launch_order import launch_order
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs, folder_of, run_names
from esim.readers.runs import Experiment, detected, file_notes, studies
from esim.readers.source import File, Source

FORMAT = Format(
    name="allennlp",
    summary="AllenNLP: metrics_epoch_<n>.json of each serialization directory",
    files="metrics_epoch_*.json, config.json",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    configs=True,
    first_step="done",
    takes=("step",),
    sample={
        "lr1/metrics_epoch_0.json": '{"best_epoch": 0, "training_duration": "0:00:10.500000", '
        '"epoch": 0, "training_loss": 1.5, "validation_loss": 1.25}',
        "lr1/metrics_epoch_1.json": '{"best_epoch": 1, "training_duration": "0:00:20.500000", '
        '"epoch": 1, "training_loss": 0.75, "validation_loss": 0.625}',
        "lr1/config.json": '{"trainer": {"num_epochs": 2}}',
    },
)

_FILE = re.compile(r"metrics_epoch_(\d+)\.json")
_STEP, _TIME, _RESUMED = "epoch", "training_duration", "training_start_epoch"
_LAYOUT = Layout(
    steps=(_STEP,), elapsed=(_TIME,), beside=(_RESUMED, "training_epochs"), sparse=True
)


def detect(source: Source) -> Detection:
    """Whether there are such files; all that is in a serialization directory belongs to it."""
    files = _files(source)
    return detected(files, f"with {_TIME}", source.below({file.folder for file in files}))


def read(source: Source, options: Options) -> Found:
    """Read the serialization directories as one study.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a file is no JSON object, or as `esim.readers.runs.studies`.
    """
    folders: dict[str, list[File]] = {}
    for file in sorted(_files(source), key=_epoch):
        folders.setdefault(folder_of(file), []).append(file)
    if not folders:
        raise EsimError("no metrics of AllenNLP", where=source.label)
    runs = list(folders.values())
    names = run_names(list(folders), source.default_name)
    firsts = [files[0].path for files in runs]
    order, ordered_by = launch_order(names, list(folders), firsts, [float("nan")] * len(runs))
    configs = Configs(source, ("config.json",))
    logs = [_log(names[i], runs[i], configs.of(runs[i][0])) for i in order]
    together = RunLogs(logs, _LAYOUT, options, source.label)
    experiment = Experiment(
        name=source.default_name,
        runs=together.runs,
        where=source.label,
        ordered_by=ordered_by,
        times=together.times,
        notes=tuple(configs.notes()),
        told=together.told,
    )
    used = {file for files in runs for file in files} | configs.used
    return studies([experiment], options, source, file_notes(source, used))


def _files(source: Source) -> list[File]:
    named = (file for file in source.files if _FILE.fullmatch(file.base))
    return [file for file in named if f'"{_TIME}"'.encode() in file.head]


def _epoch(file: File) -> int:
    match = _FILE.fullmatch(file.base)
    return int(match[1]) if match else -1


def _log(name: str, files: Sequence[File], config: Mapping[str, Any]) -> RunLog:
    rows = []
    before, resumed = 0.0, None
    elapsed = 0.0
    for file in files:
        record = jsontext.document(file)
        if not isinstance(record, dict):
            raise EsimError("not a JSON object", where=str(file))
        if record.get(_RESUMED) != resumed:  # the duration counts from there
            before, resumed = elapsed, record.get(_RESUMED)
        elapsed = before + duration(record.get(_TIME), str(file), _TIME)
        numbers = {key: cell for key, cell in record.items() if _is_metric(key, cell)}
        rows.append((str(file), {**numbers, _STEP: _epoch(file), _TIME: elapsed}))
    return RunLog(
        trial=name,
        columns=list(dict.fromkeys(key for _, row in rows for key in row)),
        rows=lambda: rows,
        where=str(files[0].path.parent),
        config=config,
    )


def _is_metric(key: str, cell: Any) -> bool:
    """Whether a field is one, and not the best value so far or how much memory was taken."""
    return cells.holds_number(cell) and not key.startswith("best_") and "_memory_MB" not in key
