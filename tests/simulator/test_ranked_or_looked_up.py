"""The kernel against its twin on every row of the rule table, in every clock, both ways it works.

The kernel finds peers in columns ranked beforehand, or looks them up one by one where ranking
would not pay. Constants in esim.simulator.plan.columns draw the line; here each side of it is
forced.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
from numba import config

import esim
from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.plan import columns as where
from esim.simulator.plan.build import prepare
from esim.simulator.plan.plan import Plan
from esim.simulator.run import run_once
from esim.study import Status, Study
from tests.references import naive
from tests.references.generate import (
    CATEGORICAL,
    COMBINATIONS,
    FromSeed,
    build,
    make_settings,
    rules,
    studies,
)
from tests.simulator.test_kernel import assert_same

CLOCKS = ("order", "recorded", "simulated")
PARTS = 4
#: Interpreted, a replay costs six times as much: every combination still meets one of the clocks.
EVERY = 3 if config.DISABLE_JIT else 1

RULES = tuple(rules(seed=20, n=len(COMBINATIONS)))


def _by_hand() -> Iterator[Study]:
    """Studies at the edges, all with the times that the recorded clock needs."""
    inf, nan = np.inf, np.nan
    edges: list[list[list[float]]] = [
        [[1.0, 0.5, 0.25]],  # one trial
        [[1.0]],  # one trial, one report
        [[1.0], [2.0], [0.5]],  # one report a trial
        [[0.5] * 4] * 5,  # all equal
        [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]] * 3,  # copies
        [[inf, inf], [-inf, -inf], [0.0, 0.0], [inf, 1.0]],
        [[nan, nan], [1.0, nan, 2.0], [nan, 3.0, nan], []],
    ]
    for values in edges:
        steps = [list(range(1, len(v) + 1)) for v in values]
        start = [float(i // 2) for i in range(len(values))]
        end = [b + len(s) for b, s in zip(start, steps, strict=True)]
        elapsed = [[float(x) for x in s] for s in steps]
        for status in (Status.COMPLETED, Status.STOPPED, Status.FAILED):
            # every second trial, so that some peers remain
            words = [status if i % 2 else Status.COMPLETED for i in range(len(values))]
            yield build(steps, values, elapsed=elapsed, start=start, end=end, status=words)


SCHEDULED = tuple(chain(_by_hand(), studies(seed=21, n=180, times="schedule")))
ANY_TIMES = tuple(studies(seed=22, n=100))
BY_CLOCK = {"order": ANY_TIMES + SCHEDULED, "simulated": ANY_TIMES + SCHEDULED}
BY_CLOCK["recorded"] = SCHEDULED


def _settings(pick: FromSeed, study: Study, clock: str) -> dict[str, Any]:
    """Settings as generated, in this clock."""
    while True:
        settings = make_settings(pick, study)
        if settings["clock"] == clock:
            return settings


def looks_up(plan: Plan) -> bool:
    """Whether the kernel would look peers up one by one."""
    return plan.rank is None


def both_ways(monkeypatch: pytest.MonkeyPatch, study: Study, rule: Rule) -> tuple[Plan, Plan]:
    """Ranked as far as the kernel can, and looked up as far as it can."""
    ways = []
    for most_cells, most_bits in ((10**9, 2**62), (0, 0)):
        monkeypatch.setattr(where, "_MOST_CELLS_A_REPORT", most_cells)
        monkeypatch.setattr(where, "_MOST_CARRY_BITS", most_bits)
        ways.append(prepare(study, rule))
    return ways[0], ways[1]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("clock", CLOCKS)
def test_every_row_in_every_clock(clock: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pick = FromSeed(np.random.default_rng((23, CLOCKS.index(clock), part)))
    available = BY_CLOCK[clock]
    seen = set()
    stops = 0
    for at in range(part, len(RULES), PARTS):
        if at // PARTS % EVERY != CLOCKS.index(clock) % EVERY:
            continue
        rule, study = RULES[at], available[at // PARTS % len(available)]
        settings = _settings(pick, study, clock)
        expected = naive.replay(study, rule, **settings)
        ranked, looked_up = both_ways(monkeypatch, study, rule)
        assert_same(ranked, settings, expected)
        if looks_up(ranked) != looks_up(looked_up):
            assert_same(looked_up, settings, expected)
        seen |= {(way, rule.match, rule.short) for way in map(looks_up, (ranked, looked_up))}
        stops += sum(expected.stopped)
    assert stops > 100 // EVERY
    # Ranked: everything, though carrying up to a step only where the trials' steps are dense.
    # One by one: what ranking could be too dear for.
    combinations = {(m, s) for m in CATEGORICAL["match"] for s in CATEGORICAL["short"]}
    assert {(m, s) for way, m, s in seen if not way} == combinations
    assert {(m, s) for way, m, s in seen if way} >= {
        (m, s) for m, s in combinations if m == "upto" or s == "carry"
    }


def test_looking_up_agrees_where_the_kernel_would_never_do_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The two ways are interchangeable: one by one holds for every row.
    monkeypatch.setattr(where, "cells", lambda *_: where.LookedUp())
    pick = FromSeed(np.random.default_rng(24))
    for at in range(0, len(RULES), 7 * EVERY):
        study = ANY_TIMES[at % len(ANY_TIMES)]
        settings = make_settings(pick, study)
        plan = prepare(study, RULES[at])
        assert looks_up(plan)
        assert_same(plan, settings, naive.replay(study, RULES[at], **settings))


@pytest.mark.parametrize("least", [1, 3])
@pytest.mark.parametrize("elapsed", [[1, 2, 3, 4], [1, 2, 3, 3]])  # ranked; twice in a second
@pytest.mark.parametrize(
    ("columns", "kept"),
    # From second 3 on every report stops, and so does one without a value, whoever the peers are.
    [({"max_steps": 3}, [3, 3]), ({"nan": "stop"}, [2, 4])],
)
def test_what_stops_whoever_the_peers_are(
    columns: dict[str, Any], kept: list[int], elapsed: list[float], least: int
) -> None:
    values = [[4.0, np.nan, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
    study = build([[1, 2, 3, 4]] * 2, values, elapsed=[elapsed] * 2)
    rule = Rule("x", axis="seconds", min_peers=least, **columns)
    plan = prepare(study, rule)
    assert looks_up(plan) == (elapsed[-2] == elapsed[-1])
    run = run_once(plan, Clock("order"), Costs())
    assert run.rows_kept.tolist() == kept
    assert np.isnan(run.threshold).all()


@pytest.mark.parametrize(
    "rule",
    [
        # a threshold frozen at the launch, which no report of the trial has asked for
        esim.rule("katib-medianstop", min_peers=1),
        esim.rule("katib-medianstop", min_peers=2, min_reports=2),
        esim.rule("katib-medianstop", min_peers=1, min_reports=50),  # of no column
        # a report that stops shows its value where it stands, not where it is judged
        Rule("x", peer="value", nan="stop", pool="reached"),
        Rule("x", peer="best", nan="stop", short="carry", match="step"),
        Rule("x", peer="value", max_steps=4, match="step"),
    ],
)
def test_frozen_thresholds_and_reports_that_stop_are_looked_up_alike(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick = FromSeed(np.random.default_rng(25))
    some = ANY_TIMES[: 30 // EVERY]
    ranked = [prepare(study, rule) for study in some]
    monkeypatch.setattr(where, "cells", lambda *_: where.LookedUp())
    stopped = 0
    for plan in ranked:
        other = prepare(plan.study, rule)
        assert looks_up(other) and not looks_up(plan)
        for _ in range(4):
            its = make_settings(pick, plan.study)
            clock = Clock(its["clock"], its.get("workers", 1))
            costs = Costs(stop_latency_s=its["stop_latency_s"])
            expected, actual = (run_once(one, clock, costs) for one in (plan, other))
            for name in ("rows_kept", "stopped", "threshold", "peers", "began", "ended"):
                assert np.array_equal(
                    getattr(actual, name), getattr(expected, name), equal_nan=name != "rows_kept"
                ), (name, clock)
            stopped += int(expected.stopped.sum())
    assert stopped > 0 or rule.min_reports == 50


def test_the_studies_are_many_and_every_row_is_there() -> None:
    distinct = {
        (s.direction, s.values.tobytes(), s.steps.tobytes(), s.offsets.tobytes(), s.end.tobytes())
        for s in BY_CLOCK["order"]
    }
    assert len(distinct) >= 200
    assert len({tuple(getattr(r, c) for c in CATEGORICAL) for r in RULES}) == len(COMBINATIONS)
