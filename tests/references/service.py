"""A service that stops jobs by a hidden rule, and what it would have recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.plan.build import prepare
from esim.simulator.run import OrderRun, run_once
from esim.study import Status, Study
from esim.study.batch import Batch

EPOCH = 1.79e9  # the seconds since 1970 at which the first job starts: in September 2026


def timed(study: Study, seconds: float | Sequence[float] = 10.0) -> Study:
    """The study with a report every so many seconds, of each trial, and no times of its own."""
    unknown = np.full(study.n_trials, np.nan)
    each = np.broadcast_to(seconds, study.n_trials)
    elapsed = study.resource * np.repeat(each, np.diff(study.offsets))
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
    return _recorded(study, _run(study, rule, workers, upload_s), slice(None))


def warm_started(
    parent: Study, study: Study, rule: Rule, workers: int, upload_s: float = 0.0
) -> Study:
    """As `served`, of a study whose warm-start parent's trials are previous ones to the rule.

    The parent has run under the same rule. Between the last of its trials and the first of the
    study, trials that fail without a report hold each worker until a minute after the parent.
    """
    ends = np.sort(served(parent, rule, workers, upload_s).end - EPOCH)
    free = np.concatenate((np.zeros(workers), ends))[-workers:]  # when each worker is
    nothing = picked(parent, [0] * workers)
    failed = np.full(workers, Status.FAILED, dtype=np.int8)
    between = replace(
        kept(nothing, [0] * workers), start=np.zeros(workers), end=ends[-1] + 60.0 - free,
        status=failed, censored=failed == Status.FAILED,
    )  # fmt: skip
    joined = Batch.of([replace(one, config={}) for one in (parent, between, study)]).whole
    own = slice(joined.n_trials - study.n_trials, None)
    run = _run(joined, rule, workers, upload_s)
    assert (run.began[own] >= ends[-1] + 60.0).all()
    return _recorded(study, run, own)


def _run(study: Study, rule: Rule, workers: int, upload_s: float) -> OrderRun:
    costs = Costs(upload_s=upload_s, slot_gap_s=0.0)
    return run_once(prepare(study, rule), Clock("simulated", workers), costs)


def _recorded(study: Study, run: OrderRun, own: slice) -> Study:
    """What a run leaves of a study, whose trials are `own` of those that ran."""
    status = np.where(run.stopped[own], Status.STOPPED, study.status).astype(np.int8)
    return replace(
        kept(study, run.rows_kept[own].tolist()),
        start=run.began[own] + EPOCH,
        end=run.ended[own] + EPOCH,
        status=status,
        censored=status == Status.STOPPED,
    )
