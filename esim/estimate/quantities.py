"""The predictive distribution of each number of the next job, from the past studies' replays.

Several past studies are themselves a sample of the studies of their kind: the next one differs from
them by the variance between studies, with its own uncertainty, 1 + 1 / S times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from esim.estimate.histories import History, pooled
from esim.estimate.records import Quantity
from esim.estimate.samples import SPENT, Samples
from esim.estimate.widen import EXPONENT_SD, FAR, deviations, kept_beyond, parts
from esim.study import Float64

FRACTIONS = {
    "steps": "steps_saved_fraction",
    "seconds": "seconds_saved_fraction",
    "billed_seconds": "billed_saved_fraction",
    "cost": "cost_saved_fraction",
    "makespan_s": "makespan_saved_fraction",
}
AMOUNTS = {
    "steps": ("steps_saved", "steps"),
    "seconds": ("seconds_saved", "seconds"),
    "billed_seconds": ("billed_seconds_saved", "seconds"),
    "cost": ("cost_saved", "money"),
    "makespan_s": ("makespan_saved_s", "seconds"),
}
Number = Callable[[Samples], Float64]  # of each sample, on the working scale


def quantities(histories: Sequence[History], comparable: bool) -> dict[str, Quantity | None]:
    """Every quantity by name; None if it cannot be known.

    `comparable`: whether values of the objective are of one kind in all studies.
    """
    found: dict[str, Quantity | None] = {}
    for spent in SPENT:
        found[FRACTIONS[spent]] = _fraction(histories, spent)
    for spent in SPENT:
        name, unit = AMOUNTS[spent]
        found[name] = _amount(histories, spent, unit)
    found["trials_stopped"] = _stopped(histories)
    known = all(history.degradation_known for history in histories)
    found["degradation"] = _of_the_best(histories, "degradation", "value", known and comparable)
    found["degradation_on_record"] = _of_the_best(histories, "degradation", "value", comparable)
    found["degradation_normalized"] = _of_the_best(histories, "normalized", "normalized", known)
    found["best_rank"] = _of_the_best(histories, "best_rank", "rank", True)
    return found


def probability_best_kept(histories: Sequence[History]) -> tuple[float, float] | None:
    """The chance that the best of the next job is kept, and how many jobs that is known from.

    Of J jobs that the history is worth a share q kept its best; the chance is (J q + 1/2) / (J + 1)
    (Jeffreys' prior; Brown, Cai and DasGupta, Statistical Science 16:101-133, 2001). None if
    unknown.
    """
    if _too_long(histories):
        return None
    shares = [h.quarter.best_kept for h in histories]
    shares = [share[~np.isnan(share)] for share in shares]
    if any(len(share) == 0 for share in shares):
        return None
    jobs = max(len(histories), min(h.jobs for h in histories))
    share = float(np.mean([s.mean() for s in shares]))
    return (jobs * share + 0.5) / (jobs + 1.0), jobs


def _too_long(histories: Sequence[History]) -> bool:
    """Whether nothing is known of the best of so long a job."""
    return not histories or histories[0].m > FAR * max(history.n for history in histories)


def _fraction(histories: Sequence[History], spent: str) -> Quantity | None:
    # Square roots of the kept share are nearly symmetric about their mean; shares are not.
    def number(samples: Samples) -> Float64:
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = samples.run[spent] / samples.recorded[spent]
        return np.sqrt(np.where(samples.recorded[spent] > 0, kept, np.nan))

    def onwards(history: History, mean: float) -> tuple[float, float]:
        ratio = _kept_ratio(history, spent)
        moved = mean * math.sqrt(ratio)
        return moved, 0.5 * moved * _unsure(history)

    drawn = _drawn(histories, number, onwards)
    if drawn is None:
        return None
    values, spread = drawn
    kept = np.maximum(values, 0.0) ** 2
    if all((number(history.main) <= 1.0).all() for history in histories):
        kept = np.minimum(kept, 1.0)  # only a makespan can grow under a rule
    return Quantity("share", 1.0 - kept, spread)


def _amount(histories: Sequence[History], spent: str, unit: str) -> Quantity | None:
    def number(samples: Samples) -> Float64:
        return (samples.recorded[spent] - samples.run[spent]) / samples.size

    def onwards(history: History, mean: float) -> tuple[float, float]:
        return _grown(history, spent, mean)

    drawn = _drawn(histories, number, onwards)
    if drawn is None:
        return None
    values, spread = drawn
    if all((number(history.main) >= 0).all() for history in histories):
        values = np.maximum(values, 0.0)
    return Quantity(unit, values * histories[0].m, spread)


def _stopped(histories: Sequence[History]) -> Quantity | None:
    drawn = _drawn(histories, lambda s: s.stopped, lambda h, mean: _grown(h, "steps", mean))
    if drawn is None:
        return None
    values, spread = drawn
    return Quantity("trials", np.rint(np.clip(values, 0.0, 1.0) * histories[0].m), spread)


def _grown(history: History, spent: str, mean: float) -> tuple[float, float]:
    """What is saved by a trial of a longer job, and its standard deviation."""
    recorded, run = history.main.recorded[spent], history.main.run[spent]
    whole = float(recorded.mean())
    kept = float(run.mean()) / whole if whole > 0 else 1.0
    if kept >= 1.0:
        return mean, 0.0
    beyond = kept * _kept_ratio(history, spent)
    grown = mean * (1.0 - beyond) / (1.0 - kept)
    return grown, abs(mean) * beyond / (1.0 - kept) * _unsure(history)


def _kept_ratio(history: History, spent: str) -> float:
    """What is kept by a job of m trials over what a job of n keeps; makespans go with seconds."""
    main = history.main
    at = spent
    if spent == "makespan_s":
        at = "billed_seconds" if np.isfinite(main.run_at["billed_seconds"]).all() else "steps"
    return kept_beyond(main.run_at[at], main.recorded_at[at], history.m)


def _unsure(history: History) -> float:
    return EXPONENT_SD * math.log(history.m / history.n)


def _drawn(
    histories: Sequence[History],
    number: Number,
    onwards: Callable[[History, float], tuple[float, float]],
) -> tuple[Float64, bool] | None:
    """Draws of a number of the next job, and whether they vary; None if a replay lacks it."""
    if not histories or any(h.m > h.n and 2 * h.workers >= h.n for h in histories):
        return None  # too few positions show how a longer job goes on
    centres, within, past, shapes = [], [], [], []
    for history in histories:
        values, half = number(history.main), number(history.half)
        if not (np.isfinite(values).all() and np.isfinite(half).all()):
            return None
        found = parts(
            values, half.reshape(-1, history.orders), history.n, history.m, history.launch
        )
        centre, unsure = float(values.mean()), 0.0
        if history.m > history.n:
            centre, unsure = onwards(history, centre)
        centres.append(centre)
        within.append(found.order + found.trials / history.m)
        past.append(found.trials / history.n + unsure**2)
        # Replays of all trials in their recorded order are all the same.
        off = values if history.launch == "shuffled" else half
        off = off[np.arange(len(values)) % len(off)] - off.mean()
        shapes.append(off / (off.std() or 1.0))
    centre, s = float(np.mean(centres)), len(histories)
    freedom = float(min(history.n for history in histories) - 1)
    variance = within[0] + past[0]
    if s > 1:
        # Between studies is measured as it is, past sampling included.
        between = float(np.var(centres, ddof=1)) * (1.0 + 1.0 / s)
        variance = float(np.mean(within)) + between
        if variance > 0:
            rest = max(sum(history.n for history in histories) - s, 1)
            freedom = variance**2 / (between**2 / (s - 1) + float(np.mean(within)) ** 2 / rest)
    turn = np.arange(len(shapes[0]))
    shape = np.stack(shapes)[turn % s, turn]
    off = deviations(shape, variance, max(freedom, 1.0))
    return centre + off, bool(off.any())


def _of_the_best(
    histories: Sequence[History], column: str, unit: str, known: bool
) -> Quantity | None:
    if not known or _too_long(histories):
        return None
    values = [pooled(history, column) for history in histories]
    if any(len(v) == 0 for v in values):
        return None
    most = max(len(v) for v in values)
    return Quantity(unit, np.concatenate([v[np.arange(most) % len(v)] for v in values]))
