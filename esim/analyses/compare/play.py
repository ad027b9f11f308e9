"""One study under every contestant: the recorded order, resampled orders, numbers of workers."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np

from esim.analyses.compare.contestants import Contestant
from esim.analyses.compare.numbers import Numbers, numbers
from esim.analyses.compare.statistics import first_shares, ranks
from esim.analyses.workers.by_study import MANY
from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.results.comparison.comparison import RecordedMeans, Spread
from esim.results.replay import BestTrial, Summary
from esim.simulator.accounting import Launches, outcomes
from esim.simulator.jobs import choose_clock
from esim.simulator.plan.build import Prepared, prepare
from esim.simulator.replay import Final, replay_prepared
from esim.simulator.run import Runs, run_many
from esim.simulator.trial_outcomes import outcomes_of_trials
from esim.study import Float64, Int64, Study
from esim.study.facts import Facts, facts

WORKERS = (1, 4, 16, 64)
_ENOUGH = 400  # replays a rule and number of workers over all studies: the table is to be small
_SAMPLE = 10_000  # launch orders of all studies together that a spread is read off
MEANS = tuple(f.name for f in fields(RecordedMeans))
NUMBERS = tuple(f.name for f in fields(Spread) if f.name != "within")


@dataclass(frozen=True)
class Protocol:
    """What is the same for all contestants, and for all studies.

    Attributes:
        orders: launch orders a study.
        sample: how many of them are kept one by one, the others only counting in means; None: all.
        workers_orders, workers_sample: the same of the table over workers.
        ranked: positions of the contestants that are ranked.
        saved: name of the number that ranks; accepted: the loss accepted.
    """

    clock: str | None
    workers: int | None
    costs: Costs
    final: Final
    orders: int
    seed: int
    sample: int | None
    workers_table: tuple[int, ...]
    workers_orders: int
    workers_sample: int | None
    ranked: tuple[int, ...]
    saved: str
    accepted: float


@dataclass(frozen=True, eq=False)
class Played:
    """One study under all R contestants, without its curves.

    C cases: each launch order, or, of many studies, the mean over them.

    Attributes:
        clock: of the recorded order.
        orders_clock: of the resampled orders.
        recorded: `MEANS` in the recorded order, float64 [M, R]; NaN = unknown.
        best_recorded: the best trial.
        summaries: R summaries of the recorded order; none of many studies.
        orders: the numbers of resampled orders.
        workers: the same at each number of workers of the table, over the first orders.
        first_stop: float64 [R], the earliest step of a stop in any order; NaN if there is none.
        reach: float64 [R], from the 5 % to the 95 % quantile of what is saved; None if unknown.
        ranks: float64 [ranked, C]; None if what is saved or lost is unknown.
        first: float64 [ranked], how often each is first; None with `ranks`.
    """

    study: Facts
    clock: Clock
    orders_clock: Clock
    recorded: Float64
    best_recorded: BestTrial | None
    summaries: tuple[Summary, ...]
    orders: Numbers
    workers: Mapping[int, Numbers]
    first_stop: Float64
    reach: Float64 | None
    ranks: Float64 | None
    first: Float64 | None


def launch_orders(study: Study, seed: int, orders: int) -> Int64:
    """Random launch orders, int64 [O, N], the same for every rule.

    Each from its own child of the seed, (study, replicate): they do not depend on the other
    studies, and more orders leave the first ones as they are.
    """
    of_study = zlib.crc32(study.name.encode("utf-8", "surrogatepass"))
    found = np.empty((orders, study.n_trials), dtype=np.int64)
    for replicate, row in enumerate(found):
        child = np.random.SeedSequence(seed, spawn_key=(of_study, replicate))
        row[:] = np.random.default_rng(child).permutation(study.n_trials)
    return found


def table_workers(most: int) -> tuple[int, ...]:
    """Numbers of workers of the table: all with which some study's trials do not all start at once.

    A study of fewer trials than the `most` then runs all its trials at once, so that each column
    is about all studies.
    """
    return tuple(workers for workers in WORKERS if workers == 1 or workers < most)


def table_orders(orders: int, studies: int) -> int:
    """Launch orders a study in the table over workers."""
    return min(orders, 20, max(4, _ENOUGH // max(studies, 1)))


def sample_orders(orders: int, studies: int) -> int | None:
    """Launch orders a study that are kept one by one; None, all of them, up to `MANY` studies."""
    return None if studies <= MANY else min(orders, -(-_SAMPLE // studies))


def table_sample(orders: int, studies: int) -> int | None:
    """The same of the table over workers."""
    return None if studies <= MANY else min(orders, -(-_ENOUGH // studies))


def play(
    contestants: Sequence[Contestant],
    protocol: Protocol,
    threads: int,
    tell: Callable[[], None] | None,
    position: int,
    study: Study,
) -> Played:
    """One study under all contestants. The result does not depend on the number of threads.

    Args:
        threads: that share the contestants.
        tell: called whenever a contestant is done.
        position: of the study among all; unused, launch orders go by its name.

    Raises:
        EsimError: the study lacks the times of the clock or the amount to be saved.
    """
    table = _Table(study, len(contestants), protocol)
    table.play_baseline(contestants[0])

    def one(r: int) -> None:
        table.play(r, contestants[r])
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
    return table.played()


def play_whole(
    contestants: Sequence[Contestant],
    protocol: Protocol,
    threads: int,
    tell: Callable[[], None] | None,
    position: int,
    study: Study,
) -> Played:
    """`play` of a whole study, which must tell what is to be saved."""
    found = play(contestants, protocol, threads, tell, position, study)
    saved, price = protocol.saved, protocol.costs.price
    if saved != "steps_saved_fraction" and np.isnan(found.recorded[MEANS.index(saved)]).any():
        amount = saved.removesuffix("_saved_fraction")
        raise EsimError(
            f"study {study.name!r} has no {amount} to save",
            why="its logs lack report times" if price is not None or amount != "cost"
            else "no price was given",
            fix="--saved steps",
        )  # fmt: skip
    return found


class _Table:
    """A study's numbers, filled contestant by contestant from any thread."""

    def __init__(self, study: Study, rules: int, protocol: Protocol) -> None:
        self.facts = facts(study)
        self.study, self.protocol = study, protocol
        asked = protocol.workers
        self.clock = choose_clock(study, protocol.clock, asked or 1)
        # Without report times nobody's lead is known: one after another.
        ran = self.facts.side_by_side if study.has_schedule else 1
        slots = asked or (1 if protocol.clock == "simulated" else ran)
        one_by_one = protocol.clock == "order" or slots == 1
        self.orders_clock = Clock("order") if one_by_one else Clock("simulated", slots)
        self.orders = launch_orders(study, protocol.seed, protocol.orders)
        # (workers, or None for the resampled orders; its clock; launch orders)
        self.parts: dict[int | None, tuple[Clock, Int64]] = {None: (self.orders_clock, self.orders)}
        for workers in protocol.workers_table:
            clock = Clock("simulated", workers) if workers > 1 else Clock("order")
            self.parts[workers] = (clock, self.orders[: protocol.workers_orders])
        self.baseline: dict[int | None, Runs] = {}
        self.numbers = {
            part: {name: np.full((rules, len(orders)), np.nan) for name in (*NUMBERS, "first_stop")}
            for part, (_, orders) in self.parts.items()
        }
        self.recorded = np.full((len(MEANS), rules), np.nan)
        self.summaries: list[Summary | None] = [None] * rules

    def play_baseline(self, any_rule: Contestant) -> None:
        """The makespans without a rule."""
        prepared = prepare(self.study, any_rule.rule, threads=1)
        for part, (clock, orders) in self.parts.items():
            self.baseline[part] = run_many(
                prepared, clock, self.protocol.costs, orders, acting=False, threads=1
            )

    def play(self, r: int, contestant: Contestant) -> None:
        """Fill one contestant's row."""
        costs, final = self.protocol.costs, self.protocol.final
        prepared = prepare(self.study, contestant.rule, threads=1)
        replayed = replay_prepared(prepared, self.clock, costs, final)
        self.recorded[:, r] = [getattr(replayed.outcomes, name)[0] for name in MEANS]
        self.summaries[r] = next(replayed.results()).summary
        headline: Mapping[str, Float64] | None = None
        for part, (clock, orders) in self.parts.items():
            if headline is not None and clock == self.orders_clock:
                found = headline  # the same clock and orders, and more of them
            else:
                runs = run_many(prepared, clock, costs, orders, threads=1)
                found = scores(prepared, clock, costs, final, runs, self.baseline[part])
            headline = headline or found
            for name, table in self.numbers[part].items():
                table[r] = found[name][: len(orders)]

    def played(self) -> Played:
        """Everything that is kept, once every row is filled."""
        protocol = self.protocol
        summaries = tuple(s for s in self.summaries if s is not None)
        whole = protocol.sample is None
        tables = {
            part: {name: table[name] for name in NUMBERS} for part, table in self.numbers.items()
        }
        for table in tables.values():
            loss = table["degradation_normalized"]
            table["within"] = np.where(np.isnan(loss), np.nan, loss <= protocol.accepted)
        headline = tables[None]
        saved, loss = headline[protocol.saved], headline["degradation_normalized"]
        reach = ranked = first = None
        if not np.isnan(saved).any():
            low, high = np.quantile(saved, [0.05, 0.95], axis=1, method="inverted_cdf")
            reach = high - low
            if not np.isnan(loss).any():
                rows = np.array(protocol.ranked, dtype=np.int64)
                ranked = ranks(saved[rows], loss[rows], protocol.accepted)
                first = first_shares(ranked)
                if not whole:
                    ranked = ranked.mean(axis=1, keepdims=True)
        told = (protocol.saved, "degradation_normalized", "best_kept")
        return Played(
            study=self.facts,
            clock=self.clock,
            orders_clock=self.orders_clock,
            recorded=self.recorded,
            best_recorded=summaries[0].best_recorded,
            summaries=summaries if whole else (),
            orders=numbers(headline, protocol.sample),
            workers={
                part: numbers(
                    {name: table[name] for name in told}, protocol.workers_sample, ends=False
                )
                for part, table in tables.items()
                if part is not None
            },
            first_stop=np.fmin.reduce(self.numbers[None]["first_stop"], axis=1),
            reach=reach,
            ranks=ranked,
            first=first,
        )


def scores(
    prepared: Prepared, clock: Clock, costs: Costs, final: str, runs: Runs, baseline: Runs
) -> Mapping[str, Float64]:
    """`NUMBERS` of runs of all trials, and the earliest step of a stop. float64 [O] each.

    NaN = unknown; the earliest step of a stop is NaN where no trial is stopped.

    Args:
        prepared: the study and the rule.
        clock, costs: of the runs.
        final: which reported value is a trial's final one, "last" or "best".
        runs: replays in O launch orders.
        baseline: the same without a rule.
    """
    study = prepared.study
    trials = outcomes_of_trials(study, costs, final, runs.rows_kept, runs.stopped)
    jobs = Launches.of_all(study, len(runs.stopped))
    found = outcomes(jobs, study, clock, costs, trials, runs, baseline)
    first = np.where(runs.stopped, trials.run.steps, np.inf).min(axis=-1, initial=np.inf)
    return {
        **{name: getattr(found, name) for name in NUMBERS},
        "first_stop": np.where(np.isfinite(first), first, np.nan),
    }
