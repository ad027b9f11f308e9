"""The reasons to doubt a replay, each with a code: what it assumed and what it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from esim.assumptions import Clock, Costs
from esim.results.replay import BestTrial, Caveat, Summaries, TrialColumns
from esim.rules import Rule
from esim.study import Status, Study
from esim.study.batch import Stack

FEW_TRIALS = 20
GRACE_S = 120  # SageMaker's SIGTERM grace, billed


def caveats_of(
    stack: Stack,
    rule: Rule,
    clock: Clock,
    costs: Costs,
    summaries: Summaries,
    columns: TrialColumns,
) -> list[list[Caveat]]:
    """The warnings of each replayed study, the gravest first; `columns` of the trials of all."""
    whole = stack.whole
    failed = whole.status == Status.FAILED
    first = np.zeros(whole.n_trials, dtype=np.int64)
    has = np.diff(whole.offsets) > 0
    first[has] = whole.steps[whole.offsets[:-1][has]]
    at_once = columns.stopped & (columns.stop_step == first)
    counts = (failed, whole.censored & ~failed, at_once, columns.stopped & (first == 0))
    found = zip(
        *(summaries[key] for key in ("trials_stopped", "best_recorded", "best_trial_stopped")),
        *map(stack.sums, counts),
        strict=True,
    )
    infinite = bool(np.isinf(whole.values).any())
    return [
        list(_caveats(study, rule, clock, costs, _Found(*row), infinite))
        for study, row in zip(stack.studies, found, strict=True)
    ]


@dataclass(frozen=True)
class _Found:
    """Of a study: how many of its trials stop, its best and whether that stops; how many failed,
    were cut short otherwise, stop at their first report, stop and begin at step 0."""

    stopped: int
    best: BestTrial | None
    best_stopped: bool | None
    failed: int
    cut: int
    at_once: int
    from_zero: int


def _caveats(
    study: Study,
    rule: Rule,
    clock: Clock,
    costs: Costs,
    found: _Found,
    maybe_infinite: bool,
) -> Iterator[Caveat]:
    if found.best_stopped:
        assert found.best is not None
        yield Caveat("winner_stopped", f"the rule stops the study's best trial, {found.best.trial}")
    if found.cut:
        yield Caveat(
            "degradation_unknown",
            f"{found.cut} of {study.n_trials} trials had been cut short when they were recorded: "
            "one of them might have become the best, so the degradation cannot be known "
            "(degradation_on_record compares the recorded values only), and the saved share lies "
            "between bounds",
        )
    if found.failed:
        yield Caveat(
            "failed_trials",
            f"{found.failed} trials failed: never the best"
            + ("" if rule.failed_peers or rule.pool == "reached" else ", never peers"),
        )
    if 2 * found.at_once > found.stopped:
        yield Caveat(
            "stops_at_first_report",
            f"{found.at_once} of {found.stopped} stops fall on the trial's first report: "
            "they save the most, and know the least",
        )
    if found.at_once and found.from_zero:
        yield Caveat(
            "steps_from_zero",
            "steps count from 0, so a trial stopped at its first report counts as no step run",
        )
    if rule.against == "hindsight":
        yield Caveat(
            "looks_ahead",
            f"{rule.name} knows how trials go on, or pauses them: a yardstick, not a rule to "
            "switch on",
        )
    if rule.axis == "seconds" and study.elapsed is None:
        yield Caveat(
            "axis_without_times",
            f"{rule.name} counts seconds and the logs lack times: a step counts as a second "
            "(--set axis=step says so)",
        )
    if found.stopped == 0:
        yield Caveat("nothing_stopped", "the rule stops no trial: it would have changed nothing")
    if study.n_trials < FEW_TRIALS:
        yield Caveat(
            "few_trials",
            f"{study.n_trials} trials: one launch order of so few says little about the next job",
        )
    if clock.mode == "order":
        why = "the logs lack times" if not study.has_schedule else "as asked"
        yield Caveat(
            "one_after_another",
            f"trials are replayed one after another ({why}); with jobs side by side fewer peers "
            "have ended at each decision",
        )
    if clock.mode == "recorded":
        yield Caveat(
            "starts_as_recorded",
            "trials start when they did: a freed slot starts no trial earlier "
            "(clock simulated does that)",
        )
    if clock.mode == "simulated" and study.elapsed is None:
        yield Caveat(
            "steps_as_seconds", "the logs lack times: one step counts as one second of makespan"
        )
    if study.elapsed is not None and costs.stop_latency_s == 0 and found.stopped:
        yield Caveat(
            "stop_at_once",
            "stops take effect at once; SageMaker polls, and may bill up to "
            f"{GRACE_S} s more for each stopped job "
            f"(here at most {GRACE_S * found.stopped} s in all; --stop-latency-s)"
            if rule.name == "sagemaker"
            else "stops take effect at once; a system that polls stops later (--stop-latency-s)",
        )
    if maybe_infinite and np.isinf(study.values).any():
        yield Caveat(
            "infinite_values",
            "some values are infinite: they are compared as such, and stand as null in JSON",
        )
    for note in study.notes:
        if note.code in ("auto_was_on", "strategy_bayesian"):
            yield Caveat(note.code, note.text)
