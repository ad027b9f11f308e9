"""What is kept of one study under every contestant, and in which launch orders it is replayed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from esim.analyses.compare.kept_numbers import KeptNumbers
from esim.analyses.workers.by_study import MANY
from esim.assumptions import Clock
from esim.results.comparison.comparison import RecordedMeans, Settings, Spread
from esim.results.replay import BestTrial, Summary
from esim.simulator.replay import Final
from esim.study import Float64, Int64, Study
from esim.study.facts import Facts, reporting

WORKERS = (1, 4, 16, 64)  # columns of the table over numbers of workers
_ENOUGH = 400  # replays of a rule on a number of workers, over all studies, that the table takes
_LEAST_ORDERS = 10  # of each of many studies
_SAMPLE = 10_000  # launch orders of all studies together from which quantiles are taken
LOSS = "loss_normalized"  # the normalized degradation, 0 where it is a gain
ON_RECORD = "loss_on_record"  # the same of the recorded values alone
# Names of the numbers of the recorded launch order, and of each random one.
RECORDED_NUMBERS = tuple(f.name for f in fields(RecordedMeans))
ORDER_NUMBERS = tuple(f.name for f in fields(Spread) if f.name != "within")


@dataclass(frozen=True)
class Conditions:
    """What is the same for all contestants and all studies.

    Attributes:
        settings: of the comparison.
        final: `settings.final`: which reported value is a trial's final one.
        sample: how many of the launch orders of each study are kept one by one, while the others
            only count in means; None: all.
        workers_sample: the same in the table over numbers of workers.
        ranked: positions of the contestants that are ranked.
        summaries: whether the summary of each replay in the recorded launch order is kept.
    """

    settings: Settings
    final: Final
    sample: int | None
    workers_sample: int | None
    ranked: tuple[int, ...]
    summaries: bool = False


@dataclass(frozen=True, eq=False)
class StudyReplays:
    """One study under all R contestants: numbers, without its curves.

    C is the number of launch orders; or 1, for the mean over them, if there are many studies.

    Attributes:
        study: what is known of the study itself.
        clock: of the recorded launch order.
        orders_clock: of the random launch orders.
        recorded: float64 [M, R], the M `RECORDED_NUMBERS` in the recorded launch order; NaN =
            unknown.
        best_recorded: the best trial without a rule; None if the study has none.
        summaries: R summaries of the recorded launch order; empty if none were asked for.
        orders: the numbers of the random launch orders.
        workers: number of workers of the table -> the numbers of the first launch orders on it.
        first_stop: float64 [R], the earliest step of a stop in any launch order; NaN: no stop.
        reach: float64 [R], the distance from the 5 % to the 95 % quantile of the fraction saved;
            None if it is unknown.
        ranks: float64 [ranked, C], by the loss, or where that is unknown by the one on record;
            None if what is saved or lost is unknown.
        first: float64 [ranked], in which share of launch orders each is first; None with `ranks`.
    """

    study: Facts
    clock: Clock
    orders_clock: Clock
    recorded: Float64
    best_recorded: BestTrial | None
    summaries: tuple[Summary, ...]
    orders: KeptNumbers
    workers: Mapping[int, KeptNumbers]
    first_stop: Float64
    reach: Float64 | None
    ranks: Float64 | None
    first: Float64 | None


def ranked_number(settings: Settings) -> str:
    """The name of the number by which contestants are ranked, such as "steps_saved_fraction"."""
    return f"{settings.saved}_saved_fraction"


def launch_orders(study: Study, seed: int, orders: int) -> Int64:
    """Random launch orders of a study, the same for every rule.

    Each comes from its own child of the seed, (study's name, number of the launch order). So they
    do not depend on the other studies, and asking for more leaves the first ones as they are.

    Args:
        study: N trials; those that report no value stand behind all others.
        seed: of the comparison.
        orders: O, how many.

    Returns:
        int64 [O, N]: positions of the trials, in launch order.
    """
    of_study = zlib.crc32(study.name.encode("utf-8", "surrogatepass"))
    known = reporting(study)
    silent = np.setdiff1d(np.arange(study.n_trials), known)
    found = np.empty((orders, study.n_trials), dtype=np.int64)
    for replicate, row in enumerate(found):
        child = np.random.SeedSequence(seed, spawn_key=(of_study, replicate))
        row[: len(known)] = np.random.default_rng(child).permutation(known)
        row[len(known) :] = silent
    return found


def table_workers(most: int) -> tuple[int, ...]:
    """The numbers of workers in the table: those on which the largest study's trials take turns.

    A study of fewer trials starts all of them at once there, so that each column is about all
    studies.

    Args:
        most: trials of the largest study.
    """
    return tuple(workers for workers in WORKERS if workers == 1 or workers < most)


def table_orders(orders: int, studies: int) -> int:
    """Launch orders of each study in the table over workers: at most 20, fewer of many studies."""
    return min(orders, 20, max(4, _ENOUGH // max(studies, 1)))


def orders_each(orders: int, studies: int) -> int:
    """Launch orders of each study; of more than `MANY` studies fewer.

    Means are over studies, and between those they differ by more than between launch orders.

    >>> orders_each(100, 100), orders_each(100, 400), orders_each(100, 5000), orders_each(6, 5000)
    (100, 25, 10, 6)
    """
    return orders if studies <= MANY else min(orders, max(_LEAST_ORDERS, orders * MANY // studies))


def sample_orders(orders: int, studies: int) -> int | None:
    """Launch orders of each study that are kept one by one; None: all, up to `MANY` studies."""
    return None if studies <= MANY else min(orders, -(-_SAMPLE // studies))


def table_sample(orders: int, studies: int) -> int | None:
    """The same as `sample_orders`, in the table over workers."""
    return None if studies <= MANY else min(orders, -(-_ENOUGH // studies))
