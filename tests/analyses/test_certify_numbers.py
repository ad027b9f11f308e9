"""The numbers behind certificates: p-values, sequences, bets; by hand, by twins, by simulation."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esim.analyses.certify.betting import wealth
from esim.analyses.certify.in_sequence import (
    Judged,
    certify_in_sequence,
    choosing_studies,
    on_average,
    safe_to_bold,
)
from esim.analyses.certify.p_values import (
    binomial_p,
    binomial_tail,
    hoeffding_bentkus_p,
    loss_free_on_average,
    loss_free_studies,
    losses_allowed,
    studies_allowing,
)
from tests.benchmarks.certificates import promise_kept, repeated
from tests.benchmarks.loss_families import FAMILIES, just_above
from tests.references import naive_certificate as naive

# ---------------------------------------------------------------------------- p-values, by hand


def test_binomial_tails_by_hand() -> None:
    # P(Bin(3, 1/4) <= 1) = (3/4)^3 + 3 (1/4) (3/4)^2 = 27/64 + 27/64
    assert binomial_tail(3, 1, 0.25) == pytest.approx(54 / 64, abs=1e-14)
    assert (binomial_tail(3, -1, 0.25), binomial_tail(3, 3, 0.25)) == (0.0, 1.0)
    # One study lost of 38, of 37: 0.9^n + n 0.1 0.9^(n - 1) = 0.0182 + 0.0770, 0.0203 + 0.0834
    assert binomial_p(1, 38, 0.1) == pytest.approx(0.0953, abs=5e-5)
    assert binomial_p(1, 37, 0.1) == pytest.approx(0.1036, abs=5e-5)


@pytest.mark.parametrize(
    ("risk", "confidence", "studies"),
    # 0.9^22 = 0.0985 <= 0.1 < 0.1094 = 0.9^21; 0.8^11 = 0.0859, 0.8^10 = 0.1074; 0.7^5 = 0.1681
    # <= 0.2 < 0.2401 = 0.7^4; 0.5^2 = 0.25 exactly; 0.1^1 = 0.1 exactly
    [(0.1, 0.9, 22), (0.2, 0.9, 11), (0.3, 0.8, 5), (0.5, 0.75, 2), (0.9, 0.9, 1)],
)
def test_so_many_studies_without_a_loss_are_needed(
    risk: float, confidence: float, studies: int
) -> None:
    assert loss_free_studies(risk, confidence) == studies
    for p in (binomial_p, hoeffding_bentkus_p):
        assert p(0.0, studies, risk) == pytest.approx((1 - risk) ** studies)
    assert (1 - risk) ** (studies - 1) > 1 - confidence


def test_on_average_fewer_are_needed() -> None:
    # 1 / (n + 1) <= risk: 1/10 <= 0.1, 1/5 <= 0.2, 1/4 <= 0.3 < 1/3
    assert [loss_free_on_average(risk) for risk in (0.1, 0.2, 0.3, 0.9)] == [9, 4, 3, 1]


def test_hoeffding_and_bentkus_by_hand() -> None:
    # n = 10, mean 1/4, risk 1/2: h = 1/4 log(1/2) + 3/4 log(3/2) = 0.13081, exp(-10 h) = 0.27033;
    # e P(Bin(10, 1/2) <= ceil(2.5)) = e (1 + 10 + 45 + 120) / 1024 = 0.46721
    assert hoeffding_bentkus_p(2.5, 10, 0.5) == pytest.approx(0.27033, abs=5e-6)
    # n = 10, mean 1/10: h = 1/10 log(1/5) + 9/10 log(9/5) = 0.36806, exp(-10 h) = 0.02521;
    # e (1 + 10) / 1024 = 0.02920: one loss of 1 counts no more than what rounds up to it
    assert hoeffding_bentkus_p(1.0, 10, 0.5) == pytest.approx(0.02521, abs=5e-6)
    # n = 4, mean 3/4 above the risk 1/2: h(1/2, 1/2) = 0, and e 15/16 > 1
    assert hoeffding_bentkus_p(3.0, 4, 0.5) == 1.0


def test_bentkus_is_the_less_far_out() -> None:
    # e P(Bin(100, 1/2) <= 20) = 1.516e-9; Hoeffding's is exp(-100 h(0.2, 0.5)) = 4.26e-9
    assert hoeffding_bentkus_p(20.0, 100, 0.5) == pytest.approx(1.516e-9, rel=1e-3)


# ------------------------------------------------------------------------- p-values, by a twin


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.integers(1, 99))
def test_p_values_are_those_of_the_naive_twin(losses: list[int], risk: int) -> None:
    told, r = [Fraction(loss, 20) for loss in losses], Fraction(risk, 100)
    total = float(np.array([float(x) for x in told]).sum())
    expected = naive.hoeffding_bentkus(told, r)
    assert hoeffding_bentkus_p(total, len(told), float(r)) == pytest.approx(expected, rel=1e-9)
    lost = sum(loss >= 10 for loss in losses)
    exact = float(naive.binomial_tail(len(losses), lost, r))
    assert binomial_p(lost, len(losses), float(r)) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("studies", [3, 7, 12])
@pytest.mark.parametrize("middle", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("risk", [0.1, 0.3, 0.6])
def test_a_p_value_is_small_as_rarely_as_it_says(studies: int, middle: float, risk: float) -> None:
    # Losses of 0, 1/2 and 1 with mean `risk`, `middle` of them 1/2 if that can be: all outcomes.
    half = middle * 2 * min(risk, 1 - risk)
    one = risk - half / 2
    chance: dict[float, float] = {}
    for ones in range(studies + 1):
        for halfs in range(studies - ones + 1):
            rest = studies - ones - halfs
            ways = math.factorial(studies) / (
                math.factorial(ones) * math.factorial(halfs) * math.factorial(rest)
            )
            p = hoeffding_bentkus_p(ones + halfs / 2, studies, risk)
            weight = ways * one**ones * half**halfs * (1 - one - half) ** rest
            chance[p] = chance.get(p, 0.0) + weight
            if not middle and not halfs:
                assert binomial_p(ones, studies, risk) <= p + 1e-12  # the exact one finds more
    for level in chance:
        assert sum(x for p, x in chance.items() if p <= level) <= level + 1e-9


# ------------------------------------------------------------------------------- the sequence


def judged(saved: list[float], lost: list[float], near: list[float]) -> Judged:
    return Judged(*(np.array([row]) for row in (saved, lost, near)))


def test_a_sequence_runs_from_the_safest_to_the_one_that_saves_most() -> None:
    #        a     b     c     d     e     f (saves nothing)
    saved = [0.30, 0.10, 0.50, 0.40, 0.20, 0.00]
    lost = [0.00, 0.00, 0.20, 0.30, 0.00, 0.00]
    near = [0.40, 0.10, 0.60, 0.90, 0.50, 0.00]
    # In the order of (lost, near): f, b, a, e, c, d. b saves more than nothing, a more than b;
    # e comes nearer to a loss than a and saves less; c saves more than a, d less than c.
    assert safe_to_bold(judged(saved, lost, near)) == [1, 0, 2]
    # Nothing tells which is safer: the one that saves less.
    assert safe_to_bold(judged([0.3, 0.1, 0.2], [0.0] * 3, [0.0] * 3)) == [1, 2, 0]


def test_without_studies_that_choose_the_order_is_the_given_one() -> None:
    none = np.empty((0, 3))
    assert safe_to_bold(Judged(none, none, none)) == [0, 1, 2]


def test_tests_end_with_the_first_that_fails() -> None:
    # 22 studies: no loss (p 0.0985), one (0.3392), none again: the third is never tested.
    lost = np.zeros((22, 3))
    lost[5, 1] = 1.0
    found = certify_in_sequence(lost, [0, 1, 2], 0.1, 0.9, whole=True)
    assert found.certified == 1
    assert found.p == pytest.approx((0.9**22, 0.9**22 + 22 * 0.1 * 0.9**21))
    assert certify_in_sequence(lost, [0, 2], 0.1, 0.9, whole=True).certified == 2
    assert certify_in_sequence(lost[:21], [0], 0.1, 0.9, whole=False).certified == 0
    assert certify_in_sequence(lost[:22], [2], 0.1, 0.9, whole=False).certified == 1


def test_conformal_risk_control_by_hand() -> None:
    # 9 studies: (0 + 1) / 10 <= 0.1. The second loses 0.5 of study 0, the third 0.5 of study 1:
    # made monotone, the third counts with both, (1 + 1) / 10.
    lost = np.zeros((9, 3))
    lost[0, 1] = lost[1, 2] = 0.5
    assert on_average(lost, [0, 1, 2], 0.1) == 1
    assert on_average(lost, [0, 1, 2], 0.15) == 2  # (0.5 + 1) / 10
    assert on_average(lost, [0, 2, 1], 0.19) == 2
    assert on_average(lost, [0, 1, 2], 0.2) == 3
    assert on_average(lost[:8], [0], 0.1) == 0  # 1 / 9


@pytest.mark.parametrize(
    ("studies", "averaged", "whole"),
    # Three quarters, but 22 where that is fewer; of 22 and fewer 9, which bound the risk on
    # average. Of 0 or 1 no more than half of them, or than allow as many lost: 38 of 60 allow one
    # as 45 do, 65 of 100 three as 75 do, and 30 of 40 none, as 22 do.
    [(100, 75, 65), (60, 45, 38), (40, 30, 22), (30, 23, 22), (23, 22, 22), (22, 17, 17),
     (10, 9, 9), (9, 7, 7), (2, 1, 1)],
)  # fmt: skip
def test_so_many_studies_test(studies: int, averaged: int, whole: int) -> None:
    for tests, kind in ((averaged, False), (whole, True)):
        design = choosing_studies(studies, 5, 0.1, 0.9, seed=3, whole=kind)
        assert studies - len(design) == tests
        assert design.tolist() == sorted(set(design.tolist()))
        again = choosing_studies(studies, 5, 0.1, 0.9, seed=3, whole=kind)
        assert again.tolist() == design.tolist()
    assert not len(choosing_studies(studies, 1, 0.1, 0.9, seed=3, whole=True))


@pytest.mark.parametrize("studies", [1, 5, 22, 60, 117])
def test_lost_studies_allowed_are_those_of_every_one_tried(studies: int) -> None:
    allowed = [k for k in range(studies + 1) if binomial_p(k, studies, 0.2) <= 0.1 + 1e-12]
    assert losses_allowed(studies, 0.2, 0.9) == len(allowed) - 1
    if allowed:
        enough = [n for n in range(1, studies + 1) if binomial_p(allowed[-1], n, 0.2) <= 0.1]
        fewest = studies_allowing(allowed[-1], 0.2, 0.9, range(1, studies + 1))
        assert fewest == next(n for n in enough if n > allowed[-1])


# -------------------------------------------------------------------------------------- bets


def test_wealth_by_hand() -> None:
    # Risk 1/2: a bet c of (0, 1) multiplies by 1 + c at a loss and 1 - c at none; the mean c is 1/2
    # and that of c^2 1/3 (of 50 middles 0.0000333 less). First study lost: half of the wealth is
    # bet, 1/2 * 3/2 + 1/2. Second too: 1/2 * (1 + 2/2 + 1/3) + 1/6 * 3/2 + 1/3.
    assert wealth(np.array([1.0, 1.0]), 0.5) == pytest.approx([1.25, 1.75], abs=2e-5)
    # None lost: 1/2 * 1/2 + 1/2; then 1/2 * (1 - 1 + 1/3) + 1/6 * 1/2 + 1/3.
    assert wealth(np.array([0.0, 0.0]), 0.5) == pytest.approx([0.75, 7 / 12], abs=2e-5)
    assert not len(wealth(np.empty(0), 0.5))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8), st.sampled_from([0.05, 0.1, 0.4]))
def test_wealth_is_that_of_the_naive_twin(losses: list[float], risk: float) -> None:
    actual = wealth(np.array(losses), risk)
    assert actual == pytest.approx(naive.wealth(losses, risk), rel=1e-9)


@pytest.mark.parametrize("risk", [0.1, 0.3])
def test_wealth_is_not_expected_to_grow_where_the_risk_is_as_asked(risk: float) -> None:
    studies, mean = 9, 0.0
    for losses in itertools.product((0.0, 1.0), repeat=studies):
        lost = sum(losses)
        chance = risk**lost * (1 - risk) ** (studies - lost)
        mean += chance * float(wealth(np.array(losses), risk)[-1])
    assert mean == pytest.approx(1.0, abs=1e-9)  # a martingale: exactly, over all 512 outcomes


def test_false_alarms_are_rare_and_a_risen_risk_is_found() -> None:
    rng, times, risk = np.random.default_rng(19), 300, 0.1
    alarms, delays = 0, []
    for _ in range(times):
        calm = (rng.random(100) < risk).astype(np.float64)
        alarms += bool((wealth(calm, risk) >= 10.0).any())
        risen = np.concatenate([calm[:20], (rng.random(100) < 0.5).astype(np.float64)])
        over = np.flatnonzero(wealth(risen, risk) >= 10.0)
        delays.append(int(over[0]) - 19 if len(over) else 1000)
    # At most 10 % of the 300, and three standard errors of 1.7 points.
    assert alarms / times <= 0.1 + 3 * math.sqrt(0.09 / times)
    assert np.median(delays) <= 15


# ---------------------------------------------------------------------------- the whole promise


@pytest.mark.parametrize("family", FAMILIES)
def test_the_promise_is_kept_as_often_as_it_says(family: str) -> None:
    # 150 repetitions: at most 20 %, and three standard errors of 3.3 points, may break it.
    found = repeated(FAMILIES[family], studies=60, times=150, risk=0.2, confidence=0.8)
    assert promise_kept(found)
    assert found.certified > 0.3  # and it is no empty promise
    assert found.mean_risk_on_average <= 0.2 + 3 * found.error_on_average


@pytest.mark.parametrize(("studies", "level"), [(30, 0.0985), (60, 0.0953)])
def test_where_nothing_may_be_certified_the_confidence_is_used_up(
    studies: int, level: float
) -> None:
    # 22 test without a loss, or 38 with one: by hand above. More would be too often, fewer no test.
    found = repeated(just_above(0.1, whole=True), studies, times=400, risk=0.1, confidence=0.9)
    assert promise_kept(found)
    assert found.broken == pytest.approx(level, abs=3 * math.sqrt(level / 400))
    assert found.broken_by_eye > 0.5
