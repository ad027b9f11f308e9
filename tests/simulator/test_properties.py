"""What must hold of any replay: no look-ahead, no dependence on names, signs or scales, and bounds.

Each property stands once, as a function of a run. Hypothesis searches for runs that break it, and
shrinks them; a few hundred seeded runs see to it that it is never tested on nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config

from esim.results.replay import ReplayResult, Summary
from esim.rules import Rule
from esim.simulator.accounting import outcomes, summaries
from esim.simulator.decisions import decision_columns
from esim.simulator.plan.build import prepare
from esim.simulator.replay import Final
from esim.simulator.run import OrderRun as KernelRun
from esim.simulator.run import run_once
from esim.simulator.trial_outcomes import columns_of, outcomes_of_trials
from esim.study import Status, Study
from esim.study.batch import Batch
from esim.study.times import report_seconds
from tests.references import naive
from tests.references.generate import (
    FromHypothesis,
    FromSeed,
    Pick,
    Run,
    any_run,
    make_rule,
    make_run,
    make_study,
)
from tests.simulator.test_kernel import DECISION, clock_of, costs_of, kernel_run

EXAMPLES = 40 if config.DISABLE_JIT else 120
SEEDED = 100 if config.DISABLE_JIT else 400


def seeded(seed: int) -> list[Pick]:
    """Sources of choice for the seeded part of a property."""
    return [FromSeed(np.random.default_rng((seed, at))) for at in range(SEEDED)]


# --------------------------------------------------------------------------------- no look-ahead

Decisions = dict[tuple[str, int], tuple[Any, ...]]


def decisions_of(study: Study, rule: Rule, options: dict[str, Any]) -> tuple[KernelRun, Decisions]:
    """A run, and (trial, step) -> own, threshold, peers, stop at every report it traced."""
    plan = prepare(study, rule)
    run = kernel_run(plan, options)
    columns = decision_columns(plan, run, slice(None))
    rows = zip(*(columns[c] for c in DECISION), strict=True)
    told = (
        ((trial, int(step)), tuple(None if math.isnan(x) else float(x) for x in rest))
        for trial, step, *rest in rows
    )
    return run, dict(told)


def row_times(study: Study, run: KernelRun, options: dict[str, Any]) -> np.ndarray:
    """float64 [R]: when each row is made on the replay's own time axis; inf if never."""
    began = run.began if options["clock"] == "simulated" else study.start
    startup = options.get("startup_s", 0.0)
    times = np.repeat(began, np.diff(study.offsets)) + startup + report_seconds(study)
    return np.where(np.isnan(times), np.inf, times)


def cut_at(
    study: Study, times: np.ndarray, cut: float, run: KernelRun, options: dict[str, Any], *,
    goes_on: bool,
) -> Study:  # fmt: skip
    """The study as it was known at a time: its rows before it, and who was still running.

    With `goes_on`, a trial that has later rows keeps the first of them, without its value: that it
    did not end with its last report is known at the time. Without, its log just ends there.
    """
    simulated = options["clock"] == "simulated"
    keep = times < cut
    values = study.values.copy()
    running = np.zeros(study.n_trials, dtype=np.bool_)
    end = study.end.copy()
    start = study.start.copy()
    for i in range(study.n_trials):
        rows = slice(int(study.offsets[i]), int(study.offsets[i + 1]))
        later = np.flatnonzero(~keep[rows]) + rows.start
        if goes_on and len(later):
            keep[later[0]] = True
            values[later[0]] = np.nan
        if simulated:
            began = float(run.began[i])
            natural_end = began + options.get("startup_s", 0.0) + naive._duration(study, i)
        else:
            began = float(study.start[i])
            natural_end = naive._recorded_end(study, i)
        running[i] = bool(len(later)) or not natural_end < cut
        if running[i] and simulated and study.elapsed is not None:
            # the slot stays taken beyond the cut, by a time that is not the recorded one
            start[i], end[i] = 0.0, max(0.0, cut - began) + 7.0 if math.isfinite(began) else 7.0
        elif running[i]:
            end[i] = np.nan
    kept_rows = np.concatenate(([0], np.cumsum(keep)))
    known = dataclasses.replace(
        study,
        offsets=kept_rows[study.offsets].astype(np.int64),
        steps=study.steps[keep],
        values=values[keep],
        elapsed=None if study.elapsed is None else study.elapsed[keep],
        start=start,
        end=end,
        status=np.where(running, Status.RUNNING, study.status).astype(np.int8),
        censored=study.censored | running,
    )
    known.validate()
    return known


def check_cut_in_time(pick: Pick, clock: str) -> tuple[int, int]:
    """Decisions before a cut and stops among them, which the cut did not change."""
    study = make_study(pick, times="schedule" if clock == "recorded" else None)
    rule = make_rule(pick)
    options: dict[str, Any] = {"clock": clock, "upload_s": 0.0}
    options["stop_latency_s"] = float(pick.one((0, 0, 1, 4)))
    if clock == "simulated":
        options["workers"] = pick.integer(1, 4)
        options["startup_s"] = float(pick.one((0, 0, 1, 3)))
        options["slot_gap_s"] = float(pick.one((0, 0, 1, 2.5)))  # the recorded one is cut too
    run, decided = decisions_of(study, rule, options)
    times = row_times(study, run, options)
    at_cell = cell_times(study, times)
    moments = sorted({at_cell[cell] for cell in decided})
    if not moments:
        return 0, 0
    cut = float(pick.one(moments)) + pick.one((0.0, 0.5))
    # Without elapsed seconds a job is as long as its last step, so a cut log would free the slot.
    goes_on = pick.one((True, False)) or study.elapsed is None
    known = cut_at(study, times, cut, run, options, goes_on=goes_on)
    known_run, known_decided = decisions_of(known, rule, options)
    until = min(cut, first_lost_stop(study, known, run, known_run, times, cut))
    known_times = cell_times(known, row_times(known, known_run, options))
    expected = {cell: told for cell, told in decided.items() if at_cell[cell] < until}
    actual = {c: told for c, told in known_decided.items() if known_times[c] < until}
    assert actual == expected
    return len(expected), sum(told[-1] == 1.0 for told in expected.values())


def first_lost_stop(
    study: Study, known: Study, run: KernelRun, known_run: KernelRun, times: np.ndarray, cut: float
) -> float:
    """When the first stop takes effect that only the cut logs count.

    A stop at a trial's last report changes nothing. Logs cut between that report and the job's
    end do not know that it was the last: the trial still runs there, and the stop counts. Nor do
    logs cut while a stop is on its way know that the trial makes its last report before it ends.
    """
    lost = np.flatnonzero(known_run.stopped & ~run.stopped)
    for i in lost:
        at_last = known_run.rows_kept[i] == np.diff(study.offsets)[i]
        assert at_last or times[study.offsets[i + 1] - 1] >= cut
    first = min((float(times[study.offsets[i + 1] - 1]) for i in lost), default=math.inf)
    missed = run.stopped & ~known_run.stopped & (np.diff(known.offsets) > run.rows_kept)
    for i in np.flatnonzero(missed):  # only what follows such a stop may differ
        assert times[study.offsets[i] + run.rows_kept[i] - 1] >= first
    return first


def cell_times(study: Study, times: np.ndarray) -> dict[tuple[str, int], float]:
    """(trial, step) -> when its row is made."""
    owners = np.repeat(np.arange(study.n_trials), np.diff(study.offsets))
    return {
        (study.trials[i], int(step)): float(time)
        for i, step, time in zip(owners, study.steps, times, strict=True)
    }


@pytest.mark.parametrize("clock", ["recorded", "simulated"])
def test_cutting_the_logs_changes_no_earlier_decision(clock: str) -> None:
    counts = [check_cut_in_time(pick, clock) for pick in seeded(31)]
    decided, stops = map(sum, zip(*counts, strict=True))
    assert decided > 4 * SEEDED
    assert stops > SEEDED // 8


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), st.sampled_from(["recorded", "simulated"]))
def test_any_cut_changes_no_earlier_decision(data: st.DataObject, clock: str) -> None:
    check_cut_in_time(FromHypothesis(data.draw), clock)


def check_later_trials(pick: Pick) -> int:
    """In launch order the trials launched later change nothing about the earlier ones."""
    study, rule = make_study(pick), make_rule(pick)
    order = pick.shuffled(range(study.n_trials))
    n = pick.integer(1, study.n_trials)
    _, every = decisions_of(study, rule, {"order": order})
    first = sorted(order[:n])  # the later ones are cut off, the others keep their order
    rows = np.concatenate(
        [np.arange(study.offsets[i], study.offsets[i + 1]) for i in first]
    ).astype(np.int64)
    lengths = np.diff(study.offsets)[first]
    known = dataclasses.replace(
        study,
        trials=tuple(study.trials[i] for i in first),
        offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        steps=study.steps[rows],
        values=study.values[rows],
        elapsed=None if study.elapsed is None else study.elapsed[rows],
        start=study.start[first],
        end=study.end[first],
        status=study.status[first],
        censored=study.censored[first],
        instance_type=tuple(study.instance_type[i] for i in first),
        instance_count=study.instance_count[first],
    )
    _, actual = decisions_of(known, rule, {"order": [first.index(i) for i in order[:n]]})
    assert actual == {cell: told for cell, told in every.items() if cell[0] in known.trials}
    return len(actual)


def test_later_trials_change_no_earlier_decision() -> None:
    assert sum(map(check_later_trials, seeded(32))) > 5 * SEEDED


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_any_later_trials_change_no_earlier_decision(data: st.DataObject) -> None:
    check_later_trials(FromHypothesis(data.draw))


# ------------------------------------------------------------------- signs, scales and names


def result_of(run: Run, final: Final = "last", probe: int = -1, **costs: Any) -> ReplayResult:
    """The whole result of a run, in its launch order; `probe` is never stopped."""
    options = run.settings
    clock, paid = clock_of(options), dataclasses.replace(costs_of(options), **costs)
    plan = prepare(run.study, run.rule)
    order = np.array(options.get("order", range(run.study.n_trials)), dtype=np.int64)
    with_rule = run_once(plan, clock, paid, order=order, probe=probe)
    without = run_once(plan, clock, paid, order=order, acting=False)
    study, batch = run.study, Batch.of([run.study])
    trials = outcomes_of_trials(study, paid, final, with_rule)
    columns = columns_of(study, clock, trials, with_rule, without)
    found = outcomes(batch, study, clock, paid, trials, with_rule, without)
    told = summaries(found, batch, clock, paid, columns)
    summary = Summary(**{key: one for key, (one,) in told.items()})
    return ReplayResult(
        study.name, study.objective, study.direction, run.rule, clock, paid, final, summary,
        columns, warnings=(),
    )  # fmt: skip


def check_changes_nothing(run: Run, changed: Study, factor: float) -> int:
    """The changed study is decided and summed up alike, values and thresholds times a factor."""
    kept, decided = decisions_of(run.study, run.rule, run.settings)
    kept_too, decided_too = decisions_of(changed, run.rule, run.settings)
    assert kept_too.rows_kept.tolist() == kept.rows_kept.tolist()
    for times in ("began", "ended"):
        np.testing.assert_array_equal(getattr(kept_too, times), getattr(kept, times))
    names = dict(zip(run.study.trials, changed.trials, strict=True))

    def scaled(value: float | None) -> float | None:
        return None if value is None else factor * value

    expected = {
        (names[trial], step): (scaled(own), scaled(threshold), peers, stop)
        for (trial, step), (own, threshold, peers, stop) in decided.items()
    }
    assert decided_too == expected

    summary = result_of(run).summary
    actual = result_of(dataclasses.replace(run, study=changed)).summary
    bests = {
        key: best and dataclasses.replace(best, trial=names[best.trial], value=factor * best.value)
        for key in ("best", "best_recorded")
        for best in [getattr(summary, key)]
    }
    # positive is worse, whatever the direction
    worse_by = {
        key: scaled(getattr(summary, key)) if factor > 0 else getattr(summary, key)
        for key in ("degradation", "degradation_on_record")
    }
    assert repr(actual) == repr(dataclasses.replace(summary, **bests, **worse_by))
    return sum(told[-1] == 1.0 for told in decided.values())


def mirrored(study: Study) -> Study:
    direction = "maximize" if study.direction == "minimize" else "minimize"
    return dataclasses.replace(study, values=-study.values, direction=direction)


def doubled(study: Study) -> Study:
    return dataclasses.replace(study, values=2 * study.values)


def renamed(study: Study) -> Study:
    """Names in the opposite alphabetical order."""
    return dataclasses.replace(study, trials=tuple(f"z{999 - i}" for i in range(study.n_trials)))


def counted_from_zero(study: Study) -> Study:
    """The same study as a log that prints the index 0 after the first step, or as one from 1."""
    if study.done_at_zero:
        return dataclasses.replace(study, steps=study.steps + 1, done_at_zero=0)
    if (study.steps == 0).any():
        return study
    return dataclasses.replace(study, steps=study.steps - 1, done_at_zero=1)


CHANGES = [(mirrored, -1.0), (doubled, 2.0), (renamed, 1.0)]


@pytest.mark.parametrize(("change", "factor"), CHANGES)
def test_changes_nothing(change: Callable[[Study], Study], factor: float) -> None:
    runs = map(make_run, seeded(33))
    assert sum(check_changes_nothing(r, change(r.study), factor) for r in runs) > SEEDED // 2


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_run(), st.sampled_from(CHANGES))
def test_any_changes_nothing(run: Run, by: tuple[Callable[[Study], Study], float]) -> None:
    change, factor = by
    check_changes_nothing(run, change(run.study), factor)


def check_counts_alike(run: Run) -> int:
    """Logs that count the same steps from 0 and from 1 give the same outcomes, every key."""
    changed = counted_from_zero(run.study)
    by = int((changed.steps - run.study.steps).max(initial=0))
    by += int((changed.steps - run.study.steps).min(initial=0))
    kept, decided = decisions_of(run.study, run.rule, run.settings)
    kept_too, decided_too = decisions_of(changed, run.rule, run.settings)
    assert kept_too.rows_kept.tolist() == kept.rows_kept.tolist()
    assert decided_too == {(trial, step + by): told for (trial, step), told in decided.items()}
    here, there = result_of(run), result_of(dataclasses.replace(run, study=changed))
    assert repr(there.summary) == repr(here.summary)
    for name, column in vars(here.columns).items():
        expected = np.asarray(column)
        if name == "stop_step":
            expected = expected + by * here.columns.stopped
        np.testing.assert_array_equal(np.asarray(getattr(there.columns, name)), expected)
    return abs(by)


def test_steps_counted_from_zero_change_nothing() -> None:
    assert sum(check_counts_alike(make_run(pick)) for pick in seeded(34)) > SEEDED // 3


@settings(max_examples=EXAMPLES, deadline=None)
@given(any_run())
def test_any_steps_counted_from_zero_change_nothing(run: Run) -> None:
    check_counts_alike(run)


# ------------------------------------------------------------------------------------- bounds

SHARES = [f.name for f in dataclasses.fields(Summary) if f.name.endswith("_saved_fraction")]


def check_shares(pick: Pick) -> dict[str, bool]:
    """Every saved share lies in [0, 1]; which of them are known and above 0.

    Not so trivial for the makespan, as shorter jobs can lengthen a schedule (Graham's anomalies).
    Not this one: without precedence, the slots' sorted times of falling free are never later, slot
    by slot, after each job of the list, if they were not before it and the job is no longer.
    """
    run = make_run(pick)
    counts = [pick.integer(1, 3) for _ in range(run.study.n_trials)]
    study = dataclasses.replace(run.study, instance_count=np.array(counts, dtype=np.int64))
    summary = result_of(dataclasses.replace(run, study=study), price=float(pick.integer(0, 3)))
    found = vars(summary.summary)
    for name in SHARES:
        assert found[name] is None or 0.0 <= found[name] <= 1.0, name
    bounds, share = found["steps_saved_fraction_bounds"], found["steps_saved_fraction"]
    if bounds is not None:
        assert 0.0 <= bounds[0] <= share <= bounds[1] <= 1.0
    return {name: bool(found[name]) for name in SHARES}


def test_saved_shares_are_shares() -> None:
    found = [check_shares(pick) for pick in seeded(34)]
    often = {name: sum(known[name] for known in found) for name in found[0]}
    assert len(often) == 5
    assert min(often.values()) > 0


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_any_saved_shares_are_shares(data: st.DataObject) -> None:
    check_shares(FromHypothesis(data.draw))


def check_oracle(pick: Pick) -> bool:
    """A rule that leaves the winner alone loses nothing; whether it had to be told to."""
    run, final = make_run(pick), pick.one(("last", "best"))
    free = result_of(run, final)
    best = free.summary.best_recorded
    if best is None:
        return False
    winner = run.study.trial_index(best.trial)
    actual = result_of(run, final, probe=winner).summary
    assert actual.best_trial_stopped is False
    assert actual.degradation_on_record is not None
    assert actual.degradation_on_record <= 0
    assert actual.degradation in (None, actual.degradation_on_record)
    assert actual.best_recorded == best
    return free.summary.best_trial_stopped is True


def test_an_oracle_loses_nothing() -> None:
    assert sum(map(check_oracle, seeded(35))) > 0


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_any_oracle_loses_nothing(data: st.DataObject) -> None:
    check_oracle(FromHypothesis(data.draw))
