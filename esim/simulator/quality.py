"""What is left of the best trial under a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.study import Float64, Status, Study


@dataclass(frozen=True)
class Quality:
    """What is left of the best, [...] each, for finals and stops [..., N].

    Attributes:
        known: bool, whether there is a final value to compare, with and without the rule. Where
            there is none, the rest means nothing.
        winner: the trial that is best as recorded, a place along the last axis.
        best: the trial that is best under the rule.
        best_value: its final value, oriented so that lower is better.
        on_record: what it is worse by than the winner's; positive = worse.
        spread: from the best to the median final value as recorded; 0, infinite or NaN: no scale.
            This and the winner have the shape of the recorded finals, less its last axis.
        rank: of the best under the rule, among the recorded finals.
        winner_stopped: bool.
        best_kept: bool, the winner, or one that is as good as recorded, is not stopped.
    """

    known: NDArray[np.bool_]
    winner: NDArray[np.int64]
    best: NDArray[np.int64]
    best_value: Float64
    on_record: Float64
    spread: Float64
    rank: NDArray[np.int64]
    winner_stopped: NDArray[np.bool_]
    best_kept: NDArray[np.bool_]


def quality(
    study: Study,
    recorded_finals: Float64,
    finals: Float64,
    stopped: NDArray[np.bool_],
    failed: NDArray[np.bool_] | None = None,
) -> Quality:
    """Recorded finals, [N] or [..., N], against those under a rule [..., N].

    A failed trial has no model to keep, so it cannot be the best; stopped before it failed, it can.
    `failed`: bool, shaped like the recorded finals; by default of the study's trials.
    """
    if failed is None:
        failed = study.status == Status.FAILED
    recorded = np.where(failed, np.nan, study.sign * recorded_finals)
    kept = np.where(failed & ~stopped, np.nan, study.sign * finals)
    if recorded.shape[-1] == 0:  # a trial that reports nothing, for want of any
        recorded = np.full((*recorded.shape[:-1], 1), np.nan)
        kept = np.full((*kept.shape[:-1], 1), np.nan)
        stopped = np.zeros(kept.shape, dtype=np.bool_)
    winner, best = _least(recorded), _least(kept)
    first, value = _at(recorded, winner), _at(kept, best)
    with np.errstate(invalid="ignore"):  # infinities: equal ones are, a median may be no number
        worse_by = np.where(value == first, 0.0, value - first)
        spread = np.abs(_median(recorded) - first)
    return Quality(
        known=~(np.isnan(first) | np.isnan(value)),
        winner=winner,
        best=best,
        best_value=value,
        on_record=worse_by,
        spread=spread,
        rank=1 + (recorded < value[..., None]).sum(axis=-1),
        winner_stopped=_at(stopped, np.broadcast_to(winner, value.shape)),
        best_kept=(~stopped & (recorded == first[..., None])).any(axis=-1),
    )


def _median(values: Float64) -> Float64:
    """The median along the last axis, NaN left out; np.nanmedian takes ten times as long."""
    ordered = np.sort(values, axis=-1)  # NaN last
    n = np.count_nonzero(~np.isnan(values), axis=-1)
    low, high = (_at(ordered, np.maximum(at, 0)) for at in ((n - 1) // 2, n // 2))
    return np.where(low == high, low, (low + high) / 2.0)


def _at(values: NDArray[Any], place: NDArray[np.int64]) -> NDArray[Any]:
    """The values at one place each along the last axis; a third of np.take_along_axis' time."""
    if values.ndim == 1:
        return np.asarray(values[place])
    rows = values.reshape(-1, values.shape[-1])
    found: NDArray[Any] = rows[np.arange(len(rows)), place.reshape(-1)].reshape(place.shape)
    return found


def degradation_is_known(study: Study) -> bool:
    """Whether no trial was cut short that might have become the best."""
    return not (study.censored & (study.status != Status.FAILED)).any()


def _least(values: Float64) -> NDArray[np.int64]:
    """Where the first least number along the last axis is; NaN is none."""
    least = np.fmin.reduce(values, axis=-1, keepdims=True)
    return np.asarray((values == least).argmax(axis=-1))
