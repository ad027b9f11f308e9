"""The statistics of a comparison: against naive loops, and by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from esim.analyses.compare.choice import folds
from esim.analyses.compare.statistics import (
    Draws,
    best_of_many_test,
    bootstrap_means,
    covered,
    draws,
    effective_size,
    first_shares,
    front,
    interval,
    mean_bounds,
    mean_of_all,
    means_of_all,
    pick,
    ranks,
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


def naive_from_best(rows: list[list[float]], best: int) -> list[float]:
    """The statistic of each row and the best: |sum of differences| / root of their squares' sum."""
    found = []
    for row in rows:
        differences = [a - b for a, b in zip(rows[best], row, strict=True)]
        size = math.sqrt(sum(x * x for x in differences))
        found.append(abs(sum(differences)) / size if size else 0.0)
    return found


def naive_p(values: list[list[float]], best: int) -> list[float]:
    """p of each contestant, over every way to deal each block's values to the contestants."""
    largest = []
    for blocks in itertools.product(
        *(list(itertools.permutations(block)) for block in zip(*values, strict=True))
    ):
        rows = [list(row) for row in zip(*blocks, strict=True)]
        picked = max(range(len(rows)), key=lambda r: sum(rows[r]))
        largest.append(max(naive_from_best(rows, picked)))
    return [
        sum(x >= observed - 1e-9 for x in largest) / len(largest)
        for observed in naive_from_best(values, best)
    ]


@pytest.mark.parametrize(("contestants", "blocks"), [(2, 3), (2, 7), (3, 3), (3, 4)])
def test_the_test_is_that_of_every_dealing(contestants: int, blocks: int) -> None:
    """Drawn dealings against all of them, 2 ** 7 or 6 ** 4: 4 standard errors of a share."""
    rng = np.random.default_rng(contestants + blocks)
    for _ in range(3):
        values = rng.random((contestants, blocks))
        best = int(values.mean(axis=1).argmax())
        found = best_of_many_test(values, best, np.random.SeedSequence(0), 4000)
        expected = naive_p(values.tolist(), best)
        assert found == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 4000))


def test_p_values_by_hand() -> None:
    # Two contestants over five blocks, all differences 1: 2 of the 32 dealings are as far out. One
    # block the other way round: |sum| 3 of root 5, reached by 5 + 5 + 2 of the 32.
    seed = np.random.SeedSequence(0)

    def p(*rows: list[float]) -> list[float]:
        return best_of_many_test(np.array(rows), 0, seed, 20_000).tolist()

    assert p([1.0] * 5, [0.0] * 5) == [1.0, pytest.approx(2 / 32, abs=0.007)]
    assert p([1.0, 1, 1, 1, 0], [0.0, 0, 0, 0, 1])[1] == pytest.approx(12 / 32, abs=0.014)
    assert p([0.5] * 5, [0.5] * 5) == [1.0, 1.0]
    assert p([0.0] * 5, [0.0] * 5) == [1.0, 1.0]
    # Three over two blocks, 2, 1, 0 in both: the best leads by as much in both, root 2, the
    # largest there is. Of the 6 orders of the second block against the first, this one and the two
    # cyclic ones (2, 1, 0 beside 1, 0, 2, or beside 0, 2, 1) leave the best of the dealing, with 3,
    # ahead of another by 1 in both; where two are swapped, the largest is 3 / root 5.
    assert p([2.0, 2], [1.0, 1], [0.0, 0])[1] == pytest.approx(3 / 6, abs=0.014)


def test_dealings_are_the_same_again_and_many_blocks_are_dealt() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3, 400)) + np.array([[3.0], [2.9], [0.0]])
    first = best_of_many_test(values, 0, np.random.SeedSequence(5))
    assert first.tolist() == best_of_many_test(values, 0, np.random.SeedSequence(5)).tolist()
    assert first[0] == 1.0
    assert first[1] > 0.05
    assert first[2] == 1 / 2001  # the observed alone


def test_a_best_picked_from_twenty_alike_is_seldom_called_better() -> None:
    """Twenty exchangeable contestants, eight studies: any claim in at most 5 % of comparisons.

    A test of the picked best alone, without the picking, claims in more than a fifth of them.
    """
    rng = np.random.default_rng(3)
    claims, tries = 0, 200
    for _ in range(tries):
        values = rng.normal(0, 0.1, (20, 8)) + rng.normal(0, 0.3, 8)
        best = int(values.mean(axis=1).argmax())
        p = best_of_many_test(values, best, np.random.SeedSequence(0), 199)
        claims += bool((p <= 0.05).any())
    assert claims <= 20  # 5 % of 200 are 10; more than 20 have a chance of 0.1 %


# ----------------------------------------------------------------------------- bounds of means


def test_bounds_of_zeros_and_ones_are_those_of_clopper_and_pearson() -> None:
    # No loss in 10 studies: 1 - 0.025 ** (1 / 10) = 0.3085. All ten: 0.025 ** (1 / 10) = 0.6915.
    # One of 10, from tables: 0.0025 to 0.4450.
    values = np.zeros((10, 3))
    values[:, 1] = 1.0
    values[0, 2] = 1.0
    seed, zero, one = np.random.SeedSequence(0), np.zeros(3), np.ones(3)
    low, high = mean_bounds(values, zero, one, 0.025, seed)
    assert low == pytest.approx([0.0, 0.6915, 0.0025], abs=0.005)
    assert high == pytest.approx([0.3085, 1.0, 0.4450], abs=0.01)
    # Twice the range: twice the bound. No end of the range: none of the interval.
    _, high = mean_bounds(values[:, :2], zero[:2], np.array([2.0, np.inf]), 0.025, seed)
    assert high == pytest.approx([0.617, np.inf], abs=0.02)


def test_bounds_hold_a_rare_large_loss() -> None:
    """Most studies lose nothing, one in ten 50 %: a mean of 5 % that ten studies often hide."""
    rng = np.random.default_rng(1)
    missed, tries = 0, 300
    for at in range(tries):
        losses = 0.5 * (rng.random((10, 1)) < 0.1)
        low, high = mean_bounds(losses, np.zeros(1), np.ones(1), 0.025, np.random.SeedSequence(at))
        missed += not low[0] <= 0.05 <= high[0]
    assert missed <= 0.05 * tries


def test_infinite_values_have_means_without_a_warning() -> None:
    values = [np.array([[0.0, np.inf], [0.0, 1.0], [-np.inf, np.inf]])]
    means = bootstrap_means(values, draws(np.random.SeedSequence(0), 1, 2, 50))
    assert set(means[:, 0]) == {0.0, np.inf}  # an infinite value that is not drawn adds nothing
    assert np.isfinite(means[:, 1]).all()
    assert np.isnan(means[:, 2]).any()  # of both infinities: unknown
    assert mean_of_all(values[0][0]) == np.inf
    assert math.isnan(mean_of_all(values[0][2]))


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


@pytest.mark.parametrize("orders", [1, 7, 100, 300])
def test_means_of_all_contestants_are_those_of_each(orders: int) -> None:
    """To the last bit: added up in the same order."""
    values = np.random.default_rng(orders).lognormal(0, 9, (150, 3, orders))
    values[4, 1, 0], values[5, 2, 0], values[6, 2, 0] = np.inf, np.inf, -np.inf
    expected = [mean_of_all(np.array([mean_of_all(v[r]) for v in values])) for r in range(3)]
    assert means_of_all(values).tobytes() == np.array(expected).tobytes()
