"""One study under every contestant: in its recorded launch order, in random ones, and on workers.

Every contestant is replayed in the recorded launch order, in the same random launch orders, and,
for the table over numbers of workers, in the first of these on 1, 4, 16 and 64 workers. Studies of
one kind are replayed together, each by itself all the same: most of the time of small ones is in
the calls, whatever the number of studies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial

import numpy as np

from esim.analyses.compare.contestants import Contestant
from esim.analyses.compare.kept_numbers import keep_numbers
from esim.analyses.compare.statistics import first_shares, ranks
from esim.analyses.compare.study_replays import (
    LOSS,
    ON_RECORD,
    ORDER_NUMBERS,
    RECORDED_NUMBERS,
    Conditions,
    StudyReplays,
    launch_orders,
    ranked_number,
)
from esim.assumptions import Clock
from esim.errors import EsimError
from esim.results.replay import BestTrial, Summary
from esim.rules import rule as named_rule
from esim.simulator.accounting import Lot, OrdersOfStudies, Outcomes, outcomes_of_lots
from esim.simulator.job_end import Until, play_many
from esim.simulator.jobs import choose_clock
from esim.simulator.plan.build import batchable, prepare_batch
from esim.simulator.plan.ranking import in_threads
from esim.simulator.replay import replay_plan
from esim.simulator.run import run_many
from esim.simulator.trial_outcomes import TrialOutcomes
from esim.study import Float64, Int64, Study
from esim.study.batch import Batch, batches
from esim.study.facts import facts


def replay_studies(
    contestants: Sequence[Contestant],
    conditions: Conditions,
    threads: int,
    tell: Callable[[], None] | None,
    positions: Sequence[int],
    studies: Sequence[Study],
) -> list[StudyReplays]:
    """Replay studies under all contestants.

    Args:
        contestants: the contestants.
        conditions: what is the same for all of them.
        threads: how many share the contestants; the result does not depend on it.
        tell: called whenever a study is done under a contestant.
        positions: of the studies among all; not used, because launch orders depend on names.
        studies: the studies.

    Raises:
        EsimError: a study lacks the times that the clock needs.
    """
    tables = replay_tables(contestants, conditions, threads, tell, studies)
    return [table.kept() for table in tables]


def replay_whole_studies(
    contestants: Sequence[Contestant],
    conditions: Conditions,
    threads: int,
    tell: Callable[[], None] | None,
    positions: Sequence[int],
    studies: Sequence[Study],
) -> list[StudyReplays]:
    """`replay_studies` for studies as they were recorded, which must tell the amount to be saved.

    Arguments as of `replay_studies`.

    Raises:
        EsimError: a study lacks the times that the clock needs, or the amount to be saved.
    """
    tables = replay_tables(contestants, conditions, threads, tell, studies)
    for table in tables:
        check_saved_known(table)
    return [table.kept() for table in tables]


def replay_tables(
    contestants: Sequence[Contestant],
    conditions: Conditions,
    threads: int,
    tell: Callable[[], None] | None,
    studies: Sequence[Study],
) -> list[ReplayTable]:
    """The numbers of each study under all contestants; arguments as of `replay_studies`.

    Raises:
        EsimError: a study lacks the times that the clock needs.
    """
    tables = [ReplayTable(study, len(contestants), conditions) for study in studies]
    kinds = [(table.clock, *table.clocks) for table in tables]
    lots = [[tables[place] for place in places] for places in batches(studies, kinds)]

    def one(lot: _Together, r: int) -> None:
        lot.replay(r, contestants[r])
        if tell is not None:
            for _ in lot.tables:
                tell()

    work = [partial(one, lot, r) for lot in map(_Together, lots) for r in range(len(contestants))]
    in_threads(work, threads)
    return tables


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


class _Together:
    """Studies of one kind that are replayed together, with the same clocks."""

    def __init__(self, tables: Sequence[ReplayTable]) -> None:
        self.tables = tables
        self._conditions, self._costs = tables[0].conditions, tables[0].settings.costs
        self._batch = batch = Batch.of([table.study for table in tables])
        its_parts, firsts = zip(*(t.parts for t in tables), strict=True), batch.trials[:-1]
        self._parts = [
            (clock, np.hstack([its + first for its, first in zip(orders, firsts, strict=True)]))
            for clock, orders in zip(tables[0].clocks, its_parts, strict=True)
        ]
        without = prepare_batch(batch, named_rule("none"), threads=1)  # any rule would do
        self._baseline = [
            run_many(without, clock, self._costs, orders, acting=False, threads=1)
            for clock, orders in self._parts
        ]

    @cached_property
    def _each(self) -> Sequence[_Together]:
        """Each study by itself."""
        return [self] if len(self.tables) == 1 else [_Together([table]) for table in self.tables]

    def replay(self, r: int, contestant: Contestant) -> None:
        """Fill a row of each table: of one contestant."""
        if len(self.tables) > 1 and (contestant.until or not batchable(contestant.rule)):
            for alone in self._each:
                alone.replay(r, contestant)
            return
        costs, final, batch = self._costs, self._conditions.final, self._batch
        plan = prepare_batch(batch, contestant.rule, threads=1)
        until = Until(contestant.until, final)
        lots = [
            Lot(clock, play_many(plan, clock, costs, until, orders, threads=1), baseline)
            for (clock, orders), baseline in zip(self._parts, self._baseline, strict=True)
        ]
        found, trials = outcomes_of_lots(batch, costs, final, lots)
        numbers, stops = _numbers(found, ORDER_NUMBERS), earliest_stops(batch, trials)
        best = found.best_recorded
        for s, table in enumerate(self.tables):
            for name, value in numbers.items():
                table.numbers[name][r] = value[:, s]
            table.first_stop[r] = stops[:, s]
            own = table.own.start
            if r == 0 and not np.isnan(best.value[own, s]):
                trial = table.study.trials[int(best.place[own, s])]
                table.best_recorded = BestTrial(trial, float(best.value[own, s]))
        if self._conditions.summaries:
            results = replay_plan(plan, self.tables[0].clock, costs, until).results()
            for table, result in zip(self.tables, results, strict=True):
                table.summaries[r] = result.summary


class ReplayTable:
    """The numbers of a study's replays: a row for each contestant, filled from any thread.

    A part is a clock with launch orders: the recorded one, the random ones, and those of each
    number of workers in the table.

    Attributes:
        facts: of the study.
        clock: of the recorded launch order.
        orders_clock: of the random launch orders.
        clocks, parts: of each part, its clock and its launch orders, int64 [O, N].
        own, random: the columns of the recorded launch order and of the random ones.
        numbers: the `ORDER_NUMBERS` by name, float64 [R, O] each; NaN = unknown. A column is a
            launch order.
        first_stop: float64 [R, O], the earliest step of a stop; NaN: no stop.
        summaries: R summaries of the recorded launch order, where they are asked for.
        best_recorded: the best trial without a rule; None if the study has none.
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
        self.clocks: list[Clock] = []
        self.parts: list[Int64] = []
        self._columns = 0
        self.own = self._part(self.clock, np.arange(study.n_trials)[None])
        self.random = self._part(self.orders_clock, orders)
        few = orders[: self.settings.workers_orders]
        self._workers = {workers: self._on(workers, few) for workers in self.settings.workers_table}
        shape = rules, self._columns
        self.numbers = {name: np.full(shape, np.nan) for name in ORDER_NUMBERS}
        self.first_stop = np.full(shape, np.nan)
        self.summaries: list[Summary | None] = [None] * rules
        self.best_recorded: BestTrial | None = None

    def _part(self, clock: Clock, orders: Int64) -> slice:
        """Plan one more part; the columns of its launch orders."""
        first = self._columns
        if len(orders):
            self.clocks.append(clock)
            self.parts.append(orders)
            self._columns += len(orders)
        return slice(first, self._columns)

    def _on(self, workers: int, orders: Int64) -> slice:
        """The columns of launch orders, the first of the random ones, on some workers."""
        clock = Clock("simulated", workers) if workers > 1 else Clock("order")
        if clock == self.orders_clock:  # they are there already
            return slice(self.random.start, self.random.start + len(orders))
        return self._part(clock, orders)

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
            best_recorded=self.best_recorded,
            summaries=tuple(s for s in self.summaries if s is not None),
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


def earliest_stops(batch: Batch, trials: TrialOutcomes) -> Float64:
    """The earliest step at which a trial of each study is stopped in each launch order.

    NaN: none is. float64 [O, S]
    """
    steps = np.where(trials.stopped, trials.run.steps, np.inf)
    jobs = OrdersOfStudies(batch, len(steps))
    first = jobs.table(steps, np.inf).min(axis=-1, initial=np.inf)
    return np.where(np.isfinite(first), first, np.nan)


def _numbers(found: Outcomes, names: Sequence[str]) -> Mapping[str, Float64]:
    """Numbers of outcomes by name, float64 [O, S] each, `LOSS` among them."""
    loss = np.maximum(found.degradation_normalized, 0.0)
    return {name: loss if name == LOSS else getattr(found, name) for name in names}
