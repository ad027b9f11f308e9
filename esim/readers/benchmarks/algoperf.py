"""Reads AlgoPerf: ``<submission>/study_<n>/<workload>/trial_<k>/eval_measurements.csv``.

Hyperparameters are in hparams.json beside it. A study is a submission on a workload, with the
trials of all its tuning studies. A trial is evaluated after fixed intervals of training time, so
that the values of global_step differ from trial to trial; by default the evaluations are numbered.
Source: mlcommons/algorithmic-efficiency, submission_runner.py, and target_metric_name in each
workload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from esim.readers.formats import Format
from esim.readers.loggers import Logger
from esim.readers.run_logs import Layout
from esim.study import Direction

FORMAT = Format(
    name="algoperf",
    summary="AlgoPerf: eval_measurements.csv and hparams.json of each trial",
    times=True,
    configs=True,
    several_studies=True,
    first_step="before",
    takes=("step", "where"),
    files="eval_measurements.csv, hparams.json",
)

# Workload -> the metric for which its target is set, and the direction.
_TARGETS: dict[str, tuple[str, Direction]] = {
    "criteo1tb": ("loss", "minimize"),
    "fastmri": ("ssim", "maximize"),
    "imagenet": ("accuracy", "maximize"),
    "librispeech": ("wer", "minimize"),
    "ogbg": ("mean_average_precision", "maximize"),
    "wmt": ("bleu", "maximize"),
}


def _study_of(folder: str) -> tuple[str, str]:
    """The study and trial of a folder.

    "a/study_0/ogbg_pytorch/trial_1" gives "a/ogbg_pytorch" and "study_0/trial_1".
    """
    parts = folder.split("/")
    of_trial = [bool(re.fullmatch(r"(study|trial)_[0-9]+", part)) for part in parts]
    if not any(of_trial):
        return "/".join(parts[:-1]), parts[-1]
    pairs = list(zip(parts, of_trial, strict=True))
    study = "/".join(part for part, mine in pairs if not mine)
    return study, "/".join(part for part, mine in pairs if mine)


def _convention(study: str, metrics: Sequence[str]) -> tuple[str, Direction] | None:
    """The validation metric for which the workload's target is set, if it is among the metrics."""
    workload = study.rpartition("/")[2]
    for name, (metric, direction) in _TARGETS.items():
        if workload.startswith(name) and f"validation/{metric}" in metrics:
            return f"validation/{metric}", direction
    return None


_LOGGER = Logger(
    what="AlgoPerf",
    file="eval_measurements.csv",
    header="a column global_step",
    is_header=lambda columns: "global_step" in columns,
    layout=Layout(
        steps=("global_step",),
        elapsed=("accumulated_submission_time",),
        beside=(
            "accumulated_eval_time",
            "accumulated_logging_time",
            "total_duration",
            "score",
            "preemption_count",
            "train/num_examples",
            "validation/num_examples",
            "test/num_examples",
        ),
        numbered="evaluation",
    ),
    configs=("hparams.json",),
    owns=True,
    study_of=_study_of,
    convention=_convention,
    convention_from="the workload's target",
)
detect = _LOGGER.detect
read = _LOGGER.read
