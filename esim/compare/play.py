"""Every contestant on every study: the recorded order, resampled orders, numbers of workers."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from esim.clocks import Clock, choose_clock
from esim.compare.contestants import Contestant
from esim.compare.scores import Scores, scores
from esim.costs import Costs
from esim.prepare import prepare
from esim.replay import Runs, replay_prepared, run_many
from esim.results import Summary
from esim.study import Float64, Int64, Study

WORKERS = (1, 4, 16, 64)
_ENOUGH = 400  # replays a rule and number of workers over all studies: the table is to be small


@dataclass(frozen=True)
class Protocol:
    """What is the same for all contestants."""

    clock: str | None
    workers: int | None
    costs: Costs
    final: Literal["last", "best"]
    orders: int
    seed: int
    jobs: int | None
    workers_table: tuple[int, ...]


@dataclass(frozen=True)
class Played:
    """One study under all R contestants.

    Attributes:
        clock: of the recorded order.
        orders_clock: of the resampled orders.
        recorded: R summaries.
        orders: a number's name (a field of Scores) -> float64 [R, O].
        workers: the same at each number of workers of the table, over the first orders.
    """

    study: Study
    clock: Clock
    orders_clock: Clock
    recorded: Sequence[Summary]
    orders: Mapping[str, Float64]
    workers: Mapping[int, Mapping[str, Float64]]


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


def side_by_side(study: Study) -> int:
    """How many trials ran at once at most, as recorded; 1 where the starts or ends are unknown."""
    if not study.has_schedule:
        return 1
    known = np.isfinite(study.start)
    start = study.start[known]
    end = np.where(np.isfinite(study.end[known]), study.end[known], np.inf)
    # A job that starts as another ends takes its slot.
    running = [int(((start <= s) & ((end > s) | (start == s))).sum()) for s in start]
    return max(running, default=1)


def table_workers(studies: Sequence[Study]) -> tuple[int, ...]:
    """Numbers of workers of the table: all with which some study's trials do not all start at once.

    A smaller study then runs all its trials at once, so that each column is about all studies.
    """
    most = max(study.n_trials for study in studies)
    return tuple(workers for workers in WORKERS if workers == 1 or workers < most)


def table_orders(orders: int, studies: int) -> int:
    """Launch orders a study in the table over workers."""
    return min(orders, 20, max(4, _ENOUGH // max(studies, 1)))


def play(
    studies: Sequence[Study],
    contestants: Sequence[Contestant],
    protocol: Protocol,
    progress: Callable[[int, int], None] | None = None,
) -> list[Played]:
    """Replay everything. The result does not depend on the number of jobs.

    Args:
        progress: called with how many of how many (study, rule) pairs are done.
    """
    tables = [_Table(study, len(contestants), protocol, len(studies)) for study in studies]
    pairs = [(table, r) for table in tables for r in range(len(contestants))]
    done = 0
    with ThreadPoolExecutor(protocol.jobs) as pool:
        try:
            list(pool.map(lambda table: table.play_baseline(contestants[0]), tables))
            waiting = [pool.submit(table.play, r, contestants[r]) for table, r in pairs]
            for job in waiting:
                job.result()
                done += 1
                if progress is not None:
                    progress(done, len(pairs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [table.played() for table in tables]


class _Table:
    """A study's numbers, filled contestant by contestant from any thread."""

    def __init__(self, study: Study, rules: int, protocol: Protocol, studies: int) -> None:
        self.study, self.protocol = study, protocol
        asked = protocol.workers
        self.clock = choose_clock(study, protocol.clock, asked or 1)
        slots = asked or (1 if protocol.clock == "simulated" else side_by_side(study))
        one_by_one = protocol.clock == "order" or slots == 1
        self.orders_clock = Clock("order") if one_by_one else Clock("simulated", slots)
        self.orders = launch_orders(study, protocol.seed, protocol.orders)
        few = table_orders(protocol.orders, studies)
        # (workers, or None for the resampled orders; its clock; launch orders)
        self.parts: dict[int | None, tuple[Clock, Int64]] = {None: (self.orders_clock, self.orders)}
        for workers in protocol.workers_table:
            clock = Clock("simulated", workers) if workers > 1 else Clock("order")
            self.parts[workers] = (clock, self.orders[:few])
        self.baseline: dict[int | None, Runs] = {}
        names = [f.name for f in fields(Scores)]
        self.numbers = {
            part: {name: np.full((rules, len(orders)), np.nan) for name in names}
            for part, (_, orders) in self.parts.items()
        }
        self.recorded: list[Summary | None] = [None] * rules

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
        self.recorded[r] = replay_prepared(prepared, self.clock, costs, final).summary
        headline: Scores | None = None
        for part, (clock, orders) in self.parts.items():
            if headline is not None and clock == self.orders_clock:
                found = headline  # the same clock and orders, and more of them
            else:
                runs = run_many(prepared, clock, costs, orders, threads=1)
                found = scores(prepared, clock, costs, final, runs, self.baseline[part])
            headline = headline or found
            for name, table in self.numbers[part].items():
                table[r] = getattr(found, name)[: len(orders)]

    def played(self) -> Played:
        """Everything, once every row is filled."""
        summaries = [s for s in self.recorded if s is not None]
        return Played(
            study=self.study,
            clock=self.clock,
            orders_clock=self.orders_clock,
            recorded=summaries,
            orders=self.numbers[None],
            workers={p: numbers for p, numbers in self.numbers.items() if p is not None},
        )
