"""The predictive distribution of each number of the next job, computed from the past studies.

Several past studies are themselves a sample of the studies of their kind. The number of the next
study then varies by the variance between studies, times 1 + 1 / S for S past ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from esim.analyses.estimate.past_numbers import AMOUNTS, FRACTIONS, PastNumber, PastNumbers
from esim.analyses.estimate.prediction_variance import FAR, deviations
from esim.analyses.workers.by_study import MANY
from esim.results.forecast import Quantity
from esim.simulator.accounting import SPENT
from esim.study import Float64


def quantities(
    past: Sequence[PastNumbers], comparable: bool, draws: int
) -> dict[str, Quantity | None]:
    """Every quantity of the next job by name; None if it cannot be known.

    Args:
        past: what is kept of each past study.
        comparable: whether all studies have the same objective, so that its values compare.
        draws: values of each distribution.
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
    """The chance that the next job keeps its best trial, and from how many past jobs it is known.

    If a share q of J past jobs kept its best trial, the chance is (J q + 1/2) / (J + 1), the mean
    of the posterior with Jeffreys' prior (Brown, Cai and DasGupta, Statistical Science 16:101-133,
    2001).

    Args:
        past: what is kept of each past study.

    Returns:
        None if it is unknown.
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
    """The studies that know a number.

    Up to `MANY` studies, a number is told of all of them or not at all. If there are more, it is
    told of those that know it.
    """
    kept = [one for one in past if known(one)]
    return kept if len(kept) == len(past) or len(past) > MANY else []


def _too_long(past: Sequence[PastNumbers]) -> bool:
    """Whether the next job has too many trials for anything to be known of its best one."""
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
    """Draws of a number of the next job, on the working scale; None if it is unknown.

    The degrees of freedom of the sum of two variances are Satterthwaite's (Biometrics Bulletin
    2:110-114, 1946).

    Returns:
        The draws, whether they vary, and whether all replays stay within the number's bound.
    """
    those = _those(past, lambda one: one.numbers[name] is not None)
    every = [varies for one in those if (varies := one.numbers[name]) is not None]
    if not every:
        return None
    centres = [one.centre for one in every]
    centre, s = float(np.mean(centres)), len(every)
    freedom = float(min(one.n for one in those) - 1)
    variance = every[0].within + every[0].past
    if s > 1:
        # The variance between the studies' centres holds that of past sampling already.
        within = float(np.mean([one.within for one in every]))
        between = float(np.var(centres, ddof=1)) * (1.0 + 1.0 / s)
        variance = within + between
        if variance > 0:
            rest = max(sum(one.n for one in those) - s, 1)
            freedom = variance**2 / (between**2 / (s - 1) + within**2 / rest)
    off = deviations(_shape(every, draws), variance, max(freedom, 1.0))
    return centre + off, bool(off.any()), all(one.bounded for one in every)


def _shape(every: Sequence[PastNumber], draws: int) -> Float64:
    """Deviations of single replays, float64 [draws]: studies take turns.

    If there are more studies than draws, some of them, spread evenly, give one each.
    """
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
