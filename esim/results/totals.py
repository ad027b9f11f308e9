"""What adds up over studies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Totals:
    """The summary keys that add up over studies.

    None: unknown in one of them.

    Attributes:
        studies: how many.
        currency: the unit of money; None: unknown, or not the same in all.
        best_trials_stopped: in how many studies the best value is lost.
        best_trial_stopped_fraction: their share of the studies in which that is known, 0 to 1;
            None: in none.
    """

    studies: int
    trials: int | None
    trials_stopped: int | None
    trials_stopped_at_last: int | None
    trials_censored: int | None
    trials_not_started: int | None
    trials_cut: int | None
    steps_recorded: int | None
    steps_run: int | None
    seconds_recorded: float | None
    seconds_run: float | None
    billed_seconds_recorded: float | None
    billed_seconds_run: float | None
    cost_recorded: float | None
    cost: float | None
    steps_saved_fraction: float | None
    seconds_saved_fraction: float | None
    billed_saved_fraction: float | None
    cost_saved_fraction: float | None
    currency: str | None
    best_trials_stopped: int
    best_trial_stopped_fraction: float | None = None
