"""The formats esim reads: a static table, and what is installed beside it (`esim.readers.plugins`).

A reader's module is imported when it is asked.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from esim.errors import EsimError, near_names
from esim.readers.options import Options
from esim.readers.source import File, Source
from esim.study import Note, Study


@dataclass(frozen=True)
class Detection:
    """Whether a source is of a format, and the evidence either way, in a few words.

    Attributes:
        saw: "" if nothing in the source hints at the format.
        complete: False: another source of this format may hold what this one lacks.
        claims: the files that belong to it, read or not; formats asked later do not see them. A
            tool that writes TensorBoard events beside its own records claims those too.
        broken: why a plug-in could not tell; "" if it could.
    """

    matches: bool
    saw: str
    complete: bool = True
    claims: frozenset[File] = frozenset()
    broken: str = ""


@dataclass(frozen=True)
class Found:
    """What a reader made of one source.

    Attributes:
        notes: about its files, not about its data.
        names: of all its studies, where the reader reads only those that were asked for.
    """

    studies: tuple[Study, ...]
    notes: tuple[Note, ...] = ()
    names: tuple[str, ...] = ()


class Reader(Protocol):
    """What the module of a format holds."""

    def detect(self, source: Source) -> Detection:
        """Look at names and first bytes only. Raises EsimError if a file cannot be opened."""

    def read(self, source: Source, options: Options) -> Found:
        """Raises EsimError where the source cannot be used."""


@dataclass(frozen=True)
class Format:
    """A row of `esim formats`.

    Attributes:
        name: for --format.
        summary: what is read, in a sentence.
        needs: options without which it cannot be read.
        times: whether report times can be had.
        schedule: whether trial starts and ends can be had.
        configs: whether hyperparameters can be had.
        several_studies: whether one input may hold several studies.
        module: where its `detect` and `read` are.
        by_contents: recognised by contents that other tools' files might show too, so it is asked
            last, about the files that no other format claims.
        package: the package that brings it along; "" if esim does.
    """

    name: str
    summary: str
    needs: tuple[str, ...] = ()
    times: bool = False
    schedule: bool = False
    configs: bool = False
    several_studies: bool = False
    module: str = ""
    by_contents: bool = False
    package: str = ""

    def _reader(self) -> Reader:
        return cast(Reader, importlib.import_module(self.module))

    def detect(self, source: Source) -> Detection:
        """Whether the source is of this format."""
        return self._reader().detect(source)

    def read(self, source: Source, options: Options) -> Found:
        """The studies of a source of this format. Raises EsimError where it cannot be used."""
        return self._reader().read(source, options)


FORMATS: tuple[Format, ...] = (
    Format(
        name="esim",
        summary="Parquet that esim wrote: Study.to_parquet, one folder a study",
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.own",
    ),
    Format(
        name="ray-tune",
        summary="Ray Tune experiment directories: result.json or progress.csv, params.json, "
        "experiment_state-*.json",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.ray_tune",
    ),
    Format(
        name="mlflow",
        summary="MLflow: file store (mlruns), SQLite file, postgresql: or mysql: URL, http: URL of "
        "a tracking server; the children of a parent run are one study",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.mlflow",
    ),
    Format(
        name="optuna",
        summary="Optuna's storage: SQLite file, journal file, or postgresql: or mysql: URL",
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.optuna",
    ),
    Format(
        name="syne-tune",
        summary="Syne Tune: results.csv.zip and metadata.json, a folder an experiment",
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.syne_tune",
    ),
    Format(
        name="hpbandster",
        summary="HpBandSter: results.json and configs.json; a budget is a step",
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.hpbandster",
    ),
    Format(
        name="deepcave",
        summary="DeepCAVE runs: history.jsonl, configs.json, meta.json; a budget is a step",
        needs=("objective, if there are several",),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.deepcave",
    ),
    Format(
        name="sacred",
        summary="Sacred FileStorageObserver: run.json, config.json, metrics.json; a folder of runs "
        "is a study",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.sacred",
    ),
    Format(
        name="deepobs",
        summary="DeepOBS: a JSON file a run, also in a tar file; a problem with an optimizer is a "
        "study",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        several_studies=True,
        module="esim.readers.deepobs",
    ),
    Format(
        name="nni",
        summary="NNI: db/nni.sqlite, an experiment a database",
        needs=("direction, if the tuner has none",),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.nni",
    ),
    Format(
        name="algoperf",
        summary="AlgoPerf: eval_measurements.csv and hparams.json of each trial",
        times=True,
        configs=True,
        several_studies=True,
        module="esim.readers.algoperf",
    ),
    Format(
        name="lightning",
        summary="Lightning's CSVLogger: metrics.csv and hparams.yaml of each version",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        module="esim.readers.lightning",
    ),
    Format(
        name="ultralytics",
        summary="Ultralytics and YOLOv5: results.csv and args.yaml of each run",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        configs=True,
        module="esim.readers.ultralytics",
    ),
    Format(
        name="huggingface",
        summary="Hugging Face Trainer: trainer_state.json of the newest checkpoint of each run",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        module="esim.readers.huggingface",
    ),
    Format(
        name="wandb",
        summary="Weights & Biases: offline run files (.wandb); the runs of a sweep or project",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.wandb",
    ),
    Format(
        name="tensorboard",
        summary="TensorBoard event files: one run a folder, hyperparameters of its hparams plugin",
        needs=("direction", "objective, if there are several tags"),
        times=True,
        schedule=True,
        configs=True,
        module="esim.readers.tensorboard",
    ),
    Format(
        name="table",
        summary="CSV, JSONL or Parquet with columns trial, step and one per metric; "
        "optional second table of trials",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.table",
        by_contents=True,
    ),
    Format(
        name="sagemaker",
        summary="Amazon SageMaker: the jobs' logs in any shape they are exported in, with the JSON "
        "of describe-hyper-parameter-tuning-job and list-training-jobs, or alone",
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.sagemaker",
        by_contents=True,
    ),
    Format(
        name="wandb-chart",
        summary="Weights & Biases: the CSV file that a chart exports, a column a run",
        needs=("direction", "objective, if there are several metrics"),
        module="esim.readers.wandb.chart",
        by_contents=True,
    ),
    Format(
        name="wandb-history",
        summary="Weights & Biases: a run's history as CSV, JSONL or Parquet, with a column _step",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        configs=True,
        module="esim.readers.wandb.history",
        by_contents=True,
    ),
    Format(
        name="chainer",
        summary="Chainer's LogReport: the file log of each run",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        module="esim.readers.chainer",
        by_contents=True,
    ),
    Format(
        name="taskset",
        summary="TaskSet: a JSON file a task, a list of trials with whole curves",
        configs=True,
        several_studies=True,
        module="esim.readers.taskset",
        by_contents=True,
    ),
    Format(
        name="keras",
        summary="Keras' CSVLogger: a CSV file a run, epoch first",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        module="esim.readers.keras",
        by_contents=True,
    ),
)


def choose_format(
    source: Source, name: str | None = None, broken: list[Note] | None = None
) -> Format:
    """The format of that name, or the only one that recognises the source.

    Args:
        broken: notes on plug-ins that failed are added here.

    Raises:
        EsimError: no such name (with near names); no format matches (what each saw); several do.
    """
    from esim.readers import plugins

    formats = plugins.known_formats()
    if name is not None:
        for fmt in formats:
            if fmt.name == name:
                return fmt
        unusable = [note.text for note in plugins.installed()[1]]
        raise EsimError(
            f"no format {name!r}",
            why="; ".join(unusable) or None,
            fix=f"one of: {near_names(name, [f.name for f in formats])}",
        )
    if not source.files and source.address is None:
        skipped = f", {len(source.skipped)} hidden or left over" if source.skipped else ""
        raise EsimError("no files to read", where=source.label, why=f"the folder is empty{skipped}")
    seen = []
    rest = source
    for fmt in sorted(formats, key=lambda fmt: fmt.by_contents):
        detection = fmt.detect(rest)
        seen.append((fmt, detection))
        if detection.broken and broken is not None:
            broken.append(plugins.broken_note(fmt.name, fmt.package, detection.broken))
        rest = rest.without(detection.claims) if detection.claims else rest
        if detection.claims and not rest.files:
            break
    matching = [(fmt, detection) for fmt, detection in seen if detection.matches]
    if len(matching) == 1:
        return matching[0][0]
    if matching:
        raise EsimError(
            "mixed formats: " + " and ".join(fmt.name for fmt, _ in matching) + " match",
            where=source.label,
            why="; ".join(f"{fmt.name}: {detection.saw}" for fmt, detection in matching),
            fix="give the part you mean, or --format " + matching[0][0].name,
        )
    raise EsimError(
        "no format matches",
        where=source.label,
        why="; ".join(f"{fmt.name}: {detection.saw}" for fmt, detection in seen if detection.saw),
        fix="`esim formats` lists what can be read; --format NAME says why one does not fit",
    )
