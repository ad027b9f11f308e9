"""The statistics of a comparison: against naive loops, and by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from esim.analyses.compare.choice import folds
from esim.analyses.compare.statistics import (
    Draws,
    bootstrap_means,
    covered,
    draws,
    effective_size,
    first_shares,
    front,
    interval,
    pick,
    ranks,
    sign_flip_test,
    wilson,
)

EIGHTHS = st.integers(0, 8).map(lambda n: n / 8)


def table(rows: tuple[int, int] = (1, 5), columns: tuple[int, int] = (1, 6)) -> st.SearchStrategy:
    """float64 [R, O], many ties."""
    shape = st.tuples(st.integers(*rows), st.integers(*columns))
    return shape.flatmap(lambda s: arrays.arrays(np.float64, s, elements=EIGHTHS))


# --------------------------------------------------------------------------------- bootstrap


def naive_bootstrap(values: list[list[list[float]]], drawn: Draws) -> list[list[float]]:
    """values[study][rule][order] -> [replicate][rule], drawing by the same indices."""
    found = []
    for b, studies in enumerate(drawn.studies.tolist()):
        row = []
        for rule in range(len(values[0])):
            total = 0.0
            for slot, study in enumerate(studies):
                orders = drawn.orders[drawn.which[b, slot]].tolist()
                total += sum(values[study][rule][o] for o in orders) / len(orders)
            row.append(total / len(studies))
        found.append(row)
    return found


@pytest.mark.parametrize(("studies", "rules", "orders"), [(1, 1, 2), (1, 3, 5), (4, 3, 5)])
def test_bootstrap_means_are_those_of_plain_loops(studies: int, rules: int, orders: int) -> None:
    rng = np.random.default_rng(3)
    values = [rng.random((rules, orders)) for _ in range(studies)]
    drawn = draws(np.random.SeedSequence(1), studies, orders, 30)
    expected = naive_bootstrap([v.tolist() for v in values], drawn)
    np.testing.assert_allclose(bootstrap_means(values, drawn), expected, rtol=1e-12)


def test_bootstrap_draws_are_paired() -> None:
    """A rule that always saves 0.1 more does so in every replicate."""
    rng = np.random.default_rng(0)
    values = [np.stack([v, v + 0.1]) for v in rng.random((5, 20))]
    means = bootstrap_means(values, draws(np.random.SeedSequence(0), 5, 20, 200))
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 0.1, rtol=1e-9)
    assert means[:, 0].std() > 0.01


def test_an_interval_holds_the_middle_of_its_replicates() -> None:
    low, high = interval(np.arange(1.0, 101.0)[:, None], 0.9)  # 5 of 100 below, 5 above
    assert (low[0], high[0]) == (5.0, 95.0)


# ------------------------------------------------------------------------------------ shares


def test_wilson_by_hand() -> None:
    # 8 of 10 at 95 %: z = 1.96; centre (0.8 + 0.19207) / 1.38415 = 0.7167,
    # reach 1.96 sqrt(0.016 + 0.009604) / 1.38415 = 0.2266.
    assert wilson(8, 10, 0.95) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    low, high = wilson(0, 10, 0.95)
    assert low == 0.0
    assert high == pytest.approx(0.2775, abs=1e-4)  # 3.8415 / 13.8415
    assert wilson(10, 10, 0.95) == pytest.approx((1 - 0.2775, 1.0), abs=1e-4)
    assert wilson(10, 10, 0.95)[1] == 1.0


@given(st.integers(1, 200), st.data(), st.sampled_from([0.5, 0.9, 0.95]))
def test_wilson_holds_the_share_and_mirrors(of: int, data: st.DataObject, level: float) -> None:
    count = data.draw(st.integers(0, of))
    low, high = wilson(count, of, level)
    assert 0.0 <= low <= count / of <= high <= 1.0
    mirrored = wilson(of - count, of, level)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-12)


def test_effective_sizes_by_hand() -> None:
    assert effective_size(np.array([0.3]), 100) == 100  # one study: its orders
    assert effective_size(np.array([1.0, 1.0]), 100) == 2  # nothing tells the orders apart
    # Shares 0 and 1: mean 0.5, variance between 0.5, of the mean 0.25: 0.25 / 0.25 = 1, at least 2.
    assert effective_size(np.array([0.0, 1.0]), 100) == 2
    # Equal shares: orders are worth what they are.
    assert effective_size(np.array([0.4, 0.4, 0.4]), 100) == 300
    # 0.4 and 0.6: variance 0.02, of the mean 0.01; 0.25 / 0.01 = 25.
    assert effective_size(np.array([0.4, 0.6]), 100) == pytest.approx(25.0)


# ------------------------------------------------------------------------------------- ranks


def naive_ranks(saved: list[float], loss: list[float], accepted: float) -> list[float]:
    """One order: sort by what the documentation says, equals share their mean place."""

    def merit(r: int) -> tuple[int, float, float]:
        if loss[r] <= accepted:
            return (0, -saved[r], 0.0)
        return (1, loss[r], -saved[r])

    merits = [merit(r) for r in range(len(saved))]
    places = sorted(merits)
    found = []
    for m in merits:
        at = [i + 1 for i, other in enumerate(places) if other == m]
        found.append(sum(at) / len(at))
    return found


@given(st.data(), EIGHTHS)
def test_ranks_are_those_of_sorting(data: st.DataObject, accepted: float) -> None:
    saved = data.draw(table())
    loss = data.draw(arrays.arrays(np.float64, saved.shape, elements=EIGHTHS))
    actual = ranks(saved, loss, accepted)
    for o in range(saved.shape[1]):
        assert actual[:, o].tolist() == naive_ranks(
            saved[:, o].tolist(), loss[:, o].tolist(), accepted
        )


def test_ranks_by_hand() -> None:
    saved = np.array([[0.9], [0.5], [0.5], [0.0], [0.95]])
    loss = np.array([[0.2], [0.04], [0.0], [0.0], [0.3]])
    # Within 0.05: 0.5, 0.5 tie for 1 and 2, then 0.0; beyond it 0.2 before 0.3.
    assert ranks(saved, loss, 0.05)[:, 0].tolist() == [4.0, 1.5, 1.5, 3.0, 5.0]
    assert ranks(saved, loss, 1.0)[:, 0].tolist() == [2.0, 3.5, 3.5, 5.0, 1.0]


def test_firsts_are_shared() -> None:
    ranked = np.array([[1.0, 1.5], [2.0, 1.5], [3.0, 3.0]])
    assert first_shares(ranked).tolist() == [0.75, 0.25, 0.0]


# -------------------------------------------------------------------------------------- test


def naive_flips(differences: list[list[float]]) -> list[float]:
    """p of each row, by every combination of signs and the largest statistic."""

    def statistic(row: list[float], signs: tuple[int, ...]) -> float:
        size = math.sqrt(sum(x * x for x in row))
        return abs(sum(s * x for s, x in zip(signs, row, strict=True))) / size if size else 0.0

    blocks = len(differences[0])
    every = list(itertools.product((1, -1), repeat=blocks))
    found = []
    for row in differences:
        observed = statistic(row, (1,) * blocks)
        as_large = sum(
            max(statistic(other, signs) for other in differences) >= observed - 1e-9
            for signs in every
        )
        found.append(as_large / len(every))
    return found


@settings(max_examples=40, deadline=None)
@given(table())
def test_the_test_is_that_of_every_flip(values: np.ndarray) -> None:
    differences = values - 0.5
    actual = sign_flip_test(differences, np.random.SeedSequence(0))
    assert actual == pytest.approx(naive_flips(differences.tolist()), abs=1e-12)


def test_p_values_by_hand() -> None:
    # Five blocks all of one sign: 2 of 32 flips are as far out. One sign odd: |sum| 3 of 5, reached
    # by 5 + 5 + 2 of 32. Alone each has that p; together the largest of both is compared.
    seed = np.random.SeedSequence(0)
    assert sign_flip_test(np.ones((1, 5)), seed).tolist() == [2 / 32]
    assert sign_flip_test(np.array([[1.0, 1, 1, 1, -1]]), seed).tolist() == [12 / 32]
    assert sign_flip_test(np.zeros((1, 5)), seed).tolist() == [1.0]
    both = sign_flip_test(np.array([[1.0, 1, 1, 1, 1], [1.0, 1, 1, 1, -1]]), seed)
    # All equal in either row: 2 flips make the first 5, 2 others the second.
    assert both[0] == 4 / 32


def test_many_blocks_are_drawn_and_the_same_again() -> None:
    rng = np.random.default_rng(0)
    differences = rng.standard_normal((3, 40)) + np.array([[0.0], [0.5], [3.0]])
    first = sign_flip_test(differences, np.random.SeedSequence(5))
    assert first.tolist() == sign_flip_test(differences, np.random.SeedSequence(5)).tolist()
    assert first[0] > 0.2
    assert first[2] == 1 / 10_001  # the observed alone
    assert (first > 0).all()


# ------------------------------------------------------------------------------------- front


def test_a_front_by_hand() -> None:
    #                   none   a     b: dominated by c   c     d: as much as c, loses more   e = c
    saved = np.array([0.0, 0.4, 0.5, 0.6, 0.6, 0.6])
    loss = np.array([0.0, 0.0, 0.3, 0.2, 0.5, 0.2])
    assert front(saved, loss).tolist() == [False, True, False, True, False, True]


@given(st.data())
def test_a_front_is_who_nobody_dominates(data: st.DataObject) -> None:
    points = data.draw(st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=1, max_size=8))
    expected = [
        not any(s >= saved and d <= loss and (s, d) != (saved, loss) for s, d in points)
        for saved, loss in points
    ]
    assert front(*np.array(points).T).tolist() == expected


def test_covered_by_hand() -> None:
    by = np.array([0.5, 0.9]), np.array([0.1, 0.4])
    assert covered(0.4, 0.1, *by)  # the first saves more and loses as little
    assert covered(0.5, 0.1, *by)  # as good is enough
    assert not covered(0.6, 0.2, *by)  # between the two
    assert not covered(0.1, 0.0, *by)


# ------------------------------------------------------------------------------------ choice


def test_a_choice_by_hand() -> None:
    saved, loss = np.array([0.9, 0.6, 0.6, 0.0]), np.array([0.2, 0.05, 0.01, 0.0])
    assert pick(saved, loss, 0.3) == 0
    assert pick(saved, loss, 0.05) == 1  # the earlier of two that save the same
    assert pick(saved, loss, 0.04) == 2
    assert pick(saved, loss, 0.0) == 3


@pytest.mark.parametrize(("studies", "parts"), [(2, 2), (20, 20), (21, 10), (100, 10)])
def test_every_study_is_held_out_once(studies: int, parts: int) -> None:
    found = folds(studies, np.random.default_rng(0))
    assert len(found) == parts
    assert sorted(np.concatenate(found).tolist()) == list(range(studies))
