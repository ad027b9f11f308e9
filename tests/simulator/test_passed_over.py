"""Reports at which no rung has its turn are passed over, unless a run is traced."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from numba import config

import esim
from esim import Status, Study
from esim.assumptions import Clock, Costs
from esim.rules import PRESETS
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_once
from tests.references import generate
from tests.references.generate import build

RUNGS = sorted(name for name, rule in PRESETS.items() if rule.rungs != "none")
INF = np.inf
# t1 ends with its second report, at second 1, at which it makes its first one too. That comes in
# its turn, behind t0's, and only then t1 ends and completes: t0 is judged before.
AT_THE_END = dataclasses.replace(
    build(
        [[1, 4, 5, 6, 8], [1, 3], [0, 3, 4]],
        [[0.5] * 5, [0.5, -INF], [0.5, 0.5, -INF]],
        elapsed=[[1, 4, 5, 6, 8], [1, 1], [2, 3, 5]],
        status=[Status.UNKNOWN, Status.COMPLETED, Status.COMPLETED],
    ),
    done_at_zero=1,
)
# No trial that was still running has an end: what it reports until then is all that it makes.
RUNNING = build(
    [[1, 2, 3, 4, 5, 6]] * 3,
    [[3, 2, 2, 2, 2, 2], [1] * 6, [2] * 6],
    elapsed=[[1, 2, 3, 4, 5, 6]] * 3,
    start=[0, 0, 1],
    end=[6, np.nan, np.nan],
    status=[Status.COMPLETED, Status.RUNNING, Status.RUNNING],
)


def clocks(study: Study) -> Iterator[Clock]:
    yield Clock("simulated", 1)
    yield Clock("simulated", 3)
    if study.has_schedule and study.n_trials:
        yield Clock("recorded")


@pytest.mark.parametrize("name", RUNGS)
def test_nothing_changes_by_it(name: str) -> None:
    some = generate.studies(seed=4242, n=20 if config.DISABLE_JIT else 120)
    for study in (AT_THE_END, RUNNING, *some):
        plan = prepare(study, esim.rule(name))
        for clock in clocks(study):
            for costs in (Costs(), Costs(stop_latency_s=1.0)):
                actual = run_once(plan, clock, costs)
                expected = run_once(plan, clock, costs, traced=True)
                for field in dataclasses.fields(actual):
                    found = getattr(actual, field.name)
                    if isinstance(found, np.ndarray) and field.name != "trace":
                        assert np.array_equal(
                            found, getattr(expected, field.name), equal_nan=found.dtype == float
                        ), (field.name, clock)
