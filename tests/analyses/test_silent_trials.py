"""Trials that make no report are no history: no analysis concludes anything else because of them.

Each property adds such trials, of every status, to studies, and compares what is advised and
doubted. What is said of these trials themselves may be added, and what counts all trials (launch
positions, slots, `trials` of a summary) may differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numba import config

import esim
from esim.analyses.compare.trial_halves import trial_halves
from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.backtest import backtest
from esim.analyses.estimate.forecast import settle
from esim.analyses.estimate.full_estimate import Wanted, full_estimate
from esim.analyses.workers.by_study import going_through
from esim.results.forecast import Estimate
from esim.rules import rule
from esim.study import Status, Study, is_censored
from esim.study.facts import facts
from tests.references.curves import curves

SEEDS = range(2 if config.DISABLE_JIT else 6)
STATUSES = (Status.UNKNOWN, Status.COMPLETED, Status.STOPPED, Status.FAILED, Status.RUNNING)


def with_silent(study: Study, rng: np.random.Generator, silent: int = 24) -> Study:
    """The study with trials that report nothing, anywhere in its launch order, of every status."""
    n = study.n_trials
    at = np.sort(rng.choice(n + silent, n, replace=False))  # where its own trials stand now
    status = rng.choice(STATUSES, n + silent).astype(np.int8)
    status[at] = study.status
    censored = is_censored(status)
    censored[at] = study.censored
    lengths = np.zeros(n + silent, dtype=np.int64)
    lengths[at] = np.diff(study.offsets)
    names = [f"silent {i}" for i in range(n + silent)]
    for place, name in zip(at.tolist(), study.trials, strict=True):
        names[place] = name
    unknown = np.full(n + silent, np.nan)
    made = dataclasses.replace(
        study,
        trials=tuple(names),
        offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        start=unknown,
        end=unknown,
        status=status,
        censored=censored,
        instance_type=(None,) * (n + silent),
        instance_count=np.ones(n + silent, dtype=np.int64),
    )
    made.validate()
    return made


def pairs(trials: int, seed: int, **how: Any) -> tuple[Study, Study]:
    """A study, and the same with silent trials."""
    rng = np.random.default_rng((seed, trials))
    direction = ("minimize", "maximize")[seed % 2]
    study = curves("plain", direction, trials, 8, seed, times=bool(seed % 3))  # type: ignore[arg-type]
    study = dataclasses.replace(study, **how)
    return study, with_silent(study, rng)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_stops_the_same_and_doubts_the_same(seed: int, workers: int) -> None:
    clock = "simulated" if workers > 1 else None
    for trials in (3, 25):
        plain, more = (
            esim.replay(study, clock=clock, workers=workers) for study in pairs(trials, seed)
        )
        for key in ("trials_stopped", "steps_saved_fraction", "degradation", "best", "best_rank"):
            assert getattr(more.summary, key) == getattr(plain.summary, key), key
        assert more.summary.steps_saved_fraction_bounds is None
        said = f"{trials} of {trials + 24} trials report values"
        expected = [w.text.replace(f"{trials} trials: one", f"{said}: one") for w in plain.warnings]
        assert [warning.text for warning in more.warnings] == expected
        kept = [name for name in more.columns.trial if not name.startswith("silent")]
        assert kept == list(plain.columns.trial)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_check_finds_the_same(seed: int) -> None:
    for trials in (1, 3, 25):
        plain, more = map(esim.check, pairs(trials, seed))
        assert more.verdict.replace(" with reports", "") == plain.verdict
        assert more.acts == plain.acts
        about = {"failed_jobs"}
        expected = [(f.code, f.severity, f.text) for f in plain.findings if f.code not in about]
        found = [
            (f.code, f.severity, f.text.replace(" jobs with reports", " jobs"))
            for f in more.findings
            if f.code not in about
        ]
        assert found == [(c, s, t.replace(" jobs with reports", " jobs")) for c, s, t in expected]


def estimated(*past: Study) -> Estimate:
    """What `esim estimate` adds to a forecast; of one study also with --same-cost."""
    with going_through(past) as studies:
        known, wanted = list(map(facts, past)), Wanted(same_cost=len(past) == 1)
        return full_estimate(studies, known, asked(past), 0, 0.9, wanted)


def asked(past: Sequence[Study]) -> Ask:
    return settle([facts(study) for study in past], rule("sagemaker"), replicates=100)


@pytest.mark.parametrize("trials", [3, 8])
def test_an_estimate_advises_the_same(trials: int) -> None:
    two = pairs(trials, 1)
    expected, found = (backtest(study, asked([study]), 0, 0.9, splits=5) for study in two)
    assert found == expected
    plain, more = map(estimated, two)
    assert more.next == plain.next
    assert more.advice == plain.advice
    assert (more.by_trials, more.by_workers) == (plain.by_trials, plain.by_workers)
    assert more.same_cost == plain.same_cost
    assert more.headline == plain.headline
    told = [w for w in more.warnings if w.code != "without_reports"]
    assert told == list(plain.warnings)
    (about,) = (w.text for w in more.warnings if w.code == "without_reports")
    assert f"24 of {trials + 24} past trials" in about
    (past,) = more.studies
    assert (past.history, past.trials, past.trials_censored) == (trials, trials + 24, 0)


def test_an_estimate_from_several_studies_advises_the_same() -> None:
    plain, more = zip(*(pairs(6, seed) for seed in (0, 2, 4)), strict=True)
    expected, found = estimated(*plain), estimated(*more)
    assert found.leave_one_out == expected.leave_one_out
    assert found.advice == expected.advice and found.headline == expected.headline


@pytest.mark.parametrize("trials", [12, 24])
def test_a_comparison_chooses_and_doubts_the_same(trials: int) -> None:
    plain, more = (
        esim.compare(study, ["sagemaker", "ray-median", "optuna-median"], orders=4, choice=True)
        for study in pairs(trials, 0)
    )
    assert more.warnings == plain.warnings
    assert more.settings == plain.settings
    assert (more.answer, more.choice) == (plain.answer, plain.choice)
    assert (more.front, more.sensitivity) == (plain.front, plain.sensitivity)
    assert [e.key for e in more.rules] == [e.key for e in plain.rules]
    few = f"{trials} trials: one launch order", f"{trials} of {trials + 24} trials report values"
    texts = [w.text for w in plain.studies[0].warnings]
    assert [w.text for w in more.studies[0].warnings] == [
        text.replace(few[0], f"{few[1]}: one launch order") for text in texts
    ]


def test_halves_are_of_trials_with_reports() -> None:
    plain, more = pairs(21, 3)
    expected = trial_halves(plain, np.random.default_rng(0))
    found = trial_halves(more, np.random.default_rng(0))
    for (a, b), (c, d) in zip(expected, found, strict=True):
        assert (a.trials, b.trials) == (c.trials, d.trials)
    assert trial_halves(pairs(19, 3)[1], np.random.default_rng(0)) == []
