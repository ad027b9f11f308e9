"""What candidates save and lose in one study: the numbers that certificates are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from esim.analyses.compare.contestants import Contestant
from esim.analyses.compare.replay_table import ReplayTable, check_saved_known, replay_tables
from esim.analyses.compare.study_replays import LOSS, Conditions, ranked_number
from esim.assumptions import Clock
from esim.study import Float64, Status, Study
from esim.study.times import last_values

# Code of a reason for which a study does not count -> the reason.
LEFT_OUT = {
    "degradation_unknown": "trials had been cut short when recorded, and one of them might have "
    "become the best, so that a loss cannot be known",
    "nothing_recorded": "no trial has a final value",
    "counted_before": "the same reports as another study, which counts once",
    "not_new": "the study, or one of its name, is one that the certificate was made from or that "
    "was watched before",
}


@dataclass(frozen=True, eq=False)
class StudyLosses:
    """One study under R candidates.

    Attributes:
        name: the study's.
        content: tells its reports from those of others.
        clock: of the launch orders that count.
        saved, lost, near: float64 [R] each, the study's row in `in_sequence.Judged`.
        unknown: in how many launch orders the loss of some candidate is unknown, and counts as a
            loss: the candidate leaves no trial with a final value.
        left_out: why the study does not count, a code; None if it does.
    """

    name: str
    content: str
    clock: Clock
    saved: Float64
    lost: Float64
    near: Float64
    unknown: int
    left_out: str | None


def study_losses(
    contestants: Sequence[Contestant],
    conditions: Conditions,
    threads: int,
    tell: Callable[[], None] | None,
    positions: Sequence[int],
    studies: Sequence[Study],
) -> list[StudyLosses]:
    """What candidates save and lose in each study; arguments as of `compare`'s `replay_studies`.

    Raises:
        EsimError: a study lacks the times that the clock needs, or the amount to be saved.
    """
    tables = replay_tables(contestants, conditions, threads, tell, studies)
    return [_losses_of(table, conditions) for table in tables]


def _losses_of(table: ReplayTable, conditions: Conditions) -> StudyLosses:
    study = table.study
    saved, loss, degradation = _in_every_order(table)
    left_out = None
    if not table.facts.degradation_known:
        left_out = "degradation_unknown"
    elif not _has_a_best(study):
        left_out = "nothing_recorded"
    else:
        check_saved_known(table)
    lost = losses(loss, degradation, conditions.settings.max_degradation)
    return StudyLosses(
        name=study.name,
        content=content_of(study),
        clock=table.orders_clock if conditions.settings.orders else table.clock,
        saved=saved.mean(axis=1),
        lost=lost.mean(axis=1),
        near=nearness(loss, lost, conditions.settings.max_degradation).mean(axis=1),
        unknown=int(np.isnan(degradation).any(axis=0).sum()),
        left_out=left_out,
    )


def losses(loss: Float64, degradation: Float64, accepted: float) -> Float64:
    """1 where more than the accepted loss is lost, else 0.

    A loss without a scale (the best and the median final value are the same) is more than any
    accepted one if there is any. One that is unknown, since no trial with a final value is left,
    counts as a loss.

    Args:
        loss: the normalized loss; NaN = unknown.
        degradation: in the objective's unit, of the same shape; NaN = unknown.
        accepted: the largest accepted loss.
    """
    more = np.where(np.isnan(loss), ~(degradation <= 0.0), loss > accepted)
    return more.astype(np.float64)


def nearness(loss: Float64, lost: Float64, accepted: float) -> Float64:
    """The loss as a share of the accepted one, at most 1; `lost` where that is unknown."""
    if accepted == 0.0:
        return lost
    return np.where(np.isnan(loss), lost, np.minimum(loss / accepted, 1.0))


def _has_a_best(study: Study) -> bool:
    """Whether some trial, as recorded, ended with a value and did not fail."""
    return bool((~np.isnan(last_values(study)) & ~study.which(Status.FAILED)).any())


def _in_every_order(table: ReplayTable) -> tuple[Float64, Float64, Float64]:
    """What is saved, the normalized loss and the degradation, float64 [R, O] each."""
    orders = table.random if table.settings.orders else table.own
    names = ranked_number(table.settings), LOSS, "degradation"
    saved, loss, degradation = (table.numbers[name][:, orders] for name in names)
    return saved, loss, degradation


def content_of(study: Study) -> str:
    """A hash of a study's reports: which trial reported what at which step, names apart."""
    digest = hashlib.sha256()
    for column in (study.offsets, study.steps, study.values):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]
