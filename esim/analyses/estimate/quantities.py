"""The predictive distribution of each number of the next job, from what the past studies taught.

Several past studies are themselves a sample of the studies of their kind: the next one differs from
them by the variance between studies, with its own uncertainty, 1 + 1 / S times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from esim.analyses.estimate.past_numbers import AMOUNTS, FRACTIONS, PastNumber, PastNumbers
from esim.analyses.estimate.prediction_variance import FAR, deviations
from esim.analyses.workers.by_study import MANY
from esim.results.estimate import Quantity
from esim.simulator.accounting import SPENT
from esim.study import Float64


def quantities(
    past: Sequence[PastNumbers], comparable: bool, draws: int
) -> dict[str, Quantity | None]:
    """Every quantity by name; None if it cannot be known.

    Args:
        comparable: whether values of the objective are of one kind in all studies.
        draws: of each distribution.
    """
    found: dict[str, Quantity | None] = {}
    for spent in SPENT:
        found[FRACTIONS[spent]] = _fraction(past, FRACTIONS[spent], draws)
    for spent in SPENT:
        name, unit = AMOUNTS[spent]
        found[name] = _amount(past, name, unit, draws)
    found["trials_stopped"] = _stopped(past, draws)
    known = _those(past, lambda one: one.degradation_known)
    of_values = known if comparable else []
    found["degradation"] = _of_the_best(of_values, "degradation_on_record", "value")
    found["degradation_on_record"] = _of_the_best(
        past if comparable else [], "degradation_on_record", "value"
    )
    found["degradation_normalized"] = _of_the_best(known, "degradation_normalized", "normalized")
    found["best_rank"] = _of_the_best(past, "best_rank", "rank")
    return found


def probability_best_kept(past: Sequence[PastNumbers]) -> tuple[float, float] | None:
    """The chance that the best of the next job is kept, and how many jobs that is known from.

    Of J jobs that the history is worth a share q kept its best; the chance is (J q + 1/2) / (J + 1)
    (Jeffreys' prior; Brown, Cai and DasGupta, Statistical Science 16:101-133, 2001). None if
    unknown.
    """
    known = _those(past, lambda one: not math.isnan(one.best_kept))
    if _too_long(known):
        return None
    jobs = max(len(known), min(one.jobs for one in known))
    share = float(np.mean([one.best_kept for one in known]))
    return (jobs * share + 0.5) / (jobs + 1.0), jobs


def _those(
    past: Sequence[PastNumbers], known: Callable[[PastNumbers], bool]
) -> Sequence[PastNumbers]:
    """The studies that know a number: all, or none if one of a few does not.

    What a few studies say together must be of all of them; of many, those that know it say it.
    """
    kept = [one for one in past if known(one)]
    return kept if len(kept) == len(past) or len(past) > MANY else []


def _too_long(past: Sequence[PastNumbers]) -> bool:
    """Whether nothing is known of the best of so long a job."""
    return not past or past[0].m > FAR * max(one.n for one in past)


def _fraction(past: Sequence[PastNumbers], name: str, draws: int) -> Quantity | None:
    drawn = _drawn(past, name, draws)
    if drawn is None:
        return None
    values, spread, bounded = drawn
    kept = np.maximum(values, 0.0) ** 2
    if bounded:
        kept = np.minimum(kept, 1.0)  # only a makespan can grow under a rule
    return Quantity("share", 1.0 - kept, spread)


def _amount(past: Sequence[PastNumbers], name: str, unit: str, draws: int) -> Quantity | None:
    drawn = _drawn(past, name, draws)
    if drawn is None:
        return None
    values, spread, bounded = drawn
    if bounded:
        values = np.maximum(values, 0.0)
    return Quantity(unit, values * past[0].m, spread)


def _stopped(past: Sequence[PastNumbers], draws: int) -> Quantity | None:
    drawn = _drawn(past, "trials_stopped", draws)
    if drawn is None:
        return None
    values, spread, _ = drawn
    return Quantity("trials", np.rint(np.clip(values, 0.0, 1.0) * past[0].m), spread)


def _drawn(past: Sequence[PastNumbers], name: str, draws: int) -> tuple[Float64, bool, bool] | None:
    """Draws of a number of the next job, whether they vary, and whether no replay left its bound;
    None if it is unknown."""
    those = _those(past, lambda one: one.numbers[name] is not None)
    every = [varies for one in those if (varies := one.numbers[name]) is not None]
    if not every:
        return None
    centres = [one.centre for one in every]
    centre, s = float(np.mean(centres)), len(every)
    freedom = float(min(one.n for one in those) - 1)
    variance = every[0].within + every[0].past
    if s > 1:
        # Between studies is measured as it is, past sampling included.
        within = float(np.mean([one.within for one in every]))
        between = float(np.var(centres, ddof=1)) * (1.0 + 1.0 / s)
        variance = within + between
        if variance > 0:
            rest = max(sum(one.n for one in those) - s, 1)
            freedom = variance**2 / (between**2 / (s - 1) + within**2 / rest)
    off = deviations(_shape(every, draws), variance, max(freedom, 1.0))
    return centre + off, bool(off.any()), all(one.bounded for one in every)


def _shape(every: Sequence[PastNumber], draws: int) -> Float64:
    """Deviations of single replays, the studies taking turns; of more studies some, evenly."""
    s = len(every)
    turns = [every[t % s if s <= draws else t * s // draws].shape for t in range(draws)]
    return np.array([shape[t % len(shape)] for t, shape in enumerate(turns)])


def _of_the_best(past: Sequence[PastNumbers], column: str, unit: str) -> Quantity | None:
    those = _those(past, lambda one: len(one.best[column]) > 0)
    if _too_long(those):
        return None
    values = [one.best[column] for one in those]
    most = max(len(v) for v in values)
    return Quantity(unit, np.concatenate([v[np.arange(most) % len(v)] for v in values]))
