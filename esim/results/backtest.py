"""How often forecasts from part of a study's trials held what the others did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class BacktestRow:
    """One quantity's forecasts held against what happened."""

    quantity: str
    covered: float
    width: float

    @property
    def label(self) -> str:
        """The quantity in words."""
        return _LABELS.get(self.quantity, self.quantity.replace("_", " "))


_LABELS = {
    "steps_saved_fraction": "steps saved",
    "seconds_saved_fraction": "training time saved",
    "billed_saved_fraction": "billed time saved",
    "cost_saved_fraction": "cost saved",
    "makespan_saved_fraction": "makespan saved",
    "degradation_normalized": "degradation, of best to median",
}


@dataclass(frozen=True)
class BestKept:
    """The mean forecast probability that the best trial is kept, and how often it was."""

    forecast: float
    happened: float


@dataclass(frozen=True)
class Backtest:
    """The user's own trials, split into past and future many times.

    Attributes:
        past, next: trials in each; with several studies the past is all but one of them.
        rows: steps_saved_fraction first.
        best_kept: how often the best trial was kept; None if unknown.
        enough: whether the history allows the confidence asked for.
        trials_needed: for that confidence; None if there are enough.
    """

    beside: ClassVar = {"covered": float | None, "width": float | None}
    splits: int
    past: int
    next: int
    confidence: float
    rows: tuple[BacktestRow, ...]
    best_kept: BestKept | None
    enough: bool
    trials_needed: int | None
    text: str

    @property
    def covered(self) -> float | None:
        """How often the share of steps saved lay in its interval; None if it was never known."""
        return self.rows[0].covered if self.rows else None

    @property
    def width(self) -> float | None:
        """The mean width of that interval."""
        return self.rows[0].width if self.rows else None
