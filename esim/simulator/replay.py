"""Study + Rule + Clock + Costs -> ReplayResult."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.results.replay import Caveat, ReadingRow, ReplayResult, Summaries, Summary, TrialColumns
from esim.rules import LITERAL, READINGS, Rule
from esim.rules import rule as named_rule
from esim.simulator.caveats import caveats_of
from esim.simulator.jobs import choose_clock
from esim.simulator.outcomes import columns_of, summaries_of
from esim.simulator.plan.build import Prepared, prepare, prepare_stack, stackable
from esim.simulator.run import decisions, opened, run_many, run_once
from esim.study import Int64, Study
from esim.study.batch import Stack, stacks

Final = Literal["last", "best"]


def replay(
    study: Study,
    rule: str | Rule = "sagemaker",
    clock: str | None = None,
    workers: int = 1,
    *,
    costs: Costs | None = None,
    final: Final = "last",
    readings: bool = False,
) -> ReplayResult:
    """Replay one study through one rule.

    Args:
        study: the recorded trials.
        rule: a preset's name, or a rule.
        clock: "order", "recorded" or "simulated"; by default `simulated` if there are workers,
            else `recorded` where the study has starts, ends and report times, else `order`.
        workers: slots of the simulated clock.
        costs: seconds and money of a job beyond its training.
        final: a trial's final value is its "last" reported value (SageMaker's definition) or its
            "best".
        readings: also replay the plausible readings of SageMaker's documentation, each the rule
            with one question settled otherwise (`result.readings`).

    Raises:
        EsimError: an unknown rule or clock, times the clock needs and the study lacks, or a study
            whose columns break their promises.

    Example:
        >>> import esim
        >>> values = [[0.9, 0.5], [0.8, 0.7], [1.0, 0.9]]
        >>> study = esim.Study.from_arrays(values, direction="minimize")
        >>> result = esim.replay(study, rule="sagemaker")
        >>> result.summary.steps_recorded, result.summary.steps_run
        (6, 5)
    """
    costs, row = costs or Costs(), named_rule(rule)
    ((_, replayed),) = replay_stacks([study], row, clock, workers, costs=costs, final=final)
    (result,) = replayed.results()
    if readings:
        rows = _readings(study, row, result.clock, costs, final, result)
        result = dataclasses.replace(result, readings=tuple(rows))
    return result


@dataclass(frozen=True)
class Replays:
    """Studies of a stack, each replayed as `replay` does it.

    Attributes:
        summaries: the summaries' keys, a value a study. [S] each
        columns: of the trials of all.
        warnings: of each study. [S]
    """

    stack: Stack
    rule: Rule
    clock: Clock
    costs: Costs
    final: Final
    summaries: Summaries
    columns: TrialColumns
    warnings: Sequence[Sequence[Caveat]]

    def results(self) -> Iterator[ReplayResult]:
        """The result of each study."""
        columns = self.stack.each(self.columns)
        rows = zip(*self.summaries.values(), strict=True)
        told = zip(self.stack.studies, rows, columns, self.warnings, strict=True)
        for study, row, its, warnings in told:
            yield ReplayResult(
                study=study.name,
                objective=study.objective,
                direction=study.direction,
                rule=self.rule,
                clock=self.clock,
                costs=self.costs,
                final=self.final,
                summary=Summary(**dict(zip(self.summaries, row, strict=True))),
                columns=its,
                warnings=tuple(warnings),
                trace=partial(decisions, study, self.rule, self.clock, self.costs),
            )


def replay_stacks(
    studies: Sequence[Study],
    rule: Rule,
    clock: str | None,
    workers: int,
    *,
    costs: Costs,
    final: Final,
) -> Iterator[tuple[Sequence[int], Replays]]:
    """Studies replayed together where rule and clocks let them: their places, and what was found.

    Raises:
        EsimError: as `replay`, for any of the studies.
    """
    check_final(final)
    for study in studies:
        study.validate_shapes()
    clocks = [choose_clock(study, clock, workers) for study in studies]
    for places in stacks(studies, clocks if stackable(rule) else range(len(studies))):
        stack = Stack.of([studies[place] for place in places])
        stack.validate_numbers()
        yield places, _replayed(stack, prepare_stack(stack, rule), clocks[places[0]], costs, final)


def check_final(final: str) -> None:
    """Raise EsimError unless a final value can be settled so."""
    if final not in get_args(Final):
        raise EsimError(f"final cannot be {final!r}", fix="last or best")


def replay_prepared(prepared: Prepared, clock: Clock, costs: Costs, final: Final) -> ReplayResult:
    """The replay of a prepared study in its own launch order."""
    replayed = _replayed(Stack.of([prepared.study]), prepared, clock, costs, final)
    return next(replayed.results())


def _replayed(
    stack: Stack, prepared: Prepared, clock: Clock, costs: Costs, final: Final
) -> Replays:
    rule = prepared.rule
    prepared = opened(prepared, clock, costs)
    run = run_once(prepared, clock, costs)
    baseline = run_once(prepared, clock, costs, acting=False)
    columns = columns_of(stack.whole, run, baseline, clock, final)
    summaries = summaries_of(stack, clock, costs, columns)
    warnings = caveats_of(stack, rule, clock, costs, summaries, columns)
    kept = (columns.reports_kept[first:last] for first, last in pairwise(stack.trials))
    for study, its_kept, its_warnings in zip(stack.studies, kept, warnings, strict=True):
        its_warnings += _defects(study, rule, clock, costs, its_kept)
    return Replays(stack, rule, clock, costs, final, summaries, columns, warnings)


def _defects(
    study: Study, row: Rule, clock: Clock, costs: Costs, rows_kept: Int64
) -> Iterator[Caveat]:
    """Where a defect of the rule's system decided: the replay once more, with that put right."""

    def trials_changed(**columns: Any) -> int:
        changed = opened(prepare(study, row.with_columns(**columns)), clock, costs)
        righted = run_once(changed, clock, costs)
        return int((righted.rows_kept != rows_kept).sum())

    if row.again != "never":
        trials = trials_changed(again="never")
        if trials:
            yield Caveat(
                "stored_twice",
                f"{trials} trials end where they do because {row.name} stores a trial's last "
                "report once more as it ends: a defect of its system, reproduced here",
            )
    if row.nan not in ("missing", "finite") and np.isnan(study.values).any():
        trials = trials_changed(nan="missing")
        if trials:
            yield Caveat(
                "nan_decided",
                f"{trials} trials end where they do because of values that are not numbers, which "
                f"{row.name} takes as its system does (nan={row.nan})",
            )


def _readings(
    study: Study, row: Rule, clock: Clock, costs: Costs, final: Final, literal: ReplayResult
) -> Iterator[ReadingRow]:
    """Each reading that differs from the replay as asked and that the study's times allow."""
    for reading in READINGS:
        changed = row.with_columns(**reading.columns)
        its_clock = clock if reading.clock is None else Clock(reading.clock)
        if its_clock.mode == "recorded" and not study.has_schedule:
            continue
        same = changed == row and its_clock == clock
        if same and reading is not LITERAL:
            continue
        result = literal
        if not same:
            result = replay_prepared(prepare(study, changed), its_clock, costs, final)
        yield ReadingRow(
            code=reading.code,
            question=reading.question,
            reading=reading.answer,
            clock=its_clock,
            parameters=reading.columns,
            summary=result.summary,
        )


def replay_orders(
    study: Study,
    rule: str | Rule,
    orders: ArrayLike,
    *,
    workers: int = 1,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Replay many launch orders: one trial after another, or side by side.

    Args:
        orders: int64 [n_orders, n_trials], each row a permutation of the trials' positions.
        workers: slots of the simulated clock; 1: one trial after another.
        threads: default, the machine's cores; the result does not depend on it.

    Returns:
        Reports kept, int32 [n_orders, n_trials], columns = trials in the study's own order.

    Raises:
        EsimError: a row of `orders` is not a permutation, or fewer than one worker or thread.

    Example:
        >>> import esim
        >>> values = [[0.9, 0.5], [0.8, 0.7], [1.0, 0.9]]
        >>> study = esim.Study.from_arrays(values, direction="minimize")
        >>> esim.replay_orders(study, "sagemaker", [[0, 1, 2], [2, 1, 0]], threads=1)
        array([[2, 2, 1],
               [2, 2, 2]], dtype=int32)
    """
    given, n = np.asarray(orders), study.n_trials
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise EsimError("orders must be whole numbers", why=f"their type is {given.dtype}")
    if threads is not None and threads < 1:
        raise EsimError(f"threads cannot be {threads}", fix="a whole number, at least 1")
    rows = np.ascontiguousarray(given, dtype=np.int64)
    if rows.ndim != 2 or rows.shape[1] != n:
        raise EsimError(f"orders must be [n_orders, {n}]", why=f"their shape is {rows.shape}")
    for i, order in enumerate(rows):
        if not np.array_equal(np.sort(order), np.arange(n)):
            raise EsimError(f"orders[{i}] is not a permutation of 0..{n - 1}")
    clock = Clock("simulated", workers) if workers != 1 else Clock("order")
    prepared = prepare(study, named_rule(rule), threads=threads)
    return run_many(prepared, clock, Costs(), rows, threads=threads).rows_kept
