"""Reads NAS-Bench-NLP: ``log_stats_model_<id>_<time>_<id>.json``, a file a model, also in a zip.

The lists train_losses, val_losses, test_losses and wall_times have an entry for each epoch from the
first on; wall_times are the seconds of training in each, without evaluation. A study holds the
models of a folder or archive that were trained on a data set, such as ptb. A search minimizes the
validation loss (fmsnew/nas-bench-nlp-release, main_one_model_train.py and nas_environment.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.assembly import zone_note
from esim.readers.encodings import archive, cells, jsontext
from esim.readers.encodings.times import parse_time
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.run_logs import run_names
from esim.readers.runs import (
    Curve,
    Experiment,
    Run,
    detected,
    file_notes,
    status_note,
    status_of,
    studies,
)
from esim.readers.source import File, Source
from esim.study import Note, Status

FORMAT = Format(
    name="nasbench-nlp",
    summary="NAS-Bench-NLP: log_stats_model_*.json, a file a model, also in a zip",
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="log_stats_model_*.json, also in a zip",
)

OBJECTIVE, TIMES, INIT = "val_losses", "wall_times", "init_time"
STATUSES: Mapping[str, Status] = {
    "ok": Status.COMPLETED,
    "loss is nan!": Status.FAILED,
    "keyboardinterrupt": Status.STOPPED,
    "exception": Status.FAILED,
}
_FILE = re.compile(r"log_stats_model_\d+_.*\.json")
_ABOUT = ("data", "recepies_list_path", "cuda", "experiment_id", INIT, "status")


def detect(source: Source) -> Detection:
    """Whether there are files of such names, or an archive that begins with one."""
    return detected(_files(source), "of NAS-Bench-NLP")


def read(source: Source, options: Options) -> Found:
    """Read a study for each folder or archive, and data set.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: an archive is damaged, the JSON is broken, or a list holds something other than
            numbers.
    """
    files = _files(source)
    groups: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    for part in archive.parts(files, _FILE):
        log = jsontext.parse(part.text, part.place)
        if not isinstance(log, dict) or not isinstance(log.get(OBJECTIVE), list):
            raise EsimError("not a log of NAS-Bench-NLP", where=part.place, why=f"no {OBJECTIVE}")
        data = str(log.get("data")).rpartition("/")[2]
        path = part.file.path if archive.is_archive(part.file) else part.file.path.parent
        groups.setdefault((path.as_posix(), data), []).append((part.place, log))
    if not groups:
        raise EsimError("no log of NAS-Bench-NLP", where=source.label)
    names = [data for _, data in groups]
    if len(set(names)) < len(names):
        names = run_names([f"{path}/{data}" for path, data in groups], "")
    experiments = [
        _experiment(name, logs, source) for name, logs in zip(names, groups.values(), strict=True)
    ]
    return studies(experiments, options, source, file_notes(source, set(files)))


def _files(source: Source) -> list[File]:
    return [file for file in source.files if _FILE.fullmatch(archive.beginning(file)[0])]


def _experiment(
    name: str, logs: Sequence[tuple[str, dict[str, Any]]], source: Source
) -> Experiment:
    """The study of some logs, each with its place."""
    unknown: list[str] = []
    models = [str(log.get("recepie_id")) for _, log in logs]
    if len(set(models)) < len(models):  # some were trained several times
        models = [f"{log.get('recepie_id')}/{log.get('experiment_id')}" for _, log in logs]
    return Experiment(
        name=name,
        runs=[
            _run(model, log, place, unknown)
            for model, (place, log) in zip(models, logs, strict=True)
        ],
        where=f"{source.label}, {name}",
        objective=OBJECTIVE,
        objective_from="NAS-Bench-NLP",
        direction="minimize",
        times="elapsed",
        notes=(
            Note("step_column", "steps are epochs"),
            Note("times_of_training", f"{TIMES} are seconds of training, without evaluation"),
            zone_note(INIT),
            *status_note(unknown),
        ),
    )


def _run(trial: str, log: dict[str, Any], place: str, unknown: list[str]) -> Run:
    lists = {key: value for key, value in log.items() if isinstance(value, list)}

    def curve(metric: str) -> Curve:
        values = [cells.number(value, place, metric) for value in lists[metric]]
        seconds = [cells.number(value, place, TIMES) for value in lists.get(TIMES, ())]
        return Curve(
            np.arange(1, len(values) + 1, dtype=np.int64),
            np.array(values, dtype=np.float64),
            np.cumsum(seconds) if len(seconds) == len(values) else None,
        )

    return Run(
        trial=trial,
        metrics=[key for key, values in lists.items() if key != TIMES and values],
        curve=curve,
        start=_start(log.get(INIT), place),
        status=status_of(str(log.get("status")).partition(":")[0], STATUSES, unknown),
        config={k: v for k, v in log.items() if k not in lists and k not in _ABOUT},
    )


def _start(text: Any, place: str) -> float:
    try:
        return datetime.strptime(str(text), "%Y-%m-%d_%H-%M-%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return parse_time(text, f"{place}, {INIT}")
