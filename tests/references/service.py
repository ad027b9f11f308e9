"""A service that stops jobs by a hidden rule, and what it would have recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_once
from esim.study import Status, Study

EPOCH = 1.79e9  # the seconds since 1970 at which the first job starts: in September 2026


def timed(study: Study, seconds: float = 10.0) -> Study:
    """The study with a report every so many seconds, and no times of its own."""
    unknown = np.full(study.n_trials, np.nan)
    elapsed = study.resource * seconds
    return replace(study, elapsed=elapsed, start=unknown, end=unknown, billed=None, notes=())


def picked(study: Study, trials: Sequence[int]) -> Study:
    """Some trials of a study, launched in this order, as a study of their own."""
    rows = np.concatenate([np.arange(study.offsets[t], study.offsets[t + 1]) for t in trials])
    at = np.asarray(trials)
    its = ("start", "end", "status", "censored", "instance_count")
    return replace(
        study,
        trials=tuple(study.trials[t] for t in trials),
        offsets=np.concatenate(([0], np.cumsum(np.diff(study.offsets)[at]))).astype(np.int64),
        steps=study.steps[rows],
        values=study.values[rows],
        elapsed=None if study.elapsed is None else study.elapsed[rows],
        instance_type=tuple(study.instance_type[t] for t in trials),
        billed=None,
        config={},
        **{name: getattr(study, name)[at] for name in its},
    )


def kept(study: Study, rows: Sequence[int]) -> Study:
    """The study with so many rows of each trial."""
    number = np.arange(study.n_reports) - np.repeat(study.offsets[:-1], np.diff(study.offsets))
    keep = number < np.repeat(rows, np.diff(study.offsets))
    return replace(
        study,
        offsets=np.concatenate(([0], np.cumsum(rows))).astype(np.int64),
        steps=study.steps[keep],
        values=study.values[keep],
        elapsed=None if study.elapsed is None else study.elapsed[keep],
    )


def served(study: Study, rule: Rule, workers: int, upload_s: float = 0.0) -> Study:
    """What is recorded of a study if a service runs its trials on so many workers under a rule.

    Trials that are stopped trials of the study are stopped by somebody else at their last report.
    """
    clock, costs = Clock("simulated", workers), Costs(upload_s=upload_s)
    run = run_once(prepare(study, rule), clock, costs)
    status = np.where(run.stopped, Status.STOPPED, study.status).astype(np.int8)
    return replace(
        kept(study, run.rows_kept.tolist()),
        start=run.began + EPOCH,
        end=run.ended + EPOCH,
        status=status,
        censored=status == Status.STOPPED,
    )
