"""The replay of studies under a rule and a clock: what would have been saved and lost."""

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
from esim.errors import EsimError, plural
from esim.results.named_rule import RecordedJobRule
from esim.results.replay import Caveat, ReadingRow, ReplayResult, Summaries, Summary
from esim.results.trial_columns import TrialColumns
from esim.results.validate import validate_trials
from esim.rules import (
    LITERAL,
    READINGS,
    JobRule,
    Reading,
    Rule,
    default_rule,
    job_readings,
    job_rules,
)
from esim.rules import rule as named_rule
from esim.simulator.accounting import Outcomes, outcomes, summaries
from esim.simulator.caveats import CONVERGED, Caveats, caveats_of, never_stops
from esim.simulator.decisions import decisions
from esim.simulator.distinct import distinct_readings
from esim.simulator.job_end import Until, play_many, play_once
from esim.simulator.jobs import check_slot_gap, choose_clock
from esim.simulator.plan.build import batchable, prepare, prepare_batch
from esim.simulator.plan.plan import Plan
from esim.simulator.run import OrderRun, run_once, with_first_completed
from esim.simulator.tied_starts import tied_starts
from esim.simulator.trial_outcomes import columns_of, outcomes_of_trials
from esim.study import Int64, Study
from esim.study.batch import Batch, batches
from esim.study.first_step import ASSUMED

Final = Literal["last", "best"]
_MEANS_NOTHING = ("missing", "finite")  # of a rule's `nan`: it leaves such reports out


def replay(
    study: Study,
    rule: str | Rule | None = None,
    clock: str | None = None,
    workers: int = 1,
    *,
    until: str | JobRule | Sequence[str | JobRule] | None = None,
    costs: Costs | None = None,
    final: Final = "last",
    readings: bool | Sequence[Reading] = False,
) -> ReplayResult:
    """Replay one study under one rule.

    Args:
        study: the recorded trials.
        rule: the name of a preset, or a rule. By default "sagemaker", or with `until` "none".
        clock: "order", "recorded" or "simulated". By default it is "simulated" with more than one
            worker, else "recorded" if the study has starts, ends and report times, else "order".
        workers: how many trials the simulated clock runs at the same time.
        until: job-level rules, any of which ends the whole job, as `esim.rules.job_rule` takes
            them: "not-improving=10".
        costs: seconds and money of a job beyond its training; by default those of `Costs()`.
        final: whether a trial's final value is its "last" reported value, as SageMaker defines it,
            or its "best".
        readings: whether to replay the plausible readings of SageMaker's documentation too, each
            of which answers one open question differently. They are in `result.readings`. Or the
            readings to replay, of which those with the same outcome are taken together.

    Raises:
        EsimError: the rule or the clock is unknown, the study lacks times that the clock needs, or
            its columns do not fit together.

    >>> import esim
    >>> study = esim.Study.from_arrays([[3.0, 2.0, 1.0], [5.0, 4.0, 4.0]], direction="minimize")
    >>> result = esim.replay(study, rule="sagemaker", clock="order")
    >>> result.summary.trials_stopped, round(result.summary.steps_saved_fraction, 2)
    (1, 0.33)
    >>> esim.replay(study, until="max-jobs=1").summary.trials_not_started
    1
    """
    costs, ends = costs or Costs(), job_rules(until)
    asked = named_rule(default_rule(ends) if rule is None else rule)
    ((_, replayed),) = replay_batches(
        [study], asked, clock, workers, until=ends, costs=costs, final=final
    )
    (result,) = replayed.results()
    # Not in `replay_batches`: the 100 orders of tied starts take a history thirty times as long.
    its = Until(ends, final)
    warnings = _with_convergence(study, _with_other_first_step(study, asked, result, its), its)
    warnings += tied_starts(study, asked, result.clock, costs, its)
    result = dataclasses.replace(result, warnings=tuple(warnings))
    if readings:
        which = (
            READINGS
            if readings is True
            else distinct_readings([study], asked, readings, result.clock)
        )
        rows = _readings(study, asked, result.clock, costs, its, result, which)
        result = dataclasses.replace(result, readings=tuple(rows))
    return result


@dataclass(frozen=True)
class Replays:
    """The S studies of a batch, each replayed as `replay` does it.

    Attributes:
        batch: the studies.
        rule: that they were replayed under, as were the following.
        clock: who counts as previous.
        costs: seconds and money of a job beyond its training.
        until: the job-level rules, and which reported value is the final one.
        outcomes: what was saved and lost in each study. [S]
        summaries: the same, key of a summary -> its value for each study. [S] each
        columns: of the trials of all studies.
        caveats: of each study.
        defects: caveats for what is due to defects of the rule's system, of each study; [] if the
            rule copies none. [S]
    """

    batch: Batch
    rule: Rule
    clock: Clock
    costs: Costs
    until: Until
    outcomes: Outcomes
    summaries: Summaries
    columns: TrialColumns
    caveats: Caveats
    defects: Sequence[list[Caveat]]

    @property
    def codes(self) -> list[list[str]]:
        """The codes of the warnings of each study. [S]"""
        beside = self.defects or [[]] * len(self.batch)
        return [
            its + [caveat.code for caveat in more]
            for its, more in zip(self.caveats.codes, beside, strict=True)
        ]

    def results(self) -> Iterator[ReplayResult]:
        """The result of each study, in the order of the batch."""
        columns = self.batch.each(self.columns)
        rows = zip(*self.summaries.values(), strict=True)
        told = zip(self.batch.studies, rows, columns, strict=True)
        until = tuple(map(RecordedJobRule.of, self.until.rules))
        for at, (study, row, its) in enumerate(told):
            yield ReplayResult(
                study=study.name,
                objective=study.objective,
                direction=study.direction,
                rule=self.rule,
                clock=self.clock,
                costs=self.costs,
                final=self.until.final,
                summary=Summary(**dict(zip(self.summaries, row, strict=True))),
                columns=its,
                warnings=(*self.caveats.texts(at), *(self.defects[at] if self.defects else ())),
                until=until,
                trace=partial(
                    _decisions, study, self.rule, self.clock, self.costs, its if until else None
                ),
                recorded=study,
            )


def _decisions(
    study: Study, rule: Rule, clock: Clock, costs: Costs, ended: TrialColumns | None
) -> dict[str, Any]:
    """The decisions about a study's trials; only those before the end of a job that `ended`."""
    if ended is None:
        return decisions(study, rule, clock, costs)
    order = np.flatnonzero(ended.started)
    return decisions(study, rule, clock, costs, order=order, rows=ended.reports_kept)


def replay_batches(
    studies: Sequence[Study],
    rule: Rule,
    clock: str | None,
    workers: int,
    *,
    until: Sequence[JobRule] = (),
    costs: Costs,
    final: str,
) -> Iterator[tuple[Sequence[int], Replays]]:
    """Replay studies, together where the rule and their clocks allow it.

    Args:
        studies: what to replay.
        rule: the rule, the same for all.
        clock: as for `replay`; None chooses one for each study.
        workers: how many trials the simulated clock runs at the same time.
        until: job-level rules, the same for all.
        costs: seconds and money of a job beyond its training.
        final: whether a final value is the "last" or the "best" reported one.

    Yields:
        The positions in `studies` of those replayed together, and their replays.

    Raises:
        EsimError: as for `replay`, for any of the studies.
    """
    for study in studies:
        study.validate_shapes()
    clocks = [choose_clock(study, clock, workers) for study in studies]
    for places in batches(studies, clocks):
        batch = Batch.of([studies[place] for place in places])
        batch.validate_numbers()
        for its, replayed in replay_batch(
            batch, rule, clock, workers, until=until, costs=costs, final=final
        ):
            yield [places[at] for at in its], replayed


def replay_batch(
    batch: Batch,
    rule: Rule,
    clock: str | None,
    workers: int,
    *,
    until: Sequence[JobRule] = (),
    costs: Costs,
    final: str,
) -> Iterator[tuple[Sequence[int], Replays]]:
    """Replay the studies of a batch, each by itself if the rule asks for it.

    Args:
        batch: studies whose numbers are sound, and of which all or none have a schedule.

    Other arguments, what is yielded and errors are those of `replay_batches`.
    """
    check_final(final)
    its_clock = choose_clock(batch.whole, clock, workers)
    check_slot_gap(its_clock, costs)
    its = Until(tuple(until), final)
    parts = [(range(len(batch)), batch)]
    if not (batchable(rule) and its.together(rule)):
        parts = [(range(at, at + 1), Batch.of([one])) for at, one in enumerate(batch.studies)]
    for places, part in parts:
        played = _played(prepare_batch(part, rule), its_clock, costs, its)
        yield places, _replayed(part, rule, its_clock, costs, its, *played)


def check_final(final: str) -> None:
    """Raise EsimError unless `final` is "last" or "best"."""
    if final not in get_args(Final):
        raise EsimError(f"final cannot be {final!r}", fix="last or best")


def replay_plan(plan: Plan, clock: Clock, costs: Costs, until: Until) -> Replays:
    """The replay of a plan in its studies' own launch orders."""
    played = _played(plan, clock, costs, until)
    return _replayed(plan.batch, plan.rule, clock, costs, until, *played)


def _played(plan: Plan, clock: Clock, costs: Costs, until: Until) -> tuple[OrderRun, OrderRun]:
    """The run under the plan's rule, and the one without it; the plan, most memory, may go then."""
    plan = with_first_completed(plan, clock, costs, until.launched(plan.batch))
    return play_once(plan, clock, costs, until), run_once(plan, clock, costs, acting=False)


def _replayed(
    batch: Batch,
    rule: Rule,
    clock: Clock,
    costs: Costs,
    until: Until,
    run: OrderRun,
    baseline: OrderRun,
) -> Replays:
    trials = outcomes_of_trials(batch.whole, costs, until.final, run)
    columns = columns_of(batch.whole, clock, trials, run, baseline)
    validate_trials(columns)
    found = outcomes(batch, batch.whole, clock, costs, trials, run, baseline)
    told = summaries(found, batch, clock, costs, columns, until.rules)
    cut_off_s = trials.recorded.job_seconds - trials.run.job_seconds
    caveats = caveats_of(batch, rule, clock, costs, until.rules, told, columns, cut_off_s)
    defects: list[list[Caveat]] = []
    if rule.again != "never" or rule.nan not in _MEANS_NOTHING:
        kept = (columns.reports_kept[first:last] for first, last in pairwise(batch.trials))
        defects = [
            list(_defects(study, rule, clock, costs, until, its_kept))
            for study, its_kept in zip(batch.studies, kept, strict=True)
        ]
    return Replays(batch, rule, clock, costs, until, found, told, columns, caveats, defects)


def _with_other_first_step(
    study: Study, rule: Rule, result: ReplayResult, until: Until
) -> list[Caveat]:
    """The caveats of a result; the one that step 0 may mean another thing tells the other share."""
    found = list(result.warnings)
    at = next((i for i, caveat in enumerate(found) if caveat.code == ASSUMED), None)
    if at is not None:
        other = study.with_first_step("before")
        replayed = replay_plan(prepare(other, rule), result.clock, result.costs, until)
        (otherwise,) = replayed.results()
        shares = (one.summary.steps_saved_fraction for one in (result, otherwise))
        here, there = ("unknown" if s is None else f"{100 * s:.1f} %" for s in shares)
        found[at] = Caveat(
            ASSUMED,
            "steps count from 0, and nothing tells what that means: index 0 is taken for the first "
            f"step done, which saves {here} of the steps; were nothing done at it, it would be "
            f"{there} (--first-step done|before settles it)",
        )
    return found


def _with_convergence(study: Study, caveats: list[Caveat], until: Until) -> list[Caveat]:
    """The caveats; that SageMaker found the job converged tells what ending it there gives."""
    note = next((note for note in study.notes if note.code == CONVERGED), None)
    if note is None:
        return caveats
    try:
        lasted = float(note.evidence[0]) - float(np.fmin.reduce(study.start, initial=np.inf))
    except (IndexError, ValueError):  # a note of another kind of log
        return caveats
    text = f"{note.text}; what ending it there gives cannot be told without the times of its jobs"
    if study.has_schedule and lasted > 0:
        rule = JobRule(CONVERGED, "TuningJobCompletionDetails", ends_by="time", limit=lasted)
        plan, costs = prepare(study, named_rule("none")), Costs()
        ended = replay_plan(plan, Clock("recorded"), costs, Until((rule,), until.final))
        text = f"{note.text}; {_given_up(next(ended.results()).summary)}"
    return [Caveat(CONVERGED, text) if one.code == CONVERGED else one for one in caveats]


def _given_up(s: Summary) -> str:
    """What a job that ends early saves and loses, in words."""
    if s.ended_by is None:
        return "by then all of its training jobs had ended"
    shares = {"steps": s.steps_saved_fraction, "training time": s.seconds_saved_fraction}
    saved = " and ".join(
        f"{100 * share:.1f} % of the {what}" for what, share in shares.items() if share is not None
    )
    lost = "what that loses is unknown"
    if s.degradation is not None and s.degradation_normalized is not None:
        lost = "lost nothing of the best"
        if s.degradation > 0:
            lost = (
                f"lost {s.degradation:.4g}, {100 * s.degradation_normalized:.1f} % of the way from "
                "the best to the median trial"
            )
    left = f"{s.trials_not_started} never started, {s.trials_cut} cut"
    return f"ending it there would have saved {saved} ({left}), and {lost}"


def _defects(
    study: Study, rule: Rule, clock: Clock, costs: Costs, until: Until, rows_kept: Int64
) -> Iterator[Caveat]:
    """Caveats for trials whose outcome is due to a defect of the system that the rule copies.

    To find them, the study is replayed once more with the defect put right.
    """

    def trials_changed(**columns: Any) -> int:
        changed = with_first_completed(prepare(study, rule.with_columns(**columns)), clock, costs)
        righted = play_once(changed, clock, costs, until)
        return int((righted.rows_kept != rows_kept).sum())

    if rule.again != "never":
        trials = trials_changed(again="never")
        if trials:
            yield Caveat(
                "stored_twice",
                f"{plural(trials, 'trial')} would end elsewhere, but {rule.name} stores a "
                "trial's last "
                "report once more as it ends: a defect of its system, reproduced here",
            )
    if rule.nan not in _MEANS_NOTHING and np.isnan(study.values).any():
        trials = trials_changed(nan="missing")
        if trials:
            yield Caveat(
                "nan_decided",
                f"{plural(trials, 'trial')} would end elsewhere without values that are not "
                "numbers, which "
                f"{rule.name} takes as its system does (nan={rule.nan})",
            )


def _readings(
    study: Study,
    rule: Rule,
    clock: Clock,
    costs: Costs,
    until: Until,
    literal: ReplayResult,
    readings: Sequence[Reading],
) -> Iterator[ReadingRow]:
    """Rows for the literal reading and for each that differs, of the rule and of job-level rules.

    Readings that need recorded times are left out if the study has none, and those of a rule that
    stops no trial.
    """

    def row(
        reading: Reading, changed: Rule, its_clock: Clock, ends: tuple[JobRule, ...]
    ) -> ReadingRow:
        result = literal
        if (changed, its_clock, ends) != (rule, clock, until.rules):
            its = Until(ends, until.final)
            result = next(replay_plan(prepare(study, changed), its_clock, costs, its).results())
        return ReadingRow(
            code=reading.code,
            question=reading.question,
            reading=reading.answer,
            clock=its_clock,
            parameters=reading.columns,
            summary=result.summary,
        )

    for reading in (LITERAL,) if until.rules and never_stops(rule) else readings:
        changed = rule.with_columns(**reading.columns)
        its_clock = clock if reading.clock is None else Clock(reading.clock)
        if its_clock.mode == "recorded" and not study.has_schedule:
            continue
        if changed == rule and its_clock == clock and reading.code != LITERAL.code:
            continue
        yield row(reading, changed, its_clock, until.rules)
    for at, job_rule in enumerate(until.rules):
        for reading, other in job_readings(job_rule):
            ends = (*until.rules[:at], other, *until.rules[at + 1 :])
            yield row(reading, rule, clock, ends)


def replay_orders(
    study: Study,
    rule: str | Rule,
    orders: ArrayLike,
    *,
    workers: int = 1,
    until: str | JobRule | Sequence[str | JobRule] | None = None,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Replay many launch orders of one study.

    Args:
        study: the recorded trials.
        rule: the name of a preset, or a rule.
        orders: int64 [n_orders, n_trials], each row a permutation of the trials' positions.
        workers: how many trials run at the same time on the simulated clock; with 1, they run one
            after another.
        until: job-level rules, any of which ends the job; a trial that never starts keeps nothing.
        threads: how many threads work; by default the number of cores. The result does not depend
            on it.

    Returns:
        The number of reports kept, int32 [n_orders, n_trials]; a column for each trial, in the
        study's own order.

    Raises:
        EsimError: a row of `orders` is not a permutation, or there is less than one worker or
            thread.

    >>> import esim
    >>> study = esim.Study.from_arrays([[3.0, 2.0, 1.0], [5.0, 4.0, 4.0]], direction="minimize")
    >>> esim.replay_orders(study, "sagemaker", [[0, 1], [1, 0]])
    array([[3, 1],
           [3, 3]], dtype=int32)
    """
    given, n = np.asarray(orders), study.n_trials
    if given.size and given.dtype.kind not in "iu":
        raise EsimError("orders must be whole numbers", why=f"their type is {given.dtype}")
    if threads is not None and threads < 1:
        raise EsimError(f"threads cannot be {threads}", fix="a whole number, at least 1")
    rows = np.ascontiguousarray(given, dtype=np.int64)
    if rows.ndim != 2 or rows.shape[1] != n:
        raise EsimError(f"orders must be [n_orders, {n}]", why=f"their shape is {rows.shape}")
    seen = np.empty(n, dtype=np.bool_)
    for i, order in enumerate(rows):
        seen[:] = False
        if n > 0 and order.min() >= 0 and order.max() < n:
            seen[order] = True
        if not seen.all():
            raise EsimError(f"orders[{i}] is not a permutation of 0..{n - 1}")
    clock = Clock("simulated", workers) if workers != 1 else Clock("order")
    plan = prepare(study, named_rule(rule), threads=threads)
    ends = Until(job_rules(until))
    return play_many(plan, clock, Costs(), ends, rows, threads=threads).rows_kept
