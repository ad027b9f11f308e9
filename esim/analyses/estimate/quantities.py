"""The predictive distribution of each number of the next job, computed from the past studies.

Several past studies are themselves a sample of the studies of their kind. The number of the next
study then varies by the variance between studies, times 1 + 1 / S for S past ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from esim.analyses.estimate.past_numbers import AMOUNTS, FRACTIONS, PastNumber, PastNumbers
from esim.analyses.estimate.prediction_variance import deviations
from esim.analyses.estimate.winners import UNSEEN, none_unseen, spread_evenly
from esim.analyses.workers.by_study import MANY
from esim.results.forecast import Quantity
from esim.simulator.accounting import SPENT
from esim.study import Float64

_OF_BEST = 10_000  # draws of a number about the best trial
_OF_MANY = 200  # draws of the chance that the best is kept, from many studies
_KEPT = 1_000_003  # child of the seed; the studies have those below


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
    found["trials_stopped"] = _counted(past, "trials_stopped", draws)
    if past and "trials_not_started" in past[0].numbers:
        found["trials_not_started"] = _counted(past, "trials_not_started", draws)
    known = _those(past, lambda one: one.degradation_known)
    of_values = known if comparable else []
    found["degradation"] = _of_the_best(of_values, "degradation_on_record", "value")
    found["degradation_on_record"] = _of_the_best(
        past if comparable else [], "degradation_on_record", "value"
    )
    found["degradation_normalized"] = _of_the_best(known, "degradation_normalized", "normalized")
    found["best_rank"] = _of_the_best(past, "best_rank", "rank")
    return found


def degradation_as_seen(past: Sequence[PastNumbers]) -> Quantity | None:
    """The normalized degradation if the next job holds no trial that no past one is like."""
    known = _those(past, lambda one: one.degradation_known)
    return _of_the_best(known, "degradation_normalized", "normalized", unseen=False)


@dataclass(frozen=True)
class Kept:
    """The chance that the next job keeps its best trial. Unless said otherwise, of 1.

    Attributes:
        none_unseen: that the next job holds no trial of a kind that no past one shows.
        none_draws: float64 [D], draws of it, from those of the share of such trials.
        seen: float64 [D], draws of the chance that the best is kept if it holds none.
        slow: the chance that it is kept at worst if it holds one.
    """

    none_unseen: float
    none_draws: Float64
    seen: Float64
    slow: float

    @property
    def chance(self) -> float:
        """At worst, on average over the draws."""
        mean = self.none_unseen * self.seen.mean() + (1.0 - self.none_unseen) * self.slow
        return round(float(mean), 12)  # what is certain is 1 and not the next number below

    def interval(self, confidence: float) -> tuple[float, float]:
        """From the worst case to one in which all trials of an unseen kind are kept."""
        tail = (1.0 - confidence) / 2.0
        worst = self.none_draws * self.seen + (1.0 - self.none_draws) * self.slow
        kept = self.none_unseen * self.seen + 1.0 - self.none_unseen
        low, high = np.quantile(worst, tail), np.quantile(kept, 1.0 - tail)
        return min(round(float(low), 12), self.chance), max(round(float(high), 12), self.chance)


def best_kept(past: Sequence[PastNumbers], seed: int) -> Kept | None:
    """The chance that the next job keeps its best trial; None if it is unknown.

    Of several studies the chance is the mean over them, each weighted anew for each draw.

    Args:
        past: what is kept of each past study.
        seed: of the weights.
    """
    known = _those(past, lambda one: len(one.best_kept) > 0)
    if not known:
        return None
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_KEPT,)))
    draws = max(len(one.best_kept) for one in known) if len(known) <= MANY else _OF_MANY
    slow = np.array([one.slow_kept for one in known])
    weights = rng.standard_exponential((draws, len(known)))
    kept = [one.best_kept[np.arange(draws) % len(one.best_kept)] for one in known]
    each = np.stack(kept, axis=1)
    seen = np.array([weights[i] @ each[i] for i in range(draws)]) / weights.sum(axis=1)
    share = rng.beta(UNSEEN, sum(one.n for one in known), draws)
    none = (1.0 - share) ** known[0].m * (1.0 - _new_study(len(known)))
    return Kept(_none_unseen(known), none, seen, float(slow.mean()))


def _none_unseen(past: Sequence[PastNumbers]) -> float:
    """The chance that the next job shows nothing new: no trial, and of several studies no study."""
    every = sum(one.n for one in past)
    return none_unseen(every, past[0].m) * (1.0 - _new_study(len(past)))


def _new_study(studies: int) -> float:
    """The chance that the next study is of a kind that no past one shows; 0 if it is the same."""
    return 0.0 if studies == 1 else UNSEEN / (studies + 2.0 * UNSEEN)


def _those(
    past: Sequence[PastNumbers], known: Callable[[PastNumbers], bool]
) -> Sequence[PastNumbers]:
    """The studies that know a number.

    Up to `MANY` studies, a number is told of all of them or not at all. If there are more, it is
    told of those that know it.
    """
    kept = [one for one in past if known(one)]
    return kept if len(kept) == len(past) or len(past) > MANY else []


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


def _counted(past: Sequence[PastNumbers], name: str, draws: int) -> Quantity | None:
    drawn = _drawn(past, name, draws)
    if drawn is None:
        return None
    values, spread, _ = drawn
    return Quantity("trials", np.rint(np.clip(values, 0.0, 1.0) * past[0].m), spread)


def _drawn(past: Sequence[PastNumbers], name: str, draws: int) -> tuple[Float64, bool, bool] | None:
    """Draws of a number of the next job, on the working scale; None if it is unknown.

    The degrees of freedom of the sum of two variances are Satterthwaite's (Biometrics Bulletin
    2:110-114, 1946).

    Returns:
        The draws, whether they say how sure the number is, which they do if they vary or if no
        replay stops anything, and whether all replays stay within the number's bound.
    """
    those = _those(past, lambda one: one.numbers[name] is not None)
    every = [varies for one in those if (varies := one.numbers[name]) is not None]
    if not every:
        return None
    centres = [one.centre for one in every]
    centre, s = float(np.mean(centres)), len(every)
    freedom = min(one.independent for one in every) - 1.0
    variance = every[0].within + every[0].past
    if s > 1:
        # The variance between the studies' centres holds that of past sampling already.
        within = float(np.mean([one.within for one in every]))
        between = float(np.var(centres, ddof=1)) * (1.0 + 1.0 / s)
        variance = within + between
        if variance > 0:
            rest = max(sum(one.independent for one in every) - s, 1.0)
            freedom = variance**2 / (between**2 / (s - 1) + within**2 / rest)
    off = deviations(_shape(every, draws), variance, max(freedom, 1.0))
    spread = bool(off.any()) or _stops_nothing(past)
    return centre + off, spread, all(one.bounded for one in every)


def _stops_nothing(past: Sequence[PastNumbers]) -> bool:
    """Whether no replay stops a trial or leaves one out, so that every amount saved is 0."""
    names = ("trials_stopped", "trials_not_started")
    stopped = [one.numbers[name] for one in past for name in names if name in one.numbers]
    return all(one is not None and one.centre == 0.0 and not one.shape.any() for one in stopped)


def _shape(every: Sequence[PastNumber], draws: int) -> Float64:
    """Deviations of single replays, float64 [draws]: studies take turns.

    If there are more studies than draws, some of them, spread evenly, give one each.
    """
    s = len(every)
    turns = [every[t % s if s <= draws else t * s // draws].shape for t in range(draws)]
    return np.array([shape[t % len(shape)] for t, shape in enumerate(turns)])


def _of_the_best(
    past: Sequence[PastNumbers], column: str, unit: str, *, unseen: bool = True
) -> Quantity | None:
    """A number about the best trial; None if it is unknown.

    Args:
        past: the studies to tell it from.
        column: the number's name.
        unit: its unit.
        unseen: whether the next job may hold a trial of a kind that no past one shows.
    """
    those = _those(
        past,
        lambda one: len(one.best[column]) > 0 and (not unseen or len(one.slow[column]) > 0),
    )
    if not those:
        return None
    share = _none_unseen(those) if unseen else 1.0
    some = round(_OF_BEST * share)
    seen, slow = ([getattr(one, of)[column] for one in those] for of in ("best", "slow"))
    like_past, worst = _evenly(seen, some), _evenly(slow, _OF_BEST - some)
    kept = np.full(len(worst), 1.0 if column == "best_rank" else 0.0)  # where the best is kept
    return Quantity(
        unit,
        np.concatenate([like_past, worst]),
        best_case=np.concatenate([like_past, kept]) if unseen else None,
    )


def _evenly(values: Sequence[Float64], most: int) -> Float64:
    """So many of the values, the studies' shares being equal, each study's spread evenly."""
    shares = _shares(len(values), most)
    return np.concatenate([spread_evenly(v, k) for v, k in zip(values, shares, strict=True)])


def _shares(parts: int, of: int) -> list[int]:
    """`of` in so many parts that differ by 1 at most."""
    return [of * (i + 1) // parts - of * i // parts for i in range(parts)]
