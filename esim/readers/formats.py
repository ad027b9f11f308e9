"""`Format`, what a reader of a format offers, and the table of the formats that esim reads.

The module of a format is imported when the format is asked to look at an input.
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
    """Whether an input is of a format, and what shows it.

    Attributes:
        matches: whether it is of the format.
        saw: the evidence for or against, in a few words; "" if nothing hints at the format.
        complete: False if another input of this format may hold what this one lacks.
        claims: the files that belong to the format, whether they are read or not. Formats that are
            asked later do not see them: a tool that writes TensorBoard events beside its own
            records claims those too.
        broken: why a plug-in could not tell; "" if it could.
    """

    matches: bool
    saw: str
    complete: bool = True
    claims: frozenset[File] = frozenset()
    broken: str = ""


@dataclass(frozen=True)
class Found:
    """What a reader found in one input.

    Attributes:
        studies: the studies.
        notes: notes about the input's files. Notes about the data are in `Study.notes`.
        names: the names of all studies of the input, where the reader reads only those that were
            asked for.
    """

    studies: tuple[Study, ...]
    notes: tuple[Note, ...] = ()
    names: tuple[str, ...] = ()


class Reader(Protocol):
    """The functions that the module of a format has."""

    def detect(self, source: Source) -> Detection:
        """Whether the input is of the format; looks only at names and first bytes.

        Raises:
            EsimError: a file cannot be opened.
        """

    def read(self, source: Source, options: Options) -> Found:
        """Read the studies of the input.

        Raises:
            EsimError: the input cannot be used.
        """


@dataclass(frozen=True)
class Format:
    """A format that esim reads: a row of `esim formats`.

    Attributes:
        name: its name for --format.
        summary: what is read, in a sentence.
        needs: the options without which it cannot be read.
        times: whether it can hold report times.
        schedule: whether it can hold the starts and ends of trials.
        configs: whether it can hold hyperparameters.
        several_studies: whether one input may hold several studies.
        module: the module that has its `detect` and `read` (`Reader`).
        by_contents: True if it is recognised by contents that the files of other tools may have
            too. Such a format is asked last, about the files that no other format claims.
        package: the package that provides it; "" if it is part of esim.
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
        """Whether an input is of this format. Raises EsimError as `Reader.detect`."""
        return self._reader().detect(source)

    def read(self, source: Source, options: Options) -> Found:
        """Read the studies of an input of this format. Raises EsimError as `Reader.read`."""
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
