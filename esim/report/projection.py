"""What a rule saves and loses in a month and a year of so many tuning jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from esim.results.estimate import EstimateDocument
from esim.results.history import HistoryReplay
from esim.results.replay import ReplayResult

MONTHS = 12
_HOUR = 3600.0


@dataclass(frozen=True)
class PerJob:
    """A mean amount of one tuning job, and what it may be in a single one.

    Attributes:
        mean: of a job.
        low, high: the ends of the interval for a single job; None: not known.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    def times(self, jobs: float) -> PerJob:
        """The same for so many jobs.

        The mean of a sum is the sum of the means. The ends are as if every job were at its end,
        which is wider than what to expect of a sum.
        """
        ends = (None if end is None else end * jobs for end in (self.low, self.high))
        return PerJob(self.mean * jobs, *ends)


@dataclass(frozen=True)
class Projection:
    """What a tuning job saves, in money if it is priced, and how often it loses its best trial.

    Attributes:
        saved: a job; in `unit`.
        unit: a currency, "instance-hours", "hours of training" or "steps".
        priced: whether `unit` is a currency.
        lost: the share of jobs that lose their best value, 0 to 1; None: not known.
    """

    saved: PerJob
    unit: str
    priced: bool
    lost: PerJob | None


# Amounts, the one that is shown first where it is known: its name in a forecast, the keys of what
# was recorded and run, its unit, and how much of it makes a unit.
_AMOUNTS = (
    ("cost_saved", "cost_recorded", "cost", "", 1.0),
    ("billed_seconds_saved", "billed_seconds_recorded", "billed_seconds_run", "instance-hours",
     _HOUR),
    ("seconds_saved", "seconds_recorded", "seconds_run", "hours of training", _HOUR),
    ("steps_saved", "steps_recorded", "steps_run", "steps", 1.0),
)  # fmt: skip


def forecast_projection(document: EstimateDocument) -> Projection | None:
    """The projection of a forecast: the mean of the next job; None if it knows no amount."""
    for key, _, _, unit, size in _AMOUNTS:
        found = document.quantities.get(key)
        if found is None or found.mean is None:
            continue
        ends = (None if end is None else end / size for end in (found.low, found.high))
        priced = key == "cost_saved"
        return Projection(
            PerJob(found.mean / size, *ends),
            document.costs.currency if priced else unit,
            priced,
            _lost(document),
        )
    return None


def _lost(document: EstimateDocument) -> PerJob | None:
    kept, around = document.probability_best_kept, document.probability_best_kept_interval
    if kept is None:
        return None
    return PerJob(1 - kept, *(() if around is None else (1 - around[1], 1 - around[0])))


def replay_projection(results: Sequence[ReplayResult]) -> Projection | None:
    """The projection of a replay: the mean over its studies; None if no amount is known in all."""
    summaries = [result.summary for result in results]
    for _, recorded, run, unit, size in _AMOUNTS:
        pairs = [(getattr(s, recorded), getattr(s, run)) for s in summaries]
        if not pairs or any(was is None or now is None for was, now in pairs):
            continue
        mean = sum(was - now for was, now in pairs) / len(pairs) / size
        fates = [s.best_trial_stopped for s in summaries if s.best_trial_stopped is not None]
        lost = PerJob(sum(fates) / len(fates)) if fates else None
        currency = summaries[0].currency or ""
        return Projection(PerJob(mean), unit or currency, not unit, lost)
    return None


def history_projection(result: HistoryReplay) -> Projection | None:
    """The projection of a replayed history: its totals over its studies; None if none is known."""
    t = result.totals
    for _, recorded, run, unit, size in _AMOUNTS:
        was, now = t[recorded], t[run]
        if not result.studies or was is None or now is None:
            continue
        mean = (float(was) - float(now)) / result.studies / size
        lost = float(t["best_trials_stopped"] or 0) / result.studies
        return Projection(PerJob(mean), unit or str(t["currency"] or ""), not unit, PerJob(lost))
    return None
