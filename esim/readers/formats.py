"""The formats esim reads: a static table.

A reader's module is imported when it is asked.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

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
        module="esim.readers.tables.own",
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
        module="esim.readers.tuners.ray_tune",
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
        module="esim.readers.trackers.mlflow",
    ),
    Format(
        name="optuna",
        summary="Optuna's storage: SQLite file, journal file, or postgresql: or mysql: URL",
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.tuners.optuna",
    ),
    Format(
        name="syne-tune",
        summary="Syne Tune: results.csv.zip and metadata.json, a folder an experiment",
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.tuners.syne_tune",
    ),
    Format(
        name="hpbandster",
        summary="HpBandSter: results.json and configs.json; a budget is a step",
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.tuners.hpbandster",
    ),
    Format(
        name="deepcave",
        summary="DeepCAVE runs: history.jsonl, configs.json, meta.json; a budget is a step",
        needs=("objective, if there are several",),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.tuners.deepcave",
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
        module="esim.readers.trackers.sacred",
    ),
    Format(
        name="deepobs",
        summary="DeepOBS: a JSON file a run, also in a tar file; a problem with an optimizer is a "
        "study",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        several_studies=True,
        module="esim.readers.benchmarks.deepobs",
    ),
    Format(
        name="nni",
        summary="NNI: db/nni.sqlite, an experiment a database",
        needs=("direction, if the tuner has none",),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.tuners.nni",
    ),
    Format(
        name="algoperf",
        summary="AlgoPerf: eval_measurements.csv and hparams.json of each trial",
        times=True,
        configs=True,
        several_studies=True,
        module="esim.readers.benchmarks.algoperf",
    ),
    Format(
        name="lightning",
        summary="Lightning's CSVLogger: metrics.csv and hparams.yaml of each version",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        module="esim.readers.trainers.lightning",
    ),
    Format(
        name="ultralytics",
        summary="Ultralytics and YOLOv5: results.csv and args.yaml of each run",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        configs=True,
        module="esim.readers.trainers.ultralytics",
    ),
    Format(
        name="huggingface",
        summary="Hugging Face Trainer: trainer_state.json of the newest checkpoint of each run",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        module="esim.readers.trainers.huggingface",
    ),
    Format(
        name="wandb",
        summary="Weights & Biases: offline run files (.wandb); the runs of a sweep or project",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        schedule=True,
        configs=True,
        several_studies=True,
        module="esim.readers.trackers.wandb.offline",
    ),
    Format(
        name="tensorboard",
        summary="TensorBoard event files: one run a folder, hyperparameters of its hparams plugin",
        needs=("direction", "objective, if there are several tags"),
        times=True,
        schedule=True,
        configs=True,
        module="esim.readers.trackers.tensorboard.runs",
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
        module="esim.readers.tables.plain",
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
        module="esim.readers.sagemaker.jobs",
        by_contents=True,
    ),
    Format(
        name="wandb-chart",
        summary="Weights & Biases: the CSV file that a chart exports, a column a run",
        needs=("direction", "objective, if there are several metrics"),
        module="esim.readers.trackers.wandb.chart",
        by_contents=True,
    ),
    Format(
        name="wandb-history",
        summary="Weights & Biases: a run's history as CSV, JSONL or Parquet, with a column _step",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        configs=True,
        module="esim.readers.trackers.wandb.history",
        by_contents=True,
    ),
    Format(
        name="chainer",
        summary="Chainer's LogReport: the file log of each run",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        module="esim.readers.trainers.chainer",
        by_contents=True,
    ),
    Format(
        name="taskset",
        summary="TaskSet: a JSON file a task, a list of trials with whole curves",
        configs=True,
        several_studies=True,
        module="esim.readers.benchmarks.taskset",
        by_contents=True,
    ),
    Format(
        name="keras",
        summary="Keras' CSVLogger: a CSV file a run, epoch first",
        needs=("direction", "objective, if there are several metrics"),
        configs=True,
        module="esim.readers.trainers.keras",
        by_contents=True,
    ),
)
