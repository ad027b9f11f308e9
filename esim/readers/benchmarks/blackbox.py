"""Reads the folders of Syne Tune's blackbox repository, such as nasbench201, fcnet and lcbench.

They are what synetune/blackbox-repository on Hugging Face holds, and `load_blackbox` downloads:
``metadata.json`` with the names of tasks and objectives, and either ``hyperparameters.parquet``,
``objectives_evaluations.npy`` [tasks, N, seeds, R, objectives] and ``fidelities_values.npy`` [R],
or such files for each task, without the first axis (blackbox_tabular.py and pd1_import.py of
syne_tune/blackbox_repository). A task with a seed is a study, as a tuning job trains each
configuration once. A configuration is a trial; those of different lengths are padded with NaN,
which is no report. For nasbench201 the conversion fills in a seed that was not run with the mean of
the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.readers.encodings import arrays, jsontext
from esim.readers.encodings.parquet_tables import parquet_table
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, detected, file_notes, studies
from esim.readers.source import File, Source
from esim.readers.whole_steps import whole_steps
from esim.study import Direction, Int64, Note

FORMAT = Format(
    name="syne-tune-blackbox",
    summary="Syne Tune's blackbox repository: a folder a benchmark; a task with a seed is a study",
    times=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="a folder a benchmark of the repository",
)

METADATA, VALUES, CONFIGS = "metadata.json", "objectives_evaluations.npy", "hyperparameters.parquet"
# The default objectives of its benchmarks, whose directions it does not record.
DIRECTIONS: dict[str, Direction] = {
    "metric_valid_error": "minimize",  # nasbench201
    "metric_valid_loss": "minimize",  # fcnet
    "metric_valid_error_rate": "minimize",  # pd1
    "val_accuracy": "maximize",  # lcbench
}
_PD1 = "metric_valid_error_rate"
_UNTIMED = Note(
    "times_left_out",
    "the times are left out: in Syne Tune's pd1 they add up the seconds of evaluations, without "
    "training; and its steps number the evaluations. pd1.tar.gz has both",
)


@dataclass(frozen=True)
class _Task:
    """A task of a benchmark.

    Attributes:
        name: its name.
        values: [N, seeds, R, objectives]
        fidelities: the fidelity of each report. [R]
        configs: the hyperparameters of each configuration. [N]
        place: the file of values, for errors.
    """

    name: str
    values: NDArray[Any]
    fidelities: NDArray[Any]
    configs: Sequence[dict[str, Any]]
    place: str


def detect(source: Source) -> Detection:
    """Whether a folder has metadata.json and arrays of evaluations."""
    folders = _folders(source)
    claims = frozenset(file for files in folders for file in files.values())
    return detected([files[METADATA] for files in folders], f"beside {VALUES}", claims)


def read(source: Source, options: Options) -> Found:
    """Read a study for each task and seed.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a file is missing or damaged, or an array is of another shape.
    """
    folders = _folders(source)
    if not folders:
        raise EsimError("no blackbox of Syne Tune", where=source.label, why=f"no {VALUES}")
    experiments: list[Experiment] = []
    for files in folders:
        about = files[METADATA]
        metadata = jsontext.document(about)
        if not isinstance(metadata, dict):
            raise EsimError("not a JSON object", where=str(about))
        for task in _tasks(files, metadata):
            name = f"{about.folder}/{task.name}" if about.folder else task.name
            experiments += _experiments(name, task, metadata, options)
    used = {file for files in folders for file in files.values()}
    return studies(experiments, options, source, file_notes(source, used))


def _folders(source: Source) -> list[dict[str, File]]:
    """The files of each folder that holds a blackbox, by their names."""
    found = []
    for about in source.by_base.get(METADATA, ()):
        files = {
            file.base: file
            for file in source.by_folder[about.folder]
            if file.root == about.root and file.base.endswith((".json", ".npy", ".parquet"))
        }
        if any(name.endswith(VALUES) for name in files):
            found.append(files)
    return found


def _tasks(files: Mapping[str, File], metadata: Mapping[str, Any]) -> Iterator[_Task]:
    """The tasks of a blackbox, from files of all tasks or of each."""
    names = [str(name) for name in metadata.get("task_names") or ()]
    if VALUES not in files:
        for name in names:
            values = _file(files, f"{name}-{VALUES}")
            steps = _array(_file(files, f"{name}-fidelity_values.npy"))
            configs = _configs(_file(files, f"{name}-{CONFIGS}"))
            yield _Task(name, arrays.mapped(values), steps, configs, str(values))
        return
    whole = arrays.mapped(files[VALUES])
    if len(whole) != len(names):
        what = f"{len(whole)} tasks where {METADATA} names {len(names)}"
        raise EsimError(what, where=str(files[VALUES]))
    steps, configs = _array(_file(files, "fidelities_values.npy")), _configs(_file(files, CONFIGS))
    for name, task in zip(names, whole, strict=True):
        yield _Task(name, task, steps, configs, str(files[VALUES]))


def _array(file: File) -> NDArray[Any]:
    return arrays.array(file.read(), str(file))


def _file(files: Mapping[str, File], name: str) -> File:
    if name not in files:
        where = str(files[METADATA].path.parent)
        raise EsimError(f"no {name}", where=where, why=f"{METADATA} names its task")
    return files[name]


def _configs(file: File) -> list[dict[str, Any]]:
    return [dict(row) for row in parquet_table(file.read(), None, str(file)).to_pylist()]


def _experiments(
    name: str, task: _Task, metadata: Mapping[str, Any], options: Options
) -> list[Experiment]:
    """The study of each seed of a task."""
    objectives = [str(objective) for objective in metadata.get("objectives_names") or ()]
    shape = (len(task.configs), -1, len(task.fidelities), len(objectives))
    values = task.values
    fits = values.ndim == 4 and all(n in (-1, m) for n, m in zip(shape, values.shape, strict=True))
    if not fits or {values.dtype.kind, task.fidelities.dtype.kind} - set("fiu"):
        why = f"it is {values.shape}; expected {shape}, with any number of seeds"
        raise EsimError("an array of another shape", where=task.place, why=why)
    steps, notes = whole_steps(task.fidelities.astype(np.float64), "the fidelity", task.place)
    default = str(metadata.get("metric_default", ""))
    counts = metadata.get("time_attr", metadata.get("resource_attr", "the fidelity"))
    notes = notes or [Note("step_column", f"steps are {counts}")]
    clock = metadata.get("metric_elapsed_time")
    timed = clock in objectives and default != _PD1
    if clock in objectives and not timed:
        notes = [*notes, _UNTIMED]
    at = objectives.index(str(clock)) if timed else None
    metrics = [objective for objective in objectives if objective != clock]
    found = []
    for seed in range(values.shape[1]):
        study = f"{name}/seed{seed}" if values.shape[1] > 1 else name
        wanted = study in options.studies or not options.studies
        runs = [
            Run(str(i), metrics, _curve(values[i, seed], steps, objectives, at), config=config)
            for i, config in enumerate(task.configs if wanted else ())
        ]
        found.append(
            Experiment(
                name=study,
                runs=runs,
                where=f"{task.place}, {study}",
                objective=default or None,
                objective_from=METADATA,
                direction=DIRECTIONS.get(default),
                times="elapsed",
                notes=tuple(notes),
            )
        )
    return found


def _curve(
    values: NDArray[Any], steps: Int64, objectives: Sequence[str], time: int | None
) -> Callable[[str], Curve]:
    """Reads the curves of a configuration, [R, objectives], without the padding at their ends."""

    def curve(metric: str) -> Curve:
        column = values[:, objectives.index(metric)].astype(np.float64)
        n = int(np.flatnonzero(~np.isnan(column)).max(initial=-1)) + 1
        times = None if time is None else values[:n, time].astype(np.float64)
        return Curve(steps[:n], column[:n], times)

    return curve
