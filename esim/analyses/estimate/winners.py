"""What becomes of the next job's best trial: replays of jobs whose best trial is known beforehand.

The next job's best is another trial than the past one's. With n past and m next trials, all
exchangeable, so many past trials are better than the next job's best as are better than the best
one that m draws from Polya's urn hold (Ghosh and Meeden, "Bayesian Methods for Finite Population
Sampling", 1997), but for n - 1 in the place of n. The rank J of that one, from 0, has the chances

    P(J >= j) = product over i = 0 ... j - 1 of (n - 1 - i) / (n + m - 1 - i)

whatever the values are.
A job of m trials is made for each J: the past trial with j better ones is its best, and the others
are drawn from those that are no better, from an urn of the same kind, so that trials stand in it
several times or not at all; it runs on as many workers as the next job has. A best trial never has
a copy of itself beside it.

What no past trial shows is held against the worst case: a trial that is worse than all others until
its last report, where it is the best by far. The share of such trials is taken to be Beta(1/2, n),
from Jeffreys' prior after none was seen in n (Brown, Cai and DasGupta, Statistical Science
16:101-133, 2001), so that the next job holds none with a chance near sqrt(n / (n + m)).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.past_study import WINNERS, PastStudies, PastStudy
from esim.analyses.estimate.prediction_variance import FAR
from esim.analyses.estimate.samples import Launch
from esim.simulator.accounting import Outcomes
from esim.simulator.plan.statistics import final_values
from esim.study import Float64, Int64, Status, Study
from esim.study.times import last_kept

UNSEEN = 0.5  # of Beta(1/2, n)
_COPIES = 2  # of each trial, more than a job of m trials takes on average, rounded up
_DRAWS = 1000  # of the chance that the best is kept
_ORDERS, _SLOW, _WEIGHTS, _MORE = range(4)  # children of the seed


@dataclass(frozen=True)
class Winners:
    """Replays of jobs of m trials whose best is known.

    Attributes:
        rank: int64 [R], the rank of the past trial that is the best of each job of `seen`, from 0;
            the next job's best is as good as it, or better but not as good as the next better one.
        seen: jobs whose best is a past trial, in proportion to the chances of J. [R]
        slow: jobs whose best is the worst case of a trial that no past one is like. [U]
        more_slow: draws of how many more such trials the next job holds if it holds one. int64 [U]
        kept: draws of the chance that the best is kept if it is like a past trial: the past trials
            are weighted anew for each draw (Rubin's Bayesian bootstrap, Annals of Statistics
            9:130-134, 1981). float64 [_DRAWS], NaN if unknown
    """

    rank: Int64
    seen: Outcomes
    slow: Outcomes
    more_slow: Int64
    kept: Float64


def none_unseen(n: int, m: int) -> float:
    """The chance that m next trials hold none of a kind that n past ones do not show.

    It is the mean of (1 - U)^m for U from Beta(1/2, n).

    >>> round(none_unseen(40, 40), 2), round(none_unseen(1000, 50), 2)
    (0.71, 0.98)
    """
    lg = math.lgamma
    return math.exp(lg(n + m) - lg(n + m + UNSEEN) + lg(n + UNSEEN) - lg(n))


def trials_for(chance: float, m: int) -> int:
    """The least number of past trials for which `none_unseen` reaches a chance below 1.

    >>> trials_for(0.9, 50)
    214
    """
    low, high = 1, 2
    while none_unseen(high, m) < chance:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if none_unseen(middle, m) >= chance else (middle + 1, high)
    return low


def chances_of_rank(n: int, m: float) -> Float64:
    """The chances of J = 0, 1, ... n - 1; float64 [n]. See the module.

    >>> chances_of_rank(3, 1).round(2).tolist()
    [0.33, 0.33, 0.33]
    """
    i = np.arange(n - 1)
    at_least = np.concatenate([[1.0], np.cumprod((n - 1 - i) / (n + m - 1 - i)), [0.0]])
    found: Float64 = at_least[:-1] - at_least[1:]
    return found


def spread_evenly(values: Float64, most: int) -> Float64:
    """So many of the values, or of repeats of them, spread evenly over their order; float64 [most]

    >>> spread_evenly(np.array([3.0, 1.0, 2.0]), 4).tolist()
    [1.0, 1.0, 2.0, 3.0]
    """
    found: Float64 = np.sort(values)[np.arange(most) * len(values) // max(most, 1)]
    return found


def replay_winners(past: PastStudies, ask: Ask) -> list[Winners | None]:
    """Replay jobs whose best trial is known.

    Args:
        past: the past studies.
        ask: what is asked of them.

    Returns:
        For each study its replays. None if fewer than two past trials have a final value, or m is
        more than `FAR` times n; than n if the launch order is kept, because how a search learns
        beyond it is not known, or if a job-level rule ends the job, because trials that come again
        are no progress.
    """
    found: list[Winners | None] = [None] * len(past.each)
    drawn = {
        at: its for at, one in enumerate(past.each) if (its := _drawn_jobs(one, ask)) is not None
    }
    if not drawn:
        return found
    copies = tuple((at, its.copies) for at, its in drawn.items())
    plan = past.once(
        ("repeated", ask.rule, ask.final, copies),
        lambda: past.planned(ask.rule, [its.repeated for its in drawn.values()]),
    )
    played = past.play(plan, ask, [its.orders for its in drawn.values()])
    for (at, its), samples in zip(drawn.items(), played, strict=True):
        n, jobs = len(past.each[at].places), len(its.best)
        seen, slow = (samples.outcomes.of(those) for those in (slice(jobs), slice(jobs, None)))
        kept = _kept(its.best, seen.best_kept, ask.trials, its.ranked, n, its.seeds[_WEIGHTS])
        more_slow = _more(n, ask.trials, len(slow.trials), its.seeds[_MORE])
        found[at] = Winners(its.best, seen, slow, more_slow, kept)
    return found


@dataclass(frozen=True)
class _DrawnJobs:
    """The jobs of one study whose best is known.

    Attributes:
        ranked: how many of its past trials have a final value and did not fail.
        copies: of each trial that a job can hold.
        repeated: the study, its trials so many times over, and the slow winner.
        best: int64 [R], the rank of the best past trial of each job that is best by one.
        orders: int64 [R + U, m], these jobs and those whose best is the slow winner, as places in
            `repeated`.
        seeds: of what is drawn.
    """

    ranked: int
    copies: int
    repeated: Study
    best: Int64
    orders: Int64
    seeds: Sequence[np.random.SeedSequence]


def _drawn_jobs(past: PastStudy, ask: Ask) -> _DrawnJobs | None:
    """The jobs of a study; None where `replay_winners` has none."""
    study, places, final, samples = past.study, past.places, ask.final, ask.winners
    ranked = past.once(("ranked", final), lambda: _ranked(study, final, places))
    n, m = len(places), ask.trials
    if len(ranked) < 2 or m > (n if ask.launch == "recorded" or ask.until else FAR * n):
        return None
    seed = past.child(WINNERS)
    seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(4)]
    copies = _COPIES + -(-(m - 1) // n)
    repeated = past.once(
        ("repeated", final, copies),
        lambda: _with_slow(_repeated(study, copies + 1), int(ranked[0]), copies),
    )
    chances = chances_of_rank(len(ranked), m * len(ranked) / n)[:-1]
    best = np.searchsorted(np.cumsum(chances) / chances.sum(), (np.arange(samples) + 0.5) / samples)
    # With so few no better ones there are not copies enough; it hardly ever comes to that.
    best = np.minimum(best, max(n - 1 - -(-(m - 1) // copies), 0))
    jobs = _Jobs(study.n_trials, places, ranked, m, ask.launch, copies)
    orders = past.once(
        ("winners", m, samples, ask.launch, final),
        lambda: np.concatenate(
            (
                jobs.with_best(seeds[_ORDERS], best),
                jobs.with_slow(seeds[_SLOW], ask.slow_winners),
            )
        ),
    )
    return _DrawnJobs(len(ranked), copies, repeated, best, orders, seeds)


def _more(n: int, m: int, draws: int, seed: np.random.SeedSequence) -> Int64:
    """`Winners.more_slow`: K - 1 for K from Binomial(m, U) and U from Beta(1/2, n), if K > 0."""
    rng = np.random.default_rng(seed)
    found = np.empty(0, dtype=np.int64)
    while len(found) < draws:
        number = rng.binomial(m, rng.beta(UNSEEN, n, 8 * draws))
        found = np.concatenate([found, number[number > 0] - 1])
    return found[:draws]


def _ranked(study: Study, final: str, places: Int64) -> Int64:
    """The past trials that have a final value and did not fail, the best first."""
    rows = study.lengths
    values = study.sign * last_kept(study, final_values(study, final), rows, np.nan)
    able = places[~np.isnan(values[places]) & ~study.which(Status.FAILED)[places]]
    found: Int64 = able[np.argsort(values[able], kind="stable")]
    return found


def _repeated(study: Study, copies: int) -> Study:
    """The trials so many times over; trial i of copy c has the place c * N + i."""
    columns: dict[str, Any] = {
        column.name: np.tile(value, copies)
        for column in dataclasses.fields(study)
        if isinstance(value := getattr(study, column.name), np.ndarray)
    }
    lengths = np.tile(study.lengths, copies)
    columns["offsets"] = np.concatenate([[0], np.cumsum(lengths)])
    return dataclasses.replace(
        study,
        **columns,
        trials=tuple(f"{c}:{trial}" for c in range(copies) for trial in study.trials),
        instance_type=study.instance_type * copies,
        config={},
    )


def _with_slow(study: Study, best: int, copies: int) -> Study:
    """The study in which the best trial's last copy, after so many others, is the slow winner."""
    at = best + copies * (study.n_trials // (copies + 1))
    rows = slice(study.offsets[at], study.offsets[at + 1])
    values = study.sign * study.values
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    span = (high - low) or 1.0
    values[rows] = high + span
    values[rows.stop - 1] = low - 1e3 * span
    return dataclasses.replace(study, values=study.sign * values)


@dataclass(frozen=True)
class _Jobs:
    """Launch orders of jobs of m trials, as places in a study that `_repeated` made.

    Attributes:
        trials: N, of the study itself.
        places: int64 [n], the past trials, in launch order.
        ranked: int64 [k], those with a final value, the best first.
        m: trials of a job.
        launch: as in `samples.draw`.
        copies: of each trial that a job can hold; the slow winner is the best trial's next copy.
    """

    trials: int
    places: Int64
    ranked: Int64
    m: int
    launch: Launch
    copies: int

    def with_best(self, seed: np.random.SeedSequence, best: Int64) -> Int64:
        """Jobs whose best is the past trial of each rank, from 0. int64 [R, m]"""
        orders = np.empty((len(best), self.m), dtype=np.int64)
        ranks = np.full(self.trials, len(self.ranked))
        ranks[self.ranked] = np.arange(len(self.ranked))
        others = {rank: self.places[ranks[self.places] > rank] for rank in set(best.tolist())}
        rng = np.random.default_rng(seed)
        for i, rank in enumerate(best):
            orders[i] = self._order(rng, self.ranked[rank], self._drawn(rng, others[rank]))
        return orders

    def with_slow(self, seed: np.random.SeedSequence, jobs: int) -> Int64:
        """Jobs with the slow winner at any position. int64 [jobs, m]"""
        orders = np.empty((jobs, self.m), dtype=np.int64)
        slow = int(self.ranked[0]) + self.copies * self.trials
        rng = np.random.default_rng(seed)
        for i in range(jobs):
            order = self._order(rng, None, self._drawn(rng, self.places))
            orders[i] = np.insert(order, rng.integers(self.m), slow)
        return orders

    def _drawn(self, rng: np.random.Generator, others: Int64) -> Int64:
        """m - 1 of the others from Polya's urn, each at most `copies` times. int64 [m - 1]"""
        weights = rng.standard_exponential(len(others))
        counts = np.zeros(len(others), dtype=np.int64)
        while missing := self.m - 1 - int(counts.sum()):
            weights[counts == self.copies] = 0.0
            counts += rng.multinomial(missing, weights / weights.sum())
            np.minimum(counts, self.copies, out=counts)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(others, counts) + self.trials * (np.arange(self.m - 1) - first)

    def _order(self, rng: np.random.Generator, best: int | None, others: Int64) -> Int64:
        """The trials of a job in launch order."""
        job = others if best is None else np.append(others, best)
        mixed: Int64 = rng.permutation(job)
        if self.launch == "recorded":
            mixed = mixed[np.argsort(mixed % self.trials, kind="stable")]
        return mixed


def _kept(
    best: Int64, kept: Float64, m: int, ranked: int, n: int, seed: np.random.SeedSequence
) -> Float64:
    """`Winners.kept`, from whether each job kept its best."""
    top = int(best.max()) + 1
    jobs = np.bincount(best, minlength=top)
    shares = np.bincount(best, weights=np.nan_to_num(kept), minlength=top) / np.maximum(jobs, 1)
    if np.isnan(kept).any():
        return np.full(_DRAWS, np.nan)
    rng = np.random.default_rng(seed)
    weights = rng.standard_exponential((_DRAWS, top))
    rest = rng.standard_gamma(ranked - top, (_DRAWS, 1)) if ranked > top else np.zeros((_DRAWS, 1))
    at_most = np.concatenate([np.cumsum(weights[:, ::-1], axis=1)[:, ::-1] + rest, rest], axis=1)
    power = (at_most / at_most[:, :1]) ** (m * ranked / n)
    chances = power[:, :-1] - power[:, 1:]
    # Ranks without a job of their own count as the last that has one.
    known = shares[np.maximum.accumulate(np.where(jobs > 0, np.arange(top), 0))]
    found: Float64 = chances @ known + power[:, -1] * known[-1]
    return found
