"""The last bit: where NumPy and a compiled loop part ways unless the loop is written out."""

from __future__ import annotations

import numpy as np
import pytest

import esim
from esim.simulator.kernels import curves as shapes
from esim.simulator.kernels.pairs import critical_values
from esim.study import Study
from tests.references.twins import signed_rank_p


def decisions_at_the_end(values: np.ndarray, own: float, direction: str, row: esim.Rule) -> float:
    """The threshold that a last trial of one value is held against: the others' values."""
    study = Study.from_arrays([[v] for v in [*values, own]], direction)
    decisions = esim.replay(study, row, "order").decisions
    return float(decisions.threshold.iloc[-1])


@pytest.mark.parametrize("percentile", [25.0, 66.7, 75.0])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_percentiles_are_numpys_in_every_bit(percentile: float, direction: str) -> None:
    # Negating for maximize would differ in 5 % of sets of four, numba's percentile in 3 to 19 %.
    rng = np.random.default_rng(1)
    row = esim.rule("optuna-percentile", min_completed=1, quantile=percentile / 100)
    q = percentile if direction == "minimize" else 100 - percentile
    for n in [4] * 40 + list(range(1, 30)):
        values = np.round(rng.random(n), 2) if n == 4 else rng.random(n)
        expected = float(np.nanpercentile(values, q))
        assert decisions_at_the_end(values, 0.5, direction, row) == expected


@pytest.mark.parametrize("rf", [4.0, 3.0, 1.5])
def test_rays_cutoff_is_negated_for_minimize_too(rf: float) -> None:
    rng = np.random.default_rng(2)
    row = esim.rule("ray-asha", reduction=rf)
    for direction, sign in (("minimize", -1.0), ("maximize", 1.0)):
        for n in range(1, 40):
            values = np.round(rng.random(n), 2)
            # One step each: whoever is worse than the cutoff is still recorded.
            expected = sign * float(np.nanpercentile(sign * values, (1 - 1 / rf) * 100))
            assert decisions_at_the_end(values, 0.5, direction, row) == expected


def test_medians_are_not_percentiles() -> None:
    rng = np.random.default_rng(3)
    row = esim.rule("ray-median", axis="step", warmup_steps=1, min_peers=1)
    for n in range(1, 40):
        values = rng.random(n)
        expected = float(np.median(values))
        assert decisions_at_the_end(values, 0.5, "minimize", row) == expected


def test_pairwise_means_are_numpys_in_every_bit() -> None:
    # A running sum differs in 34 to 90 % of means of 8 and more.
    rng = np.random.default_rng(4)
    for length in (1, 7, 8, 9, 127, 128, 129, 200, 260, 700):
        values = rng.random(length)
        for start in (0, 3):
            out, same, twice = np.empty((3, length))
            offsets, steps = np.array([0, length]), np.arange(length)
            work = np.empty(8), np.empty((64, 4))
            shapes.numpy_means(start, offsets, steps, values, *work, out, twice)
            shapes.numpy_means(start, offsets, steps, values, *work, same, np.empty(0))
            assert np.array_equal(same, out, equal_nan=True)
            for n in range(start + 1, length + 1, 1 if length < 300 else 37):
                window = values[start:n]
                assert out[n - 1] == np.mean(window)
                assert twice[n - 1] == np.mean(np.append(window, window[-1]))


def test_nni_adds_in_order() -> None:
    rng = np.random.default_rng(5)
    curve = rng.random(40)
    study = Study.from_arrays([curve, curve], "minimize")
    decisions = esim.replay(study, "nni-medianstop", "order").decisions
    expected = []
    total = 0.0
    for n, value in enumerate(curve, start=1):
        total += value
        expected.append(total / n)
    actual = decisions.threshold[decisions.trial == "1"].tolist()
    assert actual == expected[: len(actual)]


def test_critical_values_are_those_of_the_exact_distribution() -> None:
    out = np.empty(51)
    critical_values(0.1, np.empty(1276), out)
    # n = 4: W of 16 signs is 10, 9, 8 in one each, so P(W >= 10) = 1/16 < 0.1 <= P(W >= 9) = 2/16.
    assert out[:5].tolist() == [np.inf, np.inf, np.inf, np.inf, 10.0]
    for n in range(4, 14):
        d = np.arange(1.0, n + 1)
        for below in range(n):  # W from the most downwards
            signs = np.where(np.arange(n) < below, -1.0, 1.0)
            w = d[signs > 0].sum()
            assert (w >= out[n]) == (signed_rank_p((d * signs).tolist()) < 0.1)
