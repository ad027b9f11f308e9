"""What the probe's design is held to tell apart, and by what argument."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import esim
from esim.analyses.identify.evidence import Scene, hold
from esim.probe.design import shipped
from esim.rules.candidates import Candidate, combinations
from tests.benchmarks.probe import (
    UPLOAD_S,
    Service,
    neighbours,
    random_curve,
    same_on_every_input,
    study_of,
    throughout,
    within,
)
from tests.references.service import served


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
    service = Service(curves, workers, gap_s=0.0)
    candidates = drawn(workers, 150)
    did = [service.record(one.rule).tolist() for one in candidates]
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
    for seed in range(3):
        rng = np.random.default_rng(seed)
        service = Service([random_curve(rng) for _ in range(12)], 4)
        for one in changed[:40]:
            other = same_on_every_input(one).rule
            assert (service.record(one.rule) == service.record(other)).all(), one.name


def test_pairs_that_are_the_same_on_every_input() -> None:
    """J1 and J3: with B2, a third of 22,032 candidates; with B3 and E1, a sixth: in pairs.

    Twice as many with a warm start's parents, which count or not.
    """
    assert within(throughout(readings()))[0] == 2 * (22032 // 6 + 22032 // 12)


def test_the_design_tells_nearly_all_neighbours_apart() -> None:
    """Of those that differ in one question; J and O, the hardest, among them."""
    pairs = neighbours(readings(), 12, 5)
    one, four = (Service(list(job.curves.values()), job.workers) for job in shipped().jobs[:2])
    did = {
        at: one.record(readings()[at].rule).tolist() + four.record(readings()[at].rule).tolist()
        for at in {at for pair in pairs for at in pair}
    }
    assert np.mean([did[a] != did[b] for a, b in pairs]) > 0.9
