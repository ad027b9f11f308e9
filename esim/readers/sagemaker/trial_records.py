"""Training jobs as the trials of a study: what is recorded of them besides their curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from esim.errors import EsimError
from esim.readers.assembly import TrialRecords
from esim.readers.sagemaker.notes import interrupted
from esim.readers.sagemaker.records import TrainingJob, TuningJob
from esim.study import STATUS_WORDS, Float64, Status
from esim.study.arrays import if_any_known


def trial_records(tuning: TuningJob, jobs: Sequence[TrainingJob]) -> TrialRecords:
    """What the records tell of the training jobs of a tuning job.

    Args:
        tuning: the tuning job.
        jobs: its training jobs, in launch order.

    Raises:
        EsimError: a status is unknown, or a job ends before it starts.
    """
    tuned = [_tuned(tuning, job) for job in jobs]
    names = dict.fromkeys(name for config in tuned for name in config)
    status = []
    for job in jobs:
        word = (job.status or "").lower()
        if word not in STATUS_WORDS:
            raise EsimError(
                f"unknown TrainingJobStatus {job.status!r}", where=f"{tuning.path}, {job.name}"
            )
        status.append(Status.INTERRUPTED if interrupted(tuning, job) else STATUS_WORDS[word])
        if job.start is not None and job.end is not None and job.end < job.start:
            raise EsimError(
                "TrainingEndTime is before TrainingStartTime", where=f"{tuning.path}, {job.name}"
            )
    return TrialRecords(
        trials=[job.name for job in jobs],
        start=np.array([math.nan if job.start is None else job.start for job in jobs]),
        end=np.array([math.nan if job.end is None else job.end for job in jobs]),
        status=np.array(status, dtype=np.int8),
        instance_type=[job.instance_type or tuning.instance_type for job in jobs],
        instance_count=np.array(
            [job.instance_count or tuning.instance_count for job in jobs], dtype=np.int64
        ),
        config={name: [config.get(name) for config in tuned] for name in names},
        billed=billed_seconds([job.billed for job in jobs]),
    )


def billed_seconds(seconds: Sequence[float | None]) -> Float64 | None:
    """float64 [N]: billed seconds of each job, NaN where unknown; None if all are."""
    return if_any_known(
        np.array([math.nan if each is None else each for each in seconds], dtype=np.float64)
    )


def _tuned(tuning: TuningJob, job: TrainingJob) -> Mapping[str, str]:
    if job.tuned is not None:
        return job.tuned
    return {
        name: value
        for name, value in (job.all_hyperparameters or {}).items()
        if name not in tuning.static and not name.startswith("_tuning_objective_metric")
    }
