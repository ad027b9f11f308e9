"""One study under every contestant: in its recorded launch order, in random ones, and on workers.

Every contestant is replayed in the recorded launch order, in the same random launch orders, and,
for the table over numbers of workers, in the first of these on 1, 4, 16 and 64 workers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np

from esim.analyses.compare.contestants import Contestant
from esim.analyses.compare.kept_numbers import KeptNumbers, keep_numbers
from esim.analyses.compare.statistics import first_shares, ranks
from esim.analyses.workers.by_study import MANY
from esim.assumptions import Clock
from esim.errors import EsimError
from esim.results.comparison.comparison import RecordedMeans, Settings, Spread
from esim.results.replay import BestTrial, Summary
from esim.simulator.accounting import Lot, Outcomes, outcomes_of_lots
from esim.simulator.job_end import Until, play_many
from esim.simulator.jobs import choose_clock
from esim.simulator.plan.build import prepare
from esim.simulator.replay import Final, replay_plan
from esim.simulator.run import OrderRuns, run_many
from esim.simulator.trial_outcomes import TrialOutcomes
from esim.study import Float64, Int64, Study
from esim.study.facts import Facts, facts, reporting

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


def replay_study(
    contestants: Sequence[Contestant],
    conditions: Conditions,
    threads: int,
    tell: Callable[[], None] | None,
    position: int,
    study: Study,
) -> StudyReplays:
    """Replay one study under all contestants.

    Args:
        contestants: the contestants.
        conditions: what is the same for all of them.
        threads: how many share the contestants; the result does not depend on it.
        tell: called whenever a contestant is done.
        position: of the study among all; not used, because launch orders depend on its name.
        study: the study.

    Raises:
        EsimError: the study lacks the times that the clock needs.
    """
    return replay_table(contestants, conditions, threads, tell, study).kept()


def replay_table(
    contestants: Sequence[Contestant],
    conditions: Conditions,
    threads: int,
    tell: Callable[[], None] | None,
    study: Study,
) -> ReplayTable:
    """The numbers of one study under all contestants; arguments as of `replay_study`.

    Raises:
        EsimError: the study lacks the times that the clock needs.
    """
    table = ReplayTable(study, len(contestants), conditions)
    table.replay_without_rule(contestants[0])

    def one(r: int) -> None:
        table.replay(r, contestants[r])
        if tell is not None:
            tell()

    if threads == 1:
        for r in range(len(contestants)):
            one(r)
    else:
        with ThreadPoolExecutor(threads) as pool:
            try:
                list(pool.map(one, range(len(contestants))))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return table


def replay_whole_study(
    contestants: Sequence[Contestant],
    conditions: Conditions,
    threads: int,
    tell: Callable[[], None] | None,
    position: int,
    study: Study,
) -> StudyReplays:
    """`replay_study` for a study as it was recorded, which must tell the amount to be saved.

    Arguments as of `replay_study`.

    Raises:
        EsimError: the study lacks the times that the clock needs, or the amount to be saved.
    """
    table = replay_table(contestants, conditions, threads, tell, study)
    check_saved_known(table)
    return table.kept()


def check_saved_known(table: ReplayTable) -> None:
    """Raise EsimError if a study does not tell the amount that is to be saved."""
    saved, price = ranked_number(table.settings), table.settings.costs.price
    if (
        saved != "steps_saved_fraction"
        and np.isnan(table.recorded[RECORDED_NUMBERS.index(saved)]).any()
    ):
        amount = saved.removesuffix("_saved_fraction")
        raise EsimError(
            f"study {table.study.name!r} has no {amount} to save",
            why="its logs lack report times" if price is not None or amount != "cost"
            else "no price was given",
            fix="--saved steps",
        )  # fmt: skip


class ReplayTable:
    """The numbers of a study's replays: a row for each contestant, filled from any thread.

    A part is a clock with launch orders: the recorded one, the random ones, and those of each
    number of workers in the table.

    Attributes:
        facts: of the study.
        clock: of the recorded launch order.
        orders_clock: of the random launch orders.
        own, random: the columns of the recorded launch order and of the random ones.
        numbers: the `ORDER_NUMBERS` by name, float64 [R, O] each; NaN = unknown. A column is a
            launch order.
        first_stop: float64 [R, O], the earliest step of a stop; NaN: no stop.
    """

    def __init__(self, study: Study, rules: int, conditions: Conditions) -> None:
        self.facts = facts(study)
        self.study, self.conditions, self.settings = study, conditions, conditions.settings
        asked = self.settings.workers
        self.clock = choose_clock(study, self.settings.clock, asked or 1)
        # Without report times it is not known which trial was ahead: one runs after another.
        ran = self.facts.side_by_side if study.has_schedule else 1
        slots = asked or (1 if self.settings.clock == "simulated" else ran)
        one_by_one = self.settings.clock == "order" or slots == 1
        self.orders_clock = Clock("order") if one_by_one else Clock("simulated", slots)
        orders = launch_orders(study, self.settings.seed, self.settings.orders)
        self._parts: list[tuple[Clock, Int64]] = []
        self._columns = 0
        self.own = self._part(self.clock, np.arange(study.n_trials)[None])
        self.random = self._part(self.orders_clock, orders)
        few = orders[: self.settings.workers_orders]
        self._workers = {workers: self._on(workers, few) for workers in self.settings.workers_table}
        self._baseline: list[OrderRuns] = []
        shape = rules, self._columns
        self.numbers = {name: np.full(shape, np.nan) for name in ORDER_NUMBERS}
        self.first_stop = np.full(shape, np.nan)
        self._summaries: list[Summary | None] = [None] * rules
        self._best_recorded: BestTrial | None = None

    def _part(self, clock: Clock, orders: Int64) -> slice:
        """Plan one more part; the columns of its launch orders."""
        first = self._columns
        if len(orders):
            self._parts.append((clock, orders))
            self._columns += len(orders)
        return slice(first, self._columns)

    def _on(self, workers: int, orders: Int64) -> slice:
        """The columns of launch orders, the first of the random ones, on some workers."""
        clock = Clock("simulated", workers) if workers > 1 else Clock("order")
        if clock == self.orders_clock:  # they are there already
            return slice(self.random.start, self.random.start + len(orders))
        return self._part(clock, orders)

    def replay_without_rule(self, any_rule: Contestant) -> None:
        """Run every part without a rule; the plan of any rule serves for that."""
        plan, costs = prepare(self.study, any_rule.rule, threads=1), self.settings.costs
        self._baseline = [
            run_many(plan, clock, costs, orders, acting=False, threads=1)
            for clock, orders in self._parts
        ]

    def replay(self, r: int, contestant: Contestant) -> None:
        """Fill the row of one contestant."""
        costs, final = self.settings.costs, self.conditions.final
        plan = prepare(self.study, contestant.rule, threads=1)
        until = Until(contestant.until, final)
        lots = [
            Lot(clock, play_many(plan, clock, costs, until, orders, threads=1), baseline)
            for (clock, orders), baseline in zip(self._parts, self._baseline, strict=True)
        ]
        found, trials = outcomes_of_lots(self.study, costs, final, lots)
        for name, value in _numbers(found, ORDER_NUMBERS).items():
            self.numbers[name][r] = value
        self.first_stop[r] = earliest_stop(trials)
        if r == 0:
            best = found.best_recorded
            of_best = int(best.place[self.own.start]), float(best.value[self.own.start])
            if not np.isnan(of_best[1]):
                self._best_recorded = BestTrial(self.study.trials[of_best[0]], of_best[1])
        if self.conditions.summaries:
            replayed = replay_plan(plan, self.clock, costs, until)
            self._summaries[r] = next(replayed.results()).summary

    @property
    def recorded(self) -> Float64:
        """The `RECORDED_NUMBERS` in the recorded launch order. float64 [M, R]"""
        return np.stack([self.numbers[name][:, self.own.start] for name in RECORDED_NUMBERS])

    def kept(self) -> StudyReplays:
        """What is kept of the study, once every row is filled."""
        accepted, sample = self.settings.max_degradation, self.conditions.sample
        saved = ranked_number(self.settings)
        loss = self.numbers[LOSS]
        every = {
            **self.numbers,
            "within": np.where(np.isnan(loss), np.nan, loss <= accepted),
        }
        of_workers = (saved, "degradation_normalized", LOSS, "best_kept")
        table = {name: column[:, self.random] for name, column in every.items()}
        ranked, first = self._ranks(table)
        return StudyReplays(
            study=self.facts,
            clock=self.clock,
            orders_clock=self.orders_clock,
            recorded=self.recorded,
            best_recorded=self._best_recorded,
            summaries=tuple(s for s in self._summaries if s is not None),
            orders=keep_numbers(table, sample),
            workers={
                workers: keep_numbers(
                    {name: every[name][:, columns] for name in of_workers},
                    self.conditions.workers_sample,
                    ends=False,
                )
                for workers, columns in self._workers.items()
            },
            first_stop=np.fmin.reduce(self.first_stop[:, self.random], axis=1),
            reach=_reach(table[saved]),
            ranks=ranked,
            first=first,
        )

    def _ranks(self, table: Mapping[str, Float64]) -> tuple[Float64 | None, Float64 | None]:
        """`StudyReplays.ranks` and `first`, from the numbers of the random launch orders."""
        saved, loss = table[ranked_number(self.settings)], table[LOSS]
        if np.isnan(loss).any():
            loss = table[ON_RECORD]
        if np.isnan(saved).any() or np.isnan(loss).any():
            return None, None
        rows = np.array(self.conditions.ranked, dtype=np.int64)
        ranked = ranks(saved[rows], loss[rows], self.settings.max_degradation)
        first = first_shares(ranked)
        if self.conditions.sample is not None:
            ranked = ranked.mean(axis=1, keepdims=True)
        return ranked, first


def _reach(saved: Float64) -> Float64 | None:
    """From the 5 % to the 95 % quantile over launch orders, [R, O] -> [R]; None if unknown."""
    if np.isnan(saved).any():
        return None
    low, high = np.quantile(saved, [0.05, 0.95], axis=1, method="inverted_cdf")
    reach: Float64 = high - low
    return reach


def earliest_stop(trials: TrialOutcomes) -> Float64:
    """The earliest step at which a trial is stopped in each launch order, NaN: none. float64 [O]"""
    first = np.where(trials.stopped, trials.run.steps, np.inf).min(axis=-1, initial=np.inf)
    return np.where(np.isfinite(first), first, np.nan)


def _numbers(found: Outcomes, names: Sequence[str]) -> Mapping[str, Float64]:
    """Numbers of outcomes by name, float64 [J] each, `LOSS` among them."""
    loss = np.maximum(found.degradation_normalized, 0.0)
    return {name: loss if name == LOSS else getattr(found, name) for name in names}
