"""What the probe's design is held to tell apart, and by what argument."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

import esim
from esim.analyses.identify.evidence import Scene, hold
from esim.assumptions import Clock, Costs
from esim.probe.design import Design, shipped
from esim.rules.candidates import Candidate, combinations
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_once
from tests.benchmarks.probe import throughout, within
from tests.benchmarks.probe_curves import between, random_curve
from tests.benchmarks.probe_search import dump
from tests.benchmarks.probe_service import (
    GAP_S,
    UPLOAD_S,
    Services,
    neighbours,
    same_on_every_input,
    study_of,
)
from tests.references.service import served

pytestmark = pytest.mark.slow


@cache
def readings() -> tuple[Candidate, ...]:
    return combinations(esim.rule("sagemaker"))


def drawn(seed: int, many: int) -> list[Candidate]:
    rng = np.random.default_rng(seed)
    return [readings()[at] for at in rng.choice(len(readings()), many, replace=False).tolist()]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_candidate_is_left_exactly_if_it_would_have_done_the_same(workers: int) -> None:
    rng = np.random.default_rng(workers)
    curves = [random_curve(rng) for _ in range(12)]
    candidates = drawn(workers, 150)
    services = Services([one.rule for one in candidates])
    did = services.records(curves, workers, gap_s=0.0).tolist()
    expected, actual = [], []
    for at in range(5):
        record = served(study_of(curves, workers), candidates[at].rule, workers, UPLOAD_S)
        missed = hold(Scene(record), candidates, 0.0, None).missed.any(axis=1)
        expected.append([one == did[at] for one in did])
        actual.append((~missed).tolist())
    assert actual == expected
    assert 5 < sum(map(sum, expected)) < 5 * 150 / 2


def test_what_is_said_to_be_the_same_on_every_input_is_so_on_these() -> None:
    changed = [one for one in drawn(0, 300) if same_on_every_input(one) != one]
    assert len(changed) > 50
    own = Services([one.rule for one in changed])
    others = Services([same_on_every_input(one).rule for one in changed])
    for seed in range(5):
        rng = np.random.default_rng(seed)
        curves = [random_curve(rng) for _ in range(20)]
        late = rng.uniform(0.0, 90.0, 20).tolist()
        did = [services.records(curves, 4, late=late) for services in (own, others)]
        assert (did[0] == did[1]).all()


def test_pairs_that_are_the_same_on_every_input() -> None:
    """J1 and J3: with B2, a third of 22,032 candidates; with B3 and E1, a sixth: in pairs.

    Twice as many with a warm start's parents, which count or not.
    """
    assert within(throughout(readings()))[0] == 2 * (22032 // 6 + 22032 // 12)


def near(bases: list[Candidate]) -> list[Candidate]:
    """Some candidates, and all that answer one question otherwise than one of them."""
    codes = np.array([one.codes for one in readings()])
    apart = [(codes != np.array(base.codes)).sum(axis=1) <= 1 for base in bases]
    return [readings()[at] for at in np.flatnonzero(np.any(apart, axis=0)).tolist()]


def test_many_rules_at_a_time_do_what_each_does_alone() -> None:
    rng = np.random.default_rng(3)
    curves = [random_curve(rng) for _ in range(15)]
    candidates = drawn(3, 100)
    together = Services([one.rule for one in candidates]).records(curves, 4)
    study, clock = study_of(curves, 4), Clock("simulated", 4)
    costs = Costs(upload_s=UPLOAD_S, slot_gap_s=GAP_S)
    for one, did in zip(candidates, together, strict=True):
        run = run_once(prepare(study, one.rule), clock, costs)
        assert (2 * run.rows_kept + run.stopped).tolist() == did.tolist(), one.name


def test_a_value_between_two_limits_tells_the_rules_apart() -> None:
    """In most cases: under one of them it ends its job, under the other it does not."""
    rng = np.random.default_rng(2)
    candidates = near(drawn(2, 8))
    curves = [random_curve(rng) for _ in range(15)]
    pairs, _ = neighbours(candidates)
    did = Services([one.rule for one in candidates]).records(curves, 4)
    tried, told = 0, 0
    for a, b in pairs[(did[pairs[:, 0]] == did[pairs[:, 1]]).all(axis=1)].tolist():
        pair = candidates[a].rule, candidates[b].rule
        found = between(curves, 4, (), pair, rng)
        if found is not None:
            one, two = Services(pair).records(found, 4)
            tried, told = tried + 1, told + bool((one != two).any())
    assert tried >= 10
    assert told > 0.8 * tried


def test_the_design_tells_nearly_all_neighbours_apart() -> None:
    """Of those that differ in one question; J and O, the hardest, among them."""
    candidates = near(drawn(5, 12))
    pairs, _ = neighbours(candidates)
    services = Services([one.rule for one in candidates])
    did = [services.records(list(j.curves.values()), j.workers) for j in shipped().jobs[:2]]
    rows = np.hstack(did)
    assert (rows[pairs[:, 0]] != rows[pairs[:, 1]]).any(axis=1).mean() > 0.95


def test_a_design_is_read_back_from_what_the_search_prints() -> None:
    assert Design.from_dict(json.loads(dump(shipped()))) == shipped()
